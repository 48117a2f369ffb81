#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The daemon as a service: what it tells systemd, sockets that it is passed,
settings that are read again, who may ask for that, and what it is left with.

systemd itself is played here, with a notification socket and descriptors; on a
real one the same is tried in tests/system.
"""
import errno
import fcntl
import json
import lzma
import os
import re
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time

BUILD = os.environ.get("SANITIZED", "build/san")
DAEMON = os.path.abspath(os.path.join(BUILD, "cxlirqd"))
CLIENT = os.path.abspath(os.path.join(BUILD, "cxlirqctl"))
SERVING = 1 << 38 | 1 << 39  # CAP_PERFMON, CAP_BPF
SYS_ADMIN = 1 << 21
STARTING = SERVING | SYS_ADMIN | 1 << 34  # CAP_SYSLOG
NOBODY = 65534
GROUP = 40404
# nobody else's port, nor what systemd-report looks at
QUIET = "[Export]\nListen=\nReport=\n"
failures = 0


def check(name, is_so, why=""):
    global failures
    why = " ".join(str(why).split())
    print(f"ok {name}" if is_so else f"not ok {name} {why[:400]}", flush=True)
    failures += not is_so
    return is_so


class Notifications:
    """What systemd would be told, message by message."""

    def __init__(self, path):
        self.path = path
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(path)
        os.chmod(path, 0o777)

    def next(self, *kinds, timeout=60):
        """The next message that is of one of these kinds, as a dictionary."""
        end = time.monotonic() + timeout
        while True:
            self.socket.settimeout(max(0.01, end - time.monotonic()))
            try:
                text = self.socket.recv(65536).decode()
            except TimeoutError:
                return {}
            message = dict(line.split("=", 1) for line in text.splitlines())
            if any(kind in message for kind in kinds):
                return message

    def pending(self):
        """Kinds of all that has come so far."""
        kinds = []
        self.socket.setblocking(False)
        try:
            while True:
                kinds.append(self.socket.recv(65536).decode().split("=")[0])
        except BlockingIOError:
            return kinds


class Service:
    """A daemon that believes that systemd has started it."""

    def __init__(self, folder, *arguments, settings="", environment=None, before=(), fds=(),
                 names="", listen=True):
        self.folder = folder
        self.conf = os.path.join(folder, "conf")
        self.path = os.path.join(folder, "socket")
        self.log_path = os.path.join(folder, "log")
        self.settings(settings)
        self.notifications = Notifications(os.path.join(folder, "notify"))
        environment = dict(os.environ, NOTIFY_SOCKET=self.notifications.path,
                           STATE_DIRECTORY=folder, **(environment or {}))
        if listen:
            arguments = ("-S", self.path, *arguments)
        command = [*before, DAEMON, "-c", self.conf, *arguments]
        if fds:
            environment.update(LISTEN_FDS=str(len(fds)), LISTEN_FDNAMES=names)
            command = ["sh", "-c", 'LISTEN_PID=$$ exec "$@"', "sh", *command]

        def place():
            for i, fd in enumerate(fds):
                os.dup2(fd, 3 + i)

        with open(self.log_path, "w", encoding="utf-8") as log:
            os.chmod(self.log_path, 0o666)
            self.process = subprocess.Popen(command, env=environment, stderr=log, stdout=log,
                                            preexec_fn=place if fds else None,
                                            pass_fds=tuple(range(3, 3 + len(fds))))
        self.ready = {}
        end = time.monotonic() + 60
        while not self.ready and time.monotonic() < end and self.process.poll() is None:
            self.ready = self.notifications.next("READY", timeout=0.2)

    def settings(self, text):
        with open(self.conf, "w", encoding="utf-8") as file:
            file.write(text + QUIET)
        os.chmod(self.conf, 0o644)

    def log(self):
        with open(self.log_path, encoding="utf-8") as file:
            return file.read()

    def connect(self, path=None):
        connection = socket.socket(socket.AF_UNIX)
        connection.settimeout(60)
        connection.connect(path or self.path)
        return connection

    def call(self, method, parameters=None, connection=None):
        connection = connection or self.connect()
        call = {"method": f"io.cxlirqd.{method}", "parameters": parameters or {}}
        connection.sendall(json.dumps(call).encode() + b"\0")
        data = b""
        while not data.endswith(b"\0"):
            piece = connection.recv(1 << 20)
            if not piece:
                return {}
            data += piece
        return json.loads(data[:-1])

    def status(self):
        return self.call("GetStatus")["parameters"]["status"]

    def client(self, *arguments, before=()):
        # a daemon whose notifications nobody reads would wait for that
        self.notifications.pending()
        return subprocess.run([*before, CLIENT, "-S", self.path, *arguments], text=True, timeout=60,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def hang_up(self):
        """SIGHUP, and the two messages that come of it."""
        self.process.send_signal(signal.SIGHUP)
        return self.notifications.next("RELOADING"), self.notifications.next("READY")

    def stop(self, how=signal.SIGTERM):
        self.process.send_signal(how)
        return self.process.wait(60)


def writer(root):
    """The process that writes affinities, up to what it says when somebody comes."""
    def start(listener=None, name="affinity"):
        environment = dict(os.environ)
        command = [DAEMON, "--write-affinity"]
        if listener:
            environment.update(LISTEN_FDS="1", LISTEN_FDNAMES=name)
            command = ["sh", "-c", 'LISTEN_PID=$$ exec "$@"', "sh", *command]
        return subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True,
                                preexec_fn=(lambda: os.dup2(listener.fileno(), 3)) if listener
                                else None, pass_fds=(3,) if listener else ())

    def listen(kind, name):
        listener = socket.socket(socket.AF_UNIX, kind)
        listener.bind(os.path.join(root, name))
        listener.listen()
        return listener

    process = start()
    said = process.communicate(timeout=60)[1]
    check("--write-affinity without systemd is wrong usage", process.returncode == 2 and
          said.count("\n") == 1 and '"affinity"' in said, said)
    if os.geteuid() != 0:
        print("skip --write-affinity needs root", flush=True)
        return
    sockets = [listen(socket.SOCK_STREAM, "stream"), listen(socket.SOCK_SEQPACKET, "packets")]
    process = start(sockets[1], "varlink")
    process.communicate(timeout=60)
    check("--write-affinity, a socket of another name", process.returncode == 2, process)
    process = start(sockets[0])
    said = process.communicate(timeout=60)[1]
    check("--write-affinity, a socket of another kind", process.returncode == 1 and
          said.count("\n") == 1, said)
    process = start(sockets[1])
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as connection:
        connection.settimeout(60)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        connection.connect(os.path.join(root, "packets"))
        hello, control = connection.recvmsg(64, socket.CMSG_SPACE(12))[:2]
        check("--write-affinity says hello", len(hello) == 8 and
              struct.unpack("iII", control[0][2])[:2] == (process.pid, 0), f"{hello} {control}")
        left = capabilities(process.pid)
        check("--write-affinity has no capability", is_left_with(left, 0) and
              left[0]["Seccomp"] == 2, left)
        # an interrupt that no machine has
        connection.send(struct.pack("=II", 9, 0xffffffff) + b"0\0")
        answer = connection.recv(64)
        check("--write-affinity answers", answer == struct.pack("=Ii", 9, -errno.ENOENT), answer)
    process.terminate()
    process.communicate(timeout=60)


def folder_in(root, name):
    path = os.path.join(root, name)
    os.mkdir(path)
    os.chmod(path, 0o777)
    return path


def with_group(folder):
    """The group cxlirq is there, for the daemon alone."""
    if os.geteuid() != 0:
        return ()
    path = os.path.join(folder, "group")
    with open("/etc/group", encoding="utf-8") as file:
        others = re.sub(r"^cxlirq:.*\n", "", file.read(), flags=re.M)
    with open(path, "w", encoding="utf-8") as file:
        file.write(f"{others}cxlirq:x:{GROUP}:\n")
    return ("unshare", "--mount", "sh", "-c", 'mount --bind "$0" /etc/group && exec "$@"', path)


def notifications(root, trace):
    service = Service(folder_in(root, "notify"), "--replay", trace,
                      environment={"WATCHDOG_USEC": "800000"})
    check("READY", service.ready.get("READY") == "1" and "hooks" in service.ready["STATUS"],
          service.ready or service.log())
    beats = [service.notifications.next("WATCHDOG", timeout=10) for _ in range(3)]
    check("WATCHDOG, again and again", all(beats), beats)
    before = time.clock_gettime(time.CLOCK_MONOTONIC)
    reloading, ready = service.hang_up()
    after = time.clock_gettime(time.CLOCK_MONOTONIC)
    moment = int(reloading.get("MONOTONIC_USEC", 0)) / 1e6
    check("RELOADING with its time", before <= moment <= after, f"{before} {reloading} {after}")
    check("READY after it", ready.get("READY") == "1", ready)
    # stopped, it gives no sign of life; going on, it does again
    service.process.send_signal(signal.SIGSTOP)
    os.waitid(os.P_PID, service.process.pid, os.WSTOPPED)
    service.notifications.pending()
    silent = service.notifications.next("WATCHDOG", timeout=1)
    service.process.send_signal(signal.SIGCONT)
    check("no WATCHDOG without progress", not silent, silent)
    check("WATCHDOG again", service.notifications.next("WATCHDOG", timeout=10))
    check("ends", service.stop() == 0, service.log())
    check("STOPPING", "STOPPING" in service.notifications.pending())

    service = Service(folder_in(root, "no-watchdog"), "--replay", trace)
    service.hang_up()
    service.stop()
    kinds = service.notifications.pending()
    check("no WATCHDOG unless asked for", "WATCHDOG" not in kinds, kinds)


def open_files(pid):
    """What it has open; what it closes meanwhile it has not."""
    found = set()
    for fd in os.listdir(f"/proc/{pid}/fd"):
        try:
            found.add(os.readlink(f"/proc/{pid}/fd/{fd}"))
        except FileNotFoundError:
            pass
    return found


def sockets(root, trace):
    folder = folder_in(root, "sockets")
    path, other = os.path.join(folder, "passed"), os.path.join(folder, "other")
    held = []
    for name in (path, other):
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(name)
        listener.listen()
        held.append(fcntl.fcntl(listener.fileno(), fcntl.F_DUPFD_CLOEXEC, 20))
        listener.close()
    service = Service(folder, "--replay", trace, fds=held, names="varlink:nobodys", listen=False)
    answer = service.call("GetStatus", connection=service.connect(path))
    check("a passed socket is served", "status" in answer.get("parameters", {}), service.log())
    check("and named", f"listening on {path}" in service.log(), service.log())
    check("one that nobody takes is told", re.search('nothing here listens on .*"nobodys"',
                                                      service.log()), service.log())
    inodes = open_files(service.process.pid)
    inode = f"socket:[{os.fstat(held[1]).st_ino}]"
    check("and closed", inode not in inodes, inodes)
    check("ends", service.stop() == 0, service.log())
    check("the passed socket is still there", os.path.exists(path) and os.path.exists(other))
    # what was not accepted waits: the next daemon answers it
    waiting = service.connect(path)
    waiting.sendall(b'{"method": "org.varlink.service.GetInfo"}\0')
    service = Service(folder_in(root, "again"), "--replay", trace, fds=held[:1], names="varlink",
                      listen=False)
    check("a client waits for the next daemon", b"cxlirqd" in waiting.recv(65536), service.log())
    check("killed", service.stop(signal.SIGKILL) == -signal.SIGKILL)
    check("the socket survives that, too", os.path.exists(path))

    stream = socket.socket(socket.AF_INET)
    service = Service(folder_in(root, "wrong"), "--replay", trace, fds=[stream.fileno()],
                      names="varlink", listen=False)
    check("a socket that is none", not service.ready and service.process.wait(60) == 1
          and '"varlink"' in service.log(), service.log())


def reload(root, trace):
    folder = folder_in(root, "reload")
    service = Service(folder, "--replay", trace, settings="[Daemon]\nLogLevel=info\n",
                      before=with_group(folder))
    before = service.status()
    follower = service.connect()
    follower.sendall(b'{"method":"io.cxlirqd.Monitor","parameters":{"follow":true},"more":true}\0')
    violations = service.call("ListViolations", {"all": True})

    service.settings("[Daemon]\nLogLevel=debug\n[Rules]\nDisable=vector-hidden\n"
                     "[Trace]\nSnapshotIntervalSec=77\n")
    result = service.client("reload")
    check("reload", result.returncode == 0 and not result.stderr and not result.stdout, result)
    check("reload is told", "settings read again, 3 changed" in service.log(), service.log())
    check("log level of the settings", service.status()["log_level"] == "debug", service.status())

    service.settings("[Daemon]\nLogLevel=loud\n[Trace]\nRingSize=4M\nSpeed=9\n[Store]\nEnabled=no\n"
                     "[Rules]\nMaxViolations=17\nDisable=vector-hidden\n")
    result = service.client("reload")
    check("what was not taken is said", result.returncode == 0 and
          "2 lines of the settings were not taken" in result.stderr and
          "[Trace] RingSize=" in result.stderr and "[Store] Enabled=" in result.stderr
          and result.stderr.count("\n") == 1, result)
    lines = [line for line in service.log().splitlines() if f"{service.conf}:" in line]
    check("with file and line", len(lines) == 2 and f"{service.conf}:2:" in lines[0]
          and f"{service.conf}:5:" in lines[1], lines)
    check("a bad value leaves what was", service.status()["log_level"] == "debug")
    answer = json.loads(service.client("reload", "--json").stdout)
    check("reload --json", "RingSize" in answer["reason"], answer)
    service.settings("")
    answer = json.loads(service.client("reload", "--json").stdout)
    check("all is taken", answer == {"reason": None}, answer)
    check("a default comes back", service.status()["log_level"] == "info")

    os.rename(service.conf, service.conf + ".away")
    result = service.client("reload")
    check("no file: reload fails", result.returncode == 1
          and result.stderr == f"cxlirqctl: Reload: failed: {service.conf}: No such file or directory\n", result)
    reloading, ready = service.hang_up()
    check("no file: systemd does not wait", reloading and ready, service.log())
    os.rename(service.conf + ".away", service.conf)

    after = service.status()
    kept = ("records", "events", "vectors", "domains", "violations_open", "lost", "started_us")
    check("nothing is lost", all(before[key] == after[key] for key in kept), f"{before} {after}")
    check("violations stay", service.call("ListViolations", {"all": True}) == violations)
    follower.setblocking(False)
    try:
        data = b""
        while True:
            piece = follower.recv(1 << 20)
            if not piece:
                break
            data += piece
        check("a stream goes on", False, "it was closed")
    except BlockingIOError:
        check("a stream goes on", data.count(b"\0") > 10, data[:200])
    return service


def log_level(service):
    check("log-level", service.client("log-level").stdout == "info\n")
    result = service.client("log-level", "err")
    check("log-level err", result.returncode == 0 and not result.stdout, result)
    check("log-level --json", json.loads(service.client("log-level", "--json").stdout) ==
          {"level": "err"})
    before = service.log()
    service.client("reload")
    service.client("log-level", "err")
    check("a reload sets it as the settings say", "settings read again" in
          service.log()[len(before):], service.log())
    before = service.log()
    service.settings("[Rules]\nNoSuchKey=1\n")
    check("and what is said before that is as it was", service.client("reload").returncode == 0
          and "NoSuchKey" not in service.log()[len(before):], service.log()[len(before):])
    for wrong in ("loud", "", "7"):
        result = service.client("log-level", wrong)
        check(f"log-level '{wrong}'", result.returncode == 2 and result.stderr.count("\n") == 1,
              result)
    for level in ({"level": "loud"}, {}, {"level": 7}):
        answer = service.call("SetLogLevel", level)
        check(f"SetLogLevel {level}", answer.get("error") ==
              "org.varlink.service.InvalidParameter", answer)


def permission(service):
    """Changing is for root and the group, whoever could open the socket."""
    if os.geteuid() != 0:
        print("skip permission needs root", flush=True)
        return
    nobody = ("setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups")
    service.client("log-level", "info")
    for verb in (("reload",), ("log-level", "debug")):
        result = service.client(*verb, before=nobody)
        check(f"{verb[0]}: nobody may not", result.returncode == 1 and
              "permission denied" in result.stderr, result)
    result = service.client("log-level", before=nobody)
    check("log-level: everyone may look", result.stdout == "info\n", result)
    member = (*nobody[:2], f"--groups={GROUP}")
    result = service.client("reload", before=member)
    check("reload: the group may", result.returncode == 0, result)


def places(service):
    """One user cannot take all places, nor keep root out."""
    if os.geteuid() != 0:
        print("skip places needs root", flush=True)
        return
    hog = subprocess.Popen(
        ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", sys.executable, "-c",
         "import socket, sys\n"
         "held = []\n"
         "for _ in range(40):\n"
         "    held.append(socket.socket(socket.AF_UNIX)); held[-1].connect(sys.argv[1])\n"
         "print('there', flush=True); sys.stdin.read()", service.path],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    there = hog.stdout.readline()
    end = time.monotonic() + 30
    clients = service.status()["clients"]
    while clients["refused"] < 24 and time.monotonic() < end:
        time.sleep(0.05)
        clients = service.status()["clients"]
    check("one user has a share of places", there == "there\n" and clients["refused"] >= 24 and
          clients["connected"] <= 16 + 3, clients)
    check("root is served", service.client("log-level").returncode == 0)
    hog.communicate("")


def capabilities(pid):
    """{key: number} of every thread"""
    found = []
    for thread in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{thread}/status", encoding="utf-8") as file:
            text = file.read()
        found.append({key: int(value, 16) for key, value in
                      re.findall(r"^(Cap\w+|NoNewPrivs|Seccomp):\s+(\w+)$", text, re.M)})
    return found


def children(pid, name):
    """Those of this name, of which a task keeps 15 letters"""
    def comm(child):
        with open(f"/proc/{child}/comm", encoding="utf-8") as file:
            return file.read().strip()

    with open(f"/proc/{pid}/task/{pid}/children", encoding="utf-8") as file:
        return [int(word) for word in file.read().split() if comm(word) == name[:15]]


def is_left_with(threads, mask, ambient_start=None):
    return threads and all(
        t["CapPrm"] == t["CapEff"] == mask and t["CapInh"] == t["CapAmb"] == 0
        and t["NoNewPrivs"] == 1 and not t["CapBnd"] & ~(ambient_start or mask) for t in threads)


def privileges(root):
    """On this machine as it is: hooks or not, this is what it is started and left with."""
    if os.geteuid() != 0:
        print("skip privileges needs root", flush=True)
        return
    with open("/proc/self/status", encoding="utf-8") as file:
        mine = int(re.search(r"^CapPrm:\s+(\w+)$", file.read(), re.M).group(1), 16)
    serving, admin = mine & SERVING, mine & SYS_ADMIN

    service = Service(folder_in(root, "root"), settings="[Daemon]\nUser=\n")
    left = capabilities(service.process.pid)
    check("root: what is left", service.ready and is_left_with(left, serving), left)
    readers = children(service.process.pid, "cxlirqd-config")
    left = capabilities(readers[0]) if readers else []
    check("root: its reader has one capability", len(readers) == 1 and is_left_with(left, admin)
          and left[0]["Seccomp"] == 2, left)
    writers = children(service.process.pid, "cxlirqd-affinity")
    check("root: who writes affinities has none", len(writers) == 1 and
          is_left_with(capabilities(writers[0]), 0), writers)
    check("root: ends", service.stop() == 0, service.log())
    check("root: and so do they", not any(os.path.exists(f"/proc/{pid}") for pid in
                                          readers + writers))

    service = Service(folder_in(root, "becomes"), settings="[Daemon]\nUser=nobody\n")
    left = capabilities(service.process.pid)
    check("user: what is left", is_left_with(left, serving, mine & (STARTING | 1 << 2)), left)
    check("user: it is", os.stat(f"/proc/{service.process.pid}/task").st_uid in (NOBODY, 0) and
          f"Uid:\t{NOBODY}\t{NOBODY}\t{NOBODY}" in
          open(f"/proc/{service.process.pid}/status", encoding="utf-8").read())
    readers = children(service.process.pid, "cxlirqd-config")
    check("user: its reader, too", len(readers) == 1 and
          is_left_with(capabilities(readers[0]), admin, mine & (STARTING | 1 << 2)), readers)
    writers = children(service.process.pid, "cxlirqd-affinity")
    check("user: who writes affinities is root's still", len(writers) == 1 and
          is_left_with(capabilities(writers[0]), 0) and
          "Uid:\t0\t0\t0\t0" in open(f"/proc/{writers[0]}/status", encoding="utf-8").read(), writers)
    check("user: its history is its own", os.stat(service.folder + "/history.db").st_uid == NOBODY)
    check("user: ends", service.stop() == 0, service.log())
    check("user: and so does what is root's", not any(os.path.exists(f"/proc/{pid}")
                                                      for pid in writers))
    check("user: and takes its socket away", not os.path.exists(service.path))

    service = Service(folder_in(root, "unknown"), settings="[Daemon]\nUser=no-such-user\n")
    check("no such user: said, and root", service.ready and
          "no user no-such-user" in service.log(), service.log())
    service.stop()

    if mine & STARTING != STARTING:
        print("skip as-the-unit-does root lacks capabilities here", flush=True)
        return
    names = "bpf,+perfmon,+syslog,+sys_admin"
    unit = ("setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", "--no-new-privs",
            f"--inh-caps=-all,+{names}", f"--ambient-caps=-all,+{names}",
            f"--bounding-set=-all,+{names}")
    service = Service(folder_in(root, "unit"), before=unit)
    left = capabilities(service.process.pid)
    check("as the unit does: what is left", service.ready and is_left_with(left, SERVING, STARTING),
          f"{left} {service.log()}")
    readers = children(service.process.pid, "cxlirqd-config")
    left = capabilities(readers[0]) if readers else []
    check("as the unit does: its reader", len(readers) == 1 and
          is_left_with(left, SYS_ADMIN, STARTING) and left[0]["Seccomp"] == 2, left)
    check("as the unit does: nobody of root's comes of it",
          not children(service.process.pid, "cxlirqd-affinity"))
    check("as the unit does: reload", all(service.hang_up()), service.log())
    check("as the unit does: ends", service.stop() == 0, service.log())


def main():
    with tempfile.TemporaryDirectory(prefix="cxlirq-service.") as root:
        os.chmod(root, 0o755)
        trace = os.path.join(root, "trace")
        with lzma.open("tests/data/replay/bench/trace.xz") as packed, open(trace, "wb") as file:
            shutil.copyfileobj(packed, file)
        notifications(root, trace)
        sockets(root, trace)
        writer(root)
        service = reload(root, trace)
        log_level(service)
        permission(service)
        places(service)
        check("ends well", service.stop() == 0, service.log())
        privileges(root)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
