#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Tests the test bed's own judgement: host-test.py [KERNELDIR]

What reads a console and unpacks archives is tested on text and bytes.  With
a directory that kernel.sh printed, machines are booted that fail in each way
that host.py promises to notice (scenarios/fault.sh), for a bed that calls a
broken run good would be worse than none.
"""

import io
import os
import subprocess
import sys
import tarfile
import tempfile
import unittest

sys.dont_write_bytecode = True

# pylint: disable=wrong-import-position
import console  # noqa: E402
import unpack  # noqa: E402

HERE = os.path.dirname(os.path.abspath(__file__))
KERNEL = None


class Console(unittest.TestCase):
    """Lines, markers and splats."""

    def test_lines_are_cut_wherever_the_bytes_were(self):
        reader = console.LineReader()
        lines = []
        for byte in b"one\r\ntwo\r\nthree":
            lines += reader.feed(bytes([byte]))
        self.assertEqual(lines + reader.finish(), ["one", "two", "three"])

    def test_marker_is_found_behind_other_text(self):
        for line in ("@cxlirq pass a-name", "[    1.000000] @cxlirq pass a-name",
                     "text of a pro[    1.000000] @cxlirq pass a-name"):
            self.assertEqual(console.message_to_host(line), ("pass", "a-name"))
        self.assertIsNone(console.message_to_host("cxlirq pass a-name"))

    def splats(self, *lines):
        scanner = console.SplatScanner()
        for line in lines:
            scanner.feed(line)
        return scanner.splats

    def test_splats(self):
        for message in (
                "WARNING: CPU: 0 PID: 1 at kernel/irq/msi.c:1 msi_insert+0x1/0x2",
                "BUG: unable to handle page fault for address: 0000000000001000",
                "BUG: scheduling while atomic: cxlirqd/77/0x00000002",
                "Oops: general protection fault, probably for non-canonical address",
                "BUG: KASAN: slab-use-after-free in irq_domain_free+0x1/0x2",
                "rcu: INFO: rcu_preempt self-detected stall on CPU",
                "rcu: INFO: rcu_sched detected stalls on CPUs/tasks:",
                "watchdog: BUG: soft lockup - CPU#1 stuck for 22s! [cxlirqd:77]",
                "INFO: task cxlirqd:77 blocked for more than 120 seconds.",
                "WARNING: possible circular locking dependency detected",
                "WARNING: suspicious RCU usage",
                "Kernel panic - not syncing: Attempted to kill init!",
                "irq 9: nobody cared (try booting with the \"irqpoll\" option)"):
            self.assertEqual(len(self.splats(f"[   12.345678] {message}")), 1, message)
            self.assertEqual(len(self.splats(f"[   12.345678][   T77] {message}")), 1, message)
            self.assertEqual(self.splats(message), [], "a program's text is no splat")

    def test_a_splat_is_told_once_with_its_lines(self):
        text = ["[    1.000000] ------------[ cut here ]------------",
                "[    1.000001] WARNING: CPU: 0 PID: 1 at a/file.c:1 f+0x1/0x2",
                "[    1.000002] Call Trace:",
                "[    1.000003] ---[ end trace 0000000000000000 ]---",
                "[    1.000004] all is well"]
        scanner = console.SplatScanner()
        # The console's log level can keep the first line back.
        for line in text[1:]:
            scanner.feed(line)
        scanner.restart()
        for line in text:
            scanner.feed(line)
        self.assertEqual(len(scanner.splats), 1)
        self.assertEqual(len(scanner.splats[0]), 3)

    def test_ordinary_lines(self):
        self.assertEqual(self.splats(
            "[    0.000000] rcu: Preemptible hierarchical RCU implementation.",
            "[    0.000000] rcu: RCU calculated value of scheduler-enlistment delay is 25 jiffies.",
            "[    1.000000] [Firmware Bug]: TSC ADJUST: CPU0: 0",
            "[    1.000000] @cxlirq fail name BUG: of ours"), [])


class Unpack(unittest.TestCase):
    """Archives that a broken guest could send."""

    def unpack(self, *members):
        data = io.BytesIO()
        with tarfile.open(fileobj=data, mode="w") as archive:
            for name, kind, content in members:
                info = tarfile.TarInfo(name)
                info.type, info.size = kind, len(content)
                info.linkname = "/etc"
                archive.addfile(info, io.BytesIO(content))
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        unpack.unpack(data.getvalue(), directory.name)
        return directory.name

    def test_files_and_directories(self):
        directory = self.unpack(("./a/b", tarfile.REGTYPE, b"text"), ("c", tarfile.DIRTYPE, b""),
                                ("a/b", tarfile.REGTYPE, b"newer"))
        with open(os.path.join(directory, "a", "b"), "rb") as file:
            self.assertEqual(file.read(), b"newer")
        self.assertTrue(os.path.isdir(os.path.join(directory, "c")))

    def test_refusals(self):
        for name, kind in (("/etc/x", tarfile.REGTYPE), ("../x", tarfile.REGTYPE),
                           ("a/../../x", tarfile.REGTYPE), ("x", tarfile.SYMTYPE),
                           ("x", tarfile.LNKTYPE), ("x", tarfile.CHRTYPE), ("x", tarfile.FIFOTYPE)):
            with self.assertRaises(ValueError, msg=name):
                self.unpack((name, kind, b""))
        with self.assertRaises(ValueError):
            unpack.unpack(b"no archive" * 100, "/nonexistent")


class Faults(unittest.TestCase):
    """A machine for each way to go wrong: (status, a line on stdout)."""

    EXPECTED = {
        "panic": (1, "not ok kernel Kernel panic - not syncing: sysrq triggered crash"),
        "hidden-splat": (1, "not ok kernel BUG: sleeping function called from invalid context"),
        "innocent": (0, "ok before-the-fault"),
        "off": (1, "not ok machine it went off without telling how the scenario ended"),
        "hang": (1, "not ok machine no end after 15 s"),
        "status": (1, "not ok scenario it ended with status 7"),
        "quit": (1, "not ok machine it went off without telling how the scenario ended"),
        "reason": (1, "not ok its-name a reason of two lines"),
        "evil": (1, "not ok evil-archive the host could not unpack it: neither file nor directory"),
    }

    def test_faults(self):
        if not KERNEL:
            self.skipTest("no kernel directory was given")
        with tempfile.TemporaryDirectory() as work:
            image = os.path.join(work, "image")
            subprocess.run([os.path.join(HERE, "image.sh"), "-o", image, "-k", KERNEL,
                            "-f", os.path.join(HERE, "scenarios", "fault.sh") + ":/scenario"],
                           check=True)
            for fault, (status, line) in self.EXPECTED.items():
                with self.subTest(fault=fault):
                    run = subprocess.run(
                        [os.path.join(HERE, "host.py"), "--kernel", KERNEL, "--initrd", image,
                         "--append", f"fault={fault}", "--timeout", "15" if fault == "hang" else "180"],
                        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False)
                    self.assertIn("ok before-the-fault\n", run.stdout, run.stderr)
                    self.assertIn("\n" + line, "\n" + run.stdout, run.stderr)
                    self.assertEqual(run.returncode, status, run.stdout)


if __name__ == "__main__":
    if len(sys.argv) > 1 and not sys.argv[1].startswith("-"):
        KERNEL = sys.argv.pop(1)
    unittest.main()
