#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Runs every test and counts.

    run.py [--build DIR] [--matrix] [SUITE]...

A suite is a program or script; by default all of them, cheap ones first, but
for kernels and guests that are of the matrix only (--matrix: those, too).
Each says what it found in lines "ok NAME", "not ok NAME reason" and
"skip NAME reason"; cmocka's TAP output has the same form.  A suite that ends
with an error without having said what failed, or that says nothing, is itself
a failure.  A skip is a failure too, unless tests/skips names it.

What boots virtual machines runs in as many lanes as there are processors, at
most two, for an emulated machine keeps one of them busy; all else one by one.
The output of such a suite comes when it is over.

The last line is always "N passed, N failed".  A signal ends what runs, each suite with all that it
has started; what was not begun then is a failure.
"""
import argparse
import concurrent.futures
import fnmatch
import os
import re
import signal
import subprocess
import sys
import threading
import time

# So long has a suite to clean up, when all is to end
GRACE = 5
HERE = os.path.dirname(os.path.abspath(__file__))
RESULT = re.compile(r"^(ok|not ok|skip)\s+(?:\d+ - )?(.*)$")
KERNELS = ["bench", "arm64", "debian-6.12", "debian-6.1"]
# Whole Debian guests, with systemd: each release with the kernel that it has
GUESTS = ["bookworm:debian-6.1", "trixie:debian-6.12"]
# What else there is: too much for each change
MATRIX_KERNELS = ["debian-7", "debian-rt", "debian-arm64"]
PROOF = "vm/proof"
MATRIX_GUESTS = ["trixie:bench", "trixie:debian-7", "bookworm:debian-arm64"]


def suites(build, sanitized):
    """(name, command, seconds) of every suite there is, cheap ones first."""
    found = []

    def scripts(room):
        folder = os.path.join(HERE, room)
        if os.path.isdir(folder):
            for entry in sorted(os.listdir(folder)):
                if entry.endswith((".sh", ".py")) and entry.startswith(("check-", "test-", "replay")):
                    yield f"{room}/{entry}", [os.path.join(folder, entry)]

    for name, command in scripts("check"):
        found.append((name, command, 300))
    folder = os.path.join(sanitized, "tests", "unit")
    if os.path.isdir(folder):
        for entry in sorted(os.listdir(folder)):
            if entry.startswith("test-") and "." not in entry:
                found.append((f"unit/{entry}", [os.path.join(folder, entry)], 300))
    for room, seconds in (("unit", 300), ("replay", 600), ("fuzz", 1200), ("fault", 600), ("client", 600),
                          ("export", 600), ("bench", 600)):
        for name, command in scripts(room):
            found.append((name, command, seconds))
    for name, command in scripts("system"):
        found.append((name, command, 900))
    for name, command in scripts("vm"):
        found.append((name, command, 900))
    for kernel in KERNELS + MATRIX_KERNELS:
        found.append((f"vm/{kernel}", [os.path.join(HERE, "vm", "kernel-suite.sh"), kernel], 7200))
    found.append((PROOF, [os.path.join(HERE, "vm", "proof.sh")], 7200))
    for guest in GUESTS + MATRIX_GUESTS:
        found.append((f"system/{guest.replace(':', '-')}",
                      [os.path.join(HERE, "system", "run.sh"), *guest.split(":")], 2400))
    return found


class Count:
    def __init__(self):
        self.passed = self.failed = self.skipped = 0
        self.bad = []

    def fail(self, name, reason):
        self.failed += 1
        self.bad.append(f"{name}: {reason}")

    def add(self, other):
        self.passed += other.passed
        self.failed += other.failed
        self.skipped += other.skipped
        self.bad += other.bad


class Running:
    """Each suite's processes are a group of their own, in a session of its own: a signal from the terminal does
    not reach them."""
    def __init__(self):
        self.processes = set()
        self.ending = None

    def catch(self):
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            if signal.getsignal(number) != signal.SIG_IGN:
                signal.signal(number, self.on_signal)

    def kill(self, number):
        for process in list(self.processes):
            kill_group(process, number)

    def on_signal(self, number, _frame):
        if self.ending:
            self.give_up()
        self.ending = number
        self.kill(signal.SIGTERM)
        for seconds, what in ((GRACE, lambda: self.kill(signal.SIGKILL)), (2 * GRACE, self.give_up)):
            after(seconds, what)

    def give_up(self):
        self.kill(signal.SIGKILL)
        os._exit(128 + self.ending)

    def start(self, command, env):
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                                   errors="replace", env=env, start_new_session=True)
        self.processes.add(process)
        if self.ending:  # the signal came between the two
            kill_group(process, signal.SIGTERM)
        return process

    def over(self, process):
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        if self.ending:  # what it leaves behind
            kill_group(process, signal.SIGKILL)
        status = process.wait()
        self.processes.discard(process)
        return status


def after(seconds, what):
    timer = threading.Timer(seconds, what)
    timer.daemon = True
    timer.start()
    return timer


def kill_group(process, number):
    if process.returncode is not None:
        return
    try:
        os.killpg(process.pid, number)
    except ProcessLookupError:
        pass


RUNNING = Running()


def allowed_skips():
    """Patterns over "SUITE what the skip says", a line each, of tests/skips."""
    path = os.path.join(HERE, "skips")
    if not os.path.exists(path):
        return []
    with open(path, encoding="utf-8") as file:
        return [line.strip() for line in file if line.strip() and line[0] != "#"]


def take_line(name, line, count, skips):
    match = RESULT.match(line)
    if not match:
        return None
    word, what = match.groups()
    what = what.strip()
    title = f"{name} {what}"
    if word == "ok" and "# skip" not in what.lower():
        count.passed += 1
        return "ok"
    if word == "not ok":
        count.fail(name, what)
        return "not ok"
    if not any(fnmatch.fnmatch(title, s) for s in skips):
        count.fail(name, f"skipped, and tests/skips does not allow it: {what}")
    else:
        count.skipped += 1
    return "skip"


def run(name, command, seconds, skips, env, say):
    """One suite; @say gets its output, line by line."""
    count = Count()
    if RUNNING.ending:
        count.fail(name, "not begun")
        return count
    say(f"# {name}")
    start = time.monotonic()
    process = RUNNING.start(command, env)
    late = threading.Event()

    def stop():
        late.set()
        kill_group(process, signal.SIGKILL)

    timer = after(seconds, stop)
    for line in process.stdout:
        line = line.rstrip("\n")
        take_line(name, line, count, skips)
        say(line)
    status = RUNNING.over(process)
    timer.cancel()
    if RUNNING.ending:
        count.fail(name, f"ended by {signal.Signals(RUNNING.ending).name}")
    elif late.is_set():
        count.fail(name, f"still running after {seconds} s, ended")
    elif status and not count.failed:
        count.fail(name, f"exit status {status} without a failed test")
    elif not count.passed + count.failed + count.skipped:
        count.fail(name, "no test in it was executed")
    say(f"# {name}: {count.passed} passed, {count.failed} failed, {count.skipped} skipped, "
        f"{time.monotonic() - start:.0f} s")
    return count


def run_in_lanes(chosen, lanes, skips, env):
    """All of them; a suite's output in one piece, for others run beside it."""
    total, lock = Count(), threading.Lock()

    def one(suite):
        said = []
        with lock:
            if not RUNNING.ending:
                print(f"# {suite[0]}: begun", flush=True)
        count = run(*suite, skips, env, said.append)
        with lock:
            print(*said, sep="\n", end="\n" if said else "", flush=True)
            total.add(count)

    with concurrent.futures.ThreadPoolExecutor(lanes) as pool:
        for done in [pool.submit(one, suite) for suite in chosen]:
            done.result()
    return total


