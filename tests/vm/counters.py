#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Judges what cxlirqd counted: counters.py RESULTS

RESULTS is what scenarios/counters.sh sent from a virtual machine: what the
fixture added to each of its counters, what the daemon's standing counters said
at each mark, and what perf and the daemon's clients counted between two marks.

Whatever a counter of the fixture counts, somebody has open: so between two marks
what all readers of an event got together is what the fixture added to the
counters that have this event, shared out among more events than counters or not.
It must be so to the last one where the fixture stands still, and within what it
did meanwhile where it does not.

A wrap is one too many where the kernel's driver had read the counter before and
found more than there was after it (drivers/perf/cxl_pmu.c, __cxl_pmu_read(), adds
the width to a difference that has it already).  Such a wrap may be there once or
twice; each is told.

The exit status is 0 when all is right, 1 when not, 2 when the evidence cannot
be read.
"""

import json
import os
import re
import sys

# (group, events) by name, as the fixture has them
EVENTS = {"clock_ticks": (1, 0x1)}
EVENTS.update({f"m2s_req_{name}": (0, 1 << bit) for bit, name in enumerate(
    ["meminv", "memrd", "memrddata", "memrdfwd", "memwrfwd", "memrdtee", "memrddatatee",
     "meminvtee"])})
STANDING = ["clock_ticks", "m2s_req_memrd"]
WIDTH = {"cxl_pmu_mem1.0": 1 << 16, "cxl_pmu_mem1.1": 1 << 16}
# What the fixture makes of a step: ticks; of an event; with the filter of the second decoder
TICKS, TIMES, SECOND = 10, 3, 1


class Counter:
    """One counter of the fixture, a line of its "counters"."""

    def __init__(self, line):
        fields = line.split()
        self.pmu, self.index, self.kind, self.state = fields[0], int(fields[1]), *fields[2:4]
        self.group, self.events = int(fields[4]), int(fields[5], 0)
        self.threshold, self.edge, self.invert = (int(field) for field in fields[6:9])
        self.hdm = int(fields[9], 0)
        self.value, self.counted, self.total, self.wraps = (int(field) for field in fields[11:15])


class Fixture:
    """All of them at one time."""

    def __init__(self, path):
        with open(path, encoding="utf-8") as file:
            self.counters = [Counter(line) for line in file]

    def of(self, pmu, event):
        return [c for c in self.counters if c.pmu == pmu and (c.group, c.events) == EVENTS[event]]

    def total(self, pmu, event):
        return sum(c.total for c in self.of(pmu, event))

    def pmus(self):
        return {c.pmu for c in self.counters}


def standing_of(rows):
    """The daemon's standing counters that count: {(pmu, event): row}"""
    return {(row["pmu"], row["event"]): row for row in rows if row["error"] is None}


def perf_rows(path):
    """What perf stat -x, counted: (pmu, event, count). Events have commas, too."""
    with open(path, encoding="utf-8") as file:
        for line in file:
            row = re.match(r"([^,]+),[^,]*,([^/]+)/(.*)/,\d+,[\d.]+,,", line)
            if row:
                yield row[2], row[3], int(row[1])
            elif line.strip() and not line.startswith("#"):
                raise ValueError(f"{path}: {line!r}")


class Mark:
    """The fixture before, the daemon, the fixture after."""

    def __init__(self, folder, name):
        self.name = name
        self.before = Fixture(os.path.join(folder, f"{name}.before"))
        self.after = Fixture(os.path.join(folder, f"{name}.after"))
        with open(os.path.join(folder, f"{name}.json"), encoding="utf-8") as file:
            self.rows = json.load(file)
        self.standing = standing_of(self.rows)


