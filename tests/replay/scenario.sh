#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Records a trace of some unrest, and what the daemon that recorded it says at
# the end: tests/replay/record.sh stores both, and a replay of the trace must
# say the same on any machine.
#
#: modules cxl_acpi cxl_pci cxl_port cxl_mem nvme virtio_net
#: machine cxl
#: timeout 300

# shellcheck source=tests/vm/guest.sh
. /guest.sh

out=/tmp/replay

# function_of DRIVER: the first PCI function bound to it.
function_of() {
	for _f in /sys/bus/pci/drivers/"$1"/0000:*; do
		echo "${_f##*/}"
		return
	done
}

# irqs_of FUNCTION N: its first N vectors, if it has any.
irqs_of() {
	find "/sys/bus/pci/devices/$1/msi_irqs" -type f 2>/dev/null | sed 's,.*/,,' | sort -n |
		head -n "$2"
}

bound() {
	[ -e "/sys/bus/pci/drivers/$1/$2" ]
}

# rebind DRIVER FUNCTION
rebind() {
	echo "$2" >"/sys/bus/pci/drivers/$1/unbind" || fail "unbind $1 $2" "refused"
	echo "$2" >"/sys/bus/pci/drivers/$1/bind" || fail "bind $1 $2" "refused"
	wait_for 10 bound "$1" "$2" || fail "bind $1 $2" "not bound after 10 s"
}

answers() {
	cxlirqctl status --json >/dev/null 2>/tmp/answers.err || [ $? -eq 3 ]
}

nvme_is_there() {
	[ -e /dev/nvme0n1 ]
}

mkdir "$out"
wait_for 10 nvme_is_there || fail "nvme" "none"
cxlirqd --record "$out/trace" >"$out/log" 2>&1 &
daemon=$!
wait_for 60 answers || fail "cxlirqd answers" "$(cat /tmp/answers.err "$out/log")"

# Moves, of which some wait for an interrupt that comes, or does not.
nvme=$(function_of nvme)
for irq in $(irqs_of "$nvme" 2); do
	for cpu in 1 0 1; do
		echo "$cpu" 2>/dev/null >"/proc/irq/$irq/smp_affinity_list"
		dd if=/dev/nvme0n1 of=/dev/null bs=4k count=4 iflag=direct 2>/dev/null
	done
done
memory=$(function_of cxl_pci)
for irq in $(irqs_of "$memory" 3); do
	echo 1 2>/dev/null >"/proc/irq/$irq/smp_affinity_list"
done

rebind nvme "$nvme"
wait_for 10 nvme_is_there || fail "nvme" "not back"
rebind cxl_pci "$memory"
echo 0 >/sys/devices/system/cpu/cpu1/online || fail "CPU 1" "stays"
sleep 0.5
echo 1 >/sys/devices/system/cpu/cpu1/online || fail "CPU 1" "does not come back"

# The second answer ends with a walk: what is recorded after it is cut off.
sleep 3
cxlirqctl events --json >"$out/events.json" 2>>"$out/log" || fail "events" "$(cat "$out/log")"
cxlirqctl snapshot --json >"$out/snapshot.json" 2>>"$out/log" || fail "snapshot" "$(cat "$out/log")"
kill "$daemon"
wait "$daemon" || fail "cxlirqd" "ended with status $?: $(tail -n 3 "$out/log")"
check "trace" test -s "$out/trace"
check "answers sent" result "$out"
