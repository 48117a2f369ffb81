#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# A kernel that has BPF-LSM, but was told at boot not to run it: nothing can be
# denied, and whoever asks for it is told why. What is written to a protected
# affinity is told all the same, for it was seen to happen.
#
#: modules virtio_net
#: append lsm=capability,yama
#: timeout 600

# shellcheck source=tests/vm/guest.sh
. /guest.sh

virtio=$(basename "$(readlink -f /sys/bus/virtio/drivers/virtio_net/virtio*/..)")
irq=$(basename -a "/sys/bus/pci/devices/$virtio/msi_irqs"/* | sort -n | head -n 1)
file=/proc/irq/$irq/smp_affinity_list
mkdir -p /tmp/state
printf '%s\n' "[Daemon]" "User=" "[Trace]" "PinDirectory=" "[Export]" "Listen=" "Report=" "[Store]" \
	"Directory=/tmp/state" >/tmp/conf
active=$(cat /sys/kernel/security/lsm)
note "active: $active"
echo 0 >"$file"

cxlirqd --support >/tmp/support
check "--support says so" grep -q "guard.*BPF is not among the active LSMs ($active): boot with lsm=...,bpf" /tmp/support
cxlirqd -c /tmp/conf >/tmp/log 2>&1 &
daemon=$!
wait_for 240 answers || fail "cxlirqd answers" "$(cat /tmp/answers.err /tmp/log)"
check "it is well without" cxlirqctl status
check "a policy" cxlirqctl guard add --irq "$irq"
check "enforce is refused" sh -c '! cxlirqctl guard mode enforce 2>/tmp/refused'
check "with the reason" grep -q "BPF is not among the active LSMs ($active)" /tmp/refused
same "and nothing has changed" "$(cxlirqctl guard mode)" off
check "audit is not" cxlirqctl guard mode audit

mover curious 0 1 1000 1 /tmp/moved 1,1 "$file"
same "a write goes through" "$(awk '{ print $4, $5 }' /tmp/moved)" "1 0"
told() {
	cxlirqctl events --json >/tmp/events
	grep '"type": *"guard-denied"' /tmp/events | grep "\"irq\": *$irq" | grep '"denied": *false' | grep -q '"comm": *"curious"'
}
check "it is told, with who it was" wait_for 20 told
check "and where to" grep -q '"type": *"guard-moved"' /tmp/events
kill "$daemon"
wait "$daemon"
result /tmp/events /tmp/support /tmp/log
