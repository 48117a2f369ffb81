#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The client against a kernel at work: the rates of "top" add up to what /proc/interrupts counted,
# and "diff" tells what an unbound driver left behind, and nothing when it is back.
#
#: modules cxl_acpi cxl_pci cxl_port cxl_mem nvme
#: machine cxl

. /guest.sh

cxlirqd >/tmp/cxlirqd.log 2>&1 &
daemon=$!
check "cxlirqd answers" wait_for 240 answers
nvme=$(basename "$(readlink -f /sys/class/nvme/nvme0/device)")

# Of all its queues, as the kernel counts
counted() {
	awk '/nvme0q/ { for (i = 2; $i ~ /^[0-9]+$/; i++) sum += $i } END { print sum + 0 }' /proc/interrupts
}

# Interrupts that the lines of top tell of: the sum of rate times time
told() {
	sed -n 's/.*"elapsed_us":\([0-9]*\),.*"vectors":[0-9]*,"interrupts_per_second":\([0-9.e+]*\),.*/\1 \2/p' "$1" |
		awk '{ sum += $1 * $2 / 1000000 } END { printf "%.0f\n", sum }'
}

before=$(counted)
cxlirqctl top --json --device "$nvme" --interval 0.5 --times 6 >/tmp/top.json 2>/tmp/top.err &
top=$!
check "top has begun" wait_for 20 test -s /tmp/top.json
dd if=/dev/nvme0n1 of=/dev/null bs=4k count=500 iflag=direct 2>/dev/null
wait $top
check "top ends well" [ $? -eq 0 ]
check "top has no complaint" [ ! -s /tmp/top.err ]
check "the disk was at work" [ $(($(counted) - before)) -ge 400 ]
same "the rates add up to what was counted" "$(told /tmp/top.json)" $(($(counted) - before))
cxlirqctl top --batch --interval 0.2 --times 1 >/tmp/top.txt
check "as text" grep -q "^$nvme *$nvme *nvme *own " /tmp/top.txt

cxlirqctl snapshot --json >/tmp/before.json
cxlirqctl diff /tmp/before.json --json >/tmp/same.json 2>/tmp/same.err
same "nothing has changed" "$(grep -v irq-number /tmp/same.json)" "[]"
echo "$nvme" >/sys/bus/pci/drivers/nvme/unbind
cxlirqctl diff /tmp/before.json >/tmp/gone
check "a driver went" grep -q "^device  *changed *$nvme *driver *nvme  *-" /tmp/gone
check "its vectors went" grep -q "^vector  *removed *$nvme index 0 " /tmp/gone
check "their owner went" grep -q "^owner  *removed *$nvme index 0: $nvme .*nvme, own" /tmp/gone
same "nobody else's did" "$(grep '^owner' /tmp/gone | grep -vc "$nvme")" 0
echo "$nvme" >/sys/bus/pci/drivers/nvme/bind
check "nvme is back" wait_for 20 grep -q nvme0q1 /proc/interrupts
cxlirqctl diff -n -o KIND,FIELD /tmp/before.json >/tmp/back 2>/dev/null
same "and all is as it was, but for numbers" \
	"$(grep -Ev '^(irq-number|message|domain) |reason|asked' /tmp/back)" ""

kill "$daemon"
if wait "$daemon"; then
	pass "ends"
else
	fail "ends" "exit status $?: $(cat /tmp/cxlirqd.log)"
fi
result /tmp/top.json /tmp/top.txt /tmp/gone /tmp/back /tmp/cxlirqd.log
