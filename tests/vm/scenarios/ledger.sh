#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# What PCI functions and the devices on them asked for and got, in situations
# that are made on purpose: in each, what cxlirqd says of the devices that it
# is about goes to the host, next to what lspci, cxl and the kernel say.
#   run.sh bench scenarios/ledger.sh -p build/cxlirqd -p build/cxlirqctl -- --results R
#   ledger.py R
# compares all that with each other, and the ledger with tests/data/ledger.
#
# Drivers and hardware are real, or QEMU's; what is changed is what the hardware
# says of itself (cxlirq_pci): how many vectors it has, and its message numbers.
#
# CXL memory devices are probed at the same time, and so are mem0 and mem1 in
# any order: they are bound again first, one after the other.
#
#: modules cxl_acpi cxl_pci cxl_port cxl_mem nvme virtio_net
#: external cxlirq_cpmu cxlirq_pci
#: programs lspci cxl
#: machine cxl
#: timeout 900

# shellcheck source=tests/vm/guest.sh
. /guest.sh

out=/tmp/ledger
cpmu=/sys/kernel/debug/cxlirq_cpmu
core=/sys/kernel/debug/irq
says=/sys/kernel/debug/cxlirq_pci/control
mkdir -p "$out"
mount -t debugfs debugfs /sys/kernel/debug 2>/dev/null

# The machine's (tests/vm/machine.py): two memory devices behind a switch, each below a port
hotplug=0000:00:02.0 nvme=0000:00:03.0 root=0000:0c:00.0 upper=0000:0d:00.0
port0=0000:0e:00.0 port1=0000:0e:01.0 mem0=0000:0f:00.0 mem1=0000:10:00.0

# --- deeds -------------------------------------------------------------------

unbind() {
	echo "$3" >"/sys/bus/$1/drivers/$2/unbind" || fail "$stage: unbind $3" "refused"
}

bind() {
	echo "$3" >"/sys/bus/$1/drivers/$2/bind"
	wait_for 10 bound "$1" "$2" "$3" || fail "$stage: bind $3" "refused"
}

rebind() {
	unbind "$@"
	bind "$@"
}

# bind_in_vain BUS DRIVER DEVICE: its probe fails
bind_in_vain() {
	if echo "$3" >"/sys/bus/$1/drivers/$2/bind" 2>/dev/null; then
		fail "$stage: bind $3" "its probe should have failed"
	fi
}

control() {
	echo "$*" >"$cpmu/control" || fail "$stage: cpmu $*" "refused"
}

pretend() {
	echo "$*" >"$says" || fail "$stage: pretend $*" "refused"
	echo change >"/sys/bus/pci/devices/$2/uevent"
}

# offset DEVICE CAPABILITY: where lspci sees it
offset() {
	lspci -D -vv -n -s "$1" | sed -n "s/^\tCapabilities: \[\([0-9a-f]*\).*\] $2.*/\1/p" | head -n 1
}

# --- the daemon ----------------------------------------------------------------

serve() {
	cxlirqd >>"$out/cxlirqd.log" 2>&1 &
	daemon=$!
	check "cxlirqd answers" wait_for 240 answers
	cxlirqctl events --follow --json >>"$out/events.json" 2>>"$out/events.err" &
	events=$!
}

dismiss() {
	kill "$events" "$daemon"
	if wait "$daemon"; then
		pass "cxlirqd ends"
	else
		fail "cxlirqd ends" "exit status $?: $(cat "$out/cxlirqd.log")"
	fi
}

# --- evidence ------------------------------------------------------------------

# begin STAGE DEVICE...: what it is about
begin() {
	stage=$1
	shift
	mkdir -p "$out/$stage"
	echo "$stage $*" >>"$out/stages"
	printf '%s\n' "$@" >"$out/$stage/devices"
	wc -l <"$out/events.json" >"$out/$stage/since"
}

# Refusals are told when it is clear that the driver does without for good.
settled() {
	cxlirqctl devices --json >"$1.new" 2>"$1.err" || return 1
	cmp -s "$1" "$1.new" && return 0
	mv "$1.new" "$1"
	return 1
}

ask() {
	_to=$1
	shift
	# 3 is "not healthy", which is an answer.
	cxlirqctl "$@" >"$out/$stage/$_to" 2>"$out/$stage/$_to.err" || [ $? -eq 3 ] ||
		fail "$stage: cxlirqctl $*" "$(cat "$out/$stage/$_to.err")"
}

