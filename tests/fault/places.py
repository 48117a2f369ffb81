# SPDX-License-Identifier: GPL-2.0-or-later
"""Places that may fail, as fault.c writes them down, and what they are called.

A place's name is the same in each program that has it: the call, and the functions that it was come
by through, with the offset in each.  The same archives are linked into all of them.  test is that of
a unit test's program which came by first."""
import bisect
import collections
import re
import struct
import subprocess

CALL = re.compile(r"^ *[0-9a-f]+:\s+call\s.*<fault_(\w+)>\n *([0-9a-f]+):", re.M)
# the first two only tell again what another has said; the third is not a call of the programs
NEVER_FAIL = ("sqlite3_reset", "sqlite3_extended_errcode", "number")
RECORD = struct.Struct("<QIHH64s8I")

Place = collections.namedtuple("Place", "key name what calls test chain")


class Symbols:
    """Functions of one program, by address."""

    def __init__(self, program):
        self.program = program
        listed = subprocess.run(["nm", "--defined-only", program], stdout=subprocess.PIPE, text=True, check=True)
        table = []
        for line in listed.stdout.splitlines():
            address, kind, name = line.split()
            if kind in "Tt":
                table.append((int(address, 16), name.split(".")[0]))
        table.sort()
        self.addresses, self.names = [a for a, _ in table], [n for _, n in table]

    def name(self, address):
        i = bisect.bisect_right(self.addresses, address - 1) - 1
        return f"{self.names[i]}+{address - self.addresses[i]:#x}" if i >= 0 else hex(address)

    def sources(self, addresses):
        """FILE:LINE of each."""
        found = subprocess.run(["addr2line", "-e", self.program], input="\n".join(hex(a - 1) for a in addresses),
                               stdout=subprocess.PIPE, text=True, check=False)
        return [line.split(" ")[0].split("/./")[-1] for line in found.stdout.splitlines()]

    def lines(self, chain):
        """Where in the sources that is, for people."""
        return " < ".join(self.sources(chain))


def read(path, symbols):
    """All places of a run, in the order of their names."""
    places = []
    with open(path, "rb") as file:
        for key, calls, _, test, what, *chain in RECORD.iter_unpack(file.read()):
            if not key:
                continue
            chain = [address for address in chain if address]
            what = what.rstrip(b"\0").decode()
            places.append(Place(key, " < ".join([what, *map(symbols.name, chain)]), what, calls, test, chain))
    return sorted(places, key=lambda place: place.name)


def sites(symbols):
    """(what, function, address) of each call in the program's code that can be made to fail, whoever comes by.
    What a function ends with, as a jump, is its caller's call, and not among them."""
    code = subprocess.run(["objdump", "-d", "--no-show-raw-insn", symbols.program], stdout=subprocess.PIPE, text=True,
                          check=True).stdout
    return [(what, symbols.name(int(after, 16)).split("+")[0], int(after, 16)) for what, after in CALL.findall(code)
            if what not in NEVER_FAIL]


def unreached(path):
    """Patterns over "FILE CALL < FUNCTION" of calls that no way comes by."""
    with open(path, encoding="utf-8") as file:
        return [line.strip() for line in file if line.strip() and line[0] != "#"]


def has_failed(path, key):
    with open(path, "rb") as file:
        return any(record[0] == key and record[2] for record in RECORD.iter_unpack(file.read()))
