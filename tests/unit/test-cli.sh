#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# cxlirqctl, the whole program, against scripted-daemon.py: what it asks, what it prints, how it
# ends. Above all the ways in which it can fail: then stdout is empty, stderr is one line, and the
# exit code is the documented one.
# usage: test-cli.sh [CXLIRQCTL]

# shellcheck source=tests/unit/cli-fixture.sh
. "$(dirname "$0")/cli-fixture.sh"

scene=none

# Nobody there
rm -f out err; : >out; : >err
run
check "no socket" [ $code -eq 1 ]
check "no socket" complains "socket: no such socket, is cxlirqd running?"
python3 -c 'import socket; socket.socket(socket.AF_UNIX).bind("socket")'
ends 1 domains
check "stale socket" complains "socket: connection refused, cxlirqd is not running"
ends 1 -S "$(printf 'x%.0s' $(seq 200))" status
check "long path" complains "$(printf 'x%.0s' $(seq 200)): too long for a socket's path"

# The command line; none of this needs a daemon
misused() { # SENTENCE ARGUMENT...
	local sentence=$1
	shift
	ends 2 "$@"
	check "$*" complains "$sentence"
}
misused "frobnicate: unknown verb" frobnicate
misused "stat: unknown verb" stat
misused "--frobnicate: unknown option" --frobnicate
misused "--frobnicate: unknown option" status --frobnicate
misused "-x: unknown option" -x
misused "-x: unknown option" -jx
misused "--socket: needs an argument" -S
misused "--timeout: needs an argument" --timeout
misused "--json: takes no argument" --json=pretty
misused "--irq: 'abc' is not a number up to 4294967295" vectors --irq abc
misused "--irq: '' is not a number up to 4294967295" vectors --irq ""
misused "--irq: '-1' is not a number up to 4294967295" vectors --irq=-1
misused "--irq: '4294967296' is not a number up to 4294967295" vectors --irq 4294967296
misused "--irq: '99999999999999999999999' is not a number up to 4294967295" vectors --irq 99999999999999999999999
misused "--irq: '5x' is not a number up to 4294967295" vectors --irq 5x
misused "--timeout: 'soon' is not a time of 0 to 1000000000 seconds" --timeout soon
misused "--timeout: '-1' is not a time of 0 to 1000000000 seconds" --timeout=-1
misused "--timeout: 'nan' is not a time of 0 to 1000000000 seconds" --timeout nan
misused "--timeout: 'inf' is not a time of 0 to 1000000000 seconds" --timeout inf
misused "--color: 'purple' is not auto, always or never" --color purple
misused "status: takes no --tree" --tree
misused "devices: takes no --follow" devices --follow
misused "status: takes no --output" status -o ID
misused "x: domains takes no more arguments" domains x
misused "y: devices takes no more arguments" devices x y
misused "record: needs a file, -o FILE" record
misused "record: needs a file, -o FILE" record -o ""
misused "counters: 'x' is not list or stat" counters x
misused "y: counters takes no more arguments" counters list y
misused "counters stat: needs an event, -e EVENT" counters stat
misused "counters stat: --times needs --interval" counters stat -e a --times 3
misused "counters stat: --times is 1 at least" counters stat -e a --interval 1 --times 0
misused "counters stat: --events is for list" counters stat -e a --events
misused "--interval: '0' is not a time of 0.01 to 86400 seconds" counters stat -e a --interval 0
misused "--interval: '0.009' is not a time of 0.01 to 86400 seconds" counters stat --interval 0.009
misused "--interval: '86401' is not a time of 0.01 to 86400 seconds" counters stat --interval 86401
misused "--timeout: '1000000001' is not a time of 0 to 1000000000 seconds" --timeout 1000000001
for duration in 0 0.0 1000000001 x; do
	misused "--duration: '$duration' is not a time of more than 0 and up to 1000000000 seconds" \
		record -o trace --duration $duration
done
misused "--interval: 'x' is not a time of 0.01 to 86400 seconds" counters stat --interval x
misused "--event: needs an argument" counters stat -e
mapfile -t many < <(seq -f -ee%g 65)
misused "--event: 'e65' is not taken, for there are 64 already" counters stat "${many[@]}"
for option in "-e a" "--interval 1" "--times 3" "--duration 1"; do
	# shellcheck disable=SC2086 # words are meant
	misused "counters list: -e, --interval, --times and --duration are for stat" counters $option
