#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Traces of real kernels (tests/data/replay/, made by record.sh) say today what
# they said when they were recorded, byte for byte, and to anybody: no privilege
# is needed. What is no whole trace is refused with one line and exit code 1.

set -u
here=$(cd "$(dirname "$0")" && pwd)
data=$here/../data/replay
build=$(cd "${BUILD:-build}" && pwd)
sanitized=${SANITIZED:-$build}
work=$(mktemp -d "${TMPDIR:-/tmp}/cxlirq-replay.XXXXXX")
trap 'rm -rf "$work"' EXIT
chmod 755 "$work"
mkdir -m 777 "$work/run"
cp "$sanitized/cxlirqd" "$work/cxlirqd"
failed=0

ok() {
	echo "ok $1"
}

not_ok() {
	echo "not ok $1 $2"
	failed=1
}

as_nobody() {
	if [ "$(id -u)" -eq 0 ]; then
		setpriv --reuid=65534 --regid=65534 --clear-groups --inh-caps=-all "$@"
	else
		"$@"
	fi
}

# refused NAME REASON ARGUMENT...: exit code 1, one line with the reason, no answer.
refused() {
	local name=$1 reason=$2 status=0
	shift 2
	as_nobody "$work/cxlirqd" "$@" >"$work/out" 2>"$work/err" || status=$?
	if [ "$status" -ne 1 ]; then
		not_ok "$name" "exit status $status: $(head -n 1 "$work/err")"
	elif [ -s "$work/out" ]; then
		not_ok "$name" "something was printed on standard output"
	elif [ "$(wc -l <"$work/err")" -ne 1 ]; then
		not_ok "$name" "not one line: $(tr '\n' '|' <"$work/err")"
	elif ! grep -q "$reason" "$work/err"; then
		not_ok "$name" "it says: $(cat "$work/err")"
	else
		ok "$name"
	fi
}

found=0
for directory in "$data"/*/; do
	kernel=$(basename "$directory")
	[ -e "$directory/trace.xz" ] || continue
	found=$((found + 1))
	"$here/compare.sh" "$directory" "$kernel" || failed=1

	xz -dc "$directory/trace.xz" >"$work/trace"
	as_nobody "$work/cxlirqd" --replay "$work/trace" --once >"$work/once.json" 2>"$work/err"
	status=$?
	if [ "$status" -ne 0 ] || [ -s "$work/err" ]; then
		not_ok "$kernel:once" "exit status $status: $(head -n 1 "$work/err")"
	elif cmp -s "$work/once.json" "$directory/snapshot.json"; then
		ok "$kernel:once"
	else
		not_ok "$kernel:once" "$(cmp "$work/once.json" "$directory/snapshot.json" 2>&1)"
	fi

	# What a replay records is the trace itself.
	as_nobody "$work/cxlirqd" --replay "$work/trace" --record "$work/run/again" --once \
		>"$work/out" 2>"$work/err"
	if cmp -s "$work/trace" "$work/run/again"; then
		ok "$kernel:recorded-again"
	else
		not_ok "$kernel:recorded-again" "$(cmp "$work/trace" "$work/run/again" 2>&1)"
	fi
	rm -f "$work/run/again"
done
if [ "$found" -lt 3 ]; then
	not_ok traces "$found of 3 are there"
	exit 1
fi

size=$(stat -c %s "$work/trace")
for cut in 0 1 15; do
	head -c "$cut" "$work/trace" >"$work/bad"
	refused "cut-at-$cut" "not a record file, or damaged at byte 0" --replay "$work/bad" --once
done
for cut in 17 71 "$((size / 2 / 8 * 8 - 3))" "$((size - 1))"; do
	head -c "$cut" "$work/trace" >"$work/bad"
	refused "cut-at-$cut" "the file ends inside a record at byte [0-9]*$" --replay "$work/bad" --once
done

# change NAME OFFSET BYTE REASON
change() {
	cp "$work/trace" "$work/bad"
	printf '%b' "$3" | dd of="$work/bad" bs=1 seek="$2" conv=notrunc status=none
	refused "$1" "$4" --replay "$work/bad" --once
}
change other-magic 0 'X' 'not a record file, or damaged at byte 0'
change other-version 8 '\002' 'written by another version at byte 0'
change record-of-other-version 18 '\002' 'written by another version at byte 16'
change record-without-end 20 '\377' 'not a record file, or damaged at byte 16'

refused no-such-file "No such file or directory" --replay "$work/nothing" --once
refused directory "Is a directory" --replay "$work" --once
: >"$work/secret"
chmod 0 "$work/secret"
refused permission "Permission denied" --replay "$work/secret" --once
refused not-served "not a record file" --replay /dev/null -S "$work/socket"
if [ -e "$work/socket" ]; then
	not_ok no-socket "a socket was made for nothing"
else
	ok no-socket
fi

# Types of a later version are passed over, and that is said.
{
	cat "$work/trace"
	printf '\024\000\001\000\100\000\000\000'
	head -c 56 /dev/zero
} >"$work/later"
as_nobody "$work/cxlirqd" --replay "$work/later" --once >"$work/out" 2>"$work/err"
status=$?
if [ "$status" -eq 0 ] && cmp -s "$work/out" "$directory/snapshot.json" &&
	grep -q ': 1 records of types that this version does not know, ignoring$' "$work/err"; then
	ok later-types
else
	not_ok later-types "exit status $status: $(head -n 1 "$work/err")"
fi
exit "$failed"
