#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# What cxlirqd bears, on the bench kernel; too long for each change:
#   proof.sh [SCENARIO]...     by default all of them:
#   - storm: 4,096 vectors come and go, more than the ring holds: what was lost is counted to the
#     record, and what is known afterwards is what there is
#   - killed: a hundred daemons, killed at any time: each change and each violation is told once
#   - hostile: a thousand clients that mean no good, while events go on
#   - endurance: a million control events, and no more memory than at a tenth of the way

set -u

here=$(cd "$(dirname "$0")" && pwd)
build=$(cd "${BUILD:-build}" && pwd)
work=$(mktemp -d "${TMPDIR:-/tmp}/cxlirq-proof.XXXXXX")
trap 'rm -rf "$work"' EXIT
failed=0
[ $# -gt 0 ] || set -- storm killed hostile endurance

for name in "$@"; do
	"$here/run.sh" bench "$here/scenarios/$name.sh" -p "$build/cxlirqd" -p "$build/cxlirqctl" \
		-- --results "$work/$name" || failed=1
	# endurance judges itself
	[ ! -e "$here/$name.py" ] || python3 "$here/$name.py" "$work/$name/$name" || failed=1
done
exit "$failed"
