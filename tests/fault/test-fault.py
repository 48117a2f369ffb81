#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""One call fails, then the next one, until each place that asks for memory, a file, a socket, the loop
or the store has failed once (fault.c): nothing crashes, nothing leaks, nothing hangs, and no violation
is lost in silence.

    test-fault.py [--all] [--list] [--depth N] [--place PATTERN] [WAY]...

The ways through the programs are in ways.py: a replay printed, stored and served, this machine as
sysfs shows it, and with --all the client's verbs and every unit test's program, all under AddressSanitizer.
The verbs and the unit tests have those fail that no way before has found.  Without --all it is a sample,
by the places' names.  --depth tells places apart by so many of the functions that
lead there.
"""
import argparse
import collections
import concurrent.futures
import fnmatch
import functools
import lzma
import os
import queue
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import zlib

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(1, os.path.join(HERE, "..", "fuzz"))
import places as table  # noqa: E402
import seeds_record as records  # noqa: E402
import ways  # noqa: E402

SANITIZED = os.path.abspath(os.environ.get("SANITIZED") or os.path.join(os.environ.get("BUILD", "build"), "san"))
PROGRAMS = os.path.join(SANITIZED, "tests", "fault")
TRACE = os.path.join(HERE, "..", "data", "replay", "bench", "trace.xz")
WORKERS = min(2, len(os.sched_getaffinity(0)))
SAMPLE = 8
TRIES = 4
STATUS_TEST_FAILED, STATUS_BAD = 77, 99
BAD = re.compile(r"AddressSanitizer|LeakSanitizer|runtime error:|UndefinedBehavior")
FRAME = re.compile(r"^ +#\d+ 0x[0-9a-f]+ in (\S+) (\S+)", re.M)
ASAN = ":".join(["detect_leaks=1", f"exitcode={STATUS_BAD}", "allocator_may_return_null=1", "handle_segv=2",
                 "handle_sigbus=2", "handle_sigfpe=2", "handle_sigill=2", "handle_abort=2"])
# Minutes each: a million events, by calls that others make, too; and traces damaged in thousands of ways, where
# less than ten places are that no sound trace leads to.
UNITS_LEFT_OUT = {"test-store-large", "test-hostile"}
VERBS = [["status"], ["domains"], ["domains", "--tree"], ["devices"], ["devices", "--json"],
         ["devices", "0000:10:00.0"], ["vectors"], ["vectors", "--json"], ["doorbells"], ["violations"],
         ["violations", "--json"], ["explain", "24"],
         ["explain", "vector-hidden"], ["counters"], ["counters", "list", "--events"], ["events"], ["events", "--json"],
         ["history"], ["metrics"], ["metrics", "--format", "json"], ["graph"], ["graph", "--format", "dot"], ["guard"],
         ["top", "--batch", "--times", "1", "--interval", "0.1"],
         ["top", "--times", "1", "--interval", "0.1", "--json"], ["support"], ["snapshot"],
         ["snapshot", "--json"], ["diff", "../state.json"], ["diff", "../state.json", "--json"],
         ["diff", "../state.json", "../other.json"], ["record", "-o", "record", "--duration", "1"], ["ack", "1"],
         ["reload"], ["log-level"], ["guard", "add", "--irq", "24"], ["vectors", "-o", "help"], ["--help"], ["--version"],
         ["devices", "-o", "demands,offered"], ["explain", "nobody-here"], ["diff", "/"], ["--complete", "sta"],
         ["--complete", "vectors", "-o", "irq,"], ["--complete", "--color="], ["--complete", "explain", ""],
         ["--complete", "devices", "--json", "0000:"], ["--complete", "counters", "stat", "-e", ""]]


def whose(report):
    """Whether a crash is the programs' own, or that of a test that went on with nothing."""
    for _, path in FRAME.findall(report):
        if "tests/fault/" in path:
            continue
        if re.search(r"(^|/)tests/", path):
            return "test"
        if re.search(r"(^|/)(daemon|cli|include)/", path):
            return "own"
    return "own"


