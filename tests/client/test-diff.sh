#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# cxlirqctl diff: states that are recorded ones with something changed by hand, so that what differs
# is known; and files that are no states.

set -u
here=$(cd "$(dirname "$0")" && pwd)
build=$(cd "${SANITIZED:-${BUILD:-build}}" && pwd)
cli=$build/cxlirqctl
data=$here/../data/replay
work=$(mktemp -d)
daemon=
trap '[ -z "$daemon" ] || kill "$daemon" 2>/dev/null; rm -rf "$work"' EXIT
cd "$work" || exit 1
export LC_ALL=C.UTF-8
failures=0

check() { # NAME, then a command that must succeed
	local name=$1
	shift
	if "$@"; then
		echo "ok $name"
		return
	fi
	failures=$((failures + 1))
	echo "not ok $name $(tr '\n' '|' <out | head -c 300) $(head -n 1 err)"
}

run() { # ARGUMENT...: leaves out, err and $code
	timeout 60 "$cli" -S socket diff "$@" >out 2>err
	code=$?
}

# The recorded state, after STATEMENTS on its "d"
change() { # FILE STATEMENTS
	python3 - "$data/bench/snapshot.json" "$1" "$2" <<-'END'
		import json, sys
		d = json.load(open(sys.argv[1]))
		def vector(provider, index):
		    return next(v for v in d["vectors"] if (v["provider"], v["index"]) == (provider, index))
		def device(name):
		    return next(v for v in d["devices"] if v["device"] == name)
		exec(sys.argv[3])
		json.dump(d, open(sys.argv[2], "w"))
	END
}

# differs NAME STATEMENTS LINE...: the differences, "kind change thing field old new" each
differs() {
	local name=$1
	change new.json "$2"
	shift 2
	run old.json new.json --json
	python3 - "$@" <<-'END' >want
		import json, sys
		print(json.dumps(sorted(sys.argv[1:])))
	END
	check "$name" [ $code -eq 0 ]
	check "$name: no word on stderr" [ ! -s err ]
	python3 -c 'import json
print(json.dumps(sorted(" ".join(json.dumps(d[k]) if not isinstance(d[k], str) else d[k]
      for k in ("kind", "change", "thing", "field", "old", "new")) for d in json.load(open("out")))))' >got
	cp got out
	check "$name: that and nothing else" cmp -s got want
}

change old.json ""
run old.json old.json
check "nothing differs" [ $code -eq 0 ]
check "nothing differs: nothing is shown" [ ! -s out ]
check "nothing differs: that is said" [ "$(cat err)" = "cxlirqctl: diff: nothing differs" ]
run old.json old.json --json
check "nothing differs: []" [ "$(cat out)" = "[]" ]

differs "an owner came" \
	'vector("0000:0f:00.0", 0)["owners"] = [{"device": "pmu_mem0.0", "driver": "cxl_pmu", "relation": "borrowed"}]' \
	'owner added 0000:0f:00.0 index 0: pmu_mem0.0 null null cxl_pmu, borrowed'
differs "an owner went" 'del vector("0000:00:02.0", 0)["owners"][0]' \
	'owner removed 0000:00:02.0 index 0: 0000:00:02.0:pcie001 null pcie_pme, borrowed null'
differs "another relation and handler" 'vector("0000:00:02.0", 0)["owners"][1].update(relation="own", handler="other")' \
	'relation changed 0000:00:02.0 index 0: 0000:00:02.0:pcie002 relation borrowed own' \
	'owner changed 0000:00:02.0 index 0: 0000:00:02.0:pcie002 handler aer_irq other'
differs "another message" 'vector("0000:00:02.0", 0)["message"]["data"] = "0x00000077"' \
	'message changed 0000:00:02.0 index 0 message {"address": "0x00000000fee00000", "data": "0x00000020"} {"address": "0x00000000fee00000", "data": "0x00000077"}'
differs "another interrupt number, with all that has it" \
	'vector("0000:00:02.0", 0)["irq"] = 224
for x in d["devices"]:
    for f in x["features"]:
        f["irq"] = 224 if f["irq"] == 24 else f["irq"]' \
	'irq-number changed 0000:00:02.0 index 0 irq 24 224'
differs "a vector went" 'd["vectors"].remove(vector("0000:0f:00.0", 0))' \
	'vector removed 0000:0f:00.0 index 0 null allocated null'
differs "a feature" 'next(f for f in device("0000:0c:00.0")["features"] if f["feature"] == "aer").update(result="polled", reason="x")' \
	'feature changed 0000:0c:00.0: aer 0000:0c:00.0:pcie002 result shared polled' \
	'feature changed 0000:0c:00.0: aer 0000:0c:00.0:pcie002 reason null x'
