#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Collects evidence on what cxlirqd says: at named stages, between which this
# machine is shaken (affinity writes under load, drivers unbound, hot plug,
# CPUs offline), its answers go to the host next to what the kernel and the
# hardware say themselves.  tests/vm/witness.py judges there:
#   run.sh bench scenarios/witness.sh -p build/cxlirqd -p build/cxlirqctl -- --results R
#   witness.py R
#
#: modules cxl_acpi cxl_pci cxl_port cxl_mem nvme virtio_net
#: on arm64 modules nvme virtio_net
#: timeout 900

# shellcheck source=tests/vm/guest.sh
. /guest.sh
# shellcheck source=tests/vm/collect.sh
. /collect.sh

# Whether this machine has CXL (see machine.py).
cxl=true
[ "$(uname -m)" != aarch64 ] || cxl=false
# "seed=N" on the kernel's command line makes other affinity writes.
seed=${seed:-20240229}

# --- unrest --------------------------------------------------------------------

# random N: $number is from 0 to N-1, and the same in every run.
random() {
	seed=$(((seed * 1103515245 + 12345) & 0x7fffffff))
	number=$(((seed >> 8) % $1))
}

load_on() {
	(
		while :; do
			dd if=/dev/zero of=/dev/nvme0n1 bs=4k count=32 conv=fsync 2>/dev/null
		done
	) &
	load="$!"
	ping -A 10.0.2.2 >/dev/null 2>&1 &
	load="$load $!"
}

load_off() {
	# shellcheck disable=SC2086
	kill $load
	# shellcheck disable=SC2086
	wait $load 2>/dev/null
}

msi_irqs() {
	for _f in "$pci"/*/msi_irqs/*; do
		[ -e "/proc/irq/${_f##*/}/smp_affinity" ] && echo "${_f##*/}"
	done | sort -n
}

# Interrupts that come seldom of themselves: CXL event logs, AER of the ports.
poke() {
	$cxl || return 0
	for _mem in cxlmem0 cxlmem1; do
		for _log in informational warning failure fatal; do
			qmp "{\"execute\": \"cxl-inject-general-media-event\", \"arguments\": {
				\"path\": \"/machine/peripheral/$_mem\", \"log\": \"$_log\", \"flags\": 1,
				\"dpa\": 4096, \"descriptor\": 0, \"type\": 0, \"transaction-type\": 0}}" \
				>/dev/null || fail "poke $_mem $_log" "see above"
		done
		qmp "{\"execute\": \"cxl-inject-correctable-error\", \"arguments\": {
			\"path\": \"/machine/peripheral/$_mem\", \"type\": \"retry-threshold\"}}" \
			>/dev/null || fail "poke $_mem AER" "see above"
	done
}

# Managed interrupts refuse: not every write succeeds, but enough must.
shake_affinity() {
	_written=0
	_irqs=$(msi_irqs)
	_n=$(echo "$_irqs" | wc -l)
	for _i in $(seq 200); do
		random "$_n"
		# shellcheck disable=SC2086
		_irq=$(echo $_irqs | cut -d ' ' -f $((number + 1)))
		random 6
		case $number in
		0) _what=smp_affinity _value=1 ;;
		1) _what=smp_affinity _value=2 ;;
		2) _what=smp_affinity _value=3 ;;
		3) _what=smp_affinity_list _value=0 ;;
		4) _what=smp_affinity_list _value=1 ;;
		5) _what=smp_affinity_list _value=0-1 ;;
		esac
		echo "$_value" 2>/dev/null >"/proc/irq/$_irq/$_what" && _written=$((_written + 1))
		[ $((_i % 40)) -ne 0 ] || poke
	done
	note "affinity: $_written of 200 writes over $_n interrupts were taken"
	[ "$_written" -ge 100 ] || fail "affinity writes" "only $_written of 200 were taken"
}

# rebind BUS DRIVER DEVICE
rebind() {
	echo "$3" >"/sys/bus/$1/drivers/$2/unbind" || fail "unbind $2 $3" "refused"
	sleep 0.5
	echo "$3" >"/sys/bus/$1/drivers/$2/bind" || fail "bind $2 $3" "refused"
	wait_for 10 bound "$1" "$2" "$3" || fail "bind $2 $3" "not bound after 10 s"
}

network_up() {
	eth=$(ls "$pci"/*/virtio*/net)
	if ! ip addr add 10.0.2.15/24 dev "$eth" || ! ip link set "$eth" up; then
		fail "network" "$eth does not come up"
	fi
}

