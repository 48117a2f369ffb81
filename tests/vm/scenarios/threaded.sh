#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# With threadirqs the kernel puts its own function in the place of a driver's
# handler, which then runs in a thread: the daemon still names the driver's,
# for handlers that were there before it and for those that came later. And a
# trace taken through the socket stands for itself.
#
#: modules cxl_acpi cxl_pci cxl_port cxl_mem nvme virtio_net
#: machine cxl
#: append threadirqs

. /guest.sh

# handler ACTION: the handlers that are named for it, once each
handler() {
	cxlirqctl vectors -n -o ACTION,HANDLER | awk -v action="$1" '$1 == action { print $2 }' |
		sort -u
}

handler_is() {
	[ "$(handler "$1")" = "$2" ]
}

cxlirqd >/tmp/cxlirqd.log 2>&1 &
daemon=$!
check "cxlirqd answers" wait_for 240 sh -c 'cxlirqctl status >/dev/null 2>&1'

# The kernel's own word for it: a thread per handler.
check "handlers are threads" sh -c 'ps -o comm | grep -q "^irq/.*-nvme0q0"'
check "before: nvme" handler_is nvme0q0 nvme_irq
check "before: virtio" handler_is virtio0-config vp_config_changed
check "before: AER" handler_is aerdrv aer_irq

nvme=$(basename "$(readlink -f /sys/class/nvme/nvme0/device)")
echo "$nvme" >/sys/bus/pci/drivers/nvme/unbind
echo "$nvme" >/sys/bus/pci/drivers/nvme/bind
check "nvme is back" wait_for 20 sh -c 'grep -q nvme0q1 /proc/interrupts'
check "after: nvme" handler_is nvme0q0 nvme_irq
cxlirqctl vectors --json >/tmp/vectors.json || fail "vectors" "exit status $?"
check "handlers are named" grep -q nvme_irq /tmp/vectors.json
check "no primary handler is named" sh -c '! grep irq_default_primary /tmp/vectors.json'

check "record" cxlirqctl record -o /tmp/trace --duration 1
check "its replay" sh -c 'cxlirqd --replay /tmp/trace --once >/tmp/once'
check "has every interrupt" test "$(grep -c '"relation"' /tmp/once)" -ge "$(grep -c '"relation"' /tmp/vectors.json)"

kill "$daemon"
if wait "$daemon"; then
	pass "ends"
else
	fail "ends" "exit status $?: $(cat /tmp/cxlirqd.log)"
fi
