#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Judges what scenarios/causes.sh collected: causes.py DIRECTORY

Each origin had interrupts of its own, so of every change it is known who made
it: the origin of its interrupt, or the CPU that went or came, and that only
while the log of the hot plug says so.  Every label must be right, and what an
origin wrote must be there.
"""
import collections
import json
import os
import sys

CHANGES_MIN = 1000
# A CPU's way down ends in work that a thread does after the write has returned.
HOTPLUG_SLACK_US = 200000


def lines(path):
    with open(path, encoding="utf-8") as file:
        return [line.split() for line in file if line.strip()]


class Judge:
    def __init__(self, folder):
        self.folder = folder
        self.failed = 0
        self.events = [json.loads(line) for line in open(self.path("events.json"), encoding="utf-8")]
        self.origin = {}
        for name in ("shell", "daemon", "driver"):
            for (irq,) in lines(self.path(f"irqs.{name}")):
                self.origin[int(irq)] = name
        self.pid = {name: int(lines(self.path(f"pid.{name}"))[0][0])
                    for name in ("shell", "daemon", "driver")}
        self.windows = [(int(row[0]), int(row[1]) + HOTPLUG_SLACK_US)
                        for row in lines(self.path("log.hotplug"))]

    def path(self, name):
        return os.path.join(self.folder, name)

    def say(self, name, problem):
        print(f"not ok {name} {problem}" if problem else f"ok {name}")
        self.failed += bool(problem)

    def in_hotplug(self, event):
        return any(a <= event["time_us"] <= b for a, b in self.windows)

    def label(self, event):
        """Why the label is wrong; None when it is right."""
        cause, who = event["cause"], self.origin[event["irq"]]
        if cause["kind"] == "cpu-hotplug":
            return None if self.in_hotplug(event) else "no CPU went or came then"
        if cause["kind"] != {"shell": "affinity-write", "daemon": "affinity-write",
                             "driver": "affinity-kernel"}[who]:
            return f"{who} does not do that"
        if cause["pid"] != self.pid[who]:
            return f"{who} is pid {self.pid[who]}"
        if cause["uid"] != {"shell": 0, "daemon": 1000, "driver": 0}[who]:
            return "another user"
        if who != "shell" and cause["comm"] != who:
            return "another name"
        return None

    def judge_labels(self):
        counts, bad = collections.Counter(), []
        for event in self.events:
            if event["type"] not in ("affinity-change", "message-change") or \
                    event["irq"] not in self.origin:
                continue
            # allocation and request come before the origins begin
            why = self.label(event)
            counts[event["type"], event["cause"]["kind"], self.origin[event["irq"]]] += 1
            if why:
                bad.append(f"{event}: {why}")
        for key, count in sorted(counts.items()):
            print(f"# {count:5} {' '.join(key)}")
        total = sum(counts.values())
        self.say("each label is right", "; ".join(bad[:3]) and f"{len(bad)} of {total}: {bad[:3]}")
        self.say("enough changes", total < CHANGES_MIN and f"only {total}")
        kinds = {(kind, who) for _, kind, who in counts}
        for kind, who in (("affinity-write", "shell"), ("affinity-write", "daemon"),
                          ("affinity-kernel", "driver"), ("cpu-hotplug", "shell"),
                          ("cpu-hotplug", "daemon"), ("cpu-hotplug", "driver")):
            self.say(f"{kind} on the interrupts of {who}", (kind, who) not in kinds and "none at all")

    def judge_daemon(self):
        """The program's log against the changes that bear its name, in order, on each interrupt.

        A write of what is there changes nothing, and a CPU that goes may move the interrupt before
        the writer comes to log what it wrote: what counts is what was there at any time of the write.
        """
        irqs = [int(row[0]) for row in lines(self.path("irqs.daemon"))]
        problems = []
        for number, irq in enumerate(irqs):
            moments = [(int(r[1]), "log", (int(r[0]), r[3])) for r in lines(self.path("log.daemon"))
                       if int(r[2]) == number and r[4] == "0"]
            changes = [(e["time_us"], "event", e) for e in self.events
                       if e["type"] == "affinity-change" and e["irq"] == irq]
            # (since when, value), the newest last
            values, owed = [], []
            for _, what, data in sorted(moments + changes, key=lambda m: (m[0], m[1])):
                if what == "event":
                    if data["cause"]["kind"] == "affinity-write":
                        owed.append(data["new"])
                    values.append((data["time_us"], data["new"]))
                    continue
                begin, wrote = data
                before = [v for v in values if v[0] < begin][-1:]
                there = [v for _, v in before + [v for v in values if v[0] >= begin]]
                if owed and owed[-1] != wrote:
                    problems.append(f"interrupt {irq}: wrote {wrote}, told {owed[-1]}")
                elif not owed and before and wrote not in there:
                    problems.append(f"interrupt {irq}: {wrote} was written over {there}, not told")
                owed = []
        self.say("what the program wrote is told, and nothing else", "; ".join(problems[:3]))

    def run(self):
        status = json.load(open(self.path("status.json"), encoding="utf-8"))
        self.say("nothing was lost", status["lost"] and str(status["lost"]))
        self.say("no corrections", status["corrections"] and str(status["corrections"]))
        self.judge_labels()
        self.judge_daemon()
        return 1 if self.failed else 0


if __name__ == "__main__":
    sys.exit(Judge(sys.argv[1]).run())