end() {
	sleep "${1:-1}"
	wait_for 20 settled "$out/$stage/devices.json" || fail "$stage" "the ledger does not settle"
	lspci -D -vv -n >"$out/$stage/lspci" 2>"$out/$stage/lspci.err"
	cxl list -M -i >"$out/$stage/cxl" 2>"$out/$stage/cxl.err"
	cat "$core/domains/VECTOR" >"$out/$stage/VECTOR"
	ask status.json status --json
	cat "$core/domains/VECTOR" >"$out/$stage/VECTOR.again"
	ask vectors.json vectors --json
	ask violations.json violations --all --json
	cat /proc/interrupts >"$out/$stage/interrupts"
	wc -l <"$out/events.json" >"$out/$stage/until"
	while read -r _device; do
		ask "explain.$_device" explain "$_device"
	done <"$out/$stage/devices"
	pass "$stage: collected"
}

# --- the run ---------------------------------------------------------------------

for module in cpmu pci; do
	check "cxlirq_$module loads" insmod /lib/cxlirq/cxlirq_$module.ko
done
wait_for 10 nvmes_are 1 || fail "nvme" "none"
for device in "$mem0" $mem1; do
	stage=order
	unbind pci cxl_pci "$device"
done
bind pci cxl_pci "$mem0"
bind pci cxl_pci "$mem1"

serve

# What was bound before the daemon began: nobody knows what it asked for.
begin start "$hotplug" "$root" "$upper" "$port0" "$port1" "$mem0" "$mem1" "$nvme"
end

# All is granted; portdrv asks for 32, counts, and asks again.
begin full "$hotplug" "$root" "$upper" "$port0" "$port1" "$mem0" "$mem1" "$nvme"
for device in "$mem1" $mem0; do
	unbind pci cxl_pci "$device"
done
for device in "$hotplug" "$root" "$port0" "$port1"; do
	rebind pci pcieport "$device"
done
bind pci cxl_pci "$mem0"
bind pci cxl_pci "$mem1"
rebind pci nvme "$nvme"
wait_for 10 nvmes_are 1 || fail "nvme" "not back"
end

# One vector more than the driver asked for
begin grown "$nvme"
pretend grow "$nvme"
check "grown: there" test "$(find "/sys/bus/pci/devices/$nvme/msi_irqs" -type f | wc -l)" -eq 4
end
pretend shrink "$nvme"

# CPMUs borrow their memory device's vectors: of their own; those of event logs and the mailbox;
# and those that the driver refuses: message number 0, one that was not granted, no interrupt at all
begin cpmu "$mem0" "$mem1"
control add "$mem0" 6
control add "$mem0" 1
control add "$mem1" 2
control add "$mem1" 7
control add "$mem1" 0
control add "$mem1" 12
control add "$mem1" 6 interrupt=0
end

# Too few vectors, for the mailbox's message number, and for that of an event log
begin few "$mem0" "$mem1"
unbind pci cxl_pci "$mem1"
unbind pci cxl_pci "$mem0"
pretend vectors "$mem0" 6
pretend vectors "$mem1" 4
bind pci cxl_pci "$mem0"
bind_in_vain pci cxl_pci "$mem1"
end

# No vectors at all, and one; and an NVMe whose queues share one, or have less than they want
begin fewer "$mem0" "$mem1" 0000:01:00.0
unbind pci cxl_pci "$mem0"
pretend clear "$mem0"
echo 0 >/sys/bus/pci/devices/"$mem0"/msi_bus
pretend vectors "$mem1" 1
bind pci cxl_pci "$mem0"
bind_in_vain pci cxl_pci "$mem1"
qmp '{"execute": "device_add", "arguments": {"driver": "nvme", "id": "plugged", "bus": "hotplug0",
	"drive": "spare0", "serial": "plugged", "msix_qsize": 1}}' >/dev/null
wait_for 30 nvmes_are 2 || fail "$stage: hot plug" "no second nvme"
end
qmp '{"execute": "device_del", "arguments": {"id": "plugged"}}' >/dev/null
wait_for 30 nvmes_are 1 || fail "$stage: hot unplug" "the second nvme stays"
unbind pci cxl_pci "$mem0"
echo 1 >/sys/bus/pci/devices/"$mem0"/msi_bus
pretend clear "$mem1"

# Ports. With four vectors portdrv asks for 32, counts, gives them back and asks for what it needs:
# one for all; or three, of which PME, hot plug and bandwidth have one and AER another. With a message
# number that no vector is there for, the pin must do, and a port of a switch has none.
begin ports "$hotplug" "$port0"
msix=$(offset "$hotplug" MSI-X)
pretend patch "$hotplug" 0x"$msix" 0x07ff0000 $((3 << 16))
rebind pci pcieport "$hotplug"
express=$(offset "$port0" Express) # flags in the upper half, message number from bit 9 on
pretend patch "$port0" 0x"$express" 0x3e000000 $((1 << 25))
rebind pci pcieport "$port0"
end

