#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""A fleet on one machine: fleet.py [HOSTS] [--interval SECONDS] [--scrapes N] [--json FILE]

So many replayed daemons, each with the exporter on a loopback address of its own, and one real
Prometheus with the shipped rules that scrapes them all.  Says what that costs: memory and processor
time of Prometheus and of a daemon, series, samples and time of a scrape.

The hosts are made up: 64 processors, 742 interrupts with an owner, 4 CXL memory devices with 8 PMUs
that have 4 counters each (tests/export/host.py).  Every tenth is a recorded one with violations.
"""
import argparse
import json
import lzma
import os
import statistics
import sys
import tempfile
import time

import yaml
from prometheus_client.parser import text_string_to_metric_families

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "export"))
import host  # noqa: E402
import scrape  # noqa: E402

# Daemons that read their trace at the same time: the machine is not ours alone.
AT_ONCE = 8
USUAL_INTERVAL = 30


class Fleet:
    """Context manager: the daemons, then Prometheus."""

    def __init__(self, hosts, interval):
        self.n, self.interval = hosts, interval
        self.folder = tempfile.TemporaryDirectory(prefix="cxlirq-fleet.")
        self.daemons, self.prometheus = [], None

    def __enter__(self):
        try:
            self._start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def _start(self):
        where, notified = scrape.addresses(), scrape.Notified(self.folder.name)
        paths = self._traces()
        for first in range(0, self.n, AT_ONCE):
            batch = []
            for n in range(first, min(first + AT_ONCE, self.n)):
                path = paths["violations" if n % 10 == 9 else "typical"]
                batch.append(scrape.Daemon(os.path.join(self.folder.name, str(n)), path, next(where),
                                           notified))
                self.daemons.append(batch[-1])
            notified.wait([daemon.process for daemon in batch])
        notified.close()
        self.spent = sum(scrape.processor_time(d.process.pid) for d in self.daemons)
        self.began = time.monotonic()
        self.prometheus = scrape.Prometheus(self.folder.name, self._configuration())

    def _traces(self):
        """The two traces as files."""
        paths = {name: os.path.join(self.folder.name, name) for name in ("violations", "typical")}
        with lzma.open(os.path.join(scrape.DATA, "export", "violations.trace.xz")) as file:
            recorded = file.read()
        for name, trace in (("violations", recorded), ("typical", host.typical(recorded))):
            with open(paths[name], "wb") as file:
                file.write(trace)
        return paths

    def _configuration(self):
        """As shipped, with the hosts in a file of file_sd."""
        targets = os.path.join(self.folder.name, "hosts.json")
        with open(targets, "w", encoding="utf-8") as file:
            json.dump([{"targets": [d.target for d in self.daemons], "labels": {"rack": "r1"}}], file)
        with open(os.path.join(scrape.CONTRIB, "prometheus", "prometheus.yml"), encoding="utf-8") as file:
            configuration = yaml.safe_load(file)
        configuration["global"] = {name: f"{self.interval}s" for name in
                                   ("scrape_interval", "evaluation_interval", "scrape_timeout")}
        # what the rules cost is to be in proportion to scrapes
        scrape.copy_rules(self.folder.name, USUAL_INTERVAL / self.interval)
        job = configuration["scrape_configs"][0]
        del job["static_configs"]
        job["file_sd_configs"] = [{"files": [targets]}]
        return yaml.safe_dump(configuration)

    def run(self, scrapes):
        """Until each host has been scraped so often.  False: it takes too long."""
        seconds = 60 + 3 * scrapes * self.interval
        expression = f'count(count_over_time(up{{job="cxlirq"}}[1h]) >= {scrapes})'
        return bool(self.prometheus.wait(lambda: self.prometheus.value(expression) == self.n, seconds,
                                         every=min(self.interval, 2)))

    def __exit__(self, *_):
        if self.prometheus:
            self.prometheus.stop()
        for daemon in self.daemons:
            daemon.process.terminate()
        for daemon in self.daemons:
            daemon.process.wait(30)
        self.folder.cleanup()

    def failed_scrapes(self):
        return self.prometheus.value('sum(count_over_time(up{job="cxlirq"}[1h])) '
                                     '- sum(sum_over_time(up{job="cxlirq"}[1h]))')

    def figures(self):
        """What it costs."""
        ask = self.prometheus.value
        own = {}
        for family in text_string_to_metric_families(self.prometheus.page("/metrics")):
            for sample in family.samples:
                own[sample.name] = own.get(sample.name, 0) + sample.value
        pss, rss = scrape.memory(self.prometheus.process.pid)
        busy = scrape.processor_time(self.prometheus.process.pid) / (time.monotonic() - self.began)
        spent = sum(scrape.processor_time(d.process.pid) for d in self.daemons) - self.spent
        scrapes = ask('sum(count_over_time(up{job="cxlirq"}[1h]))')
        daemons = sorted(scrape.memory(d.process.pid)[0] for d in self.daemons)
        result = {"hosts": self.n, "interval_s": self.interval, "failed_scrapes": self.failed_scrapes(),
                  "prometheus_pss_bytes": pss, "prometheus_rss_bytes": rss,
                  "head_series": own["prometheus_tsdb_head_series"],
                  "samples_per_second": ask('sum(scrape_samples_scraped{job="cxlirq"})') / self.interval,
                  "daemon_pss_median_bytes": statistics.median(daemons), "daemon_pss_max_bytes": daemons[-1],
                  "prometheus_processors": busy, "daemon_s_a_scrape": spent / scrapes,
                  "firing": ask('count(ALERTS{alertstate="firing"})')}
        for name, quantile in (("median", 0.5), ("99", 0.99), ("max", 1)):
            result[f"samples_{name}"] = ask(f'quantile({quantile}, scrape_samples_scraped{{job="cxlirq"}})')
            result[f"scrape_{name}_s"] = ask(
                f'quantile({quantile}, quantile_over_time({quantile}, scrape_duration_seconds{{job="cxlirq"}}[1h]))')
        recorded = self.prometheus.value('count({__name__=~".*:cxlirq_.*"})')
        result["recorded_series"] = recorded
        body = self.daemons[0].get("/metrics", scrape.OPENMETRICS)[0]
        result["answer_bytes"] = len(body)
        return result


def tell(figures):
    mib = 1024 * 1024
    print(f"{figures['hosts']} hosts, scraped each {figures['interval_s']} s: "
          f"{figures['samples_per_second']:.0f} samples/s, {figures['failed_scrapes']:.0f} scrapes failed")
    print(f"a host:     {figures['samples_median']:.0f} samples a scrape (most: {figures['samples_max']:.0f}), "
          f"{figures['answer_bytes']} bytes, daemon {figures['daemon_pss_median_bytes'] / mib:.1f} MiB PSS "
          f"(most: {figures['daemon_pss_max_bytes'] / mib:.1f})")
    print(f"a scrape:   median {1000 * figures['scrape_median_s']:.1f} ms, "
          f"99 % {1000 * figures['scrape_99_s']:.1f} ms, slowest {1000 * figures['scrape_max_s']:.1f} ms; "
          f"{1000 * figures['daemon_s_a_scrape']:.1f} ms of the host's processor")
    print(f"Prometheus: {figures['head_series']:.0f} series in its head, {figures['prometheus_pss_bytes'] / mib:.0f} "
          f"MiB PSS, {figures['prometheus_rss_bytes'] / mib:.0f} MiB RSS "
          f"({figures['prometheus_rss_bytes'] / figures['head_series'] / 1024:.1f} KiB a series)")
    print(f"            {figures['prometheus_processors']:.2f} processors, {figures['recorded_series']:.0f} series "
          f"recorded by rules, {figures['firing'] or 0:.0f} alerts fire")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("hosts", nargs="?", type=int, default=500)
    parser.add_argument("--interval", type=int, default=USUAL_INTERVAL)
    parser.add_argument("--scrapes", type=int, default=12)
    parser.add_argument("--json", help="the figures go there, too")
    arguments = parser.parse_args()
    started = time.monotonic()
    with Fleet(arguments.hosts, arguments.interval) as fleet:
        print(f"{arguments.hosts} daemons are up after {time.monotonic() - started:.0f} s", flush=True)
        if not fleet.run(arguments.scrapes):
            print("not every host was scraped in time", file=sys.stderr)
        figures = fleet.figures()
        tell(figures)
        print(f"it took {time.monotonic() - started:.0f} s")
        for line in fleet.prometheus.complaints():
            print(line)
    if arguments.json:
        with open(arguments.json, "w", encoding="utf-8") as file:
            json.dump(figures, file, indent=1)
    return 1 if figures["failed_scrapes"] else 0


if __name__ == "__main__":
    sys.exit(main())
