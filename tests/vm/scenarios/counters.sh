#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# What cxlirqd counts on CXL PMUs, against two others who count the same: the
# fixture itself, which knows what it added to each of its counters, and perf,
# in the same window.  The kernel's own driver is between them and the fixture.
#   run.sh bench scenarios/counters.sh -p build/cxlirqd -p build/cxlirqctl -- --results R
#   counters.py R
#
# In each step ("mark"), the fixture is read, then the daemon, then the fixture
# again: while nothing moves all are the same, and then so must the daemon's be.
#
#: modules cxl_acpi cxl_pci cxl_port cxl_mem
#: external cxlirq_cpmu
#: programs perf prlimit
#: machine cxl
#: timeout 900

# shellcheck source=tests/vm/guest.sh
. /guest.sh

out=/tmp/counters
cpmu=/sys/kernel/debug/cxlirq_cpmu
core=/sys/kernel/debug/irq
perf_pmus=/sys/bus/event_source/devices
mkdir -p "$out"
mount -t debugfs debugfs /sys/kernel/debug 2>/dev/null
echo 'nobody:x:65534:65534::/:/bin/sh' >>/etc/passwd

# The machine's (tests/vm/machine.py)
mem0=0000:0f:00.0 mem1=0000:10:00.0

control() {
	echo "$*" >"$cpmu/control"
}

# --- evidence --------------------------------------------------------------------

# mark NAME
mark() {
	cat "$cpmu/counters" >"$out/$1.before"
	cxlirqctl counters --json >"$out/$1.json" 2>"$out/$1.err" ||
		fail "$1" "cxlirqctl counters: $(cat "$out/$1.err")"
	cat "$cpmu/counters" >"$out/$1.after"
	echo "mark $1" >>"$out/marks"
}

# counting NAME EVENTS COMMAND...: perf counts meanwhile
counting() {
	_counting=$1 _events=$2
	shift 2
	perf stat --no-scale -x, -a -o "$out/$_counting.perf" -e "$_events" -- "$@" ||
		fail "$_counting" "perf stat exited with status $?"
	echo "perf $_counting" >>"$out/marks"
}

# fixture NAME
fixture() {
	cat "$cpmu/counters" >"$out/$1.fixture"
}

# pmu_is NAME
pmu_is() {
	[ -e "$perf_pmus/$1" ]
}

# --- the fixture, and perf alone -----------------------------------------------------

check "cxlirq_cpmu loads" insmod /lib/cxlirq/cxlirq_cpmu.ko
for device in "$mem0" "$mem1"; do
	echo "$device" >/sys/bus/pci/drivers/cxl_pci/unbind
done
# One after the other, so that their numbers are known
for device in "$mem0" "$mem1"; do
	echo "$device" >/sys/bus/pci/drivers/cxl_pci/bind
	wait_for 10 bound pci cxl_pci "$device" || fail "bind" "$device"
done

# Two on each: one that is on CPU 1, and one that is not; one that wraps soon, and one that stops all
# its counters then, as the specification has it
check "PMUs: made" control add "$mem0" 6 counters=4 filters=1 cpu=1
control add "$mem0" 1 counters=4
control add "$mem1" 6 counters=4 width=16 freeze=0
control add "$mem1" 1 counters=4 width=16
for pmu in cxl_pmu_mem0.0 cxl_pmu_mem0.1 cxl_pmu_mem1.0 cxl_pmu_mem1.1; do
	check "PMUs: $pmu" wait_for 5 pmu_is $pmu
done
check "PMUs: on CPU 1" test "$(cat $perf_pmus/cxl_pmu_mem0.0/cpumask)" = 1
check "PMUs: on CPU 0" test "$(cat $perf_pmus/cxl_pmu_mem0.1/cpumask)" = 0

fixture alone.0
counting alone "cxl_pmu_mem0.0/clock_ticks/,cxl_pmu_mem0.0/m2s_req_memrd/,cxl_pmu_mem0.1/vid=0x1e98,gid=0x20,mask=0x2/,cxl_pmu_mem1.1/m2s_req_memrd/" \
	sh -c "echo 'move all 100' >$cpmu/control"
fixture alone.1
note "perf: $(perf --version)"

# --- standing counters -----------------------------------------------------------------

printf '[Counters]\nEvents=clock_ticks m2s_req_memrd\nMax=20\n' >/tmp/cxlirqd.conf
cxlirqd -c /tmp/cxlirqd.conf >"$out/cxlirqd.log" 2>&1 &
daemon=$!
check "cxlirqd answers" wait_for 240 answers
mark begin
control move all 100
mark moved
control move all 7
control move cxl_pmu_mem0.0 5
mark moved-again

