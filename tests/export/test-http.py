#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The exporter over HTTP: curl for what clients do, raw sockets for what none should.

A recorded trace is replayed, so that what is told is known; it is told where a
file says, on sockets that are handed over as systemd does, or nowhere.
"""
import gzip
import json
import lzma
import os
import random
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import threading
import time
import xml.dom.minidom

from prometheus_client.openmetrics import parser as openmetrics
from prometheus_client import parser as text_format

DAEMON = os.path.abspath(os.path.join(os.environ.get("SANITIZED", "build/san"), "cxlirqd"))
ROUTES = ("/", "/page.css", "/page.js", "/icon.svg", "/metrics", "/metrics.json", "/healthz", "/state.json",
          "/picture.svg")
OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"
TEXT = "text/plain; version=0.0.4; charset=utf-8"
REQUEST_SECONDS = 10    # http.h: until when a request's header has to be there
RETRY_SECONDS = 10      # manager-export.c
failures = 0


def check(name, is_so, why=""):
    global failures
    why = " ".join(str(why).split())
    print(f"ok {name}" if is_so else f"not ok {name} {why[:300]}", flush=True)
    failures += not is_so


def wait_for(condition, seconds):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.02)
    return condition()


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Daemon:
    """A replay with these lines in [Export]; None: no such file."""

    def __init__(self, folder, trace, export, fds=()):
        self.folder = folder
        self.socket = os.path.join(folder, "varlink")
        self.config = os.path.join(folder, "conf")
        self.log = os.path.join(folder, "log")
        self.write(export)
        command = [DAEMON, "--replay", trace, "-S", self.socket, "-c", self.config]
        if fds:
            # as systemd does: from 3 on, for this process
            moves = " ".join(f"{i + 3}<&{fd}" for i, fd in enumerate(fds))
            names = ":".join(["metrics"] * len(fds))
            command = ["sh", "-c", f'LISTEN_FDS={len(fds)} LISTEN_FDNAMES={names} LISTEN_PID=$$ exec "$@" {moves}',
                       "sh", *command]
        with open(self.log, "w", encoding="utf-8") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log, pass_fds=fds)
        self.up = wait_for(lambda: self.process.poll() is not None or self.answers(), 60)

    def write(self, export):
        with open(self.config, "w", encoding="utf-8") as file:
            file.write(f"[Export]\n{export}\n")

    def answers(self):
        try:
            return bool(self.status())
        except OSError:
            return False

    def status(self):
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(30)
            connection.connect(self.socket)
            connection.sendall(b'{"method":"io.cxlirqd.GetStatus"}\0')
            data = b""
            while not data.endswith(b"\0"):
                piece = connection.recv(1 << 20)
                if not piece:
                    return None
                data += piece
        return json.loads(data[:-1])["parameters"]["status"]

    def refused(self, kind):
        return sum(entry["count"] for entry in self.status()["exporter"]["refused"] if entry["kind"] == kind)

    def said(self):
        with open(self.log, encoding="utf-8") as file:
            return file.read()

    def stop(self, how=signal.SIGTERM):
        self.process.send_signal(how)
        return self.process.wait(30)


class Reply:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    def __str__(self):
        return f"{self.status} {self.headers} {self.body[:120]}"


def curl(url, *arguments):
    result = subprocess.run(["curl", "-sS", "--noproxy", "*", "-m", "20", "-i", *arguments, url],
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    head, _, body = result.stdout.partition(b"\r\n\r\n")
    lines = head.decode("latin-1").split("\r\n")
    if result.returncode or " " not in lines[0]:
        return Reply(0, {}, result.stderr)
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
    return Reply(int(lines[0].split()[1]), headers, body)


def connect(port):
    connection = socket.create_connection(("127.0.0.1", port), 20)
    connection.settimeout(20)
    return connection


def receive(connection, enough=None):
    """Until the other side ends it, or @enough of what came."""
    data = b""
    try:
        while not (enough and enough(data)):
            piece = connection.recv(65536)
            if not piece:
                break
            data += piece
    except OSError:
        pass
    return data


def request(path="/healthz", version="1.1", method="GET", more=""):
    return f"{method} {path} HTTP/{version}\r\nHost: localhost\r\n{more}\r\n".encode()


def is_well(port):
    start = time.monotonic()
    return curl(f"http://127.0.0.1:{port}/healthz").status == 200 and time.monotonic() - start < 5


# ---- what it answers

def routes(url, local=True):
    name = "tcp" if local else "unix"
    via = [] if local else ["--unix-socket", url]
    base = url if local else "http://anything.example"
    types = {"/": "text/html", "/page.css": "text/css", "/page.js": "text/javascript",
             "/icon.svg": "image/svg+xml", "/metrics": TEXT, "/metrics.json": "application/json",
             "/healthz": "text/plain", "/state.json": "application/json", "/picture.svg": "image/svg+xml"}
    for route in ROUTES:
        reply = curl(base + route, *via)
        check(f"{name}: {route}", reply.status == 200 and reply.headers["content-type"].startswith(types[route])
              and len(reply.body) == int(reply.headers["content-length"]) and reply.body, reply)
        head = curl(base + route, "-I", *via)
        check(f"{name}: HEAD {route}", head.status == 200 and not head.body and
              {**head.headers, "date": ""} == {**reply.headers, "date": ""}, head)
    for route in ("/none", "/metrics/", "/metrics.txt", "//metrics", "/page.html", "/../etc/passwd", "/%2e%2e/",
                  "/METRICS"):
        reply = curl(base + route, "--path-as-is", *via)
        check(f"{name}: {route} is not there", reply.status == 404, reply)


def contents(url):
    text = curl(url + "/metrics").body.decode()
    families = list(text_format.text_string_to_metric_families(text))
    check("text is Prometheus'", len(families) > 5 and any(f.name == "cxlirq_vectors" for f in families), text)
    reply = curl(url + "/metrics", "-H", "Accept: application/openmetrics-text")
    families = list(openmetrics.text_string_to_metric_families(reply.body.decode()))
    check("OpenMetrics is OpenMetrics", len(families) > 5 and reply.headers["content-type"] == OPENMETRICS, reply)
    check("metrics as JSON", all({"name", "help", "type", "metrics"} <= set(f)
                                 for f in json.loads(curl(url + "/metrics.json").body)))
    check("health", curl(url + "/healthz").body == b"ok\n")
    reply = curl(url + "/healthz", "-H", "Accept: application/json")
    check("health as JSON", json.loads(reply.body) == {"health": "healthy", "reasons": []}, reply)
    state = json.loads(curl(url + "/state.json").body)
    check("state", state["vectors"] and state["status"]["health"] == "healthy", state)
    whole = xml.dom.minidom.parseString(curl(url + "/picture.svg").body)
    device = next(row["provider"] for row in state["vectors"] if row["provider"])
    one = xml.dom.minidom.parseString(curl(f"{url}/picture.svg?device={device}").body)
    check("picture", whole.documentElement.tagName == "svg" and
          len(whole.getElementsByTagName("rect")) > len(one.getElementsByTagName("rect")) > 2)
    none = curl(url + "/picture.svg?device=%3Cscript%3E")
    check("picture of no device", none.status == 200 and b"No vector" in none.body, none)
    reply = curl(url + "/metrics?name=x&a=%00%ff#f")
    check("a query is ignored", reply.status == 200, reply)


def negotiation(url):
    for accept, expected in (
            ("application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,"
             "text/plain;version=0.0.4;q=0.5,*/*;q=0.1", OPENMETRICS),
            ("text/plain;version=0.0.4;q=0.3,*/*;q=0.2", TEXT),
            ("*/*", TEXT),
            ("text/html,*/*;q=0.8", TEXT),
            ("image/png", TEXT),
            ("application/openmetrics-text;q=0,text/plain", TEXT)):
        reply = curl(url + "/metrics", "-H", f"Accept: {accept}")
        check(f"Accept: {accept[:50]}", reply.headers["content-type"] == expected and
              "Accept," in reply.headers["vary"], reply)
        check("and its end", (b"# EOF\n" == reply.body[-6:]) == (expected == OPENMETRICS), reply.body[-20:])
    reply = curl(url + "/metrics", "-H", "Accept: text/plain;q=0.1", "-H", "Accept: application/openmetrics-text")
    check("two Accept headers", reply.headers["content-type"] == OPENMETRICS, reply)
    check("no Accept header", curl(url + "/metrics", "-H", "Accept:").headers["content-type"] == TEXT)


def compression(url):
    plain = curl(url + "/metrics.json", "-H", "Accept-Encoding: identity")
    for encoding, is_packed in (("gzip", True), ("gzip, deflate, br", True), ("gzip;q=0", False), ("*", True),
                                ("br", False), ("gzip;q=0.1, identity;q=0.5", False), ("x-gzip", True)):
        reply = curl(url + "/metrics.json", "-H", f"Accept-Encoding: {encoding}")
        packed = reply.headers.get("content-encoding") == "gzip"
        check(f"Accept-Encoding: {encoding}", packed == is_packed and "Accept-Encoding" in reply.headers["vary"]
              and int(reply.headers["content-length"]) == len(reply.body), reply)
        body = gzip.decompress(reply.body) if packed else reply.body
        check("and what is in it", {f["name"] for f in json.loads(body)} == {f["name"] for f in json.loads(plain.body)})
    packed = curl(url + "/metrics.json", "--compressed")
    check("worth it", int(packed.headers["content-length"]) * 4 < len(plain.body), packed.headers)
    reply = curl(url + "/healthz", "--compressed")
    check("not worth it", "content-encoding" not in reply.headers and reply.body == b"ok\n", reply)


def refusals(url, port, daemon):
    for method in ("POST", "PUT", "DELETE", "OPTIONS", "TRACE", "PATCH", "BREW"):
        reply = curl(url + "/metrics", "-X", method)
        check(f"{method} is not allowed", reply.status == 405 and reply.headers["allow"] == "GET, HEAD", reply)
    reply = curl(url + "/metrics", "-d", "x" * 100000)
    check("nor is a body read", reply.status == 405, reply)
    own = socket.gethostname()
    before = daemon.refused("host")
    for host, status in (("evil.example", 421), ("evil.example:9967", 421), ("localhost.evil.example", 421),
                         ("127.0.0.1.evil.example", 421), ("[evil]", 421), ("x" * 400, 421), ("localhost", 200),
                         ("LOCALHOST:1", 200), ("a.localhost:80", 200), ("127.0.0.1", 200), ("[::1]:9967", 200),
                         (own, 200)):
        reply = curl(url + "/state.json", "-H", f"Host: {host}")
        check(f"Host: {host[:30]}", reply.status == status, reply)
    check("other hosts are counted", daemon.refused("host") == before + 6, daemon.status()["exporter"])
    for route in ROUTES + ("/none",):
        headers = curl(url + route).headers
        policy = headers["content-security-policy"]
        check(f"headers of {route}", policy.startswith("default-src 'none'") and "*" not in policy and
              ("unsafe" in policy) == route.endswith(".svg")
              and headers["x-content-type-options"] == "nosniff" and headers["referrer-policy"] == "no-referrer"
              and headers["cache-control"] == ("no-cache" if route in ROUTES[:4] else "no-store")
              and "access-control-allow-origin" not in headers, headers)


# ---- what it bears

def odd(port, daemon):
    for name, data, codes in (
            ("a header of 60 kB", request(more="X: " + "a" * 60000 + "\r\n"), (431,)),
            ("3000 headers", request(more="X: a\r\n" * 3000), (431,)),
            ("a line of 60 kB", request("/" + "a" * 60000), (414,)),
            ("no version", b"GET /healthz\r\n\r\n", (400,)),
            ("another protocol", b"GET / FTP/1.0\r\n\r\n", (400,)),
            ("no host", b"GET /healthz HTTP/1.1\r\n\r\n", (400,)),
            ("no colon", b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nx\r\n\r\n", (400,)),
            ("a length that is none", request(more="Content-Length: -5\r\n"), (400,)),
            ("a huge body", request(more="Content-Length: 99999999999\r\n"), (200,)),
            ("a whole address", request("http://localhost/healthz", more="Connection: close\r\n"), (200,)),
            ("old", b"GET /healthz HTTP/1.0\r\n\r\n", (200,))):
        with connect(port) as connection:
            try:
                connection.sendall(data)
            except OSError:
                pass
            answer = receive(connection)
        check(f"odd: {name}", any(answer.startswith(f"HTTP/1.1 {code} ".encode()) for code in codes), answer[:80])
    check("what is too large is counted", daemon.refused("too-large") == 3, daemon.status()["exporter"])
    check("what makes no sense is counted", daemon.refused("malformed") >= 4, daemon.status()["exporter"])
    random.seed(5)
    for _ in range(50):
        with connect(port) as connection:
            try:
                connection.sendall(random.randbytes(random.randrange(1, 3000)))
                connection.shutdown(socket.SHUT_WR)
            except OSError:
                pass
    check("noise", is_well(port))
    check("none of it stays", wait_for(lambda: daemon.status()["exporter"]["connections"] <= 5, 5),
          daemon.status()["exporter"])


def pipeline(port):
    with connect(port) as connection:
        connection.sendall(request() * 20 + request("/none") + request(method="HEAD") +
                           request(more="Connection: close\r\n"))
        answer = receive(connection)
    check("pipelined: each is answered, in order", answer.count(b"HTTP/1.1 ") == 23 and
          answer.count(b"\r\n\r\nok\n") == 21 and answer.count(b"HTTP/1.1 404") == 1 and
          answer.index(b"404") > answer.rindex(b"ok\n", 0, answer.index(b"404")), answer[-300:])
    with connect(port) as connection:
        for _ in range(3):
            connection.sendall(request())
            answer = receive(connection, lambda data: data.endswith(b"ok\n"))
            check("the connection is kept", answer.endswith(b"ok\n") and b"lose" not in answer, answer)
    with connect(port) as connection:
        for byte in request():
            connection.sendall(bytes([byte]))
        check("byte by byte", receive(connection, lambda data: data.endswith(b"ok\n")).endswith(b"ok\n"))


def crowd(port, daemon):
    before = daemon.refused("address")
    connections = [connect(port) for _ in range(100)]
    check("100 connections: 32 of one address", wait_for(lambda: daemon.refused("address") == before + 68, 20) and
          daemon.status()["exporter"]["connections"] == 32, daemon.status()["exporter"])
    for connection in connections[:32]:
        connection.sendall(request())
    answers = [receive(connection, lambda data: data.endswith(b"ok\n")) for connection in connections[:32]]
    check("and these are served", all(answer.endswith(b"ok\n") for answer in answers), answers)
    for connection in connections:
        connection.close()
    check("then there is room again", wait_for(lambda: daemon.status()["exporter"]["connections"] == 0, 20) and
          is_well(port))


def flood(port, daemon):
    """Clients that ask without end, of which some never read: the socket answers as ever."""
    end = time.monotonic() + 4
    counts = []

    def ask():
        n = 0
        while time.monotonic() < end:
            n += curl(f"http://127.0.0.1:{port}/metrics", "--compressed").status == 200
        counts.append(n)

    deaf = [connect(port) for _ in range(8)]
    for connection in deaf:
        connection.setblocking(False)
        try:
            while True:
                connection.send(request("/metrics.json") * 10)
        except BlockingIOError:
            pass
    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    slowest = 0
    while time.monotonic() < end:
        start = time.monotonic()
        daemon.status()
        slowest = max(slowest, time.monotonic() - start)
        time.sleep(0.02)
    for thread in threads:
        thread.join()
    check("a flood leaves the socket its share", slowest < 2, f"{slowest:.2f} s")
    check("and is served", all(counts), counts)
    for connection in deaf:
        connection.close()
    check("and over", wait_for(lambda: daemon.status()["exporter"]["connections"] == 0, 20) and is_well(port))


class Slow(threading.Thread):
    """Sends a byte a second and never a whole request; then nothing is read of an answer."""

    def __init__(self, port):
        super().__init__()
        self.port = port
        self.lived = None
        self.start()

    def run(self):
        start = time.monotonic()
        with connect(self.port) as connection:
            connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nX: ")
            connection.settimeout(1)
            while time.monotonic() < start + 6 * REQUEST_SECONDS:
                try:
                    connection.sendall(b"a")
                    if not connection.recv(100):
                        break
                except TimeoutError:
                    continue
                except OSError:
                    break
        self.lived = time.monotonic() - start


def answers(folder, trace):
    port, path = free_port(), os.path.join(folder, "http")
    daemon = Daemon(folder, trace, f"Listen=127.0.0.1:{port} unix:{path}")
    url = f"http://127.0.0.1:{port}"
    check("listens", daemon.status()["exporter"]["listening"] == [f"127.0.0.1:{port}", f"unix:{path}"], daemon.said())
    check("one thread", len(os.listdir(f"/proc/{daemon.process.pid}/task")) == 1)
    before = daemon.refused("expired")
    slow = [Slow(port) for _ in range(5)]
    routes(url)
    routes(path, local=False)
    contents(url)
    negotiation(url)
    compression(url)
    refusals(url, port, daemon)
    odd(port, daemon)
    pipeline(port)
    for thread in slow:
        thread.join()
    check("slow ones are ended", all(REQUEST_SECONDS - 1 < thread.lived < REQUEST_SECONDS + 8 for thread in slow),
          [thread.lived for thread in slow])
    check("and counted", daemon.refused("expired") == before + 5, daemon.status()["exporter"])
    crowd(port, daemon)
    flood(port, daemon)
    reload(daemon, port, path)
    check("ends well", daemon.stop() == 0, daemon.said())
    check("takes its socket away", not os.path.exists(path))


# ---- where it listens

def reload(daemon, port, path):
    """Another address, while a connection is open; then nonsense; then none."""
    other = free_port()
    with connect(port) as kept:
        kept.sendall(request())
        receive(kept, lambda data: data.endswith(b"ok\n"))
        daemon.write(f"Listen=127.0.0.1:{other} unix:{path}")
        daemon.process.send_signal(signal.SIGHUP)
        check("reload: listens elsewhere", wait_for(lambda: curl(f"http://127.0.0.1:{other}/healthz").status == 200, 20),
              daemon.said())
        check("reload: no more where it was", curl(f"http://127.0.0.1:{port}/healthz").status == 0)
        kept.sendall(request())
        check("reload: who is connected stays", receive(kept, lambda data: data.endswith(b"ok\n")).endswith(b"ok\n"))
    check("reload: the file stays", curl("http://x/healthz", "--unix-socket", path).status == 200)
    daemon.write("Listen=nonsense")
    daemon.process.send_signal(signal.SIGHUP)
    check("reload: nonsense is told", wait_for(lambda: "nonsense" in daemon.said(), 20), daemon.said())
    check("reload: and changes nothing", curl(f"http://127.0.0.1:{other}/healthz").status == 200)
    daemon.write("Listen=")
    daemon.process.send_signal(signal.SIGHUP)
    check("reload: nowhere", wait_for(lambda: daemon.status()["exporter"]["listening"] == [], 20), daemon.status())
    check("reload: the file is gone", not os.path.exists(path))


def files(folder, trace):
    """A socket's file that a dead daemon left, that a living one has, and what is no socket."""
    path = os.path.join(folder, "http")
    daemon = Daemon(folder, trace, f"Listen=unix:{path}")
    check("file: everybody may", stat.S_IMODE(os.stat(path).st_mode) == 0o666)
    check("file: answers", curl("http://x/healthz", "--unix-socket", path).status == 200)
    second_folder = os.path.join(folder, "second")
    os.mkdir(second_folder)
    second = Daemon(second_folder, trace, f"Listen=unix:{path}")
    check("file: a living one is left alone", curl("http://x/healthz", "--unix-socket", path).status == 200 and
          "Address already in use" in second.said() and second.status()["health"] == "degraded", second.said())
    second.stop()
    check("file: and its end takes nothing away", os.path.exists(path))
    daemon.stop(signal.SIGKILL)
    check("file: a dead one leaves it", os.path.exists(path))
    daemon = Daemon(folder, trace, f"Listen=unix:{path}")
    check("file: which makes way", curl("http://x/healthz", "--unix-socket", path).status == 200 and
          daemon.status()["health"] == "healthy", daemon.said())
    daemon.stop()
    check("file: and goes", not os.path.exists(path))
    with open(path, "w", encoding="utf-8") as file:
        file.write("precious")
    daemon = Daemon(folder, trace, f"Listen=unix:{path}")
    check("file: no socket", "File exists" in daemon.said() and os.path.getsize(path) == 8, daemon.said())
    daemon.stop()


