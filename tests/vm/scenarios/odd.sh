#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Hosts that lack something: for each the daemon starts, and either sees all
# there is, or says by name what it has not got and why. (A kernel that is
# locked down has a scenario of its own, refused.sh.)
#
# What it says with all that it wants goes to the host, next to the witnesses;
# what it says with less is compared with /proc/interrupts here.
#
#: modules cxl_acpi cxl_pci cxl_port cxl_mem nvme virtio_net
#: on arm64 modules nvme virtio_net
#: timeout 1800
# More processors than are there, and than one word has bits: newer kernels than this
# one do not believe the firmware's tables without a hypervisor's word for it.
#: on debian-6.1 qemu -smp 2,maxcpus=72

# shellcheck source=tests/vm/guest.sh
. /guest.sh
# shellcheck source=tests/vm/collect.sh
. /collect.sh

conf=/tmp/odd.conf
pins=/sys/fs/bpf/cxlirqd
cpu1=/sys/devices/system/cpu/cpu1/online
printf '%s\n' "[Daemon]" "User=" "[Trace]" "PinDirectory=$pins" "[Export]" "Listen=" "Report=" "[Store]" \
	"Enabled=no" >$conf
chmod 755 /tmp
chmod 644 $conf

# start NAME COMMAND...: the daemon is $daemon, what it says /tmp/log and /tmp/status.json
start() {
	name=$1
	shift
	"$@" >/tmp/log 2>&1 &
	daemon=$!
	if wait_for 600 answers; then
		pass "$name: it answers"
	else
		fail "$name: it answers" "$(cat /tmp/answers.err /tmp/log)"
	fi
	cxlirqctl status --json >/tmp/status.json 2>/dev/null
}

stop() {
	kill "$daemon"
	wait "$daemon" || fail "$name: it ends well" "exit status $?: $(cat /tmp/log)"
}

# value KEY: of the status, if it is a text
value() {
	sed -n "s/^  \"$1\": \"\(.*\)\",*\$/\1/p" /tmp/status.json
}

# is MODE HEALTH
is() {
	same "$name: mode" "$(value mode)" "$1"
	same "$name: health" "$(value health)" "$2"
}

# because TEXT: that is among the reasons
because() {
	check "$name: it says why" grep -F "$1" /tmp/status.json
}

# off REASON: there is no tracing, and all that is left agrees with /proc and sysfs
off() {
	is sysfs degraded
	because "BPF tracing is off: $1"
	check "$name: and in the journal" grep -F "BPF tracing is off, serving what sysfs tells: $1" /tmp/log
	cxlirqctl support --json >/tmp/support.json 2>/dev/null || [ $? -eq 3 ] || fail "$name: support" "exit status $?"
	check "$name: there are hooks" grep -q '"attached": false' /tmp/support.json
	check "$name: no hook is attached" sh -c '! grep -q "\"attached\": true" /tmp/support.json'
	check "$name: every hook says why" sh -c '! grep -q "\"reason\": null" /tmp/support.json'
	knows_interrupts "$name"
}

wait_for 10 nvmes_are 1 || fail "nvme" "none"

# --- what is not there, and not missed ------------------------------------------------

note "CPUs: possible $(cat /sys/devices/system/cpu/possible), present $(cat /sys/devices/system/cpu/present)"
case $(uname -r) in
6.1.*) same "more CPUs are possible than there are" "$(cat /sys/devices/system/cpu/possible)" 0-71 ;;
esac
echo 0 >$cpu1 || fail "CPU 1" "it stays online"
# debugfs mounts it again as soon as somebody looks there: nobody does
while umount /sys/kernel/tracing 2>/dev/null || umount /sys/kernel/debug/tracing 2>/dev/null; do
	:
done
check "there is no tracefs" sh -c '! grep tracefs /proc/mounts'
umount /sys/fs/bpf || fail "bpffs" "it stays mounted"

start bare cxlirqd -c $conf
is tracing healthy
same "bare: it says why nothing is pinned" "$(value pinned_reason)" "$pins: no BPF file system is mounted there"
check "bare: there is no tracefs still" sh -c '! grep tracefs /proc/mounts'
knows_interrupts bare
collect cpu-missing
echo 1 >$cpu1 || fail "CPU 1" "it stays offline"
collect cpu-there
stop
mount -t bpf bpf /sys/fs/bpf
mkdir -m 700 $pins

# --- a kernel that hides its symbols --------------------------------------------------

echo 2 >/proc/sys/kernel/kptr_restrict
start kptr cxlirqd -c $conf
is tracing degraded
because "the kernel does not tell its symbols: kptr_restrict=2"
knows_interrupts kptr
# what happens from now on is seen
nvme=$(function_of nvme)
echo "$nvme" >/sys/bus/pci/drivers/nvme/unbind
echo "$nvme" >/sys/bus/pci/drivers/nvme/bind
wait_for 20 nvmes_are 1 || fail "nvme" "not back"
told() {
	cxlirqctl events --json | grep '"handler-requested"' | grep -q "\"device\": *\"$nvme\""
}
check "kptr: a handler that comes is told, with whose it is" wait_for 20 told
knows_interrupts kptr
stop
# what is pinned has no use of them being told again: it is replaced
echo 1 >/proc/sys/kernel/kptr_restrict
start symbols-again cxlirqd -c $conf
is tracing healthy
check "symbols-again: what was pinned is replaced" grep -q "knows no symbols of the kernel, replacing it" /tmp/log
collect symbols-again
stop
rm -rf "${pins:?}"/*

# --- no tracing -----------------------------------------------------------------------

# All that a kernel without BTF does not have is this file.
mount -t tmpfs tmpfs /sys/kernel/btf
start btf cxlirqd -c $conf
off "this kernel's type information (BTF, /sys/kernel/btf/vmlinux): No such file or directory"
stop
umount /sys/kernel/btf

# a user without capabilities
echo "odd:x:991:991::/:/bin/sh" >>/etc/passwd
mkdir -p /run/cxlirqd
chown 991 /run/cxlirqd
start capabilities su odd -s /bin/sh -c "exec cxlirqd -c $conf"
off "tracing programs take CAP_BPF and CAP_PERFMON: Operation not permitted"
stop
