#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The guard of a daemon on this machine, asked by cxlirqctl and by a varlink client that was not written
here: what each word of the verb does and refuses, who may, what is kept, and what comes from the settings.

No affinity is set: policies are of devices that are not there, or only told."""
import grp
import json
import os
import re
import select
import signal
import subprocess
import sys
import tempfile

import varlink

sys.dont_write_bytecode = True
from fixture import CLI, DAEMON, LIMIT, ROOT, Replay, answers, check, until  # noqa: E402
import fixture  # noqa: E402

NOBODY = 65534
NONE = "0000:ff:1f.7"  # a function that no machine has
COLUMNS = ("GUARD,IRQS,CPUS,NOW,DENIED,MOVED,RESTORED,BY,TROUBLE,ID,KIND,DEVICE,INDEX,RULE,PIN,RESTORE,"
           "AUDITED,SINCE,PID")


class Daemon:
    """cxlirqd as root, with all that it has below a directory of its own."""

    def __init__(self, folder):
        self.folder = folder
        self.path = os.path.join(folder, "socket")
        self.kept = os.path.join(folder, "store", "guard.json")
        self.conf = os.path.join(folder, "conf")
        self.log = os.path.join(folder, "log")
        self.process = None

    def settings(self, lines=""):
        with open(self.conf, "w", encoding="utf-8") as file:
            file.write(f"[Daemon]\nUser=\n[Trace]\nPinDirectory=\n[Store]\nDirectory={self.folder}/store\n"
                       f"[Export]\nListen=\nReport=\n[Guard]\n{lines}")

    def start(self):
        with open(self.log, "a", encoding="utf-8") as log:
            self.process = subprocess.Popen([DAEMON, "-c", self.conf, "-S", self.path], stdout=log, stderr=log)
        return until(lambda: self.process.poll() is not None or answers(self.path)) and self.process.poll() is None

    def stop(self, number=signal.SIGTERM):
        self.process.send_signal(number)
        self.process.wait(LIMIT)
        if os.path.exists(self.path):
            os.unlink(self.path)

    def restart(self, number=signal.SIGTERM):
        self.stop(number)
        return self.start()

    def said(self):
        with open(self.log, encoding="utf-8") as log:
            return log.read()

    def run(self, *arguments, before=()):
        return subprocess.run([*before, CLI, "-S", self.path, *arguments], stdin=subprocess.DEVNULL, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60, check=False)

    def guard(self, *arguments, before=()):
        return self.run("guard", *arguments, before=before)

    def names(self):
        return [guard["guard"] for guard in json.loads(self.guard("--json").stdout)]

    def mode(self):
        return self.guard("mode").stdout.strip()


def silent(name, result, code=0):
    check(name, result.returncode == code and not result.stdout, result)


def refused(name, result, line, code=1):
    """One line on standard error, and nothing else."""
    check(name, result.returncode == code and not result.stdout and result.stderr == f"cxlirqctl: {line}\n", result)


# ---- what is said wrong ----------------------------------------------------------------------------

def usage(d):
    selector = "needs one of --device, --irq, --doorbells and --rule"
    one = ["--device", NONE]
    for words, line in (
            (["protect"], "guard protect: is not list, add, remove, mode, off, pin or unpin"),
            (["add"], f"guard add: {selector}"),
            (["remove"], f"guard remove: {selector}"),
            (["add", *one, "--doorbells"], f"guard add: {selector}"),
            (["add", *one, "--rule", "pmu-vector-misplaced", "--irq", "3"], f"guard add: {selector}"),
            (["add", NONE], "guard add: takes no argument"),
            (["remove", NONE], "guard remove: takes no argument"),
            (["list", NONE], "guard list: takes no argument"),
            (["off", "now"], "guard off: takes no argument"),
            (["add", *one, "--cpus", "0"], "guard add: takes no --cpus: guard pin does"),
            (["remove", *one, "--cpus", "0"], "guard remove: takes no --cpus: guard pin does"),
            (["remove", *one, "--restore"], "guard remove: takes no --restore"),
            (["list", "--cpus", "0"], "guard list: takes no --cpus"),
            (["list", "--restore"], "guard list: takes no --restore"),
            (["mode", "audit", "--restore"], "guard mode: takes no --restore"),
            (one, "guard list: takes no --device, --irq, --doorbells or --rule"),
            (["list", *one], "guard list: takes no --device, --irq, --doorbells or --rule"),
            (["mode", "off", "--doorbells"], "guard mode: takes no --device, --irq, --doorbells or --rule"),
            (["off", "--irq", "3"], "guard off: takes no --device, --irq, --doorbells or --rule"),
            (["pin", NONE, "--cpus", "0", *one], "guard pin: takes no --device, --irq, --doorbells or --rule"),
            (["unpin", NONE, "--cpus", "0"], "guard unpin: takes no --cpus"),
            (["pin"], "guard pin: needs a DEVICE"),
            (["unpin"], "guard unpin: needs a DEVICE"),
            (["pin", NONE], "guard pin: needs --cpus"),
            (["mode", "on"], "on: is not off, audit or enforce"),
            (["mode", ""], "guard: an argument is empty"),
            (["mode", "Enforce"], "Enforce: is not off, audit or enforce"),
            (["add", "--device", "a/b"], "a/b: is no device, DEVICE/INDEX or rule about where vectors are"),
            (["add", "--device", "a b"], "a b: is no device, DEVICE/INDEX or rule about where vectors are"),
            (["add", "--device", ""], ": is no device, DEVICE/INDEX or rule about where vectors are"),
            (["add", "--device", NONE + "/4096"],
             NONE + "/4096: is no device, DEVICE/INDEX or rule about where vectors are"),
            (["add", "--rule", "vector-hidden"],
             "rule:vector-hidden: is no device, DEVICE/INDEX or rule about where vectors are"),
            (["remove", "--rule", "none"], "rule:none: is no device, DEVICE/INDEX or rule about where vectors are"),
            (["pin", NONE, "--cpus", "all"], "all: is no list of CPUs"),
            (["pin", NONE, "--cpus", "1-0"], "1-0: is no list of CPUs"),
            (["pin", NONE, "--cpus", ""], ": is no list of CPUs"),
            (["pin", NONE, "--cpus", "8192"], "8192: is no list of CPUs")):
        refused("usage: guard " + " ".join(words), d.guard(*words), line, 2)
    result = d.guard("pin", NONE, "extra", "--cpus", "0")
    check("usage: too many words", result.returncode == 2 and not result.stdout and result.stderr, result)
    check("usage: nothing came of it", d.names() == [] and d.mode() == "off")
    check("usage: nor was it kept", not os.path.exists(d.kept))


# ---- words -----------------------------------------------------------------------------------------

def empty(d):
    result = d.guard()
    check("nothing: and why", result.returncode == 0 and not result.stdout
          and result.stderr == "cxlirqctl: guards: nothing is protected\n", result)
    check("nothing: --json", json.loads(d.guard("list", "--json").stdout) == [])
    refused("nothing: to be removed", d.guard("remove", "--device", NONE), "RemoveGuard: failed: there is no such policy")
    refused("nothing: to be unpinned", d.guard("unpin", NONE), "RemoveGuard: failed: there is no such policy")
    refused("no such interrupt", d.guard("add", "--irq", "999999"), "999999: no such interrupt")


def add_remove(d):
    result = d.guard("add", "--device", NONE)
    check("add", result.returncode == 0 and NONE in result.stdout and "there is no such device now" in result.stdout
          and result.stderr == "cxlirqctl: the guard is off: nothing is denied\n", result)
    refused("add: twice", d.guard("add", "--device", NONE), "AddGuard: failed: there is such a policy already")
    silent("add: twice, to be restored", d.guard("add", "--device", NONE, "--restore"), 1)
    result = d.guard("add", "--device", NONE + "/3", "--restore", "--json")
    one = json.loads(result.stdout)
    check("add --json", one["guard"] == NONE + "/3" and one["kind"] == "vector" and one["index"] == 3
          and one["restore"] and not one["configured"] and one["uid"] == 0 and one["vectors"] == [], one)
    check("add: doorbells", d.guard("add", "--doorbells").returncode == 0)
    check("add: a rule", d.guard("add", "--rule", "doorbell-message-changed").returncode == 0)
    check("list", d.names() == [NONE, NONE + "/3", "doorbells", "rule:doorbell-message-changed"], d.names())
    rows = json.loads(d.guard("--json").stdout)
    check("list: each says why it matches nothing",
          [row["reason"] for row in rows if not row["vectors"]].count(None) == 0, rows)
    lines = d.guard("list", "-o", "GUARD,KIND,RESTORE,ID", "--noheadings").stdout.split("\n")
    check("list -o", lines[1].split() == [NONE + "/3", "vector", "yes", str(one["id"])], lines)
    result = d.guard("-o", "help")
    check("list -o help", result.returncode == 0 and result.stdout == COLUMNS + "\n", result)
    silent("remove", d.guard("remove", "--device", NONE))
    result = d.guard("remove", "--doorbells", "--json")
    check("remove --json", result.returncode == 0 and json.loads(result.stdout) == {}, result)
    silent("remove: a rule", d.guard("remove", "--rule", "doorbell-message-changed"))
    silent("unpin: what is named so", d.guard("unpin", NONE + "/3"))
    check("remove: all", d.names() == [])


def modes(d):
    check("mode: off", d.mode() == "off")
    silent("mode: audit", d.guard("mode", "audit"))
    check("mode: is audit", d.mode() == "audit")
    result = d.guard("mode", "--json")
    check("mode --json", json.loads(result.stdout)["mode"] == "audit", result)
    attached = json.loads(d.run("support", "--json").stdout)["mode"] == "tracing"
    result = d.guard("mode", "enforce")
    if attached:
        silent("mode: enforce", result)
    else:
        check("mode: enforce is refused, and why", result.returncode == 1 and not result.stdout
              and re.fullmatch(r"cxlirqctl: SetGuardMode: failed: BPF tracing is off: .+\n", result.stderr), result)
        check("mode: as it was", d.mode() == "audit")
        # and so it is with something to protect
        d.guard("add", "--device", NONE)
        result = d.guard("mode", "enforce")
        check("mode: enforce is refused with a policy", result.returncode == 1
              and "BPF tracing is off" in result.stderr and len(result.stderr.splitlines()) == 1, result)
        result = d.guard("mode", "audit")
        check("mode: audit, without a program", result.returncode == 0 and "BPF tracing is off" in result.stderr,
              result)
        state = json.loads(d.guard("mode", "--json").stdout)
        check("mode: says so", state["mode"] == "audit" and not state["attached"] and state["policies"] == 1
              and "BPF tracing" in state["reason"], state)
        silent("mode: one less", d.guard("remove", "--device", NONE))
    result = d.guard("off", "--json")
    check("off --json", json.loads(result.stdout)["mode"] == "off", result)
    check("off", d.mode() == "off")
    silent("off: twice", d.guard("off"))


def interrupts(d):
    """One of this machine, by its number: the device's vector is meant. Nothing is set."""
    vectors = json.loads(d.run("vectors", "--json").stdout)
    plain = [v for v in vectors if v["index"] is None or not v["provider"]]
    if plain:
        refused("an interrupt without MSI", d.guard("add", "--irq", str(plain[0]["irq"])),
                "AddGuard: failed: this interrupt is no MSI vector: name the device instead")
    device = next((v["provider"] or o["device"] for v in vectors for o in v["owners"] or [{"device": None}]
                   if v["provider"] or o["device"]), None)
    if not device:
        return
    was = [v["affinity"] for v in vectors]
    rows = json.loads(d.guard("add", "--device", device, "--json").stdout)
    own = {v["irq"]: v["affinity"] for v in vectors
           if device in [v["provider"], *(o["device"] for o in v["owners"])]}
    check("a device: its interrupts", {v["irq"]: v["target"] for v in rows["vectors"]} == own, rows)
    check("a device: each of them, as the interface has it",
          all(set(v) == fields("GuardVector") for v in rows["vectors"]) and own, rows)
    check("a device: nothing is asked for", not any(v["asked"] or v["errno"] for v in rows["vectors"]), rows)
    silent("a device: free again", d.guard("remove", "--device", device))
    now = [v["affinity"] for v in json.loads(d.run("vectors", "--json").stdout)]
    check("a device: nothing is moved", now == was, now)