done
misused "vectors: takes no --pmu" vectors --pmu p
misused "status: takes no --event" -e a
misused "ack: needs the id of a violation" ack
misused "x: is no violation's id, which is a number" ack 3 x
misused "3x: is no violation's id, which is a number" ack 3x
misused "ack: an argument is empty" ack 3 ""
misused "explain: an argument is empty" explain ""
misused "devices: an argument is empty" devices ""
misused "guard: an argument is empty" guard pin "" --cpus 0
misused "'': unknown verb" ""
misused "99999999999999999999999: is no violation's id, which is a number" ack 99999999999999999999999
misused "explain: needs an interrupt, a device or a rule" explain
misused "y: explain takes no more arguments" explain x y
misused "x: doorbells takes no more arguments" doorbells x
misused "explain: takes no --output" explain 5 -o ID
misused "events: takes no --until" events --until now
misused "events: takes no --all" events --all
misused "violations: takes no --since" violations --since now
misused "vectors: takes no --type" vectors --type cpu
misused "history: --since is later than --until" history --since today --until yesterday
times="a time: YYYY-MM-DD [HH:MM[:SS]], HH:MM[:SS], now, today, yesterday, -1h, '2 days ago' or @SECONDS"
misused "--since: 'soon' is not $times" events --since soon
misused "--since: '' is not $times" history --since ""
misused "--until: '2025-02-30' is not $times" history --until 2025-02-30
misused "--until: '1h' is not $times" history --until 1h
ends 2 domains -o NAME,SHAPE
check "unknown column" grep -q '^cxlirqctl: SHAPE: unknown column, valid are ID,NAME,' err
check "unknown column, one line" [ "$(wc -l <err)" -eq 1 ]
check "unknown column, nothing on stdout" [ ! -s out ]
ends 0 --help
for verb in status domains devices vectors doorbells violations ack explain counters events history \
	support snapshot record; do
	check "help names $verb" grep -q "^  $verb " out
done
# What the program has, its manual names
manual=$here/../../man/cxlirqctl.1
# shellcheck disable=SC2013 # words are meant
for option in $(grep -o -- '--[a-z-]*' out); do
	check "the manual names $option" grep -Eq "Fl ${option#-}( |\$)" "$manual"
done
for verb in domains devices vectors doorbells violations counters "counters --events" \
	"counters stat -e x" events history support; do
	# shellcheck disable=SC2086 # words are meant
	run $verb -o SHAPE
	# shellcheck disable=SC2013
	for column in $(sed 's/.* valid are //; s/,/ /g' err); do
		check "the manual names $column of $verb" grep -Eq "^\.Cm .*\b$column\b" "$manual"
	done
done
ends 0 -V
check "version" grep -Eq '^cxlirqctl [0-9]' out

# All is well
scene good
ends 0
check "no verb is status" asked '{"method": "io.cxlirqd.GetStatus", "parameters": {}}'
check "status" prints "        Hooks: 14 of 15 attached"
check "status" prints "The last took: 5.4 ms"
check "status" prints "        Store: ok, 12 written, 0 dropped"
check "status" prints " Vector space: 380 of 404 available (20 allocated, 4 set aside for managed ones)"
ends 0 status --json
check "status --json" is_json 'd["health"] == "healthy" and d["lost"] == []'

ends 0 domains
check "domains" prints " 3 IR-PCI-MSIX-0000:0d:00.0-12 pci-device-msix      2 0000:0d:00.0      4 APIC declared"
ends 0 domains --tree
check "domains --tree" prints " 3   └─IR-PCI-MSIX-0000:0d:00.0-12 pci-device-msix"
ends 0 --json domains --tree
check "domains --json" is_json 'isinstance(d, list) and [r["id"] for r in d] == [1, 2, 3, 9]'
ends 0 domains -n -o name
check "domains -n -o" [ "$(head -n 1 out)" = VECTOR ]

