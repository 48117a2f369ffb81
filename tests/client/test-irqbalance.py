#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The policy script for irqbalance, called as irqbalance calls it, with the
real client and a daemon that is played here."""
import json
import os
import socket
import stat
import subprocess
import sys
import tempfile
import threading
import time

BUILD = os.path.abspath(os.environ.get("BUILD", "build"))
SCRIPT = os.path.abspath("contrib/irqbalance/cxlirq-policy")
# a name that looks as if it were one of the lines that are looked for
DEVICE = '0000:0d:00.0 "irq": 77,'
failures = 0


def check(name, is_so, why=""):
    global failures
    why = " ".join(str(why).split())
    print(f"ok {name}" if is_so else f"not ok {name} {why[:400]}", flush=True)
    failures += not is_so


def vector(irq):
    return {"irq": irq, "device": DEVICE, "index": irq - 30, "affinity": "0-3", "target": "0-3",
            "asked": False, "denied": 0, "audited": 0, "moved": 0, "restored": 0, "errno": None}


def guard(number, *irqs):
    return {"id": number, "guard": DEVICE, "kind": "device", "device": DEVICE, "index": None,
            "rule": None, "cpus": None, "restore": False, "configured": False,
            "since_us": 1763710000000033, "uid": 34, "pid": 35,
            "vectors": [vector(irq) for irq in irqs], "reason": None}


class Daemon:
    """Answers each call with @guards; None: never."""

    def __init__(self, path):
        self.guards, self.calls = [], 0
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.bind(path)
        self.socket.listen()
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            connection = self.socket.accept()[0]
            threading.Thread(target=self.answer, args=(connection,), daemon=True).start()

    def answer(self, connection):
        data = b""
        while piece := connection.recv(65536):
            data += piece
            while b"\0" in data:
                data = data.partition(b"\0")[2]
                self.calls += 1
                if self.guards is None:
                    continue
                reply = {"parameters": {"guards": self.guards, "state": None, "reason": None}}
                connection.sendall(json.dumps(reply).encode() + b"\0")


def run(folder, *arguments):
    environment = dict(os.environ, PATH=f"{folder}:{os.environ['PATH']}")
    return subprocess.run(["sh", "-c", f"exec {SCRIPT} {' '.join(arguments)}"], env=environment,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=60)


def says(name, folder, irq, expected):
    result = run(folder, "/sys/bus/pci/devices/0000:0d:00.0", irq)
    check(name, (result.returncode, result.stdout, result.stderr) == (0, expected, ""), result)


def main():
    with tempfile.TemporaryDirectory(prefix="cxlirq-irqbalance.") as folder:
        path = os.path.join(folder, "socket")
        client = os.path.join(folder, "cxlirqctl")
        with open(client, "w", encoding="utf-8") as file:
            file.write(f'#!/bin/sh\nexec {BUILD}/cxlirqctl -S {path} "$@"\n')
        os.chmod(client, 0o755)
        check("it may be started", os.stat(SCRIPT).st_mode & stat.S_IXUSR)

        says("no daemon: nothing is said", folder, "33", "")
        daemon = Daemon(path)
        says("no policy", folder, "33", "")
        check("asked once", daemon.calls == 1, daemon.calls)
        daemon.guards = [guard(1), guard(2, 33, 34), guard(41, 133)]
        for irq in ("33", "34", "133"):
            says(f"protected: {irq}", folder, irq, "ban=true\n")
        # parts of these numbers, numbers of other things, and what a name says
        for irq in ("3", "13", "333", "35", "1", "2", "41", "77", "0"):
            says(f"free: {irq}", folder, irq, "")
        daemon.guards = None
        began = time.monotonic()
        says("a daemon that does not answer", folder, "33", "")
        check("is waited for shortly", 1 < time.monotonic() - began < 20, time.monotonic() - began)
        for wrong in ((), ("/sys",), ("/sys", "x"), ("/sys", "3x"), ("/sys", "'.*'")):
            result = run(folder, *wrong)
            check(f"wrong usage: {wrong}", result.returncode == 2 and not result.stdout, result)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
