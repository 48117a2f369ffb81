#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# A kernel that lets nobody trace (lockdown=confidentiality): the daemon says
# why, serves what sysfs tells, and everything that is off is named.
#
#: modules cxl_acpi cxl_pci cxl_port cxl_mem nvme virtio_net
#: on arm64 modules nvme virtio_net
#: append lockdown=confidentiality

. /guest.sh

# exits STATUS COMMAND...: its output is in /tmp/out and /tmp/err
exits() {
	_want=$1
	shift
	"$@" >/tmp/out 2>/tmp/err
	_got=$?
	[ "$_got" -eq "$_want" ] || fail "$*" "exit status $_got, not $_want: $(cat /tmp/err)"
}

cxlirqd >/tmp/cxlirqd.log 2>&1 &
daemon=$!
answers() {
	cxlirqctl status >/dev/null 2>&1
	[ $? -eq 3 ]
}
check "cxlirqd answers" wait_for 240 answers
check "one line says why" test "$(grep -c 'BPF tracing is off' /tmp/cxlirqd.log)" -eq 1

exits 3 cxlirqctl status --json
check "mode" grep -q '"mode": "sysfs"' /tmp/out
check "health" grep -q '"health": "degraded"' /tmp/out
check "reason" grep -q 'BPF tracing is off: lockdown=confidentiality forbids tracing programs' /tmp/out

exits 3 cxlirqctl support --json
check "there are hooks" grep -q '"attached": false' /tmp/out
check "no hook is attached" sh -c '! grep -q "\"attached\": true" /tmp/out'
check "every hook says why" sh -c '! grep -q "\"reason\": null" /tmp/out'
exits 3 cxlirqd --support

exits 0 cxlirqctl domains --json
check "no domains" test "$(cat /tmp/out)" = "[]"
check "and why" grep -q 'BPF tracing is off' /tmp/err

# The inventory that is left: /proc and sysfs say the same.
exits 0 cxlirqctl vectors --json
cp /tmp/out /tmp/vectors
awk -F: '$1 ~ /^ *[0-9]+$/ { print $1 + 0 }' /proc/interrupts >/tmp/irqs
check "/proc/interrupts has some" test -s /tmp/irqs
while read -r irq; do
	grep -q "\"irq\": $irq,\$" /tmp/vectors || fail "irq $irq" "it is not among the vectors"
done </tmp/irqs
check "there are owners" grep -q '"relation"' /tmp/vectors
check "owners are unknown" sh -c '! grep "\"relation\"" /tmp/vectors | grep -qv unknown'
nvme=$(function_of nvme)
exits 0 cxlirqctl vectors --device "$nvme" -n -o IRQ
tr -d " " </tmp/out | grep . | sort -n -u >/tmp/said
(cd "/sys/bus/pci/devices/$nvme/msi_irqs" && printf '%s\n' *) | sort -n >/tmp/there
check "$nvme has interrupts" test -s /tmp/said
check "provider" cmp /tmp/said /tmp/there

kill "$daemon"
if wait "$daemon"; then
	pass "ends"
else
	fail "ends" "exit status $?: $(cat /tmp/cxlirqd.log)"
fi