def boots_machines(name):
    room, _, rest = name.partition("/")
    return room in ("vm", "system") and not rest.startswith("test-")


def is_of_matrix(name):
    room, _, rest = name.partition("/")
    return (name == PROOF or room == "vm" and rest in MATRIX_KERNELS
            or room == "system" and rest in (guest.replace(":", "-") for guest in MATRIX_GUESTS))


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--build", default="build")
    parser.add_argument("--matrix", action="store_true", help="every kernel and guest, too")
    parser.add_argument("--list", action="store_true", help="name the suites, and exit")
    parser.add_argument("suites", nargs="*", help="names or patterns; default: all")
    arguments = parser.parse_args()
    build = os.path.abspath(arguments.build)
    sanitized = os.path.join(build, "san")
    env = dict(os.environ, BUILD=build, SANITIZED=sanitized, CMOCKA_MESSAGE_OUTPUT="TAP",
               ASAN_OPTIONS="detect_leaks=1:abort_on_error=0", UBSAN_OPTIONS="print_stacktrace=1")
    if arguments.matrix:
        env["MATRIX"] = "1"
    chosen = [s for s in suites(build, sanitized)
              if (any(fnmatch.fnmatch(s[0], p) for p in arguments.suites) if arguments.suites
                  else arguments.matrix or not is_of_matrix(s[0]))]
    if arguments.list:
        print("\n".join(s[0] for s in chosen))
        return 0
    RUNNING.catch()
    count, skips = Count(), allowed_skips()
    lanes = min(2, len(os.sched_getaffinity(0)))
    for suite in [s for s in chosen if not boots_machines(s[0])]:
        count.add(run(*suite, skips, env, lambda line: print(line, flush=True)))
    count.add(run_in_lanes([s for s in chosen if boots_machines(s[0])], lanes, skips, env))
    for line in count.bad:
        print(f"failed: {line}")
    if count.skipped:
        print(f"{count.skipped} skipped, as tests/skips allows")
    print(f"{count.passed} passed, {count.failed} failed")
    if RUNNING.ending:
        return 128 + RUNNING.ending
    return 1 if count.failed or not count.passed else 0


if __name__ == "__main__":
    sys.exit(main())
