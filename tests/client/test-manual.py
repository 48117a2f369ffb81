#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""cxlirqctl(1) and the program name the same verbs, options, columns, formats and keys: each that
one of them has, the other one has too."""
import os
import re
import subprocess
import sys

sys.dont_write_bytecode = True
from fixture import CLI, ROOT, check  # noqa: E402
import fixture  # noqa: E402


def run(*arguments):
    return subprocess.run([CLI, *arguments], stdout=subprocess.PIPE, text=True, check=True).stdout


def words(text):
    """Of mdoc: names without macros and punctuation"""
    return set(re.findall(r"[A-Za-z0-9][A-Za-z0-9-]*", re.sub(r"\b(Cm|No|Fl|Ar|Op|Oo|Oc|Pq|It|Ns|Xo|Xc)\b", "", text)))


def part(manual, start, end):
    return manual[manual.index(start):manual.index(end, manual.index(start) + 1)]


def same(name, program, manual):
    check(f"{name}: the manual has all", not program - manual, sorted(program - manual))
    check(f"{name}: and no others", not manual - program, sorted(manual - program))


def verbs_and_options(manual):
    verbs, options = run("--help").split("\nOptions:\n")
    synopsis = part(manual, ".Sh SYNOPSIS", ".Sh DESCRIPTION")
    described = part(manual, "The verbs are:", "The options are:")
    names = set(re.findall(r"^  ([a-z][a-z-]*) ", verbs, re.M))
    same("verbs", names, set(re.findall(r"^\.(?:It Cm|It Xo\n\.Cm) ([a-z-]+)", described, re.M)))
    same("synopsis", names, set(re.findall(r"^\.(?:Op |)Cm ([a-z-]+)", synopsis, re.M)) - {"list"})

    known = {}
    for short, name, argument in re.findall(r"^  (-.,|   ) --([a-z-]+) ?([A-Z]*)", options, re.M):
        known[name] = (short.strip("- ,"), bool(argument))
    found = {}
    for line in re.findall(r"^\.It (Fl .*)", part(manual, "The options are:", ".Ss Columns"), re.M):
        match = re.match(r"(?:Fl (\w)(?: Ar \w+)? , )?Fl -([a-z-]+)( Ar)?", line)
        found[match.group(2)] = (match.group(1) or "", bool(match.group(3)))
    # what only one verb takes is described there
    for name in re.findall(r"Fl -([a-z]+)", part(manual, ".Sh SYNOPSIS", "The options are:") +
                           part(manual, ".Ss Counting", ".Ss Top")):
        found.setdefault(name, known.get(name, ("", False)))
    same("options", set(known), set(found))
    for name, (short, argument) in known.items():
        if name in found:
            check(f"--{name}: letter and argument", found[name] == (short, argument), f"{found[name]}")
    lines = [line for line in run("--help").splitlines() if len(line) > 100]
    check("--help: lines of 100 characters at most", not lines, lines)


def columns(manual):
    listed = part(manual, ".Ss Columns", "A message is written as")
    found = {}
    for item in listed.split("\n.It ")[1:]:
        head, _, rest = item.partition("\n")
        for verb in re.findall(r"[a-z-]+(?: stat)?", head.replace("Cm ", "").replace(" No and", " ")):
            found[verb.strip()] = words(re.sub(r"^\.(on demand|and for.*|With)$", "", rest, flags=re.M))
    names = re.findall(r"^  ([a-z][a-z-]*) ", run("--help").split("\nOptions:")[0], re.M)
    shown = {}
    for verb in names:
        result = subprocess.run([CLI, "-S", "/nonexistent", verb, "-o", "help"], stdout=subprocess.PIPE,
                                stderr=subprocess.DEVNULL, text=True, check=False)
        if result.returncode:
            continue
        for line in result.stdout.splitlines():
            way, _, names_of = line.rpartition(": ")
            key = "counters stat" if way.endswith("stat") else verb
            shown.setdefault(key, set()).update(names_of.split(","))
    if os.path.exists("help"):
        os.unlink("help")  # of record
    check("columns: verbs that have them", set(shown) == set(found), f"{sorted(shown)} {sorted(found)}")
    for verb, names_of in shown.items():
        upper = {word for word in found.get(verb, ()) if word.isupper()}
        same(f"columns of {verb}", names_of, upper)


def formats(manual):
    text = part(manual, ".It Fl -format Ar format", ".It Fl b")
    for verb in ("metrics", "graph"):
        answers = run("--complete", verb, "--format", "").split()
        check(f"formats of {verb}", answers and set(answers) <= words(text), answers)


def keys(manual):
    """The table of keys is what the help of top shows."""
    with open(os.path.join(ROOT, "cli/top-key.c"), encoding="utf-8") as file:
        table = part(file.read(), "top_key_help[]", "{}\n};")
    known = set()
    for text in re.findall(r'\{ "([^"]*)",', table):
        known |= set(re.split(r",? |,$", text)) - {"", "..."}
    listed = set()
    for item in re.findall(r"^\.It (.*)", part(manual, "The keys are:", ".Ss Times"), re.M):
        listed |= {word.replace("\\&", "") for word in item.split()} - {",", "Ic", "No", "to"}
    listed |= {"..."} & known
    same("keys of top", known | {"Ctrl-Z", "Ctrl-C"}, listed)


def main():
    with open(os.path.join(ROOT, "man/cxlirqctl.1"), encoding="utf-8") as file:
        manual = file.read()
    verbs_and_options(manual)
    columns(manual)
    formats(manual)
    keys(manual)
    return 1 if fixture.failures else 0


if __name__ == "__main__":
    sys.exit(main())
