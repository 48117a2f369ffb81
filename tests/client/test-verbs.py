#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""What all verbs have in common: --json is one JSON document of the kind that the manual says, or an
object a line; lists of nothing are [], and why is on standard error; color is for terminals; the
names of columns are told to who asks.

A verb that is not in the table below fails the test."""
import base64
import json
import os
import re
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
from fixture import CLI, ROOT, Replay, Script, Terminal, check  # noqa: E402
import fixture  # noqa: E402

# verb: its arguments, what --json is, and whether nothing is an answer
VERBS = {"status": ([], dict, False), "domains": ([], list, False), "devices": ([], list, False),
         "vectors": ([], list, False), "doorbells": ([], list, True), "violations": ([], list, True),
         "explain": (["24"], dict, False), "counters": ([], list, True), "events": ([], "lines", False),
         "history": ([], "lines", True), "metrics": ([], list, False), "graph": ([], dict, False),
         "top": (["--times", "1", "--interval", "0.1"], "lines", False), "support": ([], dict, False),
         "snapshot": ([], dict, False), "diff": (["state.json"], list, True),
         "record": (["-o", "trace", "--duration", "0.1"], dict, False), "reload": ([], dict, False),
         "log-level": ([], dict, False), "guard": ([], list, True), "ack": (["4"], list, False)}
SCRIPTED = ("ack", "record")  # of whom a replay has nothing to answer
VIOLATION = {"id": 4, "rule": "vector-hidden", "severity": "critical", "device": "d", "acknowledged": False,
             "cause": {"kind": "unknown", "comm": None}, "explanation": "x"}


def run(socket, *arguments, **options):
    return subprocess.run([CLI, "-S", socket, *arguments], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True, timeout=60, check=False, **options)


def documents(socket, scripted):
    verbs = re.findall(r"^  ([a-z][a-z-]*) ", run(socket, "--help").stdout.split("\nOptions:")[0], re.M)
    check("all verbs are tested", sorted(verbs) == sorted(VERBS), verbs)
    with open("state.json", "w", encoding="utf-8") as file:
        file.write(run(socket, "snapshot", "--json").stdout)
    for verb, (arguments, kind, empty) in VERBS.items():
        result = run(scripted if verb in SCRIPTED else socket, verb, *arguments, "--json")
        check(f"{verb} --json: exit code", result.returncode == 0, result)
        try:
            if kind == "lines":
                rows = [json.loads(line) for line in result.stdout.splitlines()]
                good = all(isinstance(row, dict) for row in rows)
            else:
                rows = json.loads(result.stdout)
                good = isinstance(rows, kind)
        except ValueError as error:
            rows, good = None, error
        check(f"{verb} --json", good is True, f"{good} {result.stdout[:200]}")
        # graph tells what it left out
        check(f"{verb}: nothing, and why" if empty else f"{verb}: something",
              (not rows and len(result.stderr.splitlines()) == 1) if empty
              else rows and (not result.stderr or verb == "graph"), f"{rows} {result.stderr}")
        result = run(scripted if verb in SCRIPTED else socket, verb, *arguments, "--noheadings")
        check(f"{verb} --noheadings", result.returncode == 0
              and not re.match(r" *[A-Z][A-Z-]+ +[A-Z]", result.stdout), result.stdout[:100])


def columns(socket):
    for verb in VERBS:
        result = run("/nonexistent", verb, "-o", "help")
        if result.returncode or verb == "record":
            continue
        names = result.stdout.splitlines()[0].split(": ")[-1].split(",")
        check(f"{verb} -o help", len(names) > 1 and not result.stderr, result)
        arguments = [a for a in VERBS[verb][0] if a != "24"]
        wrong = run(socket, verb, *arguments, "-o", "NOPE," + names[0])
        check(f"{verb}: a wrong column", wrong.returncode == 2 and not wrong.stdout
              and wrong.stderr == f"cxlirqctl: NOPE: unknown column, valid are {','.join(names)}\n", wrong)
        if verb in ("ack",):
            continue
        one = run(socket, verb, *arguments, "--json", "-o", names[0].lower())
        check(f"{verb}: a column, in small letters", one.returncode == 0, one)


def colors(scripted):
    bare = dict.fromkeys(["NO_COLOR", "PAGER", "SYSTEMD_PAGER"])
    for name, env, arguments, want in (
            ("a terminal", {}, [], True), ("NO_COLOR", {"NO_COLOR": "1"}, [], False),
            ("an empty NO_COLOR", {"NO_COLOR": ""}, [], True), ("a dumb terminal", {"TERM": "dumb"}, [], False),
            ("--color=never", {}, ["--color=never"], False),
            ("NO_COLOR, and --color=always", {"NO_COLOR": "1"}, ["--color=always"], True)):
        terminal = Terminal([CLI, "-S", scripted, "--no-pager", "violations", *arguments], **{**bare, **env})
        code = terminal.wait()
        check(f"color: {name}", code == 3 and ("\x1b[31m" in terminal.output) == want, terminal.output)
        terminal.close()
    env = {key: value for key, value in os.environ.items() if key not in bare}
    check("color: no terminal", "\x1b" not in run(scripted, "violations", env=env).stdout)
    check("color: no terminal, --color=always", "\x1b[31m" in run(scripted, "violations", "--color", "always",
                                                                  env=env).stdout)
    check("color: never in JSON", "\x1b" not in run(scripted, "violations", "--json", "--color=always").stdout)


def nowhere(socket):
    """What cannot be printed is told, with the reason, however much it was."""
    for verb in ("status", "vectors", "events", "metrics", "metrics --format json", "graph", "graph --format svg",
                 "graph --json", "snapshot --json", "top --batch --times 1", "top --json --times 1"):
        with open("/dev/full", "w", encoding="utf-8") as full:
            result = subprocess.run([CLI, "-S", socket, *verb.split()], stdout=full, stderr=subprocess.PIPE,
                                    text=True, timeout=60)
        said = [line for line in result.stderr.splitlines() if not line.startswith("cxlirqctl: graph: ")]
        check(f"a full disk: {verb}", result.returncode == 1
              and said[-1:] == ["cxlirqctl: standard output: No space left on device"], result)


def replayed(socket):
    """A replay is no source of traces, and says so."""
    with open("older", "w", encoding="utf-8") as file:
        file.write("older")
    result = run(socket, "record", "-o", "older", "--duration", "0.1")
    check("record from a replay", result.returncode == 1 and not result.stdout and result.stderr ==
          "cxlirqctl: Record: tracing is not available: this daemon replays a trace, and has none of its own\n", result)
    with open("older", encoding="utf-8") as file:
        check("record from a replay: an older trace stays", file.read() == "older"
              and not os.path.exists("older.partial"))


def main():
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        daemon = Replay(folder)
        path = os.path.join(folder, "scripted")
        scripted = Script(path, {"ListViolations": lambda _: {"violations": [VIOLATION]},
                                 "Acknowledge": lambda _: {"violations": [VIOLATION]},
                                 "Record": lambda _: {"data": base64.b64encode(b"trace" * 9).decode()}})
        documents(daemon.path, path)
        columns(daemon.path)
        nowhere(daemon.path)
        replayed(daemon.path)
        colors(path)
        scripted.stop()
        daemon.stop()
        os.chdir(ROOT)
    return 1 if fixture.failures else 0


if __name__ == "__main__":
    sys.exit(main())
