#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Four kinds of origin change affinities and messages at the same time, each
# on interrupts of its own, and each keeps a log:
#   shell    a person: echo to smp_affinity_list of virtio's vectors, whose moves
#            wait for the next interrupt
#   daemon   a program, as another user
#   driver   the kernel itself: irq_set_affinity() and hints
#   hotplug  a CPU goes and comes, and moves the interrupts of all others
# The host compares the logs with what cxlirqd says who did it:
#   run.sh bench scenarios/causes.sh -p build/cxlirqd -p build/cxlirqctl -- --results R
#   causes.py R/evidence
#
#: external cxlirq_msi
#: modules virtio_net
#: machine cxl
#: timeout 900

# shellcheck source=tests/vm/guest.sh
. /guest.sh

evidence=/tmp/evidence
msi=/sys/kernel/debug/cxlirq_msi
mkdir -p "$evidence"
mount -t debugfs debugfs /sys/kernel/debug 2>/dev/null

# irqs_of NAME
irqs_of() {
	awk -v device="$1" '$2 == device { print $1 }' "$msi/vectors"
}

# affinity_files IRQ...
affinity_files() {
	for _irq in "$@"; do
		echo "/proc/irq/$_irq/smp_affinity_list"
	done
}

insmod /lib/cxlirq/cxlirq_msi.ko || fail "module" "cxlirq_msi does not load"
eth=$(ls /sys/bus/pci/devices/*/virtio*/net)
ip addr add 10.0.2.15/24 dev "$eth"
ip link set "$eth" up
virtio=$(basename "$(readlink -f "/sys/class/net/$eth/device/..")")
cxlirqd --record "$evidence/trace" >"$evidence/cxlirqd.log" 2>&1 &
wait_for 240 answers || fail "cxlirqd answers" "$(cat /tmp/answers.err "$evidence/cxlirqd.log")"

echo 0 >"$msi/immutable"
echo Y >"$msi/follow"
echo "add daemon 8" >"$msi/control"
echo "add driver 8" >"$msi/control"
irqs_of daemon >"$evidence/irqs.daemon"
irqs_of driver >"$evidence/irqs.driver"
ls "/sys/bus/pci/devices/$virtio/msi_irqs" >"$evidence/irqs.shell"
for origin in daemon driver shell; do
	[ -s "$evidence/irqs.$origin" ] || fail "interrupts" "$origin has none"
done

# Interrupts on virtio's vectors, so that what waits there lands.
ping -A 10.0.2.2 >/dev/null 2>&1 &
load=$!

values=$(for i in 0 1 2 3 4 5 6 7; do for cpu in 0 1; do
	printf 'affinity_driver_%s_%s,hint_driver_%s_%s,' "$i" "$cpu" "$i" "$cpu"
done; done)
# shellcheck disable=SC2046,SC2013
mover daemon 1000 700 10000 1 "$evidence/log.daemon" 0,1,0-1 \
	$(affinity_files $(cat "$evidence/irqs.daemon")) &
jobs=$!
echo "$!" >"$evidence/pid.daemon"
mover driver 0 600 10000 2 "$evidence/log.driver" "$values" "$msi/control" &
jobs="$jobs $!"
echo "$!" >"$evidence/pid.driver"
mover hotplug 0 40 200000 3 "$evidence/log.hotplug" 0,1 /sys/devices/system/cpu/cpu1/online &
jobs="$jobs $!"
(
	i=0
	while [ "$i" -lt 900 ]; do
		while read -r irq; do
			i=$((i + 1))
			value=$((i * 7 / 3 % 2))
			echo "$value" 2>/dev/null >"/proc/irq/$irq/smp_affinity_list" &&
				echo "$irq $value" >>"$evidence/log.shell"
		done <"$evidence/irqs.shell"
	done
) &
jobs="$jobs $!"
echo "$!" >"$evidence/pid.shell"
# shellcheck disable=SC2086
wait $jobs
echo 1 >/sys/devices/system/cpu/cpu1/online 2>/dev/null
sleep 2 # what still waits lands
kill "$load"
cxlirqctl events --json >"$evidence/events.json" 2>"$evidence/events.err"
cxlirqctl status --json >"$evidence/status.json"
pass "the origins have ended"
result "$evidence"
