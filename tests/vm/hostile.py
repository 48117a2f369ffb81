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
# Half of the events, against without an attack; 99 of 100 of them; and all that was, told to one that comes
# meanwhile: a loaded host takes many times as long as an idle one
TIMES = 4
MOST_MS = 2000
LATE_S = 5


class Judge(restart.Judge):
    def known_ms(self, name, events):
        """How long it took until the events of one origin were known, each of them."""
        heard = [(int(row[0]), int(row[1])) for row in restart.rows(self.path(f"latency.{name}"))]
        told = collections.Counter(e["time_us"] for e in events if (e.get("cause") or {}).get("comm") == name)
        missed = told - collections.Counter(time for time, _ in heard)
        self.say(f"{name}: each of {told.total()} events reaches one that behaves",
                 not told and "there are none" or missed and f"{missed.total()} did not")
        values = sorted(waited / 1000 for time, waited in heard if time in told)
        if not values:
            return None
        half, most = values[len(values) // 2], values[len(values) * 99 // 100]
        print(f"# {name}: {len(values)} events, half of them known within {half:.1f} ms, 99 of 100 within {most:.1f} ms, "
              f"all within {values[-1]:.1f} ms")
        return half, most

    def judge_latency(self, events):
        calm, attacked = (self.known_ms(name, events) for name in ("calm", "attacked"))
        if calm and attacked:
            self.say("an event is known as soon as without an attack", attacked[0] > TIMES * calm[0] and
                     f"half of them after {attacked[0]:.1f} ms, {calm[0]:.1f} ms without")
            self.say("an event is known at once", attacked[1] > MOST_MS and f"1 of 100 after {attacked[1]:.1f} ms")
        late = int(restart.rows(self.path("latency.late"))[0][1]) / 1e6
        print(f"# late: all that was has been told after {late:.1f} s")
        self.say("who comes late knows soon what is", late > LATE_S and f"after {late:.1f} s")

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