ends 0 devices
check "devices" asked '{"method": "io.cxlirqd.ListDevices", "parameters": {}}'
check "devices" prints "0000:0d:00.0 cxl_pci 1..16       8    5      1      3 mailbox cpmu:refused doe*2:polled"
check "devices" prints "pmu_mem0.0   cxl_pmu     -       0    1      0      0 -"
ends 0 devices -n -o device,offered,never-requested,demands
check "devices -o" prints "0000:0d:00.0 16 MSI-X, 0 MSI               2 any 1..16: No space left on device"
check "devices -o" prints "msi 1..8: 8"
ends 0 devices 0000:0d:00.0
check "devices DEVICE" asked '{"method": "io.cxlirqd.ListDevices", "parameters": {"device": "0000:0d:00.0"}}'
check "devices DEVICE" prints "cpmu    pmu_mem0.1       9        -   - refused -        No space left on device message number"
check "devices DEVICE" prints "doe     0                -        3   - polled"
check "devices DEVICE" prints "Hardware offers: 16 MSI-X, 0 MSI"
check "devices DEVICE" prints "Calls: any 1..16: No space left on device"
check "devices DEVICE" prints "Never requested: 2"
ends 0 devices 0000:0d:00.0 --json
check "devices DEVICE --json is one object" is_json 'd["device"] == "0000:0d:00.0"'
ends 0 devices 0000:0d:00.0 -n -o driver,granted
check "devices DEVICE -o" [ "$(cat out)" = "cxl_pci       8" ]
ends 1 devices mem7
check "devices mem7" complains "mem7: no such device"
ends 1 devices "$(printf '\377')"
check "a device that is no UTF-8" complains "?: no such device"

ends 0 vectors
check "vectors" asked '{"method": "io.cxlirqd.ListVectors", "parameters": {}}'
check "owners stand one below the other" \
	[ "$(sed -n 3p out)" = "$(printf '%62s0000:0c:00.0:pcie010 own      pciehp' '')" ]
check "a line fits 120 columns" [ "$(wc -L <out)" -le 120 ]
ends 0 vectors --irq 25 --device pmu_mem0.0 --json
check "vectors --irq --device" asked '{"method": "io.cxlirqd.ListVectors", "parameters": {"device": "pmu_mem0.0", "irq": 25}}'
check "vectors --json" is_json 'len(d) == 1 and d[0]["message"] == {"address": "fee01000", "data": "4021"}'
ends 0 vectors --json -o irq,owner
check "vectors --json -o" is_json 'all(set(r) == {"irq", "owners"} for r in d)'
ends 1 vectors --irq 99
check "vectors --irq 99" complains "99: no such interrupt"
ends 1 vectors --device mem7 --json
check "vectors --device mem7" complains "mem7: no such device"

ends 0 events
check "events" asked '{"method": "io.cxlirqd.Monitor", "parameters": {"follow": false}, "more": true}'
check "events" prints "2025-11-21 07:26:40.123456 demand               - 0000:0e:00.0 asked 2..2, No space left on device"
check "events" prints "index 3: fee01000/4021 -> fee02000/4022, affinity-write by ev\\x1b[31mil[42] uid 0"
check "events" prints "0-3 -> 2, effective 0 -> 2, pending, cpu-hotplug"
check "events" prints "pmu_mem0.0: cxl_pmu_irq, borrowed, vector of 0000:0d:00.0"
check "events" prints "vector-freed         9 -            domain 1"
check "events" prints "PCI-MSIX (id 3, pci-device-msix)"
check "events" prints "12 missing: ring full"
check "events" prints "published, doorbell 0 of pci_epf_vntb.0 on a40000000.pcie-ep, message fee01000/4021"
check "events" prints "doorbell-message-changed (critical, violation 3): it changed"
check "events of an unknown type" prints "from-the-future      7 x            color=blue size=3"
ends 0 events --json
check "events --json" python3 -c 'import json
lines = [json.loads(line) for line in open("out")]
assert len(lines) == 15 and lines[8] == {"time_us": 1763710000123456, "type": "cpu", "irq": None,
                                         "device": None, "cpu": 3, "online": False}'
"$cli" -S socket --timeout 0.2 events --follow --json >out 2>err &
follower=$!
for _ in $(seq 100); do
	[ "$(wc -l <out)" -eq 15 ] && break
	sleep 0.05
done
check "events --follow prints at once" [ "$(wc -l <out)" -eq 15 ]
sleep 0.5
check "events --follow takes silence for no failure" kill -0 $follower
kill $follower
wait $follower 2>/dev/null

ends 0 events --since @1763710000.5 --json
check "events --since" asked '{"method": "io.cxlirqd.Monitor", "parameters": {"follow": false, "since_us": 1763710000500000}, "more": true}'
ends 0 history
check "history" asked '{"method": "io.cxlirqd.ListHistory", "parameters": {}, "more": true}'
check "history" prints "2025-11-21 07:26:40.123456 vector-allocated    25 0000:0d:00.0 index 3 of domain 3"
check "history tells what is missing" [ "$(cat err)" = "cxlirqctl: history: older ones were left out" ]
ends 0 history --json --device d --irq 0 --type cpu --since @1 --until "1970-01-01 00:00:02"
check "history, by everything" asked '{"method": "io.cxlirqd.ListHistory", "parameters": {"device": "d", "irq": 0, "since_us": 1000000, "until_us": 2000000, "type": "cpu"}, "more": true}'
check "history --json" python3 -c 'import json
lines = [json.loads(line) for line in open("out")]
assert [line["type"] for line in lines] == ["domain-created", "vector-allocated"]'
ends 0 history --json -o type,irq
check "history -o" [ "$(head -n 1 out)" = '{"type":"domain-created","irq":null}' ]

