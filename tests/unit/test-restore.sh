#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# A daemon that takes over the state of the one before must make of every
# record what that one would have made of it.  So the tests that say what the
# model makes of records are run with a restart before each record: the model
# is saved, thrown away, and put back (tests/unit/records.c, CXLIRQD_RESTORE).
# And recorded traces of real kernels, cut anywhere, end as they do uncut.

set -u
here=$(cd "$(dirname "$0")" && pwd)
build=$(cd "${SANITIZED:-${BUILD:-build}}" && pwd)
failed=0
for name in action affinity demand doorbell doorbell-bar doorbell-message explain explain-ledger explained \
	ledger ledger-cxl model model-pmu moment rule rule-demand snapshot tick vector; do
	[ -x "$build/tests/unit/test-$name" ] || {
		echo "not ok $name there is no such program"
		failed=1
		continue
	}
	if output=$(CXLIRQD_RESTORE=1 CMOCKA_MESSAGE_OUTPUT=STDOUT "$build/tests/unit/test-$name" 2>&1); then
		echo "ok $name, with a restart before each record"
	else
		echo "$output" | grep -v -e 'RUN' -e ' OK ' | head -n 20
		echo "not ok $name, with a restart before each record: see above"
		failed=1
	fi
done

# The last one is what a daemon left to the next: it must be readable for every later one.
for data in "$here"/../data/replay/*/trace.xz "$here"/../data/state/*.xz; do
	name=${data#"$here"/../data/}
	if output=$(xz -dc "$data" | "$build/tests/unit/test-state" - 2>&1); then
		echo "ok trace of $name, cut anywhere"
	else
		echo "$output" | tail -n 20
		echo "not ok trace of $name, cut anywhere: see above"
		failed=1
	fi
done
exit "$failed"
