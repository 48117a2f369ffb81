#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Proves the test bed itself: the devices that the machine promises are
# there with the drivers that tests count on, the host's hand reaches the
# hardware, and what the guest says and sends arrives.  A test that fails
# after this one passed has something to say about cxlirqd.
#
#: modules cxl_acpi cxl_pci cxl_port cxl_mem nvme virtio_net
#: on arm64 modules nvme virtio_net
#: timeout 900

. /guest.sh

pci=/sys/bus/pci/devices

# Functions of a driver, or of a class.
of_driver() {
	for _f in /sys/bus/pci/drivers/"$1"/0000:*; do
		[ -e "$_f" ] && echo "${_f##*/}"
	done
}

of_class() {
	for _f in "$pci"/*; do
		case $(cat "$_f/class") in
		"$1"*) echo "${_f##*/}" ;;
		esac
	done
}

count() {
	echo $#
}

# Every vector of a function is an MSI-X one, and there are at least so many.
has_msix() {
	_n=0
	for _v in "$pci/$1"/msi_irqs/*; do
		[ "$(cat "$_v" 2>/dev/null)" = msix ] || return 1
		_n=$((_n + 1))
	done
	[ "$_n" -ge "$2" ]
}

# SERVICE: on how many ports the PCI Express port driver has it.
services() {
	set -- "/sys/bus/pci_express/drivers/$1"/0000:*
	[ -e "$1" ] || shift
	count "$@"
}

nvme_controllers() {
	# shellcheck disable=SC2046
	count $(ls /sys/class/nvme 2>/dev/null)
}

nvmes_are() {
	[ "$(nvme_controllers)" -eq "$1" ]
}

note "$(uname -r), booted in $(cut -d' ' -f1 /proc/uptime) s"
mkdir /tmp/selftest
for function in "$pci"/*; do
	echo "${function##*/} $(cat "$function/class") $(cat "$function/vendor"):$(
		cat "$function/device") $(basename "$(readlink "$function/driver" || echo -)")"
done >/tmp/selftest/pci.txt
cat /proc/interrupts >/tmp/selftest/interrupts.txt
lsmod >/tmp/selftest/lsmod.txt

for where in /sys/fs/bpf:bpf /sys/kernel/security:securityfs /sys/kernel/tracing:tracefs \
	/sys/kernel/debug:debugfs /run:tmpfs /tmp:tmpfs; do
	check "mounted ${where%:*}" grep -q " ${where%:*} ${where#*:} " /proc/mounts
done
check "lo is up" grep -q 127.0.0.1 /proc/net/fib_trie
check "btf" test -r /sys/kernel/btf/vmlinux

# The event logs of memory devices, the first to want vectors, came with 6.3.
case $(uname -r) in
6.[012].*) cxl_interrupts=false ;;
*) cxl_interrupts=true ;;
esac

# What a live message's address is, and how many ports there are.
case $(uname -m) in
aarch64) address=00000000:08090040 ports=1 cxl=false cxl_interrupts=false ;; # of the GIC's ITS
*) address='00000000:fee[0-9a-f]{5}' ports=2 cxl=true ;; # of a local APIC
esac

# --- CXL -------------------------------------------------------------------
if $cxl; then
	# shellcheck disable=SC2046
	check "two CXL memory devices" [ "$(count $(of_class 0x050210))" -eq 2 ]
	check "memdevs" wait_for 10 [ -e /sys/bus/cxl/devices/mem1 ]
else
	skip "CXL memory devices" "QEMU has no CXL on arm64"
fi
for device in $(of_class 0x050210); do
	check "cxl_pci bound to $device" [ -e "/sys/bus/pci/drivers/cxl_pci/$device" ]
	if $cxl_interrupts; then
		check "MSI-X of $device" has_msix "$device" 1
	else
		skip "MSI-X of $device" "cxl_pci asks for no vectors before 6.3"
	fi
done

# --- PCI Express ports -------------------------------------------------------
for port in $(of_class 0x0604); do
	case $(readlink "$pci/$port/driver") in
	*/pcieport) ;;
	*) fail "pcieport bound to $port" "no" ;;
	esac
