# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The daemon goes and comes while somebody changes an interrupt's affinity, in
# every way in which it can go: each change is told, once, in its order.
#
# The programs stay attached in /sys/fs/bpf meanwhile, and their ring keeps what
# they tell.

log=/tmp/writes

start_load() {
	gaps_before=$(gaps)
	irq=$(movable_irq)
	rm -f $log
	# Not where the first of them goes
	echo 0-1 >"/proc/irq/$irq/smp_affinity_list"
	python3 mover.py "$irq" $log 2>/tmp/writes.err &
	mover=$!
	await 60 grown 5
}

grown() {
	[ -e $log ] && [ "$(wc -l <$log)" -ge "$1" ]
}

# Some more of them, with the daemon that is there now
let_grow() {
	await 60 grown "$(($(wc -l <$log) + 10))" || fail "load" "$(cat /tmp/writes.err)"
}

# While the machine was off there was one.
gaps() {
	cxlirqctl history --json | jq -c 'select(.type == "gap")' | wc -l
}

# What the daemons, one after the other, have written down of it
all_told() {
	cxlirqctl history --json --irq "$irq" 2>/tmp/told.err | jq -r --argjson pid "$mover" \
		'select(.type == "affinity-change" and .cause.pid == $pid) | .new' >/tmp/told
	[ "$(wc -l </tmp/told)" -ge "$(wc -l <$log)" ]
}

# end_load NAME: what was written against what is told
end_load() {
	let_grow
	kill "$mover"
	wait "$mover" 2>/dev/null
	await 60 all_told
	if differences=$(diff $log /tmp/told); then
		pass "$1: all of its changes are told, in their order"
	else
		fail "$1: all of its changes are told, in their order" \
			"$(wc -l <$log) written, $(wc -l </tmp/told) told; $(head -n 8 <<<"$differences") $(cat /tmp/told.err)"
	fi
	note "$1: $(wc -l <$log) changes meanwhile"
	same "$1: records lost" "$(cxlirqctl status --json | jq '[.lost[].count] | add // 0')" 0
	same "$1: gaps" "$(gaps)" "$gaps_before"
}

# Another process, which answers
another() {
	local now
	now=$(main_pid)
	[ "$now" != 0 ] && [ "$now" != "$pid" ] && [ "$(systemctl is-active cxlirqd)" = active ] && answers
}

# --- by the administrator -------------------------------------------------------

start_load
for _ in 1 2; do
	pid=$(main_pid)
	check "systemctl restart" systemctl restart cxlirqd
	check "another process" another
	let_grow
done
end_load "restart"
check "healthy after it" healthy

# --- by the package manager, where the guest has one --------------------------------

if [ -d apt ]; then
	start_load
	pid=$(main_pid)
	check "apt-get install --reinstall" apt-get -y -q install --reinstall /run/cxlirq/apt/cxlirqd_*.deb
	check "another process, of the upgrade" await 120 another
	end_load "upgrade"
fi

# --- by a crash -------------------------------------------------------------------

systemctl reset-failed cxlirqd
start_load
pid=$(main_pid)
check "SIGKILL" systemctl kill --kill-whom=main -s KILL cxlirqd
check "it is started again" await 120 another
same "by systemd" "$(value NRestarts)" 1
end_load "crash"

# --- by the watchdog ----------------------------------------------------------------

# A short one; for no more than this, for a host that is short of CPUs puts a guest aside for seconds.
drop_in=/run/systemd/system/cxlirqd.service.d/test.conf
mkdir -p "${drop_in%/*}"
printf '[Service]\nWatchdogSec=10s\n' >$drop_in
systemctl daemon-reload
systemctl restart cxlirqd
start_load
pid=$(main_pid)
since=$(date +%s)
# 0, where there is none, would be this process and all around it.
freeze() {
	[ "$pid" -gt 1 ] && kill -STOP "$pid"
}
check "SIGSTOP" freeze
check "it is killed and started again" await 240 another
check "for the watchdog's sake" grep -qi 'watchdog timeout' \
	<(journalctl -u cxlirqd --since "@$since" --no-pager -o cat)
end_load "watchdog"
rm -rf "${drop_in%/*}"
systemctl daemon-reload
check "healthy at the end" healthy
