#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Breaks each rule that can be broken on this machine, once, after its innocent
# twin has happened: the same deed without what makes it wrong. Each deed is
# written down with what witnesses that are not cxlirqd say about it (the
# fixtures' debugfs, the interrupt core's, procfs, sysfs, and the pid of the
# program that did it); tests/vm/rules.py judges on the host:
#   run.sh bench scenarios/rules.sh -p build/cxlirqd -p build/cxlirqctl -- --results R
#   rules.py R
#
# The daemon is asked nothing between a deed and its finding, for each question
# has it read the kernel's state again: what it has found is awaited in its
# stream of events. Where a walk could be taken in by what it sees, questions
# are asked all the time.
#
# doorbell-message-dropped is not here: without CONFIG_OF the kernel has no code
# that could drop one.
#
#: modules cxl_acpi cxl_pci cxl_port cxl_mem nvme virtio_net
#: carry pci_epf_test
#: external cxlirq_epc cxlirq_epf cxlirq_msi cxlirq_cpmu
#: machine cxl

# shellcheck source=tests/vm/guest.sh
. /guest.sh

epc=/sys/kernel/debug/cxlirq_epc
msi=/sys/kernel/debug/cxlirq_msi
cpmu=/sys/kernel/debug/cxlirq_cpmu
core=/sys/kernel/debug/irq/irqs
config=/sys/kernel/config/pci_ep
parameters=/sys/module/cxlirq_epf/parameters
pci=/sys/bus/pci/devices
out=/tmp/rules
mkdir -p $out
mount -t configfs configfs /sys/kernel/config 2>/dev/null

# --- what happened, and by whom ----------------------------------------------

# by NAME UID COMMAND...: does it in a process of its own; $doer is "NAME PID UID" then.
# NAME is the command's, and what a program is called in /proc.
by() {
	_name=$1 _uid=$2
	shift 2
	# shellcheck disable=SC2016  # for the shell that it is given to
	_run='echo $$ >/tmp/doer.pid; exec "$@"'
	if [ "$_uid" -eq 0 ]; then
		sh -c "$_run" - "$@" || fail "$step: $*" "exited with status $?"
	else
		su -s /bin/sh nobody -c "$_run" -- - "$@" || fail "$step: $*" "exited with status $?"
	fi
	doer="$_name $(cat /tmp/doer.pid) $_uid"
}

# write FILE VALUE, by root
write() {
	echo "$2" >/tmp/value
	by tee 0 tee "$1" </tmp/value >/dev/null
}

# move IRQ MASK, by somebody who is not root
move() {
	chown 65534 "/proc/irq/$1/smp_affinity"
	echo "$2" >/tmp/value
	by tee 65534 tee "/proc/irq/$1/smp_affinity" </tmp/value >/dev/null
}

control() {
	write $msi/control "$*"
}

# An interrupt, as far as its CPU and the kernel can tell: x86 moves one only when it fires.
trigger() {
	echo trigger >"$core/$1"
}

# --- endpoint functions --------------------------------------------------------

function_new() {
	mkdir "$config/functions/$1/$2" && echo 8 >"$config/functions/$1/$2/msi_interrupts"
}

function_bind() {
	by ln 0 ln -s "$config/functions/$1/$2" "$config/controllers/cxlirq_epc/"
}

function_unbind() {
	by rm 0 rm "$config/controllers/cxlirq_epc/$1"
}

# --- walks ----------------------------------------------------------------------

# Walks, one after the other: each question is preceded by one. A walk is counted, so that there
# were some is seen.
walks() {
	cxlirqctl status --json | sed -n 's/^ *"snapshots": \([0-9]*\),/\1/p'
}

walks_begin() {
	walks_before=$(walks)
	while :; do
		cxlirqctl doorbells >/dev/null
	done &
	asker=$!
}

walks_end() {
	kill $asker
	wait $asker 2>/dev/null
	check "$step: walks went on meanwhile" test $(($(walks) - walks_before)) -ge 2
}

