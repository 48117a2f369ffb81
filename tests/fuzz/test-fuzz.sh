#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Each fuzz target for a short time, from pieces of real traces or from real and
# made-up config spaces. FUZZ_SECONDS makes it longer; what it finds is kept and
# named.

set -u
here=$(cd "$(dirname "$0")" && pwd)
programs=${SANITIZED:-${BUILD:-build}/san}/tests/fuzz
seconds=${FUZZ_SECONDS:-15}
work=$(mktemp -d "${TMPDIR:-/tmp}/cxlirq-fuzz.XXXXXX")
failed=0

seed() { # TARGET DIRECTORY
	case $1 in
	fuzz-config-space)
		{
			cat "$here"/../data/config/*
			"$here/../unit/test-lspci.py" --make 2 200
		} | "$here/seeds-config-space.py" "$2"
		;;
	fuzz-pmu-event)
		local seeds=0
		# an event a file, with the words of the kernel's driver
		while read -r events; do
			seeds=$((seeds + 1))
			printf '%s\nf mask config:0-31\nf gid config:32-47\nf vid config:48-63\n%s\n' "$events" \
				'f threshold config1:0-15
f edge config1:17
f odd config2:1,5-9,63
e clock_ticks config=0x1e98000000000001
e memrd vid=0x1e98,gid=0x20,mask=0x2' >"$2/$seeds"
		done <<'END'
clock_ticks
p/vid=0x1e98,gid=0x10,mask=0x2,threshold=4,edge,odd=0x3,name=some/
{clock_ticks,p/memrd/},clock_ticks/threshold=4/ p*/event=memrd/
p/config=5,r1a,mask=99999999999/
clock_tick,p/nothing=1/
END
		;;
	*)
		for trace in "$here"/../data/replay/*/trace.xz; do
			xz -dc "$trace" | "$here/seeds.py" "$2" || return 1
		done
		;;
	esac
}

found=0
for program in "$programs"/fuzz-*; do
	name=$(basename "$program")
	case $name in *.*) continue ;; esac
	[ -x "$program" ] || continue
	found=$((found + 1))
	mkdir -p "$work/$name/corpus"
	seed "$name" "$work/$name/corpus" || exit 1
	if (
		cd "$work/$name" || exit 1
		UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1 ASAN_OPTIONS=detect_leaks=1 \
			"$program" -max_total_time="$seconds" -max_len=20000 -timeout=10 -rss_limit_mb=1024 \
			-seed=1 -print_final_stats=1 corpus >log 2>&1
	); then
		runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$work/$name/log")
		if [ "${runs:-0}" -gt 1000 ]; then
			echo "ok $name ($runs runs)"
		else
			echo "not ok $name only ${runs:-0} runs in $seconds s"
			failed=1
		fi
	else
		tail -n 40 "$work/$name/log"
		echo "not ok $name see $work/$name"
		failed=1
	fi
done
[ "$found" -gt 0 ] || echo "skip fuzz no fuzz target was built (clang's libFuzzer is missing)"
[ "$failed" -ne 0 ] || rm -rf "$work"
exit "$failed"
