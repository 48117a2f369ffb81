#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""cxlirqctl graph: dot(1) reads the one language, an XML parser the other.

Both are held against the graph as JSON, and that against the lists of the
daemon; names in the trace are such that would break out of either language.
"""
import collections
import json
import lzma
import os
import signal
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree

BUILD = os.path.abspath(os.environ.get("SANITIZED", "build/san"))
SVG = "{http://www.w3.org/2000/svg}"
# as long as the names that they replace in the trace
HOSTILE = {b"0000:10:00.0": b"<b>&amp;\\N\"'", b"0000:0f:00.0": b"\"];evil[a=\"\\"}
failures = 0


def check(name, is_so, why=""):
    global failures
    why = " ".join(str(why).split())
    print(f"ok {name}" if is_so else f"not ok {name} {why[:300]}", flush=True)
    failures += not is_so


def run(command, text=None):
    return subprocess.run(command, input=text, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=60)


class Daemon:
    def __init__(self, folder, trace):
        self.socket = os.path.join(folder, "varlink")
        config = os.path.join(folder, "conf")
        with open(config, "w", encoding="utf-8"):
            pass
        self.process = subprocess.Popen([f"{BUILD}/cxlirqd", "--replay", trace, "-S", self.socket, "-c", config],
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        end = time.monotonic() + 60
        while time.monotonic() < end and self.ask("status").returncode not in (0, 3):
            time.sleep(0.05)

    def ask(self, *arguments):
        return run([f"{BUILD}/cxlirqctl", "-S", self.socket, *arguments])

    def json(self, *arguments):
        return json.loads(self.ask("-j", *arguments).stdout)

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(30)


def graph(daemon):
    """What is in it: what the lists say, counted here."""
    picture = daemon.json("graph")
    vectors = [vector for vector in daemon.json("vectors")
               if vector["provider"] or any(owner["device"] for owner in vector["owners"])]
    domains = {domain["id"]: domain for domain in daemon.json("domains")}
    kinds = collections.Counter(node["kind"] for node in picture["nodes"])
    devices, used, edges = set(), set(), set()
    for vector in vectors:
        owners = {owner["device"]: owner["relation"] for owner in vector["owners"] if owner["device"]}
        if vector["provider"]:
            devices.add(vector["provider"])
            owners.setdefault(vector["provider"], "provides")
        devices |= set(owners)
        edges |= {(f"device:{owner}", f"vector:{vector['irq']}", relation) for owner, relation in owners.items()}
        domain = vector["domain"]
        if domain is not None:
            edges.add((f"vector:{vector['irq']}", f"domain:{domain}", "in"))
        while domain is not None and domain not in used:
            used.add(domain)
            parent = domains[domain]["parent"]
            if parent is not None:
                edges.add((f"domain:{domain}", f"domain:{parent}", "parent"))
            domain = parent
    check("graph: nodes", kinds == {"vector": len(vectors), "device": len(devices), "domain": len(used)},
          f"{kinds} {len(vectors)} {len(devices)} {len(used)}")
    found = {(edge["from"], edge["to"], edge["relation"]) for edge in picture["edges"]}
    check("graph: edges", found == edges, found ^ edges)
    check("graph: what is left out", picture["left_out"] == 0 and
          picture["without_device"] == len(daemon.json("vectors")) - len(vectors), picture["without_device"])
    return picture


def dot(name, daemon, picture):
    text = daemon.ask("graph").stdout
    # in a name, dot keeps both of two backslashes
    ids = {node["id"].replace("\\", "\\\\") for node in picture["nodes"]}
    drawn = run(["dot", "-Tjson"], text)
    read = json.loads(drawn.stdout or "{}")
    check(f"{name}: dot takes it", drawn.returncode == 0 and not drawn.stderr, drawn.stderr)
    check(f"{name}: dot has all nodes", {node["name"] for node in read.get("objects", [])} == ids, read.get("objects"))
    check(f"{name}: dot has all edges", len(read.get("edges", [])) == len(picture["edges"]))
    drawn = run(["dot", "-Tsvg"], text)
    texts = {text.text for text in xml.etree.ElementTree.fromstring(drawn.stdout).iter(SVG + "text")}
    check(f"{name}: dot draws it", {node["label"] for node in picture["nodes"]} <= texts, texts)


def svg(name, daemon, picture):
    text = daemon.ask("graph", "--format=svg").stdout
    root = xml.etree.ElementTree.fromstring(text)
    titles = [title.text.split("\n")[0] for group in root.iter(SVG + "g") for title in group.findall(SVG + "title")]
    check(f"{name}: SVG has all nodes", sorted(titles) == sorted(node["label"] for node in picture["nodes"]), titles)
    check(f"{name}: SVG has nothing else", {element.tag for element in root.iter()} <=
          {SVG + tag for tag in ("svg", "title", "style", "g", "rect", "path", "text", "tspan")})
    boxes = [(float(box.get("x")), float(box.get("y")), float(box.get("width")), float(box.get("height")))
             for box in root.iter(SVG + "rect")]
    width, height = float(root.get("width")), float(root.get("height"))
    check(f"{name}: SVG holds its boxes", all(x >= 0 and y >= 0 and x + w <= width and y + h <= height
                                             for x, y, w, h in boxes), boxes)
    boxes.sort()
    over = [(a, b) for a, b in zip(boxes, boxes[1:]) if a[0] == b[0] and a[1] + a[3] > b[1]]
    check(f"{name}: no box covers another", not over, over)


def one_device(daemon):
    vectors = daemon.json("vectors", "--device", "0000:00:03.0")
    picture = daemon.json("graph", "--device", "0000:00:03.0")
    check("one device", {node["id"] for node in picture["nodes"] if node["kind"] == "vector"} ==
          {f"vector:{vector['irq']}" for vector in vectors}, picture)
    none = daemon.ask("graph", "--device", "none")
    check("no such device", none.returncode == 1 and not none.stdout and len(none.stderr.splitlines()) == 1, none)
    bad = daemon.ask("graph", "--format=png")
    check("no such format", bad.returncode == 2 and not bad.stdout and len(bad.stderr.splitlines()) == 1, bad)


def main():
    with lzma.open("tests/data/replay/bench/trace.xz") as packed:
        data = packed.read()
    hostile = data
    for old, new in HOSTILE.items():
        assert len(old) == len(new)
        hostile = hostile.replace(old, new)
    with tempfile.TemporaryDirectory(prefix="cxlirq-picture.") as folder:
        trace = os.path.join(folder, "trace")
        for name, content in (("plain", data), ("hostile", hostile)):
            with open(trace, "wb") as file:
                file.write(content)
            daemon = Daemon(folder, trace)
            picture = graph(daemon)
            dot(name, daemon, picture)
            svg(name, daemon, picture)
            if name == "plain":
                one_device(daemon)
            else:
                labels = {node["label"] for node in picture["nodes"]}
                check("hostile names are in it", all(new.decode() in labels for new in HOSTILE.values()), labels)
            check(f"{name}: ends", daemon.stop() == 0)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
