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
		cp "$work/results/replay/snapshot.json" "$work/results/replay/events.json" "$work"
		# Something may have happened between the two answers: then one event is missing.
		BUILD=$build "$here/compare.sh" "$work" "$kernel" && break
		[ "$try" -lt 5 ] || {
			echo "record.sh: $kernel: the replay never is what was answered" >&2
			exit 1
		}
	done
	mkdir -p "$to"
	xz -9e -c "$work/trace" >"$to/trace.xz"
	cp "$work/snapshot.json" "$work/events.json" "$to"
	ls -l "$to"
done
