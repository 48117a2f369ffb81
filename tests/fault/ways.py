# SPDX-License-Identifier: GPL-2.0-or-later
"""Ways through the programs, on each of which one call fails.

A way is run in a folder of its own, with the environment that has a place fail, and returns a Run.
complaint() says what is wrong with one, beside the one in which nothing failed: None, if the program
said what it lacks, or lacks nothing."""
import collections
import gzip
import json
import os
import re
import select
import shutil
import signal
import socket
import sqlite3
import subprocess
import tempfile
import time

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
# what takes so long hangs, on the slowest of machines
SECONDS = 300
ANSWER_SECONDS = 100
# one test; some wait for what a fault keeps from them
UNIT_SECONDS = 60
PAUSE = 0.1  # of who connects and asks for nothing yet
# status, what it said, what it printed (or answered), and the store that it left
Run = collections.namedtuple("Run", "status errors output rows", defaults=[None])

# methods, with what has them answer something
CALLS = [("GetStatus", {}), ("ListViolations", {"all": True}), ("ListVectors", {}), ("ListDevices", {}),
         ("ListDomains", {}), ("ListDoorbells", {}), ("GetSupport", {}), ("GetMetrics", {}),
         ("GetMetrics", {"format": "json"}), ("Snapshot", {}), ("Explain", {"subject": "24"}),
         ("Explain", {"subject": "doorbell-message-changed"}), ("Explain", {"subject": "ep"}),
         ("ListCounters", {}), ("Monitor", {}), ("ListHistory", {}), ("Record", {}), ("ListGuards", {}),
         ("AddGuard", {"irq": 24, "restore": False}), ("SetGuardMode", {"mode": "off"}),
         ("SetLogLevel", {"level": "info"}), ("Reload", {}), ("Acknowledge", {"ids": [1]})]
GARBLED = "what no client can read"
# systemd's interface, on a socket of its own
REPORT_CALLS = ["Describe", "List"]
LAST_CALLS = [("GetStatus", {}), ("ListViolations", {"all": True})]
STREAMS = {"Monitor": 3, "ListHistory": 1, "Record": 1, "Describe": 1 << 20, "List": 1 << 20}
PATHS = ["/metrics", "/metrics.json", "/healthz", "/", "/page.js", "/state.json", "/picture.svg"]
# what gets another answer than 200
WRONG = [("GET", "/nothing"), ("POST", "/metrics")]
# what has no good answer in a replay, where no guard is and nothing new to record
REFUSED = {"AddGuard", "SetGuardMode", "Record"}
# what a replay always answers the same
STEADY = ["ListVectors", "ListDevices", "ListDomains", "ListDoorbells", "Snapshot", "Explain", "ListCounters"]