# ---- who -------------------------------------------------------------------------------------------

def permission(d):
    stranger = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]
    methods = {"add": "AddGuard", "pin": "AddGuard", "remove": "RemoveGuard", "unpin": "RemoveGuard",
               "mode": "SetGuardMode", "off": "SetGuardMode"}
    d.guard("add", "--device", NONE)
    for words in (["add", "--device", NONE + "/1"], ["remove", "--device", NONE], ["mode", "audit"], ["off"],
                  ["pin", NONE + "/2", "--cpus", "0"], ["unpin", NONE]):
        refused("a stranger: guard " + words[0], d.guard(*words, before=stranger),
                f"{methods[words[0]]}: permission denied, only root and the group cxlirq may")
    check("a stranger: nothing came of it", d.names() == [NONE] and d.mode() == "off", d.names())
    result = d.guard("--json", before=stranger)
    check("a stranger: may read", result.returncode == 0 and len(json.loads(result.stdout)) == 1, result)
    check("a stranger: the mode, too", d.guard("mode", before=stranger).stdout == "off\n")
    try:
        group = grp.getgrnam("cxlirq").gr_gid
    except KeyError:
        group = None
    if group is not None:
        member = ["setpriv", f"--reuid={NOBODY}", f"--regid={group}", "--clear-groups"]
        check("a member", d.guard("add", "--device", NONE + "/5", before=member).returncode == 0)
        uid = [row["uid"] for row in json.loads(d.guard("--json").stdout) if row["guard"] == NONE + "/5"]
        check("a member: it is known who", uid == [NOBODY], uid)
        silent("a member: takes it away", d.guard("remove", "--device", NONE + "/5", before=member))
    silent("who may, may", d.guard("remove", "--device", NONE))


