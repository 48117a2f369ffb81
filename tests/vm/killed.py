#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Judges what scenarios/killed.sh collected: killed.py DIRECTORY"""
import collections
import glob
import json
import os
import sqlite3
import sys

sys.dont_write_bytecode = True

# pylint: disable=wrong-import-position
import restart  # noqa: E402

RULE = "immutable-message-changed"
# scenarios/killed.sh copies the store after each tenth of its hundred kills
COPIES = 10


class Judge(restart.Judge):
    def json(self, name):
        with open(self.path(name), encoding="utf-8") as file:
            return json.load(file)

    def integrity(self, database):
        connection = sqlite3.connect(self.path(database))
        try:
            found = connection.execute("PRAGMA integrity_check").fetchall()
        except sqlite3.DatabaseError as error:
            found = error
        finally:
            connection.close()
        return found != [("ok",)] and f"{database}: {found}"

    def judge_store(self):
        self.say("integrity_check of the store", self.integrity("main.db"))
        copies = sorted(os.path.basename(path) for path in glob.glob(self.path("round.*.db")))
        # before SQLite folds it into the file
        logs = sum(os.path.getsize(path) > 0 for path in glob.glob(self.path("round.*.db-wal")))
        problems = [problem for problem in map(self.integrity, copies) if problem]
        if len(copies) != COPIES:
            problems.append(f"{len(copies)} copies, not {COPIES}")
        print(f"# {len(copies)} copies of the store of the dead, {logs} of them with a write-ahead log")
        self.say("integrity_check of the store as the dead left it", "; ".join(problems[:3]))

    def judge_violations(self, events):
        promised = {int(row[0]): (int(row[4], 0), int(row[5], 0)) for row in restart.rows(self.path("vectors"))
                    if row[1] == "promised"}
        violations = self.json("violations.json")
        told = {v["irq"]: (int(v["new_message"]["address"], 0), int(v["new_message"]["data"], 0))
                for v in violations if v["rule"] == RULE}
        self.say(f"{len(promised)} violations", told != promised and
                 f"differ: {sorted(set(told.items()) ^ set(promised.items()))[:5]}")
        self.say("no others", len(violations) != len(promised) and str(
            collections.Counter(v["rule"] for v in violations)))
        again = [v["irq"] for v in violations if v["count"] != 1]
        self.say("each counted once", again and f"not of interrupts {again[:10]}")
        history = collections.Counter(e["irq"] for e in events if e["type"] == "violation")
        wrong = {irq: history[irq] for irq in promised if history[irq] != 1}
        self.say("each once in the history", wrong and str(wrong))

    def judge_model(self):
        known = {v["irq"]: v for v in self.json("vectors.json")}
        problems = []
        for irq, device, index, _hwirq, address, data in restart.rows(self.path("vectors")):
            v = known.get(int(irq))
            message = v and v["message"] and (int(v["message"]["address"], 0), int(v["message"]["data"], 0))
            if not v or (v["provider"], v["index"]) != (device, int(index)) or \
                    message != (int(address, 0), int(data, 0)):
                problems.append(f"interrupt {irq}: {message}, not {address}/{data}")
        self.say("vectors and messages", "; ".join(problems[:5]))

    def judge_left(self):
        left = [os.path.basename(row[0]) for row in restart.rows(self.path("left"))]
        sets = [name for name in left if name.startswith(("set_", "new_"))]
        print(f"# left behind: {len(left)} files, of them {[n for n in left if 'state' in n or 'history' in n]}")
        self.say("no half made set", len(sets) != 1 and str(sets))

    def run(self):
        events = self.history("main.db")
        self.judge_store()
        self.judge_origin("killed", events)
        self.judge_twins(events, "killed")
        self.say("no gap", [e for e in events if e["type"] == "gap"])
        self.judge_violations(events)
        self.judge_model()
        self.judge_left()
        # each that answered before it was killed
        self.judge_status("killed")
        for name in ("first.json", "status.json"):
            status = self.json(name)
            self.say(f"{name}: nothing lost", status["lost"] and str(status["lost"]))
            self.say(f"{name}: nothing corrected", status["corrections"] and str(status["corrections"]))
        return 1 if self.failed else 0


if __name__ == "__main__":
    sys.exit(Judge(sys.argv[1]).run())