# --- witnesses -----------------------------------------------------------------

# irq DEVICE INDEX
irq() {
	awk -v dev="$1" -v index_="$2" '$2 == dev && $3 == index_ { print $1 }' $msi/vectors
}

# message IRQ: "ADDRESS DATA"
message() {
	awk -v irq="$1" '$1 == irq { print $5, $6 }' $msi/vectors
}

# The same of a PCI function's, by the interrupt core.
core_message() {
	# shellcheck disable=SC2046  # three numbers
	set -- $(awk '/address_[hl][io]:|msg_data:/ { print $2 }' "$core/$1")
	printf '0x%x 0x%x\n' $(($1 << 32 | $2)) "$3"
}

state() {
	awk -v word="$1" '$1 == word { print $2 }' $epc/state
}

# handled IRQ: somebody has a handler on it
handled() {
	[ -n "$(cat "/sys/kernel/irq/$1/actions")" ]
}

effective() {
	cat "/proc/irq/$1/effective_affinity_list"
}

# --- expectations ----------------------------------------------------------------

# expect RULE DEVICE IRQ INDEX OLD NEW CAUSE WORD...: what the daemon should find now. OLD and NEW
# are messages, CAUSE is "KIND COMM PID UID", "-" is none. Each WORD is in the explanation;
# "LOW..HIGH us" is a time between them.
expected=0
expect() {
	_sep=
	for _field in "$step" "$@"; do
		printf '%s%s' "$_sep" "$_field"
		_sep=$(printf '\t')
	done >>$out/expected
	echo >>$out/expected
	expected=$((expected + 1))
	rule=$1
}

# order FUNCTION STATE...: the course of its first doorbell, by the function's source
order() {
	echo "$*" >>$out/order
}

# The daemon tells of the last rule as often as that is expected.
found() {
	[ "$(grep -c "\"type\":\"violation\".*\"rule\":\"$rule\"" $out/events.json)" -ge \
		"$(grep -c "	$rule	" $out/expected)" ]
}

# begin STEP
begin() {
	step=$1
	began=$(date +%s)
}

# end [SECONDS]: the findings should be there, and no others.
end() {
	[ "$expected" -eq 0 ] || wait_for "${1:-5}" found || note "$step: the daemon is late, or finds less"
	cxlirqctl violations --all --json >"$out/$step.json" 2>/dev/null || [ $? -eq 3 ] ||
		fail "$step" "cxlirqctl violations exited with status $?"
	printf '%s\t%s\t%s\t%s\n' "$step" "$expected" "$began" "$(date +%s)" >>$out/steps
}

# --- fixtures --------------------------------------------------------------------

for module in epc msi epf cpmu; do
	check "cxlirq_$module loads" insmod /lib/cxlirq/cxlirq_$module.ko
done
check "pci-epf-test loads" modprobe pci_epf_test
check "no code that drops messages" sh -c '! grep -qw pci_epf_write_msi_msg /proc/kallsyms'
echo 'nobody:x:65534:65534::/:/bin/sh' >>/etc/passwd
: >$out/expected
: >/tmp/doer.pid
chmod 666 /tmp/doer.pid

step=fixtures
function_new cxlirq_early early
function_new cxlirq_twin twin
function_new cxlirq_twin twin2
function_new pci_epf_test test
early=cxlirq_early.0 twin=cxlirq_twin.1 twin2=cxlirq_twin.2 test=pci_epf_test.3
check "functions have their names" ls -d /sys/bus/pci-epf/devices/$early \
	/sys/bus/pci-epf/devices/$twin /sys/bus/pci-epf/devices/$twin2 \
	/sys/bus/pci-epf/devices/$test
# One that was there before the daemon is no news.
function_bind cxlirq_twin twin

