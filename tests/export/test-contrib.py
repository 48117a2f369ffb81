#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The alert and recording rules, and the dashboards, as their users would meet them.

promtool judges the rules and runs their tests.  The dashboards' expressions are asked of a real
Prometheus that has the rules and scrapes two hosts which have every metric of the daemon's table
with every value of each label: so an expression that names a metric or a label that does not
exist is one that has no answer.
"""
import glob
import http.server
import json
import os
import re
import subprocess
import sys
import tempfile
import threading

import yaml

sys.dont_write_bytecode = True
import scrape  # noqa: E402

CONTRIB = scrape.CONTRIB
RULES = os.path.join(CONTRIB, "prometheus", "cxlirq.rules.yml")
ALERTS = os.path.join(CONTRIB, "prometheus", "cxlirq.alerts.yml")
DASHBOARDS = sorted(glob.glob(os.path.join(CONTRIB, "grafana", "*.json")))
# What Prometheus adds to each target
PROMETHEUS = {"up", "scrape_samples_scraped", "scrape_duration_seconds"}
failures = 0


def check(name, is_so, why=""):
    global failures
    why = " ".join(str(why).split())
    print(f"ok {name}" if is_so else f"not ok {name} {why[:400]}", flush=True)
    failures += not is_so
    return is_so


def promtool(*arguments, text=None):
    result = subprocess.run([os.path.join(TOOLS, "promtool"), *arguments], input=text, text=True,
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    return result.returncode, result.stdout


def read_rules(path):
    with open(path, encoding="utf-8") as file:
        return [rule for group in yaml.safe_load(file)["groups"] for rule in group["rules"]]


# ---- rules -----------------------------------------------------------------------------------


def rules():
    status, output = promtool("check", "rules", "--lint-fatal", RULES, ALERTS)
    check("promtool check rules", status == 0 and output.count("SUCCESS") == 2, output)
    for path in sorted(glob.glob(os.path.join(CONTRIB, "prometheus", "tests", "*.yml"))):
        status, output = promtool("test", "rules", path)
        check(f"promtool test rules {os.path.basename(path)}", status == 0 and "SUCCESS" in output, output)
    status, output = promtool("check", "config", os.path.join(CONTRIB, "prometheus", "prometheus.yml"))
    check("promtool check config", status == 0 and "2 rule files found" in output, output)


def records(path):
    """Names that a test file judges."""
    with open(path, encoding="utf-8") as file:
        tests = yaml.safe_load(file)["tests"]
    alerts = [t for test in tests for t in test.get("alert_rule_test", [])]
    fires = {t["alertname"] for t in alerts if t["exp_alerts"]}
    quiet = {t["alertname"] for t in alerts if not t["exp_alerts"]}
    judged = " ".join(t["expr"] for test in tests for t in test.get("promql_expr_test", []))
    return fires, quiet, judged


def tested():
    fires, quiet, _ = records(os.path.join(CONTRIB, "prometheus", "tests", "alerts.test.yml"))
    _, _, judged = records(os.path.join(CONTRIB, "prometheus", "tests", "rules.test.yml"))
    names = {rule["alert"] for rule in read_rules(ALERTS)}
    check("each alert has a case where it fires", names == fires, names ^ fires)
    # one that fires at once has its quiet hosts in the same case
    at_once = {rule["alert"] for rule in read_rules(ALERTS) if "for" not in rule}
    check("each alert has a case where it waits", names - at_once <= quiet, names - at_once - quiet)
    missing = [rule["record"] for rule in read_rules(RULES) if rule["record"] not in judged]
    check("each recording rule is judged", not missing, missing)


def texts():
    """What an alert tells to type exists."""
    help_text = subprocess.run([os.path.join(scrape.BUILD, "cxlirqctl"), "--help"], text=True,
                               stdout=subprocess.PIPE).stdout
    bad = []
    for rule in read_rules(ALERTS):
        notes = rule["annotations"]
        if set(notes) != {"summary", "description", "runbook"} or "severity" not in rule["labels"]:
            bad.append(f"{rule['alert']} lacks an annotation")
        if not re.search(r"cxlirqctl|journalctl", notes["runbook"]):
            bad.append(f"{rule['alert']} has no command")
        for verb in re.findall(r"cxlirqctl ([a-z]+)", " ".join(notes.values())):
            if not re.search(rf"^ +{verb}\b", help_text, re.M):
                bad.append(f"{rule['alert']}: no verb {verb}")
    check("texts of alerts", not bad, bad)


# ---- every metric there is -------------------------------------------------------------------

VALUES = {
    "rule": {"critical": "doorbell-message-changed", "error": "message-collision",
             "warning": "vector-refused", "notice": "vector-hidden"},
    "feature": ["mailbox", "event-log", "cpmu", "aer"],
    "result": ["granted", "shared", "polled", "refused", "unclaimed"],
    "verdict": ["safe", "at-risk", "violated"],
    "state": ["available", "allocated", "managed", "requested", "orphaned"],
    "relation": ["own", "borrowed", "delegated", "unknown"],
    "event": ["m2s_req_memrd", "m2s_rwd_memwr", "s2m_drs_memdata"],
    "sink": ["store", "journal"],
    "pmu": ["cxl_pmu_mem0.0"],
    "cpu": ["all"],
}


class Exposition:
    """All families with all values of their labels; counters rise with each scrape."""

    def __init__(self, table):
        self.table, self.times = table, 0

    def series(self, labels):
        if not labels:
            return [{}]
        if "severity" in labels:
            return [{"rule": rule, "severity": severity} for severity, rule in VALUES["rule"].items()]
        first = VALUES.get(labels[0], ["one", "two"])
        return [{labels[0]: value, **rest} for value in first for rest in self.series(labels[1:])]

    def text(self):
        self.times += 1
        lines = []
        for name, labels in self.table.items():
            for n, series in enumerate(self.series(labels)):
                words = ",".join(f'{key}="{value}"' for key, value in series.items())
                # hooks: one is missing; counters: at different speeds
                value = n if name == "cxlirq_hook_attached" else 1 + n
                if name.endswith("_total"):
                    value = self.times * (7 + n)
                if name == "cxlirq_up":
                    value = 1
                lines.append(f"{name}{{{words}}} {value}")
        return "\n".join(lines) + "\n"


def serve(exposition):
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            body = exposition.text().encode()
            self.send_response(200)
            self.send_header("Content-Type", "text/plain; version=0.0.4")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


CONFIGURATION = """
global: {scrape_interval: 1s, evaluation_interval: 1s}
rule_files: [cxlirq.rules.yml, cxlirq.alerts.yml]
scrape_configs:
  - job_name: cxlirq
    static_configs: [{targets: ['127.0.0.1:%(port)d']}]
    relabel_configs: [{target_label: instance, replacement: a}]
  - job_name: cxlirq-down
    static_configs: [{targets: ['127.0.0.1:1']}]
    relabel_configs: [{target_label: instance, replacement: c}]
  - job_name: cxlirq-again
    static_configs: [{targets: ['127.0.0.1:%(port)d']}]
    relabel_configs: [{target_label: instance, replacement: b}]
