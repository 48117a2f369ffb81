# SPDX-License-Identifier: GPL-2.0-or-later
"""A replayed daemon with its exporter, and a real Prometheus that scrapes it.

Both are children of the test, live in its temporary directory, and are ended by their process
ids.  Nothing is waited for by sleeping: the daemon says READY=1 on its notification socket, and
Prometheus says so in its log.  Each daemon has a loopback address of its own (all of 127.0.0.0/8 is
this machine), so that any number of them can have the exporter's usual port.
"""
import gzip
import http.client
import itertools
import json
import os
import queue
import re
import select
import signal
import socket
import subprocess
import threading
import time
import urllib.parse

import yaml

HERE = os.path.dirname(os.path.abspath(__file__))
BUILD = os.environ.get("BUILD", os.path.join(HERE, "..", "..", "build"))
DATA = os.path.join(HERE, "..", "data")
CONTRIB = os.path.join(HERE, "..", "..", "contrib")
PORT = 9967
OPENMETRICS = "application/openmetrics-text; version=1.0.0"
SECONDS = 60


def tools():
    """The directory of prometheus and promtool."""
    result = subprocess.run([os.path.join(HERE, "..", "prometheus.sh")], stdout=subprocess.PIPE,
                            text=True, check=True)
    return result.stdout.strip()


def addresses():
    """Loopback addresses that nobody else has: those of other runs begin elsewhere."""
    start = (os.getpid() % 0x3fff) << 9
    for n in itertools.count(start):
        number = 0x7f400000 + n % 0x800000
        address = socket.inet_ntoa(number.to_bytes(4, "big"))
        if address.endswith((".0", ".255")):
            continue
        try:
            with socket.socket() as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind((address, PORT))
        except OSError:
            continue
        yield address


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Notified:
    """Where daemons say that they are ready: NOTIFY_SOCKET of sd_notify(3)."""

    def __init__(self, folder):
        self.path = os.path.join(folder, "notify")
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(self.path)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)

    def wait(self, processes, seconds=SECONDS):
        """Until each has said READY=1.  RuntimeError: one has ended, or time is up."""
        missing = {process.pid for process in processes}
        end = time.monotonic() + seconds
        while missing:
            if not select.select([self.socket], [], [], 0.2)[0]:
                ended = [p for p in processes if p.pid in missing and p.poll() is not None]
                if ended or time.monotonic() > end:
                    raise RuntimeError(f"{len(missing)} daemons are not ready, "
                                       f"{len(ended)} of them have ended")
                continue
            data, ancillary, _, _ = self.socket.recvmsg(4096, 256)
            for _, _, credentials in ancillary:
                if b"READY=1" in data.split(b"\n"):
                    missing.discard(int.from_bytes(credentials[:4], "little"))

    def close(self):
        self.socket.close()


