#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# A hundred daemons killed at any time: while they load, take over, walk, work; and each time a
# message changes that somebody was told would not, with or without a daemon. In the end the history
# must have each change once, each violation must be there once, and nothing may be left of the dead.
# Each that answered has lost nothing, and the store is whole as the dead leave it.
# The host judges (tests/vm/killed.py):
#   run.sh bench scenarios/killed.sh -p build/cxlirqd -p build/cxlirqctl -- --results R
#   killed.py R/killed
# "seed=N" on the kernel's command line gives other times.
#
#: external cxlirq_msi
#: timeout 1500

# shellcheck source=tests/vm/guest.sh
. /guest.sh

pins=/sys/fs/bpf/cxlirqd
msi=/sys/kernel/debug/cxlirq_msi
out=/tmp/killed
rounds=100
seed=${seed:-20260101}
mkdir -p "$out" /tmp/state
mkdir -m 700 "$pins"

# random N: $number is from 0 to N-1
random() {
	seed=$(((seed * 1103515245 + 12345) & 0x7fffffff))
	number=$(((seed >> 8) % $1))
}

# While no daemon reads, the ring holds what comes.
printf '%s\n' "[Trace]" "RingSize=16M" "SnapshotIntervalSec=0" "[Export]" "Listen=127.0.0.1:9417" "[Rules]" \
	"MaxViolations=1024" "[Store]" "Directory=/tmp/state" >/tmp/killed.conf

start() {
	cxlirqd -c /tmp/killed.conf >>"$out/log" 2>&1 &
	daemon=$!
}

insmod /lib/cxlirq/cxlirq_msi.ko || fail "module" "cxlirq_msi does not load"
echo 1 >$msi/immutable
start
wait_for 240 answers || fail "cxlirqd answers" "$(cat /tmp/answers.err "$out/log")"
echo "add origin 4" >$msi/control
echo "add promised $rounds" >$msi/control
awk '$2 == "origin" { print $1 }' $msi/vectors >"$out/irqs"
awk '$2 == "promised" { print $1 }' $msi/vectors >/tmp/promised
known() {
	[ "$(cxlirqctl vectors --json | grep -c '"provider": "promised"')" -eq "$rounds" ]
}
check "it knows them" wait_for 60 known

# --- killed -------------------------------------------------------------------------------

# shellcheck disable=SC2046
mover killed 0 1000000 3000 7 "$out/log.killed" 0,1,0-1 $(sed 's|.*|/proc/irq/&/smp_affinity_list|' "$out/irqs") &
origin=$!
# kept: the daemon answers, and what it says of itself is kept (the first one follows no other)
kept() {
	cxlirqctl status --json >/tmp/status.json 2>/dev/null || [ $? -eq 3 ] || return 1
	case $round in
	1) cp /tmp/status.json "$out/first.json" ;;
	*) cp /tmp/status.json "$out/status.killed.$round" ;;
	esac
}
up=0
round=0
while read -r irq; do
	round=$((round + 1))
	# from some milliseconds to longer than a start takes; a fourth of them is not given that time on any host
	random 4
	random $((number ? 250 : 10))
	sleep "$(printf '%d.%02d' $((number / 100)) $((number % 100)))"
	random 2
	when=$number
	[ "$when" -eq 0 ] || echo "change $irq 0xfeed9000 $irq" >$msi/control
	! kept || up=$((up + 1))
	kill -9 "$daemon"
	wait "$daemon" 2>/dev/null
	[ "$when" -eq 1 ] || echo "change $irq 0xfeed9000 $irq" >$msi/control
	# the store as the dead one left it, with what is not in the file itself yet
	if [ $((round % 10)) -eq 0 ]; then
		mkdir -p "/tmp/copies/$round/killed"
		copy=/tmp/copies/$round/killed/round.$round.db
		cp /tmp/state/history.db "$copy" || fail "round $round" "there is no store"
		[ ! -e /tmp/state/history.db-wal ] || cp /tmp/state/history.db-wal "$copy-wal"
	fi
	start
done </tmp/promised
note "$up of $rounds answered when they were killed"
check "killed while starting, and while at work" test "$up" -ge 10 -a "$up" -le 90
kill "$origin"
wait "$origin"

# --- what is left --------------------------------------------------------------------------

wait_for 240 answers || fail "the last one answers" "$(tail -n 5 "$out/log")"
all() {
	cxlirqctl violations --all --json >"$out/violations.json"
	[ "$(grep -c '"rule":' "$out/violations.json")" -ge $rounds ]
}
check "all violations are known" wait_for 60 all
cxlirqctl status --json >"$out/status.json"
cxlirqctl vectors --json >"$out/vectors.json"
cp $msi/vectors "$out/vectors"
same "one set of programs is pinned" "$(find "$pins" -mindepth 1 -maxdepth 1 | wc -l)" 1
same "one socket" "$(find /run/cxlirqd -type s | wc -l)" 1
kill "$daemon"
wait "$daemon"
same "it ends well" $? 0
same "no socket is left" "$(find /run/cxlirqd -type s | wc -l)" 0
find /run/cxlirqd /tmp/state "$pins" >"$out/left"
cp /tmp/state/history.db "$out/main.db"
result "$out"
# one by one: memory is what they are in
for copy in /tmp/copies/*; do
	result "$copy/killed"
	rm -rf "$copy"
done
