#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The guard against eight processes that write affinities in every way there
# is (tests/vm/guard-fuzz.c), of vectors that it protects and of as many that it
# does not: without it, which is what the rest is compared with; denying; telling;
# denying while a CPU goes and comes. The host compares logs, history and what
# the kernel says of the vectors:
#   run.sh bench scenarios/guard.sh -p build/cxlirqd -p build/cxlirqctl -- --results R
#   guard.py R/guard
# Then how long it takes until all is free when the daemon is killed.
#
#: on built external cxlirq_msi
#: programs bpftool
#: on arm64 programs
#: built guard-fuzz
#: machine cxl-vectors
#: on arm64 machine arm64
#: timeout 1500

# shellcheck source=tests/vm/guest.sh
. /guest.sh

out=/tmp/guard
conf=/tmp/guard.conf
state=/tmp/state
msi=/sys/kernel/debug/cxlirq_msi
mkdir -p "$out" "$state" /run/cxlirqd
mount -t debugfs debugfs /sys/kernel/debug 2>/dev/null

# --- vectors, and ways to them --------------------------------------------------

if [ -e /lib/cxlirq/cxlirq_msi.ko ]; then
	insmod /lib/cxlirq/cxlirq_msi.ko || fail "module" "cxlirq_msi does not load"
	echo 0 >$msi/immutable
	echo Y >$msi/follow
	echo "add kept 32" >$msi/control
	echo "add loose 32" >$msi/control
	kept=$(awk '$2 == "kept" { print $1 }' $msi/vectors)
	loose=$(awk '$2 == "loose" { print $1 }' $msi/vectors)
else
	for device in /sys/bus/pci/drivers/virtio-pci/0000:*; do
		numbers=$(basename -a "$device"/msi_irqs/* | sort -n)
		[ "$(echo "$numbers" | wc -l)" -lt 64 ] || irqs=$numbers
	done
	kept=$(echo "$irqs" | head -n 32)
	loose=$(echo "$irqs" | sed -n '33,64p')
fi
# shellcheck disable=SC2086
set -- $kept $loose
same "vectors" $# 64
echo "$kept" >"$out/kept"
echo "$loose" >"$out/loose"
for irq in "$@"; do
	echo $((irq % 2)) >"/proc/irq/$irq/smp_affinity_list" || fail "interrupts" "$irq cannot be moved"
done
mkdir /tmp/mount /tmp/bind
mount -t proc proc /tmp/mount
mkdir /tmp/bind/irq
mount --bind /proc/irq /tmp/bind/irq

printf '%s\n' "[Daemon]" "User=" "[Trace]" "RingSize=32M" "SnapshotIntervalSec=0" "PinDirectory=" \
	"[Export]" "Listen=" "Report=" "[Store]" "Directory=$state" >$conf

# start: $daemon, and what it says is in /tmp/log
start() {
	cxlirqd -c $conf >/tmp/log 2>&1 &
	daemon=$!
	wait_for 240 answers || fail "cxlirqd answers" "$(cat /tmp/answers.err /tmp/log)"
}

programs() {
	cxlirqctl guard mode --json | tr -d ' \n' | sed 's/.*"attached":\([a-z]*\).*/\1/'
}

affinities() {
	for _irq in $kept $loose; do
		echo "$_irq $(cat "/proc/irq/$_irq/smp_affinity_list")"
	done
	echo "-1 $(cat /proc/irq/default_smp_affinity)"
}

# look NAME WHEN: what the kernel says, and which messages the fixture holds
look() {
	affinities >"$out/$1/affinities.$2"
	[ ! -e $msi/vectors ] || cp $msi/vectors "$out/$1/vectors.$2"
}

# open_all NAME COUNT: the fuzzers have their descriptors, and wait
open_all() {
	mkdir -p "$out/$1" "/tmp/go"
	rm -f /tmp/go/fifo /tmp/go/said
	mkfifo /tmp/go/fifo
	# shellcheck disable=SC2086
	guard-fuzz write "$2" 500 "$2" "$out/$1" /proc /tmp/mount /tmp/bind -- $kept $loose \
		</tmp/go/fifo >/tmp/go/said 2>&1 &
	fuzz=$!
	exec 7>/tmp/go/fifo
	wait_for 30 grep -q ready /tmp/go/said || fail "$1" "$(cat /tmp/go/said)"
}

# let_go NAME: and they write
let_go() {
	look "$1" before
	echo >&7
	exec 7>&-
}

ended() {
	wait "$fuzz" || fail "$1: the writers end" "exit status $?: $(cat /tmp/go/said)"
	look "$1" after
}

# --- without ----------------------------------------------------------------------

start
same "nothing is loaded" "$(programs)" false
open_all off 250
let_go off
ended off
echo 3 >/proc/irq/default_smp_affinity

# --- denying ------------------------------------------------------------------------

open_all enforce 1250
if [ -e $msi/vectors ]; then
	device=$(cxlirqctl vectors --json | sed -n 's/^ *"provider": "\(.*kept.*\)",/\1/p' | head -n 1)
	check "a policy for a device" cxlirqctl guard add --device "$device"
else
	for irq in $kept; do
		cxlirqctl guard add --irq "$irq" >/tmp/add 2>&1 || fail "a policy for interrupt $irq" "$(cat /tmp/add)"
	done
