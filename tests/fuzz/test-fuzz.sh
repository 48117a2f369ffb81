#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Each fuzz target for a short time, from pieces of real traces. FUZZ_SECONDS
# makes it longer; what it finds is kept and named.

set -u
here=$(cd "$(dirname "$0")" && pwd)
programs=${SANITIZED:-${BUILD:-build}/san}/tests/fuzz
seconds=${FUZZ_SECONDS:-15}
work=$(mktemp -d "${TMPDIR:-/tmp}/cxlirq-fuzz.XXXXXX")
failed=0

found=0
for program in "$programs"/fuzz-*; do
	name=$(basename "$program")
	case $name in *.*) continue ;; esac
	[ -x "$program" ] || continue
	found=$((found + 1))
	mkdir -p "$work/$name/corpus"
	for trace in "$here"/../data/replay/*/trace.xz; do
		xz -dc "$trace" | "$here/seeds.py" "$work/$name/corpus" || exit 1
	done
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
