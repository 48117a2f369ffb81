# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# A fresh guest: what "make install" made elsewhere comes in, and README's commands after that are
# typed as they stand there.

tar -c -C made . | tar -x -C / --no-overwrite-dir
mapfile -t commands < <(sed -n '/^## On a real host/,/^## /s/^\(systemd-sysusers .*\|systemctl start .*\)/\1/p' README.md |
	sed 's/ *#.*//')
same "README has commands for it" "${#commands[@]}" 2
for command in "${commands[@]}"; do
	check "README: $command" bash -c "$command"
done
same "started" "$(systemctl is-active cxlirqd)" active
same "not enabled" "$(systemctl is-enabled cxlirqd)" disabled
await 120 answers || fail "first answer" "$(cat /tmp/answers.err)"
check "cxlirqctl" healthy
check "systemctl enable" systemctl enable cxlirqd
for unit in cxlirqd.service cxlirqd.socket cxlirqd-report.socket; do
	same "enabled: $unit" "$(systemctl is-enabled $unit)" enabled
done
