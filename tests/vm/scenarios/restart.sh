#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Daemons that follow each other without a gap. Programs, ring and links are
# pinned; while an origin of changes goes on and on, daemons are stopped, killed
# and started, and the history must have each change once, as if there had been
# one daemon all the time. The host compares it with the origin's own log
# (tests/vm/restart.py):
#   run.sh bench scenarios/restart.sh -p build/cxlirqd -p build/cxlirqctl \
#     -p DIR/cxlirqd-other -p DIR/cxlirqd-next -- --results R
#   restart.py R
# cxlirqd-other has an object with another hash, cxlirqd-next another
# RECORD_VERSION; without them nothing takes over from another version.
#
#: modules virtio_net
#: programs bpftool setpriv
#: on built external cxlirq_msi
#: on arm64 programs
#: timeout 1500

# shellcheck source=tests/vm/guest.sh
. /guest.sh

pins=/sys/fs/bpf/cxlirqd
msi=/sys/kernel/debug/cxlirq_msi
out=/tmp/restart
state=/tmp/state
rounds=20
mkdir -p "$out"
mount -t debugfs debugfs /sys/kernel/debug 2>/dev/null

# settings NAME [LINE]...: a file of settings with its own store
settings() {
	_name=$1
	shift
	printf '[Trace]\nRingSize=1M\nSnapshotIntervalSec=0\n[Store]\nDirectory=%s.%s\n' "$state" "$_name" >"/tmp/$_name.conf"
	for _line in "$@"; do
		echo "$_line" >>"/tmp/$_name.conf"
	done
	mkdir -p "$state.$_name"
}

# start NAME [PROGRAM]: with these settings; $daemon, and what it says is in /tmp/log
start() {
	"${2:-cxlirqd}" -c "/tmp/$1.conf" >/tmp/log 2>&1 &
	daemon=$!
	wait_for 200 answers || fail "cxlirqd answers" "$(cat /tmp/answers.err /tmp/log)"
}

# How many sets, and other things, are pinned
entries() {
	find "$pins" -mindepth 1 -maxdepth 1 | wc -l
}

stop() {
	kill "-$1" "$daemon"
	wait "$daemon" 2>/dev/null
}

# said NAME PATTERN...: one line of the log each
said() {
	_what=$1
	shift
	for _pattern in "$@"; do
		[ "$(grep -c -e "$_pattern" /tmp/log)" -eq 1 ] || {
			fail "$_what" "no single line \"$_pattern\": $(cat /tmp/log)"
			return
		}
	done
	pass "$_what"
}

# field NAME: of the status, a number or a word
field() {
	cxlirqctl status --json 2>/dev/null | tr -d ' \n' | sed -n "s/.*\"$1\":\([^,}]*\).*/\1/p"
}

# what is told as lost
losses() {
	cxlirqctl status --json 2>/dev/null | tr -d ' \n' | sed 's/.*"lost":\(\[[^]]*\]\).*/\1/'
}

# programs that are attached, by whoever holds them
hooks() {
	bpftool -j link list 2>/dev/null | grep -o '"prog_id"' | wc -l
}

lost_in_kernel() {
	bpftool -j map dump pinned "$pins"/set_*/map_bss | tr -d ' \n' |
		sed 's/.*"lost":\[\([^]]*\)\].*/\1/' | tr ',' '\n' | awk '{ n += $1 } END { print n + 0 }'
}

sent_in_kernel() {
	bpftool -j map dump pinned "$pins"/set_*/map_bss | tr -d ' \n' |
		sed 's/.*"sent":\[\([^]]*\)\].*/\1/' | tr ',' '\n' | awk '{ n += $1 } END { print n + 0 }'
}

# --- an origin of changes -----------------------------------------------------

if [ -e /lib/cxlirq/cxlirq_msi.ko ]; then
	insmod /lib/cxlirq/cxlirq_msi.ko || fail "module" "cxlirq_msi does not load"
	echo 0 >$msi/immutable
	echo Y >$msi/follow
	echo "add origin 4" >$msi/control
	irqs=$(awk '$2 == "origin" { print $1 }' $msi/vectors)
else
	virtio=$(basename "$(readlink -f /sys/bus/virtio/drivers/virtio_net/virtio*/..)")
	irqs=$(ls "/sys/bus/pci/devices/$virtio/msi_irqs")
fi
files=''
for irq in $irqs; do
	[ -w "/proc/irq/$irq/smp_affinity_list" ] && files="$files /proc/irq/$irq/smp_affinity_list"
done
echo "$files" | tr ' ' '\n' | sed -n 's|/proc/irq/\(.*\)/.*|\1|p' >"$out/irqs"
[ -s "$out/irqs" ] || fail "interrupts" "there are none to be moved"

