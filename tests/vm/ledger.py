#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Judges what cxlirqd says of devices: ledger.py RESULTS

RESULTS is what scenarios/ledger.sh sent from a virtual machine: for each stage,
the daemon's answers next to what others say of the same moment.  These must
agree, of all PCI functions:
  - lspci: every capability that can interrupt, and its message number
  - cxl: memory devices and their functions
  - the kernel: vectors of each function, with a handler or without; the x86
    vectors that are left (debugfs), unless they changed meanwhile
and of the devices that a stage is about, the ledger, what was demanded, what
was found wrong and what happened in which order must be tests/data/ledger/
STAGE.json, less what differs from run to run (interrupts, times, pids).
LEDGER=write makes those anew, to be read before they are believed.

Each comparison that fails is a line "not ok STAGE: ...".  The exit status is 0
without any, 1 with, 2 when the evidence cannot be read.
"""

import json
import os
import re
import sys

GOLDEN = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "data", "ledger")
# What another run would have otherwise
VOLATILE = {"time_us", "first_us", "last_us", "pid", "id", "domain", "hwirq", "interrupts",
            "old_message", "new_message", "tid"}
NUMBERS = re.compile(r"\b(interrupts?|irq) \d+\b")
TIMES = re.compile(r"\b\d+(\.\d+)? (us|ms|s)\b")
# In these the order of all that happened matters.
ORDERED = {"offline", "order", "order-end"}
TOLD = {"demand", "handler-requested", "handler-freed", "vector-allocated", "vector-freed",
        "message-change", "violation"}
PMU_INDEX = 6  # of the vector that the CPMU of these stages has
# Words that the user gets to read, or must not: (stage, device): all of them
WORDS = {
    ("few", "0000:10:00.0"): ["event log", "of 4", "did not probe"],
    ("few", "0000:0f:00.0"): ["mailbox", "poll"],
    ("fewer", "0000:10:00.0"): ["event log", "of 1", "did not probe"],
    ("ports", "0000:00:02.0"): ["1 to 32 vectors and got 4", "Then it asked for 1 to 1 "],
    ("order", "0000:0f:00.0"): ["pmu_mem0.0 gave up its handler", "kept the vector"],
}
NO_WORDS = {
    ("cpmu", "0000:0f:00.0"): ["It has no PMU"],
    ("few", "0000:10:00.0"): ["it is polled"],
    ("fewer", "0000:10:00.0"): ["it is polled"],
    ("ports", "0000:0e:00.0"): ["Nothing needs to be done"],
    ("numbers-bound", "0000:0c:00.0"): ["uses 0 interrupts"],
}

# --- lspci -------------------------------------------------------------------

FUNCTION = re.compile(r"([0-9a-f]{4,}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]) ")
CAPABILITY = re.compile(r"\tCapabilities: \[([0-9a-f]+)[^\]]*\] (.*)")


def functions(lines):
    """Pairs of a function's address and its capabilities, [(offset, title, text)]."""
    address, capabilities = None, []
    for line in lines:
        match = FUNCTION.match(line)
        if match:
            if address:
                yield address, capabilities
            address, capabilities = match[1], []
            continue
        match = CAPABILITY.match(line)
        if match:
            capabilities.append((int(match[1], 16), match[2], match[2] + "\n"))
        elif capabilities:
            offset, title, text = capabilities[-1]
            capabilities[-1] = (offset, title, text + line)
    if address:
        yield address, capabilities


def number_in(pattern, text, base=10):
    match = re.search(pattern, text)
    return match and int(match[1], base)


def express_features(text):
    """What the PCI Express capability's message number is for, by the kind of port."""
    port = re.match(r"Express \(v\d\) (Root Port|Downstream Port|Root Complex Event Collector)",
                    text)
    if not port:
        return
    message = number_in(r"MSI ([0-9a-f]+)", text, 16)
    if port[1] != "Downstream Port":
        yield "pme", message
    if re.search(r"SltCap:.*HotPlug\+", text):
        yield "hotplug", message
    if re.search(r"LnkCap:[^:]*BwNot\+", text.replace("\n", " ")):
        yield "bwctrl", message


def features_of(capabilities):
    """Features that a function has by lspci: {(feature, offset or None): message or None}"""
    found = {}
    for offset, title, text in capabilities:
        if title.startswith("Express"):
            found.update({(name, None): message for name, message in express_features(text)})
        elif title.startswith("Advanced Error Reporting"):
            # Only who collects the errors of others interrupts.
            message = number_in(r"IntMsg (\d+)", text)
            if message is not None:
                found["aer", None] = message
        elif title.startswith("Downstream Port Containment"):
            found["dpc", None] = number_in(r"INT Msg #(\d+)", text)
        elif title.startswith("Data Object Exchange"):
            found["doe", offset] = number_in(r"Interrupt Message Number ([0-9a-f]+)", text, 16)
        elif "CXL device registers" in text:
            found["mailbox", None] = None
            found["event-log", None] = None
    return found


