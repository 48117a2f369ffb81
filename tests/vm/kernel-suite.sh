#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Everything that is proven on one kernel, in virtual machines:
#   kernel-suite.sh bench|arm64|debian-7|debian-6.12|debian-6.1|debian-rt|debian-arm64
#   - the bed itself; on the bench kernel, that it notices a broken run
#   - cxlirqd against its witnesses, through unrest (scenarios/witness.sh)
#   - which hooks this kernel gives: tests/data/coverage/KERNEL is the answer
#     that is expected, word for word (COVERAGE=write makes it anew)
#   - what its verifier has to do: tests/data/verifier/KERNEL says how much it may be
#     (VERIFIER=write makes it anew)
#   - hosts that lack something: BTF, symbols, bpffs, tracefs, capabilities, CPUs; on one
#     kernel, and on all of them in the matrix (MATRIX is set)
#   - the bench kernel: the same behind a remapping IOMMU, forced threads
#   - on arm64: no message ever changes, for the ITS is an immutable parent
#   - it sees the same as a user of its own, with few capabilities (scenarios/service.sh)
#   - a replay of what was recorded meanwhile gives the same answers, by this
#     machine's own program also for a trace of arm64
#   - the bench kernel: counters of CXL PMUs against the fixture and perf; the ledger
#     against lspci and cxl, and tests/data/ledger (LEDGER=write makes that anew)
#   - the bench kernel: metrics, while drivers and devices come and go; that what the programs have no
#     room for is counted
#   - the bench kernel: that the fixtures do as they say; each rule broken once,
#     and its innocent twin; a cause for every change; no violation on
#     well-behaved hardware
#   - the guard: 10,000 writes of affinities in every way, and nothing moves; on the
#     bench kernel also what it costs, and that it says so where it cannot be had
#   - daemons that are stopped, killed and started while changes go on, without a gap
#   - that the clock is set meanwhile
#   - on Debian's kernels, which have lockdown: where tracing is refused, what
#     is left, and that it says so; on the bench kernel: the demonstration

set -u

here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source-path=SCRIPTDIR source=target.sh
. "$here/target.sh"
build=$(cd "${BUILD:-build}" && pwd)
kernel=$1
target_of "$("$here/kernel.sh" "$kernel")" || exit 1
# What runs in the machine; replays are this machine's own.
programs=$build/$PROGRAMS
golden=$here/../data/coverage/$kernel
verified=$here/../data/verifier/$kernel
work=$(mktemp -d "${TMPDIR:-/tmp}/cxlirq-suite.XXXXXX")
trap 'rm -rf "$work"' EXIT
failed=0

"$here/run.sh" "$kernel" "$here/scenarios/selftest.sh" || failed=1

# scenario NAME [HOST_OPTION]...
scenario() {
	local name=$1
	shift
	"$here/run.sh" "$kernel" "$here/scenarios/$name.sh" -p "$programs/cxlirqd" \
		-p "$programs/cxlirqctl" -- "$@" || failed=1
}

# witness DIRECTORY [HOST_OPTION]...
witness() {
	local to=$1
	shift
	scenario witness --results "$to" "$@"
	python3 "$here/witness.py" "$to" || failed=1
	# what happened after the snapshot is not part of it
	"$here/../replay/cut.py" "$to/trace" >"$to/cut" && mv "$to/cut" "$to/trace" || failed=1
	"$here/../replay/compare.sh" "$to" || failed=1
}

# Daemons that follow each other; one has programs that are not the same, to the byte, and one
# writes records of another version.
restart() {
	local programs_of_others=()
	mkdir "$work/others"
	python3 - "$programs/cxlirqd" "$work/others/cxlirqd-other" <<-'EOF2' || failed=1
		import os, sys
		# a line of source that the object's type information quotes
		line = b"return x86_vector_emit(ctx[0], -1, -1, 0);"
		program = open(sys.argv[1], "rb").read()
		assert line in program
		open(sys.argv[2], "wb").write(program.replace(line, b"Return" + line[6:]))
		os.chmod(sys.argv[2], 0o755)
	EOF2
	programs_of_others+=(-p "$work/others/cxlirqd-other")
	if [ "$kernel" = bench ] && [ -x "$build/next/cxlirqd" ]; then
		cp "$build/next/cxlirqd" "$work/others/cxlirqd-next"
		programs_of_others+=(-p "$work/others/cxlirqd-next")
	fi
	"$here/run.sh" "$kernel" "$here/scenarios/restart.sh" -p "$programs/cxlirqd" \
		-p "$programs/cxlirqctl" "${programs_of_others[@]}" -- --results "$work/restart" || failed=1
	python3 "$here/restart.py" "$work/restart/restart" || failed=1
}

