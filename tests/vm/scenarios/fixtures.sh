#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Proves the fixtures (tests/vm/modules): that the kernel's own endpoint
# functions run on the controller that has no hardware, and that each
# misbehaviour happens as it says, by what the kernel itself shows of it.
#
#: carry pci_epf_test pci_epf_vntb
#: external cxlirq_epc cxlirq_epf cxlirq_msi
#: machine cxl

. /guest.sh

epc=/sys/kernel/debug/cxlirq_epc
config=/sys/kernel/config/pci_ep
mount -t configfs configfs /sys/kernel/config 2>/dev/null
mount -t debugfs debugfs /sys/kernel/debug 2>/dev/null

# state WORD: what the controller says of itself
state() {
	awk -v word="$1" '$1 == word { print $2 }' "$epc/state"
}

# interrupts IRQ: how often, on all CPUs
interrupts() {
	awk -v irq="$1:" '$1 == irq { for (i = 2; $i ~ /^[0-9]+$/; i++) sum += $i }
		END { print sum + 0 }' /proc/interrupts
}

# function_new KIND NAME: makes an endpoint function
function_new() {
	mkdir "$config/functions/$1/$2" && echo 8 >"$config/functions/$1/$2/msi_interrupts"
}

function_bind() {
	ln -s "$config/functions/$1/$2" "$config/controllers/cxlirq_epc/"
}

function_unbind() {
	rm "$config/controllers/cxlirq_epc/$1"
}

# start 0|1: the link
start() {
	echo "$1" >"$config/controllers/cxlirq_epc/start"
}

# host_read BAR OFFSET
host_read() {
	echo "$*" >"$epc/host_read" && cat "$epc/host_read"
}

host_write() {
	echo "$*" >"$epc/host_write"
}

# pci-epf-test's registers in BAR 0
COMMAND=4
STATUS=8
DOORBELL_BAR=52
DOORBELL_OFFSET=56
DOORBELL_DATA=60

# status BIT: set in the status?
status() {
	[ $(($(host_read 0 $STATUS) & $1)) -ne 0 ]
}

check "cxlirq_epc loads" insmod /lib/cxlirq/cxlirq_epc.ko
check "its controller is there" test -d "$config/controllers/cxlirq_epc"
check "pci-epf-test loads" modprobe pci_epf_test
check "pci-epf-test is made" function_new pci_epf_test func1
check "pci-epf-test binds" function_bind pci_epf_test func1
check "its registers are in BAR 0" grep -q '^0 0 set .* ram' "$epc/bars"
check "start" start 1

irq=$(state irq)
host_write 0 $COMMAND 0x40
check "doorbell: enabled" wait_for 5 status 0x400
check "doorbell: requested" grep -q "^ *$irq:.*cxlirq-epc.*pci-ep-test-doorbell" /proc/interrupts
check "doorbell: no irq_domain" grep -q '^domain: *$' "/sys/kernel/debug/irq/irqs/$irq"
bar=$(($(host_read 0 $DOORBELL_BAR)))
offset=$(($(host_read 0 $DOORBELL_OFFSET)))
data=$(($(host_read 0 $DOORBELL_DATA)))
check "doorbell: published" grep -q "^0 $bar set .* io" "$epc/bars"
before=$(interrupts "$irq")
check "doorbell: rung" host_write $bar $offset $data
check "doorbell: status" wait_for 5 status 0x200
check "doorbell: counted" test "$(interrupts "$irq")" -eq $((before + 1))
host_write 0 $COMMAND 0x80
check "doorbell: disabled" wait_for 5 status 0x1000
check "doorbell: freed" sh -c "! grep -q pci-ep-test-doorbell /proc/interrupts"
check "doorbell: BAR is RAM again" grep -q "^0 $bar set .* ram" "$epc/bars"

# Only the first function of a controller can have doorbells.
check "two: the second is made" function_new pci_epf_test func2
check "two: the second binds" function_bind pci_epf_test func2
start 0
start 1
echo "0 4 0x40 1" >"$epc/host_write"
check "two: its doorbell is refused" wait_for 5 sh -c \
	"echo '0 8 1' >$epc/host_read; [ \$((\$(cat $epc/host_read) & 0x800)) -ne 0 ]"
start 0
check "unbind" function_unbind func1
check "unbind the second" function_unbind func2

