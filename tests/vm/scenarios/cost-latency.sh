#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# From a message that changes to the journal's entry about it: with nothing else going on, and while
# affinities of other interrupts change 10,000 times a second; and of a message that is written by
# itself, which is judged when nothing has followed it for a second. Makes the result "latency": lines
# WHAT P50 P99 MOST RATE, nanoseconds of the guest's clock, and changes a second.
#
#: external cxlirq_msi
#: modules virtio_net
#: built violation-latency ready
#: cpus 2
#: timeout 900

# shellcheck source=tests/vm/guest.sh
. /guest.sh

fixture=/sys/kernel/debug/cxlirq_msi

insmod /lib/cxlirq/cxlirq_msi.ko
echo 1 >$fixture/immutable
mkdir -p /var/lib/cxlirqd
printf '%s\n' "[Daemon]" "User=" "[Trace]" "PinDirectory=" "[Export]" "Report=" >/tmp/conf
ready cxlirqd -c /tmp/conf >/tmp/ready 2>/tmp/log.cxlirqd || fail "cxlirqd" "$(cat /tmp/log.cxlirqd)"
read -r _ daemon </tmp/ready
# Messages of platform MSI are known from their first write on.
echo "add judged 1000" >$fixture/control
virtio=$(basename "$(readlink -f /sys/bus/virtio/drivers/virtio_net/virtio*/..)")
busy=$(ls "/sys/bus/pci/devices/$virtio/msi_irqs")

# measure NAME WAY FIRST COUNT RATE
measure() {
	# shellcheck disable=SC2086  # numbers
	if line=$(violation-latency "$2" judged "$3" "$4" "$5" $busy 2>/tmp/error); then
		pass "measured: $1"
		note "$1: $line"
		echo "$1 $line" >>/tmp/latency
	else
		fail "measured: $1" "$(cat /tmp/error)"
	fi
}

echo N >$fixture/follow
measure alone message 0 20 0
echo Y >$fixture/follow
measure idle affinity 20 300 0
# What a machine does that emulates as fast as it can is not to be known: RATE=0 leaves it out.
[ "${RATE:-10000}" -eq 0 ] || measure busy affinity 400 100 "${RATE:-10000}"
cxlirqctl status --json >/tmp/status 2>&1
check "no record was lost" grep -q '"lost": \[\]' /tmp/status
note "not told: $(cxlirqctl metrics | grep '^cxlirq_events_untold_total')"
kill "$daemon"
result /tmp/latency /tmp/log.cxlirqd /tmp/status
