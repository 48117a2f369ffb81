#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Metrics: three formats that say the same, and say what the client says.

The judges of the formats are the parsers of python3-prometheus-client, the judge of the varlink
interfaces is python3-varlink.  What the metrics should be is worked out here from the JSON of
cxlirqctl, which takes another way through the daemon.
"""
import collections
import glob
import json
import lzma
import os
import signal
import struct
import subprocess
import sys
import tempfile

import varlink
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

import host
import scrape

PREFIX = "cxlirq_"
# what users, dashboards and rules rely on: name -> labels
CONTRACT = {
    "build_info": "version kernel", "up": "", "hook_attached": "hook",
    "irq_domains": "bus_token immutability", "vectors": "provider owner driver relation state",
    "vector_interrupts_total": "provider index owner", "device_interrupts_total": "provider owner",
    "message_changes_total": "provider cause", "affinity_changes_total": "provider cause",
    "doorbells": "epc type verdict", "violations_total": "rule severity",
    "violations_open": "rule severity", "vector_demands": "provider feature result",
    "vector_space": "cpu state", "cpmu_events_total": "pmu event",
    "cpmu_time_enabled_seconds_total": "pmu event", "cpmu_time_running_seconds_total": "pmu event",
    "guard_denied_total": "provider", "records_total": "type", "records_lost_total": "reason",
    "events_untold_total": "reason", "entries_refused_total": "table",
    "snapshots_total": "", "snapshot_duration_seconds": "", "snapshot_corrections_total": "kind",
    "bpf_program_runs_total": "program", "bpf_program_run_seconds_total": "program",
    "sink_dropped_total": "sink", "series_dropped_total": "",
}
# what a recorded trace has nothing of
NEVER_REPLAYED = {"guard_denied_total", "entries_refused_total", "bpf_program_runs_total", "bpf_program_run_seconds_total"}
UNCUT = {"build_info", "up", "violations_total", "violations_open", "records_lost_total", "events_untold_total",
         "series_dropped_total"}
failures = 0


def check(name, is_so, why=""):
    global failures
    why = " ".join(str(why).split())
    print(f"ok {name}" if is_so else f"not ok {name} {why[:400]}", flush=True)
    failures += not is_so


def difference(one, other):
    """Where two dictionaries are not the same."""
    return [(key, one.get(key), other.get(key)) for key in sorted({*one, *other}, key=str)
            if one.get(key) != other.get(key)][:4]


def same(name, one, other):
    check(name, one == other, difference(one, other))


def go(number):
    """As Go's fmt.Sprint() has a float64."""
    mantissa, exponent = f"{number!r}e0".split("e")[:2] if "e" not in repr(number) else repr(number).split("e")
    digits, _, fraction = mantissa.partition(".")
    fraction = fraction if fraction.strip("0") else ""
    power = int(exponent) + len(digits) - 1
    significant = (digits + fraction).lstrip("0")
    if not significant:
        return "0"
    if digits == "0":
        power = int(exponent) - 1 - (len(fraction) - len(fraction.lstrip("0")))
    significant = significant.rstrip("0")
    if power < -4 or power >= 6:
        return significant[0] + ("." + significant[1:] if significant[1:] else "") + f"e{power:+03d}"
    if power < 0:
        return "0." + "0" * (-power - 1) + significant
    significant += "0" * (power + 1 - len(significant))
    return significant[:power + 1] + ("." + significant[power + 1:] if significant[power + 1:] else "")


def series(families):
    """(name, labels) -> value"""
    found = {}
    for family in families:
        for sample in family.samples:
            key = (sample.name, tuple(sorted(sample.labels.items())))
            if key in found:
                raise ValueError(f"twice: {key}")
            found[key] = sample.value
    return found


def of(values, name, *labels):
    """One metric's values by those of its labels."""
    return {tuple(dict(key[1])[label] for label in labels): value
            for key, value in values.items() if key[0] == PREFIX + name}


def count(rows):
    return dict(collections.Counter(rows))


class Client:
    """cxlirqctl --json"""

    def __init__(self, daemon):
        self.daemon = daemon

    def run(self, *arguments):
        result = subprocess.run([os.path.join(scrape.BUILD, "cxlirqctl"), "-S", self.daemon.socket, *arguments],
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60)
        return result.stdout.decode()

    def __call__(self, *arguments):
        return json.loads(self.run(*arguments, "--json"))

    def lines(self, *arguments):
        return [json.loads(line) for line in self.run(*arguments, "--json").splitlines()]


