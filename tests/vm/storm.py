#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Judges what scenarios/storm.sh collected: storm.py DIRECTORY

The programs' own counters of what they sent, and of what found no room, were read with bpftool: type
by type the daemon has received as many as were sent, and in all it tells of as many lost.  Each change
that it made out of them is in the history, or counted in one of its gaps.  The model is compared with the
fixture's list of vectors, which the module makes from the descriptors, and with /proc.
"""
import json
import os
import re
import sqlite3
import sys

# What the programs send, in the order of include/cxlirqd/record.h
TYPES = ("domain", "alloc", "vector", "free", "action", "action-freed", "owner", "message", "x86-vector",
         "cpu", "doorbell", "bar", "demand", "space", "guard")


class Judge:
    def __init__(self, folder):
        self.folder = folder
        self.failed = 0
        self.status = self.json("status.json")
        self.vectors = {v["irq"]: v for v in self.json("vectors.json")}

    def lines(self, name):
        with open(os.path.join(self.folder, name), encoding="utf-8") as file:
            return [line.split() for line in file if line.strip()]

    def json(self, name):
        with open(os.path.join(self.folder, name), encoding="utf-8") as file:
            return json.load(file)

    def say(self, name, problem):
        print(f"not ok {name} {problem}" if problem else f"ok {name}")
        self.failed += bool(problem)

    def received(self):
        """{type: records} by the daemon's metrics."""
        found = {}
        for line in self.lines("metrics"):
            match = re.fullmatch(r'cxlirq_records_total\{type="([^"]+)"\}', line[0])
            if match:
                found[match[1]] = int(float(line[1]))
        return found

    def judge_counts(self):
        with open(os.path.join(self.folder, "counted"), encoding="utf-8") as file:
            sections = json.load(file)[0]["formatted"]["value"][".bss"]
        stats = next(s["stats"] for s in sections if "stats" in s)
        received = self.received()
        sent = dict(zip(TYPES, stats["sent"][1:]))
        problems = [f"{name}: {sent[name]} sent, {received[name]} received"
                    for name in TYPES if sent[name] != received[name]]
        unnamed = sum(stats["sent"]) - sum(sent.values())
        if unnamed:
            problems.append(f"{unnamed} of other types")
        self.say("what was sent was received", "; ".join(problems))
        told = {entry["reason"]: entry["count"] for entry in self.status["lost"]}
        lost = {"ring-full": sum(stats["lost"])}
        print(f"# {sum(sent.values())} records were sent, {lost['ring-full']} lost")
        self.say("what was lost is told, to the record", told != lost and f"{told} told, {lost} lost")
        self.say("it was a storm", sum(stats["lost"]) < 10000 and f"only {sum(stats['lost'])} lost")

    def judge_model(self):
        problems = []
        witnesses = self.lines("witness.vectors")
        for irq, device, index, _hwirq, address, data in witnesses:
            vector = self.vectors.get(int(irq))
            if not vector:
                problems.append(f"interrupt {irq} of {device} is not known")
                continue
            if (vector["provider"], vector["index"]) != (device, int(index)):
                problems.append(f"interrupt {irq}: {vector['provider']}/{vector['index']}, not {device}/{index}")
            message = vector["message"] and tuple(int(vector["message"][k], 0) for k in ("address", "data"))
            if message != (int(address, 0), int(data, 0)):
                problems.append(f"interrupt {irq}: message {message}, not {address}/{data}")
        known = [v for v in self.vectors.values() if str(v["chip"]).startswith("cxlirq-")]
        if len(known) != len(witnesses):
            problems.append(f"{len(known)} vectors of the fixture are known, there are {len(witnesses)}")
        self.say(f"{len(witnesses)} vectors of the fixture, with their messages", "; ".join(problems[:5]))
        there = {int(row[0][:-1]) for row in self.lines("witness.interrupts") if row[0][:-1].isdigit()}
        requested = {v["irq"] for v in self.vectors.values() if v["owners"]}
        self.say(f"{len(there)} interrupts of /proc/interrupts",
                 there != requested and f"{sorted(there ^ requested)} differ")
        problems = []
        for irq, mask, effective in (row for row in self.lines("witness.affinity") if len(row) == 3):
            vector = self.vectors.get(int(irq))
            if vector and (vector["affinity"], vector["effective_affinity"]) != (mask, effective):
                problems.append(f"interrupt {irq}: {vector['affinity']}/{vector['effective_affinity']}, "
                                f"not {mask}/{effective}")
        self.say("affinities", "; ".join(problems[:5]))

    def judge_violations(self):
        wanted = {(int(irq), device, int(address), int(data), 1)
                  for irq, device, address, data in self.lines("changed")}
        found = [(v["irq"], v["device"], int(v["new_message"]["address"], 0),
                  int(v["new_message"]["data"], 0), v["count"])
                 for v in self.json("violations.json") if v["rule"] == "immutable-message-changed"]
        self.say(f"{len(wanted)} violations of the storm, once each",
                 sorted(wanted) != sorted(found) and f"{sorted(found)}, not {sorted(wanted)}")
        others = [v["rule"] for v in self.json("violations.json") if v["rule"] != "immutable-message-changed"]
        self.say("and no others", others and str(others))

    def judge_history(self):
        """Each change is a row, or one of those that a gap tells of."""
        with sqlite3.connect(os.path.join(self.folder, "history.db")) as history:
            rows = [json.loads(text) for text, in history.execute("SELECT json FROM history")]
        untold = sum(row["lost"] for row in rows if row["type"] == "gap" and row["reason"] == "overload")
        told = sum(1 for row in rows if row["type"] != "violation"
                   and not (row["type"] == "gap" and row["reason"] in ("overload", "daemon-not-running")))
        counted = next(int(float(line[1])) for line in self.lines("metrics")
                       if line[0] == 'cxlirq_events_untold_total{reason="overload"}')
        print(f"# {told} events are in the history, {untold} changes were not told")
        self.say("it was too much to tell", not untold and "all was told")
        self.say("what was not told is in the history's gaps, and counted",
                 untold != counted and f"{untold} in gaps, {counted} counted")
        self.say("no event is missing beyond that", told + untold != self.status["events"]
                 and f"{told} + {untold}, not {self.status['events']}")

    def run(self):
        self.judge_counts()
        self.judge_history()
        self.judge_model()
        self.judge_violations()
        return 1 if self.failed else 0


if __name__ == "__main__":
    sys.exit(Judge(sys.argv[1]).run())
