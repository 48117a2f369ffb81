#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The kernel's own silent drop: an MSI doorbell's message goes to the first
# function of the controller, which is another one than that which has the
# doorbell. cxlirqd says so, once; and nothing when the function is the first.
# Only where doorbells are vectors: arm64 with its ITS.
#
#: carry pci_epf_test
#: external cxlirq_epc cxlirq_epf
#: timeout 900

# shellcheck source=tests/vm/guest.sh
. /guest.sh

config=/sys/kernel/config/pci_ep
parameters=/sys/module/cxlirq_epf/parameters
mount -t configfs configfs /sys/kernel/config 2>/dev/null
mount -t debugfs debugfs /sys/kernel/debug 2>/dev/null

# function_new KIND NAME
function_new() {
	mkdir "$config/functions/$1/$2" && echo 8 >"$config/functions/$1/$2/msi_interrupts"
}

bind() {
	ln -s "$config/functions/$1/$2" "$config/controllers/$controller/"
}

unbind() {
	rm "$config/controllers/$controller/$1"
}

# message of interrupt $1 by the interrupt core: address/data as the ITS has them
event_of() {
	sed -n 's/^ *hwirq: *//p' "/sys/kernel/debug/irq/irqs/$1" | head -n 1
}

doorbell_irq() {
	awk '/cxlirq_doorbell/ { print $1 + 0; exit }' /proc/interrupts
}

# doorbell_is FIELD VALUE: so says the daemon of the one doorbell that there is
doorbell_is() {
	[ "$(cxlirqctl doorbells --json | sed -n "s/^.*\"$1\": \"\([^\"]*\)\".*/\1/p" | tail -n 1)" = "$2" ]
}

for module in cxlirq_epc cxlirq_epf; do
	insmod "/lib/cxlirq/$module.ko" || fail "module" "$module does not load"
done
modprobe pci_epf_test || fail "module" "pci_epf_test does not load"
echo 1 >"$parameters/count"
controller=$(ls "$config/controllers")
cxlirqd >/tmp/cxlirqd.log 2>&1 &
daemon=$!
wait_for 240 answers || fail "cxlirqd answers" "$(cat /tmp/answers.err /tmp/cxlirqd.log)"
function_new cxlirq_twin twin
function_new pci_epf_test other

# the innocent twin: the first function, and another one behind it
bind cxlirq_twin twin
bind pci_epf_test other
check "the first function's doorbell is published" wait_for 30 doorbell_is state published
sleep 2 # for what is not to come
same "the first function's copy is taken" "$(cxlirqctl violations --all --json 2>/dev/null)" "[]"
unbind twin

# now behind the other
echo Y >"$parameters/behind"
bind cxlirq_twin twin
irq=$(doorbell_irq)
check "it is judged" wait_for 30 doorbell_is verdict violated
cxlirqctl violations --all --json >/tmp/violations
cxlirqctl doorbells --json >/tmp/doorbells
same "one violation" "$(grep '"rule":' /tmp/violations | tr -d ' \n')" \
	'"rule":"doorbell-message-dropped",'
same "of that function" "$(grep -E '"device"|"irq"|"index"|"count"' /tmp/violations | tr -d ' \n')" \
	"\"device\":\"cxlirq_twin.0\",\"irq\":$irq,\"index\":0,\"count\":1,"
same "which other function is first is told" "$(grep -c 'another function is the first' /tmp/violations)" 1
# the ITS makes the data of the event's number, which is the lowest level's hwirq
same "the message that was lost" "$(tr -d ' \n' </tmp/violations | sed 's/.*"new_message":{[^}]*"data":"\([^"]*\)".*/\1/')" \
	"$(printf '0x%08x' "$(event_of "$irq")")"
same "the verdict" "$(grep -c '"verdict": "violated"' /tmp/doorbells)" 1
unbind twin
check "its doorbell goes" wait_for 30 doorbell_is state freed
sleep 1 # for what is not to come
same "nothing more when it goes" "$(cxlirqctl violations --all --json | grep -c '"rule":')" 1
check "cxlirqd is still there" kill -0 "$daemon"
cxlirqctl events --json >/tmp/events
result /tmp/violations /tmp/doorbells /tmp/events /tmp/cxlirqd.log