# ---- formats ------------------------------------------------------------------------------------


def formats(name, daemon, client):
    openmetrics, headers = daemon.get("/metrics", scrape.OPENMETRICS)
    check(f"{name}: OpenMetrics by name", "openmetrics-text" in headers["Content-Type"], headers)
    text, _ = daemon.get("/metrics", "text/plain;version=0.0.4")
    answer, _ = daemon.get("/metrics.json")
    new, old = list(parse_openmetrics(openmetrics)), list(parse_text(text))
    values = series(new)
    same(f"{name}: both texts say the same", values, series(old))
    check(f"{name}: OpenMetrics ends", openmetrics.endswith("\n# EOF\n"))
    check(f"{name}: families are described", all(f.documentation and f.type in ("counter", "gauge", "info")
                                                  for f in new))
    check(f"{name}: units", {f.name for f in new if f.unit} ==
          {f.name for f in new if f.name.endswith("_seconds")})
    families = json.loads(answer)
    from_json, as_prom2json = {}, []
    for family in families:
        for metric in family["metrics"]:
            key = (family["name"], tuple(sorted(metric.get("labels", {}).items())))
            from_json[key] = float(metric["value"])
    same(f"{name}: and so does JSON", values, from_json)
    # what prom2json would make of the old text
    for family in old:
        counter = family.type == "counter"
        as_prom2json.append({
            "name": family.name + ("_total" if counter else ""), "help": family.documentation,
            "type": family.type.upper(),
            "metrics": [{**({"labels": s.labels} if s.labels else {}), "value": go(s.value)}
                        for s in family.samples]})
    check(f"{name}: JSON is prom2json's", families == as_prom2json,
          [pair for pair in zip(families, as_prom2json) if pair[0] != pair[1]][:1])
    check(f"{name}: cxlirqctl metrics", client.run("metrics") == openmetrics
          and client.run("metrics", "--format=text") == text
          and json.loads(client.run("metrics", "--format=json")) == families
          and client("metrics") == families)
    with varlink.Client(address=f"unix:{daemon.socket}").open("io.cxlirqd") as connection:
        default, json_form = connection.GetMetrics(), connection.GetMetrics(format="json")
        check(f"{name}: GetMetrics", default["text"] == openmetrics and default.get("families") is None
              and json_form.get("text") is None and len(json_form["families"]) == len(families))
        try:
            connection.GetMetrics(format="xml")
            error = None
        except varlink.VarlinkError as refused:
            error = refused.error()
        check(f"{name}: GetMetrics in no such format", error == "org.varlink.service.InvalidParameter", error)
    for metric, labels in ((n[len(PREFIX):], {k for k, _ in l}) for n, l in values):
        if set(CONTRACT[metric].split()) != labels:
            check(f"{name}: labels of {metric}", False, labels)
    return values


# ---- what they say ------------------------------------------------------------------------------


def compare_vectors(name, client, values):
    vectors = client("vectors")
    rows = [(v["provider"] or "", o["device"] or "", o["driver"] or "", o["relation"], v["state"])
            for v in vectors for o in v["owners"]]
    rows += [(v["provider"] or "", "", "", "", v["state"]) for v in vectors if not v["owners"]]
    same(f"{name}: vectors", of(values, "vectors", "provider", "owner", "driver", "relation", "state"),
         count(rows))
    domains = client("domains")
    same(f"{name}: irq_domains", of(values, "irq_domains", "bus_token", "immutability"),
         count((d["bus_token"], d["immutability"]) for d in domains))
    doorbells = [d for d in client("doorbells") if d["state"] not in ("freed", "refused")]
    same(f"{name}: doorbells", of(values, "doorbells", "epc", "type", "verdict"),
         count((d["epc"] or "", d["type"], d["verdict"]) for d in doorbells))
    return vectors


