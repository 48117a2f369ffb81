#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Makes tests/data/replay/KERNEL/ anew: a trace, and what the daemon that
# recorded it said. Only needed when records change in a way that old traces
# cannot follow, or to add a kernel.
#   record.sh KERNEL...

set -eu -o pipefail

here=$(cd "$(dirname "$0")" && pwd)
build=$(cd "${BUILD:-build}" && pwd)
work=$(mktemp -d "${TMPDIR:-/tmp}/cxlirq-record.XXXXXX")
trap 'rm -rf "$work"' EXIT

for kernel in "$@"; do
	to=$here/../data/replay/$kernel
	for try in 1 2 3 4 5; do
		rm -rf "${work:?}/results"
		"$here/../vm/run.sh" "$kernel" "$here/scenario.sh" -p "$build/cxlirqd" -p "$build/cxlirqctl" \
			-- --results "$work/results"
		"$here/cut.py" "$work/results/replay/trace" >"$work/trace"
		# Something may have happened between the two answers; then the events are fewer.
		if "$build/cxlirqd" --replay "$work/trace" --once |
			cmp - "$work/results/replay/snapshot.json" &&
			BUILD=$build "$here/events.sh" "$work/trace" "$build" |
			cmp - "$work/results/replay/events.json"; then
			break
		fi
		[ "$try" -lt 5 ] || {
			echo "record.sh: $kernel: the replay differs from the answers each time" >&2
			exit 1
		}
	done
	mkdir -p "$to"
	xz -9e -c "$work/trace" >"$to/trace.xz"
	cp "$work/results/replay/snapshot.json" "$work/results/replay/events.json" "$to"
	ls -l "$to"
done
