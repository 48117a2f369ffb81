# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The package goes: removed, it leaves its history and settings; purged, nothing.

mkdir -p /etc/cxlirqd.conf.d
printf '[Daemon]\nLogLevel=info\n' >/etc/cxlirqd.conf.d/mine.conf
check "apt-get remove" apt-get -y -q remove cxlirqd
same "no unit" "$(systemctl list-units --all --no-legend --plain 'cxlirqd*' | grep -v not-found)" ""
same "no process" "$(pgrep -x cxlirqd)" ""
check "history stays" test -s /var/lib/cxlirqd/history.db
check "settings stay" test -s /etc/cxlirqd.conf.d/mine.conf
check "apt-get purge" apt-get -y -q purge cxlirqd
# What only came with it
check "apt-get autoremove" apt-get -y -q autoremove --purge
take_inventory /var/tmp/after
for what in files passwd group dpkg run bpf cgroup; do
	if differences=$(diff "/var/tmp/before/$what" "/var/tmp/after/$what"); then
		pass "nothing is left: $what"
	else
		fail "nothing is left: $what" "$differences"
	fi
done
