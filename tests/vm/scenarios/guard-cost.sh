#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# What the guard's program costs those who have nothing to do with it: each call
# on a file, in instructions, without and with the program. The counter of this
# machine counts instructions (-icount), so that the difference is the program's
# and nothing else's: trampoline, program, and what the compiler made of both.
#
#: modules virtio_net
#: built file-cost
#: cpus 1
#: qemu -icount shift=0,sleep=off
#: timeout 900

# shellcheck source=tests/vm/guest.sh
. /guest.sh

ROUNDS=800
OPEN_MAX=60
# of any other call: what the kernel takes to call a program at all is most of it
CALL_MAX=256
# what file-cost measures; only the write of proc-comm is not judged
CALLS=13

virtio=$(basename "$(readlink -f /sys/bus/virtio/drivers/virtio_net/virtio*/..)")
irq=$(basename -a "/sys/bus/pci/devices/$virtio/msi_irqs"/* | sort -n | head -n 1)
printf '%s\n' "[Daemon]" "User=" "[Trace]" "PinDirectory=" "[Export]" "Listen=" "Report=" "[Store]" \
	"Enabled=no" >/tmp/conf
cxlirqd -c /tmp/conf >/tmp/log 2>&1 &
daemon=$!
wait_for 240 answers || fail "cxlirqd answers" "$(cat /tmp/answers.err /tmp/log)"
cxlirqctl guard add --irq "$irq" >/dev/null 2>&1

# In turn, so that nothing else which comes with time counts
for _ in 1 2 3; do
	file-cost $ROUNDS >>/tmp/without || fail "file-cost without the guard" "exit status $?"
	cxlirqctl guard mode enforce || fail "it is loaded" "exit status $?"
	file-cost $ROUNDS >>/tmp/with || fail "file-cost with the guard" "exit status $?"
	check "it denies meanwhile" sh -c "! echo 0 >/proc/irq/$irq/smp_affinity_list"
	cxlirqctl guard mode off || fail "it is removed" "exit status $?"
done
kill "$daemon"
wait "$daemon"

# FILE CALL INSTRUCTIONS, with the guard's behind
least() {
	awk '!($1 " " $2 in n) || $3 < n[$1 " " $2] { n[$1 " " $2] = $3 } END { for (i in n) print i, n[i] }' "$1" | sort
}
least /tmp/without >/tmp/least
least /tmp/with >/tmp/least.with
same "calls measured without the guard" "$(wc -l </tmp/least)" $CALLS
# those that both have
awk 'NR == FNR { with[$1 " " $2] = $3; next } $1 " " $2 in with { print $0, with[$1 " " $2] }' \
	/tmp/least.with /tmp/least >/tmp/cost
same "the same calls measured with it" "$(wc -l </tmp/cost)" $CALLS
while read -r file call without with; do
	more=$((with - without))
	note "$file $call: $without instructions, $more more with the guard"
	case $file,$call in
	proc-comm,write) continue ;; # it is looked at: not the short way
	*,open) max=$OPEN_MAX ;;
	*) max=$CALL_MAX ;;
	esac
	check "$file $call: at most $max instructions" [ "$more" -le "$max" ]
done </tmp/cost
result /tmp/cost /tmp/without /tmp/with
