#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""A small fleet: no scrape fails, and no host costs more than README says.

The arithmetic is taken from README's section Fleet and is given what the client counts of each
kind of host, so that neither can go its own way.
"""
import json
import os
import re
import subprocess
import sys
import urllib.parse

sys.dont_write_bytecode = True
import fleet  # noqa: E402
import scrape  # noqa: E402

HOSTS, SCRAPES = 20, 5
README = os.path.join(scrape.HERE, "..", "..", "README.md")
failures = 0


def check(name, is_so, why=""):
    global failures
    why = " ".join(str(why).split())
    print(f"ok {name}" if is_so else f"not ok {name} {why[:300]}", flush=True)
    failures += not is_so


def client(daemon, *arguments):
    return json.loads(subprocess.run(
        [os.path.join(scrape.BUILD, "cxlirqctl"), "-S", daemon.socket, "--json", *arguments],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout)


def readme(pattern):
    with open(README, encoding="utf-8") as file:
        return re.findall(pattern, file.read(), re.M)


def arithmetic():
    """The line of README, as a function of what is counted."""
    lines = readme(r"^ *series = ([\w+* ]+)$")
    check("README has the arithmetic", len(lines) == 1, lines)
    return lambda counts: eval(lines[0], {"__builtins__": {}}, counts)  # noqa: S307 (our own file)


def counted(daemon):
    """What the arithmetic is about, as the client has it."""
    users, features, changes, providers, vectors = set(), set(), set(), set(), 0
    for vector in client(daemon, "vectors"):
        providers.add(vector["provider"])
        owners = vector["owners"] or [{"device": "", "driver": "", "relation": ""}]
        vectors += len(owners)
        for owner in owners:
            users.add((vector["provider"], owner["device"], owner["driver"], owner["relation"], vector["state"]))
    for device in client(daemon, "devices"):
        # what a sub-device has stands in its own row, too
        if device["bus"] == "pci" or device["device"] in providers:
            features |= {(device["device"], f["feature"], f["result"]) for f in device["features"]}
    for event in subprocess.run([os.path.join(scrape.BUILD, "cxlirqctl"), "-S", daemon.socket, "--json", "events"],
                                stdout=subprocess.PIPE, text=True).stdout.splitlines():
        event = json.loads(event)
        if event["type"] in ("message-change", "affinity-change"):
            changes.add((event["type"], event["irq"], event["cause"]["kind"] if event.get("cause") else None))
    doorbells = {(d["epc"], d["type"], d["verdict"]) for d in client(daemon, "doorbells")}
    return {"users": len(users), "features": len(features), "changes": len(changes) + len(doorbells),
            "counters": len(client(daemon, "counters")), "vectors": vectors}


def main():
    bound = arithmetic()
    with fleet.Fleet(HOSTS, 2) as hosts:
        check(f"{HOSTS} hosts are scraped {SCRAPES} times", hosts.run(SCRAPES), hosts.prometheus.query("up"))
        figures = hosts.figures()
        check("no scrape fails", figures["failed_scrapes"] == 0, figures)
        check("Prometheus complains of nothing", not hosts.prometheus.complaints(),
              hosts.prometheus.complaints())
        # the last of ten is a recorded host with violations, the others are large
        for name, daemon in (("large", hosts.daemons[0]), ("violations", hosts.daemons[9])):
            counts = counted(daemon)
            series = hosts.prometheus.value(f'scrape_samples_scraped{{instance="{daemon.address}"}}')
            most = bound(counts)
            check(f"{name}: {series:.0f} series, and no more than {most}", series <= most, counts)
            # an arithmetic that says much too much is of no use either
            check(f"{name}: not much less", series > 0.75 * most, counts)
        said = [float(number) for number in readme(r"has about (\d+)$")]
        check("README's server", len(said) == 1 and abs(figures["samples_max"] / said[0] - 1) < 0.05, said)
        added = figures["head_series"] - HOSTS * figures["samples_max"]
        check("nothing else grows in Prometheus", added < HOSTS * 60, figures)
        check("rules record a handful a host", 5 * HOSTS < figures["recorded_series"] < 60 * HOSTS, figures)
        match = urllib.parse.quote((readme(r"^`(\{__name__=~.*?\})`") or [""])[0])
        federated = re.findall(r"^[^#\n]", hosts.prometheus.page(f"/federate?match[]={match}"), re.M)
        check("what README federates is what the rules record", len(federated) == figures["recorded_series"],
              len(federated))
        fleet.tell(figures)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
