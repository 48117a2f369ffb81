#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Counters on a kernel that does something: what they say of interrupts, of changes and of BPF
# programs against what /proc and the kernel say; that they never go backwards while their device
# is there, whatever its driver does; and that they go with their device.
#
#: modules nvme
#: machine cxl
#: timeout 900

# shellcheck source=tests/vm/guest.sh
. /guest.sh

# metric NAME LABEL=VALUE...: the sum of its series that have all of these, "none" without any
metric() {
	_name=$1
	shift
	cxlirqctl metrics --format=text | awk -v name="cxlirq_$_name" -v labels="$*" '
		BEGIN {
			n = split(labels, want, " ")
			for (i = 1; i <= n; i++) {
				sub("=", "=\"", want[i])
				want[i] = want[i] "\""
			}
		}
		{ split($1, part, "{") }
		part[1] != name { next }
		{
			for (i = 1; i <= n; i++)
				if (!index($1, want[i])) next
			sum += $NF
			found = 1
		}
		END { if (found) printf "%.9g\n", sum; else print "none" }'
}

# NAME REASON COMMAND...: pass, or fail with the reason
is_so() {
	_what=$1 _reason=$2
	shift 2
	if "$@"; then
		pass "$_what"
	else
		fail "$_what" "$_reason"
	fi
}

# The first number is no less than the second.
no_less() {
	awk -v one="$1" -v other="$2" 'BEGIN { exit !(one + 0 >= other + 0) }'
}

# What /proc/interrupts has counted of a PCI function's interrupts
counted() {
	for _irq in "/sys/bus/pci/devices/$1/msi_irqs"/*; do
		awk -v irq="${_irq##*/}:" \
			'$1 == irq { for (i = 2; $i ~ /^[0-9]+$/; i++) n += $i; print n + 0 }' /proc/interrupts
	done | awk '{ sum += $1 } END { print sum + 0 }'
}

read_disk() {
	dd if=/dev/nvme0n1 of=/dev/null bs=64k count=64 iflag=direct 2>/tmp/dd || fail "dd" "$(cat /tmp/dd)"
}

interrupts() { metric device_interrupts_total "provider=$nvme" "owner=$nvme"; }
moves() { metric affinity_changes_total "provider=$nvme" cause=affinity-write; }
messages() { metric message_changes_total "provider=$nvme" cause=affinity-write; }

wait_for 10 nvmes_are 1 || fail "nvme" "none"
nvme=$(function_of nvme)
cxlirqd >/tmp/cxlirqd.log 2>&1 &
daemon=$!
wait_for 240 answers || fail "cxlirqd answers" "$(cat /tmp/answers.err /tmp/cxlirqd.log)"
same "up" "$(metric up)" 1

# Nobody touches the disk but this.
read_disk
same "interrupts of the disk" "$(interrupts)" "$(counted "$nvme")"
before=$(interrupts)
read_disk
after=$(interrupts)
same "and after more of them" "$after" "$(counted "$nvme")"
is_so "interrupts came" "$before, then $after" no_less "$after" "$((before + 1))"

# The kernel counts anew with each bind; the device's counter goes on.
last=$after
for round in 1 2 3 4 5; do
	echo "$nvme" >/sys/bus/pci/drivers/nvme/unbind
	now=$(interrupts)
	no_less "$now" "$last" || fail "unbind $round" "$last, then $now"
	last=$now
	echo "$nvme" >/sys/bus/pci/drivers/nvme/bind
	wait_for 10 nvmes_are 1 || fail "bind $round" "no disk"
	read_disk
	now=$(interrupts)
	no_less "$now" "$((last + $(counted "$nvme")))" || fail "bind $round" "$last, then $now"
	last=$now
done
is_so "a counter goes on while its device is there" "$last, $after before" \
	no_less "$last" "$(($(counted "$nvme") + after))"

# A change of the affinity is one, and on this machine moves the message.
irq=$(find "/sys/bus/pci/devices/$nvme/msi_irqs" -type f | sort | head -n 1)
irq=${irq##*/}
same "no move before the first" "$(moves)" none
for cpu in 1 0 1; do
	echo "$cpu" >"/proc/irq/$irq/smp_affinity_list" || fail "affinity" "refused"
	# it takes place with the next interrupt, which the admin queue has to be asked for
	echo 1 >/sys/class/nvme/nvme0/rescan_controller
	read_disk
done
moved() { no_less "$(moves)" 2; }
is_so "moves are counted" "$(moves)" wait_for 10 moved
same "and what they did to messages" "$(messages)" \
	"$(cxlirqctl events --json | grep -c '"message-change".*"affinity-write"')"

# The device goes, and a new one of the same name starts with nothing.
last=$(interrupts)
echo 1 >"/sys/bus/pci/devices/$nvme/remove"
gone() { [ "$(interrupts)" = none ] && [ "$(moves)" = none ]; }
is_so "counters go with their device" "$(interrupts)" wait_for 10 gone
echo 1 >/sys/bus/pci/rescan
wait_for 10 nvmes_are 1 || fail "rescan" "no disk"
# the driver gives its first vector back and takes others: that one's are in it, too
now=$(interrupts)
is_so "its successor counts" "$now" no_less "$now" "$(counted "$nvme")"
is_so "and has none of its past" "$now, $last before" no_less "$((last - 1))" "$now"
same "nor its moves" "$(moves)" none

# Runs of programs are there when the kernel counts them.
same "no runs where none are counted" "$(metric bpf_program_runs_total)" none
echo 1 >/proc/sys/kernel/bpf_stats_enabled
echo "$nvme" >/sys/bus/pci/drivers/nvme/unbind
echo "$nvme" >/sys/bus/pci/drivers/nvme/bind
runs=$(metric bpf_program_runs_total)
is_so "runs of programs" "$runs" no_less "$runs" 10
seconds=$(metric bpf_program_run_seconds_total)
is_so "and their time" "$seconds" awk -v s="$seconds" 'BEGIN { exit !(s > 0 && s < 60) }'
echo 0 >/proc/sys/kernel/bpf_stats_enabled
now=$(metric bpf_program_runs_total)
is_so "which stays when the kernel stops to count" "$runs, then $now" no_less "$now" "$runs"

same "no record lost" "$(metric records_lost_total)" 0
cxlirqctl metrics >/tmp/metrics.txt
result /tmp/metrics.txt
kill "$daemon"
wait "$daemon" || fail "end" "$?"