def verdict(way, run, good):
    """(word, what is wrong): word is what the run counts as."""
    is_unit = isinstance(way, ways.Unit)
    if run.status is None:
        if is_unit and whose(run.errors) == "test":
            return "the test waited in vain", None
        return "bad", f"still running after {ways.UNIT_SECONDS if is_unit else ways.SECONDS} s: {run.errors[-1500:]}"
    if BAD.search(run.errors) or run.status == STATUS_BAD:
        if is_unit and "LeakSanitizer" not in run.errors and whose(run.errors) == "test":
            return "the test went on with nothing", None
        if is_unit and "LeakSanitizer" in run.errors and "\nnot ok" in "\n" + run.output and \
                "a check has failed" not in run.errors:
            return "a test's own preparation failed", None
        return "bad", run.errors[-3500:]
    if isinstance(run.status, int) and run.status < 0:
        return "bad", f"ended by signal {-run.status}: {run.errors[-500:]}"
    if is_unit:
        return ("a check of the test failed" if run.status else "all went well"), None
    complaint = way.complaint(run, good)
    return ("bad", complaint) if complaint else ("ended" if run.status else "went on", None)


class Sweep:
    def __init__(self, arguments, folder):
        self.arguments, self.folder = arguments, folder
        self.trace = os.path.join(folder, "trace")
        # names of places: found, that failed, and that did not and where
        self.had, self.done, self.missed = set(), set(), {}
        self.totals, self.failed = collections.defaultdict(collections.Counter), False
        self.start = time.monotonic()
        self.slots = queue.Queue()
        for i in range(WORKERS):
            path = os.path.join(folder, str(i))
            os.mkdir(path)
            os.chmod(path, 0o777)
            self.slots.put(path)
        os.chmod(folder, 0o755)
        with lzma.open(TRACE) as packed, open(self.trace, "wb") as plain:
            plain.write(packed.read() + records.doorbells() + records.ledger())
        # for somebody without privileges, who may not come to where they were built
        self.programs = os.path.join(folder, "programs")
        os.mkdir(self.programs)
        for name in ("cxlirqd", "cxlirqctl", "kept"):
            shutil.copy(os.path.join(PROGRAMS, name), self.programs)

    def run(self, leg, **env):
        """(run, path of the places' file, slot): leg.make's way once; the slot is to be given back."""
        slot = self.slots.get()
        log = os.path.join(slot, "places")
        with open(log, "wb"):
            os.chmod(log, 0o666)
        outer = {k: v for k, v in os.environ.items() if not k.startswith("FAULT_")}
        own = os.path.join(self.programs, os.path.basename(leg.program))
        inner = dict(outer, ASAN_OPTIONS=ASAN, UBSAN_OPTIONS=f"print_stacktrace=1:exitcode={STATUS_BAD}", TMPDIR=slot,
                     SANITIZED=SANITIZED, FAULT_PLACES=log, FAULT_DEPTH=str(self.arguments.depth), **env)
        try:
            return leg.make(slot).run(leg.program if leg.kind == "unit" else own, inner), log, slot
        except BaseException:
            self.slots.put(slot)  # others wait for it
            raise

    def list(self, leg):
        """Without a fault: which places there are.  A unit test of intervals may have to be run again: the
        clock is real, and to write all down takes time."""
        for _ in range(TRIES if leg.kind == "unit" else 1):
            run, log, slot = self.run(leg)
            try:
                found = table.read(log, self.symbols(leg.program))
            finally:
                self.slots.put(slot)
            if run.status == 0:
                break
        return run, found

    def fail(self, leg, place):
        """(word, what is wrong, seconds) of a run in which @place fails."""
        start = time.monotonic()
        fault = {"FAULT_KEY": f"{place.key:x}", "FAULT_WHAT": place.what}
        # what one test leaves may be what another comes by; what clients meet may be a matter of a moment
        tries = [{"FAULT_TEST": f"{place.test:x}"}, {}] if leg.kind == "unit" else [{}] * TRIES
        said = "not come by", None
        for only in tries:
            run, log, slot = self.run(leg, **fault, **only)
            try:
                if table.has_failed(log, place.key):
                    said = verdict(leg.make(slot), run, leg.good)
                    break
            finally:
                self.slots.put(slot)
        return *said, time.monotonic() - start

    @functools.lru_cache(maxsize=None)
    def symbols(self, program):
        return table.Symbols(program)

    def choose(self, leg):
        """Of what it found: in a sample by name, for a place that only some runs come by to change no other's turn."""
        if self.arguments.place:
            leg.found = [place for place in leg.found if fnmatch.fnmatch(place.name, self.arguments.place)]
        fresh = [place for place in leg.found if place.name not in self.had]
        self.had.update(place.name for place in fresh)
        if not self.arguments.all:
            return [place for place in fresh if zlib.crc32(place.name.encode()) % SAMPLE == 0]
        return fresh if leg.kind in ("client", "unit") else leg.found

    def is_sound(self, leg):
        """Whether all was well without a fault."""
        wrong = None
        if leg.good.status not in leg.make("").statuses or BAD.search(leg.good.errors):
            failed = re.findall(r"^(?:not ok|# \S+error: ).*", leg.good.output, re.M) if leg.kind == "unit" else []
            wrong = f"status {leg.good.status}: {' '.join(failed)} {leg.good.errors[-600:]}"
        elif isinstance(leg.make(""), ways.Served) and leg.make("").unanswered(leg.good):
            wrong = f"no answer to {', '.join(leg.make('').unanswered(leg.good))}"
        if wrong:
            print(f"not ok {leg.name}: without a fault: {wrong}", flush=True)
            self.failed = True
        return not wrong

    def take(self, leg, results):
        """What became of its places."""
        words, seconds = collections.Counter(), 0
        for place, (word, complaint, took) in zip(leg.chosen, results):
            words[word] += 1
            seconds += took
            if word == "not come by":
                self.missed[place.name] = f"{leg.name}: {place.name} ({leg.lines(self, place)})"
            else:
                self.done.add(place.name)
            if complaint:
                print(f"not ok {leg.name}: {place.name} ({leg.lines(self, place)}): {complaint}", flush=True)
        total = self.totals[leg.kind]
        counts = collections.Counter(words, places=len(leg.found), chosen=len(leg.chosen), seconds=seconds)
        total.update(counts)
        total.update(ways=1)
        print(f"# {leg.name}: {told(counts)}", flush=True)

    def legs(self):
        kinds = [(kind.name, functools.partial(kind, trace=self.trace))
                 for kind in (ways.Helped, ways.Printed, ways.Recorded, ways.Kept, ways.Served, ways.Live)]
        if self.arguments.all:
            folder = os.path.join(PROGRAMS, "unit")
            kinds += [("client", functools.partial(ways.Asked, trace=self.trace, arguments=verb)) for verb in VERBS]
            kinds += [("unit", functools.partial(ways.Unit, _trace=None, program=program))
                      for program in sorted(set(os.listdir(folder)) - UNITS_LEFT_OUT) if "." not in program]
        for kind, make in kinds:
            leg = Leg(kind, make)
            if not self.arguments.ways or any(fnmatch.fnmatch(name, wanted) for wanted in self.arguments.ways
                                              for name in (kind, leg.name)):
                yield leg

    def all(self):
        with concurrent.futures.ThreadPoolExecutor(WORKERS) as pool, Asked(self.folder, self.trace):
            legs = list(self.legs())
            for leg, (leg.good, leg.found) in zip(legs, pool.map(self.list, legs)):
                pass
            legs = [leg for leg in legs if self.is_sound(leg)]
            if self.arguments.all and not self.arguments.ways:
                self.tell_sites(legs)
            if self.arguments.list:
                return not self.failed
            for leg in legs:
                leg.chosen = self.choose(leg)
            # all of them at once, for no processor to wait for a way's last place
            results = [[pool.submit(self.fail, leg, place) for place in leg.chosen] for leg in legs]
            for leg, futures in zip(legs, results):
                self.take(leg, (future.result() for future in futures))
        return self.tell()

    def tell_sites(self, legs):
        """Calls in the daemon's and the client's code that no way came by are those that unreached.txt says why of."""
        reached = set()
        for leg in legs:
            found = [place for place in leg.found if place.chain]
            reached.update(zip((place.what for place in found),
                               self.symbols(leg.program).sources([place.chain[0] for place in found])))
        patterns = table.unreached(os.path.join(HERE, "unreached.txt"))
        sites = {}  # the compiler makes copies: a line is one call
        for program in ("cxlirqd", "cxlirqctl"):
            symbols = self.symbols(os.path.join(PROGRAMS, program))
            found = table.sites(symbols)
            for (what, function, _), line in zip(found, symbols.sources([address for _, _, address in found])):
                file = "/".join(line.rsplit(":", 1)[0].rsplit("/", 2)[-2:])
                sites.setdefault((what, line), f"{file} {what} < {function}")
        total, known, unknown, unused = len(sites), 0, 0, set(patterns)
        for site in sorted(sites.keys() - reached):
            said = [pattern for pattern in patterns if fnmatch.fnmatch(sites[site], pattern)]
            known, unknown = known + bool(said), unknown + (not said)
            unused -= set(said)
            if not said:
                print(f"not ok nobody comes by: {sites[site]} ({site[1]})")
        for pattern in sorted(unused):
            print(f"not ok unreached.txt: all come by: {pattern}")
        print(f"{'not ' if unknown or unused else ''}ok calls that may fail, in the code: {total}, of which "
              f"{total - known - unknown} are come by, and unreached.txt says why {known} are not")
        self.failed |= bool(unknown or unused)

    def tell(self):
        """A line for each kind of way, and one of what never failed."""
        for kind, total in self.totals.items():
            line = f"{kind}: {told(total)}"
            print(f"not ok {line}" if total["bad"] else f"ok {line}")
            self.failed |= bool(total["bad"])
        missed = [where for name, where in self.missed.items() if name not in self.done]
        for where in missed:
            print(f"# found, and not come by again: {where}")
        if self.arguments.all:
            print(f"# left out: {', '.join(sorted(UNITS_LEFT_OUT))}")
            print(f"{'not ' if missed else ''}ok every place has failed: {len(self.done)} of {len(self.had)}, "
                  f"{time.monotonic() - self.start:.0f} s")
            self.failed |= bool(missed)
        return not self.failed and bool(self.done)


