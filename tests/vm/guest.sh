# shellcheck shell=sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# What a scenario in a virtual machine is written with: ". /guest.sh", then
#   pass NAME   fail NAME REASON...   skip NAME REASON...   note TEXT...
#   check NAME COMMAND...        pass or fail, by the command's exit status
#   wait_for SECONDS COMMAND...  runs it until it succeeds; 1 when time is up
#   qmp JSON                     the host's QEMU obeys; prints its answer
#   result FILE...               sends files and directories to the host
#   same NAME VALUE EXPECTED     pass or fail
# and, for what stands on cxlirqd and the machine's devices:
#   answers                      the daemon does; why not is in /tmp/answers.err
#   function_of DRIVER           the first PCI function bound to it
#   bound BUS DRIVER DEVICE
#   empty_port                   the PCI port with nothing behind it
#   nvmes_are N                  so many NVMe disks are there
#   threads_forced               the kernel runs all handlers in threads, as PREEMPT_RT does
#
# To the host (tests/vm/host.py) go lines "@cxlirq WORD ...", written to
# /dev/kmsg: the kernel puts each on the console in one piece, which a write
# to the terminal is not (kernel messages land in the middle of it).  The host
# answers on a virtio port, in one line.  Files go as a tar archive through a
# second port, of a size that was announced: nothing in it can be taken for
# something else, and the answer means that it is unpacked.  A lock lets
# background jobs of a scenario do all this at the same time.

GUEST_LOCK=/run/guest.lock
# A record of /dev/kmsg holds 1,024 bytes, less what the kernel adds.
GUEST_LINE_MAX=900

# The priority passes any console log level.
tell() {
	if [ "${#2}" -gt "$GUEST_LINE_MAX" ]; then
		printf '<1>@cxlirq %s %.*s...\n' "$1" "$GUEST_LINE_MAX" "$2" >/dev/kmsg
	else
		printf '<1>@cxlirq %s %s\n' "$1" "$2" >/dev/kmsg
	fi
}

# A reason can be the output of a program: many lines, which become one.
tell_result() {
	_word=$1
	_name=$(printf '%s' "$2" | tr -s '[:space:]' '-')
	shift 2
	set -- "$_name" "$@"
	tell "$_word" "$(printf '%s' "$*" | tr -s '[:space:][:cntrl:]' ' ')"
}

pass() {
	tell_result pass "$1"
}

fail() {
	tell_result fail "$@"
}

skip() {
	tell_result skip "$@"
}

note() {
	tell note "$(printf '%s' "$*" | tr -s '[:space:][:cntrl:]' ' ')"
}

check() {
	_check=$1
	shift
	if _output=$("$@" 2>&1); then
		pass "$_check"
	else
		fail "$_check" "$* exited with status $?: $_output"
	fi
}

# Hundredths of a second since boot: the clock of the wall may be set.  The 1
# keeps "0.90" from being an octal number.
guest_clock() {
	read -r _uptime _ </proc/uptime
	echo "$((${_uptime%.*} * 100 + 1${_uptime#*.} - 100))"
}

wait_for() {
	_end=$(($(guest_clock) + $1 * 100))
	shift
	until "$@"; do
		[ "$(guest_clock)" -lt "$_end" ] || return 1
		sleep 0.1
	done
}

# guest_port NAME: the device of the virtio port with this name.
guest_port() {
	for _port in /sys/class/virtio-ports/*; do
		if [ "$(cat "$_port/name" 2>/dev/null)" = "$1" ]; then
			echo "/dev/${_port##*/}"
			return 0
		fi
	done
	echo "guest.sh: this machine has no port $1" >&2
	return 1
}

# guest_ask WORD TEXT [FILE]: tells, sends the file if there is one, and
# prints the answer.
guest_ask() {
	_answers=$(guest_port org.cxlirq.answers) || return 1
	(
		flock 9
		tell "$1" "$2"
		if [ $# -gt 2 ]; then
			cat "$3" >"$(guest_port org.cxlirq.results)" || exit 1
		fi
		IFS= read -r _answer <"$_answers" || exit 1
		printf '%s\n' "$_answer"
	) 9>"$GUEST_LOCK"
}

qmp() {
	if [ "${#1}" -gt "$GUEST_LINE_MAX" ]; then
		echo "qmp: longer than $GUEST_LINE_MAX characters: $1" >&2
		return 1
	fi
	_reply=$(guest_ask qmp "$(printf '%s' "$1" | tr -s '[:space:]' ' ')") || return 1
	case $_reply in
	'{"return"'*)
		printf '%s\n' "$_reply"
		;;
	*)
		printf 'qmp: %s\n' "$_reply" >&2
		return 1
		;;
	esac
}

# The names in the archive are the last parts of the paths.
result() {
	_archive=$(mktemp /tmp/result.XXXXXX)
	_stage=$(mktemp -d /tmp/result.XXXXXX)
	if cp -R "$@" "$_stage" && tar -c -f "$_archive" -C "$_stage" .; then
		_reply=$(guest_ask result "$(stat -c %s "$_archive")" "$_archive")
	else
		_reply="some files could not be read"
	fi
	rm -rf "$_archive" "$_stage"
	[ "$_reply" = ok ] || {
		fail "result" "$*: ${_reply:-no answer from the host}"
		return 1
	}
}

same() {
	if [ "$2" = "$3" ]; then
		pass "$1"
	else
		fail "$1" "it is \"$2\", not \"$3\""
	fi
}

# 3 is "not healthy", which is an answer.
answers() {
	cxlirqctl status --json >/dev/null 2>/tmp/answers.err || [ $? -eq 3 ]
}

function_of() {
	for _f in /sys/bus/pci/drivers/"$1"/0000:*; do
		echo "${_f##*/}"
		return
	done
}

bound() {
	[ -e "/sys/bus/$1/drivers/$2/$3" ]
}

empty_port() {
	for _f in /sys/bus/pci/devices/*; do
		case $(cat "$_f/class") in
		0x0604*) [ -n "$(ls -d "$_f"/0000:??:??.? 2>/dev/null)" ] || echo "${_f##*/}" ;;
		esac
	done
}

threads_forced() {
	case $(uname -v) in
	*PREEMPT_RT*) ;;
	*) grep -qw threadirqs /proc/cmdline ;;
	esac
}

nvmes_are() {
	[ "$(find /dev -name 'nvme?n1' | wc -l)" -eq "$1" ]
}