printf '[Rules]\nDoorbellDevices=cxlirq_epc\n' >/tmp/cxlirqd.conf
cxlirqd -c /tmp/cxlirqd.conf --record $out/trace >$out/cxlirqd.log 2>&1 &
daemon=$!
check "cxlirqd answers" wait_for 240 answers
cxlirqctl events --follow --json >$out/events.json 2>$out/events.err &
events=$!
function_unbind twin

mem=$(basename "$(readlink -f /sys/bus/cxl/devices/mem0/..)")
check "a CPMU" write $cpmu/control "add $mem 6"
pmu_irq=$(awk '$1 == "cxl_pmu_mem0.0" { print $4 }' $cpmu/pmus)
check "a CPMU: its driver" grep -q "^ *$pmu_irq:.* cxl_pmu_mem0.0_overflow$" /proc/interrupts
cpu=$(cat /sys/bus/event_source/devices/cxl_pmu_mem0.0/cpumask)
other=$((1 - cpu))
note "the PMU is on CPU $cpu, its vector on CPU $(effective "$pmu_irq") until it moves"

# The root port with nothing behind it: its interrupts do not come.
for port in "$pci"/*; do
	case $(cat "$port/class") in
	0x0604*) [ -n "$(ls -d "$port"/0000:??:??.? 2>/dev/null)" ] || break ;;
	esac
done
for port_irq in "$port"/msi_irqs/*; do
	port_irq=${port_irq##*/}
	handled "$port_irq" && break
done
# Its index, counted by the kernel: that of its domain.
port_index=$(($(awk '/hwirq:/ { print $2; exit }' "$core/$port_irq")))

# --- innocent twins ----------------------------------------------------------------

begin innocent

# doorbell-published-early, doorbell-stale-mapping: requested first, withdrawn first
function_bind cxlirq_twin twin
check "twin: published" grep -q '^0 1 set ' $epc/bars
function_unbind twin
# ... and the same while walks see what the function wants, which is not what the controller knows
walks_begin
echo 300 >$parameters/dwell_ms
function_bind cxlirq_twin twin
function_unbind twin
function_bind cxlirq_twin twin
function_unbind twin
echo 0 >$parameters/dwell_ms
walks_end

# doorbell-on-mutable-parent, doorbell-message-changed: the parent says that its messages stay, and
# so they do
control adopt cxlirq_epc
echo 1 >$msi/immutable
echo Y >$parameters/raw
function_bind cxlirq_twin twin
a=$(irq cxlirq_epc 0)
was=$(message "$a")
move "$a" 2
check "twin: moved" test "$(effective "$a")" = 1
check "twin: the message stays" test "$(message "$a")" = "$was"
function_unbind twin
echo N >$parameters/raw

# immutable-message-changed: the same
control add firm 1
move "$(irq firm 0)" 2
check "twin: firm" test "$(effective "$(irq firm 0)")" = 1
# ... and one that nobody promised to keep
echo 0 >$msi/immutable
control add soft 1
a=$(irq soft 0)
was=$(message "$a")
control change "$a" 0xfeedf00d0000 7
check "twin: another message" test "$(message "$a")" != "$was"

# vector-refused: one that is shared
control add pair 1
control child guest pair
control request pair 0 guest
# vector-outlives-provider: the child goes first
control free pair 0 guest
control del guest
control del pair

# vector-orphaned: the handler comes back; its device stays, as a network interface that is down;
# there never was one
control add idle 1
control free idle 0
control request idle 0
control add down 1
control free down 0
control add bare 1 bare

# message-collision: a PCI function's message changes, and nobody has that one
port_was=$(core_message "$port_irq")
control change "$port_irq" "${port_was% *}" 0xe0
check "twin: a message of its own" test "$(core_message "$port_irq")" != "$port_was"
control change "$port_irq" "${port_was% *}" "${port_was#* }"

# vector-hidden: sysfs is read, the interrupt is looked at
echo change >"$port/uevent"
move "$port_irq" 1

