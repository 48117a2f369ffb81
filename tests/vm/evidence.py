# SPDX-License-Identifier: GPL-2.0-or-later
"""What scenarios/witness.sh collected at one stage, read into Python objects.

The witnesses (kernel and hardware) were read twice, before and after the
daemon was asked; the daemon's answers lie beside them as JSON.  Nothing is
judged here, but a line that is not understood is an error: what was not read
cannot contradict anybody.
"""

import json
import os
import re

HEADER = re.compile(r"^==> (/.+) <==$")
INTERRUPT = re.compile(r"^ *(\d+):(.*)$")
# "PCI-MSIX-0000:00:04.0    0-edge      virtio0-config": chip, hwirq, type and
# handlers; an interrupt without a domain has no hwirq.  On arm64 the type is
# "Edge" or "Level" in a column of its own.
DESCRIPTION = re.compile(
    r"^ *(\S+)(?: +(\d+))?(?: +(?:Edge|Level)(?= |-|$))? *(?:-(\S+))?(?: +(\S.*))?$")
# What the kernel sets in a domain's flags, and its debugfs has no name for.
UNNAMED_FLAGS = {1 << 11: "IRQ_DOMAIN_FLAG_MSI_IMMUTABLE"}
LINK = re.compile(r"^l\S+ +\d+ +\S+ +\S+ +\d+ +\S+ +\d+ +[\d:]+ (.+) -> (.+)$")
TABLE = re.compile(r"^(\S+) (msi|\d+) ([0-9a-f]{8}):([0-9a-f]{8}) ([0-9a-f]+) ([0-9a-f]+|-)$")


class Unreadable(Exception):
    """A file of evidence that is not what it should be."""


def lines_of(path):
    with open(path, encoding="utf-8", errors="surrogateescape") as file:
        return file.read().splitlines()


def shown(path):
    """What "show" wrote: a dictionary from file to its lines."""
    files = {}
    lines = None
    for line in lines_of(path):
        match = HEADER.match(line)
        if match:
            # The empty line before a header belongs to the header.
            if lines and lines[-1] == "":
                lines.pop()
            lines = files.setdefault(match.group(1), [])
        elif lines is None:
            raise Unreadable(f"{path}: no header before: {line}")
        else:
            lines.append(line)
    files.pop("/dev/null", None)
    return files


def links(path):
    """What "ls -l" wrote about links: (directory, name, target)."""
    directory = ""
    for line in lines_of(path):
        match = LINK.match(line)
        if match:
            yield directory, match.group(1), match.group(2)
        elif line.endswith(":"):
            directory = line[:-1]
        elif line and not line.startswith("total "):
            raise Unreadable(f"{path}: what is this line: {line}")


class Interrupt:
    """A line of /proc/interrupts."""

    def __init__(self, count, description):
        self.count = count
        match = DESCRIPTION.match(description)
        if not match:
            raise Unreadable(f"/proc/interrupts: what is this: {description}")
        self.chip, hwirq, _, actions = match.groups()
        self.hwirq = int(hwirq) if hwirq else None
        self.actions = actions.split(", ") if actions else []


def read_interrupts(path):
    """The header names the CPUs that are online; what others have counted is not shown."""
    header, *rest = lines_of(path)
    cpus = len(header.split())
    interrupts = {}
    for line in rest:
        match = INTERRUPT.match(line)
        if not match:
            continue  # NMI and others that have no number
        fields = match.group(2).split(None, cpus)
        counts, description = fields[:cpus], fields[cpus:]
        if len(counts) != cpus or not description:
            raise Unreadable(f"{path}: what is this line: {line}")
        interrupts[int(match.group(1))] = Interrupt(sum(map(int, counts)), description[0])
    return interrupts


class Level:
    """One domain's view of an interrupt, as debugfs prints it."""

    def __init__(self, domain):
        self.domain = domain
        self.fields = {}

    def number(self, name):
        text = self.fields.get(name)
        return None if text is None else int(text, 0)


class DebugIrq:
    """/sys/kernel/debug/irq/irqs/N: head, flags of the state, levels from the device up."""

    def __init__(self, lines):
        self.head = {}
        self.state = set()
        self.hidden = False  # from /proc/interrupts
        self.levels = []
        for line in lines:
            text = line.strip()
            name, colon, value = text.partition(":")
            value = value.strip()
            if not text or text == "parent:":
                continue
            if not colon:
                # IRQCHIP_... are flags of a level's chip, of no interest.
                if text.startswith("IRQD_"):
                    self.state.add(text)
                elif text == "_IRQ_HIDDEN":
                    self.hidden = True
            elif name == "domain":
                self.levels.append(Level(value))
            elif self.levels:
                self.levels[-1].fields[name] = value
            else:
                self.head[name] = value

    def message(self):
        """(address, data), or None where this level prints none."""
        fields = self.levels[0].fields if self.levels else {}
        if "address_lo" not in fields:
            return None
        return (int(fields["address_hi"], 16) << 32 | int(fields["address_lo"], 16),
                int(fields["msg_data"], 16))