def finish(process, errors, seconds=SECONDS):
    """(status, what it said); one that hangs is asked where."""
    try:
        status = process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGABRT)
        try:
            process.wait(SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        status = None
    errors.seek(0)
    return status, errors.read().decode(errors="replace")


def execute(command, env, folder, seconds=SECONDS):
    with tempfile.TemporaryFile() as errors, tempfile.TemporaryFile() as output:
        process = subprocess.Popen(command, env=env, cwd=folder, stdin=subprocess.DEVNULL, stdout=output,
                                   stderr=errors, start_new_session=True)
        status, said = finish(process, errors, seconds)
        try:
            os.killpg(process.pid, signal.SIGKILL)  # what a test that was left has forked
        except ProcessLookupError:
            pass
        output.seek(0)
        return Run(status, said, output.read().decode(errors="replace"))


def ended_wordless(run):
    """A program that gives up says why."""
    if run.status and not re.search(r"^\w+: \S", run.errors, re.M):
        return f"exit status {run.status} without a word: {run.errors[:200]}"
    return None


def places_of(violations):
    return {(v["rule"], v["irq"], v["device"]) for v in violations}


def says_that_it_lacks(status):
    return bool(status.get("violations_refused") or status.get("reasons"))


class Printed:
    """A replay that is printed."""
    name, program = "printed", "cxlirqd"
    statuses = (0,)

    def __init__(self, folder, trace):
        self.folder, self.trace = folder, trace

    def run(self, program, env):
        return execute([program, "--replay", self.trace, "--once"], env, self.folder)

    def complaint(self, run, good):
        if run.status:
            return ended_wordless(run)
        try:
            answer = json.loads(run.output)
        except ValueError:
            return "exit status 0, and what it printed is no JSON"
        if answer != json.loads(good.output) and not answer["refused"] and not answer["lost"]:
            return "it printed something else, and does not say so"
        return None


class Recorded(Printed):
    """... and written to a file again."""
    name = "recorded"

    def run(self, program, env):
        record = os.path.join(self.folder, "again")
        run = execute([program, "--replay", self.trace, "--once", "--record", record], env, self.folder)
        size = os.path.getsize(record) if os.path.exists(record) else None
        return run._replace(rows=size)

    def complaint(self, run, good):
        if run.status == 0 and run.rows != good.rows and not run.errors:
            return "it wrote less, and does not say so"
        return super().complaint(run, good)


class Helped(Printed):
    """The daemon's help."""
    name = "helped"

    def run(self, program, env):
        return execute([program, "--help"], env, self.folder)

    def complaint(self, run, good):
        if run.status == 0 and run.output != good.output:
            return "it printed less, and does not say so"
        return ended_wordless(run)


class Kept(Printed):
    """A replay whose events are stored: each violation is in the table, in the store and told."""
    name, program = "kept", "kept"

    def run(self, program, env):
        store = os.path.join(self.folder, "store")
        shutil.rmtree(store, ignore_errors=True)
        os.mkdir(store)
        config = os.path.join(self.folder, "conf")
        with open(config, "w", encoding="utf-8") as file:
            file.write(f"[Export]\nListen=\nReport=\n[Store]\nDirectory={store}\n")
        run = execute([program, config, self.trace], env, self.folder)
        return run._replace(rows=rows_of(os.path.join(store, "history.db")))

    def complaint(self, run, good):
        if isinstance(run.rows, str):
            return run.rows
        if run.status:
            return ended_wordless(run)
        answer, expected = json.loads(run.output), json.loads(good.output)
        want = places_of(expected["violations"])
        if not want:
            return "there is nothing to lose"
        if says_that_it_lacks(answer["status"]):
            return None
        if places_of(answer["violations"]) != want:
            return "the table of violations lacks some, and nothing says so"
        gone = {(rule, device or "") for rule, _, device in want} - set(run.rows)
        if gone:
            return f"the store lacks {gone}, and nothing says so ({run.errors[:300]})"
        return None


def rows_of(path):
    """The violations in a store; a text: what is wrong with it."""
    if not os.path.exists(path) or not os.path.getsize(path):
        return []
    try:
        db = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
        try:
            if db.execute("PRAGMA integrity_check").fetchall() != [("ok",)]:
                return "the store is damaged"
            return sorted(db.execute("SELECT rule, device FROM violation").fetchall(), key=str)
        except sqlite3.OperationalError:
            return []  # it was never made
        finally:
            db.close()
    except sqlite3.DatabaseError as error:
        return f"the store is damaged: {error}"


class Service:
    """A running daemon: it is there when READY=1 has come."""

    def __init__(self, folder, command, env, user=None):
        self.folder = folder
        path = os.path.join(folder, "notify")
        if os.path.exists(path):
            os.unlink(path)
        self.notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.notify.bind(path)
        os.chmod(path, 0o777)
        self.errors = tempfile.TemporaryFile()
        options = {"user": user, "group": user, "extra_groups": []} if user else {}
        self.process = subprocess.Popen(command, env=dict(env, NOTIFY_SOCKET=path), cwd=folder,
                                        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=self.errors,
                                        start_new_session=True, **options)

    def is_ready(self):
        end = os.pidfd_open(self.process.pid)
        try:
            while True:
                ready = select.select([self.notify, end], [], [], SECONDS)[0]
                if self.notify not in ready:
                    return False
                if b"READY=1" in self.notify.recv(65536):
                    return True
        finally:
            os.close(end)

    def stop(self):
        if self.process.poll() is None:
            self.process.terminate()
        status, said = finish(self.process, self.errors)
        self.errors.close()
        self.notify.close()
        return status, said


def call(path, method, parameters, interface="io.cxlirqd"):
    """The answer's parameters; None: there is none, or it is an error."""
    replies = STREAMS.get(method, 1)
    try:
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(ANSWER_SECONDS)
            s.connect(path)
            message = {"method": f"{interface}.{method}", "parameters": parameters}
            if method in STREAMS:
                message["more"] = True
            s.sendall(json.dumps(message).encode() + b"\0")
            data = b""
            while data.count(b"\0") < replies and not (data.endswith(b"\0") and b'"continues":true' not in
                                                       data[:-1].split(b"\0")[-1]):
                piece = s.recv(1 << 20)
                if not piece:
                    break
                data += piece
            answer = json.loads(data.split(b"\0")[0] or b"{}")
            return None if "error" in answer else answer.get("parameters")
    except TimeoutError:
        raise
    except (OSError, ValueError):
        return None


def fetch(path, what, pause=0, verb="GET", expected=200):
    """The body of a whole answer; None: there is none.  After a @pause the daemon has met who has not asked yet."""
    try:
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(ANSWER_SECONDS)
            s.connect(path)
            time.sleep(pause)
            s.sendall(f"{verb} {what} HTTP/1.1\r\nHost: x\r\nAccept-Encoding: gzip\r\n"
                      "Connection: close\r\n\r\n".encode())
            data = b""
            while piece := s.recv(1 << 20):
                data += piece
    except TimeoutError:
        raise
    except OSError:
        return None
    head, _, body = data.partition(b"\r\n\r\n")
    size = re.search(rb"(?i)content-length: (\d+)", head)
    if f" {expected} ".encode() not in head.split(b"\r\n")[0] or not size or int(size[1]) != len(body):
        return None
    try:
        return (gzip.decompress(body) if re.search(rb"(?i)content-encoding: gzip", head) else body).decode()
    except (gzip.BadGzipFile, EOFError, UnicodeDecodeError):
        return GARBLED


class Served:
    """A replay that is served, to clients that ask for everything."""
    name, program = "served", "cxlirqd"
    statuses = (0,)
    user = None
    steady = STEADY

    def __init__(self, folder, trace):
        self.folder, self.trace = folder, trace

    def arguments(self):
        return ["--replay", self.trace]

    def run(self, program, env):
        store = os.path.join(self.folder, "store")
        shutil.rmtree(store, ignore_errors=True)
        os.mkdir(store)
        os.chmod(store, 0o777)
        config = os.path.join(self.folder, "conf")
        self.settings(config, store)
        for name in ("s", "h", "r"):
            if os.path.exists(os.path.join(self.folder, name)):
                os.unlink(os.path.join(self.folder, name))
        # as one whose journal is somewhere else than its standard error
        service = Service(self.folder, [program, "-c", config, *self.arguments()], dict(env, JOURNAL_STREAM="1:1"),
                          self.user)
        answers, stuck = {}, None
        try:
            if service.is_ready():
                self.settings(config, store, "[Trace]\nRingSize=4M\n[Daemon]\nNobodyKnows=1\n")
                answers = self.talk()
        except TimeoutError:
            stuck = f"no answer in {ANSWER_SECONDS} s"
        status, said = service.stop()
        return Run(stuck or status, said, answers, rows_of(os.path.join(store, "history.db")))

    def settings(self, config, store, more=""):
        with open(config, "w", encoding="utf-8") as file:
            file.write(f"[Daemon]\nSocket={self.folder}/s\nUser=\n[Trace]\nPinDirectory=\n"
                       f"[Export]\nListen=unix:{self.folder}/h\nReport={self.folder}/r\n"
                       f"[Store]\nDirectory={store}\n{more}")

    def talk(self):
        answers = {}
        for i, (method, parameters) in enumerate(CALLS):
            answers[f"{method} {i}"] = call(f"{self.folder}/s", method, parameters)
        for i, what in enumerate(PATHS):
            answers[what] = fetch(f"{self.folder}/h", what, 0 if i else PAUSE)
        for verb, what in WRONG:
            answers[f"{verb} {what}"] = fetch(f"{self.folder}/h", what, 0, verb, 405 if verb == "POST" else 404)
        for method in REPORT_CALLS:
            answers[f"report {method}"] = call(f"{self.folder}/r", method, {}, "io.systemd.Metrics")
        for method, parameters in LAST_CALLS:
            answers[method] = call(f"{self.folder}/s", method, parameters)
        return answers

    def complaint(self, run, good):
        if isinstance(run.status, str):
            return run.status
        if isinstance(run.rows, str):
            return run.rows
        if run.status:
            return ended_wordless(run)
        if run.status is None:
            return "it does not end"
        if not run.output:
            return "it was never ready, and ended well"
        status, violations = run.output["GetStatus"], run.output["ListViolations"]
        if status is None or violations is None:
            return "it goes on, and does not answer"
        if says_that_it_lacks(status["status"]):
            return None
        want = places_of(good.output["ListViolations"]["violations"])
        if not want and self.steady:
            return "there is nothing to lose"
        lost = want - places_of(violations["violations"])
        if lost:
            return f"violations were lost in silence: {sorted(map(str, lost))}"
        return self.differs(run.output, good.output)

    def unanswered(self, run):
        """What has no good answer though nothing fails: nobody would see then that it has none."""
        return [name for name, answer in run.output.items() if answer is None and name.split(" ")[0] not in REFUSED]

    def differs(self, answers, good):
        for name, answer in answers.items():
            if answer == GARBLED:
                return f"{name} cannot be read"
            if answer is not None and name.split(" ")[0] in self.steady and answer != good[name]:
                return f"{name} is another answer, and nothing says so"
            if answer is not None and good[name] is not None and shape(name, answer) != shape(name, good[name]):
                return f"{name} is not whole, and nothing says so"
        return None


def shape(name, answer):
    """What an answer always has: the members of an object, the names of metrics."""
    if name == "/metrics":
        return sorted({line.split("{")[0].split(" ")[0] for line in answer.splitlines()})
    if isinstance(answer, str):
        return len(answer) > 0
    inner = answer.get("status") if isinstance(answer, dict) else None
    return sorted(inner or answer)


class Live(Served):
    """This machine, as far as sysfs tells, to somebody without privileges; with a store."""
    name = "live"
    user = 65534 if os.geteuid() == 0 else None
    steady = []

    def arguments(self):
        return []

    def unanswered(self, run):
        return []  # what is here is not known

    def complaint(self, run, good):
        # this machine's status always has the reason why nothing is traced
        if run.output and run.output.get("GetStatus"):
            reasons = run.output["GetStatus"]["status"]["reasons"]
            usual = {re.sub(r"\d+", "N", r) for r in good.output["GetStatus"]["status"]["reasons"]}
            run.output["GetStatus"]["status"]["reasons"] = [r for r in reasons if re.sub(r"\d+", "N", r) not in usual]
        return super().complaint(run, good)


class Asked:
    """The client, one verb after the other, of a daemon on which nothing fails."""
    program = "cxlirqctl"
    WRONG = ["guard add", "explain nobody-here", "diff /"]

    def __init__(self, folder, trace, arguments):
        self.folder, self.trace, self.arguments = folder, trace, arguments
        self.name = " ".join(["cxlirqctl", *arguments])
        # a replay has no guard to be given orders; 3: there are violations
        self.statuses = (1,) if " ".join(arguments[:2]) in self.WRONG else (0, 3)

    def run(self, program, env):
        for name in ("record", "record.partial"):  # which would not be written again
            if os.path.exists(os.path.join(self.folder, name)):
                os.unlink(os.path.join(self.folder, name))
        asked = "live" if self.arguments[0] == "record" else "asked"  # a replay has nothing to record
        socket_options = ["-S", os.path.join(os.path.dirname(self.trace), asked, "s"), "--no-pager"]
        first = self.arguments[:1] if self.arguments[0] == "--complete" else []
        return execute([program, *first, *socket_options, *self.arguments[len(first):]], env, self.folder)

    def complaint(self, run, good):
        if run.status != good.status:
            return ended_wordless(run)
        # to a shell nothing is said: what cannot be offered is not, and what is offered is right
        if self.arguments[0] == "--complete":
            wrong = set(run.output.splitlines()) - set(good.output.splitlines())
            return f"offers {wrong}" if wrong else None
        if shown(run.output) != shown(good.output) and not run.errors:
            return f"it printed something else, and does not say so: {run.output[:200]}"
        return None


def shown(text):
    """... whatever the time"""
    return re.sub(r"[\d:. -]+", "#", text)


class Unit:
    """A program of unit tests: its checks may fail, the code that they check may not crash or leak."""
    statuses = (0,)

    def __init__(self, folder, _trace, program):
        self.folder, self.program = folder, f"unit/{program}"
        self.name = program

    def run(self, program, env):
        made = os.path.join(self.folder, "made")
        with open(made, "wb"):
            os.chmod(made, 0o666)
        try:
            return execute([program], dict(env, CMOCKA_MESSAGE_OUTPUT="TAP", FAULT_FOLDERS=made), ROOT,
                           UNIT_SECONDS if "FAULT_TEST" in env else SECONDS)
        finally:
            with open(made, encoding="utf-8") as file:
                for folder in file.read().splitlines():
                    shutil.rmtree(folder, ignore_errors=True)

    @staticmethod
    def complaint(_run, _good):
        return None