# pmu-vector-misplaced: where its PMU is; and a request for that CPU, which waits
move "$pmu_irq" $((1 << cpu))
trigger "$pmu_irq"
check "twin: the PMU's vector" test "$(effective "$pmu_irq")" = "$cpu"
# ... and on its way there, which is what its driver asked for; it never fires
echo $((1 << other)) >/proc/irq/default_smp_affinity
write $cpmu/control "add $mem 1"
echo 3 >/proc/irq/default_smp_affinity
late_irq=$(awk '$1 == "cxl_pmu_mem0.1" { print $4 }' $cpmu/pmus)
check "twin: a vector that waits" test "$(effective "$late_irq")" = "$other"
check "twin: ... for its PMU" grep -q "^pending: *$cpu$" "$core/$late_irq"

# The only wait for nothing: longer than the longest time that a rule takes, 10 s and one more
# until the interrupt is looked at.
sleep 12
end

# --- doorbells -----------------------------------------------------------------------

begin published-early
echo 1 >$parameters/count
walks_begin
echo 300 >$parameters/dwell_ms
function_bind cxlirq_early early
echo 0 >$parameters/dwell_ms
walks_end
expect doorbell-published-early $early "$(state irq)" 0 "$(state address) $(state data)" \
	"$(state address) $(state data)" "driver $doer" "BAR 1" "no handler"
end
function_unbind early
order $early allocated published requested freed

begin stale-mapping
echo 300 >$parameters/linger_ms
function_bind cxlirq_twin twin
function_unbind twin
expect doorbell-stale-mapping $twin - 0 - - "driver $doer" "BAR 1" "for another" "300000..3000000 us"
end

# One that lasts is told while it does, and not again when it ends.
begin stale-mapping-lasts
echo 2500 >$parameters/linger_ms
function_bind cxlirq_twin twin2
function_unbind twin2
check "stale: withdrawn" grep -q '^0 1 clear ' $epc/bars
order $twin2 allocated requested published freed stale stale
expect doorbell-stale-mapping $twin2 - 0 - - "driver $doer" "BAR 1" "still" "1000000..2500000 us"
end
echo 0 >$parameters/linger_ms

# The kernel's own function frees its doorbell before it takes the BAR back.
begin stale-mapping-kernel
function_bind pci_epf_test test
echo 1 >$config/controllers/cxlirq_epc/start
status() {
	echo '0 8' >$epc/host_read
	[ $(($(cat $epc/host_read) & $1)) -ne 0 ]
}
echo '0 4 0x40' >$epc/host_write
check "pci-epf-test: enabled" wait_for 5 status 0x400
echo '0 4 0x80' >$epc/host_write
check "pci-epf-test: disabled" wait_for 5 status 0x1000
order $test allocated requested published freed stale
expect doorbell-stale-mapping $test - 0 - - "driver kworker/* * 0" "for another" "1..1000000 us"
end
echo 0 >$config/controllers/cxlirq_epc/start
function_unbind test

begin mutable-parent
echo 2 >$parameters/count
echo Y >$parameters/raw
function_bind cxlirq_twin twin
a=$(irq cxlirq_epc 0) b=$(irq cxlirq_epc 1)
for index in 0 1; do
	expect doorbell-on-mutable-parent cxlirq_epc "$(irq cxlirq_epc $index)" $index - - \
		"driver $doer" cxlirq-msi "does not declare"
done
end

# The daemon has been asked since: its walk found whose they are.
begin doorbell-moved
echo Y >$msi/follow
was=$(message "$a")
move "$a" 2
expect doorbell-message-changed $twin "$a" 0 "$was" "$(message "$a")" \
	"affinity-write $doer"
end
echo N >$msi/follow

begin doorbell-changed
was=$(message "$b")
control change "$b" 0xfeed1000 0x5
expect doorbell-message-changed $twin "$b" 1 "$was" "0xfeed1000 0x5" "driver $doer"
check "doorbell: changed" test "$(message "$b")" = "0xfeed1000 0x5"
end
function_unbind twin
echo N >$parameters/raw

# --- messages --------------------------------------------------------------------------

