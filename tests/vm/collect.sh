# shellcheck shell=sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Evidence on what cxlirqd says, for tests/vm/witness.py on the host: to be sourced
# in a virtual machine, after guest.sh.
#   collect STAGE                sends $evidence/STAGE: the daemon's answers, next to
#                                what the kernel and the hardware say themselves
#
# The witnesses are read before and after the daemon is asked.  Interrupts do
# not stand still for this (the console and the port that carries the results
# are devices too), so both readings are taken again until nothing but
# counters differs between them: then what the daemon said in between has no
# excuse.

pci=/sys/bus/pci/devices
evidence=/tmp/evidence

# show FILE...: "==> FILE <==" before the contents of each.
show() {
	tail -n +1 "$@" /dev/null 2>/dev/null
}

# witness DIRECTORY: what does not come from cxlirqd.
witness() {
	mkdir -p "$1"
	cat /proc/interrupts >"$1/interrupts"
	show "$pci"/*/msi_irqs/* /sys/bus/auxiliary/devices/*/irqs/* >"$1/msi_irqs"
	show "$pci"/*/class >"$1/classes"
	show "$pci"/*/irq >"$1/lines"
	show /sys/kernel/irq/*/* >"$1/kernel_irq"
	show /proc/irq/[0-9]*/*affinity_list >"$1/proc_irq"
	show /sys/kernel/debug/irq/irqs/* >"$1/debug_irqs"
	show /sys/kernel/debug/irq/domains/* >"$1/debug_domains"
	msixtable >"$1/msixtable" 2>"$1/msixtable.err"
	ls -l /sys/bus/*/devices >"$1/devices"
	find /sys/devices -name driver -type l -exec ls -l {} + >"$1/drivers"
	ls -l /sys/bus/*/drivers/*/module >"$1/modules"
	cat /proc/interrupts >"$1/interrupts.again"
}

# Counters go on counting; all else must be the same.
unchanged() {
	for _file in msi_irqs proc_irq debug_irqs debug_domains msixtable devices drivers; do
		cmp -s "$1/$_file" "$2/$_file" || return 1
	done
	for _at in "$1" "$2"; do
		grep -A 1 -E '/(actions|chip_name|hwirq|name|type) <==' "$_at/kernel_irq" >"$_at/.still"
	done
	cmp -s "$1/.still" "$2/.still"
}

ask() {
	cxlirqctl "$2" --json >"$1/$2.json" 2>"$1/$2.err" || return 1
}

# collect STAGE
collect() {
	sleep 1
	for _try in 1 2 3 4 5; do
		_to=$evidence/$1
		rm -rf "$_to"
		witness "$_to/before"
		for _verb in vectors domains devices; do
			ask "$_to" "$_verb" || fail "$1: cxlirqctl $_verb" "$(cat "$_to/$_verb.err")"
		done
		witness "$_to/after"
		unchanged "$_to/before" "$_to/after" && break
	done
	unchanged "$_to/before" "$_to/after" || fail "$1: quiet" "the witnesses never agreed"
	# 3 is "not healthy", which is an answer.
	cxlirqctl status --json >"$_to/status.json" 2>"$_to/status.err" || [ $? -eq 3 ] ||
		fail "$1: cxlirqctl status" "$(cat "$_to/status.err")"
	echo "$_try" >"$_to/tries"
	result "$_to" && pass "$1: collected"
}

# knows_interrupts NAME: the daemon has each interrupt of /proc/interrupts, and all of a PCI function
knows_interrupts() {
	_known=$1
	cxlirqctl vectors --json >/tmp/vectors.json 2>/tmp/vectors.err || fail "$_known: vectors" "$(cat /tmp/vectors.err)"
	awk -F: '$1 ~ /^ *[0-9]+$/ { print $1 + 0 }' /proc/interrupts >/tmp/irqs
	check "$_known: /proc/interrupts has some" test -s /tmp/irqs
	while read -r _irq; do
		grep -q "\"irq\": $_irq,\$" /tmp/vectors.json || fail "$_known: irq $_irq" "it is not among the vectors"
	done </tmp/irqs
	_function=$(function_of nvme)
	cxlirqctl vectors --device "$_function" -n -o IRQ | tr -d ' ' | grep . | sort -n -u >/tmp/said
	(cd "$pci/$_function/msi_irqs" && printf '%s\n' *) | sort -n >/tmp/there
	check "$_known: it has all of $_function" cmp /tmp/said /tmp/there
}
