# SPDX-License-Identifier: GPL-2.0-or-later
"""Record files to measure with: a recorded one that goes on and on, and hosts of a given size."""
import lzma
import os
import struct
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "export"))
import host  # noqa: E402

DATA = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "data")
SNAPSHOT = 39
HEADER = 16


def recorded(kernel="bench"):
    with lzma.open(os.path.join(DATA, "replay", kernel, "trace.xz")) as file:
        return file.read()


def longer(path, records, kernel="bench"):
    """Writes a trace of at least so many records; how many it has.

    What was recorded between the first walk's begin and the end, again and again, each round later
    than the one before: a driver and a device come and go, CPUs too, affinities and messages change,
    and walks find out what has.
    """
    trace, at, places, count = recorded(kernel), HEADER, [], 0
    start = None
    while at < len(trace):
        kind, _, size, time = struct.unpack_from("<HHIQ", trace, at)
        if kind == SNAPSHOT and start is None:
            start, first, head = at, time, count
        if start is not None:
            places.append((at - start, time))
        count, at = count + 1, at + size
    span, count = places[-1][1] - first + 1000, head
    with open(path, "wb") as file:
        file.write(trace[:start])
        later = 0
        while count < records:
            piece = bytearray(trace[start:])
            for place, time in places:
                struct.pack_into("<Q", piece, place + 8, time + later)
            file.write(piece)
            count, later = count + len(places), later + span
    return count


def host_of(vectors, cpus=64):
    """The trace of a host with so many vectors, each with an owner: disks with a vector a processor."""
    made = host.Host(recorded(), cpus)
    while vectors:
        n = min(vectors, cpus + 1)
        made.plain("nvme", "0x010802", "nvme_irq", n)
        vectors -= n
    return made.trace()


def proc_interrupts(vectors, cpus=64):
    """The same host's /proc/interrupts."""
    lines = ["     " + "".join(f"{f'CPU{n}':>11}" for n in range(cpus))]
    for n in range(vectors):
        counts = [0] * cpus
        counts[n % cpus] = 1000 + n % (cpus + 1)
        lines.append(f"{24 + n:>5}:" + "".join(f" {count:>10}" for count in counts) +
                     f"  PCI-MSIX-0000:{n // (cpus + 1):02x}:00.0 {n % (cpus + 1):>3}-edge      nvme{n // 65}q{n % 65}")
    return "\n".join(lines) + "\n"