differs "a driver" 'device("0000:00:03.0").update(driver="vfio-pci", asked={"min": 1, "max": 2}, granted=0)' \
	'device changed 0000:00:03.0 driver nvme vfio-pci' \
	'device changed 0000:00:03.0 granted 3 0' \
	'device changed 0000:00:03.0 asked null {"min": 1, "max": 2}'
differs "a device came" 'd["devices"].append({"device": "new0", "driver": "x", "class": "CXL memory", "features": [
    {"feature": "mailbox", "instance": None, "result": "granted"}]})' \
	'device added new0 null null x, CXL memory' \
	'feature added new0: mailbox null null granted'
differs "a domain" 'd["domains"][0].update(immutability="declared", flags=["msi-immutable"])' \
	"domain changed 0000:00:04.0 pci-device-msix immutability mutable declared" \
	"domain changed 0000:00:04.0 pci-device-msix flags $(python3 -c 'import json
print(json.dumps(json.load(open("old.json"))["domains"][0]["flags"]))') [\"msi-immutable\"]"
differs "a doorbell" 'd["doorbells"] = [{"epc": "c", "epf": "f", "index": 1, "state": "published", "type": "msi"}]' \
	'doorbell added c f doorbell 1 null null published, msi'
differs "a PMU, and what it counts" 'd["pmus"] = [{"name": "cxl_pmu_mem0.0", "device": "pmu_mem0.0", "events": [{"event": "a", "terms": "b"}]}]' \
	'pmu added pmu_mem0.0 null null cxl_pmu_mem0.0' \
	'event added pmu_mem0.0: a null null b'
differs "a hook" 'd["support"]["hooks"][0].update(attached=False, reason="no BTF"); d["support"]["kernel"] = "8.0"' \
	'support changed kernel kernel 7.3.4-cxlbench 8.0' \
	"hook changed fexit/irq_do_set_affinity attached true false" \
	"hook changed fexit/irq_do_set_affinity reason null no BTF"

# What another boot, or another kernel, numbers anew is the same
change new.json '
for x in d["domains"]:
    x["id"] += 500
    x["parent"] = x["parent"] and x["parent"] + 500
    if x["bus_token"] != "any":
        x["name"] = x["name"][:-2] + "99"
for x in d["vectors"]:
    x["domain"] = x["domain"] and x["domain"] + 500
d["domains"].reverse(); d["vectors"].reverse(); d["devices"].reverse()'
run old.json new.json
check "other numbers of domains, another order" [ ! -s out ]
check "other numbers of domains, another order, exit code" [ $code -eq 0 ]
change new.json '
for x in d["vectors"]:
    x["interrupts"] += 1; x["affinity"] = "7"; x["message_changes"] += 3; x["affinity_changes"] += 1
d["lost"] = [{"reason": "x", "count": 1}]'
run old.json new.json
check "counts are no difference" [ ! -s out ]
run old.json new.json --all -n -o kind,thing,field,old,new
check "with --all they are" grep -Eq '^vector 0000:00:02.0 index 0 +interrupts +1 +2$' out
run old.json new.json --all
check "with --all, all of them" [ "$(grep -c ' interrupts ' out)" -eq 48 ]

# Things of the same name are told apart
change old2.json 'd["domains"] += [{"id": 900, "name": "twin", "bus_token": "any"}, {"id": 901, "name": "twin", "bus_token": "any", "chip": "a"}]'
change new.json 'd["domains"] += [{"id": 900, "name": "twin", "bus_token": "any"}, {"id": 901, "name": "twin", "bus_token": "any", "chip": "b"}]'
run old2.json new.json -n -o thing,field,old,new
check "twins" [ "$(tr -s ' ' <out)" = "twin any (2) chip a b" ]

# Two kernels, for real
run "$data/debian-6.12/snapshot.json" "$data/bench/snapshot.json"
check "two kernels: what has a new driver" grep -Eq '^owner +added +0000:00:02.0 index 0: 0000:00:02.0:pcie010 +- +- +pcie_bwctrl, borrowed$' out
check "two kernels: the domains are the same" [ "$(grep -c '^domain' out)" -eq "$(grep -c '^domain.*immutability' out)" ]
run "$data/debian-6.1/snapshot.json" "$data/bench/snapshot.json" --json
check "two kernels, JSON" python3 -c 'import json
rows = json.load(open("out"))
assert len(rows) > 50 and all(set(r) == {"kind", "change", "thing", "field", "old", "new"} for r in rows)
assert all(r["change"] in ("added", "removed", "changed") for r in rows)'

