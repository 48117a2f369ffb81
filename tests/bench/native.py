# SPDX-License-Identifier: GPL-2.0-or-later
"""The rows that need no kernel of their own: what a replaying daemon costs on this machine.

This machine is not ours alone.  Time is the processor's, of the process that is measured, and not the
wall's; runs of the daemon and of its peer take turns; and what is told is the median.
"""
import http.client
import os
import select
import socket
import statistics
import subprocess
import sys
import tempfile
import time

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "export"))
import scrape  # noqa: E402
import traces  # noqa: E402
from rows import Row, bytes_of, ms, per_second, ratio  # noqa: E402

SIZES = (100, 1000, 4096)
RECORDS = 500000
RUNS = 7


def processor_seconds(pid):
    """Of a process that is not ours: clock_getcpuclockid(3)"""
    return time.clock_gettime((~pid << 3) | 2)


class NodeExporter:
    """Its collector of interrupts, and nothing else, which reads /proc/interrupts of a made-up host."""

    def __init__(self, folder, peers, vectors):
        self.folder = os.path.join(folder, f"proc.{vectors}")
        os.makedirs(self.folder)
        with open(os.path.join(self.folder, "interrupts"), "w", encoding="ascii") as file:
            file.write(traces.proc_interrupts(vectors))
        # it looks at itself, and at what a processor is, before it begins
        os.symlink("/proc/self", os.path.join(self.folder, "self"))
        self.port = scrape.free_port()
        self.process = subprocess.Popen(
            [os.path.join(peers, "prometheus-node-exporter"), "--collector.disable-defaults",
             "--collector.interrupts", "--web.disable-exporter-metrics", f"--path.procfs={self.folder}",
             f"--web.listen-address=127.0.0.1:{self.port}"],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        while "Listening on" not in (line := self.process.stderr.readline()):
            if not line:
                raise RuntimeError("node_exporter did not start")
        self.where = ("127.0.0.1", self.port)

    def stop(self):
        self.process.terminate()
        self.process.wait(30)
        self.process.stderr.close()


class Ours:
    """A replaying daemon of so many vectors."""

    def __init__(self, folder, notified, where, vectors):
        path = os.path.join(folder, f"{vectors}.trace")
        with open(path, "wb") as file:
            file.write(traces.host_of(vectors))
        self.daemon = scrape.Daemon(os.path.join(folder, str(vectors)), path, next(where), notified)
        notified.wait([self.daemon.process])
        self.process, self.where = self.daemon.process, (self.daemon.address, scrape.PORT)

    def stop(self):
        self.daemon.stop()


def scraped(server):
    """The processor's seconds that one answer took, and the answer."""
    before = processor_seconds(server.process.pid)
    connection = http.client.HTTPConnection(*server.where, timeout=60)
    connection.request("GET", "/metrics")
    body = connection.getresponse().read()
    connection.close()
    return processor_seconds(server.process.pid) - before, body


def series(body):
    return sum(1 for line in body.splitlines() if line and line[:1] != b"#")


def throughput(_options):
    """Records a second, on one core."""
    chain = os.path.join(scrape.BUILD, "tests", "bench", "chain")
    seconds = {"none": [], "events": [], "store": []}
    with tempfile.TemporaryDirectory(prefix="cxlirq-bench.") as folder:
        path = os.path.join(folder, "trace")
        records = traces.longer(path, RECORDS)
        for _ in range(RUNS):
            for what, times in seconds.items():
                with tempfile.TemporaryDirectory(dir=folder) as store:
                    out = subprocess.run([chain, path, store if what == "store" else what], check=True,
                                         stdout=subprocess.PIPE, text=True).stdout.split()
                times.append(float(out[1]))
                events = int(out[0])
    rate = {what: records / statistics.median(times) for what, times in seconds.items()}
    said = f"{records:,} records, of which {100 * events / records:.0f} % are events; no text is made of these."
    return [
        Row("throughput: decode, model, rules", per_second(rate["none"], "records"), "", "", ">= 1,000,000/s",
            rate["none"] >= 1e6, said),
        Row("... and the text of events, for clients", per_second(rate["events"], "records"), "", "", "stated", None),
        Row("... and the store (SQLite, one thread)", per_second(rate["store"], "records"), "", "",
            ">= 100,000/s", rate["store"] >= 1e5),
    ]


def start(_options):
    """From exec to READY=1, of a host with 1,000 vectors."""
    times = []
    with tempfile.TemporaryDirectory(prefix="cxlirq-bench.") as folder:
        path, notify = os.path.join(folder, "trace"), os.path.join(folder, "notify")
        with open(path, "wb") as file:
            file.write(traces.host_of(1000))
        with open(os.path.join(folder, "conf"), "w", encoding="ascii") as file:
            file.write("[Daemon]\nUser=\n[Export]\nListen=\nReport=\n")
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ready:
            ready.bind(notify)
            for _ in range(RUNS):
                began = time.monotonic()
                process = subprocess.Popen(
                    [os.path.join(scrape.BUILD, "cxlirqd"), "--replay", path, "-S", os.path.join(folder, "s"),
                     "-c", os.path.join(folder, "conf")],
                    stderr=subprocess.DEVNULL, env=dict(os.environ, NOTIFY_SOCKET=notify))
                told = b""
                while b"READY=1" not in told and select.select([ready], [], [], scrape.SECONDS)[0]:
                    told = ready.recv(4096)
                times.append(time.monotonic() - began)
                process.terminate()
                process.wait(30)
                # its farewell is not the next one's
                while select.select([ready], [], [], 0)[0]:
                    ready.recv(4096)
    value = statistics.median(times)
    return [Row("start, exec to READY=1, 1,000 vectors, by replay", ms(value), "", "", "<= 300 ms", value <= 0.3,
                f"slowest of {RUNS}: {ms(max(times))}")]


def scrapes(options):
    """/metrics of hosts with 64 processors, beside node_exporter's collector of interrupts."""
    rows, where = [], scrape.addresses()
    with tempfile.TemporaryDirectory(prefix="cxlirq-bench.") as folder:
        notified = scrape.Notified(folder)
        for vectors in SIZES:
            servers = [Ours(folder, notified, where, vectors)]
            try:
                servers.append(NodeExporter(folder, options.peers, vectors))
                times, bodies = ([], []), [b"", b""]
                for _ in range(RUNS):
                    for n, server in enumerate(servers):
                        seconds, bodies[n] = scraped(server)
                        times[n].append(seconds)
            finally:
                for server in servers:
                    server.stop()
            rows += scrape_rows(vectors, [statistics.median(t) for t in times], bodies)
        notified.close()
    return rows


def scrape_rows(vectors, seconds, bodies):
    count = [series(body) for body in bodies]
    if not all(count):
        raise RuntimeError("a scrape that tells nothing: " + repr(bodies[not count[0]][:200]))
    name = f"scrape, {vectors:,} vectors, 64 processors"
    return [
        Row(f"{name}: processor's time", ms(seconds[0]), f"node_exporter {ms(seconds[1])}",
            ratio(seconds[0], seconds[1]), "faster", seconds[0] < seconds[1]),
        Row("... series", f"{count[0]:,}", f"node_exporter {count[1]:,}", ratio(count[0], count[1]), "<= 1/10",
            count[0] <= count[1] / 10),
        Row("... bytes", bytes_of(len(bodies[0])), f"node_exporter {bytes_of(len(bodies[1]))}",
            ratio(len(bodies[0]), len(bodies[1])), "stated", None),
    ]


ROWS = {"throughput": throughput, "start": start, "scrape": scrapes}
