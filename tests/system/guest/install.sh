# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# A fresh guest: the package comes in as README says, and answers.

echo "deb [trusted=yes] file:/run/cxlirq/apt ./" >/etc/apt/sources.list.d/cxlirq.list
rm -f /etc/apt/sources.list
apt-get -q update >/tmp/apt.log 2>&1 || fail "apt-get update" "$(tail -n 3 /tmp/apt.log)"
take_inventory /var/tmp/before

if apt-get -y -q install /run/cxlirq/apt/cxlirqd_*.deb >/tmp/apt.log 2>&1; then
	pass "apt-get install ./cxlirqd.deb"
else
	fail "apt-get install ./cxlirqd.deb" "$(tail -n 5 /tmp/apt.log)"
fi
note "$(tail -n 4 /tmp/apt.log)"
same "started by the installation" "$(systemctl is-active cxlirqd)" active
same "enabled" "$(systemctl is-enabled cxlirqd)" enabled
check "dpkg --verify" test -z "$(dpkg --verify cxlirqd)"
await 120 answers || fail "first answer" "$(cat /tmp/answers.err)"
check "cxlirqctl" healthy