fi
same "a policy alone loads nothing" "$(programs)" false
check "enforce" cxlirqctl guard mode enforce
same "now it is" "$(programs)" true
let_go enforce
ended enforce
touch /tmp/file
mount --bind "/proc/irq/${kept%%[!0-9]*}/smp_affinity" /tmp/file
check "a file that is mounted elsewhere" sh -c '! echo 3 >/tmp/file'
umount /tmp/file
check "reading is for all" cat "/proc/irq/${kept%%[!0-9]*}/smp_affinity_list"

# --- a CPU goes and comes meanwhile ----------------------------------------------------

open_all hotplug 250
let_go hotplug
rounds=0
while kill -0 "$fuzz" 2>/dev/null || [ "$rounds" -lt 5 ]; do
	echo 0 >/sys/devices/system/cpu/cpu1/online || fail "a CPU goes" "round $rounds"
	echo 1 >/sys/devices/system/cpu/cpu1/online || fail "a CPU comes" "round $rounds"
	rounds=$((rounds + 1))
	sleep 0.2
done
ended hotplug
echo "$rounds" >"$out/hotplug/rounds"

# --- telling ----------------------------------------------------------------------------

open_all audit 250
check "audit" cxlirqctl guard mode audit
let_go audit
ended audit
echo 3 >/proc/irq/default_smp_affinity 2>/dev/null

# --- no denial without the daemon ---------------------------------------------------------

check "enforce again" cxlirqctl guard mode enforce
cxlirqctl guard --json >"$out/guards.json"
# A preemptible kernel leaves a program out where another task was put aside in the middle of it. It
# counts that, and so must the daemon, which asks once a second.
! command -v bpftool >/dev/null || bpftool -j prog show >"$out/programs"
missed=$(grep -s -o '"recursion_misses":[0-9]*' "$out/programs" | awk -F: '{ n += $2 } END { print n + 0 }')
told() {
	cxlirqctl status --json >"$out/status.json"
	[ "$missed" -eq 0 ] || grep -A 1 '"program-missed"' "$out/status.json" | grep -q "\"count\": $missed\$"
}
check "what the kernel left out is told" wait_for 10 told
cxlirqctl metrics 2>/dev/null | grep guard_denied >"$out/metrics"
irq=${kept%%[!0-9]*}
freed=$(guard-fuzz until "/proc/irq/$irq/smp_affinity_list" 0-1 "$daemon") || fail "killed" "$freed"
note "free after $freed (microseconds, tries, error)"
check "killed: all is free within a second" [ "${freed%% *}" -lt 1000000 ]
wait "$daemon" 2>/dev/null
for other in $kept; do
	echo 0-1 >"/proc/irq/$other/smp_affinity_list" || fail "all is free" "$other is not"
done

start
same "the next daemon protects again" "$(programs)" true
check "as before" sh -c "! echo 0 >/proc/irq/$irq/smp_affinity_list"
check "off" cxlirqctl guard mode off
same "nothing is loaded any more" "$(programs)" false
check "and all is free" sh -c "echo 0 >/proc/irq/$irq/smp_affinity_list"
check "enforce once more" cxlirqctl guard mode enforce
kill "$daemon"
wait "$daemon"
check "stopped: all is free" sh -c "echo 0-1 >/proc/irq/$irq/smp_affinity_list"
cp "$state/history.db" "$out"

# --- denial without the daemon, where that is wanted ----------------------------------------

pins=/sys/fs/bpf/cxlirqd
mkdir -m 700 "$pins"
printf '%s\n' "[Daemon]" "User=" "[Trace]" "SnapshotIntervalSec=0" "[Export]" "Listen=" "Report=" "[Store]" \
	"Directory=$state" "[Guard]" "Mode=enforce" "Persist=yes" >$conf
start
check "Persist=yes: its link is pinned" test -e "$pins/guard"
# How many writes the mover has logged since there were $written
grown_by() {
	[ "$(wc -l </tmp/meanwhile)" -ge $((written + $1)) ]
}

mover meanwhile 0 100000 1000 1 /tmp/meanwhile 0,1 "/proc/irq/$irq/smp_affinity_list" &
mover=$!
kill -9 "$daemon"
wait "$daemon" 2>/dev/null
written=$(wc -l </tmp/meanwhile)
wait_for 60 grown_by 200 || fail "writes while no daemon is there" "there are none"
check "killed, and it denies" sh -c "! echo 0 >/proc/irq/$irq/smp_affinity_list"
start
check "the next one takes its place" test -e "$pins/guard" -a ! -e "$pins/guard_new"
check "it has nothing to say of it" sh -c '! grep -i "not one of ours" /tmp/log'
written=$(wc -l </tmp/meanwhile)
wait_for 60 grown_by 200 || fail "writes with the next one" "there are none"
kill "$mover"
wait "$mover"
tries=$(wc -l </tmp/meanwhile)
same "not one of $tries writes comes through meanwhile" "$(awk '$5 != 1' /tmp/meanwhile | wc -l)" 0
check "off" cxlirqctl guard off
check "that removes it" test ! -e "$pins/guard"
check "and all is free again" sh -c "echo 0-1 >/proc/irq/$irq/smp_affinity_list"
kill "$daemon"
wait "$daemon"
result "$out"