def compare_interrupts(name, vectors, events, values):
    """Where no handler came or went, each owner has all that the kernel counted."""
    touched = {e["irq"] for e in events
               if e["type"] in ("vector-allocated", "vector-freed", "handler-requested", "handler-freed")}
    restless = {v["provider"] for v in vectors if v["irq"] in touched}
    restless |= {e["device"] for e in events if e["type"] == "vector-freed"}
    restless |= {e.get("provider") for e in events if e["type"] == "handler-freed"}
    quiet = [v for v in vectors if v["provider"] and v["provider"] not in restless]
    expected, single = collections.Counter(), collections.Counter()
    for vector in quiet:
        owners = [o["device"] for o in vector["owners"] if o["device"]]
        for owner in owners:
            expected[vector["provider"], owner] += vector["interrupts"]
            single[vector["provider"], str(vector["index"]), owner] += vector["interrupts"]
    providers = {v["provider"] for v in quiet}
    same(f"{name}: device_interrupts_total of {len(providers)} quiet devices", dict(expected),
         {k: v for k, v in of(values, "device_interrupts_total", "provider", "owner").items()
          if k[0] in providers and k[1]})
    same(f"{name}: vector_interrupts_total of them", dict(single),
         {k: v for k, v in of(values, "vector_interrupts_total", "provider", "index", "owner").items()
          if k[0] in providers and k[2]})
    # and together the vectors are the device, whatever happened
    by_vector = collections.Counter()
    for (provider, _, owner), value in of(values, "vector_interrupts_total", "provider", "index", "owner").items():
        by_vector[provider, owner] += value
    same(f"{name}: vectors add up", dict(by_vector), of(values, "device_interrupts_total", "provider", "owner"))


def compare_changes(name, client, events, values):
    """Of the devices that are still there: what was counted of others went with them."""
    devices = {e["device"] for e in events if e["device"]}
    alive = {device for device in devices if client.run("vectors", "--device", device, "--json")} | {None}
    for kind, metric in (("message-change", "message_changes_total"), ("affinity-change", "affinity_changes_total")):
        rows = [(e["device"] or "", e["cause"]["kind"]) for e in events
                if e["type"] == kind and not e.get("pending") and e["device"] in alive]
        same(f"{name}: {metric}", of(values, metric, "provider", "cause"), count(rows))


def compare_violations(name, client, values):
    violations = client("violations", "--all")
    hits, opened = collections.Counter(), collections.Counter()
    for violation in violations:
        hits[violation["rule"], violation["severity"]] += violation["count"]
        opened[violation["rule"], violation["severity"]] += not violation["acknowledged"]
    for metric, expected in (("violations_total", hits), ("violations_open", opened)):
        found = of(values, metric, "rule", "severity")
        same(f"{name}: {metric}", {k: v for k, v in found.items() if v}, {k: v for k, v in expected.items() if v})
        check(f"{name}: {metric} has every rule", len(found) == 13, len(found))
    return sum(hits.values())


def compare_ledger(name, client, vectors, values):
    provider_of = {v["irq"]: v["provider"] for v in vectors}
    rows = []
    for row in client("devices"):
        for feature in row["features"]:
            provider = provider_of.get(feature["irq"]) if feature["relation"] else row["device"]
            by_pin = row["bus"] == "pci_express" and feature["relation"] and not provider
            # a sub-device's own row says again what its function's says
            if not by_pin and (provider or row["device"]) == row["device"]:
                rows.append((row["device"], feature["feature"], feature["result"]))
    same(f"{name}: vector_demands", of(values, "vector_demands", "provider", "feature", "result"), count(rows))


