#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Judges what cxlirqd found: rules.py RESULTS

RESULTS is what scenarios/rules.sh sent from a virtual machine: the list of
its steps, what witnesses say that each did ("expected", a line for each
finding), and after each step all violations that the daemon knew.  They must
be those of this and the earlier steps and no other, each counted once:
    ok STEP
    not ok STEP: what differs
and each rule must have been tried.  The stream of events must tell the same
findings, and each doorbell's course in its order.  The exit status is 0 without
differences, 1 with, 2 when the evidence cannot be read.
"""

import fnmatch
import json
import os
import re
import sys

# By the contract: the daemon's own table is what is judged here.
SEVERITIES = {
    "doorbell-message-changed": "critical",
    "immutable-message-changed": "critical",
    "doorbell-on-mutable-parent": "error",
    "doorbell-published-early": "error",
    "doorbell-message-dropped": "critical",
    "doorbell-stale-mapping": "warning",
    "pmu-vector-misplaced": "warning",
    "vector-orphaned": "warning",
    "vector-outlives-provider": "error",
    "vector-refused": "warning",
    "vector-space-low": "warning",
    "message-collision": "error",
    "vector-hidden": "notice",
}
# Only a kernel with CONFIG_OF has doorbells whose message could be dropped; and what devices a guest
# has do not use up its CPUs' vectors (tests/unit/test-space.c).
NOT_HERE = {"doorbell-message-dropped", "vector-space-low"}
TIME = re.compile(r"(\d+)\.\.(\d+) us")


class Expected:
    """One line of "expected"."""

    def __init__(self, line):
        fields = [None if field == "-" else field for field in line.split("\t")]
        self.step, self.rule, self.device, irq, index, old, new, cause = fields[:8]
        self.irq = irq and int(irq)
        self.index = index and int(index)
        self.messages = [message and tuple(int(word, 0) for word in message.split())
                         for message in (old, new)]
        self.cause = cause.split() if cause else ["unknown", None, None, None]
        self.words = fields[8:]

    def place(self):
        return self.rule, self.device, self.index

    def __str__(self):
        return f"{self.rule} at {self.device} {self.index} (by {self.step})"


def place_of(violation):
    return violation["rule"], violation["device"], violation["index"]


def message_of(message):
    return message and (int(message["address"], 16), int(message["data"], 16))


def cause_differs(said, witnessed):
    kind, comm, pid, uid = witnessed
    if said["kind"] != kind:
        return True
    if comm is None:
        return (said["comm"], said["pid"], said["uid"]) != (None, None, None)
    return not (said["comm"] and fnmatch.fnmatch(said["comm"], comm)
                and pid in ("*", str(said["pid"])) and uid == str(said["uid"]))


def says(explanation, words):
    """Whether the words are there, or a time between two."""
    bounds = TIME.fullmatch(words)
    if not bounds:
        return words in explanation
    return any(int(bounds[1]) <= int(said) <= int(bounds[2])
               for said in re.findall(r"(\d+) us\b", explanation))


def differences(violation, expected, began, ended):
    """What the daemon says of one violation, against its witnesses."""
    wanted = {
        "irq": expected.irq,
        "severity": SEVERITIES[expected.rule],
        "count": 1,
        "acknowledged": False,
        "last_us": violation["first_us"],
    }
    for field, value in wanted.items():
        if violation[field] != value:
            yield f"{field} is {violation[field]}, not {value}"
    for field, message in zip(("old_message", "new_message"), expected.messages):
        if message_of(violation[field]) != message:
            yield f"{field} is {violation[field]}, not {message and tuple(map(hex, message))}"
    if cause_differs(violation["cause"], expected.cause):
        yield f"cause is {violation['cause']}, not {expected.cause}"
    for words in expected.words:
        if not says(violation["explanation"], words):
            yield f"\"{words}\" is not in \"{violation['explanation']}\""
    if not began <= violation["first_us"] // 1000000 <= ended:
        yield f"first_us is {violation['first_us']}, not from {began} to {ended}"


class Judge:
    """One run."""

    def __init__(self, results):
        self.results = results
        self.expected = [Expected(line) for line in self.lines("expected")]
        self.steps = []
        for line in self.lines("steps"):
            name, count, began, ended = line.split("\t")
            self.steps.append((name, int(count), int(began), int(ended)))

    def lines(self, name):
        with open(os.path.join(self.results, name), encoding="utf-8") as file:
            return file.read().splitlines()

    def check_step(self, name, count, times):
        """All that is wrong after this step."""
        with open(os.path.join(self.results, f"{name}.json"), encoding="utf-8") as file:
            said = {}
            for violation in json.load(file):
                if place_of(violation) in said:
                    yield f"{place_of(violation)} is there twice"
                said[place_of(violation)] = violation
        for expected in self.expected[:count]:
            violation = said.pop(expected.place(), None)
            if not violation:
                yield f"{expected} was not found"
                continue
            for difference in differences(violation, expected, *times[expected.step]):
                yield f"{expected}: {difference}"
        for violation in said.values():
            yield (f"{place_of(violation)} is innocent, and cxlirqd says: "
                   f"{violation['explanation']} {violation['cause']}")

    def check_events(self):
        """All that is wrong in the stream of events."""
        events = [json.loads(line) for line in self.lines("events.json")]
        said = sorted(place_of(event) for event in events if event["type"] == "violation")
        if said != sorted(expected.place() for expected in self.expected):
            yield f"the findings that it tells are {said}"
        for event in events:
            if (event.get("cause") or {}).get("comm") == "cxlirqd":
                yield f"cxlirqd is the cause of nothing: {event}"
        for line in self.lines("order"):
            function, *states = line.split()
            said = [event["state"] for event in events if event["type"] == "doorbell"
                    and event["epf"] == function and event["index"] == 0]
            if said != states:
                yield f"the doorbell of {function} was {said}, not {states}"

    def check_status(self):
        """What makes findings doubtful."""
        with open(os.path.join(self.results, "status.json"), encoding="utf-8") as file:
            status = json.load(file)
        for field in ("lost", "corrections", "refused"):
            if status[field]:
                yield f"{field}: {status[field]}"

    def run(self):
        """The number of things that are not as they should be."""
        failed = 0
        told = set()
        times = {name: (began, ended) for name, _, began, ended in self.steps}
        for name, count, _, _ in self.steps:
            bad = [line for line in self.check_step(name, count, times) if line not in told]
            told.update(bad)  # once, at the step that brought it
            failed += bool(bad)
            for line in bad:
                print(f"not ok {name}: {line}")
            if not bad:
                print(f"ok {name} ({count})")
        for name, check in (("events", self.check_events), ("status", self.check_status)):
            bad = list(check())
            failed += bool(bad)
            for line in bad:
                print(f"not ok {name}: {line}")
            if not bad:
                print(f"ok {name}")
        untried = set(SEVERITIES) - NOT_HERE - {expected.rule for expected in self.expected}
        for rule in sorted(untried):
            print(f"not ok {rule}: no step broke it")
        return failed + len(untried)


def main(argv):
    if len(argv) != 1 or argv[0].startswith("-"):
        print("usage: rules.py RESULTS", file=sys.stderr)
        return 2
    try:
        return 1 if Judge(argv[0]).run() else 0
    except (OSError, KeyError, TypeError, ValueError) as error:
        print(f"rules.py: {argv[0]}: {type(error).__name__}: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