cpu1() {
	echo "$1" >/sys/devices/system/cpu/cpu1/online || fail "CPU 1" "echo $1 was refused"
}

# --- the run ---------------------------------------------------------------------

$cxl || skip "CXL and AER events, rebind of cxl_pci" "QEMU has no CXL on arm64"
mkdir -p "$evidence"
uname -a >"$evidence/uname"
wait_for 10 nvmes_are 1 || fail "nvme" "none"
network_up

cxlirqd --record "$evidence/trace" >"$evidence/cxlirqd.log" 2>&1 &
daemon=$!
if wait_for 240 answers; then
	pass "cxlirqd answers"
else
	fail "cxlirqd answers" "$(cat /tmp/answers.err "$evidence/cxlirqd.log")"
fi
cxlirqctl support --json >"$evidence/support.json" 2>"$evidence/support.err"

collect start

load_on
poke
shake_affinity
load_off
collect affinity

load_on
rebind pci nvme "$(function_of nvme)"
if $cxl; then
	rebind pci cxl_pci "$(function_of cxl_pci)"
fi
load_off
port=$(empty_port)
rebind pci pcieport "$port"
virtio=$(basename "$(readlink -f "/sys/class/net/$eth/device")")
rebind virtio virtio_net "$virtio"
network_up
wait_for 10 nvmes_are 1 || fail "nvme" "not back after its driver was bound again"
collect rebind

# Neither has a bind of which the kernel would tell: a controller that is reset
# allocates its vectors again, a function that is scanned again comes back.
nvme=$(ls /sys/class/nvme)
if $cxl; then
	driver=cxl_pci gone=$(function_of cxl_pci)
else
	driver=virtio-pci gone=$(basename "$(readlink -f "/sys/class/net/$eth/device/..")")
fi
load_on
echo 1 >"/sys/class/nvme/$nvme/reset_controller" || fail "reset $nvme" "refused"
echo 1 >"$pci/$gone/remove" || fail "remove $gone" "refused"
echo 1 >/sys/bus/pci/rescan
wait_for 10 bound pci "$driver" "$gone" || fail "rescan $gone" "not bound after 10 s"
$cxl || network_up
wait_for 10 nvmes_are 1 || fail "nvme" "not back after its reset"
load_off
collect reset

qmp '{"execute": "device_add", "arguments": {"driver": "nvme", "id": "plugged",
	"bus": "hotplug0", "drive": "spare0", "serial": "plugged"}}' >/dev/null
wait_for 30 nvmes_are 2 || fail "hot plug" "no second nvme"
collect plugged
# A press of the attention button is over after five seconds: then pciehp_request()
# wakes the handler's thread. Where threads are forced that is the one of pciehp_isr(),
# which finds nothing new in the slot, and pciehp_ist() never hears of it.
if threads_forced; then
	skip "hot unplug by the button" "pciehp forgets it with forced threads"
	echo 1 >"$pci/$port/$(basename "$pci/$port"/0000:*)/remove" || fail "remove" "refused"
else
	qmp '{"execute": "device_del", "arguments": {"id": "plugged"}}' >/dev/null
fi
wait_for 30 nvmes_are 1 || fail "hot unplug" "the second nvme stays"
collect unplugged

load_on
for _ in 1 2 3; do
	cpu1 0
	sleep 0.5
	cpu1 1
	sleep 0.5
done
cpu1 0
load_off
collect cpu-off
cpu1 1
collect cpu-on

# The snapshot is the last thing in the trace that is compared: nothing may be asked after it. What happens
# between the two answers would be in the trace, and not among the events: who follows them knows of it,
# and both are asked again.
cxlirqctl events --follow --json >/tmp/followed 2>/dev/null &
follower=$!
all_told() {
	[ "$(wc -l </tmp/followed)" -eq "$(wc -l <"$evidence/events.json")" ]
}
for try in 1 2 3 4 5; do
	cxlirqctl events --json >"$evidence/events.json" 2>/dev/null
	cxlirqctl snapshot --json >"$evidence/snapshot.json" 2>/dev/null
	sleep 1
	! wait_for 3 all_told || break
	note "something happened around the last answers, try $try"
done
kill "$follower"
if kill -0 "$daemon" 2>/dev/null; then
	pass "cxlirqd is still there"
	kill "$daemon"
	wait "$daemon"
	note "cxlirqd ended with status $?"
else
	fail "cxlirqd is still there" "$(tail -n 5 "$evidence/cxlirqd.log")"
fi
result "$evidence/cxlirqd.log" "$evidence/uname" "$evidence/support.json" "$evidence/events.json" \
	"$evidence/snapshot.json" "$evidence/trace"