# ---- over the socket -------------------------------------------------------------------------------

def fields(name):
    """Of a type, as the interface's text has it"""
    with open(os.path.join(ROOT, "include/cxlirqd/io.cxlirqd.varlink"), encoding="utf-8") as file:
        body = re.search(rf"^type {name} \((.*?)^\)", file.read(), re.S | re.M)[1]
    return set(re.findall(r"^\s+(\w+):", body, re.M))


def error_of(call, **parameters):
    try:
        call(**parameters)
    except varlink.VarlinkError as error:
        # a name, and what it is about
        told = error.as_dict()
        return told["error"], told.get("parameters")
    return None, None


def wire(d):
    with varlink.Client(address="unix:" + d.path) as client, client.open("io.cxlirqd") as daemon:
        reply = daemon.ListGuards()
        check("varlink: nothing", reply["guards"] == [] and reply["reason"] == "nothing is protected", reply)
        # what is null is left out there
        check("varlink: a state", set(reply["state"]) <= fields("GuardState")
              and set(json.loads(d.guard("mode", "--json").stdout)) == fields("GuardState"), reply)
        reply = daemon.AddGuard(guard=NONE, restore=False)
        check("varlink: added", set(reply["guard"]) <= fields("Guard")
              and set(json.loads(d.guard("--json").stdout)[0]) == fields("Guard")
              and reply["guard"]["pid"] == os.getpid() and reply["reason"], reply)
        check("varlink: the status has it",
              daemon.GetStatus()["status"]["guard"] == daemon.ListGuards()["state"])
        bad, failed = "org.varlink.service.InvalidParameter", "io.cxlirqd.Failed"
        for name, call, parameters, want in (
                ("nothing named", daemon.AddGuard, {}, (bad, {"parameter": "guard"})),
                ("both", daemon.AddGuard, {"guard": NONE, "irq": 3}, (bad, {"parameter": "guard"})),
                ("no name", daemon.AddGuard, {"guard": "a/b"}, (bad, {"parameter": "guard"})),
                ("no such number", daemon.AddGuard, {"irq": -1}, ("io.cxlirqd.NoSuchInterrupt", {"irq": -1})),
                ("a wild number", daemon.AddGuard, {"irq": 1 << 40},
                 ("io.cxlirqd.NoSuchInterrupt", {"irq": 1 << 40})),
                ("no CPUs", daemon.AddGuard, {"guard": NONE + "/1", "cpus": ""}, (bad, {"parameter": "cpus"})),
                ("wild CPUs", daemon.AddGuard, {"guard": NONE + "/1", "cpus": "0-" + "9" * 4000},
                 (bad, {"parameter": "cpus"})),
                ("CPUs that are not here", daemon.AddGuard, {"guard": NONE + "/1", "cpus": "8191"},
                 (failed, {"reason": "this machine has no such CPUs"})),
                ("twice", daemon.AddGuard, {"guard": NONE}, (failed, {"reason": "there is such a policy already"})),
                ("none such", daemon.RemoveGuard, {"guard": "x"}, (failed, {"reason": "there is no such policy"})),
                ("no such mode", daemon.SetGuardMode, {"mode": "on"}, (bad, {"parameter": "mode"}))):
            check(f"varlink: {name}", error_of(call, **parameters) == want, error_of(call, **parameters))
        # as many as there may be, and not one more
        for i in range(255):
            daemon.AddGuard(guard=f"none{i}")
        check("varlink: too many", error_of(daemon.AddGuard, guard="one-more")
              == (failed, {"reason": "there are 256 policies already"}))
        check("varlink: all are kept", d.restart() and len(d.names()) == 256, len(d.names()))
    with varlink.Client(address="unix:" + d.path) as client, client.open("io.cxlirqd") as daemon:
        for i in range(255):
            daemon.RemoveGuard(guard=f"none{i}")
        daemon.RemoveGuard(guard=NONE)
        check("varlink: removed", daemon.ListGuards()["guards"] == [])