def compare_status(name, client, events, values):
    status, support = client("status"), client("support")
    hooks = {(h["hook"],): int(h["attached"]) for h in support["hooks"] + support["features"]
             if h["attached"] or not (h["reason"] or "").startswith(("replaced by", "not needed"))}
    same(f"{name}: hook_attached", of(values, "hook_attached", "hook"), hooks)
    check(f"{name}: as many hooks as status says", sum(hooks.values()) == status["hooks_attached"]
          and len(hooks) == status["hooks_total"], status)
    lost = {(loss["reason"],): loss["count"] for loss in status["lost"]}
    same(f"{name}: records_lost_total",
         {**{("ring-full",): 0, ("program-missed",): 0, ("guard-ring-full",): 0}, **lost},
         of(values, "records_lost_total", "reason"))
    same(f"{name}: events_untold_total", of(values, "events_untold_total", "reason"),
         {("overload",): 0, ("no-memory",): 0})
    same(f"{name}: entries_refused_total", of(values, "entries_refused_total", "table"),
         {(c["kind"],): c["count"] for c in status["refused"]})
    records = of(values, "records_total", "type")
    check(f"{name}: records_total", sum(records.values()) - records["invalid",] == status["records"], records)
    check(f"{name}: walks", values[PREFIX + "snapshots_total", ()] == status["snapshots"]
          and abs(values[PREFIX + "snapshot_duration_seconds", ()] * 1e6 - status["snapshot_us"]) < 1)
    same(f"{name}: snapshot_corrections_total",
         {k: v for k, v in of(values, "snapshot_corrections_total", "kind").items() if v},
         {(c["kind"],): c["count"] for c in status["corrections"]})
    space = status["vector_space"]
    same(f"{name}: vector_space", of(values, "vector_space", "cpu", "state"),
         {("all", state): space[state] for state in ("available", "allocated", "managed")} if space else {})
    same(f"{name}: build_info", of(values, "build_info", "version", "kernel"),
         {(status["version"], status["kernel"]): 1})
    happened = sum(event["type"] != "violation" for event in events)
    check(f"{name}: the list of events is whole", happened == status["events"], f"{happened} {status['events']}")


def compare_counters(name, client, values):
    counters = [c for c in client("counters", "list") if c["pmu"] and not c["error"]]
    first = {}
    for counter in counters:
        first.setdefault((counter["pmu"], counter["event"]), counter)
    same(f"{name}: cpmu_events_total", of(values, "cpmu_events_total", "pmu", "event"),
         {key: counter["value"] for key, counter in first.items()})
    for metric, field in (("cpmu_time_enabled_seconds_total", "enabled_ns"),
                          ("cpmu_time_running_seconds_total", "running_ns")):
        same(f"{name}: {metric}", of(values, metric, "pmu", "event"),
             {key: counter[field] / 1e9 for key, counter in first.items()})


# ---- systemd ------------------------------------------------------------------------------------


def report(name, path, values):
    client = varlink.Client(address=f"unix:{path}")
    with client.open("io.systemd.Metrics") as connection:
        described = list(connection.Describe(_more=True))
        listed = list(connection.List(_more=True))
    info = client.get_interfaces()
    check(f"{name}: its interfaces", sorted(info) == ["io.systemd.Metrics", "org.varlink.service"], info)
    types = {d["name"]: d["type"] for d in described}
    same(f"{name}: every family is described", {f"io.cxlirqd.{n}" for n in CONTRACT} ==
         set(types) and {"all": 1} or types, {"all": 1})
    check(f"{name}: by words and a type", all(d["description"] and d["type"] in ("counter", "gauge", "string")
                                              for d in described), described)
    found, odd = {}, []
    for metric in listed:
        short, fields = metric["name"].removeprefix("io.cxlirqd."), metric.get("fields") or {}
        kind = types[metric["name"]]
        if kind == "string":
            good = isinstance(metric["value"], str)
        elif short in ("up", "hook_attached"):
            good = isinstance(metric["value"], bool)
        else:
            good = isinstance(metric["value"], (int, float)) and not isinstance(metric["value"], bool)
        good &= all(isinstance(value, str) for value in fields.values()) and metric.get("object") != ""
        labels = dict(fields)
        missing = set(CONTRACT[short].split()) - set(labels)
        if len(missing) == 1:
            labels[missing.pop()] = metric.get("object") or ""
        good &= set(labels) == set(CONTRACT[short].split())
        if not good:
            odd.append(metric)
        found[PREFIX + short, tuple(sorted(labels.items()))] = 1 if kind == "string" else metric["value"]
    check(f"{name}: objects, values and fields", not odd, odd[:2])
    check(f"{name}: no more than systemd-report takes of one", len(listed) <= 512, len(listed))
    check(f"{name}: what it says is what the exporter says", found and
          all(abs(values.get(key, -1) - value) < 1e-9 for key, value in found.items()
              if "series_dropped" not in key[0]), difference(found, values))
    if len(values) <= 512:
        check(f"{name}: all of it", len(found) == len(values), f"{len(found)} {len(values)}")


