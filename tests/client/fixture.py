# SPDX-License-Identifier: GPL-2.0-or-later
"""What the tests of the client share: results, a daemon that replays a trace or plays a script, and
a terminal to type into.  Whatever is waited for is waited for as an event, with a limit."""
import fcntl
import json
import lzma
import os
import pty
import re
import select
import signal
import socket
import struct
import subprocess
import termios
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
BUILD = os.environ.get("SANITIZED") or os.environ.get("BUILD", "build")
CLI = os.path.abspath(os.path.join(BUILD, "cxlirqctl"))
DAEMON = os.path.abspath(os.path.join(BUILD, "cxlirqd"))
LIMIT = 30
failures = 0


def check(name, is_so, why=""):
    global failures
    why = " ".join(str(why).split())
    print(f"ok {name}" if is_so else f"not ok {name} {why[-300:]}", flush=True)
    failures += not is_so
    return is_so


def until(condition, limit=LIMIT):
    """Polls, where there is no event to wait for; the last value."""
    end = time.monotonic() + limit
    while not (value := condition()) and time.monotonic() < end:
        time.sleep(0.02)
    return value


class Replay:
    """cxlirqd that replays a recorded trace."""

    def __init__(self, folder, kernel="bench", path=None):
        self.path = path or os.path.join(folder, "socket")
        trace = os.path.join(folder, kernel + ".trace")
        with lzma.open(os.path.join(ROOT, "tests/data/replay", kernel, "trace.xz")) as packed, \
                open(trace, "wb") as file:
            file.write(packed.read())
        config = os.path.join(folder, "conf")
        with open(config, "w", encoding="utf-8") as file:
            file.write("[Export]\nListen=\n")
        self.log = open(os.path.join(folder, "daemon.log"), "w+", encoding="utf-8")
        self.process = subprocess.Popen([DAEMON, "-c", config, "-S", self.path, "--replay", trace],
                                        stdout=self.log, stderr=self.log)
        until(lambda: self.process.poll() is not None or answers(self.path))

    def stop(self):
        self.process.terminate()
        self.process.wait(LIMIT)
        self.log.close()


def answers(path):
    try:
        with socket.socket(socket.AF_UNIX) as probe:
            probe.connect(path)
        return True
    except OSError:
        return False


class Script:
    """A daemon whose answers are functions: method name -> parameters -> reply parameters.

    An answer of None closes the connection without a reply."""

    def __init__(self, path, methods):
        self.methods = methods
        self.calls = []
        if os.path.exists(path):
            os.unlink(path)
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(path)
        self.listener.listen(64)
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.talk, args=(connection,), daemon=True).start()

    def talk(self, connection):
        data = b""
        with connection:
            while b"\0" not in data:
                piece = connection.recv(65536)
                if not piece:
                    return
                data += piece
            call = json.loads(data.split(b"\0")[0])
            method = call["method"].rpartition(".")[2]
            self.calls.append(method)
            reply = self.methods[method](call.get("parameters", {}))
            if reply is not None:
                try:
                    connection.sendall(json.dumps({"parameters": reply}).encode() + b"\0")
                except BrokenPipeError:
                    pass  # whoever asked did not wait for it

    def stop(self):
        # accept() in the other thread ends by this, not by close()
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()


class Terminal:
    """A program on a terminal of its own."""

    def __init__(self, command, rows=24, columns=80, **env):
        environment = {**os.environ, "TERM": "xterm-256color", "LC_ALL": "C.UTF-8", **env}
        environment = {k: v for k, v in environment.items() if v is not None}
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
            os.execvpe(command[0], command, environment)
        self.output = ""
        self.status = None

    def send(self, text):
        os.write(self.fd, text.encode())

    def read_more(self, limit):
        """False: nothing came, or nothing will."""
        if not select.select([self.fd], [], [], limit)[0]:
            return False
        try:
            piece = os.read(self.fd, 65536)
        except OSError:
            return False
        self.output += piece.decode(errors="replace")
        return bool(piece)

    def expect(self, pattern, limit=LIMIT):
        """Waits for it, and returns the match; what came so far is forgotten."""
        end = time.monotonic() + limit
        while not (match := re.search(pattern, self.output, re.S)):
            if not self.read_more(max(0, end - time.monotonic())):
                return None
        self.output = self.output[match.end():]
        return match

    def wait(self, limit=LIMIT):
        """Until it ends; its exit code, negative: the signal. All output is kept."""
        end = time.monotonic() + limit
        while self.status is None and time.monotonic() < end:
            self.read_more(0.02)
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.status = os.waitstatus_to_exitcode(status)
        while self.read_more(0):
            pass
        return self.status

    def close(self):
        if self.status is None:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
        os.close(self.fd)