# --- what cxlirqd says ----------------------------------------------------------

# Config space is silent on these: any number is the driver's word, which the golden ledger judges.
SILENT = {"mailbox", "event-log", "cpmu", "auxiliary", "other"}


def features_said(row):
    found = {}
    for feature in row["features"]:
        name = feature["feature"]
        key = name, feature.get("offset") if name == "doe" else None
        if name not in SILENT:
            found[key] = feature["hardware_message"]
        elif name in ("mailbox", "event-log"):
            found[key] = None
    return found


def plain(thing):
    """Without what differs from run to run; that there is an interrupt stays."""
    if isinstance(thing, dict):
        return {key: value is not None if key == "irq" else plain(value)
                for key, value in thing.items() if key not in VOLATILE}
    if isinstance(thing, list):
        return [plain(one) for one in thing]
    if isinstance(thing, str):
        thing = re.sub(r"^kworker/.*", "kworker", thing)
        return TIMES.sub(r"T \2", NUMBERS.sub(r"\1 N", thing))
    return thing


def matrix(text):
    """debugfs' vector domain: {cpu or "all": {...}}"""
    whole = {"available": number_in(r"Global available: +(\d+)", text),
             "allocated": number_in(r"Total allocated: +(\d+)", text),
             "reserved": number_in(r"Global reserved: +(\d+)", text)}
    cpus = {}
    for line in text.splitlines():
        fields = re.match(r" +(\d+) +(\d+) +(\d+) +(\d+) +(\d+) ", line)
        if fields:
            cpus[int(fields[1])] = {"available": int(fields[2]), "managed": int(fields[3]),
                                    "allocated": int(fields[5])}
    return whole, cpus


class Stage:
    """One stage's evidence."""

    def __init__(self, folder, name, devices, before):
        self.folder = os.path.join(folder, name)
        self.name = name
        self.devices = devices
        self.before = before  # violations of the stage before
        self.events = []
        self.rows = {row["device"]: row for row in self.json("devices.json")}
        self.compared = 0
        self.space_compared = 0

    def text(self, name):
        with open(os.path.join(self.folder, name), encoding="utf-8") as file:
            return file.read()

    def json(self, name):
        return json.loads(self.text(name))

    def same(self, what, said, witness):
        self.compared += 1
        if said != witness:
            yield f"{what} is {said!r}, not {witness!r}"

    def check_lspci(self):
        with open(os.path.join(self.folder, "lspci"), encoding="utf-8") as file:
            seen = dict(functions(file))
        rows = {name for name, row in self.rows.items() if row["bus"] == "pci"}
        yield from self.same("the set of PCI functions", rows, set(seen))
        for address in sorted(rows & set(seen)):
            witness, said = features_of(seen[address]), features_said(self.rows[address])
            for key in sorted(set(witness) | set(said), key=str):
                if key[0] in ("mailbox", "event-log"):
                    yield from self.same(f"{address}: {key[0]}", key in said, key in witness)
                else:
                    yield from self.same(f"{address}: {key[0]} at {key[1]}: message number",
                                         said.get(key, "none"), witness.get(key, "none"))

    def check_cxl(self):
        hosts = {memdev["host"] for memdev in json.loads(self.text("cxl") or "[]")}
        bound = {name for name, row in self.rows.items() if row["driver"] == "cxl_pci"}
        yield from self.same("the set of CXL memory devices", bound, hosts)

    def check_vectors(self):
        vectors = self.json("vectors.json")
        for name, row in self.rows.items():
            if row["bus"] != "pci":
                continue
            own = [v for v in vectors if v["provider"] == name]
            yield from self.same(f"{name}: granted", row["granted"], len(own))
            yield from self.same(f"{name}: used", row["used"],
                                 sum(v["state"] == "requested" for v in own))
            irqs = {v["irq"] for v in own}
            for feature in row["features"]:
                if feature["irq"] is not None and irqs:
                    yield from self.same(f"{name}: {feature['feature']}: irq is one of its own",
                                         feature["irq"] in irqs, True)

    def check_space(self):
        before, after = self.text("VECTOR"), self.text("VECTOR.again")
        # Something came between the two readings: not of this stage, and judge() wants one at least.
        if before != after:
            return
        whole, cpus = matrix(before)
        self.space_compared = len(cpus)
        said = self.json("status.json")["vector_space"]
        for key, value in whole.items():
            yield from self.same(f"vector space: {key}", said[key], value)
        said = {cpu["cpu"]: cpu for cpu in said["cpus"]}
        for cpu, figures in cpus.items():
            for key, value in figures.items():
                yield from self.same(f"vector space: CPU {cpu}: {key}",
                                     said.get(cpu, {}).get(key), value)

    def check_words(self):
        for device in self.devices:
            said = self.text(f"explain.{device}")
            for word in WORDS.get((self.name, device), []):
                self.compared += 1
                if word not in said:
                    yield f"\"{word}\" is not in what is explained of {device}: {said!r}"
            for word in NO_WORDS.get((self.name, device), []):
                self.compared += 1
                if word in said:
                    yield f"\"{word}\" is in what is explained of {device}"

    def about(self, device):
        return device in self.devices or self.rows.get(device, {}).get("parent") in self.devices

    def ledger(self):
        rows = [row for row in self.rows.values() if self.about(row["device"])]
        violations = [v for v in self.json("violations.json")
                      if plain(v) not in self.before and v["device"] in self.devices]
        told = TOLD if self.name in ORDERED else {"demand"}
        happened = [e for e in self.events if e["type"] in told and
                    (e.get("provider") or e.get("device")) in self.devices and
                    # which of the others were on the CPU that went is chance
                    (e["type"] != "message-change" or e["index"] == PMU_INDEX)]
        # Of one device the order is the kernel's, between two it is not always.
        happened.sort(key=lambda e: e.get("provider") or e["device"])
        return plain({"devices": sorted(rows, key=lambda row: row["device"]),
                      "violations": sorted(violations, key=lambda v: (v["device"], v["rule"])),
                      "events": happened})