def report_socket(folder, trace, addresses, notified):
    """Stale sockets, other daemons, places that are not there."""
    place = os.path.join(folder, "report")
    os.mkdir(place)
    path = os.path.join(place, "io.cxlirqd")
    export = f"Report={path}\n[Daemon]\nLogLevel=debug"

    def start(n, setting=export):
        daemon = scrape.Daemon(os.path.join(folder, f"report{n}"), trace, next(addresses), notified, setting)
        notified.wait([daemon.process])
        return daemon

    def names():
        with varlink.Client(address=f"unix:{path}").open("io.systemd.Metrics") as connection:
            return {metric["name"] for metric in connection.List(_more=True)}

    first = start(1)
    check("report: answers", "io.cxlirqd.up" in names())
    with varlink.Client(address=f"unix:{path}").open("io.systemd.Metrics") as connection:
        try:
            connection.List()
            error = None
        except varlink.VarlinkError as refused:
            error = refused.error()
    check("report: wants more", error == "org.varlink.service.ExpectedMore", error)
    second = start(2)
    check("report: a second daemon goes on without", second.process.poll() is None
          and "another daemon answers there" in second.log() and names(), second.log())
    second.stop()
    check("report: and leaves the first one's socket alone", "io.cxlirqd.up" in names())
    first.process.send_signal(signal.SIGKILL)
    first.process.wait(30)
    check("report: a dead one leaves its socket", os.path.exists(path))
    third = start(3)
    check("report: which the next one takes over", "io.cxlirqd.up" in names())
    third.stop()
    check("report: and takes away", not os.path.exists(path) and os.listdir(place) == [])
    with open(path, "w", encoding="utf-8") as file:
        file.write("somebody's")
    fourth = start(4)
    fourth.stop()
    check("report: what is no socket stays", open(path, encoding="utf-8").read() == "somebody's", fourth.log())
    nowhere = os.path.join(folder, "nowhere", "io.cxlirqd")
    fifth = start(5, f"Report={nowhere}\n[Daemon]\nLogLevel=debug")
    check("report: no directory, none is made", not os.path.exists(os.path.dirname(nowhere))
          and fifth.log().count("no metrics for systemd-report") == 1, fifth.log())
    fifth.stop()
    sixth = start(6, "Report=\n[Daemon]\nLogLevel=debug")
    check("report: off", "systemd-report" not in sixth.log(), sixth.log())
    sixth.stop()


def reload(folder, trace, addresses, notified):
    """What [Export] says of the series holds from the next answer on."""
    if os.geteuid():
        print("skip reload needs root", flush=True)
        return
    daemon = scrape.Daemon(os.path.join(folder, "reloaded"), trace, next(addresses), notified, "PerVector=yes")
    notified.wait([daemon.process])
    client = Client(daemon)
    with_vectors = series(parse_text(client.run("metrics", "--format=text")))
    path = os.path.join(daemon.folder, "cxlirqd.conf")
    with open(path, encoding="utf-8") as file:
        text = file.read()
    with open(path, "w", encoding="utf-8") as file:
        file.write(text.replace("PerVector=yes", "MaxSeries=300"))
    client.run("reload")
    without = series(parse_text(client.run("metrics", "--format=text")))
    check("reload: PerVector=", of(with_vectors, "vector_interrupts_total", "provider", "index", "owner")
          and not of(without, "vector_interrupts_total", "provider", "index", "owner"))
    check("reload: MaxSeries=", len(with_vectors) > 300 >= len(without), f"{len(with_vectors)} {len(without)}")
    daemon.stop()


# ---- too many -----------------------------------------------------------------------------------


def limits(folder, trace, addresses, notified, everything):
    daemon = scrape.Daemon(os.path.join(folder, "limited"), trace, next(addresses), notified,
                           f"PerVector=yes\nMaxSeries=256\nReport={os.path.join(folder, 'limited.socket')}")
    notified.wait([daemon.process])
    one, two = (series(parse_openmetrics(daemon.get("/metrics", scrape.OPENMETRICS)[0])) for _ in range(2))
    dropped = (PREFIX + "series_dropped_total", ())
    check("limit: no more than it may have", len(one) <= 256 < len(everything), f"{len(one)} {len(everything)}")
    check("limit: what is left out is counted", one[dropped] == len(everything) - len(one)
          and two[dropped] == 2 * one[dropped], f"{one[dropped]} {two[dropped]}")
    del one[dropped], two[dropped]
    same("limit: the same ones each time", one, two)
    whole = {k: v for k, v in everything.items() if k != dropped}
    check("limit: with the same values", one.items() <= whole.items(), difference(one, whole))
    for name in UNCUT - {"series_dropped_total"}:
        check(f"limit: {name} is whole", {k for k in one if k[0] == PREFIX + name} ==
              {k for k in whole if k[0] == PREFIX + name})
    daemon.stop()