def told(counts):
    """What a way's counts, or those of all ways of a kind, say."""
    words = ", ".join(f"{n} {word}" for word, n in counts.most_common()
                      if word not in ("places", "chosen", "seconds", "ways"))
    of = f" in {counts['ways']} of them" if counts["ways"] > 1 else ""
    return f"{counts['chosen']} of {counts['places']} places{of} had to fail ({words or 'none is new'}), " \
           f"{counts['seconds']:.0f} s"


class Leg:
    """A way, what was found on it, and what of that is to fail."""

    def __init__(self, kind, make):
        way = make("")
        self.kind, self.make, self.name = kind, make, way.name
        self.program = os.path.join(PROGRAMS, way.program)
        self.good, self.found, self.chosen = None, [], []

    def lines(self, sweep, place):
        return sweep.symbols(self.program).lines(place.chain)


class Asked:
    """The daemons that the client asks, one that replays and one of this machine, and two states of the first."""

    def __init__(self, folder, trace):
        self.folder, self.trace, self.services = folder, trace, []

    def start(self, name, user, *arguments):
        config, folder = os.path.join(self.folder, "conf"), os.path.join(self.folder, name)
        os.mkdir(folder)
        os.chmod(folder, 0o777)
        with open(config, "w", encoding="utf-8") as file:
            file.write("[Daemon]\nUser=\n[Trace]\nPinDirectory=\n[Export]\nListen=\nReport=\n[Store]\nEnabled=no\n")
        self.services.append(ways.Service(folder, [os.path.join(self.folder, "programs", "cxlirqd"), "-c", config,
                                                   "-S", os.path.join(folder, "s"), *arguments],
                                          dict(os.environ), user))
        if not self.services[-1].is_ready():
            raise SystemExit("not ok the client's daemon: " + self.services[-1].stop()[1])

    def __enter__(self):
        self.start("asked", None, "--replay", self.trace)
        self.start("live", ways.Live.user)
        socket = os.path.join(self.folder, "asked", "s")
        for name, arguments in (("state.json", ["snapshot", "--json"]), ("other.json", ["snapshot", "--json"])):
            with open(os.path.join(self.folder, name), "wb") as file:
                subprocess.run([os.path.join(SANITIZED, "cxlirqctl"), "-S", socket, *arguments], stdout=file,
                               check=True)
        return self

    def __exit__(self, *_):
        for service in self.services:
            service.stop()


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--all", action="store_true", help="every place, on each way")
    parser.add_argument("--list", action="store_true", help="let nothing fail: only look who comes by where")
    parser.add_argument("--depth", type=int, default=2)
    parser.add_argument("--place", help="places of this name only, a pattern")
    parser.add_argument("ways", nargs="*", help="names or patterns; default: all")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # and what was started ends, too
    with tempfile.TemporaryDirectory(prefix="cxlirq-fault.") as folder:
        return 0 if Sweep(parser.parse_args(), folder).all() else 1


if __name__ == "__main__":
    sys.exit(main())
