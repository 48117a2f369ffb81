#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# A million control events: what the daemon takes at a tenth of the way is what it takes at the end.
# Affinities move, messages follow, and devices with vectors and handlers come and go.
#
#: external cxlirq_msi
#: programs bpftool
#: timeout 5400

# shellcheck source=tests/vm/guest.sh
. /guest.sh

pins=/sys/fs/bpf/cxlirqd
msi=/sys/kernel/debug/cxlirq_msi
out=/tmp/endurance
events=${events:-1000000}
mkdir -p "$out" /tmp/state
mkdir -m 700 "$pins"

printf '%s\n' "[Trace]" "RingSize=4M" "[Export]" "Listen=127.0.0.1:9417" "[Store]" \
	"Directory=/tmp/state" "MaxSize=32M" >/tmp/endurance.conf
insmod /lib/cxlirq/cxlirq_msi.ko || fail "module" "cxlirq_msi does not load"
cxlirqd -c /tmp/endurance.conf >"$out/log" 2>&1 &
daemon=$!
wait_for 240 answers || fail "cxlirqd answers" "$(cat /tmp/answers.err "$out/log")"
echo Y >$msi/follow
echo "add origin 60" >$msi/control

# A control event is what a hook has told, in a record. Each question lets the daemon walk over the
# kernel's tables, which gives records, too: these do not count.
walk=0
told() {
	cxlirqctl status --json 2>/dev/null | awk -v walk="$walk" '
		$1 == "\"records\":" { records = $2 + 0 }
		$1 == "\"snapshots\":" { walks = $2 + 0 }
		END { if (records) print records - walks * walk }'
}
# how many a walk gives, or more; what comes and goes has no more than 64 vectors, with a record of its
# own, its handler's and its owner's each
before=$(told)
cxlirqctl snapshot --json >/dev/null 2>&1
walk=$(($(told) - before + 3 * 64))
check "a walk has records" test "$walk" -gt 192

# NAME: resident memory and descriptors of the daemon, memory of maps and programs
taken() {
	{
		awk '/^VmRSS/ { print "resident", $2 }' "/proc/$daemon/status"
		echo "descriptors $(find "/proc/$daemon/fd" -type l | wc -l)"
		echo "bpf $(bpftool -j map show | grep -o '"bytes_memlock":[0-9]*' | awk -F: '{ n += $2 } END { print n / 1024 }')"
		echo "programs $(bpftool -j prog show | grep -o '"bytes_memlock":[0-9]*' | awk -F: '{ n += $2 } END { print n / 1024 }')"
	} >"$out/$1"
	note "$1: $(told) events, $(tr '\n' ' ' <"$out/$1")"
}

# shellcheck disable=SC2046
set -- $(awk '$2 == "origin" { print "/proc/irq/" $1 "/smp_affinity_list" }' $msi/vectors)
mover endurance 0 100000000 0 7 /dev/null 0,1,0-1 "$@" &
origin=$!
while [ ! -e /tmp/over ]; do
	echo "churn 64 1" >$msi/control
	sleep 0.2
done &
churn=$!
# A question costs more than an event: not ten times a second
reached() {
	sleep 3
	_n=$(told)
	[ -n "$_n" ] && [ "$_n" -ge "$1" ]
}
check "a tenth" wait_for 2400 reached $((events / 10))
taken tenth
check "all of it" wait_for 4800 reached "$events"
touch /tmp/over
kill $origin
wait $origin $churn
check "it lives" kill -0 "$daemon"
# what waits is not what it takes
settled() {
	_before=$(told)
	sleep 1
	_now=$(told)
	[ -n "$_before" ] && [ -n "$_now" ] && [ $((_now - _before)) -le 10 ]
}
wait_for 60 settled
taken end
same "what it took at a tenth" "$(awk '$2 > 0 { print $1 }' "$out/tenth" | tr '\n' ' ')" "resident descriptors bpf programs "
same "what it took at the end" "$(awk '$2 > 0 { print $1 }' "$out/end" | tr '\n' ' ')" "resident descriptors bpf programs "
while read -r what before <&3 && read -r _ now <&4; do
	case $what in
	resident) check "$what: $now KiB, $before at a tenth" test $((now * 100)) -le $((before * 105)) ;;
	*) check "$what: $now, $before at a tenth" test "${now%.*}" -le "${before%.*}" ;;
	esac
done 3<"$out/tenth" 4<"$out/end"
cxlirqctl status --json >"$out/status.json"
result "$out"
