# SPDX-License-Identifier: GPL-2.0-or-later
"""Seeds of what is bytes: packets, a manifest, rows of a database."""
import struct

MAGIC = 0x71725841  # of daemon/affinity-private.h


def packets(*bodies):
    return b"".join(struct.pack("<H", len(body)) + body for body in bodies)


def request(number, irq, cpus, end=b"\0"):
    return struct.pack("<II", number, irq) + cpus + end


def affinity_request_seeds(_data):
    yield packets(request(0, 0, b"0-3,8"), request(1, 1, b"1"), request(2, 2, b"0-10:1/2"))
    yield packets(request(7, 3, b"0"), request(8, 99, b"0"), request(9, 0, b"x"))
    yield packets(request(1, 1, b"1", b""))
    yield packets(request(1, 1, b""), b"short")
    yield packets(request(1, 1, b"1" * 1024))
    yield packets(request(1, 1, b"1," * 511 + b"1"), request(2, 0, b"2\0/../x"))


def affinity_answer_seeds(_data):
    hello = struct.pack("<II", MAGIC, 1)
    answers = [struct.pack("<Ii", number, error) for number, error in enumerate((0, -22, -2, -1, -5, 0))]
    yield packets(hello, *answers)
    yield packets(hello, answers[0], answers[2])
    yield packets(hello, struct.pack("<Ii", 0, 1))
    yield packets(hello, struct.pack("<Ii", 0, -5000))
    yield packets(hello, answers[0] + b"more")
    yield packets(struct.pack("<II", MAGIC, 2))
    yield packets(struct.pack("<II", 5, 1))
    yield packets(b"x")


def manifest(hooks, names, bss_size=64, lost_offset=8, n_lost=4, version=1, more=0):
    body = b"".join(struct.pack("64s64s128sII", program, b"section", reason, attached, 0)
                    for program, reason, attached in hooks)
    body += b"".join(struct.pack("II40s", 0, number, name) for number, name in enumerate(names))
    return struct.pack("<8sIIQQQIIIIQQQIIIIII", b"CXLIRQP\n", version, 104 + len(body) + more, 1, 2, 1 << 21, 1, 8,
                       4, 1, 5, 6, 7, bss_size, lost_offset, n_lost, len(hooks), len(names), 0) + body


def pin_manifest_seeds(_data):
    hooks = [(b"on_message", b"", 1), (b"on_vector", b"no such function", 0)]
    yield manifest(hooks, [b"pci-msi", b"any"])
    yield manifest([], []) + b"behind it"
    yield manifest([(b"../up", b"", 1)], [])
    yield manifest([(b"", b"", 1)], [])
    yield manifest([(b"a", b"", 2)], [])
    yield manifest([(b"a", b"r" * 128, 1)], [])
    yield manifest([], [b"n" * 40])
    yield manifest([], [], bss_size=8, n_lost=5)
    yield manifest([], [], lost_offset=40)
    yield manifest([], [], version=2)
    yield manifest([], [], more=8)


NOTHING, SMALL, LARGE, REAL, BLOB, TEXT = range(6)


def column(value):
    if value is None:
        return bytes([NOTHING])
    if isinstance(value, float):
        return bytes([REAL]) + struct.pack("<d", value)
    if isinstance(value, int):
        return bytes([LARGE]) + struct.pack("<Q", value & 2**64 - 1)
    return bytes([TEXT if isinstance(value, str) else BLOB, len(value)]) + (value.encode() if isinstance(value, str)
                                                                           else value)


def row(table, *values):
    return bytes([table]) + b"".join(column(value) for value in values)


def violation(number, rule="immutable-message-changed", device="0000:35:00.0", irq=42, **more):
    values = {"index": 3, "domain": 7, "old": 0xfee00000, "old_data": 1, "new": 0xfee01000, "new_data": 2, "kind": 1,
              "flags": 1, "pid": 5, "uid": 0, "comm": "irqbalance", "standing": 0, "why": "it was", "count": 3,
              "first": 10**15, "last": 10**15, "acknowledged": 0, **more}
    return row(2, number, rule, device, irq, *values.values())


def store_seeds(_data):
    rows = bytes([1])
    yield rows + row(0, 1, 10**15, 1, 5, 6) + violation(1) + violation(2, index=None, old=None, kind=None)
    yield rows + row(1, 1, 10**15, "gap", None, None, '{"type":"gap"}') + row(1, 2, "x", 5, 1.5, b"\xff", b"\0")
    yield rows + violation(-1) + violation(2**63 - 1, index=4) + violation(3, rule="none")
    yield rows + violation(1, kind=99, flags=-1, pid="x", comm=b"\xff\xfe\0", why=b"\0", count=-1)
    yield rows + violation(1, device="d" * 200, irq=-1, index=2**40, standing="x", why="\u00e4" * 100)
    yield rows + row(0, 1, "x", 2.5, b"y", None) + b"".join(violation(i, index=i) for i in range(9))
    yield bytes([0])
    # the file's kind, its page size, its schema's version, the root of its first page
    for place, byte in ((0, 0), (16, 3), (18, 9), (63, 9), (63, 0), (63, 1), (100, 2), (105, 255), (4096, 0)):
        yield bytes([0]) + struct.pack("<HB", place, byte)
