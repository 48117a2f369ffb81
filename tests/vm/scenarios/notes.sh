#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# What the BPF programs note for themselves has a limit: when nothing more fits, each note that was not
# taken is counted, said and told as a metric, and what the records tell is known all the same. Against
# the kernel's own count of calls (a kprobe's), and what the fixtures say of their messages.
#
#: carry pci_epf_test
#: external cxlirq_msi cxlirq_epc
#: built fill-map
#: timeout 900

# shellcheck source=tests/vm/guest.sh
. /guest.sh

msi=/sys/kernel/debug/cxlirq_msi
epc=/sys/kernel/debug/cxlirq_epc
config=/sys/kernel/config/pci_ep
tracing=/sys/kernel/tracing

host_write() {
	echo "$*" >"$epc/host_write"
}

# refused TABLE: how often, by the status
refused() {
	cxlirqctl status --json | tr -d ' \n' | sed -n "s/.*\"kind\":\"$1\",\"count\":\([0-9]*\).*/\1/p"
}

# metric TABLE: the same by the metrics
metric() {
	cxlirqctl metrics --format=text | sed -n "s/^cxlirq_entries_refused_total{table=\"$1\"} //p"
}

# messages: IRQ ADDRESS DATA of each vector that has one
messages() {
	{ cxlirqctl vectors --json | tr -d ' \n' && echo; } | sed 's/{"irq":/\n/g' |
		sed -n 's/^\([0-9]*\),.*"message":{"address":"\([^"]*\)","data":"\([^"]*\)"}.*/\1 \2 \3/p' |
		while read -r irq address data; do
			printf '%d 0x%x 0x%x\n' "$irq" $((address)) $((data))
		done
}

mount -t configfs configfs /sys/kernel/config 2>/dev/null
mount -t debugfs debugfs /sys/kernel/debug 2>/dev/null
mount -t tracefs tracefs $tracing 2>/dev/null
for module in cxlirq_msi cxlirq_epc; do
	insmod "/lib/cxlirq/$module.ko" || fail "module" "$module does not load"
done
modprobe pci_epf_test || fail "module" "pci_epf_test does not load"
cxlirqd >/tmp/cxlirqd.log 2>&1 &
daemon=$!
wait_for 240 answers || fail "cxlirqd answers" "$(cat /tmp/answers.err /tmp/cxlirqd.log)"
same "nothing is refused" "$(refused program-messages)$(metric program-messages)" ""

same "messages: it is full" "$(fill-map messages)" 65536
echo "p:writes platform_msi_write_msi_msg" >>$tracing/kprobe_events
echo 1 >$tracing/events/kprobes/writes/enable
echo "add late 4" >$msi/control
writes=$(awk '$1 == "writes" { print $2 }' $tracing/kprobe_profile)
check "messages: there are some" test "${writes:-0}" -ge 4
same "messages: the status says so" "$(refused program-messages)" "$writes"
same "messages: the metrics say so" "$(metric program-messages)" "$writes"
awk '$2 == "late" { print $1, $5, $6 }' $msi/vectors >/tmp/late
same "messages: all are known" "$(messages | grep -c -F -x -f /tmp/late)" 4
same "the status has it among its reasons" \
	"$(cxlirqctl status --json | grep -c "\"$writes entries found no room in a table\"")" 1

same "doorbells: it is full" "$(fill-map doorbell_functi)" 256
mkdir $config/functions/pci_epf_test/func1
echo 8 >$config/functions/pci_epf_test/func1/msi_interrupts
controller=$(ls $config/controllers)
ln -s $config/functions/pci_epf_test/func1 "$config/controllers/$controller/"
echo 1 >"$config/controllers/$controller/start"
# as a host enables it: whose it is was to be noted before the call and after it, and is in each walk
host_write 0 4 0x40
known() {
	cxlirqctl doorbells | grep -q pci_epf_test
}
check "doorbells: it is known" wait_for 10 known
check "doorbells: the status says so" test "$(refused program-doorbells)" -ge 2
check "doorbells: the metrics say so" test "$(metric program-doorbells)" -ge 2
check "it lives" kill -0 $daemon
kill $daemon
wait $daemon
same "it ends well" $? 0
