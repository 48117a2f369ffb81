#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""cut.py TRACE: the trace up to the end of its last walk, on standard output.

A daemon answers "snapshot" right after a walk, before it reads another record.
So that answer belongs to this part of the trace, whatever happened afterwards.
"""
import struct
import sys

SNAPSHOT, END = 39, 1
HEADER = struct.Struct("<HHI")


def main():
    with open(sys.argv[1], "rb") as file:
        trace = file.read()
    at, end = 16, 0
    while at + HEADER.size <= len(trace):
        kind, _, size = HEADER.unpack_from(trace, at)
        if size < 56 or at + size > len(trace):
            break
        if kind == SNAPSHOT and struct.unpack_from("<I", trace, at + 56)[0] == END:
            end = at + size
        at += size
    if not end:
        sys.exit("cut.py: no walk ends in this trace")
    sys.stdout.buffer.write(trace[:end])


if __name__ == "__main__":
    main()
