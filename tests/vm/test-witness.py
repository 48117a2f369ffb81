#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Tests the judge: test-witness.py
Or replaces its evidence: test-witness.py --capture STAGEDIR, and for that of
the arm64 machine: test-witness.py --capture STAGEDIR arm64

A judge that overlooks a lie proves nothing, so every field of every answer
is changed here, one at a time, and each change must be found.  What no
witness can speak about is listed, with the reason, in UNWITNESSED.

The evidence in tests/data/witness is one stage ("affinity": with interrupts
that wait for their new CPU) from a virtual machine, as the scenario sent it.
Of the second reading only those files are kept that differ from the first.
tests/data/witness-arm64 is the same of the arm64 machine.
"""

import contextlib
import copy
import filecmp
import io
import os
import shutil
import sys
import tempfile
import unittest

sys.dont_write_bytecode = True

# pylint: disable=wrong-import-position
import evidence  # noqa: E402
import witness  # noqa: E402

HERE = os.path.dirname(os.path.abspath(__file__))
DATA = os.path.join(HERE, "..", "data", "witness")
ARM64 = f"{DATA}-arm64"
STAGE = "affinity"

# (answer, field): why nobody but cxlirqd knows it.
UNWITNESSED = {
    ("vectors", "message_changes"): "the kernel does not count them",
    ("vectors", "evidence"): "how cxlirqd came to know the owner",
    ("domains", "hwirq_max"): "debugfs prints the size of the reverse map",
    ("domains", "affinity_changes"): "the kernel does not count them",
    ("domains", "message_changes"): "the kernel does not count them",
    ("devices", "asked"): "an argument of a call that has returned",
    ("devices", "reason"): "words for people",
    ("status", "version"): "of cxlirqd itself",
    ("status", "kernel"): "words for people",
    ("status", "started_us"): "of cxlirqd itself",
    ("status", "hooks_attached"): "of cxlirqd itself",
    ("status", "hooks_total"): "of cxlirqd itself",
    ("status", "devices"): "which devices count is up to cxlirqd",
    ("status", "records"): "of cxlirqd itself",
    ("status", "snapshots"): "of cxlirqd itself",
    ("status", "snapshot_us"): "of cxlirqd itself",
    ("status", "events"): "of cxlirqd itself",
}
# Of interrupts that are no MSI the rules know no owners, only the handlers' names.
UNRULED = ("device", "bus", "driver", "module", "handler", "relation")


def lay_out(directory, data=DATA):
    """Both readings in full, in a directory that may be changed."""
    shutil.copytree(data, directory, dirs_exist_ok=True)
    for name in os.listdir(os.path.join(directory, "before")):
        after = os.path.join(directory, "after", name)
        if not os.path.exists(after):
            os.makedirs(os.path.dirname(after), exist_ok=True)
            shutil.copy(os.path.join(directory, "before", name), after)


def judged(stage):
    """The lines that are not ok."""
    output = io.StringIO()
    with contextlib.redirect_stdout(output):
        witness.Judge(stage, STAGE).run()
    return [line for line in output.getvalue().splitlines() if not line.startswith("ok ")]


def changes(value):
    """Other values than this one, of the same kind or not there."""
    if value is None:
        return ["something"]
    if isinstance(value, bool):
        return [not value]
    if isinstance(value, int):
        return [value + 1000, None]
    if isinstance(value, str) and value.startswith("0x"):
        return [f"{int(value, 16) ^ 1:#x}"]
    if isinstance(value, str):
        return [value + "x", None]
    if isinstance(value, list):
        found = [value[1:]] if value else [["something"]]
        if value and value[::-1] != value and not isinstance(value[0], str):
            found.append(value[::-1])
        return found
    return [None]


def mutations(node, path=()):
    """(path, other value) for all that is in an answer."""
    if path and not isinstance(node, dict):
        for value in changes(node):
            yield path, value
    if isinstance(node, dict):
        if path and not isinstance(path[-1], int):
            yield path, None
        for key, value in node.items():
            yield from mutations(value, path + (key,))
    elif isinstance(node, list):
        for index, value in enumerate(node):
            if isinstance(value, (dict, list)):
                yield from mutations(value, path + (index,))


def put(node, path, value):
    for key in path[:-1]:
        node = node[key]
    node[path[-1]] = value


class Judged(unittest.TestCase):
    """Each change is found."""

    data = DATA

    @classmethod
    def setUpClass(cls):
        cls.scratch = tempfile.TemporaryDirectory(prefix="cxlirq-witness.")
        cls.directory = os.path.join(cls.scratch.name, "results", STAGE)
        lay_out(cls.directory, cls.data)
        cls.stage = evidence.Stage(cls.directory)

    @classmethod
    def tearDownClass(cls):
        cls.scratch.cleanup()

    def copy(self, name=None):
        """A stage of which one part may be changed; the rest is shared."""
        stage = copy.copy(self.stage)
        if name:
            setattr(stage, name, copy.deepcopy(getattr(stage, name)))
        return stage

    @staticmethod
    def is_found(stage):
        """Rows without a number or an id end witness.py with status 2."""
        try:
            return judged(stage) != []
        except (KeyError, TypeError):
            return True

    def is_unwitnessed(self, name, path, value):
        if any((name, key) in UNWITNESSED for key in path):
            # Whether there is evidence at all must fit the owner, though.
            return not (path[-1] == "evidence" and value is None)
        if name == "vectors" and path[1] == "owners" and len(path) > 3:
            vector = self.stage.vectors[path[0]]
            return vector["provider"] is None and path[3] in UNRULED
        if name == "domains" and path[1] == "bus_token":
            return not self.stage.domains[path[0]]["bus_token"].startswith("pci-device-")
        # The order of rows, of features and of flags says nothing.
        if isinstance(value, list) and name != "vectors":
            node = getattr(self.stage, name)
            for key in path:
                node = node[key]
            return node[::-1] == value and len(node) > 1
        return False

    def test_truth_passes(self):
        self.assertEqual(judged(self.stage), [])

    def test_every_field_of_every_answer(self):
        missed, tried = [], 0
        for name in ("vectors", "domains", "devices", "status"):
            answer = getattr(self.stage, name)
            for path, value in mutations(answer):
                if self.is_unwitnessed(name, path, value):
                    continue
                tried += 1
                stage = self.copy(name)
                put(getattr(stage, name), path, value)
                if not self.is_found(stage):
                    missed.append(f"{name} {path} = {value!r}")
        self.assertEqual(missed, [])
        self.assertGreater(tried, 1000)

    def test_rows_that_are_missing_or_too_many(self):
        for name in ("vectors", "domains", "devices"):
            for index, row in enumerate(getattr(self.stage, name)):
                stage = self.copy(name)
                if name != "devices" or row["granted"]:
                    del getattr(stage, name)[index]
                    self.assertTrue(self.is_found(stage), f"{name} without row {index}")
                stage = self.copy(name)
                getattr(stage, name).append(copy.deepcopy(row))
                self.assertTrue(judged(stage), f"{name} with row {index} twice")
            stage = self.copy()
            setattr(stage, name, [])
            self.assertTrue(self.is_found(stage), f"{name} empty")

    def expect(self, stage, check):
        self.assertTrue(any(line.startswith(f"not ok {STAGE} {check}:")
                            for line in judged(stage)), judged(stage))

    def test_hardware_alone(self):
        """A message that all programs agree on, but the table does not."""
        for entry, (address, data, masked) in self.stage.after.msix.items():
            stage = self.copy("after")
            if masked:
                stage.after.msix[entry] = (address or 0xfee00000, data or 0x42, False)
            else:
                stage.after.msix[entry] = (address, data ^ 0x80, masked)
            if not masked or address == 0:
                self.expect(stage, "hardware")
        for function, (address, data) in self.stage.after.msi.items():
            stage = self.copy("after")
            stage.after.msi[function] = (address ^ 0x1000, data)
            self.expect(stage, "hardware")

    def test_witnesses_that_moved(self):
        for name in ("msi_irqs", "proc_irq", "msix", "msi"):
            stage = self.copy("before")
            table = getattr(stage.before, name)
            if name == "msi" and self.data == ARM64:
                self.assertEqual(table, {})
                continue
            del table[next(iter(table))]
            self.expect(stage, "witnesses-agree")

    def test_one_message_for_several_vectors_of_msi(self):
        if self.data == ARM64:  # no function of that machine has MSI
            self.assertEqual(self.stage.after.msi, {})
            return
        stage = self.copy("after")
        function = next(iter(self.stage.after.msi))
        stage.after.msi_irqs.update({900: (function, "msi"), 901: (function, "msi")})
        judge = witness.Judge(stage, STAGE)
        place = stage.after.place(901)
        self.assertGreater(place, 1)
        self.assertEqual(judge.of_vector(901, (0xfee00000, 0x40)), (0xfee00000, 0x40 | place))
        msix = next(irq for irq, (_, kind) in stage.after.msi_irqs.items() if kind == "msix")
        self.assertEqual(judge.of_vector(msix, (0xfee00000, 0x40)), (0xfee00000, 0x40))
        self.assertIsNone(judge.of_vector(901, None))

    def test_count_between_the_readings(self):
        irq, line = next((irq, line) for irq, line in self.stage.after.earlier.items()
                         if line.actions)
        for said, is_right in ((line.count, True), (line.count + 3, True),
                               (line.count + 4, False), (line.count - 1, False)):
            stage = self.copy("after")
            stage.after.earlier[irq].count = line.count + 3
            stage.before = copy.deepcopy(stage.before)
            stage.before.later[irq].count = line.count
            stage.vectors = copy.deepcopy(stage.vectors)
            next(v for v in stage.vectors if v["irq"] == irq)["interrupts"] = said
            self.assertEqual(not judged(stage), is_right, f"{said} of {line.count}")

    def test_nothing_to_compare_is_a_failure(self):
        stage = self.copy()
        stage.vectors, stage.domains = [], []
        self.expect(stage, "counts")


class JudgedArm64(Judged):
    """The same where messages go to the ITS, and /proc/interrupts hides some."""

    data = ARM64

    def test_something_is_hidden(self):
        judge = witness.Judge(self.stage, STAGE)
        self.assertTrue(judge.hidden())
        stage = self.copy("after")
        for irq in judge.hidden():
            stage.after.debug_irqs[irq].hidden = False
        self.expect(stage, "interrupts")

    def test_it_is_known_without_debugfs(self):
        stage = self.copy("after")
        hidden = witness.Judge(stage, STAGE).hidden()
        stage.after.debug_irqs = {}
        self.assertEqual(witness.Judge(stage, STAGE).hidden(), hidden)

    def test_what_has_no_name(self):
        stage = self.copy("after")
        stage.vectors = copy.deepcopy(stage.vectors)
        irq = min(witness.Judge(stage, STAGE).hidden())
        next(v for v in stage.vectors if v["irq"] == irq)["owners"][0]["action"] = None
        self.expect(stage, "sysfs")
        stage.after.kernel_irq[irq]["actions"] = "(null)"
        self.assertFalse(judged(stage))

    def test_the_immutable_parent(self):
        stage = self.copy("after")
        its = next(d["name"] for d in stage.domains if d["immutability"] == "declared")
        stage.after.debug_domains[its].flags.remove("IRQ_DOMAIN_FLAG_MSI_IMMUTABLE")
        self.expect(stage, "debugfs-domains")


class Program(unittest.TestCase):
    """Exit statuses, and evidence that cannot be read."""

    def run_on(self, change=lambda directory: None):
        with tempfile.TemporaryDirectory(prefix="cxlirq-witness.") as scratch:
            for stage in witness.STAGES:
                lay_out(os.path.join(scratch, stage))
            change(scratch)
            output = io.StringIO()
            with contextlib.redirect_stdout(output), contextlib.redirect_stderr(output):
                return witness.main([scratch]), output.getvalue()

    @staticmethod
    def append(path, text):
        with open(path, "a", encoding="utf-8") as file:
            file.write(text)

    def test_a_missing_stage_fails(self):
        status, text = self.run_on(lambda directory: shutil.rmtree(f"{directory}/plugged"))
        self.assertEqual(status, 1)
        self.assertIn("not ok plugged: there is no evidence", text)

    def test_no_origin_but_the_scenarios(self):
        """At "rebind" some vectors are new, and this evidence says that none is."""
        status, text = self.run_on()
        self.assertEqual(status, 1)
        self.assertIn("not ok rebind origin:", text)
        self.assertNotIn("not ok affinity", text)

    def test_lines_that_are_not_understood(self):
        for name, text in (("affinity/before/interrupts", "  24: what is this\n"),
                           ("affinity/before/msixtable", "what is this\n"),
                           ("affinity/after/devices", "what is this\n"),
                           ("affinity/after/msixtable.err", "cannot read\n"),
                           ("affinity/vectors.json", "]")):
            status, output = self.run_on(
                lambda directory, name=name, text=text: self.append(f"{directory}/{name}", text))
            self.assertEqual(status, 2, f"{name}: {output[-300:]}")

    def test_usage(self):
        with contextlib.redirect_stderr(io.StringIO()), contextlib.redirect_stdout(io.StringIO()):
            self.assertEqual(witness.main([]), 2)
            self.assertEqual(witness.main(["/nonexistent"]), 1)


class Lines(unittest.TestResult):
    """One line for each test, as run.py wants them."""

    @staticmethod
    def name(test):
        return "-".join(test.id().split(".")[-2:]).replace("_", "-")

    def addSuccess(self, test):
        print(f"ok {self.name(test)}")

    def addFailure(self, test, err):
        super().addFailure(test, err)
        reason = str(err[1]).replace("\n", " ")
        print(f"not ok {self.name(test)} {err[0].__name__}: {reason}")

    addError = addFailure


def capture(directory, data):
    """Takes over evidence, but only without differences."""
    wrong = judged(evidence.Stage(directory))
    if wrong:
        print("\n".join(wrong), file=sys.stderr)
        return 1
    shutil.rmtree(data, ignore_errors=True)
    for reading in ("before", "after"):
        os.makedirs(os.path.join(data, reading))
        for name in os.listdir(os.path.join(directory, reading)):
            source = os.path.join(directory, reading, name)
            if not name.startswith(".") and (reading == "before" or not filecmp.cmp(
                    source, os.path.join(directory, "before", name), shallow=False)):
                shutil.copy(source, os.path.join(data, reading, name))
    for name in ("vectors", "domains", "devices", "status"):
        shutil.copy(os.path.join(directory, f"{name}.json"), data)
    return 0


if __name__ == "__main__":
    if sys.argv[1:2] == ["--capture"] and sys.argv[3:] in ([], ["arm64"]):
        sys.exit(capture(sys.argv[2], ARM64 if sys.argv[3:] else DATA))
    tests = unittest.defaultTestLoader.loadTestsFromModule(sys.modules["__main__"])
    outcome = tests.run(Lines())
    sys.exit(0 if outcome.wasSuccessful() else 1)
