#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# compare.sh DIRECTORY: the trace in DIRECTORY, replayed, gives what the
# recording daemon answered, byte for byte: trace (or trace.xz),
# snapshot.json, events.json. An unprivileged user replays it where there is
# one to become: a trace is read on another machine, by anybody.

set -u
build=$(cd "${BUILD:-build}" && pwd)
from=$1
name=${2:-replay}
work=$(mktemp -d "${TMPDIR:-/tmp}/cxlirq-replay.XXXXXX")
daemon=
trap '[ -z "$daemon" ] || kill "$daemon" 2>/dev/null; rm -rf "$work"' EXIT
chmod 755 "$work"
failed=0

if [ -e "$from/trace.xz" ]; then
	xz -dc "$from/trace.xz" >"$work/trace"
else
	cp "$from/trace" "$work/trace"
fi
cp "$build/cxlirqd" "$build/cxlirqctl" "$work"
mkdir -m 777 "$work/run"
# no function: what is started in the background must be what is ended
nobody=()
[ "$(id -u)" -ne 0 ] || nobody=(setpriv --reuid=65534 --regid=65534 --clear-groups --inh-caps=-all)

# report WHAT EXPECTED FOUND
report() {
	if cmp -s "$2" "$3"; then
		echo "ok $name: $1"
	else
		diff "$2" "$3" | head -n 10
		echo "not ok $name: $1: the replay differs"
		failed=1
	fi
}

"${nobody[@]}" "$work/cxlirqd" --replay "$work/trace" -S "$work/run/socket" >"$work/log" 2>&1 &
daemon=$!
for _ in $(seq 100); do
	[ -S "$work/run/socket" ] && break
	kill -0 "$daemon" 2>/dev/null || break
	sleep 0.1
done
for what in snapshot events; do
	"$work/cxlirqctl" -S "$work/run/socket" "$what" --json >"$work/$what.json" 2>>"$work/log" ||
		cat "$work/log"
	report "$what" "$from/$what.json" "$work/$what.json"
done
"${nobody[@]}" "$work/cxlirqd" --replay "$work/trace" --once >"$work/once.json" 2>>"$work/log"
# the same object, printed by the other program
if python3 - "$work/once.json" "$from/snapshot.json" <<'EOF'; then
import json, sys
a, b = (json.load(open(path, encoding="utf-8")) for path in sys.argv[1:])
sys.exit(a != b)
EOF
	echo "ok $name: --once"
else
	echo "not ok $name: --once differs from the snapshot"
	failed=1
fi
exit "$failed"
