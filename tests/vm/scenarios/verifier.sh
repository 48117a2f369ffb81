#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# What it costs this kernel to believe in each of the daemon's programs, the
# guard's among them: the answer is in /tmp/programs, and tests/vm/verifier.py
# compares it. One is not in it: find_roots runs once, and is gone.
#
#: modules virtio_net
#: built programs
#: timeout 600

# shellcheck source=tests/vm/guest.sh
. /guest.sh

printf '%s\n' "[Daemon]" "User=" "[Export]" "Listen=" "Report=" "[Store]" "Enabled=no" >/tmp/conf
virtio=$(basename "$(readlink -f /sys/bus/virtio/drivers/virtio_net/virtio*/..)")
irq=$(basename -a "/sys/bus/pci/devices/$virtio/msi_irqs"/* | sort -n | head -n 1)

same "no programs before" "$(programs)" ""
cxlirqd -c /tmp/conf >/tmp/log 2>&1 &
daemon=$!
wait_for 240 answers || fail "cxlirqd answers" "$(cat /tmp/answers.err /tmp/log)"
check "a policy" cxlirqctl guard add --irq "$irq"
check "the guard's program" cxlirqctl guard mode enforce
check "programs" sh -c 'programs >/tmp/programs'
kill "$daemon"
wait "$daemon"
none_left() {
	[ -z "$(programs)" ]
}
check "none afterwards" wait_for 10 none_left
result /tmp/programs