# origin NAME COUNT PAUSE_US: in the background; $origin
origin() {
	# shellcheck disable=SC2086
	mover "$1" 0 "$2" "$3" 7 "$out/log.$1" 0,1,0-1 $files &
	origin=$!
}

# --- stopped and killed, again and again -----------------------------------------

mkdir -m 700 "$pins"
settings main
start main
said "the first one attaches" 'hooks attached'
field pinned >"$out/pinned"

# again NAME SIGNAL: daemons follow each other while the origin goes on
again() {
	origin "$1" 100000 3000
	for round in $(seq $rounds); do
		sleep "0.$((round * 37 % 90 + 10))"
		stop "$2"
		sleep "0.$((round * 53 % 90 + 10))"
		start main
		cxlirqctl status --json >"$out/status.$1.$round"
	done
	said "$1: the last one takes over" 'hooks taken over' 'went on where the daemon before ended'
	kill "$origin"
	wait "$origin" 2>/dev/null
}

again stopped TERM
again killed KILL
[ ! -e $msi/vectors ] || cp $msi/vectors "$out/vectors"

# --- a second one -----------------------------------------------------------------

ls -R "$pins" >/tmp/before
settings second
second=0
cxlirqd -c /tmp/second.conf -S /tmp/second.sock >/tmp/second.log 2>&1 || second=$?
same "a second daemon is refused" "$second" 1
check "it says why" grep -q "$pins: in use by another cxlirqd" /tmp/second.log
ls -R "$pins" >/tmp/after
check "it steals nothing" cmp /tmp/before /tmp/after
check "the first one is unharmed" answers
cxlirqd --once >/tmp/once.json 2>/tmp/once.log || fail "--once" "$(cat /tmp/once.log)"
ls -R "$pins" >/tmp/after
check "nor does --once" cmp /tmp/before /tmp/after
same "nothing is lost" "$(losses)" '[]'

# --- longer than the ring holds ----------------------------------------------------

if command -v bpftool >/dev/null; then
	stop KILL
	before=$(lost_in_kernel)
	origin burst 6000 0
	wait "$origin"
	lost=$(($(lost_in_kernel) - before))
	[ "$lost" -gt 0 ] || fail "the ring runs over" "nothing was lost"
	start main
	same "what found no room is told" "$(losses)" "[{\"reason\":\"ring-full\",\"count\":$lost}]"
	cxlirqctl events --json | grep '"type":"gap"' >"$out/gaps"
	same "as one gap" "$(wc -l <"$out/gaps")" 1
	check "with the number" grep -q "\"lost\":$lost," "$out/gaps"
	note "$lost records were lost, $(field waiting) had waited"
fi
stop TERM
cp "$state.main/history.db" "$out/main.db"
result "$out"

# --- a message that must not change ---------------------------------------------------

if [ -e $msi/control ]; then
	settings rules '[Rules]' 'DoorbellDevices=promised*'
	echo 1 >$msi/immutable
	echo N >$msi/follow
	echo "add promised 1" >$msi/control
	irq=$(awk '$2 == "promised" { print $1 }' $msi/vectors)
	was=$(awk '$2 == "promised" { print $6 }' $msi/vectors)
	# its allocation waited for this one, which therefore knows the message that was set up
	start rules
	stop KILL
	echo "change $irq 0xfeed1000 18" >$msi/control
	start rules
	violated() {
		cxlirqctl violations --json >/tmp/violations.json
		[ "$(grep -c '"rule":' /tmp/violations.json)" -eq 2 ]
	}
	wait_for 20 violated
	for rule in doorbell-message-changed immutable-message-changed; do
		check "changed while nobody was there: $rule" grep -q "\"$rule\"" /tmp/violations.json
	done
	same "from what was before" "$(grep -c "\"data\": \"$(printf '0x%08x' "$was")\"" /tmp/violations.json)" 2
	same "to what is now" "$(grep -c '"data": "0x00000012"' /tmp/violations.json)" 2
	same "once each" "$(grep -c '"count": 1,' /tmp/violations.json)" 2
	stop TERM
	cp /tmp/violations.json "$out"
	echo 0 >$msi/immutable
	echo Y >$msi/follow
fi

# --- from one version to another --------------------------------------------------------