# ---- traces -------------------------------------------------------------------------------------


def unpacked(path):
    with lzma.open(path) as file:
        return file.read()


def with_doorbell(folder, trace):
    """The trace up to the end of a walk that saw a doorbell."""
    at, walks, part = 16, 0, os.path.join(folder, "part")
    while at < len(trace):
        kind, _, size = struct.unpack_from("<HHI", trace, at)
        at += size
        if kind != host.SNAPSHOT:
            continue
        walks += 1
        with open(part, "wb") as file:
            file.write(trace[:at])
        result = subprocess.run([os.path.join(scrape.BUILD, "cxlirqd"), "--replay", part, "--once"],
                                stdout=subprocess.PIPE, check=True, timeout=60)
        if any(d["state"] in ("allocated", "requested", "published")
               for d in json.loads(result.stdout)["doorbells"]):
            return trace[:at]
    raise ValueError(f"no doorbell after any of {walks} walks")


def hostile(trace):
    """A host whose devices have names that want to be something else."""
    made = host.Host(trace, 4)
    for n, name in enumerate(('a"b', "back\\slash", "new\nline", '"} 1\n# EOF\n', "{x=\"y\"}", "tab\tand\rreturn",
                              "# HELP x", "\u00e4\u20ac\U0001f600", " ", "x" * 38, "\x1b[31m", "a=\"b\",c")):
        made.device(name, "pci", name, "pci0000:00")
        made.vector((name, made.root), name, n, [(name, "pci", name, name, "handler")], n)
    return made.trace()


def traces(folder):
    """name -> what is replayed: recorded hosts, and a large one that was made up."""
    found = {os.path.basename(os.path.dirname(path)): unpacked(path)
             for path in sorted(glob.glob(os.path.join(scrape.DATA, "replay", "*", "trace.xz")))}
    found["violations"] = unpacked(os.path.join(scrape.DATA, "export", "violations.trace.xz"))
    found["doorbell"] = with_doorbell(folder, found["violations"])
    found["large"] = host.typical(found["bench"])
    found["hostile"] = hostile(found["bench"])
    return found


def main():
    with tempfile.TemporaryDirectory(prefix="cxlirq-metrics.") as folder:
        notified = scrape.Notified(folder)
        addresses = scrape.addresses()
        seen, hits, everything, last = set(), 0, {}, None
        for name, content in traces(folder).items():
            trace = os.path.join(folder, f"{name}.trace")
            with open(trace, "wb") as out:
                out.write(content)
            path = os.path.join(folder, f"{name}.socket")
            daemon = scrape.Daemon(os.path.join(folder, name), trace, next(addresses), notified,
                                   f"PerVector=yes\nReport={path}")
            notified.wait([daemon.process])
            client = Client(daemon)
            values = formats(name, daemon, client)
            events = client.lines("events")
            vectors = compare_vectors(name, client, values)
            compare_interrupts(name, vectors, events, values)
            compare_changes(name, client, events, values)
            hits += compare_violations(name, client, values)
            compare_ledger(name, client, vectors, values)
            compare_status(name, client, events, values)
            compare_counters(name, client, values)
            report(f"{name}: report", path, values)
            seen |= {key[0][len(PREFIX):] for key in values}
            daemon.stop()
            if len(values) > len(everything):
                everything, last = values, trace
        check("every family of the contract was seen", set(CONTRACT) - seen <= NEVER_REPLAYED,
              set(CONTRACT) - seen)
        check("and a violation", hits > 0)
        reload(folder, last, addresses, notified)
        limits(folder, last, addresses, notified, everything)
        report_socket(folder, last, addresses, notified)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