begin immutable-moved
echo 1 >$msi/immutable
control add liar 2
a=$(irq liar 0) b=$(irq liar 1)
echo Y >$msi/follow
was=$(message "$a")
move "$a" 2
expect immutable-message-changed liar "$a" 0 "$was" "$(message "$a")" "affinity-write $doer" \
	MSI_IMMUTABLE cxlirq-msi
end
echo N >$msi/follow

begin immutable-changed
was=$(message "$b")
control change "$b" 0xfeed0000 0x1ff0
expect immutable-message-changed liar "$b" 1 "$was" "$(message "$b")" "driver $doer" MSI_IMMUTABLE
end
echo 0 >$msi/immutable

begin collision
control collide "$port_irq" "$pmu_irq"
same=$(core_message "$pmu_irq")
check "collision: one message" test "$(core_message "$port_irq")" = "$same"
if [ "$port_irq" -lt "$pmu_irq" ]; then
	at="${port##*/} $port_irq $port_index"
else
	at="$mem $pmu_irq 6"
fi
# shellcheck disable=SC2086  # three words
expect message-collision $at "$same" "$same" - "${port##*/}" "$mem"
end
control change "$port_irq" "${port_was% *}" "${port_was#* }"

# --- owners ----------------------------------------------------------------------------

begin refused
control add host 1
control child guest host
a=$(irq host 0)
echo demand host 0 guest >/tmp/value
sh -c 'echo $$ >/tmp/doer.pid; exec dd if=/tmp/value of='$msi/control 2>/tmp/refusal
check "refused" grep -q "busy" /tmp/refusal
expect vector-refused host "$a" 0 - - "driver dd $(cat /tmp/doer.pid) 0" "busy"
end

begin outlives
control leave host 0 guest
check "outlives: no vector" test -z "$(irq host 0)"
expect vector-outlives-provider host "$a" 0 - - "driver $doer" guest "gave back"
end

begin hidden
mount -t tmpfs tmpfs "$port/msi_irqs"
check "hidden" test -z "$(ls "$port/msi_irqs")"
echo change >"$port/uevent"
move "$port_irq" 1
check "hidden: there is a handler" handled "$port_irq"
expect vector-hidden "${port##*/}" "$port_irq" "$port_index" - - - msi_irqs
end
umount "$port/msi_irqs"
echo change >"$port/uevent"

begin misplaced
move "$pmu_irq" $((1 << other))
trigger "$pmu_irq"
check "misplaced" wait_for 5 sh -c "[ \$(cat /proc/irq/$pmu_irq/effective_affinity_list) = $other ]"
check "misplaced: the PMU is not" test \
	"$(cat /sys/bus/event_source/devices/cxl_pmu_mem0.0/cpumask)" = "$cpu"
expect pmu-vector-misplaced "$mem" "$pmu_irq" 6 - - "affinity-write $doer" cxl_pmu_mem0.0 \
	"CPU $other" "CPU $cpu"
end

# The last one, for all that was done before has its time to be found once more meanwhile.
begin orphaned
control add owner 1
control child lodger owner
a=$(irq owner 0)
control request owner 0 lodger
control free owner 0
control del lodger
check "orphaned: no handler" test -z "$(cat "/sys/kernel/irq/$a/actions")"
check "orphaned: allocated" test "$(irq owner 0)" = "$a"
check "orphaned: bound" test -e /sys/bus/platform/devices/owner/driver
expect vector-orphaned owner "$a" 0 - - "driver $doer" lodger "owner, which provides it"
end 20

# --- the end -----------------------------------------------------------------------------

cxlirqctl status --json >$out/status.json 2>/dev/null
cxlirqctl doorbells --json >$out/doorbells.json 2>/dev/null
kill $events
kill $daemon
if wait $daemon; then
	pass "cxlirqd ends"
else
	fail "cxlirqd ends" "exit status $?: $(cat $out/cxlirqd.log)"
fi
result $out/*
