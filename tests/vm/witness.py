#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Judges cxlirqd by witnesses: witness.py [--stages NAME,...] RESULTS...

RESULTS is what scenarios/witness.sh (or another one, whose stages are then
named) sent from a virtual machine: one directory for each stage, with the
daemon's answers next to /proc/interrupts, sysfs, the interrupt core's debugfs,
and the interrupt messages read from the hardware (msixtable).  Every field that a witness can speak about is compared,
and every difference is printed:
    ok STAGE CHECK (as many things as were compared)
    not ok STAGE CHECK: what differs
A witness that this kernel does not have (debugfs needs
GENERIC_IRQ_DEBUGFS) costs a "skip" line.  The exit status is 0 without
differences, 1 with, 2 when the evidence cannot be read.

There are no tolerances but one: an interrupt that fires while this is
collected has been counted somewhere between the last reading before the
daemon was asked and the first one after; where both readings agree, the
daemon must say the same.
"""

import os
import sys

sys.dont_write_bytecode = True

# pylint: disable=wrong-import-position
import evidence  # noqa: E402
import ownership  # noqa: E402

ORIGINS = ("preexisting", "probe", "dynamic")
IMMUTABILITIES = ("declared", "observed", "mutable", "unknown")
STAGES = ("start", "affinity", "rebind", "reset", "plugged", "unplugged", "cpu-off", "cpu-on")


class Skip(Exception):
    """This kernel does not have the witness."""


class Check:
    """Counts what was compared and keeps what differs."""

    def __init__(self):
        self.compared = 0
        self.differences = []

    def equal(self, what, said, witnessed):
        self.compared += 1
        if said != witnessed:
            self.differences.append(f"{what}: cxlirqd says {show(said)}, "
                                    f"the witness {show(witnessed)}")

    def same_set(self, what, said, witnessed):
        self.compared += len(set(said) | set(witnessed))
        for item in sorted(set(said) - set(witnessed), key=str):
            self.differences.append(f"{what} {show(item)}: only cxlirqd knows it")
        for item in sorted(set(witnessed) - set(said), key=str):
            self.differences.append(f"{what} {show(item)}: cxlirqd does not know it")

    def true(self, what, is_so):
        self.compared += 1
        if not is_so:
            self.differences.append(what)


def show(value):
    if value is None:
        return "nothing"
    if isinstance(value, tuple) and len(value) == 2 and all(isinstance(v, int) for v in value):
        return f"{value[0]:#x}/{value[1]:#x}"
    return str(value)


def message_of(vector):
    """(address, data), or None."""
    message = vector["message"]
    return message and (int(message["address"], 16), int(message["data"], 16))


def chain_of(vector, domains):
    """The names of the vector's domain and its ancestors."""
    names = []
    at = vector["domain"]
    while at is not None and len(names) <= len(domains):
        names.append(domains[at]["name"])
        at = domains[at]["parent"]
    return names


def flag_name(kernel_name):
    """IRQ_DOMAIN_FLAG_MSI_PARENT is "msi-parent"."""
    for prefix in ("IRQ_DOMAIN_FLAG_", "IRQ_DOMAIN_"):
        if kernel_name.startswith(prefix):
            return kernel_name[len(prefix):].lower().replace("_", "-")
    return kernel_name


def empty_is_none(text):
    return text or None


def action_of(owner):
    """As the kernel prints it: what belongs to a further interrupt controller has no name."""
    return owner["action"] or "(null)"