class Window:
    """From one mark to the next, and who else counted meanwhile: [(pmu, event, count)]."""

    def __init__(self, start, end, readings):
        self.start, self.end, self.readings = start, end, readings
        self.pmus = start.after.pmus() & end.before.pmus()

    def wraps_twice(self, pmu, event):
        """How many wraps the driver may have counted twice: it had read more than there was."""
        was = {c.index: c for c in self.start.before.of(pmu, event)}
        twice = 0
        for c in self.end.after.of(pmu, event):
            new = c.wraps - was[c.index].wraps if c.index in was else c.wraps
            if new > 1 or new == 1 and c.index in was and was[c.index].value > c.value:
                twice += new
        return twice

    def differences(self, pmu, event):
        """What the readers got together, against what the fixture added."""
        low = self.end.before.total(pmu, event) - self.start.after.total(pmu, event)
        high = self.end.after.total(pmu, event) - self.start.before.total(pmu, event)
        rows = self.start.standing.get((pmu, event)), self.end.standing.get((pmu, event))
        said = sum(count for where, what, count in self.readings if (where, what) == (pmu, event))
        if None in rows:
            yield f"{pmu} {event}: the daemon does not count it"
            return
        said += rows[1]["value"] - rows[0]["value"]
        width = WIDTH.get(pmu, 0)
        twice = self.wraps_twice(pmu, event) if width else 0
        for extra in range(twice + 1):
            if low <= said - extra * width <= high:
                if extra:
                    print(f"# {self.end.name}: {pmu} {event}: the kernel counted {extra} wraps twice")
                return
        yield f"{pmu} {event}: {said} were counted, the fixture added {low} to {high}"

    def times(self):
        """Nothing goes back, and what is scaled is scaled right."""
        for key, row in self.end.standing.items():
            enabled, running, value = (row[name] for name in ("enabled_ns", "running_ns", "value"))
            before = self.start.standing.get(key)
            if before and any(before[name] > row[name]
                              for name in ("enabled_ns", "running_ns", "value")):
                yield f"{key}: it goes back, from {before} to {row}"
            if not 0 < running <= enabled:
                yield f"{key}: it ran for {running} of {enabled} ns"
            elif row["scaled"] != (value if running == enabled else value * enabled // running):
                yield f"{key}: {row['scaled']} is not {value} * {enabled} / {running}"

    def rows(self):
        """Each row says what it is, or why it is none; none is there twice."""
        there = self.end.after.pmus()
        keys = [(row["pmu"], row["event"]) for row in self.end.rows]
        if len(set(keys)) != len(keys):
            yield f"rows are {keys}"
        for row in self.end.rows:
            gone = row["pmu"] not in there
            if (row["error"] is not None) != gone or (row["reason"] is not None) != gone:
                yield f"it is {'gone' if gone else 'there'}: {row}"
            if row["device"] != (None if gone else row["pmu"].removeprefix("cxl_")):
                yield f"its device is another: {row}"
            if row["event"] not in STANDING or row["group"] is not None:
                yield f"that was not asked for: {row}"

    def check(self):
        yield from self.rows()
        for pmu in sorted(self.pmus):
            for event in STANDING:
                yield from self.differences(pmu, event)
        yield from self.times()

    def share(self, pmu, event):
        """How much of the time it was on the PMU."""
        before, row = self.start.standing[pmu, event], self.end.standing[pmu, event]
        return ((row["running_ns"] - before["running_ns"])
                / (row["enabled_ns"] - before["enabled_ns"]))


class Judge:
    """One run."""

    def __init__(self, folder):
        self.folder = folder
        self.failed = 0
        self.windows = {}
        self.first = None
        last, readings = None, []
        for kind, name in (line.split() for line in self.lines("marks")):
            if kind == "perf":
                readings += perf_rows(self.path(f"{name}.perf"))
            elif kind == "stat":
                readings += [(row["pmu"], row["event"], row["value"])
                             for row in self.stat(name, True) if row["error"] is None]
            else:
                mark = Mark(folder, name)
                if last:
                    self.windows[name] = Window(last, mark, readings)
                self.first = self.first or mark
                last, readings = mark, []

    def path(self, name):
        return os.path.join(self.folder, name)

    def lines(self, name):
        with open(self.path(name), encoding="utf-8") as file:
            return file.read().splitlines()

    def json(self, name):
        with open(self.path(name), encoding="utf-8") as file:
            return json.load(file)

    def stat(self, name, total):
        """A client's rows: of the intervals, or the last ones."""
        rows = [json.loads(line) for line in self.lines(f"{name}.stat")]
        return [row for row in rows if row["total"] == total]

    def say(self, name, problems):
        problems = list(problems)
        for problem in problems:
            print(f"not ok {name}: {problem}")
        if not problems:
            print(f"ok {name}")
        self.failed += len(problems)

    def check_alone(self):
        """The fixture and perf, before there was a daemon."""
        before, after = Fixture(self.path("alone.0.fixture")), Fixture(self.path("alone.1.fixture"))
        for pmu, event, count in perf_rows(self.path("alone.perf")):
            name = "m2s_req_memrd" if event.startswith("vid=") else event
            added = after.total(pmu, name) - before.total(pmu, name)
            if count != added or added != 100 * (TICKS if name == "clock_ticks" else 2 * TIMES):
                yield f"{pmu} {event}: perf counted {count}, the fixture {added}"

    def check_begin(self):
        """Each PMU has all standing counters, and they are 0."""
        wanted = {(pmu, event) for pmu in self.first.before.pmus() for event in STANDING}
        if set(self.first.standing) != wanted:
            yield f"it counts {sorted(self.first.standing)}"
        for key, row in self.first.standing.items():
            if row["value"]:
                yield f"{key} is {row['value']} before anything moved"

    def check_both(self):
        """All that moved did so in perf's window: it is the same for all three."""
        window = self.windows["both"]
        for pmu, event, count in window.readings:
            said = (window.end.standing[pmu, event]["value"]
                    - window.start.standing[pmu, event]["value"])
            if not said == count == 100 * 2 * TIMES:
                yield f"{pmu} {event}: perf counted {count}, the daemon {said}"

    def check_shared(self):
        """Who shares a counter is not on it all the time, and the others are."""
        for name, pmu, event in (("clock", "cxl_pmu_mem0.0", "clock_ticks"),
                                 ("clock", "cxl_pmu_mem0.1", "clock_ticks"),
                                 ("crowded", "cxl_pmu_mem0.1", "m2s_req_memrd")):
            share = self.windows[name].share(pmu, event)
            print(f"# {name}: {pmu} {event} was on its PMU for {share:.0%}")
            if not 0.1 < share < 0.95:
                yield f"{name}: {pmu} {event} was on its PMU for {share:.0%} of the time"
        for pmu in ("cxl_pmu_mem1.0", "cxl_pmu_mem1.1"):
            if self.windows["crowded"].share(pmu, "m2s_req_memrd") != 1:
                yield f"crowded: {pmu} had no turn, with nobody else there"

    def check_running(self):
        """It ran: else nothing was tried."""
        for number in range(2, 6):
            window = self.windows[f"running-{number}"]
            for key, row in window.end.standing.items():
                if row["value"] <= window.start.standing[key]["value"]:
                    yield f"running-{number}: {key} does not move"

    def check_raw(self):
        """Words of an event, and what hardware was told by them."""
        before, after = Fixture(self.path("raw.0.fixture")), Fixture(self.path("raw.1.fixture"))
        said = {row["event"]: row for row in self.stat("raw", True)}
        steps = 50
        for words, events, amount in (("mask=0x6", 0x6, (2 + 3) * TIMES),
                                      ("hdm=0x2", 0x1, 1 * SECOND),
                                      ("m2s_req_memrdfwd", 0x8, 4 * TIMES),
                                      ("m2s_req_memwrfwd", 0x10, 5 * TIMES)):
            row = [row for event, row in said.items() if words in event]
            was = {c.index: c.total for c in before.counters if c.pmu == "cxl_pmu_mem1.2"}
            added = [c.total - was[c.index] for c in after.counters
                     if c.pmu == "cxl_pmu_mem1.2" and c.group == 0 and c.events == events]
            if not (len(row) == len(added) == 1
                    and row[0]["value"] == added[0] == amount * steps):
                yield f"{words}: {row}, the fixture added {added}, {amount * steps} should be"
        groups = [row["group"] for event, row in said.items() if event.startswith("m2s_req_mem")
                  and "invert" not in event]
        if len(groups) != 2 or None in groups or groups[0] != groups[1]:
            yield f"the group is {groups}"

    def check_intervals(self):
        """So many as were asked for; together they are what the last row says."""
        rows, totals = self.stat("intervals", False), self.stat("intervals", True)
        before = Fixture(self.path("raw.1.fixture"))
        after = Fixture(self.path("intervals.1.fixture"))
        was = {(c.pmu, c.index): c.total for c in before.counters}
        added = [c.total - was[c.pmu, c.index] for c in after.counters
                 if c.pmu == "cxl_pmu_mem1.2" and c.events & 0x40]
        if len(rows) != 3 or len(totals) != 1:
            yield f"{len(rows)} rows, {len(totals)} totals"
        elif not sum(row["value"] for row in rows) == totals[0]["value"] == sum(added) > rows[0]["value"]:
            yield f"{[row['value'] for row in rows]}, {totals[0]['value']}, added {added}"

    def check_history(self):
        """The CPU's going moved the PMU's vector, and that is what is told."""
        known = set(self.lines("history.before"))
        new = [json.loads(line) for line in self.lines("history.after") if line not in known]
        changes = [event for event in new if event["type"] == "message-change"]
        if not changes:
            yield f"no message changed: {new}"
        for event in changes:
            if event["cause"]["kind"] != "cpu-hotplug":
                yield f"the cause is {event['cause']}"

    def check_faults(self):
        """One is told, and the others go on."""
        mixed = {row["event"]: row for row in self.stat("mixed", True)}
        good = [row["value"] for row in mixed.values() if row["error"] is None]
        bad = [row for row in mixed.values() if row["error"] is not None]
        if good != [10 * 2 * TIMES] or len(bad) != 1 or bad[0]["error"] != 22:
            yield f"mixed: {mixed}"
        errors = [row["error"] for row in self.stat("full", True)]
        if len(errors) != 5 or errors[0] is not None or set(errors) != {None, 24}:
            yield f"full: the errors are {errors}"
        errors = [row["error"] for row in self.stat("limit", True)]
        if len(errors) != 16 or errors.count(None) != 20 - 4 * len(STANDING):
            yield f"limit: the errors are {errors}"
        nobody = self.json("nobody.json")
        if {row["error"] for row in nobody} != {13} or len(nobody) != 4 * len(STANDING):
            yield f"nobody: {nobody}"
        said = [line for line in self.lines("nobody.log") if "counter " in line]
        if len(said) != len(nobody):
            yield f"nobody: {said}"
        for line in self.lines("gone.stat.err"):
            if "cxl_pmu_mem1.1" not in line:
                yield f"gone: {line}"
        if len(self.lines("gone.stat.err")) != 1:
            yield f"gone: {self.lines('gone.stat.err')}"

    def check_status(self):
        """What makes all this doubtful."""
        status = self.json("status.json")
        for field in ("lost", "corrections", "refused"):
            if status[field]:
                yield f"{field}: {status[field]}"

    def run(self):
        for name in ("alone", "begin", "both", "shared", "running", "raw", "intervals", "history",
                     "faults", "status"):
            self.say(name, getattr(self, f"check_{name}")())
        for name, window in self.windows.items():
            self.say(f"{name} adds up", window.check())
        return self.failed


def main(argv):
    if len(argv) != 1 or argv[0].startswith("-"):
        print("usage: counters.py RESULTS", file=sys.stderr)
        return 2
    folder = os.path.join(argv[0], "counters")
    try:
        return 1 if Judge(folder if os.path.isdir(folder) else argv[0]).run() else 0
    except (OSError, KeyError, TypeError, ValueError) as error:
        print(f"counters.py: {argv[0]}: {type(error).__name__}: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
