# SPDX-License-Identifier: GPL-2.0-or-later
"""Seeds of records: pieces of the traces in tests/data, some records in a row.

Two more pieces are made here: endpoint doorbells, which no machine of ours has,
and a driver that is refused what it asks for.
"""
import glob
import lzma
import os
import struct

PIECE = 24  # records
FILE_HEADER = 16  # bytes
HEADER = struct.Struct("<HHI")
# types and reasons, of include/cxlirqd/record.h
VECTOR, FREE, ACTION, MESSAGE, DOORBELL, BAR, DEMAND, SPACE = 3, 4, 5, 8, 11, 12, 13, 14
BASE, DEVICE, TICK, PMU, PATTERN, FEATURE, DRIVER, COUNTER = 32, 35, 41, 42, 43, 44, 45, 47
RING = 48
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


def demand(time_s, kind, answered, low, high, result, caller=b""):
    device = struct.pack("<Q64s16s32s32s", 1, b"ep", b"pci", b"cxl_pci", b"cxl_pci")
    return record(DEMAND, time_s, "IIIIIi152s48s144s", kind, answered, low, high, 6, result, device, caller, b"")


def device(time_s, name, bus, driver, parent):
    return record(DEVICE, time_s, "64s16s32s32s64s64s", name, bus, driver, driver, parent, b"")


def ledger():
    return b"".join([
        record(BASE, 1, "qII64s24s128s", 0, 0, 2, b"6.6.1", b"x86_64", b""),
        record(DRIVER, 1, "II16s32s", 1, 0, b"cxl", b"cxl_pmu"),
        device(1, b"ep", b"pci", b"cxl_pci", b""),
        *[record(FEATURE, 1, "IIIiIIQ64s", kind, 0, 256, kind - 1, 1, 0, 8, b"ep") for kind in range(11)],
        device(1, b"pmu_mem0.0", b"cxl", b"", b"ep"),
        demand(2, 0, 0, 1, 16, 0), demand(2, 1, 0, 1, 16, 0), vector(ALLOCATED, 2),
        demand(2, 1, 1, 1, 16, 1), demand(2, 0, 1, 1, 16, 1),
        demand(2, 3, 1, 7, 7, -22, b"cxl_pci_probe"), demand(2, 3, 1, 0, 0, 30, b"cxl_event_req_irq"),
        demand(2, 3, 1, 1, 1, -22, b"cxl_event_req_irq"), demand(2, 3, 1, 5, 5, -22, b"cxl_pmu_probe"),
        record(SPACE, 3, "IIIIIIII", 0, 1, 200, 3, 190, 7, 0, 2),
        record(SPACE, 3, "IIIIIIII", 2**32 - 1, 1, 200, 3, 190, 7, 0, 2), record(TICK, 5, ""),
        record(FREE, 6, "II", 30, 1), device(6, b"ep", b"pci", b"", b""), record(TICK, 9, "")])


def traces(data):
    """Each trace and each state file, whole."""
    for path in sorted(glob.glob(os.path.join(data, "replay", "*", "trace.xz")) +
                       glob.glob(os.path.join(data, "state", "*.xz"))):
        with lzma.open(path) as file:
            yield file.read()


def pieces(trace):
    """Its records, some in each piece; without the file's header."""
    starts = []
    at = FILE_HEADER
    while at < len(trace):
        starts.append(at)
        at += HEADER.unpack_from(trace, at)[2]
    starts.append(at)
    for i in range(0, len(starts) - 1, PIECE):
        yield trace[starts[i]:starts[min(i + PIECE, len(starts) - 1)]]


def record_seeds(data):
    for trace in traces(data):
        yield from pieces(trace)
    yield doorbells()
    yield ledger()
    tick = record(TICK, 1, "")
    # another version, no such type, half a word more, longer than what there is, and a sound one
    yield tick[:2] + b"\x09" + tick[3:] + record(999, 1, "") + tick[:4] + b"\x3c" + tick[5:] + tick
    yield tick + tick[:4] + b"\x80" + tick[5:]
    yield b"".join(record(COUNTER, 1, "640s", fill * 640) for fill in (b"\0", b"p"))


def ring(count, position, based=0):
    """A marker as it stands in state files; the target looks for generation 5."""
    return record(RING, 1, "6QII", 1, 5, position, 1, 0, 0, count, based)


def trace_seeds(data):
    """Files with their header, whole ones and some that end too early."""
    for trace in traces(data):
        header, some = trace[:FILE_HEADER], list(pieces(trace))[:4]
        yield from (header + piece for piece in some)
        yield header + some[0][:-20]
        yield header + ring(0, 0, 1) + some[0]
    tick, header = record(TICK, 3, ""), trace[:FILE_HEADER]
    yield header + ring(0, 0) + ring(2, 64) + tick + tick + ring(1, 192) + tick
    yield header + ring(2, 64) + tick + ring(0, 0)
    yield header + ring(1, 64) + tick + record(9999, 3, "")
    yield header[:8] + b"\x09" + header[9:]
    yield header[:5]