begin ports-own "$hotplug"
express=$(offset "$hotplug" Express)
pretend patch "$hotplug" 0x"$express" 0x3e000000 $((2 << 25))
rebind pci pcieport "$hotplug"
end
for device in "$hotplug" "$port0"; do
	pretend clear "$device"
	rebind pci pcieport "$device"
done
bind pci cxl_pci "$mem0"
bind pci cxl_pci "$mem1"

# The PMU follows the CPUs that there are, and its vector follows the PMU. The first interrupt is
# what moves it to where the driver wanted it.
begin offline "$mem0"
control add "$mem0" 6 cpu=1
irq=$(awk '$1 == "cxl_pmu_mem0.0" { print $4 }' $cpmu/pmus)
echo trigger >"$core/irqs/$irq"
on_cpu1() {
	[ "$(cat "/proc/irq/$irq/effective_affinity_list")" = 1 ]
}
wait_for 5 on_cpu1 || fail "$stage" "the vector is not on CPU 1"
# What happens from here on is what counts: where the vector was before is chance.
sleep 0.5
wc -l <"$out/events.json" >"$out/$stage/since"
echo 0 >/sys/devices/system/cpu/cpu1/online || fail "$stage" "CPU 1 stays"
check "$stage: the PMU has moved" test "$(cat /sys/bus/event_source/devices/cxl_pmu_mem0.0/cpumask)" = 0
end
ask history.json history --irq "$irq" --json
echo 1 >/sys/devices/system/cpu/cpu1/online
control del cxl_pmu_mem0.0

# Lifetimes: the CPMU's driver first, then the memory device's; the memory device's alone
begin order "$mem0" "$mem1"
control add "$mem0" 6
control add "$mem1" 6
sleep 1
unbind cxl cxl_pmu pmu_mem0.0
unbind pci cxl_pci "$mem1"
end 12
begin order-end "$mem0" "$mem1"
unbind pci cxl_pci "$mem0"
end
ask history.json history --json
dismiss

# Other hardware, which another daemon finds: every message number another one. A port with DPC, with
# which QEMU has none: in the place of ACS, and found when the port is found again. A CPMU in the
# register locator, which its driver will refuse: nothing is there.
stage=numbers
acs=$(offset "$hotplug" 'Access Control Services')
pretend patch "$hotplug" 0x"$acs" 0xffff 0x001d
pretend patch "$hotplug" 0x"$(printf %x $((0x$acs + 4)))" 0xffff 0
pretend patch "$hotplug" 0x"$(printf %x $((0x$acs + 8)))" 0xffffffff 0
echo 1 >/sys/bus/pci/devices/"$hotplug"/remove
echo 1 >/sys/bus/pci/rescan
wait_for 10 bound pci pcieport "$hotplug" || fail "$stage: rescan" "$hotplug is not bound"
n=3
for device in "$mem0" "$mem1"; do
	doe=$(offset "$device" 'Data Object Exchange')
	pretend patch "$device" 0x"$(printf %x $((0x$doe + 4)))" 0xffe $((n << 1))
	express=$(offset "$device" Express)
	pretend patch "$device" 0x"$express" 0x3e000000 $((n + 1 << 25))
	n=$((n + 8))
done
aer=$(offset "$root" 'Advanced Error Reporting')
pretend patch "$root" 0x"$(printf %x $((0x$aer + 48)))" 0xf8000000 $((1 << 27))
express=$(offset "$port1" Express)
pretend patch "$port1" 0x"$express" 0x3e000000 $((5 << 25))
locator=$(offset "$mem0" 'Designated Vendor-Specific: Vendor=1e98 ID=0008')
pretend patch "$mem0" 0x"$(printf %x $((0x$locator + 28)))" 0xffff 0x0400
pretend vectors "$mem1" 7
serve
begin numbers "$hotplug" "$root" "$port1" "$mem0" "$mem1"
end

# ... and what drivers make of it. AER's number is beyond the only vector: the pin for all.
begin numbers-bound "$hotplug" "$root" "$mem0" "$mem1"
echo 1 >/sys/bus/pci/devices/"$hotplug"/remove
echo 1 >/sys/bus/pci/rescan
wait_for 10 bound pci pcieport "$hotplug" || fail "$stage: rescan" "$hotplug is not bound"
rebind pci pcieport "$root"
bind pci cxl_pci "$mem0"
bind pci cxl_pci "$mem1"
end
dismiss
result "$out"