# The same event by perf and by the daemon, each on a counter of its own; the clock's only one is
# shared out between the two.
counting both "cxl_pmu_mem0.1/m2s_req_memrd/,cxl_pmu_mem1.0/m2s_req_memrd/" \
	sh -c "echo 'move all 100' >$cpmu/control"
mark both
control run all 10
counting clock "cxl_pmu_mem0.0/clock_ticks/,cxl_pmu_mem0.1/clock_ticks/" sleep 1.5
control run all 0
mark clock

# More of them than counters: five for three
event=cxl_pmu_mem0.1/m2s_req_memrd/
control run all 10
counting crowded $event,$event,$event,$event sleep 1.5
control run all 0
mark crowded

# While it runs, the daemon's are between what was before and what is after.
control run all 10
for n in 1 2 3 4 5; do
	mark running-$n
	sleep 0.2
done
control run all 0
mark ran

# --- one client's ----------------------------------------------------------------------

# counted NAME OPTION...: the daemon counts for a client; until "stop"
counted() {
	counted=$1
	shift
	cxlirqctl counters stat --json "$@" >"$out/$counted.stat" 2>"$out/$counted.stat.err" &
	client=$!
}

# open_are PMU N: counters for memory reads
open_are() {
	[ "$(awk -v pmu="$1" '$1 == pmu && $4 != "off" && $6 == "0x2"' "$cpmu/counters" | wc -l)" = "$2" ]
}

# on_are PMU N: so many of its counters count
on_are() {
	[ "$(awk -v pmu="$1" '$1 == pmu && $4 == "on"' "$cpmu/counters" | wc -l)" = "$2" ]
}

# configured PMU FIELDS: a counter says so of itself
configured() {
	awk -v pmu="$1" -v fields="$2" '$1 == pmu && $4 == "on" {
		if ($5 " " $6 " " $7 " " $8 " " $9 " " $10 == fields) found = 1 }
		END { exit !found }' "$cpmu/counters"
}

stop() {
	kill -INT "$client"
	wait "$client" || fail "$counted" "exit status $?: $(cat "$out/$counted.stat.err")"
	echo "stat $counted" >>"$out/marks"
}

# Each in a PMU of its own, for what is set in a counter's registers once, the driver does not clear.
# Group, events, threshold, edge, invert, filter: what is asked for is what the hardware is told.
check "raw: a PMU" control add "$mem1" 3 counters=8 filters=1
check "raw: its driver" wait_for 5 pmu_is cxl_pmu_mem1.2
# Its interrupt was moved in a CPU's hotplug thread, though no CPU came.
irq=$(awk '$1 == "cxl_pmu_mem1.2" { print $4 }' $cpmu/pmus)
cxlirqctl history --irq "$irq" --json 2>/dev/null | grep '"affinity-change"' >"$out/history.added"
check "raw: moved by its driver" grep -q '"affinity-kernel".*"cpuhp/' "$out/history.added"
check "raw: by no CPU" sh -c "! grep cpu-hotplug $out/history.added"
fixture raw.0
counted raw -e cxl_pmu_mem1.2/vid=0x1e98,gid=0x20,mask=0x6,threshold=3,edge/ \
	-e 'cxl_pmu_mem1.2/m2s_req_meminv,invert=1,hdm_filter_en,hdm=0x2/' \
	-e '{cxl_pmu_mem1.2/m2s_req_memrdfwd/,cxl_pmu_mem1.2/m2s_req_memwrfwd/}'
check "raw: mask, threshold, edge" wait_for 5 configured cxl_pmu_mem1.2 "0 0x6 3 1 0 0xffffffff"
check "raw: invert, filter" wait_for 5 configured cxl_pmu_mem1.2 "0 0x1 0 0 1 0x2"
check "raw: a group" wait_for 5 configured cxl_pmu_mem1.2 "0 0x10 0 0 0 0xffffffff"
control move cxl_pmu_mem1.2 50
stop
fixture raw.1

# In intervals, by itself, and to its end. Nothing moves when the last one ends: the counter goes on
# from there until it is closed, and the client's rows do not.
check "intervals: the standing ones" wait_for 5 on_are cxl_pmu_mem1.2 2
counted intervals --interval 1 --times 3 -e cxl_pmu_mem1.2/m2s_req_memrddatatee/
check "intervals: and this one" wait_for 5 on_are cxl_pmu_mem1.2 3
control move cxl_pmu_mem1.2 50
check "intervals: one is over" wait_for 5 test -s "$out/intervals.stat"
control move cxl_pmu_mem1.2 50
wait "$client" || fail "intervals" "exit status $?: $(cat "$out/intervals.stat.err")"
echo "stat intervals" >>"$out/marks"
fixture intervals.1
control del cxl_pmu_mem1.2
mark after-stat

