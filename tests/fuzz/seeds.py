#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""seeds.py TARGET DIRECTORY: what a fuzz target begins with, a file each.

Without arguments: the targets that have any.
"""
import hashlib
import os
import sys

sys.dont_write_bytecode = True
import seeds_binary
import seeds_record
import seeds_text

DATA = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "data")


def makers():
    """By target: fuzz-config-space begins with what config_space_seeds() gives."""
    return {"fuzz-" + name[:-len("_seeds")].replace("_", "-"): make
            for module in (seeds_binary, seeds_record, seeds_text)
            for name, make in vars(module).items() if name.endswith("_seeds")}


def write_seeds(target, directory):
    """How many there are."""
    written = 0
    for seed in makers()[target](DATA):
        name = hashlib.sha256(seed).hexdigest()[:16]
        with open(os.path.join(directory, name), "wb") as file:
            file.write(seed)
        written += 1
    return written


def main():
    if len(sys.argv) == 1:
        print("\n".join(sorted(makers())))
        return 0
    return 0 if write_seeds(*sys.argv[1:]) else 1


if __name__ == "__main__":
    sys.exit(main())
