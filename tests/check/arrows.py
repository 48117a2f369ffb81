#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""An event moves one way only, and so must the include arrows.

Each file of the daemon stands in one stage; it may include files of its own
and of earlier stages, never of a later one.  A file that is in no stage fails,
so that a new one gets its place.  Only the manager knows all stages.
"""
import os
import re
import sys

STAGES = [
    ("ground", "log json cpus pci-access pci-class activation privilege confine affinity-* metric* listener guard-file resident"),
    ("records", "event decode trace checkpoint guard-mode"),
    ("sources", "guard-hook kernel-names pci-capability pci-reader pmu pmu-* pin* probe* ring snapshot sysfs takeover topology* uevent"),
    ("state", "model* domain vector* affinity action device doorbell* bar counter demand* feature ledger* lifetime space change state*"),
    ("judgement", "rule* violation explain* guard guard-policy guard-json guard-private guard-restore"),
    ("settings", "config*"),
    ("wire", "varlink* backlog history http* picture*"),
    ("sinks", "sink sink-* page"),
    ("whole", "manager*"),
    ("program", "main"),
]
# A source knows nothing of the state, the state nothing of sources.
APART = {"state": {"sources"}, "judgement": {"sources"}, "sinks": {"sources"}, "wire": {"sources", "state", "records"}}
INCLUDE = re.compile(r'^\s*#\s*include\s+"([^"]+)"', re.M)


def stage_of(name):
    for index, (_, members) in enumerate(STAGES):
        for member in members.split():
            if name == member or member.endswith("*") and name.startswith(member[:-1]):
                return index
    return None


def main():
    root = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "daemon")
    bad = []
    for entry in sorted(os.listdir(root)):
        name, ending = os.path.splitext(entry)
        if ending not in (".c", ".h"):
            continue
        stage = stage_of(name)
        if stage is None:
            bad.append(f"daemon/{entry} has no stage")
            continue
        with open(os.path.join(root, entry), encoding="utf-8") as file:
            text = file.read()
        for included in INCLUDE.findall(text):
            other = os.path.splitext(os.path.basename(included))[0]
            if not os.path.exists(os.path.join(root, other + ".h")):
                continue
            target = stage_of(other)
            if target is None:
                continue
            if target > stage or STAGES[target][0] in APART.get(STAGES[stage][0], ()):
                bad.append(f"daemon/{entry} ({STAGES[stage][0]}) includes {included} ({STAGES[target][0]})")
    for line in bad:
        print(line)
    print(f"not ok arrows {bad[0]}" if bad else "ok arrows")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
