#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Judges what scenarios/hostile.sh collected: hostile.py DIRECTORY"""
import collections
import json
import sys

sys.dont_write_bytecode = True

# pylint: disable=wrong-import-position
import restart  # noqa: E402

# What each kind must have done at least, or it was no attack: connections, of them closed ones and served
# ones, bytes sent and read
ATTACKS = {"hold": (2000, 1000, 0, 0, 0), "half": (200, 100, 0, 100, 0), "slow": (100, 50, 1, 0, 0),
           "asks": (4, 0, 0, 0, 4 << 20), "garbage": (20, 20, 0, 16 << 20, 0), "deep": (20, 20, 0, 4000000, 0),
           "loris": (150, 50, 0, 1000, 0), "http": (20, 20, 0, 1 << 20, 0)}
# What may be queued for readers, 64 MiB, and as much as half of it again for calls that are being read
GROWTH_KIB = 96 * 1024


class Judge(restart.Judge):
    def latencies(self, name):
        return sorted((int(row[1]) for row in restart.rows(self.path(f"latency.{name}"))))

    def judge_latency(self, events):
        for name in ("calm", "attacked"):
            heard = collections.Counter(int(row[0]) for row in restart.rows(self.path(f"latency.{name}")))
            values = self.latencies(name)
            if values:
                print(f"# {name}: {len(values)} events, half of them known within {values[len(values) // 2] / 1000:.1f}"
                      f" ms, 99 of 100 within {values[len(values) * 99 // 100] / 1000:.1f} ms, "
                      f"all within {values[-1] / 1000:.1f} ms")
            told = collections.Counter(e["time_us"] for e in events if (e.get("cause") or {}).get("comm") == name)
            missed = told - heard
            self.say(f"{name}: each of {told.total()} events reaches one that behaves",
                     not told and "there are none" or missed and f"{missed.total()} did not")

    def judge_memory(self):
        before, during, after = ({row[0]: int(row[1]) for row in restart.rows(self.path(f"memory.{name}"))}
                                 for name in ("calm", "attacked", "after"))
        print(f"# resident: {before['VmRSS:']} KiB, at most {after['VmHWM:']}, "
              f"{during['VmRSS:']} meanwhile, {after['VmRSS:']} after")
        grown = after["VmHWM:"] - before["VmRSS:"]
        self.say("memory is bounded", grown > GROWTH_KIB and f"{grown} KiB more")

    def judge_attacks(self):
        done = {row[0]: [int(n) for n in row[1:]] for row in restart.rows(self.path("attacks"))}
        for kind, least in ATTACKS.items():
            counts = done.get(kind, [0] * len(least))
            print(f"# {kind}: {counts[0]} connections, {counts[1]} were closed, {counts[2]} of them with an answer, "
                  f"{counts[3]} bytes sent, {counts[4]} read")
            self.say(f"{kind}: it was an attack", any(n < m for n, m in zip(counts, least)) and str(counts))

    def run(self):
        self.judge_attacks()
        events = self.history("main.db")
        for origin in ("past", "calm", "attacked"):
            self.judge_origin(origin, events)
        with open(self.path("status.json"), encoding="utf-8") as file:
            status = json.load(file)
        print(f"# clients {status['clients']}, exporter {status['exporter']}")
        self.say("no record is lost", status["lost"] and str(status["lost"]))
        counted = [status["clients"][word] for word in ("refused", "dropped", "errors")]
        self.say("they are counted", not (all(counted) and status["exporter"]["refused"]) and
                 f"{status['clients']}, {status['exporter']}")
        self.judge_latency(events)
        self.judge_memory()
        return 1 if self.failed else 0


if __name__ == "__main__":
    sys.exit(Judge(sys.argv[1]).run())
