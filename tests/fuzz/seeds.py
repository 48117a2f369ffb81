#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""seeds.py DIRECTORY: pieces of the trace on standard input, a file each.

A piece is some records in a row; the first is also given whole, with the
file's header. One more piece is made here: what no machine of ours has,
endpoint doorbells among it.
"""
import hashlib
import os
import struct
import sys

PIECE = 24  # records
HEADER = struct.Struct("<HHI")
# types and reasons, of include/cxlirqd/record.h
VECTOR, ACTION, MESSAGE, DOORBELL, BAR, TICK, PMU, PATTERN = 3, 5, 8, 11, 12, 41, 42, 43
CREATED, UPDATED, REMOVED, ALLOCATED, REQUESTED = 1, 2, 3, 4, 5


def record(kind, time_s, layout, *values):
    body = struct.pack("<" + layout, *values)
    return struct.pack("<HHIQ6I16s", kind, 1, 56 + len(body), time_s * 10**9, *[0] * 6, b"x") + body


def vector(reason, time_s):
    levels = struct.pack("<QQ48s", 0, 0, b"APIC") * 4
    return record(VECTOR, time_s, "IIQIIiIQ256sQIIII3IIii152sII",
                  reason, 30, 1, 0, 0, 0, 2, 0, levels, 5, 3, 0, 30, 1, 0, 0, 0, 1, -1, -1,
                  b"ep".rjust(10, b"k"), 0, 0)


def doorbell(reason, time_s, index, data, copy=0):
    return record(DOORBELL, time_s, "IiQQIIIIiIQIIII64s64s32s64s",
                  reason, 0, 1, 2, index, 1, 30, 0, -1, copy, 0, 64, 0, data, 0,
                  b"epc", b"epf", b"driver", b"ep")


def bar(reason, time_s):
    return record(BAR, time_s, "IIQIIQQ128s64s", reason, 2, 2, 0, 0, 0, 4096, b"", b"epc")


def doorbells():
    return b"".join([
        record(PATTERN, 1, "II64s", 0, 0, b"ep*"),
        record(PMU, 1, "64s64s64s", b"cxl_pmu_mem0.0", b"ep", b"0"),
        vector(ALLOCATED, 1), doorbell(CREATED, 1, 0, 1), bar(UPDATED, 1),
        record(MESSAGE, 2, "IIQII3I3III", 30, 1, 5, 0, 0, 0, 0, 0, 64, 0, 2, 0, 0),
        doorbell(UPDATED, 2, 0, 2, 3),
        record(ACTION, 2, "IIQQQIi48s64s64s152s152s", REQUESTED, 30, 1, 7, 7, 0, 0,
               b"ring", b"ring_irq", b"", b"", b"ep".rjust(10, b"k")),
        vector(REQUESTED, 2), record(TICK, 4, ""), doorbell(REMOVED, 5, 2**32 - 1, 0),
        record(TICK, 7, ""), bar(REMOVED, 8), record(TICK, 20, "")])


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
    pieces.add(doorbells())
    for piece in pieces:
        name = hashlib.sha256(piece).hexdigest()[:16]
        with open(os.path.join(sys.argv[1], name), "wb") as file:
            file.write(piece)


if __name__ == "__main__":
    main()