class Judge:
    """One stage: each method check_... is one check."""

    def __init__(self, stage, name):
        self.stage = stage
        self.name = name
        self.vectors = {vector["irq"]: vector for vector in stage.vectors}
        self.domains = {domain["id"]: domain for domain in stage.domains}
        self.witness = stage.after

    def requested(self):
        """Interrupts with handlers, by /proc/interrupts."""
        return {irq: line for irq, line in self.witness.earlier.items() if line.actions}

    def hidden(self):
        """Interrupts that /proc/interrupts keeps to itself: those between the CPUs of arm64, and one
        that a further interrupt controller stands on, until it has come once."""
        kernel = self.witness.kernel_irq
        if self.witness.debug_irqs:
            marked = {irq for irq, seen in self.witness.debug_irqs.items() if seen.hidden}
        else:
            marked = self.between_cpus()
        chained = {irq for irq, files in kernel.items() if files["actions"] == "(null)"}
        return (marked | chained) - set(self.witness.earlier)

    def between_cpus(self):
        """By their place: the GIC has its software generated interrupts first, sixteen of them."""
        return {irq for irq, files in self.witness.kernel_irq.items()
                if files["chip_name"].startswith("GIC") and int(files["hwirq"]) < 16}

    # --- the answers themselves --------------------------------------------

    def check_answers(self, check):
        check.equal("vectors with their own number", len(self.vectors), len(self.stage.vectors))
        check.equal("domains with their own id", len(self.domains), len(self.stage.domains))
        for vector in self.stage.vectors:
            if vector["domain"] is not None:
                check.true(f"irq {vector['irq']}: its domain {vector['domain']} is not listed",
                           vector["domain"] in self.domains)
        for domain in self.stage.domains:
            if domain["parent"] is not None:
                check.true(f"domain {domain['name']}: its parent is not listed",
                           domain["parent"] in self.domains)
            check.true(f"domain {domain['name']}: what immutability is {domain['immutability']}",
                       domain["immutability"] in IMMUTABILITIES)
            check.equal(f"domain {domain['name']}: immutability is declared",
                        domain["immutability"] == "declared", "msi-immutable" in domain["flags"])
            check.true(f"domain {domain['name']}: its device {domain['device']} is not in sysfs",
                       domain["device"] is None or
                       any(name == domain["device"] for _, name in self.witness.devices))

    def check_witnesses_agree(self, check):
        before, after = self.stage.before, self.stage.after
        for name in ("msi_irqs", "auxiliary", "proc_irq", "msix", "msi"):
            check.true(f"{name} changed while the daemon was asked",
                       getattr(before, name) == getattr(after, name))
        check.true("debugfs changed while the daemon was asked",
                   before.shown("debug_irqs") == after.shown("debug_irqs"))

    def check_status(self, check):
        status = self.stage.status
        check.equal("mode", status["mode"], "tracing")
        check.equal("health", status["health"], "healthy")
        check.equal("vectors", status["vectors"], len(self.witness.kernel_irq))
        check.equal("domains", status["domains"], len(self.stage.domains))
        check.equal("reasons for bad health", status["reasons"], [])
        for name in ("lost", "corrections", "refused"):
            for count in status[name]:
                kind = count.get("kind") or count.get("reason")
                check.equal(f"{name} {kind}", count["count"], 0)
            check.compared += 1

    # --- procfs and sysfs -----------------------------------------------------

    def check_interrupts(self, check):
        requested, hidden = self.requested(), self.hidden()
        check.same_set("/proc/interrupts: irq", {v["irq"] for v in self.stage.vectors
                                                 if v["owners"] and v["irq"] not in hidden},
                       requested)
        for irq, line in requested.items():
            vector = self.vectors.get(irq)
            if not vector:
                continue
            what = f"/proc/interrupts: irq {irq}:"
            check.equal(f"{what} chip", vector["chip"], line.chip)
            check.equal(f"{what} hwirq", vector["hwirq"], line.hwirq)
            check.equal(f"{what} handlers",
                        [action_of(owner) for owner in vector["owners"]], line.actions)
        # Each kind of them has a line, with no number of an interrupt.
        check.equal("/proc/interrupts: between CPUs",
                    len(self.between_cpus()), len(self.witness.between_cpus))
        for irq, vector in self.vectors.items():
            is_requested = irq in requested
            if irq in hidden:  # sysfs tells
                is_requested = bool(self.witness.kernel_irq[irq]["actions"])
            check.equal(f"irq {irq}: state", vector["state"],
                        "requested" if is_requested else "allocated")

    def check_counts(self, check):
        """See the tolerance above."""
        for irq, vector in self.vectors.items():
            low = self.stage.before.count(irq, self.stage.before.later)
            high = self.stage.after.count(irq, self.stage.after.earlier)
            if low is None or high is None:
                continue  # check_sysfs tells that it is not there
            what = f"irq {irq}: interrupts"
            if low == high:
                check.equal(what, vector["interrupts"], low)
            else:
                check.true(f"{what}: cxlirqd says {vector['interrupts']}, "
                           f"the witness {low} to {high}", low <= vector["interrupts"] <= high)

    def check_sysfs(self, check):
        kernel = self.witness.kernel_irq
        check.same_set("/sys/kernel/irq: irq", self.vectors, kernel)
        for irq, files in kernel.items():
            vector = self.vectors.get(irq)
            if not vector:
                continue
            what = f"/sys/kernel/irq/{irq}:"
            check.equal(f"{what} chip_name", vector["chip"], empty_is_none(files["chip_name"]))
            check.equal(f"{what} hwirq", vector["hwirq"],
                        int(files["hwirq"]) if files["hwirq"] else None)
            check.equal(f"{what} actions",
                        ",".join(action_of(owner) for owner in vector["owners"]),
                        files["actions"])

    def check_msi_irqs(self, check):
        listed = self.witness.msi_irqs
        functions = {name for bus, name in self.witness.devices if bus == "pci"}
        check.same_set("msi_irqs: (function, irq)",
                       {(v["provider"], v["irq"]) for v in self.stage.vectors
                        if v["provider"] in functions},
                       {(device, irq) for irq, (device, _) in listed.items()})
        for irq, vector in self.vectors.items():
            check.equal(f"irq {irq}: seen in sysfs", vector["sysfs"],
                        irq in listed or irq in self.witness.auxiliary)
        for irq, (_, kind) in listed.items():
            vector = self.vectors.get(irq)
            domain = vector and self.domains.get(vector["domain"])
            check.true(f"irq {irq}: no index", vector and vector["index"] is not None)
            # Before 6.2 one domain served MSI and MSI-X of all functions.
            if domain and domain["bus_token"].startswith("pci-device-"):
                check.equal(f"irq {irq}: kind of its domain", domain["bus_token"],
                            f"pci-device-{kind}")
                check.equal(f"irq {irq}: device of its domain", domain["device"],
                            vector["provider"])

    def check_affinity(self, check):
        for irq, files in self.witness.proc_irq.items():
            vector = self.vectors.get(irq)
            if not vector:
                continue
            check.equal(f"/proc/irq/{irq}/smp_affinity_list", vector["affinity"],
                        empty_is_none(files["smp_affinity_list"]))
            if "effective_affinity_list" in files:
                check.equal(f"/proc/irq/{irq}/effective_affinity_list",
                            vector["effective_affinity"],
                            empty_is_none(files["effective_affinity_list"]))

    # --- the interrupt core's debugfs --------------------------------------------

    def check_debugfs_irqs(self, check):
        if not self.witness.debug_irqs:
            raise Skip("this kernel has no debugfs of interrupts (GENERIC_IRQ_DEBUGFS)")
        check.same_set("debugfs: irq", self.vectors, self.witness.debug_irqs)
        for irq, seen in self.witness.debug_irqs.items():
            if irq in self.vectors:
                self.compare_debug_irq(check, f"debugfs: irq {irq}:", self.vectors[irq], seen)

    def compare_debug_irq(self, check, what, vector, seen):
        head = seen.head
        by_name = {domain["name"]: domain for domain in self.stage.domains}
        chain = [level.domain for level in seen.levels if level.domain]
        check.equal(f"{what} domains", chain_of(vector, self.domains), chain)
        for level in seen.levels:
            if level.domain in by_name:
                check.equal(f"{what} chip of domain {level.domain}",
                            by_name[level.domain]["chip"], level.fields["chip"])
        check.equal(f"{what} chip", vector["chip"],
                    empty_is_none(seen.levels[0].fields["chip"]))
        if chain:
            check.equal(f"{what} hwirq", vector["hwirq"], seen.levels[0].number("hwirq"))
        # What was asked for, as in procfs, also when it waits for the next interrupt.
        is_pending = "IRQD_SETAFFINITY_PENDING" in seen.state
        check.equal(f"{what} affinity", vector["affinity"],
                    empty_is_none(head["pending" if is_pending else "affinity"]))
        check.equal(f"{what} effective affinity", vector["effective_affinity"],
                    empty_is_none(head["effectiv"]))
        check.equal(f"{what} managed", vector["managed"],
                    "IRQD_AFFINITY_MANAGED" in seen.state)
        if "device" in head:  # not in older kernels
            check.equal(f"{what} provider", vector["provider"],
                        head["device"] if head["device"] != "(null)" else None)
        message = seen.message()
        if message is not None:
            check.equal(f"{what} message", message_of(vector),
                        self.of_vector(vector["irq"], message) if any(message) else None)
        # Vector 0: none is assigned; and what does not end at a local APIC has none.
        root = seen.levels[-1]
        target = (root.number("Target"), root.number("Vector"))
        said = vector["target"] and (vector["target"]["cpu"], vector["target"]["vector"])
        check.equal(f"{what} CPU and vector", said, target if target[1] else None)

    def check_debugfs_domains(self, check):
        if not self.witness.debug_domains:
            raise Skip("this kernel has no debugfs of interrupts (GENERIC_IRQ_DEBUGFS)")
        names = [domain["name"] for domain in self.stage.domains]
        check.equal("domains with their own name", len(set(names)), len(names))
        check.same_set("debugfs: domain", names, self.witness.debug_domains)
        for domain in self.stage.domains:
            seen = self.witness.debug_domains.get(domain["name"])
            if not seen:
                continue
            what = f"debugfs: domain {domain['name']}:"
            parent = self.domains.get(domain["parent"])
            check.equal(f"{what} mapped", domain["mapped"], int(seen.fields["mapped"]))
            check.equal(f"{what} parent", parent and parent["name"],
                        seen.parents[0] if seen.parents else None)
            check.equal(f"{what} flags", sorted(domain["flags"]),
                        sorted(map(flag_name, seen.flags)))

    def check_mapped(self, check):
        """What a domain has mapped are the interrupts that pass through it."""
        passing = {}
        for vector in self.stage.vectors:
            at = vector["domain"]
            while at is not None:
                passing[at] = passing.get(at, 0) + 1
                at = self.domains[at]["parent"]
        for domain in self.stage.domains:
            check.equal(f"domain {domain['name']}: mapped", domain["mapped"],
                        passing.get(domain["id"], 0))

    def of_vector(self, irq, message):
        """One message is written for all MSI vectors of a function, which puts the index in."""
        if message and self.witness.msi_irqs.get(irq, ("", ""))[1] == "msi":
            return message[0], message[1] | self.witness.place(irq)
        return message

    # --- the hardware -----------------------------------------------------------------

    def check_hardware(self, check):
        """Each vector's message is in its entry, and nothing live is without a vector."""
        claimed = set()
        for irq, (function, kind) in self.witness.msi_irqs.items():
            vector = self.vectors.get(irq)
            if not vector or vector["index"] is None:
                continue  # check_msi_irqs tells
            entry = (function, "msi" if kind == "msi" else vector["index"])
            claimed.add(entry)
            if kind == "msi":
                check.equal(f"irq {irq}: MSI index", vector["index"], self.witness.place(irq))
                written = self.of_vector(irq, self.witness.msi.get(function))
            else:
                written = self.witness.msix.get(entry)
            check.true(f"irq {irq}: {function} has no entry {entry[1]}", written is not None)
            if written:
                written = written[:2]
                check.equal(f"irq {irq}: message in {function} entry {entry[1]}",
                            message_of(vector), written if any(written) else None)
        for irq, vector in self.vectors.items():
            if irq not in self.witness.msi_irqs:
                check.equal(f"irq {irq}, which is no MSI: message", message_of(vector), None)
                check.equal(f"irq {irq}, which is no MSI: index", vector["index"], None)
        for function in self.witness.msi:
            check.true(f"{function} sends MSI, and no vector claims it",
                       (function, "msi") in claimed)
        for entry, (address, data, masked) in self.witness.msix.items():
            if not masked:
                check.true(f"{entry[0]} entry {entry[1]} is live with {address:#x}/{data:#x}, "
                           "and no vector claims it", entry in claimed)

    def check_message_and_target(self, check):
        """A message to a local APIC names the CPU and the vector (APIC ids here are CPUs)."""
        for irq, vector in self.vectors.items():
            message = message_of(vector)
            if not message:
                continue
            if message[0] >> 20 != 0xfee:  # the GIC's ITS, which has no such vectors
                check.equal(f"irq {irq}: target, with a message to no local APIC",
                            vector["target"], None)
                continue
            # Bit 4: it goes to an IOMMU, which alone knows the rest.
            if message[0] & 0x10:
                continue
            cpu, number = (message[0] >> 12) & 0xff, message[1] & 0xff
            if message[0] & 0x4:  # a logical destination: one bit for each CPU
                cpu = cpu.bit_length() - 1
            said = vector["target"] and (vector["target"]["cpu"], vector["target"]["vector"])
            # 0xef is what an interrupt that was not started holds.
            check.equal(f"irq {irq}: target by its message", said,
                        (cpu, number) if number != 0xef else None)
            if vector["state"] == "requested" and number != 0xef:
                check.equal(f"irq {irq}: CPU of its effective affinity",
                            vector["effective_affinity"], str(cpu))
        if not check.compared and any(address & 0x10 for address, *_ in
                                      self.witness.msix.values()):
            raise Skip("all messages go to an IOMMU")

    # --- who owns it ----------------------------------------------------------------------

    def check_owners(self, check):
        for irq, vector in self.vectors.items():
            for owner in vector["owners"]:
                ownership.compare(check, irq, vector, owner, self.witness)

    def check_origin(self, check):
        """What this scenario made anew was not there before; at the start all was."""
        anew = ownership.made_anew(self.name, self.witness)
        # The line (INTx) of a function whose driver comes back is made anew
        # too, unless another function keeps it: that cannot be seen here.
        lines = {self.witness.lines[function] for function in anew}
        for irq, vector in self.vectors.items():
            if vector["provider"] is None and irq in lines:
                check.true(f"irq {irq}: what origin is {vector['origin']}",
                           vector["origin"] in ORIGINS)
                continue
            was_there = vector["provider"] not in anew
            check.true(f"irq {irq} of {vector['provider']}: origin is {vector['origin']}",
                       (vector["origin"] == "preexisting") == was_there)

    def check_ledger(self, check):
        ownership.compare_ledger(check, self.stage, self.witness, set(self.requested()))

    # --- all of it -----------------------------------------------------------------------------

    def run(self):
        """Prints a line for each check; the number of those that failed."""
        failed = 0
        for method in [name for name in vars(Judge) if name.startswith("check_")]:
            name = f"{self.name} {method[len('check_'):].replace('_', '-')}"
            check = Check()
            try:
                getattr(self, method)(check)
            except Skip as reason:
                print(f"skip {name}: {reason}")
                continue
            except (AttributeError, KeyError, TypeError, ValueError) as error:
                check.differences.append(f"an answer has not the form it should have: {error!r}")
            if not check.compared:
                check.differences.append("nothing was there to compare")
            for difference in check.differences:
                print(f"not ok {name}: {difference}")
            if check.differences:
                failed += 1
            else:
                print(f"ok {name} ({check.compared})")
        return failed


def judge(results, stages):
    """The number of failed checks of one run; stages that are missing fail too."""
    failed = 0
    for name in stages:
        directory = os.path.join(results, name)
        if not os.path.isdir(directory):
            print(f"not ok {name}: there is no evidence in {results}")
            failed += 1
            continue
        failed += Judge(evidence.Stage(directory), name).run()
    return failed


def main(argv):
    stages = STAGES
    if argv[:1] == ["--stages"] and len(argv) > 1:
        stages = argv[1].split(",")
        argv = argv[2:]
    if not argv or argv[0].startswith("-"):
        print("usage: witness.py [--stages NAME,...] RESULTS...", file=sys.stderr)
        return 2
    failed = 0
    for results in argv:
        try:
            failed += judge(results, stages)
        except (OSError, KeyError, ValueError, evidence.Unreadable) as error:
            print(f"witness.py: {results}: {type(error).__name__}: {error}", file=sys.stderr)
            return 2
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