ends 0 doorbells
check "doorbells" asked '{"method": "io.cxlirqd.ListDoorbells", "parameters": {}}'
check "doorbells" prints "a40000000.pcie-ep pci_epf_vntb.0     0  88 fee02000/4022 msi  mutable      published violated"
check "a line fits 120 columns" [ "$(wc -L <out)" -le 120 ]
ends 0 doorbells --json -o epf,published,bar,error
check "doorbells --json" is_json 'd[0]["published_message"]["data"] == "4021" and d[1]["errno"] == 22'
ends 0 counters
check "counters" asked '{"method": "io.cxlirqd.ListCounters", "parameters": {}}'
check "counters" prints "cxl_pmu_mem0.0 clock_ticks           123456          -"
check "counters, scaled" prints "cxl_pmu_mem0.0 ev\\x1b[31mil            2000 (25.00%) -"
check "counters, crowded out" prints "cxl_pmu_mem0.1 full           <not counted>          not counted: more events than counters"
check "counters, refused" prints "-              nothing      <not supported>          no event \"nothing\""
check "counters, ended" prints "cxl_pmu_mem0.2 left                       7          the PMU is gone"
check "counters, silent" silent
ends 0 counters list --json
check "counters --json" is_json '[c["value"] for c in d] == [123456, 500, 0, 0, 7]'
ends 0 counters --pmu cxl_pmu_mem0.0 --json -o event,value
check "counters --pmu" asked '{"method": "io.cxlirqd.ListCounters", "parameters": {"pmu": "cxl_pmu_mem0.0"}}'
check "counters -o" is_json 'd[0] == {"event": "clock_ticks", "value": 123456}'
ends 1 counters --pmu x
check "counters of no PMU" complains "x: no such CXL PMU"
ends 0 counters --events
check "counters --events" prints "cxl_pmu_mem0.0 pmu_mem0.0 0000:0d:00.0  25 0    clock_ticks"
check "an event a line" [ "$(sed -n 3p out | tr -d ' ')" = m2s_req_memrd ]
ends 0 counters list --events --json
check "counters --events --json" is_json 'd[0]["formats"] == [{"term": "mask", "bits": "config:0-31"}]'

ends 0 counters stat -e '{a,b}' -e 'p/c,d/' --pmu 'p*' --interval 1.5 --times 2 --json
check "counters stat" asked '{"method": "io.cxlirqd.CountEvents", "parameters": {"events": ["{a,b}", "p/c,d/"], "pmu": "p*", "interval_ms": 1500, "times": 2}, "more": true}'
check "counters stat --json" python3 -c 'import json
rows = [json.loads(line) for line in open("out")]
assert [(r["event"], r["value"], r["total"]) for r in rows] == [
    ("a", 40, False), ("b", 6, False), ("bad", 0, False),
    ("a", 2, False), ("b", 0, False), ("bad", 0, False),
    ("a", 42, True), ("b", 6, True), ("bad", 0, True)], rows
