#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Tests the comparison of the verifier's tables: what must be found is, and what is no news is not."""

import contextlib
import io
import os
import sys
import tempfile

sys.dont_write_bytecode = True

# pylint: disable=wrong-import-position
import verifier  # noqa: E402

TABLE = {"small": (33, 30), "large": (161960, 9048), "walk": (450000, 9000)}

# name: (what is found instead, what is said about it; None: nothing)
CASES = {
    "the same": ({}, None),
    "another compiler": ({"large": (150000, 8000), "walk": (430000, 9500)}, None),
    "a small one": ({"small": (60, 55)}, None),
    "growth": ({"large": (210000, 9048)}, "large: verified 210000, in the table 161960"),
    "growth of a small one": ({"small": (99, 30)}, "small: verified 99, in the table 33"),
    "a program that is longer": ({"large": (161960, 12000)}, "large: instructions 12000"),
    "shrinkage": ({"large": (90000, 9048)}, "large: verified 90000"),
    "near the kernel's limit": ({"walk": (520000, 9000)}, "walk: the verifier walked through 520000"),
    "a program more": ({"other": (10, 10)}, "other: it is not in the table"),
    "a program less": ({"small": None}, "small: only the table has it"),
}


def write(path, table):
    with open(path, "w", encoding="utf-8") as file:
        for name, numbers in table.items():
            if numbers:
                print(name, *numbers, file=file)


def run(found, table):
    """What the program says, and its exit status."""
    with tempfile.TemporaryDirectory() as directory:
        paths = [os.path.join(directory, name) for name in ("found", "table")]
        write(paths[0], found)
        write(paths[1], table)
        said = io.StringIO()
        with contextlib.redirect_stdout(said):
            status = verifier.main(paths)
    return status, said.getvalue()


def main():
    failed = 0

    def tell(name, fine, said):
        nonlocal failed
        failed += not fine
        print(f"ok {name}" if fine else f"not ok {name} {said!r}")

    for name, (changes, expected) in CASES.items():
        status, said = run({**TABLE, **changes}, TABLE)
        if expected is None:
            tell(name, status == 0 and said.startswith("ok "), said)
        else:
            tell(name, status == 1 and f"not ok verifier: {expected}" in said, said)
    tell("nothing at all", run({}, {})[0] == 1, "")
    with contextlib.redirect_stdout(io.StringIO()):
        status = verifier.main(["/nonexistent", "/nonexistent"])
    tell("no table", status == 1, status)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
