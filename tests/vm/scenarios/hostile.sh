#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Clients that mean no good (tests/vm/hostile.c), while affinities change: memory stays bounded, no
# record is lost, each change is told once, root is answered, and how long an event takes to one that
# behaves is measured before and meanwhile. The attack lasts until each kind of client has done what
# it is there for, and changes go on until then: what is measured does not depend on how fast the
# host is. The host judges (tests/vm/hostile.py):
#   run.sh bench scenarios/hostile.sh -p build/cxlirqd -p build/cxlirqctl -- --results R
#   hostile.py R/hostile
#
#: external cxlirq_msi
#: built hostile
#: timeout 1800

# shellcheck source=tests/vm/guest.sh
. /guest.sh

msi=/sys/kernel/debug/cxlirq_msi
socket=/run/cxlirqd/io.cxlirqd
out=/tmp/hostile
# so many events that readers who do not read hold more of them than may wait for all
past=12000
mkdir -p "$out" /tmp/state

printf '%s\n' "[Trace]" "SnapshotIntervalSec=0" "PinDirectory=" "[Export]" "Listen=127.0.0.1:9417" "[Store]" \
	"Directory=/tmp/state" >/tmp/hostile.conf
cxlirqd -c /tmp/hostile.conf >"$out/log" 2>&1 &
daemon=$!
wait_for 240 answers || fail "cxlirqd answers" "$(cat /tmp/answers.err "$out/log")"
insmod /lib/cxlirq/cxlirq_msi.ko || fail "module" "cxlirq_msi does not load"
echo "add origin 8" >$msi/control
awk '$2 == "origin" { print $1 }' $msi/vectors >"$out/irqs"
files=$(sed 's|.*|/proc/irq/&/smp_affinity_list|' "$out/irqs")

memory() {
	awk '/^VmRSS|^VmHWM/ { print $1, $2 }' "/proc/$daemon/status"
}

descriptors() {
	find "/proc/$daemon/fd" -type l | wc -l
}

# move NAME COUNT PAUSE_US
move() {
	# shellcheck disable=SC2086
	exec mover "$1" 0 "$2" "$3" 7 "$out/log.$1" 0,1,0-1 $files
}

# something happened, and they know it
knows() {
	(move hello 40 0)
	[ -e "$out/latency.$1" ]
}

# watched: how long it took until each change was known
watched() {
	hostile watch $socket "$out/latency.$1" &
	watch=$!
	check "$1: somebody watches" wait_for 60 knows "$1"
}

# all that happened is known, told, and written down
settled() {
	cxlirqctl status --json >/tmp/status.1
	sleep 1
	cxlirqctl status --json >/tmp/status.2
	[ "$(grep '"records"' /tmp/status.1)" = "$(grep '"records"' /tmp/status.2)" ]
}

unwatched() {
	check "$1: it comes to rest" wait_for 300 settled
	kill $watch
	wait $watch || fail "$1: one that behaves" "it was sent away"
}

(move past $past 0)
check "there is a past" wait_for 300 settled
watched calm
(move calm 500 20000)
unwatched calm

memory >"$out/memory.calm"
fds=$(descriptors)
watched attacked
move attacked 1000000 20000 &
origin=$!
(
	hostile attack $socket 9417 "$out/attacks" &
	echo $! >/tmp/attack
	wait $!
	echo $? >/tmp/attack.status
) &
attack=$!
# one that comes when others wait for all that was, and is told it, too: those who do not are 42 at most (16
# of hold, 16 of half, 4 of garbage, 4 of deep, and two that behave)
crowded() {
	[ "$(cxlirqctl status --json | tr -d ' \n' | sed 's/.*"clients":{"connected":\([0-9]*\).*/\1/')" -ge 46 ]
}
check "late: it is crowded" wait_for 120 crowded
hostile watch $socket "$out/latency.late" &
late=$!
until [ -e /tmp/over ]; do
	answers || cat /tmp/answers.err
	memory >"$out/memory.attacked"
	sleep 1
done >"$out/unanswered" &
asking=$!
wait_for 1200 test -e /tmp/attack.status || kill "$(cat /tmp/attack)"
wait $attack
same "the attack did all that it should" "$(cat /tmp/attack.status)" 0
touch /tmp/over
wait $asking
check "root is answered meanwhile" test ! -s "$out/unanswered"
kill $origin
wait $origin
unwatched attacked
check "late: somebody watches" test -s "$out/latency.late"
kill $late
wait $late || fail "late: one that behaves" "it was sent away"

gone() {
	[ "$(descriptors)" -le "$fds" ]
}
check "all descriptors come back" wait_for 30 gone
memory >"$out/memory.after"
cxlirqctl status --json >"$out/status.json"
check "it lives" kill -0 $daemon
kill $daemon
wait $daemon
same "it ends well" $? 0
cp /tmp/state/history.db "$out/main.db"
result "$out"
