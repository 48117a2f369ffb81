#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Compares what a kernel's verifier had to do with a table: verifier.py FOUND TABLE

Both have a line for each program, as tests/vm/programs.c prints them: its name,
how many instructions the verifier walked through, how many the program then
has.  The names must be the same ones.  A number may differ by a quarter: the
table holds for one compiler and one kernel, another release of either takes
other branches and cuts other ones short, and that is no news.  What is news is
a program that suddenly costs a multiple, on its way to the limit of a million:
a loop that is no longer recognized, a state that no longer merges.  It may also
not be smaller by more, or the next growth would go unseen: then the table is to
be made anew (VERIFIER=write tests/vm/kernel-suite.sh KERNEL).
"""

import sys

MARGIN = 0.25
# A quarter of a program of ten instructions is no measure.
SLACK = 32
# A kernel gives up after a million: half of it is no longer far away.
LIMIT = 500_000


def read(path):
    with open(path, encoding="utf-8") as file:
        rows = [line.split() for line in file if line.strip() and line[0] != "#"]
    table = {name: (int(verified), int(translated)) for name, verified, translated in rows}
    if len(table) != len(rows):
        raise ValueError(f"{path}: a program is in it twice")
    return table


def differences(found, table):
    for name in sorted(found.keys() - table.keys()):
        yield f"{name}: it is not in the table"
    for name in sorted(table.keys() - found.keys()):
        yield f"{name}: only the table has it"
    for name in sorted(found.keys() & table.keys()):
        for what, now, then in zip(("verified", "instructions"), found[name], table[name]):
            if abs(now - then) > max(MARGIN * then, SLACK):
                yield f"{name}: {what} {now}, in the table {then}"
        if found[name][0] > LIMIT:
            yield f"{name}: the verifier walked through {found[name][0]} instructions"


def main(argv):
    if len(argv) != 2:
        print("usage: verifier.py FOUND TABLE", file=sys.stderr)
        return 2
    try:
        found, table = (read(path) for path in argv)
    except (OSError, ValueError) as error:
        print(f"not ok verifier: {error}")
        return 1
    wrong = list(differences(found, table))
    if not found:
        wrong.append("there are no programs")
    for line in wrong:
        print(f"not ok verifier: {line}")
    if wrong:
        return 1
    total = sum(verified for verified, _ in found.values())
    most = max(found, key=lambda name: found[name][0])
    print(f"ok verifier ({len(found)} programs, {total} instructions, "
          f"most of them in {most}: {found[most][0]})")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
