#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Judges what scenarios/guard.sh collected: guard.py DIRECTORY

The writers kept logs of what they wrote and what became of it; the kernel said
what the vectors' affinities were before and after; the history, read here with
nothing of cxlirqd's, says what was denied, and to whom.  The round without the
guard says what each call gives on such a file anyway.
"""
import collections
import json
import os
import sqlite3
import sys

EPERM, ESPIPE, EINVAL = 1, 29, 22
DEFAULT = -1
PROCESSES = 8
WRITES = {"off": 250, "enforce": 1250, "hotplug": 250, "audit": 250}  # of each process

Write = collections.namedtuple("Write", "time_us irq way call value error")


def rows(path):
    with open(path, encoding="utf-8") as file:
        return [line.split() for line in file if line.strip()]


class Writer:
    """One process: who it was, and what it did."""

    def __init__(self, folder, number):
        (pid, uid), *writes = rows(os.path.join(folder, str(number)))
        self.comm, self.pid, self.uid = f"fuzz-{number}", int(pid), int(uid)
        self.writes = [Write(int(w[0]), int(w[1]), w[2], w[3], w[4], int(w[5])) for w in writes]


class Round:
    def __init__(self, folder, name):
        self.name = name
        self.writers = [Writer(os.path.join(folder, name), n) for n in range(PROCESSES)]
        self.before = dict(rows(os.path.join(folder, name, "affinities.before")))
        self.after = dict(rows(os.path.join(folder, name, "affinities.after")))
        times = [w.time_us for writer in self.writers for w in writer.writes]
        self.begin, self.end = min(times), max(times) + 1000000

    def writes(self):
        return [w for writer in self.writers for w in writer.writes]


class Judge:
    def __init__(self, folder):
        self.folder = folder
        self.failed = 0
        self.kept = {int(row[0]) for row in rows(self.path("kept"))}
        self.loose = {int(row[0]) for row in rows(self.path("loose"))}
        self.guarded = self.kept | {DEFAULT}
        connection = sqlite3.connect(self.path("history.db"))
        self.events = [json.loads(text) for (text,) in
                       connection.execute("SELECT json FROM history ORDER BY id")]
        connection.close()
        self.rounds = {name: Round(folder, name) for name in WRITES}
        # what comes late belongs to a round, but not what the next one does at once
        in_time = sorted(self.rounds.values(), key=lambda r: r.begin)
        for r, following in zip(in_time, in_time[1:]):
            r.end = min(r.end, following.begin - 1)
        # what each call gives where nobody stands in the way
        self.plain = collections.defaultdict(set)
        for w in self.rounds["off"].writes():
            self.plain[w.call].add(w.error)

    def path(self, *names):
        return os.path.join(self.folder, *names)

    def say(self, name, problem):
        print(f"not ok {name} {problem}" if problem else f"ok {name}")
        self.failed += bool(problem)

    def told(self, writer):
        return [e for e in self.events if e["type"] == "guard-denied" and e["cause"]["pid"] == writer.pid]

    def judge_off(self):
        r = self.rounds["off"]
        wrong = {call: errors for call, errors in self.plain.items() if len(errors) > 1}
        self.say("off: each call gives one answer", wrong and str(wrong))
        need = {"write": {0}, "writev": {0}, "pwritev2": {0}, "pwrite": {0, ESPIPE}, "splice": {0, EINVAL}}
        wrong = {call: errors for call, errors in self.plain.items()
                 if not errors <= need.get(call, set())}
        self.say("off: nothing is denied", wrong and str(wrong))
        self.say("off: nothing is told", any(self.told(w) for w in r.writers) and "something is")
        ways = {(w.way, w.call) for w in r.writes()}
        self.say("off: every call in every way", len(ways) != 4 * len(need) and str(sorted(ways)))

    def reaches(self, write):
        """Whether the kernel asks the guard at all: pwrite() fails before, on a file without a position."""
        return self.plain[write.call] != {ESPIPE}

    def judge_count(self, r):
        short = [len(w.writes) for w in r.writers if len(w.writes) != WRITES[r.name]]
        self.say(f"{r.name}: {len(r.writes())} writes", short and str(short))

    def judge_denied(self, r):
        through = [w for w in r.writes() if w.irq in self.guarded and w.error == 0]
        other = [w for w in r.writes() if w.irq in self.guarded and
                 w.error != (EPERM if self.reaches(w) else ESPIPE)]
        denied = sum(w.error == EPERM for w in r.writes())
        self.say(f"{r.name}: 0 writes to protected files come through", through and str(through[:3]))
        self.say(f"{r.name}: all {denied} are denied, and only that", other and str(other[:3]))

    def judge_free(self, r):
        free = [w for w in r.writes() if w.irq in self.loose]
        # a CPU that is away is no target: the kernel's own answer
        spare = {EINVAL} if r.name == "hotplug" else set()
        hindered = [w for w in free if w.error not in self.plain[w.call] | spare]
        self.say(f"{r.name}: 0 of {len(free)} writes to other files are hindered",
                 hindered and str(hindered[:3]))

    def judge_told(self, r, expected, denied):
        """Each of them, with the right name, number and user, and no other."""
        problems, total = [], 0
        for writer in r.writers:
            events = self.told(writer)
            told = collections.Counter(DEFAULT if e["irq"] is None else e["irq"] for e in events)
            done = collections.Counter(w.irq for w in writer.writes if expected(w))
            total += sum(done.values())
            if told != done:
                problems.append(f"{writer.comm}: {sum(done.values())} writes, {len(events)} told; "
                                f"they differ at {sorted((told - done) + (done - told))[:5]}")
            for e in events:
                path = "default_smp_affinity" if e["irq"] is None else "smp_affinity"
                if e["denied"] != denied or e["path"] != path or \
                        e["cause"] != {"kind": "affinity-write", "comm": writer.comm,
                                       "pid": writer.pid, "uid": writer.uid} or \
                        (e["device"] is None) != (e["irq"] is None):
                    problems.append(f"{writer.comm}: {e}")
        self.say(f"{r.name}: each of {total} writes is told once, with who it was", "; ".join(problems[:3]))
        self.say(f"{r.name}: all writers, root and another user",
                 {w.uid for w in r.writers} != {0, 1000} and "users are missing")

    def judge_still(self, r):
        moved = [irq for irq in self.guarded if r.before[str(irq)] != r.after[str(irq)]]
        self.say(f"{r.name}: 0 protected affinities have changed", moved and str(moved))
        changed = [e for e in self.events if r.begin <= e["time_us"] <= r.end and e["irq"] in self.kept and
                   e["type"] in ("affinity-change", "message-change", "guard-moved")]
        self.say(f"{r.name}: nor is that told", changed and str(changed[:2]))
        others = [irq for irq in self.loose if r.before[str(irq)] != r.after[str(irq)]]
        self.say(f"{r.name}: {len(others)} others have", len(others) < 10 and "too few")
        if os.path.exists(self.path(r.name, "vectors.before")):
            def held(when):
                return {int(row[0]): row[4:] for row in rows(self.path(r.name, f"vectors.{when}"))
                        if row[0].isdigit()}
            before, after = held("before"), held("after")
            changed = [irq for irq in self.kept if before[irq] != after[irq]]
            self.say(f"{r.name}: nor have their messages", changed and str(changed))

    def judge_hotplug(self, r):
        (number,), = rows(self.path("hotplug", "rounds"))
        cpus = [e["online"] for e in self.events if e["type"] == "cpu" and e["cpu"] == 1]
        self.say(f"hotplug: {number} times gone and come, each is told",
                 cpus != [False, True] * int(number) and str(cpus))
        moved = [e for e in self.events if e["type"] == "affinity-change" and e["irq"] in self.kept and
                 r.begin <= e["time_us"] <= r.end]
        # what was asked for before anything was protected may have waited for this
        queued = {w.pid for w in self.rounds["off"].writers}
        causes = {e["cause"]["kind"] for e in moved if e["pending"] or e["cause"]["pid"] not in queued}
        self.say(f"hotplug: it moves protected vectors, {len(moved)} times, and who did it is told",
                 causes != {"cpu-hotplug"} and str(causes))

    def missed(self):
        """By the kernel's own count; without bpftool in the machine there may be none."""
        if not os.path.exists(self.path("programs")):
            return 0
        with open(self.path("programs"), encoding="utf-8") as file:
            return sum(program.get("recursion_misses", 0) for program in json.load(file))

    def judge_status(self):
        with open(self.path("status.json"), encoding="utf-8") as file:
            status = json.load(file)
        missed = self.missed()
        print(f"# {missed} runs of programs were left out by the kernel")
        expected = [{"reason": "program-missed", "count": missed}] if missed else []
        self.say("no record is lost but what the kernel left out", status["lost"] != expected and
                 f"{status['lost']}, not {expected}")
        gaps = [e for e in self.events if e["type"] == "gap" and e["lost"] and e["reason"] != "program-missed"]
        self.say("nor anything of the history", gaps and str(gaps[:2]))
        denied = sum(w.error == EPERM for name in ("enforce", "hotplug") for w in self.rounds[name].writes()
                     if w.irq != DEFAULT)
        # two more were by the scenario's own hand, at one vector
        counted = sum(int(float(row[-1])) for row in rows(self.path("metrics")) if not row[0].startswith("#"))
        self.say(f"metrics count {counted} denied", not denied < counted <= denied + 2 and f"not {denied}")

    def run(self):
        for r in self.rounds.values():
            self.judge_count(r)
        self.judge_off()
        for name in ("enforce", "hotplug"):
            r = self.rounds[name]
            self.judge_denied(r)
            self.judge_free(r)
            self.judge_told(r, lambda w: w.error == EPERM, True)
        self.judge_still(self.rounds["enforce"])
        self.judge_hotplug(self.rounds["hotplug"])
        r = self.rounds["audit"]
        hindered = [w for w in r.writes() if w.error not in self.plain[w.call]]
        self.say("audit: 0 writes are hindered", hindered and str(hindered[:3]))
        self.judge_told(r, lambda w: w.irq in self.guarded and self.reaches(w), False)
        self.judge_status()
        return 1 if self.failed else 0


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    sys.exit(Judge(sys.argv[1]).run())
