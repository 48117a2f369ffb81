#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# cxlirqctl record, against scripted-daemon.py: an older file is replaced by a whole trace or not at
# all, and what came of a broken one is kept.
# usage: test-cli-record.sh [CXLIRQCTL]

# shellcheck source=tests/unit/cli-fixture.sh
. "$(dirname "$0")/cli-fixture.sh"

# record
scene=record
python3 -c 'import sys
sys.stdout.buffer.write(b"CXLIRQ\0\1" + bytes(range(256)) + b"end")' >wanted
scene good
ends 0 --timeout 0.2 record -o trace --duration 0.6
check "record --duration" cmp -s trace wanted
check "record asks for more" asked '{"method": "io.cxlirqd.Record", "parameters": {}, "more": true}'
check "nothing else is left" [ ! -e trace.partial ]
for signal in INT TERM; do
	rm -f trace
	env --default-signal=INT "$cli" -S socket record -o trace >out 2>err &
	recorder=$!
	for _ in $(seq 100); do
		[ "$(stat -c %s trace.partial 2>/dev/null)" = "$(stat -c %s wanted)" ] && break
		sleep 0.05
	done
	check "not FILE before it is whole" [ ! -e trace ]
	kill -$signal $recorder
	wait $recorder
	code=$?
	check "SIG$signal ends with 0" [ $code -eq 0 ]
	check "SIG$signal" cmp -s trace wanted
	check "SIG$signal, without a word" silent
done
scene whole-trace
ends 0 record -o trace
check "an older trace is replaced" [ "$(cat trace)" = firstfirstfirstfirstlast ]
mkdir folder
ends 1 record -o folder
check "a trace that cannot get its name" complains "folder: kept as folder.partial: Is a directory"
check "a trace that cannot get its name is kept" cmp -s folder.partial trace
rm -r folder folder.partial
# neither silence nor the header alone is a trace
for nothing in silent header-only; do
	scene $nothing
	ends 1 record -o trace --duration 0.3
	check "nothing came" complains "trace: not written, the daemon sent nothing"
	check "nothing came, an older trace survives" [ "$(cat trace)" = firstfirstfirstfirstlast ]
	check "nothing came, nothing is left" [ ! -e trace.partial ]
done
scene lost-in-stream
ends 1 record -o trace
check "the daemon is lost" complains "trace.partial: kept, but incomplete: socket: the daemon closed the connection"
check "what came is kept" [ "$(cat trace.partial)" = half ]
check "an older trace survives" [ "$(cat trace)" = firstfirstfirstfirstlast ]
ends 1 record -o trace
check "what was kept is not overwritten" complains "trace.partial: File exists"
check "what was kept is not overwritten" [ "$(cat trace.partial)" = half ]
rm -f trace.partial
scene no-base64
ends 1 record -o trace
check "no base64" complains "trace.partial: kept, but incomplete: the daemon sent what is no base64"
rm -f trace.partial
# Nothing at all can be written to a file there, so stderr must not be one.
(ulimit -f 0; trap '' XFSZ; exec "$cli" -S socket record -o trace 2>&1) | cat >err
code=${PIPESTATUS[0]}
: >out
check "full disk, exit code" [ "$code" -eq 1 ]
check "full disk" complains "trace: File too large"
check "full disk, nothing is left" [ ! -e trace.partial ]
scene refusing
ends 1 record -o trace
check "refused" complains "Record: tracing is not available: no BTF"
check "refused, nothing is left" [ ! -e trace.partial ]
ends 1 record -o no/such/directory/trace
check "no directory" complains "no/such/directory/trace.partial: No such file or directory"

[ $failures -eq 0 ]
