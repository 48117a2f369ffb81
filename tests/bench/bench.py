#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""What the daemon costs, beside what others cost: bench.py [--idle SECONDS] [ROW]...

Measures all rows, or those that are named, and writes the table to RESULTS.md (or to --output) and
prints it.  What was measured before is kept in the build folder, for a table of which one row is made
anew; each part says when and of which commit it is.  A row that cannot be measured is in the table,
with the reason.  Exit status 1: one could not be measured, or falls short of what it is to reach.
"""
import argparse
import datetime
import json
import os
import platform
import subprocess
import sys

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
import native  # noqa: E402
import rows  # noqa: E402
import virtual  # noqa: E402

ROWS = {**virtual.ROWS, **native.ROWS}
HEAD = ("what", "cxlirqd", "beside it", "ratio", "to reach", "reached")


def output_of(*command):
    return subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout.strip()


def about(peers):
    """The machine, in lines."""
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        models = [line.partition(":")[2].strip() for line in file if line.startswith("model name")]
    with open(os.path.join(peers, "packages"), encoding="utf-8") as file:
        versions = file.read().split("\n")[:-1]
    versions += [f"{name} {output_of('dpkg-query', '-W', '-f', '${Version}', name)}"
                 for name in ("libbpf-tools", "bpftrace", "util-linux")]
    return [f"- machine: {len(os.sched_getaffinity(0))} processors, {models[0] if models else platform.machine()}",
            f"- kernel: {platform.release()}; {output_of('qemu-system-x86_64', '--version').splitlines()[0]}",
            "- command: `make bench`",
            f"- peers, of Debian 12: {', '.join(versions)}"]


def commit():
    done = subprocess.run(["git", "-C", HERE, "describe", "--always", "--dirty"], stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL, text=True)
    return done.stdout.strip() or "unknown"


def table(parts):
    lines = ["| " + " | ".join(HEAD) + " |", "|" + " --- |" * len(HEAD)]
    notes = []
    for part in parts:
        for row in part["rows"]:
            mark = ""
            if row.note:
                notes.append(row.note)
                mark = f" ({len(notes)})"
            lines.append(f"| {row.what}{mark} | {row.ours} | {row.peer} | {row.ratio} | {row.target} | "
                         f"{row.verdict()} |")
    return lines + [""] + [f"{n}. {note}" for n, note in enumerate(notes, 1)]


def when(parts):
    lines = []
    for part in parts:
        machines = f", in virtual machines with {', '.join(part['kernels'])}" if part["kernels"] else ""
        lines.append(f"- {part['name']}: {part['date']}, commit {part['commit']}{machines}")
    return lines


def measure(name, arguments):
    print(f"bench.py: {name}", file=sys.stderr, flush=True)
    try:
        found = ROWS[name](arguments)
    except (OSError, RuntimeError, ValueError, KeyError, subprocess.SubprocessError) as error:
        found = [rows.failed(name, " ".join(f"{type(error).__name__}: {error}".split()))]
    now = datetime.datetime.now(datetime.timezone.utc)
    return {"name": name, "date": f"{now:%Y-%m-%d %H:%M} UTC", "commit": commit(), "kernels": virtual.kernels(),
            "rows": found}


def kept(folder):
    """What was measured, in the table's order."""
    parts = []
    for name in ROWS:
        path = os.path.join(folder, f"{name}.json")
        if os.path.exists(path):
            with open(path, encoding="utf-8") as file:
                part = json.load(file)
            parts.append({**part, "rows": [rows.Row(*row) for row in part["rows"]]})
    return parts


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rows", nargs="*", metavar="ROW", help=" ".join(ROWS))
    parser.add_argument("--idle", type=int, default=600, help="seconds of doing nothing (600)")
    parser.add_argument("--again", action="store_true", help="measure nothing, write the table again")
    parser.add_argument("--output", help="write the table there")
    arguments = parser.parse_args()
    unknown = [name for name in arguments.rows if name not in ROWS]
    if unknown:
        parser.error(f"no such row: {unknown[0]} (there are: {' '.join(ROWS)})")
    arguments.peers = output_of(os.path.join(HERE, "peers.sh"))
    folder = os.path.join(native.scrape.BUILD, "bench")
    os.makedirs(folder, exist_ok=True)
    short = False
    for name in [] if arguments.again else arguments.rows or list(ROWS):
        part = measure(name, arguments)
        short = short or any(row.reached is False for row in part["rows"])
        with open(os.path.join(folder, f"{name}.json"), "w", encoding="utf-8") as file:
            json.dump(part, file, indent=1)
    parts = kept(folder)
    text = "\n".join([*about(arguments.peers), *when(parts), "", *table(parts)]) + "\n"
    print(text)
    with open(os.path.join(HERE, "findings.md"), encoding="utf-8") as file:
        text += "\n" + file.read()
    with open(arguments.output or os.path.join(HERE, "RESULTS.md"), "w", encoding="utf-8") as file:
        file.write("# What cxlirqd costs\n\n" + virtual.INTRODUCTION + "\n" + text)
    return 1 if short else 0


if __name__ == "__main__":
    sys.exit(main())