# ---- what is kept ----------------------------------------------------------------------------------

def kept(d):
    d.guard("add", "--device", NONE, "--restore")
    d.guard("add", "--doorbells")
    d.guard("remove", "--doorbells")
    d.guard("mode", "audit")
    before = json.loads(d.guard("--json").stdout)
    check("kept: a file of its own", os.stat(d.kept).st_mode & 0o7777 == 0o600)
    check("kept: restart", d.restart() and json.loads(d.guard("--json").stdout) == before and d.mode() == "audit",
          d.guard("--json").stdout)
    check("kept: SIGKILL", d.restart(signal.SIGKILL) and json.loads(d.guard("--json").stdout) == before
          and d.mode() == "audit", d.guard("--json").stdout)
    added = json.loads(d.guard("add", "--doorbells", "--json").stdout)
    check("kept: ids are not used again", added["id"] > before[0]["id"] + 1, added)
    d.stop()
    with open(d.kept, encoding="utf-8") as file:
        good = file.read()
    for name, text in (("half of it", good[:len(good) // 2]), ("garbage", "\0\1\2"), ("nothing", "")):
        with open(d.kept, "w", encoding="utf-8") as file:
            file.write(text)
        check(f"not kept: {name}", d.start() and d.names() == [] and d.mode() == "off"
              and "policies cannot be read" in d.said(), d.said())
        d.stop()
    one = json.loads(good)
    one["policies"].append({"guard": "a/b"})
    with open(d.kept, "w", encoding="utf-8") as file:
        json.dump(one, file)
    check("kept: all but what makes no sense", d.start() and d.names() == [NONE, "doorbells"]
          and "1 policies make no sense" in d.said(), d.said())
    # what cannot be kept holds until then, and that is told
    d.guard("remove", "--device", NONE)
    os.rename(os.path.dirname(d.kept), os.path.dirname(d.kept) + ".away")
    result = d.guard("add", "--device", NONE)
    check("cannot be kept", result.returncode == 0 and "cannot be kept" in result.stderr
          and d.names() == ["doorbells", NONE], result)
    os.rename(os.path.dirname(d.kept) + ".away", os.path.dirname(d.kept))
    silent("kept: no more", d.guard("remove", "--device", NONE))
    d.guard("remove", "--doorbells")
    d.guard("off")


# ---- settings --------------------------------------------------------------------------------------

def settings(d):
    d.guard("add", "--device", "mine")
    d.settings(f"Mode=audit\nProtect={NONE} doorbells\nProtect=mine\n")
    silent("settings: reload", d.run("reload"))
    rows = {row["guard"]: row for row in json.loads(d.guard("--json").stdout)}
    check("settings: both", sorted(rows) == sorted([NONE, "doorbells", "mine"]), list(rows))
    check("settings: whose they are", rows[NONE]["configured"] and rows[NONE]["uid"] is None
          and not rows["mine"]["configured"] and not rows[NONE]["restore"], rows)
    check("settings: in words", re.search(rf"^{NONE} .* settings ", d.guard().stdout, re.M), d.guard().stdout)
    check("settings: the mode", d.mode() == "audit")
    refused("settings: cannot be removed", d.guard("remove", "--device", NONE),
            "RemoveGuard: failed: it stands in the settings ([Guard] Protect=)")
    refused("settings: nor unpinned", d.guard("unpin", NONE),
            "RemoveGuard: failed: it stands in the settings ([Guard] Protect=)")
    # what is in both is the settings' when it is nobody else's any more
    silent("settings: mine", d.guard("remove", "--device", "mine"))
    rows = {row["guard"]: row for row in json.loads(d.guard("--json").stdout)}
    check("settings: mine stands there, too", "mine" in rows and rows["mine"]["configured"], list(rows))
    d.settings("Mode=audit\nProtect=other\nRestore=yes\nRestoresPerMinute=2\n")
    silent("settings: other ones", d.run("reload"))
    rows = json.loads(d.guard("--json").stdout)
    check("settings: these and no more", [(r["guard"], r["restore"]) for r in rows] == [("other", True)], rows)
    d.settings("Mode=wild\nProtect=a/b\nRestore=yes\nRestoresPerMinute=2\n")
    check("settings: bad ones", f"{d.conf}:" in d.run("reload").stderr + d.said()
          and d.names() == ["other"] and d.mode() == "audit", d.names())
    # the socket's mode lasts until the settings have another one
    d.settings("Mode=audit\nProtect=other\n")
    d.run("reload")
    d.guard("off")
    check("settings: overruled", d.restart() and d.mode() == "off", d.mode())
    d.settings("Mode=off\n")
    d.run("reload")
    d.settings("Mode=audit\n")
    d.run("reload")
    check("settings: have changed since", d.restart() and d.mode() == "audit", d.mode())
    d.guard("off")
    d.stop()
    d.settings("Mode=off\n")
    d.start()
    d.stop()
    d.settings("Mode=audit\n")
    check("settings: have changed while it was down", d.start() and d.mode() == "audit" and d.names() == [], d.mode())
    d.settings("")
    d.run("reload")


# ---- events ----------------------------------------------------------------------------------------

def events(d):
    status = d.run("status").stdout
    check("status: says nothing of it", "Guard:" not in status, status)
    d.guard("mode", "audit")
    d.guard("add", "--device", NONE)
    pid = json.loads(d.guard("--json").stdout)[0]["pid"]
    status = d.run("status").stdout
    check("status: in words", "Guard: audit: 1 policies, 0 vectors" in status, status)
    d.guard("remove", "--device", NONE)
    d.guard("off")
    d.settings("RestoresPerMinute=3\n")
    d.run("reload")
    rows = [json.loads(line) for line in
            d.run("history", "--type", "guard-policy", "--json").stdout.splitlines()][-5:]
    want = [("mode", None, "audit", 0), ("add", NONE, "audit", 0), ("remove", NONE, "audit", 0),
            ("mode", None, "off", 0), ("reload", None, "off", None)]
    check("history: what, and who", [(r["action"], r["guard"], r["mode"], r["uid"]) for r in rows] == want, rows)
    check("history: which process", rows[1]["pid"] == pid and rows[1]["device"] == NONE, rows)
    check("history: times", [r["time_us"] for r in rows] == sorted(r["time_us"] for r in rows), rows)
    line = d.run("history", "--type", "guard-policy", "--device", NONE).stdout.splitlines()[-1]
    check("history: in words", f"remove {NONE}, mode audit, by pid " in line and line.endswith(" uid 0"), line)
    log = d.said()
    check("log: who", re.search(rf"guard: add {NONE} by process {pid} of user 0, mode audit", log), log)
    check("log: the settings", "guard: reload by the settings, mode off" in log, log)
    # as it happens
    watch = subprocess.Popen([CLI, "-S", d.path, "events", "--json"], text=True, stdout=subprocess.PIPE,
                             stderr=subprocess.DEVNULL)

    def told():
        d.guard("mode", "audit")
        return bool(select.select([watch.stdout], [], [], 0.5)[0])

    line = watch.stdout.readline() if until(told) else "{}"
    check("events: as it happens", json.loads(line).get("type") == "guard-policy", line)
    watch.terminate()
    watch.wait(LIMIT)
    watch.stdout.close()
    d.guard("off")


def without(d):
    """Nobody serves it, or who does has none."""
    d.stop()
    replay = Replay(d.folder, path=d.path)
    why = "there is no guard here"
    check("a replay: nothing", d.guard().stderr == f"cxlirqctl: guards: {why}\n" and d.names() == [])
    refused("a replay: mode", d.guard("mode"), why)
    refused("a replay: mode --json", d.guard("mode", "--json"), why)
    refused("a replay: mode audit", d.guard("mode", "audit"), f"SetGuardMode: failed: {why}")
    refused("a replay: off", d.guard("off"), f"SetGuardMode: failed: {why}")
    refused("a replay: add", d.guard("add", "--device", NONE), f"AddGuard: failed: {why}")
    refused("a replay: unpin", d.guard("unpin", NONE), f"RemoveGuard: failed: {why}")
    replay.stop()
    for words in (["list"], ["mode"], ["mode", "audit"], ["off"], ["add", "--device", NONE]):
        result = d.guard(*words)
        check("no daemon: guard " + words[0], result.returncode == 1 and not result.stdout
              and len(result.stderr.splitlines()) == 1, result)


def main():
    if os.geteuid() != 0:
        print("skip guard: only root may start a daemon with a guard")
        return 0
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        daemon = Daemon(folder)
        daemon.settings()
        if not check("a daemon", daemon.start(), daemon.said()):
            return 1
        try:
            for part in (usage, empty, add_remove, modes, interrupts, permission, wire, kept, settings, events,
                         without):
                part(daemon)
        finally:
            # where a part ended early
            if daemon.process.poll() is None:
                daemon.stop(signal.SIGKILL)
    return 1 if fixture.failures else 0


if __name__ == "__main__":
    sys.exit(main())
