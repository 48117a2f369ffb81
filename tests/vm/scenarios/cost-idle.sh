#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# What daemons do while nothing happens: how often each is woken, and for how long it runs, in IDLE
# seconds (600). The guest's clock counts instructions and does not wait for the host's
# (-icount sleep=off): ten minutes are over soon, and a nanosecond of a process is an instruction.
# The daemon runs as its unit runs it, with its store, its exporter and systemd's watchdog.
# Makes the result "idle": WHO WAKEUPS NANOSECONDS RSS_KIB ANONYMOUS_KIB.
#
#: modules cxl_acpi cxl_pci cxl_port cxl_mem nvme virtio_net
#: built process-cost ready
#: cpus 2
#: qemu -icount shift=0,sleep=off
#: timeout 1500

# shellcheck source=tests/vm/guest.sh
. /guest.sh

mkdir -p /var/lib/cxlirqd /var/lib/rasdaemon /run/irqbalance
printf '%s\n' "[Daemon]" "User=" "[Export]" "Report=" >/tmp/conf
WATCHDOG_USEC=120000000 ready cxlirqd -c /tmp/conf >/tmp/ready 2>/tmp/log.cxlirqd || fail "cxlirqd" "$(cat /tmp/log.cxlirqd)"
read -r _ daemon </tmp/ready
names=cxlirqd pids=$daemon

# peer NAME COMMAND...: one that is there after a while is measured
peer() {
	name=$1
	shift
	"$@" >"/tmp/log.$name" 2>&1 &
	pid=$!
	sleep 20
	if kill -0 "$pid" 2>/dev/null; then
		names="$names $name" pids="$pids $pid"
	else
		note "$name has ended: $(tail -n 2 "/tmp/log.$name")"
	fi
}

peer irqbalance irqbalance --foreground
peer rasdaemon rasdaemon --foreground --record
peer node_exporter prometheus-node-exporter --web.listen-address=127.0.0.1:9100
# all that is due soon after a start
sleep 60
# shellcheck disable=SC2086  # numbers
process-cost "${IDLE:-600}" $pids >/tmp/costs || fail "measured" "exit status $?"
for name in $names; do
	echo "$name"
done | paste -d ' ' - /tmp/costs | cut -d ' ' -f 1,3- >/tmp/idle
while read -r line; do
	note "$line"
done </tmp/idle
check "cxlirqd was measured" grep -q '^cxlirqd ' /tmp/idle
cxlirqctl status >/tmp/status 2>&1
result /tmp/idle /tmp/log.* /tmp/status
