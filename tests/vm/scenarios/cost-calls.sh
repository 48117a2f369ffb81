#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# What an interrupt costs, and each call that the daemon's programs hook, in instructions: alone, with
# the daemon, and with others that watch interrupts. The counter of this machine counts instructions
# (-icount), so that a difference is the watcher's and nothing else's.
#   FIRST, AGAIN   nobody watches: what two measurements differ by
#   cxlirqd        the daemon as it comes
#   hardirqs, bpftrace   count interrupts, by BPF
#   tracefs        events on the functions that the daemon hooks, as trace-cmd and rasdaemon have them
# Makes results "cost.WHO", and "programs": what each program ran, in instructions too.
#
#: external cxlirq_msi
#: built irq-cost ready
#: programs hardirqs bpftrace
#: cpus 1
#: qemu -icount shift=0,sleep=off
#: timeout 1500

# shellcheck source=tests/vm/guest.sh
. /guest.sh

# What they tell finds room in the ring while the daemon is stopped.
ROUNDS=100
tracing=/sys/kernel/tracing
fixture=/sys/kernel/debug/cxlirq_msi

# How often the first vector's handler ran
handled() {
	awk -v irq="$irq" '$1 == irq { print $4 }' $fixture/handlers
}

measure() {
	before=$(handled)
	irq-cost $ROUNDS steady "$irq" "$other" >"/tmp/cost.$1" 2>/tmp/error || fail "measured: $1" "$(cat /tmp/error)"
	same "measured: $1, interrupts" $(($(handled) - before)) $ROUNDS
}

# The programs of process $1 are attached.
attached() {
	grep -q '^\(link_id\|perf_event_\|prog_id\):' /proc/"$1"/fdinfo/* 2>/dev/null
}

# with NAME SECONDS COMMAND...: measured while it runs
with() {
	who=$1
	seconds=$2
	shift 2
	"$@" >"/tmp/log.$who" 2>&1 &
	peer=$!
	if wait_for "$seconds" attached "$peer"; then
		# it goes on to read, and then waits
		sleep 2
		measure "$who"
	else
		fail "measured: $who" "it is not attached: $(tail -n 3 "/tmp/log.$who")"
	fi
	kill -INT "$peer" 2>/dev/null || kill "$peer" 2>/dev/null
	wait "$peer"
}

# As many kprobe events as there are hooks, and the kernel's own for vectors.
tracefs_events() {
	cxlirqd -c /tmp/conf --support 2>/dev/null | sed -n 's/.*\(fentry\|fexit\)\/\([a-z0-9_]*\).*/\1 \2/p' |
		sort -u >/tmp/hooks
	n=0
	while read -r kind function; do
		case $kind in
		fentry) event="p:cxlirq/entry_$function $function argument=\$arg1" ;;
		*) event="r:cxlirq/return_$function $function result=\$retval" ;;
		esac
		echo "$event" >>$tracing/kprobe_events 2>/dev/null && n=$((n + 1))
	done </tmp/hooks
	note "tracefs: $n of $(wc -l </tmp/hooks) functions"
	echo 1 >$tracing/events/cxlirq/enable
	for event in vector_config vector_clear; do
		[ ! -e $tracing/events/irq_vectors/$event ] || echo 1 >$tracing/events/irq_vectors/$event/enable
	done
	[ "$n" -gt 20 ]
}

insmod /lib/cxlirq/cxlirq_msi.ko
echo "add steady 2" >$fixture/control
irq=$(awk '$2 == "steady" && $3 == 0 { print $1 }' $fixture/vectors)
other=$(awk '$2 == "steady" && $3 == 1 { print $1 }' $fixture/vectors)
printf '%s\n' "[Daemon]" "User=" "[Trace]" "PinDirectory=" "[Export]" "Listen=" "Report=" >/tmp/conf
# the first rounds fill caches of the kernel's
irq-cost 20 steady "$irq" "$other" >/tmp/warm
measure first

ready cxlirqd -c /tmp/conf >/tmp/ready 2>/tmp/log.cxlirqd || fail "cxlirqd" "$(cat /tmp/log.cxlirqd)"
read -r ns daemon </tmp/ready
note "exec to READY=1: $ns instructions"
# What the daemon does with it is its own time, and measured by others: here it does not run.
kill -STOP "$daemon"
measure cxlirqd
kill -CONT "$daemon"
wait_for 60 answers || fail "cxlirqd goes on" "$(cat /tmp/answers.err)"
echo 1 >/proc/sys/kernel/bpf_stats_enabled
irq-cost $ROUNDS steady "$irq" "$other" >/tmp/counted
echo 0 >/proc/sys/kernel/bpf_stats_enabled
cxlirqctl metrics >/tmp/metrics 2>&1
grep '^cxlirq_bpf_program_run' /tmp/metrics >/tmp/programs
check "programs are counted" test -s /tmp/programs
kill "$daemon"
wait_for 60 sh -c "! kill -0 $daemon 2>/dev/null" || fail "cxlirqd ends" "it does not"
measure again

with hardirqs 120 hardirqs 3600
with bpftrace 600 bpftrace -e 'tracepoint:irq:irq_handler_entry { @[args->irq] = count(); }'
check "tracefs events are there" tracefs_events
measure tracefs
echo 0 >$tracing/events/enable
result /tmp/cost.* /tmp/programs /tmp/log.*