def differences(path, said, golden):
    """Where two documents differ, in words."""
    if isinstance(said, dict) and isinstance(golden, dict):
        for key in sorted(set(said) | set(golden)):
            yield from differences(f"{path}.{key}", said.get(key, "nothing"),
                                   golden.get(key, "nothing"))
    elif isinstance(said, list) and isinstance(golden, list) and len(said) == len(golden):
        for number, (one, other) in enumerate(zip(said, golden)):
            name = one.get("device") or number if isinstance(one, dict) else number
            yield from differences(f"{path}[{name}]", one, other)
    elif said != golden:
        yield f"{path} is {said!r}, not {golden!r}"


def layout(thing, indent=""):
    """JSON with a line for each small thing, so that a person can read it."""
    line = json.dumps(thing, ensure_ascii=False)
    if len(line) <= 320 and not (isinstance(thing, dict) and "features" in thing) \
            or not isinstance(thing, (dict, list)):
        return line
    deeper = indent + "  "
    if isinstance(thing, list):
        parts, ends = [layout(one, deeper) for one in thing], "[]"
    else:
        parts = [f"{json.dumps(key)}: {layout(one, deeper)}" for key, one in thing.items()]
        ends = "{}"
    inside = ",\n".join(deeper + part for part in parts)
    return f"{ends[0]}\n{inside}\n{indent}{ends[1]}"


def golden_of(stage, ledger):
    path = os.path.join(GOLDEN, f"{stage.name}.json")
    if os.environ.get("LEDGER") == "write":
        os.makedirs(GOLDEN, exist_ok=True)
        with open(path, "w", encoding="utf-8") as file:
            file.write(layout(ledger) + "\n")
    with open(path, encoding="utf-8") as file:
        return json.load(file)


def stages_of(results):
    with open(os.path.join(results, "events.json"), encoding="utf-8") as file:
        events = [json.loads(line) for line in file]
    with open(os.path.join(results, "stages"), encoding="utf-8") as file:
        named = [line.split() for line in file]
    before = []
    for name, *devices in named:
        stage = Stage(results, name, devices, before)
        stage.events = events[int(stage.text("since")):int(stage.text("until"))]
        before = plain(stage.json("violations.json"))
        yield stage


def judge(results):
    """The number of things that are not as they should be."""
    if os.path.isdir(os.path.join(results, "ledger")):
        results = os.path.join(results, "ledger")
    failed = stages = space = 0
    for stage in stages_of(results):
        bad = [line for check in (stage.check_lspci, stage.check_cxl, stage.check_vectors,
                                  stage.check_space, stage.check_words) for line in check()]
        ledger = stage.ledger()
        bad += differences("ledger", ledger, golden_of(stage, ledger))
        failed += len(bad)
        for line in bad:
            print(f"not ok {stage.name}: {line}")
        if not bad:
            print(f"ok {stage.name} ({stage.compared} comparisons)")
        stages += 1
        space += stage.space_compared > 0
    if space:
        print(f"ok vector space (compared in {space} of {stages} stages)")
    else:
        print(f"not ok vector space: it was compared in none of {stages} stages")
        failed += 1
    return failed


def main(argv):
    if len(argv) != 1 or argv[0].startswith("-"):
        print("usage: ledger.py RESULTS", file=sys.stderr)
        return 2
    try:
        return 1 if judge(argv[0]) else 0
    except (OSError, KeyError, TypeError, ValueError) as error:
        print(f"ledger.py: {argv[0]}: {type(error).__name__}: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
