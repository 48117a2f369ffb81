# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# "systemctl stop": the kernel is as it was without the service, and the
# service comes back when somebody asks.

units="cxlirqd.service cxlirqd.socket cxlirqd-report.socket cxlirqd-metrics.socket
	cxlirqd-affinity.socket"

# Programs of ours in the kernel, which keeps the first 15 letters of their names
ours() {
	python3 programs.py
}

none_is_ours() {
	[ -z "$(ours)" ]
}

check "the kernel has the programs while it runs" test "$(ours | wc -l)" -gt 40
# shellcheck disable=SC2086
check "systemctl stop" systemctl stop $units
same "inactive" "$(systemctl is-active cxlirqd)" inactive
same "no program is left in the kernel" "$(await 30 none_is_ours || ours | head -n 3)" ""
same "bpffs" "$(find /sys/fs/bpf -mindepth 1)" ""
same "sockets" "$(find /run -type s -path '*cxlirqd*')" ""
same "port" "$(ss -Hltn 'sport = :9967')" ""
same "processes" "$(ps -o pid= -u cxlirqd)" ""
check "history stays" test -s /var/lib/cxlirqd/history.db

check "systemctl start of the sockets" systemctl start cxlirqd.socket cxlirqd-report.socket
same "nothing runs yet" "$(systemctl is-active cxlirqd)" inactive
# A client waits as long as it is told to: on a machine that is short of CPUs the start takes a while.
check "the first question starts it" cxlirqctl --timeout 170 status
same "active" "$(systemctl is-active cxlirqd)" active

# The exporter's socket in systemd's hands
systemctl stop cxlirqd.service
check "cxlirqd-metrics.socket" systemctl start cxlirqd-metrics.socket
same "the first scrape starts it" "$(curl -sS --max-time 170 http://127.0.0.1:9967/metrics |
	grep -c '^cxlirq_up 1$')" 1
systemctl stop cxlirqd-metrics.socket cxlirqd.service
systemctl start cxlirqd.service
check "as before" await 120 healthy
