#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Judges what scenarios/restart.sh collected: restart.py DIRECTORY

The origin of changes kept a log of what it wrote to which interrupt.  Written
twice in a row, a value changes nothing, unless the controller then chooses
another CPU of the same (the GIC's ITS does, by their load), which is told, too;
every other write is one change.  The history, read here with nothing of cxlirqd's, must have these changes in this
order and no others, whichever daemon wrote them down.
"""
import glob
import json
import os
import sqlite3
import sys


def rows(path):
    with open(path, encoding="utf-8") as file:
        return [line.split() for line in file if line.strip()]


def moves_only(event):
    return event["old"] == event["new"] and event["old_effective"] != event["new_effective"]


class Judge:
    def __init__(self, folder):
        self.folder = folder
        self.failed = 0
        self.irqs = [int(row[0]) for row in rows(self.path("irqs"))]

    def path(self, name):
        return os.path.join(self.folder, name)

    def say(self, name, problem):
        print(f"not ok {name} {problem}" if problem else f"ok {name}")
        self.failed += bool(problem)

    def history(self, database):
        connection = sqlite3.connect(self.path(database))
        try:
            return [json.loads(text) for (text,) in
                    connection.execute("SELECT json FROM history ORDER BY id")]
        finally:
            connection.close()

    def written(self, origin, number):
        """What the origin's writes made of one interrupt's mask."""
        return [row[3] for row in rows(self.path(f"log.{origin}"))
                if len(row) == 5 and int(row[2]) == number and row[4] == "0"]

    def judge_origin(self, origin, events):
        problems, total = [], 0
        for number, irq in enumerate(self.irqs):
            told = [e for e in events if e["type"] == "affinity-change" and e["irq"] == irq and
                    e["cause"] and e["cause"]["comm"] == origin]
            # what waits for an interrupt and lands is told twice, as what it is
            told = [e for e in told if e["pending"] == told[0]["pending"]]
            expected, current = [], told[0]["old"] if told else None
            for value in self.written(origin, number):
                at = len(expected)
                if value != current or at < len(told) and moves_only(told[at]):
                    expected.append(value)
                current = value
            new = [e["new"] for e in told]
            if new != expected:
                at = next((i for i, (a, b) in enumerate(zip(new, expected)) if a != b), len(new))
                problems.append(f"interrupt {irq}: {len(expected)} changes, {len(new)} told, "
                                f"they differ from number {at} on: {expected[at:at + 4]}, {new[at:at + 4]}")
            broken = next((i for i in range(1, len(told)) if told[i]["old"] != told[i - 1]["new"]), None)
            if broken:
                problems.append(f"interrupt {irq}: change {broken} is from {told[broken]['old']}, "
                                f"which it was not")
            total += len(new)
        self.say(f"{origin}: each of {total} changes once", "; ".join(problems[:3]))
        self.say(f"{origin}: enough changes", total < 200 and f"only {total}")

    def judge_messages(self, events, vectors, name):
        if not os.path.exists(self.path(vectors)):
            return
        now = {int(row[0]): (int(row[4], 0), int(row[5], 0)) for row in rows(self.path(vectors))
               if row[0].isdigit()}
        problems, total = [], 0
        for irq in self.irqs:
            chain = [(e["old_message"], e["new_message"]) for e in events
                     if e["type"] == "message-change" and e["irq"] == irq]
            total += len(chain)
            for i in range(1, len(chain)):
                if chain[i][0] != chain[i - 1][1]:
                    problems.append(f"interrupt {irq}: message {i} is from another one than there was")
                    break
            last = chain[-1][1] if chain else {"address": "0", "data": "0"}
            if (int(last["address"], 16), int(last["data"], 16)) != now[irq]:
                problems.append(f"interrupt {irq}: the last message told is {last}, it has {now[irq]}")
        self.say(f"{name}: {total} messages follow each other without a gap", "; ".join(problems[:3]))

    def judge_status(self, origin):
        problems = []
        paths = sorted(glob.glob(self.path(f"status.{origin}.*")))
        for path in paths:
            with open(path, encoding="utf-8") as file:
                status = json.load(file)
            name = os.path.basename(path)
            if status["lost"] or status["corrections"]:
                problems.append(f"{name}: lost {status['lost']}, corrected {status['corrections']}")
            if not status["adopted"] or status["adopted"]["lost"]:
                problems.append(f"{name}: adopted {status['adopted']}")
        waiting = [json.load(open(path, encoding="utf-8"))["adopted"]["waiting"] for path in paths]
        print(f"# {origin}: {len(paths)} restarts, {min(waiting, default=0)} to "
              f"{max(waiting, default=0)} records had waited")
        self.say(f"{origin}: nothing lost, nothing corrected, {len(paths)} times",
                 not paths and "there was no restart" or "; ".join(problems[:3]))
        # or nothing was proven
        self.say(f"{origin}: records had waited", sum(waiting) == 0 and "none ever did")

    def judge_twins(self, events, name):
        """The same event twice is one that two daemons told."""
        seen, twins = set(), []
        for event in events:
            if event["type"] in ("affinity-change", "message-change", "violation", "handler-requested",
                                 "vector-allocated"):
                text = json.dumps(event, sort_keys=True)
                if text in seen:
                    twins.append(text)
                seen.add(text)
        self.say(f"{name}: no event twice", twins and f"{len(twins)}: {twins[:2]}")

    def run(self):
        events = self.history("main.db")
        self.say("pinned", rows(self.path("pinned")) != [['"/sys/fs/bpf/cxlirqd"']] and "it is not")
        for origin in ("stopped", "killed"):
            self.judge_origin(origin, events)
            self.judge_status(origin)
        burst = next((i for i, e in enumerate(events)
                      if e["type"] == "gap" or (e.get("cause") or {}).get("comm") == "burst"), None)
        gaps = [e for e in events if e["type"] == "gap" and e["reason"] != "ring-full"]
        self.say("no gap in the history", gaps and str(gaps[:3]))
        self.judge_messages(events[:burst], "vectors", "one daemon after the other")
        self.judge_twins(events, "one daemon after the other")
        if os.path.exists(self.path("skew.db")):
            events = self.history("skew.db")
            self.judge_origin("skew", events)
            self.judge_status("skew")
            self.judge_messages(events, "vectors.skew", "skew")
            self.judge_twins(events, "skew")
            gaps = [e for e in events if e["type"] == "gap"]
            self.say("skew: no gap in the history", gaps and str(gaps[:3]))
        return 1 if self.failed else 0


if __name__ == "__main__":
    sys.exit(Judge(sys.argv[1]).run())