# On x86 its virtual bus cannot be had: the kernel would take the function's data for its own
# struct pci_sysdata. With the number of a bus that exists, the function learns that before any
# harm is done, and last: everything is made, and undone.
check "pci-epf-vntb loads" modprobe pci_epf_vntb
check "vntb: made" function_new pci_epf_vntb func3
vntb=$(echo "$config"/functions/pci_epf_vntb/func3/pci_epf_vntb.*)
for setting in db_count=4 num_mws=1 mw1=0x10000 spad_count=8 vbus_number=0; do
	echo "${setting#*=}" >"$vntb/${setting%=*}" ||
		fail "vntb: $setting" "cannot be set"
done
check "vntb: no bus" sh -c "! ln -s $config/functions/pci_epf_vntb/func3 \
	$config/controllers/cxlirq_epc/ 2>/dev/null"
check "vntb: had published its doorbells" grep -q \
	"^0 1 clear $(state address | sed 's/..$/../') .* io" "$epc/bars"

check "cxlirq_msi loads" insmod /lib/cxlirq/cxlirq_msi.ko
msi=/sys/kernel/debug/cxlirq_msi

control() {
	echo "$*" >"$msi/control"
}

# refused ERROR COMMAND...: as the shell words it
refused() {
	_error=$1
	shift
	! _said=$(control "$@" 2>&1) && case $_said in
	*"$_error"*) ;;
	*) echo "$_said" && false ;;
	esac
}

# irq DEVICE INDEX
irq() {
	awk -v dev="$1" -v index_="$2" '$2 == dev && $3 == index_ { print $1 }' "$msi/vectors"
}

# message IRQ: "ADDRESS DATA"
message() {
	awk -v irq="$1" '$1 == irq { print $5, $6 }' "$msi/vectors"
}

# the same, by the interrupt core; of the outermost domain
core_message() {
	# shellcheck disable=SC2046  # three numbers
	set -- $(awk '/address_[hl][io]:|msg_data:/ { print $2 }' "/sys/kernel/debug/irq/irqs/$1")
	printf '0x%x 0x%x\n' $(($1 << 32 | $2)) "$3"
}

# handled IRQ BY: how often that device handled it
handled() {
	awk -v irq="$1" -v by="$2" '$1 == irq && $3 == by { print $4 }' "$msi/handlers"
}

check "plain: made" control add plain 3
a=$(irq plain 0) b=$(irq plain 1)
check "plain: handled by its driver" test "$(grep -c ' plain-[012]$' /proc/interrupts)" = 3
check "plain: its domain" grep -q 'cxlirq-pMSI-plain' "/sys/kernel/debug/irq/irqs/$a"
check "plain: above the controller's" grep -q 'cxlirq-msi' "/sys/kernel/debug/irq/irqs/$a"
control ring "$a"
check "plain: rung" test "$(interrupts "$a") $(handled "$a" plain) $(interrupts "$b")" = "1 1 0"
check "plain: its message" test "$(core_message "$a")" = "$(message "$a")"

# What follows affinity, and what does not.
affine() {
	echo "$2" >"/proc/irq/$1/smp_affinity" && test "$(cat "/proc/irq/$1/effective_affinity")" = "$2"
}
was=$(message "$a")
check "affinity: moved" affine "$a" 2
check "affinity: the message stays" test "$(message "$a")" = "$was"
echo Y >$msi/follow
affine "$a" 1
check "follow: moved" affine "$a" 2
check "follow: the message is another" test "$(message "$a")" != "$was"
check "follow: the core has it" test "$(core_message "$a")" = "$(message "$a")"
control ring "$a"
check "follow: rung" test "$(interrupts "$a")" = 2
echo N >$msi/follow

