#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The clock is set while the daemon runs, as on hosts that learn the time from the network: what happens
# afterwards has the time that it is then, what was before keeps the time that it was, and a daemon that
# follows has the same.
#
#: timeout 900

# shellcheck source=tests/vm/guest.sh
. /guest.sh

irq=$(awk -F: '/virtio/ { print $1 + 0; exit }' /proc/interrupts)

# change CPUS: and the daemon has told it
change() {
	before=$(changes)
	echo "$1" >"/proc/irq/$irq/smp_affinity_list"
	check "told: CPUs $1" wait_for 60 more_than "$before"
}

changes() {
	cxlirqctl events --json 2>/dev/null | grep -c '"type":"affinity-change"'
}

more_than() {
	[ "$(changes)" -gt "$1" ]
}

# stamp: when the last change was, in seconds
stamp() {
	cxlirqctl events --json 2>/dev/null | grep '"type":"affinity-change"' | tail -n 1 |
		sed 's/.*"time_us":\([0-9]*\)[0-9]\{6\},.*/\1/'
}

# is_now SECONDS: within a minute
is_now() {
	now=$(date +%s)
	[ "$1" -ge $((now - 60)) ] && [ "$1" -le $((now + 60)) ]
}

start() {
	cxlirqd >>/tmp/cxlirqd.log 2>&1 &
	daemon=$!
	wait_for 240 answers || fail "cxlirqd answers" "$(cat /tmp/answers.err /tmp/cxlirqd.log)"
}

mount -t bpf bpf /sys/fs/bpf 2>/dev/null
mkdir -p /sys/fs/bpf/cxlirqd
mkdir -p /var/lib/cxlirqd
start
change 0
first=$(stamp)
check "the time of day" is_now "$first"

date -s "@$((first + 31536000))" >/dev/null || fail "the clock" "it cannot be set"
change 1
check "a year later: so is the change" is_now "$(stamp)"
same "what was before keeps its time" "$(cxlirqctl events --json 2>/dev/null | grep -c "\"time_us\":$first")" 1
same "the last hour has the one change" \
	"$(cxlirqctl history --since -1h --json 2>/dev/null | grep -c '"type":"affinity-change"')" 1
check "the log says so" grep -q "the clock was set by +3153" /tmp/cxlirqd.log

date -s "@$((first + 86400))" >/dev/null
change 0
check "back, to a day later: so is the change" is_now "$(stamp)"

kill -9 "$daemon"
wait "$daemon" 2>/dev/null
start
check "the next daemon goes on" grep -q "went on where the daemon before ended" /tmp/cxlirqd.log
change 1
check "the next daemon: so is the change" is_now "$(stamp)"
status=$(cxlirqctl status --json | tr -d ' \n')
same "nothing lost" "$(echo "$status" | sed 's/.*"lost":\(\[[^]]*\]\).*/\1/')" '[]'
check "cxlirqd is still there" kill -0 "$daemon"
result /tmp/cxlirqd.log