# The guard, against eight processes
guard() {
	scenario guard --results "$work/guard"
	python3 "$here/guard.py" "$work/guard/guard" || failed=1
}

# What each program costs the verifier
verifier() {
	scenario verifier --results "$work/verifier"
	[ "${VERIFIER:-}" != write ] || LC_ALL=C sort "$work/verifier/programs" >"$verified"
	python3 "$here/verifier.py" "$work/verifier/programs" "$verified" || failed=1
}

# Hosts that lack something
odd() {
	scenario odd --results "$work/odd"
	python3 "$here/witness.py" --stages cpu-missing,cpu-there,symbols-again "$work/odd" || failed=1
}

# parent EVIDENCE PATTERN IMMUTABILITY: what the daemon knows after 200 affinity writes about the
# messages of the MSI parents whose names match (Linux 6.1 has no flag for a parent)
parent() {
	local domains=$1/affinity/domains.json said
	said=$(python3 - "$domains" "$2" <<-'EOF2'
		import fnmatch, json, sys
		for domain in json.load(open(sys.argv[1], encoding="utf-8")):
		    name, pattern = domain["name"], sys.argv[2]
		    if name == pattern or "msi-parent" in domain["flags"] and fnmatch.fnmatch(name, pattern):
		        print(domain["immutability"])
	EOF2
	)
	if [ "$(sort -u <<<"$said")" = "$3" ]; then
		echo "ok messages of $2: $3"
	else
		echo "not ok messages of $2: ${said:-no such parent}, not $3"
		failed=1
	fi
}

witness "$work/evidence"

# Names of hooks, and reasons; nothing that depends on the kernel's build.
python3 - "$work/evidence/support.json" >"$work/coverage" <<'EOF2' || failed=1
import json, sys
support = json.load(open(sys.argv[1], encoding="utf-8"))
print("mode", support["mode"])
for entry in support["hooks"] + support["features"]:
    print("yes" if entry["attached"] else "no ", entry["hook"], entry["reason"] or "", sep=" ")
EOF2
[ "${COVERAGE:-}" != write ] || cp "$work/coverage" "$golden"
if differences=$(diff -u "$golden" "$work/coverage" 2>&1); then
	echo "ok coverage"
else
	printf '%s\n' "$differences"
	echo "not ok coverage it is not what tests/data/coverage/$kernel says"
	failed=1
fi

verifier
if [ "$kernel" = debian-6.12 ] || [ -n "${MATRIX:-}" ]; then
	odd
fi

scenario service

if [ "$TARGET" = arm64 ]; then
	if [ -s "$work/evidence/events.json" ] &&
		! grep -m 1 '"message-change"' "$work/evidence/events.json"; then
		echo "ok no message changed"
	else
		echo "not ok no message changed: one did, or there are no events"
		failed=1
	fi
fi

if [ "$kernel" = bench ]; then
	if python3 "$here/host-test.py" "$("$here/kernel.sh" bench)"; then
		echo "ok a broken run is noticed: panic, splat, hang, and others"
	else
		echo "not ok the bed calls a broken run good"
		failed=1
	fi
	# behind an IOMMU that remaps interrupts there are messages that never change, and multi-MSI
	witness "$work/remapped" --machine cxl-intel-iommu
	parent "$work/evidence" VECTOR mutable
	parent "$work/remapped" 'INTEL-IR-*' observed
	for name in threaded client fixtures doorbells notes clock store soak; do
		scenario "$name"
	done
	scenario rules --results "$work/rules"
	python3 "$here/rules.py" "$work/rules" || failed=1
	scenario counters --results "$work/counters"
	python3 "$here/counters.py" "$work/counters" || failed=1
	scenario ledger --results "$work/ledger"
	python3 "$here/ledger.py" "$work/ledger" || failed=1
	scenario metrics
	scenario unguarded
	scenario guard-cost
	scenario causes --results "$work/causes"
	python3 "$here/causes.py" "$work/causes/evidence" || failed=1
	if "$here/demo.sh" >"$work/demo" 2>&1 && grep -q 'message-change.*affinity-write by' "$work/demo"; then
		echo "ok demo"
	else
		tail -n 20 "$work/demo"
		echo "not ok demo it ended early, or showed no changed message with its cause"
		failed=1
	fi
elif [ "$kernel" = arm64 ]; then
	parent "$work/evidence" '*' declared
	scenario doorbells
	scenario dropped
else
	# The flag that declares it came with 6.17.
	case $TARGET in
	arm64) parent "$work/evidence" '*' observed ;;
	*) parent "$work/evidence" VECTOR mutable ;;
	esac
	scenario refused
fi
# Debian's kernels have no fixture for its vectors.
if [ "$kernel" = debian-arm64 ]; then
	echo "skip guard the arm64 machine has no device with so many vectors"
else
	guard
fi
restart
exit "$failed"