if command -v cxlirqd-other >/dev/null; then
	settings skew
	# loading takes long here, and all the time the ring has to hold what comes
	sed -i 's/RingSize=1M/RingSize=32M/' /tmp/skew.conf
	rm -rf "$pins" && mkdir -m 700 "$pins"
	start skew
	origin skew 100000 5000
	for round in 1 2 3 4; do
		program=cxlirqd-other
		[ $((round % 2)) -eq 1 ] || program=cxlirqd
		stop "$([ "$round" -lt 3 ] && echo TERM || echo KILL)"
		start skew "$program"
		said "version skew $round" 'programs of another version' 'hooks attached' \
			'went on where the daemon before ended'
		cxlirqctl status --json >"$out/status.skew.$round"
		same "version skew $round: one set" "$(entries)" 1
	done
	kill "$origin"
	wait "$origin" 2>/dev/null
	stop TERM
	cp "$state.skew/history.db" "$out/skew.db"
	[ ! -e $msi/vectors ] || cp $msi/vectors "$out/vectors.skew"
	# other settings are other programs, too
	sed -i 's/RingSize=32M/RingSize=4M/' /tmp/skew.conf
	start skew
	said "another ring" 'with other settings' 'went on where the daemon before ended'
	stop TERM
fi

if command -v cxlirqd-next >/dev/null; then
	start skew
	cxlirqctl snapshot --json >/dev/null
	sleep 1
	stop KILL
	before=$(sent_in_kernel)
	origin next 50 1000
	wait "$origin"
	told=$(($(sent_in_kernel) - before))
	start skew cxlirqd-next
	said "records of another version" 'programs of another version'
	same "they are told as lost" "$(losses)" "[{\"reason\":\"version-skew\",\"count\":$told}]"
	stop TERM
fi

# --- places that are not to be trusted ----------------------------------------------------

# refuses NAME PATTERN: it says so in one line, and works without
refuses() {
	: >/tmp/log
	cxlirqd -c /tmp/odd.conf >/tmp/log 2>&1 &
	daemon=$!
	wait_for 60 grep -q "$2" /tmp/log
	said "$1" "$2"
	stop KILL
}

settings odd
rm -rf "$pins"
refuses "no directory" "$pins: No such file or directory: what happens while the daemon restarts"
mkdir -m 777 "$pins"
chmod 777 "$pins"
refuses "open to others" "$pins: others may write to it"
chmod 700 "$pins"
chown 65534 "$pins"
refuses "of another user" "$pins: it belongs to user 65534, not to 0"
chown 0 "$pins"
settings odd '[Trace]' "PinDirectory=/tmp"
refuses "another file system" "/tmp: not on a BPF file system"
settings odd '[Trace]' 'PinDirectory='
start odd
check "not wanted, nothing said" sh -c '! grep -q -i pin /tmp/log'
same "not wanted, nothing pinned" "$(entries)" 0
stop KILL
settings odd
mkdir "$pins/new_00000000000000aa" "$pins/foreign"
start odd
said "a half made set goes" "$pins: 1 half made or older set of programs removed"
said "a foreign entry stays" "$pins/foreign: not one of ours, left alone"
check "it does" test -d "$pins/foreign" -a ! -e "$pins/new_00000000000000aa"
stop TERM
rmdir "$pins/foreign"
link=$(ls "$pins"/set_*/link_handler_freed)
rm "$link"
start odd
said "one link is gone" 'not all that was pinned is there (handler_freed: No such file or directory)'
same "and all are pinned again" "$(cd "$pins" && echo set_*/link_handler_freed | wc -w)" 1
stop KILL
rm -f /run/cxlirqd/state-*
start odd
said "its memory is gone" 'the state of the daemon before cannot be used'
stop TERM

# --- as the unit starts it: not root, and /sys/fs/bpf is closed -------------------------------

if [ "$(uname -m)" = x86_64 ]; then
	rm -rf "$pins" /run/cxlirqd
	mkdir -m 700 "$pins"
	mkdir /run/cxlirqd
	settings user
	chown 900 "$pins" /run/cxlirqd "$state.user"
	chmod 700 /sys/fs/bpf
	# by its path, for the shell would take its own setpriv, which knows less
	cat >/bin/as-user <<-'EOF'
		#!/bin/sh
		caps=-all,+bpf,+perfmon,+syslog,+sys_admin,+dac_read_search
		exec /bin/setpriv --reuid 900 --regid 900 --clear-groups --inh-caps=$caps \
			--ambient-caps=$caps cxlirqd "$@"
	EOF
	chmod 755 /bin/as-user
	start user as-user
	same "as another user: pinned" "$(field pinned)" "\"$pins\""
	for signal in TERM KILL; do
		stop "$signal"
		start user as-user
		said "as another user: taken over" 'hooks taken over' 'went on where the daemon before ended'
	done
	stop TERM
fi

if command -v bpftool >/dev/null; then
	[ "$(hooks)" -gt 30 ] || fail "pins hold the hooks" "$(hooks) links without a daemon"
	rm -rf "$pins"
	none() {
		[ "$(hooks)" -eq 0 ]
	}
	check "without the directory nothing is left" wait_for 10 none
fi
result "$out"
