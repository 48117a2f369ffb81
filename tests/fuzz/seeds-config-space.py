#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""seeds-config-space.py DIRECTORY: the config spaces of the dump (as lspci -xxxx
prints it) on standard input, a file each.
"""
import os
import re
import sys


def main():
    spaces = []
    for line in sys.stdin:
        if re.match(r"[0-9a-f]{4,}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7] ", line):
            spaces.append(bytearray())
        match = re.match(r"[0-9a-f]{2,3}:((?: [0-9a-f]{2})+)$", line)
        if match and spaces:
            spaces[-1] += bytes.fromhex(match[1])
    for number, space in enumerate(spaces):
        with open(os.path.join(sys.argv[1], str(number)), "wb") as file:
            file.write(space)
    return 0 if spaces else 1


if __name__ == "__main__":
    sys.exit(main())