done
check "port service aer" [ "$(services aer)" -ge "$ports" ]
check "port service pciehp" [ "$(services pciehp)" -ge "$ports" ]
if grep -q intel_iommu=on /proc/cmdline; then
	check "interrupts remapped" grep -q IR-PCI-MSI /proc/interrupts
fi

# --- neighbours --------------------------------------------------------------
nvme=$(of_class 0x010802)
check "nvme bound" wait_for 10 nvmes_are 1
check "MSI-X of nvme $nvme" has_msix "$nvme" 2
nic=$(of_class 0x020000)
check "virtio-net bound" [ -e "/sys/bus/pci/drivers/virtio-pci/$nic" ]
check "MSI-X of virtio-net $nic" has_msix "$nic" 3
eth=$(ls "$pci/$nic"/virtio*/net)
ip addr add 10.0.2.15/24 dev "$eth" && ip link set "$eth" up
check "ping of the gateway" ping -c 2 -w 10 10.0.2.2

# --- the host's hand -----------------------------------------------------------
check "qmp" qmp '{"execute": "query-status"}'
if qmp '{"execute": "no-such-command"}' 2>/dev/null; then
	fail "qmp error" "an unknown command was taken as done"
else
	pass "qmp error"
fi
check "hot plug" qmp '{"execute": "device_add", "arguments": {"driver": "nvme",
	"id": "plugged", "bus": "hotplug0", "drive": "spare0", "serial": "plugged"}}'
check "hot-plugged device has its driver" wait_for 30 nvmes_are 2
if threads_forced; then
	skip "hot unplug" "pciehp forgets a press of the button with forced threads (see witness.sh)"
else
	check "hot unplug" qmp '{"execute": "device_del", "arguments": {"id": "plugged"}}'
	check "hot-unplugged device is gone" wait_for 30 nvmes_are 1
	check "hot-unplugged device is forgotten by QEMU" wait_for 30 sh -c '. /guest.sh
		! qmp "{\"execute\": \"qom-get\", \"arguments\":
			{\"path\": \"/machine/peripheral/plugged\", \"property\": \"type\"}}"'
fi

# Two jobs at once: each gets the answer to its own question.
for kind in status version; do
	for _ in 1 2 3; do
		qmp "{\"execute\": \"query-$kind\"}"
	done >"/tmp/selftest/qmp-$kind.txt" &
done
wait
check "answers not mixed up" [ "$(grep -c running /tmp/selftest/qmp-status.txt) $(
	grep -c qemu /tmp/selftest/qmp-version.txt)" = "3 3" ]

# --- CPUs ------------------------------------------------------------------------
cpu1=/sys/devices/system/cpu/cpu1/online
check "CPU 1 off" sh -c "echo 0 >$cpu1 && [ \"\$(cat $cpu1)\" = 0 ]"
check "CPU 1 on" sh -c "echo 1 >$cpu1 && [ \"\$(cat $cpu1)\" = 1 ]"

# --- the second witness ------------------------------------------------------------
msixtable >/tmp/selftest/msixtable.txt 2>/tmp/selftest/msixtable.err ||
	fail "msixtable" "$(cat /tmp/selftest/msixtable.err)"
# What the kernel says to have in use is not masked and has the right address.
$cxl_interrupts && witnessed=$(of_class 0x050210)
for device in "$nvme" $witnessed; do
	check "live vectors of $device" grep -E -q \
		"^$device [0-9]+ $address 000000[0-9a-f]{2} 0\$" /tmp/selftest/msixtable.txt
done
# QEMU's CXL ports have MSI, its plain one has MSI-X.
for port in $(of_class 0x0604); do
	grep -E "^$port (msi|0) " /tmp/selftest/msixtable.txt
done >/tmp/selftest/ports.txt
check "message of a port" grep -E -q "^0000:[0-9a-f:.]+ (msi|0) $address" /tmp/selftest/ports.txt

# --- what the bed does when told to wait ------------------------------------------
if wait_for 1 false; then
	fail "wait_for" "it waited for nothing, and was content"
else
	pass "wait_for"
fi
head -c 3000000 /dev/urandom >/tmp/selftest/random.bin
(cd /tmp/selftest && sha256sum random.bin >random.sha256)
check "files sent" result /tmp/selftest /proc/cmdline