assert rows[0]["elapsed_us"] == 1000000 and rows[0]["time_us"] == 1763710001000000'
check "each failure is told once" [ "$(cat err)" = "cxlirqctl: cxl_pmu_mem0.0: bad: no event
cxlirqctl: cxl_pmu_mem0.1: b: the PMU is gone" ]
ends 0 counters stat -e a --interval 1
check "counters stat, text" [ "$(sed -n '2,4p;$p' out)" = "    1.000000                   40          cxl_pmu_mem0.0  a
    1.000000                   18 (33.33%) cxl_pmu_mem0.1  b
    1.000000      <not supported>          cxl_pmu_mem0.0  bad
       total      <not supported>          cxl_pmu_mem0.0  bad" ]
check "counters stat, what is gone" prints "    2.000000        <not counted>          cxl_pmu_mem0.1  b"
ends 0 counters stat -n -o value,event -e a --interval 1
check "counters stat -o" [ "$(head -n 1 out)" = "   40 a" ]
# a signal, or --duration, asks for the totals
ends 0 counters stat -e a --duration 0.3
check "--duration" asked '{"method": "io.cxlirqd.EndCount", "parameters": {"id": 7}}'
check "--duration" [ "$(sed 1d out)" = "       total                   42          cxl_pmu_mem0.0  a
       total                   18 (33.33%) cxl_pmu_mem0.1  b
       total      <not supported>          x               bad" ]
for signal in INT TERM; do
	: >err
	env --default-signal=INT "$cli" -S socket --timeout 5 counters stat -n -e a >out 2>err &
	counter=$!
	for _ in $(seq 100); do
		[ -s err ] && break
		sleep 0.05
	done
	kill -$signal $counter
	wait $counter
	code=$?
	check "SIG$signal ends with 0" [ $code -eq 0 ]
	check "SIG$signal has the totals printed" [ "$(wc -l <out)" -eq 3 ]
done

ends 3 violations
check "violations" asked '{"method": "io.cxlirqd.ListViolations", "parameters": {"all": false}}'
check "violations" prints " 3 critical doorbell-message-changed pci_epf_vntb.0  88     4 affinity-write"
check "violations, who" prints "by irqbalance[42] uid 0"
check "violations, silent" silent
check "a line fits 132 columns" [ "$(wc -L <out)" -le 132 ]
ends 3 violations --all --json
check "violations --all" asked '{"method": "io.cxlirqd.ListViolations", "parameters": {"all": true}}'
check "violations --all" is_json '[r["id"] for r in d] == [3, 7]'
ends 3 violations --all -n -o id,acknowledged,last,new
check "violations -o" prints "3 no           2025-11-21 07:26:40.123456 fee02000/4022"
ends 0 ack 7 3
check "ack" asked '{"method": "io.cxlirqd.Acknowledge", "parameters": {"ids": [7, 3]}}'
check "ack" prints " 7 warning"
ends 0 ack 3 --json
check "ack --json" is_json 'len(d) == 1 and d[0]["acknowledged"] is True'
ends 1 ack 3 4
check "ack of none" complains "4: no such violation"
ends 0 explain 88
check "explain" asked '{"method": "io.cxlirqd.Explain", "parameters": {"subject": "88"}}'
check "explain" cmp -s out <(printf '%s\n' "Interrupt 88 is vector 0 of ev?[31mil." "It goes to CPU 1." "" \
	"What to do:" "Leave it there.")
ends 0 explain 88 --json
check "explain --json" is_json 'd["kind"] == "interrupt" and len(d["text"]) == 2'
ends 1 explain 99
check "explain 99" complains "99: no such interrupt"
ends 1 explain mem7
check "explain mem7" complains "mem7: no such interrupt, device or rule"

ends 0 support
check "support" prints "hook    irq_matrix_alloc no          -      - replaced by vector_alloc"
ends 0 support --json
check "support --json" is_json 'd["features"][0]["hook"] == "bpf-lsm" and "kind" not in d["hooks"][0]'
ends 0 snapshot
check "snapshot" prints "domains 4 entries"
ends 0 snapshot --json
check "snapshot --json" is_json 'len(d["vectors"]) == 1'
run --no-pager --color=always
check "--color=always" grep -q "$(printf '\033')" out
run
check "no color in a file" [ -z "$(tr -dc '\033' <out)" ]

# Whoever stops reading is not told off for it
"$cli" -S socket vectors 2>err | true
check "closed pipe" silent
"$cli" -S socket status >&- 2>err
code=$?
: >out
check "closed stdout, exit code" [ $code -eq 1 ]
check "closed stdout" complains "standard output: Bad file descriptor"
"$cli" -S socket status <&- >out 2>err
check "closed stdin" prints "Health: healthy"
"$cli" -S socket status >out 2>&-
check "closed stderr" prints "Health: healthy"
"$cli" -S socket devices mem7 >out 2>&-
code=$?
check "closed stderr, exit code" [ $code -eq 1 ]
"$cli" -S socket domains >/dev/full 2>err
code=$?
: >out
check "full disk, exit code" [ $code -eq 1 ]
check "full disk" complains "standard output: No space left on device"
scene flood
timeout 20 "$cli" -S socket events --follow 2>err | head -n 1 >out
check "endless stream into a closed pipe" silent
check "endless stream into a closed pipe" grep -q ^TIME out
timeout 20 "$cli" -S socket events --follow >/dev/full 2>err
code=$?
: >out
check "endless stream onto a full disk, exit code" [ $code -eq 1 ]
check "endless stream onto a full disk" complains "standard output: No space left on device"

# Not well, but answered
scene sick
ends 3 status
check "status, degraded" prints "      Because: records lost"
check "status, degraded" prints " Records lost: ring-full 5"
check "status, degraded" silent
ends 3 status --json
ends 3 support
check "support, a hook is missing" prints "not in this kernel's BTF"
scene violated
ends 3 status
check "status, violated" prints "           Health: healthy"
check "status, violated" prints "  Open violations: 2"
check "status, violated" prints "Violations refused: 5"
check "status, violated" prints "            Store: off: no directory"
ends 3 status --json
scene before-rules
ends 0 status
check "status of an older daemon" silent
scene without-tracing
ends 3 support

# Nothing to show
scene empty
for verb in domains devices vectors doorbells violations counters; do
	ends 0 $verb --json
	check "$verb, empty" [ "$(cat out)" = "[]" ]
	check "$verb, empty, why" [ "$(cat err)" = "cxlirqctl: $verb: driver not bound" ]
	ends 0 $verb
	check "$verb, empty, as text" [ ! -s out ]
done
ends 0 events --json
check "no events" [ ! -s out ]
ends 0 history --json
check "no history" complains "history: there is no store"

# Replies of any size and pace
scene byte-by-byte
ends 0 domains --json
check "a slow reply" is_json 'len(d) == 4'
scene large
ends 0 vectors --json
check "a large reply" is_json 'len(d) == 8192'
scene strange
for verb in "domains --tree" devices vectors doorbells "violations --all"; do
	# shellcheck disable=SC2086
	run $verb
	check "$verb, strange rows" [ "$(wc -l <out)" -eq 8 ]
done

# Daemons that fail
fails() { # SCENE SENTENCE
	scene "$1"
	ends 1 domains --json
	check "$1" complains "$2"
}
fails gone "socket: the daemon closed the connection"
fails full "socket: the daemon closed the connection"
fails cut "socket: the daemon closed the connection"
fails garbage "socket: the daemon's answer makes no sense"
fails array "socket: the daemon's answer makes no sense"
fails ill-typed "socket: the daemon's answer makes no sense"
fails huge "socket: the daemon's answer is too long"
fails lacking "socket: the daemon's answer lacks domains"
fails wrong-type "socket: the daemon's answer lacks domains"
fails denied "ListDomains: permission denied, only root and the group cxlirq may"
fails refusing "ListDomains: tracing is not available: no BTF"
fails failing "ListDomains: failed: out of luck"
fails unheard-of "ListDomains: com.example.Odd"
fails old "ListDomains: the running daemon cannot do this"
scene silent
ends 1 --timeout 0.2 domains
check "--timeout" complains "socket: the daemon did not answer in time"
ends 1 --timeout 0.2 events
check "--timeout, events" complains "socket: the daemon did not answer in time"
scene lost-in-stream
ends 1 events --json
check "what came is shown" [ "$(wc -l <out)" -eq 1 ]
check "the daemon is lost" [ "$(cat err)" = "cxlirqctl: socket: the daemon closed the connection" ]

# counters
scene uncounted
ends 0 counters
check "no counters, but PMUs" prints "cxl_pmu_mem0.0 pmu_mem0.0 0000:0d:00.0"
check "no counters, but PMUs" [ "$(cat err)" = "cxlirqctl: counters: no [Counters] Events= are set" ]
ends 0 counters --json
check "no counters, for a script" is_json 'd == []'
ends 0 counters -o pmu
check "no counters, by column" [ ! -s out ]
ends 1 counters stat -e bad -e worse
check "nothing counts" [ "$(cat err)" = "cxlirqctl: cxl_pmu_mem0.0: bad: the PMU rejects it
cxlirqctl: worse: no event" ]
check "nothing counts, nothing on stdout" [ ! -s out ]
scene bad-events
ends 2 counters stat -e '{a'
check "events that cannot be read" complains 'CountEvents: no events: no closing } at "{a"'
scene denied
ends 1 counters stat -e a
check "counters stat, denied" complains "CountEvents: permission denied, only root and the group cxlirq may"
scene lost-counting
ends 1 counters stat -e a
check "counters stat, the daemon is lost" complains "socket: the daemon closed the connection"
scene silent
ends 1 counters stat -e a --duration 0.3
check "counters stat, no answer in time" complains "counters stat: stopped before the daemon answered"

[ $failures -eq 0 ]