# The flag in its number: the kernel's debugfs has no name for this one.
immutable() {
	set -- /sys/kernel/debug/irq/domains/*cxlirq-msi*
	[ $(($(awk '/flags:/ { print $2 }' "$1") & 0x800)) -ne 0 ]
}
if immutable; then
	fail "immutable: not said" "the flag is set"
else
	pass "immutable: not said"
fi
echo 1 >$msi/immutable
check "immutable: said" immutable
echo 0 >$msi/immutable

check "change" control change "$b" 0xfeedf00d0000 7
check "change: the core has it" test "$(core_message "$b")" = "0xfeedf00d0000 0x7"
control ring "$b"
check "change: lost" test "$(interrupts "$b") $(cat $msi/lost)" = "0 1"

check "collide" control collide "$b" "$a"
check "collide: one message" test "$(message "$b")" = "$(message "$a")"
control ring "$b"
check "collide: the other's interrupt" test "$(interrupts "$a") $(interrupts "$b")" = "3 0"

check "borrow: a child" control child guest plain
check "borrow: its handler" control request plain 2 guest
c=$(irq plain 2)
control ring "$c"
check "borrow: both handle it" test "$(handled "$c" plain) $(handled "$c" guest)" = "1 1"
check "borrow: provider stays" refused "busy" del plain
check "demand: refused" refused "busy" demand plain 2 guest
check "orphan: the provider's handler goes" control free plain 2
check "orphan: the child's goes" control free plain 2 guest
check "orphan: no handler" sh -c "! grep -q 'plain-2' /proc/interrupts"
check "orphan: still allocated" test "$(irq plain 2) $(cat "/sys/kernel/irq/$c/actions")" = "$c "

check "leave: made" control add host 1
d=$(irq host 0)
check "leave: a child" control child lodger host
check "leave" control leave host 0 lodger
check "leave: no vector" test -z "$(irq host 0)" -a ! -d "/proc/irq/$d"
check "leave: the child goes" control del lodger
check "leave: the provider goes" control del host

echo 4 >$msi/limit
check "limit: refused" refused "No space left" add greedy 2
check "limit: no device" test ! -e /sys/bus/platform/devices/greedy
echo 8192 >$msi/limit

before=$(guest_clock)
check "churn" control churn 4096 2
note "churn of 4096, twice: $(($(guest_clock) - before)) hundredths of a second"
check "churn: nothing left" test "$(wc -l <$msi/vectors)" = 3

check "guest goes" control del guest
check "plain goes" control del plain
check "no vector is left" test ! -s $msi/vectors

check "cxlirq_epf loads" insmod /lib/cxlirq/cxlirq_epf.ko
parameters=/sys/module/cxlirq_epf/parameters
for kind in early twin; do
	check "$kind: made" function_new cxlirq_$kind $kind
	check "$kind: binds" function_bind cxlirq_$kind $kind
	check "$kind: requested" grep -q "^ *$irq:.*cxlirq_doorbell" /proc/interrupts
	check "$kind: published" grep -q "^0 1 set 0x1000000[0-9a-f]* .* io" "$epc/bars"
	offset=$((0x1000000040 - $(awk '$1 == 0 && $2 == 1 { print $4 }' "$epc/bars")))
	before=$(interrupts "$irq")
	host_write 1 $offset "$(state data)"
	check "$kind: rung" test "$(interrupts "$irq")" -eq $((before + 1))
	check "$kind: unbinds" function_unbind $kind
	check "$kind: withdrawn" grep -q "^0 1 clear " "$epc/bars"
done

echo 1000 >$parameters/linger_ms
function_bind cxlirq_twin twin
function_unbind twin &
sleep 0.5
check "linger: freed" sh -c "! grep -q cxlirq_doorbell /proc/interrupts"
check "linger: still published" grep -q "^0 1 set " "$epc/bars"
wait $!
check "linger: withdrawn" grep -q "^0 1 clear " "$epc/bars"
echo 0 >$parameters/linger_ms

check "raw: a parent" control adopt cxlirq_epc
echo Y >$parameters/raw
check "raw: binds" function_bind cxlirq_twin twin
a=$(irq cxlirq_epc 0)
check "raw: MSI doorbells" grep -q \
	"^ *$a:.*cxlirq-pMSI-cxlirq_epc.*cxlirq_doorbell" /proc/interrupts
check "raw: published" grep -q "^0 1 set 0xfeed0000 .* io" "$epc/bars"
control ring "$a"
check "raw: rung" test "$(interrupts "$a")" = 1
check "raw: stale" control change "$a" 0xfeed1000 0
check "raw: unbinds" function_unbind twin
function_bind cxlirq_early early
check "raw: the early one publishes nothing" grep -q "^0 1 set 0x0 .* io" "$epc/bars"
check "raw: the early one unbinds" function_unbind early
echo Y >$parameters/drop
function_bind cxlirq_twin twin
check "drop: nothing arrives" grep -q "^0 1 set 0x0 .* io" "$epc/bars"
check "drop: though there is a message" test \
	"$(message "$(irq cxlirq_epc 0)")" = "0xfeed0000 0x0"
check "drop: unbinds" function_unbind twin
check "raw: no vector is left" test ! -s $msi/vectors
