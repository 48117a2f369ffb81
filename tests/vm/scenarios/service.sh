#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# As whom the daemon runs makes no difference to what it sees: root; root who
# becomes the user cxlirqd; and that user with the capabilities of the unit
# alone. Each time it is left with two of them, and the process that reads
# config space with one.
# On the bench kernel, what a reload makes of the settings that only a host
# with such devices can show.
#
#: modules cxl_acpi cxl_pci cxl_port cxl_mem nvme virtio_net
#: on arm64 modules nvme virtio_net
#: on bench external cxlirq_msi
#: programs setpriv
#: on arm64 programs
#: timeout 900

# shellcheck source=tests/vm/guest.sh
. /guest.sh

USER=990
grep -q ^cxlirqd: /etc/passwd || echo "cxlirqd:x:$USER:$USER::/:/bin/sh" >>/etc/passwd
grep -q ^cxlirqd: /etc/group || echo "cxlirqd:x:$USER:" >>/etc/group
conf=/tmp/service.conf

# settings LINE...
settings() {
	printf '%s\n' "[Export]" "Listen=" "Report=" "[Store]" "Enabled=no" "$@" >$conf
}

# start NAME COMMAND...: the daemon is $daemon, and what it says is in /tmp/log
start() {
	_start=$1
	shift
	"$@" >/tmp/log 2>&1 &
	daemon=$!
	wait_for 120 answers || fail "$_start: it answers" "$(cat /tmp/answers.err /tmp/log)"
}

stop() {
	kill "$daemon"
	wait "$daemon" || fail "$1: it ends well" "exit status $?: $(cat /tmp/log)"
}

# status_of PID FIELD
status_of() {
	sed -n "s/^$2:[[:space:]]*//p" "/proc/$1/status" | tr '\t' ' '
}

# left_with NAME PID UID CAPABILITIES
left_with() {
	same "$1: user" "$(status_of "$2" Uid)" "$3 $3 $3 $3"
	same "$1: capabilities" "$(status_of "$2" CapPrm) $(status_of "$2" CapEff)" "$4 $4"
	same "$1: and no others to come" "$(status_of "$2" CapInh) $(status_of "$2" CapAmb) $(status_of "$2" NoNewPrivs)" \
		"0000000000000000 0000000000000000 1"
}

# sees: hooks, and features of config space, in numbers
sees() {
	cxlirqctl status --json >/tmp/status.json 2>/dev/null
	cxlirqctl devices --json >/tmp/devices.json
	echo "$(sed -n 's/^ *"hooks_attached": \([0-9]*\),/\1/p' /tmp/status.json) hooks, $(grep -c '"hardware_message": [0-9]' /tmp/devices.json) messages of $(grep -c '"feature"' /tmp/devices.json) features"
}

# child NAME: of the daemon; the kernel keeps 15 letters of it
child() {
	grep -l "^Name:[[:space:]]*$1\$" /proc/[0-9]*/status | while IFS=/ read -r _ _ pid _; do
		[ "$(status_of "$pid" PPid)" != "$daemon" ] || echo "$pid"
	done
}

# judge NAME UID
judge() {
	left_with "$1" "$daemon" "$2" 000000c000000000
	reader=$(child cxlirqd-config)
	left_with "$1, reader of config space" "$reader" "$2" 0000000000200000
	same "$1, reader: system calls are filtered" "$(status_of "$reader" Seccomp)" 2
	seen=$(sees)
}

# writes NAME: who sets affinities for a daemon that was started as root is root's, and nothing else
writes() {
	writer=$(child cxlirqd-affinit)
	left_with "$1, writer of affinities" "$writer" 0 0000000000000000
	same "$1, writer: system calls are filtered" "$(status_of "$writer" Seccomp)" 2
}

settings "[Daemon]" "User="
start "root" cxlirqd -c $conf
judge "root" 0
writes "root"
stop "root"
expected=$seen
note "$expected"
case $expected in
"0 hooks"* | *" 0 features") fail "root sees something" "$expected" ;;
*) pass "root sees something" ;;
esac

settings
start "by hand" cxlirqd -c $conf
judge "by hand" $USER
writes "by hand"
same "by hand: it sees the same" "$seen" "$expected"
same "by hand: the socket's directory" "$(stat -c %u:%g:%a /run/cxlirqd)" "$USER:$USER:755"
stop "by hand"
check "by hand: it takes its socket away" test ! -e /run/cxlirqd/io.cxlirqd

# as the unit has them; by its path, for the shell would take its own setpriv, which knows less
set -- -all,+bpf,+perfmon,+syslog,+sys_admin
if [ "$(uname -m)" = x86_64 ]; then
	start "as the unit" /bin/setpriv --reuid=$USER --regid=$USER --clear-groups --no-new-privs \
		--inh-caps="$1" --ambient-caps="$1" --bounding-set="$1" cxlirqd -c $conf
	judge "as the unit" $USER
	same "as the unit: it sees the same" "$seen" "$expected"
else # there is no setpriv for it
	start "by hand, again" cxlirqd -c $conf
fi

# --- a reload ---------------------------------------------------------------------

msi=/sys/kernel/debug/cxlirq_msi

# read_again N: so often
read_again() {
	[ "$(grep -c "settings read again" /tmp/log)" -eq "$1" ]
}

# doorbells: how many there are, those aside that were freed
doorbells() {
	cxlirqctl doorbells --json | grep '"state"' | grep -vc '"freed"'
}

doorbells_are() {
	[ "$(doorbells)" -eq "$1" ]
}

if [ -e /lib/cxlirq/cxlirq_msi.ko ]; then
	insmod /lib/cxlirq/cxlirq_msi.ko
	echo 1 >$msi/immutable
	echo "add plain 4" >$msi/control
	device=$(cxlirqctl vectors --json | sed -n 's/^ *"provider": "\(.*plain.*\)",/\1/p' | head -n 1)
	same "no doorbells so far" "$(doorbells)" 0
	settings "[Rules]" "DoorbellDevices=$device" "Disable=vector-hidden"
	check "reload" cxlirqctl reload
	same "vectors that the settings name are doorbells" "$(doorbells)" 4
	echo "del plain" >$msi/control
	echo "add plain 6" >$msi/control
	check "those that come later, too" wait_for 10 doorbells_are 6
	settings
	check "reload again" cxlirqctl reload
	same "and then they are none" "$(doorbells)" 0
	cxlirqctl status --json >/tmp/status.json
	check "no record is lost" grep -q '"lost": \[\]' /tmp/status.json
fi
again=$(grep -c "settings read again" /tmp/log)
kill -HUP "$daemon"
check "SIGHUP" wait_for 10 read_again $((again + 1))
check "it lives on" answers
stop "at the end"
