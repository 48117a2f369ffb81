#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""What of the costs can be looked at in half a minute, on any machine: how they grow.

The figures themselves are made by bench.py, which takes a while.  Here are ratios of one run, of the
processor's time and not the wall's, and counts.
"""
import os
import statistics
import subprocess
import sys
import tempfile
import time

sys.dont_write_bytecode = True
import bench  # noqa: E402
import native  # noqa: E402
import scrape  # noqa: E402
import traces  # noqa: E402

RUNS = 5
RECORDS = 50000
# Its timers go off so often, at the pace of a sign of life every two seconds
IDLE_SECONDS = 14
BEAT_SECONDS = 2
failures = 0


def check(name, is_so, why=""):
    global failures
    why = " ".join(str(why).split())
    print(f"ok {name}" if is_so else f"not ok {name} {why[:300]}", flush=True)
    failures += not is_so


def chain_seconds(path, what):
    out = subprocess.run([os.path.join(scrape.BUILD, "tests", "bench", "chain"), path, what], check=True,
                         stdout=subprocess.PIPE, text=True).stdout.split()
    return float(out[1])


def throughput(folder):
    """Twice as many records take twice the time; a text that nobody asks for takes none."""
    short, long = os.path.join(folder, "short"), os.path.join(folder, "long")
    records = [traces.longer(short, RECORDS), traces.longer(long, 2 * RECORDS)]
    pairs = [(chain_seconds(short, "none"), chain_seconds(long, "none"), chain_seconds(short, "events"))
             for _ in range(RUNS)]
    growth = statistics.median(b / a for a, b, _ in pairs) / (records[1] / records[0])
    texts = statistics.median(c / a for a, _, c in pairs)
    check("time of a record does not grow with their number", growth < 1.5, f"{growth:.2f} times")
    check("no text of an event is made that nobody can ask for", texts > 1.5, f"{texts:.2f} times")


def scrapes(folder):
    """Series: of devices, and not of vectors or processors."""
    notified, where, counts = scrape.Notified(folder), scrape.addresses(), {}
    for vectors in native.SIZES:
        server = native.Ours(folder, notified, where, vectors)
        try:
            counts[vectors] = native.series(native.scraped(server)[1])
        finally:
            server.stop()
    notified.close()
    for vectors, count in counts.items():
        check(f"series of {vectors} vectors: a tenth of one for each of 64 processors",
              0 < count <= vectors * 64 / 10, counts)


def wakeups(pid):
    """How often its threads have waited so far."""
    total = 0
    for task in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{task}/status", encoding="ascii") as file:
            total += next(int(line.split()[1]) for line in file if line.startswith("voluntary_ctxt_switches"))
    return total


def idle(folder):
    """Signs of life wake a daemon, and nothing else does."""
    path = os.path.join(folder, "trace")
    with open(path, "wb") as file:
        file.write(traces.host_of(100))
    os.environ["WATCHDOG_USEC"] = str(4 * BEAT_SECONDS * 1000000)
    notified = scrape.Notified(folder)
    daemon = scrape.Daemon(os.path.join(folder, "idle"), path, next(scrape.addresses()), notified)
    try:
        notified.wait([daemon.process])
        before = wakeups(daemon.process.pid)
        time.sleep(IDLE_SECONDS)  # nothing is what is waited for
        count = wakeups(daemon.process.pid) - before
    finally:
        daemon.stop()
        notified.close()
        del os.environ["WATCHDOG_USEC"]
    check("woken for signs of life, and nothing else", 1 <= count <= IDLE_SECONDS / BEAT_SECONDS + 2,
          f"{count} times in {IDLE_SECONDS} s")


def results():
    """The table that is kept is one that bench.py makes today."""
    with open(os.path.join(bench.HERE, "RESULTS.md"), encoding="utf-8") as file:
        text = file.read()
    check("RESULTS.md has the table's head", "| " + " | ".join(bench.HEAD) + " |" in text)
    missing = [name for name in bench.ROWS if f"\n- {name}: " not in text]
    check("RESULTS.md has all that is measured", not missing, missing)


def main():
    with tempfile.TemporaryDirectory(prefix="cxlirq-bench.") as folder:
        throughput(folder)
        os.mkdir(os.path.join(folder, "scrape"))
        scrapes(os.path.join(folder, "scrape"))
        os.mkdir(os.path.join(folder, "wait"))
        idle(os.path.join(folder, "wait"))
    results()
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
