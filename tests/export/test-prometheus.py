#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""A real Prometheus scrapes replayed daemons, and evaluates the alert rules on what they say.

It has each host twice: as it asks by itself, which gets OpenMetrics, and through a relay that asks
for the text format only, as older servers do.  What Prometheus then has must be what the daemon
said, sample for sample; the rules are the shipped ones with shorter times.

tests/data/export/violations.trace.xz is what tests/vm/scenarios/rules.sh recorded: a host on which
eleven rules have fired.
"""
import glob
import http.client
import http.server
import json
import lzma
import os
import re
import subprocess
import sys
import tempfile
import threading

import yaml
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

sys.dont_write_bytecode = True
import host  # noqa: E402
import scrape  # noqa: E402

CONTRIB = os.path.join(scrape.CONTRIB, "prometheus")
VIOLATIONS = os.path.join(scrape.DATA, "export", "violations.trace.xz")
TEXT = "text/plain; version=0.0.4"
# with sanitizers: a leak is an unclean end; but not where an answer is long, for they make it slow
PROGRAM = os.path.join(os.environ.get("SANITIZED", os.path.join(scrape.BUILD, "san")), "cxlirqd")
FASTER = 3600
ALERT_OF = {"critical": "CxlirqViolationCritical", "error": "CxlirqViolationError",
            "warning": "CxlirqViolationWarning", "notice": "CxlirqViolationNotice"}
failures = 0


def check(name, is_so, why=""):
    global failures
    why = " ".join(str(why).split())
    print(f"ok {name}" if is_so else f"not ok {name} {why[:400]}", flush=True)
    failures += not is_so
    return is_so


def key(name, labels):
    return name, tuple(sorted((k, v) for k, v in labels.items() if v))


def samples(families):
    """{(name, labels): value}; a sample that is there twice is an error."""
    result = {}
    for family in families:
        for sample in family.samples:
            where = key(sample.name, sample.labels)
            if where in result:
                raise ValueError(f"twice: {where}")
            result[where] = sample.value
    return result


# What had to be left out is counted anew with each answer.
GROWS = key("cxlirq_series_dropped_total", {})


def difference(one, other):
    """What is not the same in two sets of samples, the first of it."""
    for where in sorted(set(one) ^ set(other)):
        return f"only in one: {where}"
    for where in sorted(one):
        if one[where] != other[where] and where != GROWS:
            return f"{where}: {one[where]} and {other[where]}"
    return ""


# ---- traces ----------------------------------------------------------------------------------


def traces(folder):
    """{name: path} of the recorded ones, and of two made-up hosts."""
    paths = {os.path.basename(os.path.dirname(p)): p
             for p in glob.glob(os.path.join(scrape.DATA, "replay", "*", "trace.xz"))}
    paths["violations"] = VIOLATIONS
    result = {}
    for name, path in paths.items():
        result[name] = os.path.join(folder, f"{name}.trace")
        with lzma.open(path) as packed, open(result[name], "wb") as file:
            file.write(packed.read())
    with open(result["violations"], "rb") as file:
        recorded = file.read()
    for name, trace in (("large", host.typical(recorded)),
                        ("endless", host.typical(recorded, cpus=192, disks=40))):
        result[name] = os.path.join(folder, f"{name}.trace")
        with open(result[name], "wb") as file:
            file.write(trace)
    return result


# ---- what one daemon answers -----------------------------------------------------------------


def of_json(text):
    """Samples of /metrics.json, and {name: (help, type)}."""
    result, about = {}, {}
    for family in json.loads(text):
        about[family["name"]] = (family["help"], family["type"])
        for metric in family["metrics"]:
            where = key(family["name"], metric.get("labels", {}))
            if where in result:
                raise ValueError(f"twice: {where}")
            result[where] = float(metric["value"])
    return result, about


def answers(name, daemon):
    text, headers = daemon.get("/metrics", TEXT)
    check(f"{name}: text is text", headers["Content-Type"].startswith("text/plain; version=0.0.4"),
          headers["Content-Type"])
    result = subprocess.run([os.path.join(TOOLS, "promtool"), "check", "metrics"], input=text, text=True,
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    check(f"{name}: promtool check metrics", result.returncode == 0 and not result.stdout, result.stdout)
    families = list(parse_text(text))
    plain = samples(families)
    openmetrics, headers = daemon.get("/metrics", scrape.OPENMETRICS)
    check(f"{name}: OpenMetrics is OpenMetrics",
          headers["Content-Type"].startswith("application/openmetrics-text; version=1.0.0"))
    # this parser is strict: units, types, order, the end
    why = difference(plain, samples(parse_openmetrics(openmetrics)))
    check(f"{name}: both formats say the same", plain and not why, why)
    zipped, headers = daemon.get("/metrics", TEXT, zipped=True)
    check(f"{name}: gzip", headers["Content-Encoding"] == "gzip"
          and not difference(plain, samples(parse_text(zipped))), headers)
    converted, about = of_json(daemon.get("/metrics.json")[0])
    why = difference(plain, converted)
    check(f"{name}: /metrics.json is /metrics", converted and not why, why)
    # the parser takes the ending off counters, prom2json does not
    described = {f.name + ("_total" if f.type == "counter" else ""): (f.documentation, f.type.upper())
                 for f in families}
    check(f"{name}: help and types in /metrics.json", described == about,
          set(described.items()) ^ set(about.items()))


# ---- scraping --------------------------------------------------------------------------------


def relay():
    """Asks the daemon for text only: GET /ADDRESS of this is /metrics of that."""
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            try:
                connection = http.client.HTTPConnection(self.path[1:], scrape.PORT, timeout=10)
                connection.request("GET", "/metrics", headers={"Accept": TEXT})
                answer = connection.getresponse()
                body = answer.read()
                self.send_response(answer.status)
                self.send_header("Content-Type", answer.getheader("Content-Type"))
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)
            except OSError:  # the daemon is gone, or Prometheus does not wait any longer
                self.close_connection = True

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


def configuration(daemons, server):
    with open(os.path.join(CONTRIB, "prometheus.yml"), encoding="utf-8") as file:
        shipped = yaml.safe_load(file)
    job = shipped["scrape_configs"][0]
    # a scrape may take its time on a busy machine
    shipped["global"] = {"scrape_interval": "3s", "evaluation_interval": "1s", "scrape_timeout": "3s"}
    del job["file_sd_configs"], job["metric_relabel_configs"]
    job["static_configs"] = [{"targets": [d.target for d in daemons.values()]}]
    text = dict(job, job_name="cxlirq-text", static_configs=[
        {"targets": [f"127.0.0.1:{server.server_address[1]}"],
         "labels": {"__metrics_path__": f"/{d.address}", "instance": d.address}} for d in daemons.values()])
    del text["relabel_configs"]
    shipped["scrape_configs"].append(text)
    return yaml.safe_dump(shipped)


def stored(prometheus, job, instance):
    """What Prometheus has of the last scrape."""
    result = {}
    for labels, value in prometheus.query(f'{{job="{job}",instance="{instance}",__name__=~"cxlirq_.*"}}'):
        name = labels.pop("__name__")
        for label in ("job", "instance"):
            labels.pop(label)
        result[key(name, labels)] = value
    return result


def scraped(prometheus, daemons):
    n = 2 * len(daemons)
    up = prometheus.wait(lambda: prometheus.value("sum(up)") == n)
    check("up", up, prometheus.query("up"))
    for name, daemon in daemons.items():
        said = samples(parse_text(daemon.get("/metrics", TEXT)[0]))
        for job in ("cxlirq", "cxlirq-text"):
            prometheus.wait(lambda: not difference(said, stored(prometheus, job, daemon.address)), 10)
            has = stored(prometheus, job, daemon.address)
            why = difference(said, has)
            check(f"{name}: {job} has what the daemon said", not why, why)
            check(f"{name}: {job} was told of what is missing",
                  (has.get(GROWS, 0) > 0) == (name == "endless"), has.get(GROWS))
            count = prometheus.value(f'scrape_samples_scraped{{job="{job}",instance="{daemon.address}"}}')
            check(f"{name}: {job} counts {len(said)} samples, at most 5,000", count == len(said) <= 5000, count)
    # what only OpenMetrics can say tells which of the two it was
    types = {(m["target"]["job"], m["metric"]): m for m in prometheus.api("targets/metadata", limit=10000)}
    check("OpenMetrics by itself", types.get(("cxlirq", "cxlirq_build"), {}).get("type") == "info"
          and types.get(("cxlirq", "cxlirq_snapshot_duration_seconds"), {}).get("unit") == "seconds")
    check("text by the relay", types.get(("cxlirq-text", "cxlirq_build_info"), {}).get("type") == "gauge"
          and ("cxlirq-text", "cxlirq_build") not in types)


# ---- alerts ----------------------------------------------------------------------------------


def firing(prometheus, pattern=".*"):
    """(alert, instance, what it is about) of those that fire."""
    return {(a["labels"]["alertname"], a["labels"].get("instance"), a["labels"].get("rule"))
            for a in prometheus.api("alerts")["alerts"] if a["state"] == "firing"
            and a["labels"].get("job") == "cxlirq" and re.fullmatch(pattern, a["labels"]["alertname"])}


def provoked(prometheus, daemons):
    """Each open violation fires the alert of its severity, and nothing else fires."""
    wanted = set()
    for daemon in daemons.values():
        for (name, labels), value in samples(parse_text(daemon.get("/metrics", TEXT)[0])).items():
            labels = dict(labels)
            if name == "cxlirq_violations_open" and value:
                wanted.add((ALERT_OF[labels["severity"]], daemon.address, labels["rule"]))
    check("violations of every severity", {w[0] for w in wanted} == set(ALERT_OF.values()), wanted)
    done = prometheus.wait(lambda: firing(prometheus, "CxlirqViolation.*") == wanted)
    check(f"alerts of {len(wanted)} rules fire", done, firing(prometheus, "CxlirqViolation.*") ^ wanted)
    texts = [a["annotations"] for a in prometheus.api("alerts")["alerts"]]
    bad = [t for annotations in texts for t in annotations.values()
           if re.search(r"<no value>|error expanding|\{\{|\n", t) or not t]
    check("their texts are complete", texts and not bad, bad)
    dropped = ("CxlirqSeriesDropped", daemons["endless"].address, None)
    check("a host with too many series is told", prometheus.wait(lambda: dropped in firing(prometheus)),
          firing(prometheus))
    healthy = {d.address for name, d in daemons.items() if name != "violations"}
    others = {alert for alert in firing(prometheus) if alert[1] in healthy} - {dropped}
    check("nothing else fires for healthy hosts", not others, others)
    sick = [f"{rule['name']}: {rule.get('lastError')}" for group in prometheus.api("rules")["groups"]
            for rule in group["rules"] if rule["health"] != "ok"]
    check("rules are evaluated without an error", not sick, sick)


def acknowledged(prometheus, daemon):
    """What somebody has seen to fires no more."""
    client = [os.path.join(scrape.BUILD, "cxlirqctl"), "-S", daemon.socket]
    found = json.loads(subprocess.run([*client, "violations", "--json"], stdout=subprocess.PIPE).stdout)
    ids = [str(v["id"]) for v in found if v["severity"] == "critical"]
    result = subprocess.run([*client, "ack", *ids], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    check("ack", ids and result.returncode == 0, result.stdout)
    done = prometheus.wait(lambda: not firing(prometheus, "CxlirqViolationCritical"))
    check("what is acknowledged fires no more", done, firing(prometheus))
    check("... and the rest goes on", firing(prometheus, "CxlirqViolationError"))


def lost(prometheus, daemon):
    """A daemon that ends is noticed, and its series go at once."""
    daemon.stop()
    done = prometheus.wait(lambda: ("CxlirqDown", daemon.address, None) in firing(prometheus))
    check("a daemon that is gone is told", done, firing(prometheus))
    check("its series are gone", not stored(prometheus, "cxlirq", daemon.address))


def whole(folder):
    notified, where = scrape.Notified(folder), scrape.addresses()
    paths = traces(folder)
    plan = [(name, path, "") for name, path in paths.items() if name != "endless"]
    plan += [("each-vector", paths["large"], "PerVector=yes"), ("endless", paths["endless"], "PerVector=yes")]
    daemons = {name: scrape.Daemon(os.path.join(folder, name), path, next(where), notified, export,
                                   None if name == "endless" else PROGRAM)
               for name, path, export in plan}
    prometheus = server = None
    try:
        notified.wait([daemon.process for daemon in daemons.values()])
        for name, daemon in daemons.items():
            answers(name, daemon)
        server = relay()
        scrape.copy_rules(folder, FASTER)
        prometheus = scrape.Prometheus(folder, configuration(daemons, server), directory=TOOLS)
        scraped(prometheus, daemons)
        provoked(prometheus, daemons)
        acknowledged(prometheus, daemons["violations"])
        check("Prometheus complains of nothing", not prometheus.complaints(), prometheus.complaints())
        lost(prometheus, daemons["bench"])
    finally:
        for process in [prometheus, *daemons.values()]:
            status = process.stop() if process else 0
            if status:
                check("a clean end", False, f"status {status}: {getattr(process, 'log', str)()}")
        if server:
            server.shutdown()


def main():
    with tempfile.TemporaryDirectory(prefix="cxlirq-prometheus.") as folder:
        whole(folder)
    return 1 if failures else 0


if __name__ == "__main__":
    TOOLS = scrape.tools()
    sys.exit(main())
