#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""seeds.py DIRECTORY: pieces of the trace on standard input, a file each.

A piece is some records in a row; the first is also given whole, with the
file's header.
"""
import hashlib
import os
import struct
import sys

PIECE = 24  # records
HEADER = struct.Struct("<HHI")


def main():
    trace = sys.stdin.buffer.read()
    starts = []
    at = 16
    while at < len(trace):
        starts.append(at)
        at += HEADER.unpack_from(trace, at)[2]
    starts.append(at)
    pieces = {trace[starts[i]:starts[min(i + PIECE, len(starts) - 1)]]
              for i in range(0, len(starts) - 1, PIECE)}
    pieces.add(trace[:starts[PIECE]])
    for piece in pieces:
        name = hashlib.sha256(piece).hexdigest()[:16]
        with open(os.path.join(sys.argv[1], name), "wb") as file:
            file.write(piece)


if __name__ == "__main__":
    main()
