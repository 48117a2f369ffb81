# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# New settings without a new process: nothing that is known is lost, no client
# is cut off, and what is wrong with the settings is said and not taken.

settings=/etc/cxlirqd.conf.d/test.conf
mkdir -p "${settings%/*}"

# answers_http PORT
answers_http() {
	curl -sS -o /dev/null "http://127.0.0.1:$1/healthz" 2>/dev/null
}

# reload NAME
reload() {
	check "$1" systemctl reload cxlirqd
}

pid=$(main_pid)
records=$(cxlirqctl status --json | jq .records)
# Somebody who listens all the while
cxlirqctl events --follow --json >/tmp/followed 2>/tmp/followed.err &
follower=$!

cat >$settings <<-END
	[Daemon]
	LogLevel=debug
	[Export]
	Listen=127.0.0.1:9968
	[Rules]
	Disable=vector-hidden
END
reload "systemctl reload"
same "its process" "$(main_pid)" "$pid"
same "active" "$(systemctl is-active cxlirqd)" active
same "the new log level" "$(cxlirqctl log-level)" debug
check "the exporter on its new port" await 30 answers_http 9968
check "and no more on the old one" test "$(curl -sS -o /dev/null http://127.0.0.1:9967/ 2>&1 | wc -l)" -eq 1

mkdir -p /run/cxlirqd
cat >$settings <<-END
	[Export]
	Listen=unix:/run/cxlirqd/http
END
reload "systemctl reload, to a UNIX socket"
same "the exporter there" "$(curl -sS --unix-socket /run/cxlirqd/http http://localhost/metrics |
	grep -c '^cxlirq_up 1$')" 1
same "the log level of before" "$(cxlirqctl log-level)" info

cat >$settings <<-END
	[Daemon]
	LogLevel=loud
	Colour=blue
END
since=$(date +%s)
systemctl reload cxlirqd 2>/dev/null
same "active, with wrong settings" "$(systemctl is-active cxlirqd)" active
for line in 2 3; do
	check "what is wrong, with file and line $line" grep -q "test.conf:$line" \
		<(journalctl -u cxlirqd --since "@$since" -p warning --no-pager -o cat)
done

rm -f $settings
check "kill -HUP" systemctl kill --kill-whom=main -s HUP cxlirqd
check "the exporter in its place" await 30 answers_http 9967
same "the same process, still" "$(main_pid)" "$pid"
same "records lost" "$(cxlirqctl status --json | jq '[.lost[].count] | add // 0')" 0
check "records counted on" test "$(cxlirqctl status --json | jq .records)" -ge "$records"

# An event now: it reaches who listened before.
irq=$(movable_irq)
before=$(wc -l </tmp/followed)
change_affinity "$irq"
more_followed() {
	[ "$(wc -l </tmp/followed)" -gt "$before" ]
}
check "a client that listened before still does" await 30 more_followed
kill "$follower" 2>/dev/null