def activation(folder, trace):
    """Sockets that are handed over; nobody listens by default then."""
    path = os.path.join(folder, "passed")
    with socket.create_server(("127.0.0.1", 0)) as first, socket.socket(socket.AF_UNIX) as second:
        second.bind(path)
        second.listen()
        port = first.getsockname()[1]
        daemon = Daemon(folder, trace, "", (first.fileno(), second.fileno()))
        check("passed: listens", daemon.status()["exporter"]["listening"] ==
              [f"127.0.0.1:{port}", f"unix:{path}"], daemon.said())
        check("passed: answers", is_well(port) and curl("http://x/", "--unix-socket", path).status == 200)
        check("passed: Host is looked at", curl(f"http://127.0.0.1:{port}/", "-H", "Host: evil").status == 421)
        check("passed: ends", daemon.stop() == 0)
        check("passed: the file is not ours", os.path.exists(path))
        daemon = Daemon(folder, trace, f"Listen=127.0.0.1:{port}", (first.fileno(),))
        check("passed: and set as well, is one", daemon.status()["exporter"]["listening"] == [f"127.0.0.1:{port}"] and
              daemon.status()["health"] == "healthy" and is_well(port), daemon.said())
        daemon.stop()
    with socket.socket(type=socket.SOCK_DGRAM) as datagrams:
        datagrams.bind(("127.0.0.1", 0))
        daemon = Daemon(folder, trace, "", (datagrams.fileno(),))
        check("passed: not a stream", "cannot use a socket from systemd" in daemon.said() and daemon.answers(),
              daemon.said())
        daemon.stop()


