#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The daemon as a process: what it does with bad input, bad luck and bad company.

It runs on this machine as it is, with hooks or without.  The socket is spoken
to by hand here, so that things can be said that no client would say.
"""
import grp
import json
import lzma
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time

DAEMON = os.path.join(os.environ.get("SANITIZED", "build/san"), "cxlirqd")
failures = 0


def check(name, is_so, why=""):
    global failures
    why = " ".join(str(why).split())
    print(f"ok {name}" if is_so else f"not ok {name} {why[:300]}", flush=True)
    failures += not is_so


def run(*arguments, timeout=60, stdout=subprocess.PIPE):
    return subprocess.run([DAEMON, *arguments], stdout=stdout, stderr=subprocess.PIPE, text=True,
                          timeout=timeout)


def one_line(text):
    return len(text.strip().splitlines()) == 1


class Daemon:
    """A running one on a socket of its own."""

    def __init__(self, folder, *arguments):
        self.path = os.path.join(folder, "socket")
        with open(os.path.join(folder, "log"), "w", encoding="utf-8") as log:
            self.process = subprocess.Popen([DAEMON, "-S", self.path, *arguments], stderr=log,
                                            stdout=log)
        end = time.monotonic() + 60
        while time.monotonic() < end and self.process.poll() is None:
            if os.path.exists(self.path):
                try:
                    self.connect().close()
                    break
                except OSError:
                    pass
            time.sleep(0.02)

    def connect(self):
        connection = socket.socket(socket.AF_UNIX)
        connection.settimeout(30)
        connection.connect(self.path)
        return connection

    def call(self, method, parameters=None, connection=None):
        connection = connection or self.connect()
        call = {"method": method, "parameters": parameters or {}}
        connection.sendall(json.dumps(call).encode() + b"\0")
        data = b""
        while not data.endswith(b"\0"):
            piece = connection.recv(1 << 20)
            if not piece:
                return None
            data += piece
        return json.loads(data[:-1])

    def call_as(self, user, method, parameters):
        """As somebody else: what counts is who connects."""
        os.setegid(user)
        os.seteuid(user)
        try:
            connection = self.connect()
        finally:
            os.seteuid(0)
            os.setegid(0)
        return self.call(method, parameters, connection)

    def stream(self, method, parameters):
        """All replies to a call with "more", up to the last one."""
        connection = self.connect()
        call = {"method": method, "parameters": parameters, "more": True}
        connection.sendall(json.dumps(call).encode() + b"\0")
        data = b""
        while True:
            piece = connection.recv(1 << 20)
            data += piece
            replies = [json.loads(message) for message in data.split(b"\0")[:-1]]
            if not piece or (replies and not replies[-1].get("continues")):
                return [reply.get("parameters", {}) for reply in replies]

    def is_well(self):
        answer = self.call("io.cxlirqd.GetStatus")
        return self.process.poll() is None and answer and "status" in answer.get("parameters", {})

    def stop(self, how=signal.SIGTERM):
        self.process.send_signal(how)
        return self.process.wait(30)


def usage():
    for arguments in (["--no-such"], ["stray"], ["--config"], ["-c", "/no/such/file"]):
        result = run(*arguments)
        check(f"usage: {' '.join(arguments)}", result.returncode == 2 and one_line(result.stderr)
              and not result.stdout, f"{result.returncode}: {result.stderr}")
    for modes in (["--once", "--support"], ["--keys", "--check-config"], ["--metrics", "--catalog"]):
        result = run(*modes)
        check(f"usage: {' '.join(modes)}", result.returncode == 2 and not result.stdout and result.stderr
              == f"cxlirqd: {modes[0]} and {modes[1]} are two things\n", result)
    result = run("-c", "/")
    check("usage: a directory for settings", result.returncode == 2
          and result.stderr == "cxlirqd: /: Is a directory\n", result.stderr)
    check("usage: --help", run("--help").returncode == 0)
    check("usage: --version", re.fullmatch(r"cxlirqd \d[\d.]*\n", run("--version").stdout))
    keys = run("--keys")
    check("usage: --keys", keys.returncode == 0 and "[Daemon]" in keys.stdout)


def traces(folder):
    trace = os.path.join(folder, "trace")
    result = run("--once", "--record", trace)
    check("record", result.returncode == 0 and os.path.getsize(trace) > 1000, result.stderr)
    replay = run("--replay", trace, "--once")
    check("replay of it", replay.returncode == 0 and replay.stdout == result.stdout, replay.stderr)
    with open(trace, "rb") as file:
        data = file.read()
    hostile = {
        "empty": b"",
        "no trace": b"#!/bin/sh\n" * 100,
        "another version": data[:8] + b"\7" + data[9:],
        "ends in a record": data[:-1],
        "ends in a header": data[:16 + 20],
        "a size of zero": data[:20] + b"\0\0\0\0" + data[24:],
        "a huge size": data[:20] + b"\xff\xff\xff\xff" + data[24:],
        "a string without an end": data[:16] + re.sub(rb"[^\n]", b"A", data[16:400]) + data[400:],
    }
    for name, content in hostile.items():
        bad = os.path.join(folder, "bad")
        with open(bad, "wb") as file:
            file.write(content)
        result = run("--replay", bad, "--once")
        check(f"hostile trace: {name}", result.returncode == 1 and one_line(result.stderr)
              and bad in result.stderr and not result.stdout, f"{result.returncode}: {result.stderr}")
    for name, path in (("missing", folder + "/none"), ("a directory", folder)):
        result = run("--replay", path, "--once")
        check(f"trace: {name}", result.returncode == 1 and one_line(result.stderr), result.stderr)
    result = run("--replay", trace, "--record", folder + "/no/such/folder")
    check("record file that cannot be", result.returncode == 1 and result.stderr ==
          f"cxlirqd: {folder}/no/such/folder: No such file or directory\n", result.stderr)
    result = run("--replay", folder + "/none")
    check("a missing trace has no byte", result.stderr == f"cxlirqd: {folder}/none: No such file or directory\n",
          result.stderr)
    records(folder, trace, data)
    nowhere(trace)
    return trace


def content(path):
    with open(path, "rb") as file:
        return file.read()


def records(folder, trace, data):
    """A record file is as it was until everything works."""
    result = run("--replay", trace, "--record", trace, "--once")
    check("record to what is replayed", result.returncode == 1 and one_line(result.stderr) and not result.stdout
          and content(trace) == data, result)
    older = os.path.join(folder, "older")
    with open(older, "wb") as file:
        file.write(b"older" * 100000)
    bad = os.path.join(folder, "bad")
    with open(bad, "wb") as file:
        file.write(data[:-1])
    result = run("--replay", bad, "--record", older, "--once")
    check("a failed replay leaves an older record", result.returncode == 1 and content(older) == b"older" * 100000,
          result.stderr)
    settings = os.path.join(folder, "settings")
    with open(settings, "w", encoding="utf-8") as file:
        file.write("[Daemon]\nUser=\n[Trace]\nPinDirectory=\n[Store]\nEnabled=no\n[Export]\nListen=\nReport=\n")
    daemon = Daemon(folder, "-c", settings, "--replay", trace)
    result = run("-c", settings, "-S", daemon.path, "--record", older)
    daemon.stop()
    check("a failed start leaves an older record", result.returncode == 1 and content(older) == b"older" * 100000,
          result.stderr)
    result = run("--replay", trace, "--record", older, "--once")
    check("a good one replaces it", result.returncode == 0 and content(older) == data, result.stderr)
    result = run("--replay", trace, "--record", "/dev/full", "--once")
    check("a record that stopped", result.returncode == 1 and one_line(result.stderr)
          and "stopped recording: No space left on device" in result.stderr, result.stderr)
    os.unlink(older)
    daemon = Daemon(folder, "-c", settings, "--record", older)
    daemon.stop()
    check("a daemon that serves records", run("--replay", older, "--once").returncode == 0)


def nowhere(trace):
    """Whatever cannot be printed is told, in one line."""
    for what in ("--keys", "--version", "--help", "--catalog", "--metrics", "--support", "--once"):
        arguments = ["--replay", trace, what] if what in ("--support", "--once") else [what]
        with open("/dev/full", "w", encoding="utf-8") as full:
            result = run(*arguments, stdout=full)
        check(f"nowhere to print: {what}", result.returncode == 1
              and result.stderr == "cxlirqd: standard output: No space left on device\n", result)
        result = subprocess.run(["sh", "-c", 'exec "$@" >&-', "sh", DAEMON, *arguments], stderr=subprocess.PIPE,
                                text=True, timeout=60)
        check(f"no standard output: {what}", result.returncode == 1
              and result.stderr == "cxlirqd: standard output: Bad file descriptor\n", result)


def company(folder, trace):
    daemon = Daemon(folder, "--replay", trace)
    check("serves", daemon.is_well())
    second = run("-S", daemon.path, "--replay", trace)
    check("a second one", second.returncode == 1 and "another daemon" in second.stderr
          and daemon.is_well(), f"{second.returncode}: {second.stderr}")

    garbage = {
        "noise": os.urandom(4096),
        "a NUL": b"\0",
        "not an object": b"[1,2]\0",
        "half a call": b'{"method": "io.cxl',
        "a deep one": b'{"method": "io.cxlirqd.GetStatus", "parameters": ' + b'{"a":' * 5000 + b"1",
        "two MiB": b"x" * (2 << 20),
    }
    for name, data in garbage.items():
        connection = daemon.connect()
        try:
            connection.sendall(data)
            connection.shutdown(socket.SHUT_WR)
            while connection.recv(65536):
                pass
        except OSError:
            pass
        connection.close()
        check(f"garbage: {name}", daemon.is_well())

    connection = daemon.connect()
    for method, parameters, error in (
            ("io.cxlirqd.NoSuch", {}, "org.varlink.service.MethodNotFound"),
            ("io.other.Get", {}, "org.varlink.service.InterfaceNotFound"),
            ("io.cxlirqd.ListVectors", {"irq": "7"}, "org.varlink.service.InvalidParameter"),
            ("io.cxlirqd.ListVectors", {"irq": -1}, "org.varlink.service.InvalidParameter"),
            ("io.cxlirqd.ListVectors", {"colour": 1}, "org.varlink.service.InvalidParameter"),
            ("io.cxlirqd.ListVectors", {"irq": 4000000}, "io.cxlirqd.NoSuchInterrupt"),
            ("io.cxlirqd.ListVectors", {"device": "none"}, "io.cxlirqd.NoSuchDevice"),
            ("io.cxlirqd.ListDevices", {"device": "none"}, "io.cxlirqd.NoSuchDevice"),
            ("io.cxlirqd.ListCounters", {"pmu": "none"}, "io.cxlirqd.NoSuchPmu"),
            ("io.cxlirqd.ListCounters", {"pmu": 1}, "org.varlink.service.InvalidParameter"),
            ("io.cxlirqd.CountEvents", {"events": ["a"]}, "org.varlink.service.ExpectedMore"),
            ("io.cxlirqd.EndCount", {"id": "1"}, "org.varlink.service.InvalidParameter"),
            ("io.cxlirqd.EndCount", {"id": 1},
             "io.cxlirqd." + ("PermissionDenied" if os.geteuid() else "NoSuchCount")),
            ("io.cxlirqd.Monitor", {}, "org.varlink.service.ExpectedMore"),
            ("io.cxlirqd.ListHistory", {}, "org.varlink.service.ExpectedMore"),
            ("io.cxlirqd.ListViolations", {"all": 1}, "org.varlink.service.InvalidParameter"),
            ("io.cxlirqd.Acknowledge", {}, "org.varlink.service.InvalidParameter"),
            ("io.cxlirqd.Acknowledge", {"ids": ["1"]}, "org.varlink.service.InvalidParameter"),
            ("io.cxlirqd.Acknowledge", {"ids": 1}, "org.varlink.service.InvalidParameter"),
            ("io.cxlirqd.Explain", {}, "org.varlink.service.InvalidParameter"),
            ("io.cxlirqd.Explain", {"subject": 5}, "org.varlink.service.InvalidParameter"),
            ("io.cxlirqd.Explain", {"subject": "4000000"}, "io.cxlirqd.NoSuchInterrupt"),
            ("io.cxlirqd.Explain", {"subject": "none"}, "io.cxlirqd.NoSuchSubject"),
    ):
        answer = daemon.call(method, parameters, connection)
        check(f"error: {method} {parameters}", answer and answer.get("error") == error, answer)
    answer = daemon.call("org.varlink.service.GetInfo", {}, connection)
    check("introspection", "io.cxlirqd" in answer["parameters"]["interfaces"], answer)
    answer = daemon.call("org.varlink.service.GetInterfaceDescription",
                         {"interface": "io.cxlirqd"}, connection)
    with open("include/cxlirqd/io.cxlirqd.varlink", encoding="utf-8") as file:
        check("description", answer["parameters"]["description"] == file.read())
    daemon.process.send_signal(signal.SIGPIPE)
    check("survives SIGPIPE", daemon.is_well())

    crowd = [daemon.connect() for _ in range(70)]
    time.sleep(0.2)
    for connection in crowd:
        connection.close()
    end = time.monotonic() + 10
    well = False
    while not well and time.monotonic() < end:
        try:
            well = daemon.is_well()
        except (OSError, ValueError):
            time.sleep(0.1)
    check("a crowd", well)
    check("ends on SIGTERM", daemon.stop() == 0)
    check("takes its socket away", not os.path.exists(daemon.path))

    daemon = Daemon(folder, "--replay", trace)
    daemon.stop(signal.SIGKILL)
    check("a dead one leaves its socket", os.path.exists(daemon.path))
    daemon = Daemon(folder, "--replay", trace)
    check("which the next one takes over", daemon.is_well())
    check("ends on SIGINT", daemon.stop(signal.SIGINT) == 0)


def permission(daemon):
    """Reading is for everyone, changing is not."""
    if os.getuid() != 0:
        print("skip permission needs root", flush=True)
        return
    known = daemon.call_as(0, "io.cxlirqd.Acknowledge", {"ids": [4711]})
    check("ack: root may, but there is none", known["error"] == "io.cxlirqd.NoSuchViolation", known)
    denied = daemon.call_as(65534, "io.cxlirqd.Acknowledge", {"ids": [4711]})
    check("ack: nobody may not", denied.get("error") == "io.cxlirqd.PermissionDenied", denied)
    listed = daemon.call_as(65534, "io.cxlirqd.ListViolations", {"all": True})
    check("violations: everyone may look", "violations" in listed["parameters"], listed)
    try:
        group = grp.getgrnam("cxlirq").gr_gid
    except KeyError:
        return
    os.setgroups([group])
    member = daemon.call_as(65534, "io.cxlirqd.Acknowledge", {"ids": [4711]})
    os.setgroups([])
    check("ack: the group may", member["error"] == "io.cxlirqd.NoSuchViolation", member)


def words(daemon):
    """What the manual says of the rules is what the daemon says."""
    with open("man/cxlirqctl.1", encoding="utf-8") as file:
        rules = dict(re.findall(r"^\.It Cm (\S+) Pq (\w+)$", file.read(), re.M))
    with open("daemon/rule-text.c", encoding="utf-8") as file:
        check("the manual has every rule", sorted(rules) ==
              sorted(re.findall(r'= \{\s*"([a-z-]+)",\s*SEVERITY_', file.read())), rules)
    for rule, severity in rules.items():
        answer = daemon.call("io.cxlirqd.Explain", {"subject": rule})["parameters"]
        explanation = answer.get("explanation", {})
        check(f"explain {rule}", explanation.get("kind") == "rule" and explanation["advice"]
              and f"Severity: {severity}." in explanation["text"], answer)
    vectors = daemon.call("io.cxlirqd.ListVectors")["parameters"]["vectors"]
    devices = daemon.call("io.cxlirqd.ListDevices")["parameters"]["devices"]
    subjects = [str(vector["irq"]) for vector in vectors] + [row["device"] for row in devices]
    answers = [daemon.call("io.cxlirqd.Explain", {"subject": subject}) for subject in subjects]
    silent = [subject for subject, answer in zip(subjects, answers)
              if not answer["parameters"].get("explanation", {}).get("text")]
    check("explain every interrupt and device", subjects and not silent, silent)
    borrowed = [vector for vector in vectors for owner in vector["owners"]
                if owner["relation"] == "borrowed"]
    answer = daemon.call("io.cxlirqd.Explain", {"subject": str(borrowed[0]["irq"])})
    check("explain a borrowed vector", "which borrows it from " + borrowed[0]["provider"] in
          " ".join(answer["parameters"]["explanation"]["text"]), answer)


def past(daemon):
    """A replayed trace has no store; what is in memory is there, from any moment on."""
    every = daemon.stream("io.cxlirqd.Monitor", {})
    times = sorted(reply["event"]["time_us"] for reply in every[:-1])
    middle = times[len(times) // 2]
    later = daemon.stream("io.cxlirqd.Monitor", {"since_us": middle})
    check("events since", len(later) - 1 == sum(time >= middle for time in times) and
          [reply["event"] for reply in later[:-1]] ==
          [reply["event"] for reply in every[:-1] if reply["event"]["time_us"] >= middle], later)
    check("events since, no store", "no store" in (later[-1]["reason"] or ""), later[-1])
    history = daemon.stream("io.cxlirqd.ListHistory", {})
    check("history, no store", len(history) == 1 and history[0]["event"] is None
          and "no store" in history[0]["reason"], history)


def golden(folder):
    trace = os.path.join(folder, "golden")
    with lzma.open("tests/data/replay/bench/trace.xz") as packed, open(trace, "wb") as file:
        file.write(packed.read())
    os.chmod(folder, 0o755)
    daemon = Daemon(folder, "--replay", trace)
    status = daemon.call("io.cxlirqd.GetStatus")["parameters"]["status"]
    check("status counts violations", isinstance(status.get("violations_open"), int)
          and isinstance(status.get("violations_refused"), int) and "store" in status, status)
    permission(daemon)
    words(daemon)
    past(daemon)
    check("ends well", daemon.stop() == 0)


def main():
    with tempfile.TemporaryDirectory(prefix="cxlirq-daemon.") as folder:
        usage()
        company(folder, traces(folder))
        golden(folder)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