class DebugDomain:
    """/sys/kernel/debug/irq/domains/NAME, without its parents' own lines."""

    def __init__(self, lines):
        self.parents = []
        self.flags = set()
        self.fields = {}
        for line in lines:
            text = line.strip()
            name, colon, value = text.partition(":")
            value = value.strip()
            if name == "parent" and colon:
                self.parents.append(value)
            elif self.parents:
                continue
            elif text.startswith("IRQ_DOMAIN_"):
                self.flags.add(text)
            elif colon and name in ("name", "size", "mapped", "flags"):
                self.fields[name] = value
        for bit, flag in UNNAMED_FLAGS.items():
            if int(self.fields.get("flags", "0"), 16) & bit:
                self.flags.add(flag)


class Device:
    """A device in sysfs."""

    def __init__(self, path, driver, module):
        self.path = path
        self.driver = driver
        self.module = module


def read_devices(directory):
    """From (bus, name) to Device."""
    drivers = {}
    for _, name, target in links(os.path.join(directory, "drivers")):
        parts = target.split("/")
        drivers[os.path.dirname(name)] = (parts[-3], parts[-1])
    modules = {}
    for _, name, target in links(os.path.join(directory, "modules")):
        parts = name.split("/")
        modules[(parts[3], parts[5])] = target.rsplit("/", 1)[1]
    devices = {}
    for at, name, target in links(os.path.join(directory, "devices")):
        path = os.path.normpath(os.path.join(at, target))
        driver = drivers.get(path)
        devices[(at.split("/")[3], name)] = Device(
            path, driver[1] if driver else None, modules.get(driver))
    return devices


class Witnesses:
    """One reading of everything that is not the daemon."""

    def __init__(self, directory):
        self.directory = directory
        self.earlier = read_interrupts(os.path.join(directory, "interrupts"))
        self.later = read_interrupts(os.path.join(directory, "interrupts.again"))
        self.between_cpus = [line for line in lines_of(os.path.join(directory, "interrupts"))
                             if line.startswith("IPI")]
        self.msi_irqs = {}  # irq: (device, "msi" or "msix")
        self.auxiliary = {}  # irq: device
        for path, lines in self.shown("msi_irqs").items():
            _, _, _, bus, _, device, _, irq = path.split("/")
            if bus == "auxiliary":
                self.auxiliary[int(irq)] = device
            else:
                self.msi_irqs[int(irq)] = (device, lines[0])
        self.classes = {path.split("/")[5]: lines[0]
                        for path, lines in self.shown("classes").items()}
        self.lines = {path.split("/")[5]: int(lines[0])  # function: INTx, or its first MSI
                      for path, lines in self.shown("lines").items()}
        self.kernel_irq = self.by_irq("kernel_irq", 4)
        self.proc_irq = self.by_irq("proc_irq", 3)
        self.debug_irqs = {int(path.rsplit("/", 1)[1]): DebugIrq(lines)
                           for path, lines in self.shown("debug_irqs").items()}
        self.debug_domains = {path.rsplit("/", 1)[1]: DebugDomain(lines)
                              for path, lines in self.shown("debug_domains").items()}
        # "default" is another name of one of them.
        self.debug_domains.pop("default", None)
        self.cpus_online = len(lines_of(os.path.join(directory, "interrupts"))[0].split())
        self.read_table()
        self.devices = read_devices(directory)

    def shown(self, name):
        return shown(os.path.join(self.directory, name))

    def by_irq(self, name, at):
        """One-line files with the interrupt's number in their path."""
        interrupts = {}
        for path, lines in self.shown(name).items():
            parts = path.split("/")
            interrupts.setdefault(int(parts[at]), {})[parts[-1]] = lines[0] if lines else ""
        return interrupts

    def count(self, irq, lines):
        """Of all CPUs: /proc/interrupts knows only those online, and no unused interrupt."""
        files = self.kernel_irq.get(irq)
        if not files:
            return None
        counts = [int(count) for count in files["per_cpu_count"].split(",")]
        if irq in lines and len(counts) == self.cpus_online:
            return lines[irq].count
        return sum(counts)

    def place(self, irq):
        """Which of its function's vectors of MSI this is: the kernel numbers them in a row."""
        function, _ = self.msi_irqs[irq]
        return sorted(other for other, (owner, _) in self.msi_irqs.items()
                      if owner == function).index(irq)

    def read_table(self):
        self.msix = {}  # (function, index): (address, data, masked)
        self.msi = {}  # function: (address, data)
        path = os.path.join(self.directory, "msixtable")
        for line in lines_of(path):
            match = TABLE.match(line)
            if not match:
                raise Unreadable(f"{path}: what is this line: {line}")
            function, index, high, low, data, mask = match.groups()
            message = (int(high + low, 16), int(data, 16))
            if index == "msi":
                self.msi[function] = message
            else:
                self.msix[(function, int(index))] = message + (mask != "0",)
        errors = lines_of(os.path.join(self.directory, "msixtable.err"))
        if errors:
            raise Unreadable(f"msixtable failed: {errors[0]}")


class Stage:
    """A stage: what the witnesses say, and what the daemon says."""

    def __init__(self, directory):
        self.before = Witnesses(os.path.join(directory, "before"))
        self.after = Witnesses(os.path.join(directory, "after"))
        self.vectors = self.answer(directory, "vectors")
        self.domains = self.answer(directory, "domains")
        self.devices = self.answer(directory, "devices")
        self.status = self.answer(directory, "status")

    @staticmethod
    def answer(directory, name):
        path = os.path.join(directory, f"{name}.json")
        with open(path, encoding="utf-8") as file:
            try:
                return json.load(file)
            except ValueError as error:
                raise Unreadable(f"{path}: {error}") from error
