#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# What "make demo" shows: the daemon on a CXL host, its main answers, and a
# change whose cause it names. A person reads the output; that it is right is
# what the other scenarios prove. It fails when a step does.
#
#: modules cxl_acpi cxl_pci cxl_port cxl_mem nvme virtio_net
#: machine cxl

. /guest.sh

BOLD=$(printf '\033[1m') PLAIN=$(printf '\033[0m')

# Says what comes, shows the command as one would type it, runs it.
step() {
	printf '\n%s%s%s\n' "$BOLD" "$1" "$PLAIN"
	shift
	printf '%s# %s%s\n' "$BOLD" "$*" "$PLAIN"
	"$@" || fail "$*" "exit status $?"
}

irq_of() {
	awk -v name="$1" '$NF == name { print $1 + 0 }' /proc/interrupts
}

cxlirqd >/tmp/cxlirqd.log 2>&1 &
daemon=$!
if ! wait_for 240 cxlirqctl status >/dev/null 2>&1; then
	fail "cxlirqd" "it did not answer: $(cat /tmp/cxlirqd.log)"
	exit 1
fi

step "Is the daemon well, and what does this kernel let it see?" cxlirqctl status
step "Where interrupts come from: every irq_domain below its parent." cxlirqctl domains --tree
step "Which device was given how many vectors, and how many serve something." cxlirqctl devices
step "Who owns every vector, down to the sub-device." cxlirqctl vectors

irq=$(irq_of nvme0q0)
printf '\n%sSomebody moves the NVMe queue nvme0q0 (irq %s) to another CPU.%s\n' "$BOLD" \
	"$irq" "$PLAIN"
target=$((1 - $(cat "/proc/irq/$irq/effective_affinity_list")))
printf '%s# echo %s > /proc/irq/%s/smp_affinity_list%s\n' "$BOLD" "$target" "$irq" "$PLAIN"
echo "$target" >"/proc/irq/$irq/smp_affinity_list"
# x86 without remapping moves an interrupt when it next fires: let it fire
echo 1 >/sys/class/nvme/nvme0/rescan_controller

moved() {
	cxlirqctl events | grep -q "message-change *$irq "
}
wait_for 10 moved || fail "message-change" "no such event for irq $irq"
step "Who asked, when it took effect, and the message before and after." \
	cxlirqctl events

kill "$daemon"
wait "$daemon" || fail "cxlirqd" "exit status $?: $(cat /tmp/cxlirqd.log)"