# A state and now
xz -dc "$data/bench/trace.xz" >trace
printf '[Export]\nListen=\n' >conf
"$build/cxlirqd" -c conf -S socket --replay trace >log 2>&1 &
daemon=$!
for _ in $(seq 200); do
	[ -S socket ] && "$cli" -S socket status >/dev/null 2>&1 && break
	sleep 0.05
done
run old.json
check "now: nothing differs" [ "$(cat err)" = "cxlirqctl: diff: nothing differs" ]
run "$data/debian-6.12/snapshot.json"
check "now: something does" grep -q '^support' out
"$cli" -S socket snapshot --json | timeout 60 "$cli" diff /dev/stdin old.json >out 2>err
check "from a pipe" [ "$(cat err)" = "cxlirqctl: diff: nothing differs" ]
kill "$daemon"
wait "$daemon" 2>/dev/null
daemon=
run old.json
check "now, and nobody is there" [ "$(cat err)" = "cxlirqctl: socket: no such socket, is cxlirqd running?" ]
check "now, and nobody is there: exit code" [ $code -eq 1 ]

# What is no state
refused() { # NAME SENTENCE FILE
	run "$3" old.json
	check "$1: exit code" [ $code -eq 1 ]
	check "$1: nothing on stdout" [ ! -s out ]
	check "$1: the reason" [ "$(cat err)" = "cxlirqctl: $2" ]
}
refused "none" "none: No such file or directory" none
mkdir directory
refused "a directory" "directory: Is a directory" directory
: >empty
refused "empty" "empty: is empty" empty
truncate -s 100M huge
printf '{"a": "' >huge2
truncate -s 70M spaces
tr '\0' ' ' <spaces >huge2
refused "huge, and blank" "huge2: is larger than any state, which has 64 MiB at most" huge2
refused "huge, and zeros" "huge: is no state, or not all of one: line 1 is no JSON" huge
echo '[1, 2]' >list
refused "a list" 'list: is no state that "snapshot --json" printed' list
echo '{"version": 2, "domains": [], "vectors": [], "devices": []}' >later
refused "another version" "later: a state of version 2, and this program knows version 1" later
echo '{"version": 1, "domains": [], "devices": []}' >lacking
refused "a part is missing" "lacking: is no whole state, it has no vectors" lacking
echo '{"version": 1, "domains": {}, "vectors": [], "devices": []}' >ill
refused "a part is something else" "ill: is no whole state, it has no domains" ill
python3 -c 'print("[" * 100000)' >deep
refused "a deep one" "deep: is no state, or not all of one: line 1 is no JSON" deep
printf '{"version": \033[31m}' >escape
refused "an escape sequence" "escape: is no state, or not all of one: line 1 is no JSON" escape
size=$(stat -c %s old.json)
for length in 1 100 $((size / 2)) $((size - 1)); do
	head -c "$length" old.json >part
	run part old.json
	check "cut at $length" [ $code -eq 1 ]
	check "cut at $length: the reason" grep -q '^cxlirqctl: part: is no state, or not all of one: line 1 is no JSON$' err
done
# Rows of any kind: shown, or passed over, but survived
python3 -c 'import json
odd = [None, 7, "x", [], {}, {"id": "y", "name": 5, "owners": 3, "index": "a", "irq": -5, "domain": 10 ** 18}]
state = {"version": 1, **{k: odd for k in ("domains", "vectors", "devices", "doorbells", "pmus")}, "support": 5}
json.dump(state, open("odd", "w"))
state["domains"] = []
json.dump(state, open("odd2", "w"))'
run odd odd2
check "odd rows" [ $code -eq 0 ]
# No time for each pair of them
python3 -c 'import json
state = {"version": 1, "domains": [], "devices": [], "vectors": [{}] * 30000}
json.dump(state, open("many", "w"))
state["vectors"] += [{}]
json.dump(state, open("many2", "w"))'
run many many2 --json
check "many of one name" [ $code -eq 0 ]
check "many of one name: one is new" [ "$(grep -o '"change"' out | wc -l)" -eq 1 ]
run old.json odd
check "odd rows against a state" [ $code -eq 0 ]

run
check "no file" [ $code -eq 2 ]
check "no file: the reason" [ "$(cat err)" = 'cxlirqctl: diff: needs a state that "snapshot --json" printed' ]
run a b c
check "three files" [ $code -eq 2 ]
[ $failures -eq 0 ]
