#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""What we find in config space, against what lspci finds there.

Every function of tests/data/config, of some hundred functions that are made
up here (well-formed, but with everything in them that is rare), and of this
machine's own: each capability that can interrupt, where it is, its message
number, its size.  lspci's words are translated into the words of
tests/unit/test-pci-config, which prints what pci-capability.c finds.

    test-lspci.py --make SEED N     prints N made-up functions, as lspci -xxxx
"""
import errno
import glob
import os
import random
import re
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
PROGRAM = os.path.join(os.environ.get("SANITIZED", os.environ.get("BUILD", "build") + "/san"),
                       "tests", "unit", "test-pci-config")
LSPCI = next((p for p in ("/usr/bin/lspci", "/sbin/lspci", "/usr/sbin/lspci") if os.path.exists(p)), None)


# ---- lspci's words ---------------------------------------------------------

FUNCTION = re.compile(r"^([0-9a-f]{4,}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]) ")
CAPABILITY = re.compile(r"^\tCapabilities: \[([0-9a-f]+)[^]]*\] (.*)$")
GTS = {"2.5": 1, "5": 2, "8": 3, "16": 4, "32": 5, "64": 6}


def capabilities_of(text):
    """{function: [(offset, first line, [further lines])]}"""
    functions, here = {}, None
    for line in text.splitlines():
        match = FUNCTION.match(line)
        if match:
            here = functions.setdefault(match[1], [])
            continue
        match = CAPABILITY.match(line)
        if match:
            here.append((int(match[1], 16), match[2], []))
        elif line.startswith("\t\t") and here:
            here[-1][2].append(line.strip())
    return functions


def several_speeds(body):
    """More than one link speed below the highest, as the kernel counts them."""
    highest = GTS.get(re.search(r"LnkCap:.*?Speed ([0-9.]+)GT/s", body)[1], 0)
    # 64 GT/s is "reserved" in its words
    listed = re.search(r"LnkCap2: Supported Link Speeds: ([0-9.]+)(?:-([0-9.]+))?GT/s",
                       body.replace("Speeds: RsvdP", "Speeds: 2.5-64GT/s"))
    if not listed:
        return highest == 2
    low, high = GTS[listed[1]], GTS[listed[2] or listed[1]]
    return min(high, highest) > low if low <= highest else highest == 2


def express(offset, first, body):
    match = re.match(r"Express (?:\(v\d+\) )?(.*?)(?: \(Slot([+-])\))?, MSI ([0-9a-f]+)", first)
    port, slot, message = match[1], match[2], int(match[3], 16)
    if port in ("Root Port", "Root Complex Event Collector"):
        yield "pme", offset, message, 1, 0
    if port == "Root Port" or port.startswith("Downstream Port"):
        if slot == "+" and "HotPlug+" in body:
            yield "hotplug", offset, message, 1, 0
        if "BwNot+" in body and several_speeds(body):
            yield "bwctrl", offset, message, 1, 0


def doe(offset, body):
    if "IntSup+" not in body:
        return "doe", offset, -1, 0, 0
    return "doe", offset, int(re.search(r"Interrupt Message Number ([0-9a-f]+)", body)[1], 16), 1, 0


def blocks(offset, body):
    for match in re.finditer(r"Block\d+: BIR: bar(\d), ID: ([^,]*), offset: ([0-9a-f]+)", body):
        kind = {"CXL device registers": "cxl-device", "CPMU registers": "cpmu"}.get(match[2])
        if kind:
            yield kind, offset, -1, 0, int(match[3], 16) | int(match[1])


def features_of(capabilities):
    port = ""
    for offset, first, lines in capabilities:
        body = "\n".join(lines)
        if first.startswith("MSI: "):
            yield "msi", offset, -1, 1, int(re.search(r"Count=\d+/(\d+)", first)[1])
        elif first.startswith("MSI-X: "):
            yield "msix", offset, -1, 1, int(re.search(r"Count=(\d+)", first)[1])
        elif first.startswith("Express "):
            port = first
            yield from express(offset, first, body)
        elif first == "Advanced Error Reporting":
            message = re.search(r"IntMsg (\d+)", body)
            if ("Root Port" in port or "Event Collector" in port) and not message:
                raise ValueError(f"no RootSta in {body}")
            if message:
                yield "aer", offset, int(message[1]), 1, 0
        elif first == "Downstream Port Containment":
            yield "dpc", offset, int(re.search(r"INT Msg #(\d+)", body)[1]), 1, 0
        elif first == "Data Object Exchange":
            yield doe(offset, body)
        elif re.match(r"Designated Vendor-Specific: Vendor=1e98 ID=0008 ", first):
            yield from blocks(offset, body)


def lspci(arguments):
    text = subprocess.run([LSPCI, "-D", "-vv"] + arguments, capture_output=True, text=True,
                          errors="replace", check=True).stdout
    return {name: sorted(features_of(found)) for name, found in capabilities_of(text).items()}


# ---- ours ------------------------------------------------------------------

def ours(arguments):
    text = subprocess.run([PROGRAM] + arguments, capture_output=True, text=True, check=True).stdout
    functions, instances = {}, {}
    for line in text.splitlines():
        name, kind, *numbers = line.split()
        found = functions.setdefault(name, [])
        if kind == "nothing":
            continue
        if kind == "error":
            found.append(("error", int(numbers[0])))
            continue
        instance, offset, message, flags, value = (int(n) for n in numbers)
        expected = instances.get((name, kind), 0)
        if instance != expected:
            found.append(("instance", instance, expected))
        instances[name, kind] = expected + 1
        found.append((kind, offset, message, flags, value))
    return {name: sorted(found) for name, found in functions.items()}


# ---- Functions that are made up -------------------------------------------

ROOT, DOWNSTREAM, UPSTREAM, ENDPOINT, INTEGRATED, COLLECTOR, LEGACY = 4, 6, 5, 0, 9, 10, 1


class Space:
    """A config space that is filled from the front."""

    def __init__(self, rng, kind):
        self.rng, self.bytes = rng, bytearray(4096)
        self.bridge = kind in (ROOT, DOWNSTREAM, UPSTREAM)
        self.put(0, 4, 0x00018086)
        self.put(4, 4, 0x00100406)
        self.put(8, 4, {True: 0x06040000, False: 0x05021000}[self.bridge])
        self.bytes[0x0e] = 1 if self.bridge else 0
        self.last, self.at, self.extended = 0x34, 0x40, None

    def put(self, at, size, value):
        self.bytes[at:at + size] = value.to_bytes(size, "little")

    def standard(self, number, size):
        """A place for a capability, somewhere behind the last one."""
        at = self.at + 4 * self.rng.randrange(3)
        self.bytes[self.last] = at | self.rng.choice((0, 0, 1, 3))
        self.bytes[at] = number
        self.last, self.at = at + 1, at + size
        return at

    def extend(self, number, size):
        at = 0x100 if self.extended is None else self.at + 4 * self.rng.randrange(20)
        if self.extended is not None:
            self.put(self.extended + 2, 2, at << 4 | 1)
        self.put(at, 4, 1 << 16 | number)
        self.extended, self.at = at, at + size
        return at

    def text(self, name):
        lines = [f"{name} made up"]
        end = max(i for i in range(4096) if self.bytes[i]) if self.extended else 255
        for at in range(0, min(4096, (end + 80) // 16 * 16), 16):
            lines.append(f"{at:02x}: " + " ".join(f"{b:02x}" for b in self.bytes[at:at + 16]))
        return "\n".join(lines) + "\n\n"


def make_express(space, rng, kind):
    at = space.standard(0x10, 0x3c)
    version = rng.choice((1, 2, 2))
    space.put(at + 2, 2, version | kind << 4 | rng.randrange(2) << 8 | rng.randrange(32) << 9)
    fastest = rng.randrange(1, 7)
    space.put(at + 0xc, 4, fastest | 16 << 4 | rng.randrange(2) << 21)
    space.put(at + 0x14, 4, rng.randrange(1 << 17))
    if version > 1:
        space.put(at + 0x2c, 4, rng.choice((0, 2, 6, 0xe, 0x1e, 0x3e, 0x7e)) & (2 << fastest) - 1)


def make_aer(space, rng):
    at = space.extend(1, 0x48)
    space.put(at + 0x30, 4, rng.randrange(32) << 27 | rng.randrange(0x80))


def make_dpc(space, rng):
    space.put(space.extend(0x1d, 0x10) + 4, 2, rng.randrange(0x10000))


def make_doe(space, rng):
    for _ in range(rng.randrange(1, 5)):
        at = space.extend(0x2e, 0x18)
        space.put(at + 4, 4, rng.randrange(0x1000))


def make_locator(space, rng):
    kinds = [1, 3] + [rng.randrange(0, 5) for _ in range(rng.randrange(0, 6))]
    rng.shuffle(kinds)
    at = space.extend(0x23, 0xc + 8 * len(kinds))
    space.put(at + 4, 4, 0x1e98 | (0xc + 8 * len(kinds)) << 20)
    space.put(at + 8, 2, 8)
    for i, kind in enumerate(kinds):
        space.put(at + 0xc + 8 * i, 8, rng.randrange(6) | kind << 8 | rng.randrange(1 << 40) << 16)


def make_other(space, rng):
    """What is none of ours: serial number, vendor-specific, another DVSEC."""
    number = rng.choice((0x03, 0x0b, 0x23))
    at = space.extend(number, 0x14)
    space.put(at + 4, 4, 0x1e98 | 0x14 << 20 if number == 0x23 else 0x0140_0001)
    space.put(at + 8, 2, 5)


def make_function(rng):
    kind = rng.choice((ROOT, ROOT, DOWNSTREAM, UPSTREAM, ENDPOINT, ENDPOINT, INTEGRATED, COLLECTOR, LEGACY))
    space = Space(rng, kind)
    standard = [lambda: make_express(space, rng, kind)] * (rng.random() < 0.9)
    is_express = bool(standard)
    if rng.random() < 0.6:
        standard.append(lambda: space.put(space.standard(5, 0x18) + 2, 2, rng.randrange(6) << 1 | 0x180))
    if rng.random() < 0.6:
        standard.append(lambda: space.put(space.standard(0x11, 0xc) + 2, 2, rng.randrange(0x800)))
    if rng.random() < 0.3:
        standard.append(lambda: space.standard(1, 8))
    rng.shuffle(standard)
    for make in standard:
        make()
    if not standard:
        space.put(6, 2, 0)
    if is_express and rng.random() < 0.9:
        extended = [make for make in (make_aer, make_dpc, make_doe, make_locator, make_other, make_other)
                    if rng.random() < 0.5]
        rng.shuffle(extended)
        for make in extended:
            make(space, rng)
    return space


def made_up(seed, n):
    rng = random.Random(seed)
    domains = ("0000", "0001", "10000", "10001")  # the longer ones are those behind a VMD
    text = ""
    for i in range(n):
        at = i // len(domains)
        name = f"{domains[i % len(domains)]}:{at // 256:02x}:{at // 8 % 32:02x}.{at % 8}"
        text += make_function(rng).text(name)
    return text


# ---- The comparison --------------------------------------------------------

def difference(one, other, name):
    return sorted(set(one.get(name) or ["nothing"]) - set(other.get(name) or []))


def compare(title, theirs, found, minimum):
    bad = [f"{name}: lspci {difference(theirs, found, name)}, we {difference(found, theirs, name)}"
           for name in sorted(set(theirs) | set(found)) if theirs.get(name) != found.get(name)]
    count = sum(len(features) for features in theirs.values())
    for line in bad[:5]:
        print(f"# {line}")
    if bad:
        print(f"not ok {title} {len(bad)} of {len(theirs)} functions differ: {bad[0]}")
    elif count < minimum:
        print(f"not ok {title} lspci named only {count} features: are its words other ones?")
    else:
        print(f"ok {title} ({len(theirs)} functions, {count} features)")
    return not bad and count >= minimum


def compare_dump(path, title, minimum):
    return compare(title, lspci(["-F", path]), ours(["--dump", path]), minimum)


def compare_host():
    found = ours(["--read", "/"]) if glob.glob("/sys/bus/pci/devices/*") else {}
    if not found or any(("error", errno.EPERM) in features for features in found.values()):
        print("skip lspci-host no PCI function here whose config space may be read")
        return True
    return compare("lspci-host", lspci([]), found, 0)


def main():
    if sys.argv[1:2] == ["--make"]:
        sys.stdout.write(made_up(int(sys.argv[2]), int(sys.argv[3])))
        return 0
    if not LSPCI:
        print("not ok lspci it is not installed")
        return 1
    good = True
    for path in sorted(glob.glob(os.path.join(HERE, "..", "data", "config", "*"))):
        good &= compare_dump(path, f"lspci-{os.path.basename(path)}", 20)
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
        file.write(made_up(1, 800))
        file.flush()
        good &= compare_dump(file.name, "lspci-made-up", 1000)
    return 0 if compare_host() and good else 1


if __name__ == "__main__":
    sys.exit(main())
