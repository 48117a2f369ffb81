#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Every fuzz target for some time, some of them at once, from its seeds.

    test-fuzz.py [--seconds N] [--jobs N] [--corpus DIR] [--coverage DIR]

The targets are in $SANITIZED (or $BUILD/san). Without --seconds each has half
a minute: that is for "make check"; "make fuzz" gives them ten minutes each
(FUZZ_SECONDS=).
--corpus keeps what was found there, for the next time to begin with.
--coverage names the same targets, built to count lines: in the end it says how
much of each parser (parsers.py) the corpora reach, and fails below 90 %.

What ends a target is kept and named.
"""
import argparse
import concurrent.futures
import glob
import os
import re
import shutil
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
import coverage
import seeds

HERE = os.path.dirname(os.path.abspath(__file__))
EACH = 30  # seconds, in make check
LARGEST = 20000  # bytes of an input: what a socket takes in one piece
MEMORY = "/dev/shm"  # what targets write goes to a file system that is no disk


def run(program, name, work, seconds):
    """A line of the result, and the log if it failed."""
    directory = os.path.join(work, name)
    corpus = os.path.join(work, "corpus", name)
    os.makedirs(corpus, exist_ok=True)
    os.makedirs(directory)
    seeds.write_seeds(name, corpus)
    begun_with = len(os.listdir(corpus))
    environment = dict(os.environ, TMPDIR=directory, ASAN_OPTIONS="detect_leaks=1",
                       UBSAN_OPTIONS="halt_on_error=1:print_stacktrace=1")
    command = [program, f"-max_total_time={seconds}", f"-max_len={LARGEST}", "-timeout=60", "-rss_limit_mb=1024",
               "-seed=1", "-print_final_stats=1", f"-artifact_prefix={directory}/", corpus]
    try:
        done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              text=True, errors="replace", timeout=seconds + 120, check=False)
        log, status = done.stdout, done.returncode
    except subprocess.TimeoutExpired as late:
        log, status = (late.stdout or b"").decode(errors="replace"), "none: it did not end"
    with open(os.path.join(directory, "log"), "w", encoding="utf-8") as file:
        file.write(log)
    for left in glob.glob(os.path.join(directory, "fuzz.*")):
        shutil.rmtree(left)
    if status:
        return f"not ok {name} status {status}, see {directory}", "\n".join(log.splitlines()[-40:])
    runs = re.search(r"^stat::number_of_executed_units: *(\d+)", log, re.M)
    runs = int(runs[1]) if runs else 0
    if runs <= begun_with:
        return f"not ok {name} did not get beyond the {begun_with} that it began with in {seconds} s", ""
    return f"ok {name} ({runs} runs)", ""


def run_all(programs, work, jobs, seconds):
    """False: one of them failed."""
    sound = True
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        running = [pool.submit(run, program, name, work, seconds) for name, program in programs.items()]
        for done in concurrent.futures.as_completed(running):
            result, log = done.result()
            print("\n".join(filter(None, [log, result])), flush=True)
            sound &= result.startswith("ok")
    return sound


def find_programs(directory):
    """By name, and whether there is one for each source."""
    names = sorted(os.path.basename(path)[:-2] for path in glob.glob(os.path.join(HERE, "fuzz-*.c")))
    missing = [name for name in names if not os.access(os.path.join(directory, name), os.X_OK)]
    missing += [name for name in names if name not in seeds.makers()]
    for name in missing:
        print(f"not ok {name} was not built, or has no seeds")
    return {name: os.path.join(directory, name) for name in names}, not missing


def main():
    jobs = min(2, len(os.sched_getaffinity(0)))
    build = os.environ.get("SANITIZED") or os.path.join(os.environ.get("BUILD", "build"), "san")
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seconds", type=int, default=int(os.environ.get("FUZZ_SECONDS", "0")))
    parser.add_argument("--jobs", type=int, default=jobs)
    parser.add_argument("--corpus")
    parser.add_argument("--coverage")
    arguments = parser.parse_args()
    programs, sound = find_programs(os.path.join(os.path.abspath(build), "tests", "fuzz"))
    if not sound:
        return 1
    seconds = arguments.seconds or EACH
    work = tempfile.mkdtemp(prefix="cxlirq-fuzz.", dir=MEMORY if os.access(MEMORY, os.W_OK) else None)
    if arguments.corpus:
        os.makedirs(arguments.corpus, exist_ok=True)
        os.symlink(os.path.abspath(arguments.corpus), os.path.join(work, "corpus"))
    sound = run_all(programs, work, arguments.jobs, seconds)
    if arguments.coverage:
        sound &= coverage.report(os.path.abspath(arguments.coverage), programs, work)
    if sound:
        shutil.rmtree(work)
    return 0 if sound else 1


if __name__ == "__main__":
    sys.exit(main())
