#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# What the store promises, on a real file system with a real daemon:
#   - killed at any moment of a violation and started again, the violation is
#     there at most once, and for certain once anybody has seen it; the history
#     tells of each gap
#   - a second daemon on the same store says who holds it, and ends
#   - no space, read-only, damaged: the daemon goes on, says so once, and
#     recovers when it can
#
#: external cxlirq_msi
#: machine cxl
#: timeout 900

# shellcheck source=tests/vm/guest.sh
. /guest.sh

msi=/sys/kernel/debug/cxlirq_msi
state=/tmp/state
rounds=8
mount -t debugfs debugfs /sys/kernel/debug 2>/dev/null
insmod /lib/cxlirq/cxlirq_msi.ko || fail "module" "cxlirq_msi does not load"

# daemon_on DIRECTORY: starts one; $daemon, and what it says is in /tmp/log
daemon_on() {
	printf '[Store]\nDirectory=%s\nMaxSize=16M\n' "$1" >/tmp/store.conf
	cxlirqd -c /tmp/store.conf >/tmp/log 2>&1 &
	daemon=$!
	wait_for 240 answers || fail "cxlirqd answers" "$(cat /tmp/answers.err /tmp/log)"
}

daemon_off() {
	kill "$daemon"
	wait "$daemon" 2>/dev/null
}

# expect NAME REASON COMMAND...
expect() {
	_name=$1 _reason=$2
	shift 2
	if "$@"; then
		pass "$_name"
	else
		fail "$_name" "$_reason"
	fi
}

not() {
	! "$@"
}

# in_json WORD FILE: how many lines hold it
in_json() {
	grep -c -- "$1" "$2"
}

irq_of() {
	awk -v n="$1" '$2 == "plain" && $3 == n { print $1 }' "$msi/vectors"
}

store_state() {
	cxlirqctl status --json 2>/dev/null | tr -d ' \n' |
		sed -n 's/.*"store":{"state":"\([a-z]*\)".*/\1/p'
}

store_is() {
	[ "$(store_state)" = "$1" ]
}

# --- killed and started again -------------------------------------------------

echo 1 >"$msi/immutable"
echo N >"$msi/follow"
echo "add plain $rounds" >"$msi/control"
mkdir -p "$state"
seen=0
for round in $(seq 0 $((rounds - 1))); do
	daemon_on "$state"
	cxlirqctl events --follow --json >"/tmp/followed.$round" 2>/dev/null &
	follower=$!
	irq=$(irq_of "$round")
	# No descriptor holds a platform device's message: the first write tells what stands.
	echo "change $irq 0xfee00000 $((0x2000 + round))" >"$msi/control"
	sleep 2
	echo "change $irq 0xfee00000 $((0x1000 + round))" >"$msi/control" ||
		fail "round $round" "the message cannot be changed"
	if [ $((round % 4)) -eq 0 ]; then
		# killed as soon as somebody has seen it
		wait_for 60 grep -q '"type": *"violation"' "/tmp/followed.$round" ||
			fail "round $round" "nobody sees the violation"
	else
		# a message that no operation completes is judged after a second
		sleep "0.$((round * 37 % 100))"
		[ $((round % 2)) -eq 0 ] && sleep 0.9
	fi
	kill -9 "$daemon"
	wait "$daemon" "$follower" 2>/dev/null
done
daemon_on "$state"
cxlirqctl violations --all --json >/tmp/violations.json
cxlirqctl history --json >/tmp/history.json
for round in $(seq 0 $((rounds - 1))); do
	message=$(printf '"data": "0x%08x"' $((0x1000 + round)))
	found=$(in_json "$message" /tmp/violations.json)
	[ "$found" -le 1 ] || fail "kill -9, round $round" "the violation is there $found times"
	if grep -q '"type": *"violation"' "/tmp/followed.$round"; then
		seen=$((seen + 1))
		[ "$found" -eq 1 ] || fail "kill -9, round $round" "it was seen, and is lost"
	fi
done
! grep '"count": ' /tmp/violations.json | grep -qv '"count": 1,' ||
	fail "kill -9" "a violation was counted twice: $(grep '"count"' /tmp/violations.json)"
note "$seen of $rounds violations had been seen before the kill, $(in_json '"rule"' /tmp/violations.json) were kept"
expect "kill -9: none twice, none lost" "only $seen were seen in time" [ "$seen" -ge 2 ]
gaps=$(in_json '"reason":"daemon-not-running"' /tmp/history.json)
expect "each gap is in the history" "$gaps of $rounds: $(grep gap /tmp/history.json | head -n 3)" \
	[ "$gaps" -eq "$rounds" ]

# --- acknowledged, also across a restart; two daemons ------------------------------

id=$(sed -n 's/^ *"id": \([0-9]*\),/\1/p' /tmp/violations.json | head -n 1)
check "acknowledge" cxlirqctl ack "$id"
second=0
cxlirqd -c /tmp/store.conf -S /tmp/second.sock >/tmp/second.log 2>&1 || second=$?
if [ "$second" -eq 1 ] && grep -q "pid $daemon" /tmp/second.log; then
	pass "a second daemon is told who has the store"
else
	fail "a second daemon is told who has the store" "exit $second: $(cat /tmp/second.log)"
fi
check "the first one is unharmed" answers
daemon_off
daemon_on "$state"
cxlirqctl violations --json >/tmp/open.json
expect "acknowledged stays so" "violation $id is open again" not grep -q "\"id\": $id," /tmp/open.json
daemon_off

# --- faults --------------------------------------------------------------------------

# events N: so many changes of affinity that are told
events() {
	for i in $(seq "$1"); do
		echo "affinity plain 0 $((i % 2))" >"$msi/control"
	done
}

mkdir -p /tmp/small
mount -t tmpfs -o size=256k tmpfs /tmp/small
daemon_on /tmp/small
dd if=/dev/zero of=/tmp/small/ballast bs=1k count=256 2>/dev/null
events 400
expect "no space is told" "$(store_state): $(cat /tmp/log)" wait_for 40 store_is degraded
check "no space: the daemon goes on" answers
expect "no space is said once" "$(cat /tmp/log)" [ "$(in_json 'no space' /tmp/log)" -eq 1 ]
rm /tmp/small/ballast
mount -o remount,size=64m /tmp/small
events 4
expect "it recovers by itself" "$(store_state): $(cat /tmp/log)" wait_for 60 store_is ok
daemon_off

mount -o remount,ro /tmp/small
daemon_on /tmp/small
events 4
check "read-only: the daemon goes on" answers
expect "read-only is told" "$(store_state): $(cat /tmp/log)" wait_for 10 not store_is ok
daemon_off
umount /tmp/small

head -c 65536 /dev/urandom >"$state/history.db"
rm -f "$state"/history.db-*
daemon_on "$state"
set -- "$state"/history.db.corrupt-*
expect "a damaged file is moved aside" "$(ls "$state"): $(cat /tmp/log)" [ -s "$1" ]
expect "and a new one is begun" "$(store_state)" store_is ok
daemon_off
result /tmp/violations.json /tmp/history.json