# --- overflow ----------------------------------------------------------------------------

# 16 bits, 6 for each step. Not read between, both wraps are counted once. Read just before, the
# driver counts it twice; the judge knows when.
counting wrap cxl_pmu_mem1.0/m2s_req_memrd/ \
	sh -c "echo 'move cxl_pmu_mem1.0 6000' >$cpmu/control; echo 'move cxl_pmu_mem1.0 6000' >$cpmu/control"
mark wrap
control move cxl_pmu_mem1.0 6000
mark wrap-half
control move cxl_pmu_mem1.0 6000
mark wrap-read

# This one freezes all its counters when one wraps, until perf has something to do there.
for _ in 1 2 3 4; do
	control move cxl_pmu_mem1.1 3000
done
mark frozen
check "frozen: it is" grep -q '^cxl_pmu_mem1.1 1 configurable frozen' "$out/frozen.after"
counting thawed cxl_pmu_mem1.1/m2s_req_memrd/ \
	sh -c "echo 'move cxl_pmu_mem1.1 10' >$cpmu/control"
mark thawed
cat /proc/interrupts >"$out/interrupts"
cxlirqctl vectors --json >"$out/vectors.json" 2>/dev/null

# --- the CPU goes --------------------------------------------------------------------------

# The first interrupt is what moves the vector to where the driver wants it.
irq=$(awk '$1 == "cxl_pmu_mem0.0" { print $4 }' $cpmu/pmus)
on_cpu() {
	[ "$(cat "/proc/irq/$irq/effective_affinity_list")" = "$1" ]
}
echo trigger >"$core/irqs/$irq"
check "CPU: the vector is there" wait_for 5 on_cpu 1
sleep 0.5
cxlirqctl history --irq "$irq" --json >"$out/history.before" 2>/dev/null
counting offline cxl_pmu_mem0.0/m2s_req_memrd/ sh -c "echo 'move all 10' >$cpmu/control
	echo 0 >/sys/devices/system/cpu/cpu1/online
	echo 'move all 10' >$cpmu/control"
check "CPU: the PMU has moved" test "$(cat $perf_pmus/cxl_pmu_mem0.0/cpumask)" = 0
check "CPU: its vector too" on_cpu 0
mark offline
control move all 10
mark offline-moved
cxlirqctl history --irq "$irq" --json >"$out/history.after" 2>/dev/null
echo "$irq" >"$out/history.irq"
echo 1 >/sys/devices/system/cpu/cpu1/online
control move all 10
mark online

# --- what goes wrong -------------------------------------------------------------------------

# wrong NAME WORDS STATUS COMMAND...: one clear line, and nothing on stdout
wrong() {
	_wrong=$1 _words=$2 _status=$3
	shift 3
	"$@" >/tmp/wrong.out 2>/tmp/wrong.err
	same "$_wrong: exit status" "$?" "$_status"
	same "$_wrong: lines" "$(wc -l </tmp/wrong.err)" 1
	same "$_wrong: nothing else" "$(wc -c </tmp/wrong.out)" 0
	check "$_wrong: words" grep -q -e "$_words" /tmp/wrong.err
	note "$_wrong: $(cat /tmp/wrong.err)"
}

stat_for() {
	timeout 20 cxlirqctl counters stat --json --duration 1 "$@"
}

wrong rejected 'cxl_pmu_mem0.1: .*rejects it' 1 \
	stat_for -e cxl_pmu_mem0.1/vid=0x1e98,gid=0x21,mask=2/
wrong unknown-event nonsense 1 stat_for -e cxl_pmu_mem0.1/nonsense/
wrong unknown-name nonsense 1 stat_for -e nonsense
wrong unknown-pmu cxl_pmu_mem7.0 1 stat_for -e cxl_pmu_mem7.0/clock_ticks/
wrong bad-syntax 'no closing /' 2 stat_for -e 'cxl_pmu_mem0.1/clock_ticks'
wrong beyond edge 1 stat_for -e cxl_pmu_mem0.1/m2s_req_memrd,edge=2/
# with root's rights only
cp "$(command -v cxlirqctl)" /tmp/cxlirqctl
wrong nobody '[Pp]ermission' 1 su -s /bin/sh nobody -c \
	"/tmp/cxlirqctl counters stat --json --duration 1 -e cxl_pmu_mem0.1/m2s_req_memrd/"
check "nobody may read" su -s /bin/sh nobody -c "/tmp/cxlirqctl counters --json"