"""


# ---- dashboards ------------------------------------------------------------------------------


def panels(board):
    """All of them, also those in collapsed rows."""
    for panel in board["panels"]:
        yield panel
        yield from panel.get("panels", [])


def overlapping(board):
    taken, bad = {}, []
    for panel in panels(board):
        place = panel["gridPos"]
        if place["x"] < 0 or place["x"] + place["w"] > 24 or min(place["w"], place["h"]) < 1:
            bad.append(f"{panel['id']} is off the grid")
        for x in range(place["x"], place["x"] + place["w"]):
            for y in range(place["y"], place["y"] + place["h"]):
                if (x, y) in taken:
                    bad.append(f"{panel['id']} lies on {taken[x, y]}")
                taken[x, y] = panel["id"]
    return bad


def form(name, board, uids):
    ids = [panel["id"] for panel in panels(board)]
    check(f"{name}: ids of panels", len(set(ids)) == len(ids) and min(ids) > 0, ids)
    check(f"{name}: places of panels", not overlapping(board), overlapping(board))
    bad = []
    for panel in panels(board):
        if panel["type"] == "row":
            continue
        if not panel.get("title") or not panel.get("description") or not panel["targets"]:
            bad.append(f"{panel['id']} lacks title, description or query")
        if not panel["fieldConfig"]["defaults"].get("unit"):
            bad.append(f"{panel['id']} has no unit")
    check(f"{name}: panels are described", not bad, bad)
    # it can be imported anywhere: no source of data but the chosen one
    sources = re.findall(r'"datasource": \{[^}]*"uid": "([^"]*)"', json.dumps(board))
    check(f"{name}: data source", sources and set(sources) == {"${datasource}"}, set(sources))
    check(f"{name}: no identity of another Grafana", board.get("id") is None and "__inputs" not in board)
    variables = {v["name"] for v in board["templating"]["list"]}
    used = set(re.findall(r"\$\{?([a-z]+)\b", json.dumps(board))) - {"range"}
    check(f"{name}: variables", used - {"datasource"} <= variables, used - variables)
    to = set(re.findall(r"/d/([\w-]+)", json.dumps(board)))
    check(f"{name}: links lead somewhere", to <= uids, to - uids)


def filled(expression, host):
    """As Grafana would send it."""
    for name, value in (("__rate_interval", "30s"), ("__range", "30s"), ("__interval", "1s"),
                        ("job", "cxlirq.*" if host == ".+" else "cxlirq"), ("instance", host), ("device", "one")):
        expression = re.sub(rf"\$\{{?{name}\b\}}?", value, expression)
    return expression


def answer_of(prometheus, target, host):
    """Empty, or what is wrong with the answer; of "A or B", with either."""
    parts = [part for part in filled(target["expr"], host).split(" or ") if part != "vector(0)"]
    return " ".join(answer_to(prometheus, part, target) for part in parts).strip()


def answer_to(prometheus, expression, target):
    try:
        rows = prometheus.query(expression)
    except RuntimeError as error:
        return f"{expression}: {error}"
    if not rows:
        return f"{expression}: no answer"
    wanted = set(re.findall(r"\{\{(\w+)\}\}", target.get("legendFormat", "")))
    wanted |= set(target.get("columns", []))
    for labels, _ in rows:
        if wanted - set(labels):
            return f"{expression}: without {wanted - set(labels)}"
    return ""


def ask(name, board, prometheus):
    host = ".+" if board["uid"].endswith("fleet") else "a"
    targets = []
    for panel in panels(board):
        columns = set()
        for step in panel.get("transformations", []):
            columns = set(step["options"]["indexByName"]) - {"Value", "Time"}
        targets += [{**target, "columns": columns} for target in panel.get("targets", [])]

    def wrong():
        return [why for why in (answer_of(prometheus, target, host) for target in targets) if why]

    # a rate takes two scrapes of each host
    prometheus.wait(lambda: not wrong(), 20)
    bad = wrong()
    check(f"{name}: {len(targets)} expressions have answers", targets and not bad, bad)
    bad = []
    for variable in board["templating"]["list"]:
        if variable["type"] != "query":
            continue
        selector, label = re.fullmatch(r"label_values\((.*), (\w+)\)", variable["query"]["query"]).groups()
        if not prometheus.api(f"label/{label}/values", **{"match[]": filled(selector, "a")}):
            bad.append(variable["name"])
    check(f"{name}: variables have values", not bad, bad)


def used_names(boards):
    texts_of = [rule["expr"] for path in (RULES, ALERTS) for rule in read_rules(path)]
    texts_of += [target["expr"] for board in boards.values() for panel in panels(board)
                 for target in panel.get("targets", [])]
    return set(re.findall(r"(?<!:)\bcxlirq_\w+|\b[a-z_]+:cxlirq_\w+:\w+|\bscrape_\w+|\bup\b", " ".join(texts_of)))


def names(boards, table):
    used = used_names(boards)
    recorded = {rule["record"] for rule in read_rules(RULES)}
    known = set(table) | recorded | PROMETHEUS
    check("only metrics that exist are used", used <= known, used - known)
    unused = set(table) - used
    check("every metric is used", not unused, unused)


def whole(boards, table):
    with tempfile.TemporaryDirectory(prefix="cxlirq-contrib.") as folder:
        server = serve(Exposition(table))
        scrape.copy_rules(folder, 3600)
        prometheus = scrape.Prometheus(folder, CONFIGURATION % {"port": server.server_address[1]},
                                       directory=TOOLS)
        try:
            recorded = {rule["record"] for rule in read_rules(RULES)}
            # each stands on others, so that all are there after some rounds
            done = prometheus.wait(lambda: all(prometheus.query(name) for name in recorded))
            missing = [] if done else [name for name in recorded if not prometheus.query(name)]
            check("each recording rule makes something of every metric", done, missing)
            for name, board in boards.items():
                ask(name, board, prometheus)
            bad = [f"{rule['name']}: {rule.get('lastError')}" for group in prometheus.api("rules")["groups"]
                   for rule in group["rules"] if rule["health"] == "err"]
            check("rules are evaluated without an error", not bad, bad)
            check("Prometheus complains of nothing", not prometheus.complaints(), prometheus.complaints())
        finally:
            prometheus.stop()
            server.shutdown()


def main():
    rules()
    tested()
    texts()
    boards = {}
    for path in DASHBOARDS:
        with open(path, encoding="utf-8") as file:
            boards[os.path.basename(path)] = json.load(file)
    check("dashboards", len(boards) == 3, list(boards))
    uids = {board["uid"] for board in boards.values()}
    for name, board in boards.items():
        form(name, board, uids)
    manual = subprocess.run([os.path.join(scrape.BUILD, "cxlirqd"), "--metrics"], text=True,
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT).stdout
    table = scrape.families(manual)
    if check("the table of metrics", len(table) >= 27 and "cxlirq_up" in table, manual):
        names(boards, table)
        whole(boards, table)
    return 1 if failures else 0


if __name__ == "__main__":
    TOOLS = scrape.tools()
    sys.exit(main())
