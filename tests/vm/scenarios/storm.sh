#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# A storm: a device with 4,096 vectors comes and goes, handlers and affinities
# with it, faster than the daemon can read of it; then while it does not read at
# all. Meanwhile messages change that somebody was told would not.
# Afterwards nothing that was sent may be missing, all that was not must have been
# counted, the model must be what the kernel has, and each violation be known.
# Witnesses: the programs' own counters by bpftool, the fixture's list of vectors
# and messages, /proc. The host judges (tests/vm/storm.py):
#   run.sh bench scenarios/storm.sh -p build/cxlirqd -p build/cxlirqctl -- --results R
#   storm.py R/storm
#
#: external cxlirq_msi
#: programs bpftool
#: timeout 900

# shellcheck source=tests/vm/guest.sh
. /guest.sh

pins=/sys/fs/bpf/cxlirqd
msi=/sys/kernel/debug/cxlirq_msi
out=/tmp/storm
promised=16
mkdir -p "$out" /tmp/state
mkdir -m 700 "$pins"

printf '%s\n' "[Trace]" "RingSize=1M" "SnapshotIntervalSec=0" "[Export]" "Listen=" "[Store]" \
	"Directory=/tmp/state" >/tmp/storm.conf
cxlirqd -c /tmp/storm.conf >"$out/log" 2>&1 &
daemon=$!
wait_for 240 answers || fail "cxlirqd answers" "$(cat /tmp/answers.err "$out/log")"
# Messages of platform MSI are known from their first write on: the devices come after the daemon.
insmod /lib/cxlirq/cxlirq_msi.ko || fail "module" "cxlirq_msi does not load"
echo 1 >$msi/immutable
# What stays: some that are moved, some whose messages were promised.
echo "add standing 64" >$msi/control
for i in $(seq $promised); do
	echo "add promised$i 1" >$msi/control
done
known() {
	cxlirqctl vectors --json >/tmp/vectors.json && [ "$(grep -c '"promised' /tmp/vectors.json)" -ge $((3 * promised)) ]
}
check "it knows them" wait_for 60 known

# what the programs say themselves
counted() {
	bpftool -j map dump pinned "$pins"/set_*/map_bss
}

# --- the storm ------------------------------------------------------------------------

# once, with all 4,096
churn() {
	echo "churn 4096 1" >$msi/control || fail "churn" "refused"
}

# changed FIRST LAST: messages of these
changed() {
	for _i in $(seq "$1" "$2"); do
		_irq=$(awk -v name="promised$_i" '$2 == name { print $1 }' $msi/vectors)
		echo "change $_irq $((0xfeed7000 + _i)) $((0x700 + _i))" >$msi/control ||
			fail "change of promised$_i" "refused"
		echo "$_irq promised$_i $((0xfeed7000 + _i)) $((0x700 + _i))" >>"$out/changed"
	done
}

lost() {
	cxlirqctl status --json 2>/dev/null | grep -q '"reason": "ring-full"'
}

files=$(awk '$2 == "standing" { print "/proc/irq/" $1 "/smp_affinity_list" }' $msi/vectors)
# shellcheck disable=SC2086
mover storm 0 100000 200 11 /tmp/log.storm 0,1 $files &
mover=$!
# The fixture does one thing at a time, in no order: each change waits for its turn.
while [ ! -e /tmp/over ]; do
	churn
done &
storm=$!
changed 1 $((promised / 2))
touch /tmp/over
wait $storm
# When it does not read at all, the ring is full for certain.
kill -STOP $daemon
churn
churn
changed $((promised / 2 + 1)) $promised
kill $mover
wait $mover
kill -CONT $daemon
check "the ring ran over" wait_for 120 lost

# --- and after it --------------------------------------------------------------------

# Nothing is on its way any more: what was sent has been received, and a walk has seen what was lost.
settled() {
	cxlirqctl status --json >/tmp/status.1 2>/dev/null
	sleep 2
	cxlirqctl status --json >/tmp/status.2 2>/dev/null
	[ -s /tmp/status.1 ] && ! grep -q "no walk has put that right yet" /tmp/status.2 &&
		[ "$(grep '"records"' /tmp/status.1)" = "$(grep '"records"' /tmp/status.2)" ]
}
check "it comes to rest" wait_for 240 settled
# This answer stands on a walk of its own, whose records count as others do.
cxlirqctl metrics >"$out/metrics"
counted >"$out/counted"
cp $msi/vectors "$out/witness.vectors"
cat /proc/interrupts >"$out/witness.interrupts"
for irq in /proc/irq/[0-9]*; do
	echo "${irq##*/} $(cat "$irq/smp_affinity_list") $(cat "$irq/effective_affinity_list")"
done >"$out/witness.affinity" 2>/dev/null
cxlirqctl vectors --json >"$out/vectors.json"
cxlirqctl status --json >"$out/status.json"
cxlirqctl violations --all --json >"$out/violations.json"
cxlirqctl events --json >"$out/events.json" 2>/dev/null
check "it lives" kill -0 $daemon
grep VmHWM /proc/$daemon/status >"$out/memory"
kill $daemon
wait $daemon
same "it ends well" $? 0
cp /tmp/state/history.db "$out/" || fail "history" "there is none"
result "$out"