class Daemon:
    """cxlirqd --replay TRACE, exporting on an address of its own."""

    def __init__(self, folder, trace, address, notified, export="", program=None):
        os.makedirs(folder, exist_ok=True)
        self.folder, self.address = folder, address
        self.target = f"{address}:{PORT}"
        self.socket = os.path.join(folder, "socket")
        configuration = os.path.join(folder, "cxlirqd.conf")
        with open(configuration, "w", encoding="utf-8") as file:
            file.write(f"[Daemon]\nUser=\n[Export]\nListen={self.target}\nReport=\n{export}\n")
        with open(os.path.join(folder, "log"), "w", encoding="utf-8") as log:
            self.process = subprocess.Popen(
                [program or os.path.join(BUILD, "cxlirqd"), "--replay", trace, "-S", self.socket, "-c",
                 configuration], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                env=dict(os.environ, NOTIFY_SOCKET=notified.path))

    def log(self):
        with open(os.path.join(self.folder, "log"), encoding="utf-8") as file:
            return file.read()

    def get(self, path="/metrics", accept=None, zipped=False):
        """Body, as text, and headers."""
        connection = http.client.HTTPConnection(self.address, PORT, timeout=30)
        headers = {"Accept": accept} if accept else {}
        if zipped:
            headers["Accept-Encoding"] = "gzip"
        connection.request("GET", path, headers=headers)
        response = connection.getresponse()
        body = response.read()
        connection.close()
        if response.status != 200:
            raise RuntimeError(f"{path}: HTTP {response.status}")
        if response.getheader("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        return body.decode(), response.headers

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.process.wait(30)


class Prometheus:
    """A server of our own, with its data in a folder."""

    def __init__(self, folder, configuration, *arguments, directory=None):
        """configuration: text of prometheus.yml"""
        os.makedirs(folder, exist_ok=True)
        self.port = free_port()
        self.lines, self.ready = [], queue.Queue()
        path = os.path.join(folder, "prometheus.yml")
        with open(path, "w", encoding="utf-8") as file:
            file.write(configuration)
        self.process = subprocess.Popen(
            [os.path.join(directory or tools(), "prometheus"), f"--config.file={path}",
             f"--web.listen-address=127.0.0.1:{self.port}", "--log.format=json",
             f"--storage.tsdb.path={os.path.join(folder, 'data')}", "--storage.tsdb.retention.time=1d",
             *arguments], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
            text=True)
        threading.Thread(target=self._read_log, daemon=True).start()
        if not self.ready.get(timeout=SECONDS):
            raise RuntimeError("Prometheus did not start: " + " | ".join(self.lines[-3:]))

    def _read_log(self):
        for line in self.process.stderr:
            self.lines.append(line.strip())
            if "Server is ready to receive web requests" in line:
                self.ready.put(True)
        self.ready.put(False)

    def complaints(self):
        """Lines of its log that are no information."""
        return [line for line in self.lines if json.loads(line).get("level") not in ("info", "debug")]

    def page(self, path):
        """Something that it says of itself."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        connection.request("GET", path)
        text = connection.getresponse().read().decode()
        connection.close()
        return text

    def api(self, path, **parameters):
        answer = json.loads(self.page(f"/api/v1/{path}?{urllib.parse.urlencode(parameters, doseq=True)}"))
        if answer["status"] != "success":
            raise RuntimeError(answer.get("error"))
        return answer["data"]

    def query(self, expression, **parameters):
        """Instant vector: a list of (labels, value)."""
        data = self.api("query", query=expression, **parameters)
        if data["resultType"] == "scalar":
            return [({}, float(data["result"][1]))]
        return [(row["metric"], float(row["value"][1])) for row in data["result"]]

    def value(self, expression):
        """Of an expression with one result; None = it has none."""
        rows = self.query(expression)
        return rows[0][1] if rows else None

    def wait(self, is_so, seconds=SECONDS, every=0.2):
        """Until is_so() says something true, which is returned; None when time is up.

        Prometheus tells nobody when it has scraped: it has to be asked.
        """
        end = time.monotonic() + seconds
        while True:
            result = is_so()
            if result or time.monotonic() > end or self.process.poll() is not None:
                return result or None
            time.sleep(every)

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.process.wait(60)


def copy_rules(folder, faster):
    """The shipped rules, with so many times less patience."""
    units = {"s": 1, "m": 60, "h": 3600, "d": 86400}

    def shorter(duration):
        return f"{max(int(int(duration[:-1]) * units[duration[-1]] / faster), 1)}s"

    for name in ("cxlirq.rules.yml", "cxlirq.alerts.yml"):
        with open(os.path.join(CONTRIB, "prometheus", name), encoding="utf-8") as file:
            rules = yaml.safe_load(file)
        for group in rules["groups"]:
            if "interval" in group:
                group["interval"] = shorter(group["interval"])
            for rule in group["rules"]:
                if "for" in rule:
                    rule["for"] = shorter(rule["for"])
        with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
            yaml.safe_dump(rules, file)


def memory(pid):
    """Proportional set size and resident set size of a process, bytes."""
    with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as file:
        fields = dict(re.findall(r"^(\w+): +(\d+) kB", file.read(), re.M))
    return int(fields["Pss"]) * 1024, int(fields["Rss"]) * 1024


def processor_time(pid):
    """Seconds that a process has run."""
    with open(f"/proc/{pid}/stat", encoding="ascii") as file:
        fields = file.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def families(manual):
    """The table, from what "cxlirqd --metrics" prints: {name of the series: [labels]}."""
    table = {}
    for name, labels in re.findall(r"^\.It Va (cxlirq_\w+)(?: Ns Brq Va (.*))?$", manual, re.M):
        table[name] = labels.split(" , ") if labels else []
    return table