# One is wrong, the other counts.
counted mixed -e cxl_pmu_mem0.1/vid=0x1e98,gid=0x21,mask=2/ -e $event
check "mixed: counts" wait_for 5 open_are cxl_pmu_mem0.1 2
control move cxl_pmu_mem0.1 10
stop
same "mixed: lines" "$(wc -l <"$out/mixed.stat.err")" 1
mark mixed

# A few descriptors are left: one for the client's connection, and for some of five counters.
control add "$mem1" 3 counters=8
check "full: a PMU" wait_for 5 pmu_is cxl_pmu_mem1.2
mark full-before
# descriptors are taken from below, so that what is free under the limit is what can be had
limit=0 free=0
while [ "$free" -lt 4 ]; do
	[ -e "/proc/$daemon/fd/$limit" ] || free=$((free + 1))
	limit=$((limit + 1))
done
prlimit --pid $daemon --nofile=$limit:4096
timeout 20 cxlirqctl counters stat --json --interval 0.5 --times 1 --pmu cxl_pmu_mem1.2 \
	-e m2s_req_meminv,m2s_req_memrddata,m2s_req_memrdfwd,m2s_req_memwrfwd,m2s_req_memrdtee \
	>"$out/full.stat" 2>"$out/full.stat.err"
same "full: exit status" $? 0
prlimit --pid $daemon --nofile=4096:4096
check "full: words" grep -q 'no file descriptor left' "$out/full.stat.err"
note "full: $(cat "$out/full.stat.err")"
control del cxl_pmu_mem1.2
mark full
control move all 3
mark after-full

# Eight stand, and twenty may be open.
timeout 20 cxlirqctl counters stat --json --interval 0.5 --times 1 -e 'cxl_pmu_mem?.?/m2s_req_memrd/' \
	-e 'cxl_pmu_mem?.?/m2s_req_memrd,threshold=1/' -e 'cxl_pmu_mem?.?/m2s_req_memrd,threshold=2/' \
	-e 'cxl_pmu_mem?.?/m2s_req_memrd,threshold=3/' >"$out/limit.stat" 2>"$out/limit.stat.err"
same "limit: exit status" $? 0
same "limit: lines" "$(wc -l <"$out/limit.stat.err")" 4
note "limit: $(tail -n 1 "$out/limit.stat.err")"
mark limit

# A daemon without rights says so once for each counter, and serves what it can.
mkdir /tmp/nobody
chown 65534 /tmp/nobody
cp "$(command -v cxlirqd)" /tmp/cxlirqd
su -s /bin/sh nobody -c "STATE_DIRECTORY=/tmp/nobody exec /tmp/cxlirqd -c /tmp/cxlirqd.conf \
	-S /tmp/nobody/socket" >"$out/nobody.log" 2>&1 &
nobody=$!
nobody_answers() {
	cxlirqctl -S /tmp/nobody/socket counters --json >"$out/nobody.json" 2>"$out/nobody.err"
}
check "nobody's daemon answers" wait_for 240 nobody_answers
kill $nobody
wait $nobody

# --- PMUs go and come ----------------------------------------------------------------------------

counted gone --interval 0.5 -e cxl_pmu_mem1.1/m2s_req_memrd/ -e cxl_pmu_mem0.0/m2s_req_memrd/
check "gone: counts" wait_for 5 open_are cxl_pmu_mem1.1 2
control del cxl_pmu_mem1.1
control move all 10
sleep 1
stop
mark gone
echo "$mem1" >/sys/bus/pci/drivers/cxl_pci/unbind
control move all 10
mark unbound
echo "$mem1" >/sys/bus/pci/drivers/cxl_pci/bind
wait_for 10 bound pci cxl_pci "$mem1" || fail "bind" "$mem1"
control add "$mem1" 6 counters=4 width=16 freeze=0
check "back" wait_for 5 pmu_is cxl_pmu_mem1.0
sleep 1
mark back
control move all 10
mark back-moved

# Alone, its end is the end.
counted last -e cxl_pmu_mem1.0/m2s_req_memrd/
check "last: counts" wait_for 5 open_are cxl_pmu_mem1.0 2
control del cxl_pmu_mem1.0
# One that has ended stays as a zombie until the shell waits for it.
# shellcheck disable=SC2317  # by wait_for
has_ended() {
	! grep -q '^State:[[:space:]]*[^Z[:space:]]' "/proc/$client/status" 2>/dev/null
}
check "last: ends by itself" wait_for 5 has_ended
kill "$client" 2>/dev/null
mark last

cxlirqctl status --json >"$out/status.json" 2>/dev/null
check "cxlirqd is still there" kill -0 $daemon
kill $daemon
if wait $daemon; then
	pass "cxlirqd ends"
else
	fail "cxlirqd ends" "exit status $?: $(cat "$out/cxlirqd.log")"
fi
result "$out"