def nowhere(folder, trace):
    for export in ("", "Listen="):
        daemon = Daemon(folder, trace, export)
        check(f"a replay listens nowhere by itself: {export}", daemon.status()["exporter"]["listening"] == [] and
              daemon.status()["health"] == "healthy", daemon.status())
        daemon.stop()
    daemon = Daemon(folder, trace, "Listen=127.0.0.1")
    check("a bad address is one line", "127.0.0.1: no port" in daemon.said() and daemon.answers(), daemon.said())
    daemon.stop()
    if socket.has_ipv6 and os.path.exists("/proc/net/if_inet6"):
        port = free_port()
        daemon = Daemon(folder, trace, f"Listen=:{port}")
        check("every address", is_well(port) and curl(f"http://[::1]:{port}/healthz").status == 200, daemon.said())
        check("every address: any Host", curl(f"http://127.0.0.1:{port}/", "-H", "Host: a.example").status == 200)
        daemon.stop()
        daemon = Daemon(folder, trace, f"Listen=[::1]:{port}")
        check("IPv6", curl(f"http://[::1]:{port}/healthz").status == 200 and
              curl(f"http://127.0.0.1:{port}/healthz").status == 0, daemon.said())
        daemon.stop()


def in_use(folder, trace):
    """Somebody else is there: told once, bad for the health, and mended when he goes."""
    port = free_port()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        busy = taken.getsockname()[1]
        daemon = Daemon(folder, trace, f"Listen=127.0.0.1:{port} 127.0.0.1:{busy}")
        lines = [line for line in daemon.said().splitlines() if "Address already in use" in line]
        check("in use: one line", len(lines) == 1 and str(busy) in lines[0], daemon.said())
        status = daemon.status()
        check("in use: health", status["health"] == "degraded" and
              any(f"127.0.0.1:{busy}: Address already in use" in reason for reason in status["reasons"]), status)
        reply = curl(f"http://127.0.0.1:{port}/healthz")
        check("in use: /healthz", reply.status == 503 and f"127.0.0.1:{busy}" in reply.body.decode() and
              reply.headers["content-type"].startswith("text/plain"), reply)
        reply = curl(f"http://127.0.0.1:{port}/healthz", "-H", "Accept: application/json")
        check("in use: /healthz as JSON", reply.status == 503 and json.loads(reply.body)["health"] == "degraded" and
              json.loads(reply.body)["reasons"] == status["reasons"], reply)
    check("in use: mended", wait_for(lambda: daemon.status()["health"] == "healthy", RETRY_SECONDS + 10) and
          is_well(busy), daemon.said())
    check("in use: was told once", daemon.said().count("Address already in use") == 1, daemon.said())
    daemon.stop()


def main():
    trace_in = "tests/data/replay/bench/trace.xz"
    with tempfile.TemporaryDirectory(prefix="cxlirq-http.") as folder:
        os.chmod(folder, 0o755)
        trace = os.path.join(folder, "trace")
        with lzma.open(trace_in) as packed, open(trace, "wb") as file:
            file.write(packed.read())
        for part in (answers, files, activation, nowhere, in_use):
            own = os.path.join(folder, part.__name__)
            os.mkdir(own)
            part(own, trace)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
