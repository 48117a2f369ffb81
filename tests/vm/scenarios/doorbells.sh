#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The life of the kernel's own endpoint doorbells, as cxlirqd tells it, against
# what the host side of the endpoint was told: pci-epf-test's registers (BAR,
# offset, data) and what the controller maps there. On x86-64 the doorbell is
# embedded in the controller, on arm64 it is a vector of the ITS.
#
#: carry pci_epf_test
#: external cxlirq_epc
#: timeout 900

# shellcheck source=tests/vm/guest.sh
. /guest.sh

epc=/sys/kernel/debug/cxlirq_epc
config=/sys/kernel/config/pci_ep
mount -t configfs configfs /sys/kernel/config 2>/dev/null
mount -t debugfs debugfs /sys/kernel/debug 2>/dev/null
case $(uname -m) in
aarch64) type=msi immutability=declared ;;
*) type=embedded immutability=unknown ;;
esac

host_write() {
	echo "$*" >"$epc/host_write"
}

host_read() {
	echo "$*" >"$epc/host_read" && cat "$epc/host_read"
}

# field NAME: of the only doorbell
field() {
	cxlirqctl doorbells --json | tr -d ' \n' | sed -n "s/.*\"$1\":\(\"[^\"]*\"\|[^,}]*\).*/\1/p" | tr -d '"'
}

# message KEY WHAT: address or data of "message" or "published_message"
message() {
	cxlirqctl doorbells --json | tr -d ' \n' |
		sed -n "s/.*\"$1\":{\"address\":\"\([^\"]*\)\",\"data\":\"\([^\"]*\)\"}.*/\1 \2/p"
}

is() {
	[ "$(field "$1")" = "$2" ]
}

# status BIT: pci-epf-test says so
status() {
	[ $(($(host_read 0 8) & $1)) -ne 0 ]
}

insmod /lib/cxlirq/cxlirq_epc.ko || fail "module" "cxlirq_epc does not load"
modprobe pci_epf_test || fail "module" "pci_epf_test does not load"
cxlirqd >/tmp/cxlirqd.log 2>&1 &
daemon=$!
wait_for 240 answers || fail "cxlirqd answers" "$(cat /tmp/answers.err /tmp/cxlirqd.log)"
mkdir "$config/functions/pci_epf_test/func1"
echo 8 >"$config/functions/pci_epf_test/func1/msi_interrupts"
controller=$(ls "$config/controllers")
ln -s "$config/functions/pci_epf_test/func1" "$config/controllers/$controller/"
echo 1 >"$config/controllers/$controller/start"

# life ROUND: enabled and disabled once, as a host would
life() {
	host_write 0 4 0x40
	wait_for 10 status 0x400 || fail "$1: enable" "status $(host_read 0 8)"
	bar=$(host_read 0 52) offset=$(host_read 0 56) data=$(host_read 0 60)
	base=$(awk -v bar="$((bar))" '$2 == bar { print $4 }' "$epc/bars")
	told=$(printf '0x%016x 0x%08x' $((base + offset)) $((data)))
	wait_for 5 is state published
	same "$1: state" "$(field state)" published
	same "$1: type" "$(field type)" "$type"
	same "$1: immutability" "$(field immutability)" "$immutability"
	same "$1: verdict" "$(field verdict)" safe
	same "$1: BAR" "$(field bar)" "$((bar))"
	same "$1: the message is what the host was told" "$(message message)" "$told"
	same "$1: so is the published one" "$(message published_message)" "$told"
	irq=$(awk '/pci-ep-test-doorbell/ { print $1 + 0 }' /proc/interrupts)
	same "$1: interrupt" "$(field irq)" "$irq"
	taken=0
	for cpu in 1 0 0-1; do
		! echo "$cpu" >"/proc/irq/$irq/smp_affinity_list" 2>/dev/null || taken=$((taken + 1))
	done
	case $type in
	msi) check "$1: affinities can be written" [ "$taken" -gt 0 ] ;;
	*) same "$1: the controller's interrupt has no affinity to be written" "$taken" 0 ;;
	esac
	same "$1: affinity writes change nothing" "$(field message_changes)" 0
	host_write 0 4 0x80
	wait_for 10 status 0x1000 || fail "$1: disable" "status $(host_read 0 8)"
	wait_for 5 is state freed
	same "$1: freed" "$(field state)" freed
	host_write 0 8 0
}

life first
life second
# all_told COUNT: so many events of doorbells are told
all_told() {
	cxlirqctl events --json >/tmp/events
	[ "$(grep -c '"type":"doorbell"' /tmp/events)" -ge "$1" ]
}
check "its life is told" wait_for 30 all_told 10
order=$(grep '"type":"doorbell"' /tmp/events | sed 's/.*"state":"\([a-z]*\)".*/\1/' | tr '\n' ' ')
same "its life in order" "$order" \
	"allocated requested published freed stale allocated requested published freed stale "
# The kernel takes the BAR back after the vector: a window at each end.
cxlirqctl violations --all --json >/tmp/violations
same "one violation" "$(grep -c '"rule":' /tmp/violations)" 1
same "the stale mapping, twice" \
	"$(grep -E '"rule"|"count"' /tmp/violations | tr -d ' \n')" '"rule":"doorbell-stale-mapping","count":2,'
cxlirqctl explain pci_epf_test.0 >/tmp/explained 2>&1 || true
same "nothing lost" "$(cxlirqctl status --json | tr -d ' \n' | sed 's/.*"lost":\(\[[^]]*\]\).*/\1/')" '[]'
check "cxlirqd is still there" kill -0 "$daemon"
result /tmp/events /tmp/violations /tmp/cxlirqd.log /tmp/explained
