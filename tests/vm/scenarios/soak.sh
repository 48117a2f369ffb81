#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Well-behaved hardware under unrest gives no violation, for a false one is a
# defect: 10,000 affinity changes, 500 times a driver unbound and bound, 97 times
# a PCI function removed and found again, 100 times a CPU off and on, all at the
# same time; then three hot plugs.
#
#: modules cxl_acpi cxl_pci cxl_port cxl_mem nvme virtio_net
#: machine cxl
#: timeout 900

# shellcheck source=tests/vm/guest.sh
. /guest.sh

pci=/sys/bus/pci/devices

# rebind TIMES BUS DRIVER DEVICE
rebind() {
	for _ in $(seq "$1"); do
		echo "$4" >"/sys/bus/$2/drivers/$3/unbind" || fail "unbind $3 $4" "refused"
		echo "$4" >"/sys/bus/$2/drivers/$3/bind" || fail "bind $3 $4" "refused"
		wait_for 10 bound "$2" "$3" "$4" || fail "bind $3 $4" "not bound after 10 s"
	done
}

# replug TIMES DRIVER FUNCTION: the function leaves its bus, and is found there again
replug() {
	for _ in $(seq "$1"); do
		echo 1 >"$pci/$3/remove" || fail "remove $3" "refused"
		echo 1 >/sys/bus/pci/rescan
		wait_for 10 bound pci "$2" "$3" || fail "rescan $3" "not bound after 10 s"
	done
}

wait_for 10 nvmes_are 1 || fail "nvme" "none"
eth=$(ls "$pci"/*/virtio*/net)
ip addr add 10.0.2.15/24 dev "$eth"
ip link set "$eth" up
cxlirqd >/tmp/cxlirqd.log 2>&1 &
daemon=$!
wait_for 240 answers || fail "cxlirqd answers" "$(cat /tmp/answers.err /tmp/cxlirqd.log)"

# Affinity writes go to interrupts whose devices stay: ports, the second memory device, the
# machine's own channel.
memories=$(for f in /sys/bus/pci/drivers/cxl_pci/0000:*; do echo "${f##*/}"; done)
first=$(echo "$memories" | head -n 1)
second=$(echo "$memories" | tail -n 1)
port=$(empty_port)
files=$(for device in "$pci"/*; do
	name=${device##*/}
	case $(basename "$(readlink -f "$device/driver")") in
	pcieport) [ "$name" != "$port" ] || continue ;;
	cxl_pci) [ "$name" = "$second" ] || continue ;;
	virtio-pci) [ ! -e "$(echo "$device"/virtio*/net)" ] || continue ;;
	*) continue ;;
	esac
	for irq in "$device"/msi_irqs/*; do
		[ -e "/proc/irq/${irq##*/}/smp_affinity_list" ] &&
			echo "/proc/irq/${irq##*/}/smp_affinity_list"
	done
done)
# shellcheck disable=SC2086
mover affinity 0 10000 500 7 /tmp/log.affinity 0,1,0-1 $files &
jobs=$!
mover cpu 0 300 150000 9 /tmp/log.cpu 0,1 /sys/devices/system/cpu/cpu1/online &
jobs="$jobs $!"
(
	nvme=$(function_of nvme)
	rebind 125 pci nvme "$nvme"
	replug 97 nvme "$nvme"
	rebind 125 pci pcieport "$port"
) &
jobs="$jobs $!"
(
	rebind 125 pci cxl_pci "$first"
	rebind 125 virtio virtio_net "$(basename "$(readlink -f "/sys/class/net/$eth/device")")"
) &
jobs="$jobs $!"
# shellcheck disable=SC2086
wait $jobs
echo 1 >/sys/devices/system/cpu/cpu1/online 2>/dev/null
taken=$(awk '$NF == 0' /tmp/log.affinity | wc -l)
note "$taken of 10000 affinity writes were taken, $(awk '$NF == 0' /tmp/log.cpu | wc -l) CPU states"
[ "$taken" -ge 5000 ] || fail "affinity writes" "only $taken of 10000 were taken"
# QEMU gives a slot back some time after the guest has.
plug() {
	qmp '{"execute": "device_add", "arguments": {"driver": "nvme", "id": "'"$1"'",
		"bus": "hotplug0", "drive": "spare0", "serial": "plugged"}}' >/dev/null 2>&1
}
for id in plugged1 plugged2 plugged3; do
	wait_for 10 plug "$id" || fail "hot plug" "QEMU does not take it"
	wait_for 30 nvmes_are 2 || fail "hot plug" "no second nvme"
	qmp '{"execute": "device_del", "arguments": {"id": "'"$id"'"}}' >/dev/null
	wait_for 30 nvmes_are 1 || fail "hot unplug" "the second nvme stays"
done
# Longer than any rule waits before it judges.
sleep 12
cxlirqctl violations --all --json >/tmp/violations.json 2>/tmp/violations.err
if [ "$(cat /tmp/violations.json)" = "[]" ]; then
	pass "no violation"
else
	fail "no violation" "$(cat /tmp/violations.json)"
fi
cxlirqctl status --json >/tmp/status.json
cxlirqctl events --json >/tmp/events.json 2>/dev/null
# Either may happen to a busy machine; both are told.
note "corrections: $(grep -A 12 '"corrections"' /tmp/status.json | tr -d '\n')"
note "lost: $(grep -A 6 '"lost"' /tmp/status.json | tr -d '\n')"
check "cxlirqd is still there" kill -0 "$daemon"
result /tmp/violations.json /tmp/status.json /tmp/events.json /tmp/cxlirqd.log
