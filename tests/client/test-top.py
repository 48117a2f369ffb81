#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""cxlirqctl top on the terminals of tmux: what it shows, what keys do, and that nothing that can
happen to it (a size, a signal, a daemon that goes, names that are commands) spoils the terminal.

The daemon is a script whose counters run by a clock of their own, so that rates are exact.
"""
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
from fixture import CLI, Replay, Script, Terminal, check, until  # noqa: E402
import fixture  # noqa: E402

T0 = 1763710000000000
HOSTILE = ["\x1b[2J\x1b[Hgone", "\x1b]0;title\x07x", "tab\tand\nline", "漢字漢字漢字漢字漢字漢字漢字漢字", "a\u0301\u202eb",
           "x" * 300, "\x9b31mc1"]


class Host:
    """Some devices whose interrupts come at rates that are known."""

    def __init__(self):
        self.looks = 0
        self.started = T0
        self.vectors = []
        self.violations = []
        self.health = "healthy"
        self.step_us = 1000000
        self.add("0000:0d:00.0", "0000:0d:00.0", "cxl_pci", "own", lambda n: 5000 + 10 * n)
        self.add("0000:0d:00.0", "0000:0d:00.0", "cxl_pci", "own", lambda n: 100 + 5 * n)
        self.add("pmu_mem0.0", "0000:0d:00.0", "cxl_pmu", "borrowed", lambda n: 7)
        self.add("0000:03:00.0", "0000:03:00.0", "nvme", "own", lambda n: 2000000 * n)
        self.add(None, None, None, "unknown", lambda n: 100 * n, action="timer")

    def add(self, device, provider, driver, relation, count, action="handler"):
        irq = 24 + len(self.vectors)
        self.vectors.append({
            "irq": irq, "provider": provider, "index": None if provider is None else len(self.vectors),
            "state": "requested", "effective_affinity": "0", "count": count, "message_changes": 0,
            "affinity_changes": 0, "owners": [{"device": device, "driver": driver, "relation": relation,
                                               "action": action}]})
        return self.vectors[-1]

    def status(self, _):
        return {"status": {"health": self.health, "reasons": ["records lost"] if self.health != "healthy" else [],
                           "violations_open": len(self.violations), "started_us": self.started,
                           "lost": [{"reason": "ring-full", "count": 0}], "kernel": "6.18.0"}}

    def list_vectors(self, parameters):
        self.looks += 1
        rows = []
        for vector in self.vectors:
            row = dict(vector, interrupts=vector["count"](self.looks))
            del row["count"]
            if parameters.get("device") in (None, row["provider"], row["owners"][0]["device"]):
                rows.append(row)
        return {"vectors": rows, "reason": None, "counted_us": T0 + self.looks * self.step_us}

    def list_violations(self, _):
        return {"violations": self.violations}

    def methods(self):
        return {"GetStatus": self.status, "ListVectors": self.list_vectors, "ListViolations": self.list_violations}


def children_of(pid):
    """All of them, the nearest first"""
    try:
        with open(f"/proc/{pid}/task/{pid}/children", encoding="utf-8") as file:
            children = [int(child) for child in file.read().split()]
    except FileNotFoundError:
        return []
    return children + [grandchild for child in children for grandchild in children_of(child)]


class Tmux:
    """One terminal of tmux' own kind, with a command in it."""
    count = 0

    def __init__(self, folder, command, width=80, height=24, env=()):
        # a server that is told to end does so later
        Tmux.count += 1
        self.socket = os.path.join(folder, f"tmux{Tmux.count}")
        words = [word for pair in env for word in ("-e", pair)]
        config = os.path.join(folder, "tmux.conf")
        with open(config, "w", encoding="utf-8") as file:
            file.write("set -g remain-on-exit on\nset -g default-terminal tmux-256color\n")
        # tmux itself does not always learn of the exit status
        command = f"{command}; echo $? >status"
        if os.path.exists("status"):
            os.unlink("status")
        said = self.run("-f", config, "new-session", "-d", "-x", str(width), "-y", str(height), *words, command)
        if said:
            raise RuntimeError(said)
        # before there is a window, tmux 3.3 dies of it
        self.run("set", "-g", "window-size", "manual")

    def run(self, *arguments):
        result = subprocess.run(["tmux", "-S", self.socket, *arguments], stdout=subprocess.PIPE,
                                stderr=subprocess.STDOUT, text=True, timeout=30,
                                env={**os.environ, "LC_ALL": "C.UTF-8", "TERM": "xterm-256color"})
        return result.stdout

    def screen(self, *arguments):
        return self.run("capture-pane", "-p", *arguments)

    def keys(self, *keys):
        self.run("send-keys", *keys)

    def shows(self, pattern, limit=15):
        """The screen, once it shows this; else what it shows is the reason of a failure."""
        self.last = ""

        def look():
            self.last = self.screen()
            return re.search(pattern, self.last, re.S | re.M)
        return bool(until(look, limit))

    def state(self):
        """Whether the alternate screen is on, and whether the cursor is visible"""
        return self.run("display", "-p", "#{alternate_on} #{cursor_flag}").strip()

    def is_over(self, limit=15):
        """Its exit status, once it has one"""
        def look():
            try:
                with open("status", encoding="utf-8") as file:
                    return file.read().strip()
            except FileNotFoundError:
                return ""
        return until(look, limit)

    def resize(self, width, height):
        self.run("resize-window", "-x", str(width), "-y", str(height))

    def program(self):
        """The process that nothing in the terminal is below"""
        return children_of(int(self.run("display", "-p", "#{pane_pid}")))[-1]

    def hang_up(self):
        self.run("kill-server")

    def close(self):
        # A hang-up's SIGCONT takes away the SIGSTOP that LSan waits for when a program ends by it.
        pane = self.run("display", "-p", "#{pane_pid}").strip()
        for pid in children_of(int(pane)) if pane.isdigit() else []:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        self.hang_up()


def top(socket, *arguments):
    return " ".join([CLI, "-S", socket, "top", *arguments])


def rows_of(screen):
    """First words of the table's rows"""
    lines = screen.splitlines()[4:-2]
    return [line.split()[0] for line in lines if line.strip()]


def shows_rates(folder, socket, host):
    tmux = Tmux(folder, top(socket, "--interval", "0.1"))
    check("80x24: rates", tmux.shows(r"^0000:03:00\.0 +0000:03:00\.0 nvme +own +1 2000000 "), tmux.last)
    screen = tmux.last
    check("80x24: sums of a device's vectors", re.search(r"^0000:0d:00\.0 .* 2 +15\.0 ", screen, re.M), screen)
    check("80x24: all of them, each once", "interrupts/s 2000115.0" in screen, screen)
    check("80x24: what is no device", re.search(r"^\[timer\] +unknown +1 +100\.0 ", screen, re.M), screen)
    check("80x24: sorted by rate", rows_of(screen) == ["0000:03:00.0", "[timer]", "0000:0d:00.0", "pmu_mem0.0"],
          rows_of(screen))
    check("80x24: all is there", all(len(line) <= 80 for line in screen.splitlines())
          and "VIOL" in screen and screen.splitlines()[23].startswith("q quit"), screen)
    check("80x24: the selected line", re.search(r"^0000:03:00\.0, .*IRQ/S 2000000, \d+ in all", screen, re.M), screen)
    check("the screen is top's", tmux.state() == "1 0", tmux.state())

    host.vectors[0]["count"] = lambda n: n  # was above 5000
    check("a counter that starts again gives no rate", tmux.shows(r"^0000:0d:00\.0 .* 2 +6\.0 "), tmux.last)
    check("and none that is absurd", "-" not in "".join(re.findall(r"IRQ/S (\S+)", tmux.last)), tmux.last)
    host.violations = [{"id": 1, "irq": 26, "device": "0000:0d:00.0"}, {"id": 2, "irq": 99, "device": "0000:03:00.0"}]
    check("violations of an interrupt", tmux.shows(r"^pmu_mem0\.0 .* 1$"), tmux.last)
    check("violations of a device", tmux.shows(r"^0000:03:00\.0 .* 1$"), tmux.last)
    check("violations in the header", "violations open 2" in tmux.last, tmux.last)
    host.violations = []
    host.health = "degraded"
    check("why it is degraded", tmux.shows("degraded.*records lost"), tmux.last)
    host.health = "healthy"
    tmux.keys("q")
    check("q", tmux.is_over() == "0", tmux.is_over())
    tmux.close()


def obeys_keys(folder, socket, host):
    tmux = Tmux(folder, top(socket, "--interval", "0.1"))
    tmux.shows(r"nvme +own +1 2000000 ")
    for key, order in (("<", ["0000:0d:00.0", "[timer]", "0000:03:00.0", "pmu_mem0.0"]),  # VECT
                       ("1", ["0000:03:00.0", "0000:0d:00.0", "pmu_mem0.0", "[timer]"]),  # DEVICE
                       ("r", ["[timer]", "pmu_mem0.0", "0000:0d:00.0", "0000:03:00.0"]),
                       ("3", ["[timer]", "0000:03:00.0", "pmu_mem0.0", "0000:0d:00.0"]),  # DRIVER, reversed
                       ("r", ["0000:0d:00.0", "pmu_mem0.0", "0000:03:00.0", "[timer]"]),
                       ("6", ["0000:03:00.0", "[timer]", "0000:0d:00.0", "pmu_mem0.0"])):
        tmux.keys(key)
        check(f"key {key} sorts", until(lambda: rows_of(tmux.screen()) == order, 15), rows_of(tmux.screen()))
    tmux.keys("/", "P", "M", "U", "Enter")
    check("filter", until(lambda: rows_of(tmux.screen()) == ["pmu_mem0.0"], 15), tmux.screen())
    check("filter is told", 'only with "PMU" in its names' in tmux.screen(), tmux.screen())
    tmux.keys("f", "z", "z", "C-h", "Escape")
    check("Escape leaves it", until(lambda: rows_of(tmux.screen()) == ["pmu_mem0.0"], 15), tmux.screen())
    tmux.keys("/", "q", "q", "Enter")
    check("nothing has it", tmux.shows("nothing has this in its names"), tmux.last)
    tmux.keys("/", "Enter")
    check("no filter", until(lambda: len(rows_of(tmux.screen())) == 4, 15), tmux.screen())
    tmux.keys("p")
    check("pause", tmux.shows("paused"), tmux.last)
    looks = host.looks
    tmux.keys("h")
    check("help", tmux.shows("sort by the column.*that changed.*any key goes back"), tmux.last)
    check("help fits", "+\n" not in tmux.last, tmux.last)
    tmux.resize(70, 20)
    check("another size is no key", tmux.shows("sort by the column.*any key goes back") and "violations open" not in tmux.last,
          tmux.last)
    tmux.resize(80, 24)
    tmux.keys("x")
    check("pause: the daemon is left alone", tmux.shows("VIOL") and host.looks == looks, host.looks - looks)
    tmux.keys("Space")
    check("and goes on", until(lambda: host.looks > looks, 15))
    tmux.keys("d", "0", ".", "0", "1", "Enter")
    check("a delay that is none", tmux.shows("a delay is a number of seconds from 0.1"), tmux.last)
    tmux.keys("d", "0", ".", "2", "Enter")
    check("delay", tmux.shows("every 0.2 s"), tmux.last)
    tmux.keys("Down", "Down")
    check("selection", tmux.shows("^0000:0d:00.0, .* in all"), tmux.last)
    tmux.keys("1")
    check("selection follows the row", until(lambda: rows_of(tmux.screen())[1:2] == ["0000:0d:00.0"], 15)
          and tmux.shows("^0000:0d:00.0, .* in all"), tmux.last)
    tmux.keys("Enter")
    check("its vectors", tmux.shows(r"^ +IRQ DEVICE.*^ +24 0000:0d:00\.0")
          and until(lambda: rows_of(tmux.screen()) == ["24", "25", "26"], 15), tmux.screen())
    tmux.keys("/", "Enter", "End")
    check("End", tmux.shows("^IRQ 26, pmu_mem0.0"), tmux.last)
    tmux.keys("Tab")
    check("back to devices", tmux.shows("^DEVICE"), tmux.last)
    tmux.keys("x", "F5", "M-x", "C-l", "Escape", "!")
    check("other keys do nothing", until(lambda: len(rows_of(tmux.screen())) == 4, 15), tmux.screen())
    tmux.close()


def fits(folder, socket):
    tmux = Tmux(folder, top(socket, "--interval", "0.1"), 60, 15)
    check("60x15", tmux.shows(r"^0000:03:00\.0 +nvme .* 2000000 ")
          and all(len(line) <= 60 for line in tmux.last.splitlines()), tmux.last)
    for width, height in ((132, 43), (40, 7), (80, 24), (200, 10)):
        tmux.resize(width, height)
        check(f"resized to {width}x{height}", until(lambda: re.search(r"^0000:03:00\.0 .*2000000 ", tmux.screen(), re.M)
              and re.match(r"\S.*", tmux.screen().splitlines()[height - 1])
              and all(len(line) <= width for line in tmux.screen().splitlines()), 15), tmux.screen())
    for width, height in ((39, 24), (80, 6), (12, 2), (3, 1)):
        tmux.resize(width, height)
        # in a few cells there is only room to begin to say so
        says = f"{width}x{height} is too small,"[:width - 2]
        check(f"{width}x{height} is too small", until(lambda: tmux.screen().startswith(says), 15), tmux.screen())
    tmux.resize(80, 24)
    check("large enough again", tmux.shows(r"^0000:03:00\.0 .*2000000 "), tmux.last)
    tmux.close()


def leaves_clean(folder, socket):
    """In a shell that goes on, so that there is a terminal to look at."""
    script = os.path.join(folder, "script")
    with open(script, "w", encoding="utf-8") as file:
        file.write("stty -a >before\n" + top(socket, "--interval", "0.1") +
                   " & echo $! >pid; fg >/dev/null; echo code=$?; stty -a >after; echo over\n")
    for name in ("INT", "TERM", "HUP", "QUIT", "SEGV", "ABRT", "USR1", "ALRM", "PIPE"):
        for file in ("before", "after", "pid"):
            if os.path.exists(file):
                os.unlink(file)
        tmux = Tmux(folder, f"bash -i -c 'ulimit -c 0; set -m; . {script}; sleep 100'")
        tmux.shows(r"2000000 ")
        on = tmux.state()
        with open("pid", encoding="utf-8") as file:
            os.kill(int(file.read()), getattr(signal, "SIG" + name))
        over = tmux.shows("^over")
        state = tmux.state()
        with open("before", encoding="utf-8") as before, open("after", encoding="utf-8") as after:
            same = before.read() == after.read()
        code = re.search(r"code=(\d+)", tmux.last)
        # an orderly end is one; a fault stays one
        want = 0 if name in ("INT", "TERM", "HUP", "QUIT") else 128 + getattr(signal, "SIG" + name)
        check(f"SIG{name} leaves the terminal clean", on == "1 0" and over and state == "0 1" and same,
              f"{on} {state} {same} {tmux.last}")
        check(f"SIG{name}: exit code", code and int(code.group(1)) == want, tmux.last)
        tmux.close()


def stops(folder, socket, host):
    tmux = Tmux(folder, "env 'PS1=$ ' bash --norc --noprofile -i")
    tmux.shows(r"^\$")
    tmux.keys("stty -a >before; " + top(socket, "--interval", "0.1"), "Enter")
    tmux.shows(r"2000000 ")
    for _ in range(2):
        tmux.keys("C-z")
        check("Ctrl-Z gives the terminal back", tmux.shows("Stopped") and tmux.state() == "0 1", tmux.last)
        tmux.keys("stty -a >after; echo do''ne", "Enter")
        tmux.shows("^done")
        with open("before", encoding="utf-8") as before, open("after", encoding="utf-8") as after:
            check("Ctrl-Z: modes", before.read() == after.read())
        looks = host.looks
        tmux.keys("clear; fg", "Enter")
        check("fg: it is there again", tmux.shows(r"^0000:03:00\.0 .*2000000 ") and tmux.state() == "1 0"
              and until(lambda: host.looks > looks), tmux.last)
    tmux.keys("h")
    check("and has its keys", tmux.shows("any key goes back"), tmux.last)
    tmux.keys("x")
    tmux.shows("VIOL")
    os.kill(tmux.program(), signal.SIGSTOP)
    tmux.shows("Stopped")
    tmux.keys("clear; fg", "Enter")
    check("after SIGSTOP, too", tmux.shows(r"^0000:03:00\.0 .*2000000 "), tmux.last)
    tmux.keys("q")
    check("q", tmux.shows(r"^\$") and until(lambda: tmux.state() == "0 1"), tmux.last)
    # a terminal that goes takes it along
    tmux.keys("ASAN_OPTIONS=detect_leaks=0 " + top(socket, "--interval", "0.1"), "Enter")
    tmux.shows(r"2000000 ")
    child = tmux.program()
    tmux.hang_up()
    check("it ends with its terminal", until(lambda: has_ended(child)))


def has_ended(pid):
    """Also if nobody has asked for its status yet"""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
            return file.read().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


def survives_the_daemon(folder):
    daemon = Replay(folder)
    tmux = Tmux(folder, top(daemon.path, "--interval", "0.2"))
    check("a replayed trace", tmux.shows(r"^0000:00:03\.0 .*nvme"), tmux.last)
    check("which has no rates", re.search(r"interrupts/s -", tmux.last), tmux.last)
    daemon.stop()
    check("the daemon is gone", tmux.shows("is cxlirqd running\\?; trying again|connection.*; trying again"), tmux.last)
    check("what it said stays", re.search(r"^0000:00:03\.0 .*nvme", tmux.last, re.M), tmux.last)
    tmux.keys("1")
    check("keys are obeyed", until(lambda: rows_of(tmux.screen())[0] == "0000:00:02.0:pcie001"), tmux.screen())
    daemon = Replay(folder)
    check("the daemon is back", tmux.shows("the daemon is back"), tmux.last)
    daemon.stop()
    tmux.close()


def waits_for_nobody(folder):
    """A daemon that takes calls and does not answer: keys and signals count nevertheless."""
    path = os.path.join(folder, "slow")
    host = Host()
    script = Script(path, host.methods())
    tmux = Tmux(folder, top(path, "--interval", "0.1"))
    tmux.shows("2000000 ")
    hold = fixture.threading.Event()
    script.methods = {**host.methods(), "GetStatus": lambda _: hold.wait(60) and None}
    calls = len(script.calls)
    until(lambda: len(script.calls) > calls + 1)
    tmux.keys("h")
    check("a key while the daemon is mute", tmux.shows("any key goes back", 4), tmux.last)
    tmux.keys("x")
    os.kill(tmux.program(), signal.SIGTERM)
    check("a signal while the daemon is mute", tmux.is_over(4) == "0", tmux.screen())
    hold.set()
    tmux.close()
    script.stop()


def shows_names(folder):
    path = os.path.join(folder, "names")
    host = Host()
    for name in HOSTILE:
        host.add(name, "0000:0d:00.0", name, "own", lambda n: n, action=name)
    script = Script(path, host.methods())
    tmux = Tmux(folder, top(path, "--interval", "0.1"))
    check("hostile names", until(lambda: len(rows_of(tmux.screen())) == 4 + len(HOSTILE) and "q quit" in tmux.screen(),
                                 15), tmux.screen())
    screen = tmux.screen()
    check("hostile names: no command", "?[2J?[Hgone" in screen and "?]0;title?x" in screen and "tab?and?line" in screen
          and "?31mc1" in screen and "a??b" in screen, screen)
    check("hostile names: no title", "title" not in tmux.run("display", "-p", "#{pane_title}"))
    check("hostile names: wide ones", re.search("^漢字漢字漢字漢字漢字\\S* ", screen, re.M), screen)
    where = {cells(line, "own") for line in screen.splitlines() if " own " in line}
    check("hostile names: columns stay straight", len(where) == 1, f"{where} {screen}")
    tmux.keys("End")
    tmux.keys("v")
    check("hostile names: vectors", tmux.shows("IRQ DEVICE.*\\?\\[2J"), tmux.last)
    script.stop()
    tmux.close()


def cells(line, word):
    """In which cell a word begins"""
    return sum(2 if "\u2e80" <= c <= "\u9fff" else 1 for c in line[:line.index(f" {word} ")])


def colors(folder, socket, host):
    host.violations = [{"id": 1, "irq": 26, "device": None}]
    for env, arguments, colored in (((), (), True), (("NO_COLOR=1",), (), False), ((), ("--color=never",), False),
                                    (("NO_COLOR=1",), ("--color=always",), True)):
        tmux = Tmux(folder, top(socket, "--interval", "0.1", *arguments), env=env)
        tmux.shows(r"^pmu_mem0\.0 .* 1$")
        found = re.search(r"\x1b\[[0-9;]*3[1-7]m", tmux.screen("-e"))
        check(f"colors {env} {arguments}", bool(found) == colored, tmux.screen("-e"))
        tmux.close()
    host.violations = []


def run(socket, *arguments, **options):
    return subprocess.run([CLI, "-S", socket, *arguments], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True, timeout=60, check=False, **options)


def plain(folder, socket, host):
    result = run(socket, "top", "--times", "2", "--interval", "0.1")
    parts = result.stdout.split("cxlirqctl top - ")
    check("without a terminal: snapshots", result.returncode == 0 and len(parts) == 3 and not result.stderr, result)
    check("snapshots have rates", all(re.search(r"^0000:03:00\.0 .* nvme +own +1 2000000\.0 ", part, re.M)
                                      for part in parts[1:]), result.stdout)
    check("snapshots have no escapes", "\x1b" not in result.stdout)
    result = run(socket, "top", "--json", "--times", "3", "--interval", "0.1")
    lines = [json.loads(line) for line in result.stdout.splitlines()]
    check("--json: an object each", result.returncode == 0 and len(lines) == 3, result)
    first = lines[0]
    nvme = [d for d in first["devices"] if d["device"] == "0000:03:00.0"]
    check("--json: its fields", first["elapsed_us"] == 1000000 and first["violations_open"] == 0
          and first["interrupts_per_second"] == nvme[0]["interrupts_per_second"] + 115 - 9
          and nvme[0]["vectors"] == 1 and nvme[0]["provider"] == "0000:03:00.0", first)
    result = run(socket, "top", "--json", "--times", "1", "--interval", "0.1", "--device", "pmu_mem0.0")
    check("--device", [d["device"] for d in json.loads(result.stdout)["devices"]] == ["pmu_mem0.0"], result)
    result = run(os.path.join(folder, "none"), "top")
    check("no daemon", result.returncode == 1 and len(result.stderr.splitlines()) == 1 and not result.stdout, result)
    for arguments in (("--interval", "0.05"), ("--times", "0"), ("x",), ("-o", "x")):
        result = run(socket, "top", *arguments)
        check(f"misused: {arguments}", result.returncode == 2 and len(result.stderr.splitlines()) == 1, result)
    terminal = Terminal([CLI, "-S", socket, "top"], TERM="no-such-terminal")
    check("a terminal that nobody knows", terminal.wait() == 1 and "no-such-terminal" in terminal.output
          and len(terminal.output.strip().splitlines()) == 1, terminal.output)
    terminal.close()
    terminal = Terminal([CLI, "-S", socket, "top"], TERM="dumb")
    check("a terminal that can do nothing", terminal.wait() == 1 and '"dumb"' in terminal.output
          and len(terminal.output.strip().splitlines()) == 1, terminal.output)
    terminal.close()
    terminal = Terminal([CLI, "-S", socket, "top", "--batch", "--times", "1", "--interval", "0.1"])
    check("--batch on a terminal", terminal.wait() == 0 and "\x1b[?1049h" not in terminal.output
          and "2000000.0" in terminal.output, terminal.output)
    terminal.close()
    process = subprocess.Popen([CLI, "-S", socket, "top", "-b", "--interval", "0.1"], stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, text=True)
    process.stdout.readline()
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=30)
    check("a signal ends snapshots", process.returncode == 0 and not err, f"{process.returncode} {err} {out[-200:]}")


def plain_reconnects(folder):
    daemon = Replay(folder)
    process = subprocess.Popen([CLI, "-S", daemon.path, "top", "-j", "--interval", "0.1"], stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, text=True)
    process.stdout.readline()
    daemon.stop()
    told = process.stderr.readline()
    check("snapshots: the daemon is gone", "trying again" in told, told)
    daemon = Replay(folder)
    told = process.stderr.readline()
    check("snapshots: the daemon is back", "the daemon is back" in told, told)
    check("snapshots: they go on", json.loads(process.stdout.readline())["health"] in ("healthy", "degraded"))
    process.kill()
    process.communicate()
    daemon.stop()


def main():
    if not shutil.which("tmux"):
        print("skip top there is no tmux")
        return 77
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        host = Host()
        path = os.path.join(folder, "scripted")
        script = Script(path, host.methods())
        shows_rates(folder, path, host)
        host.vectors[0]["count"] = lambda n: 10 * n
        obeys_keys(folder, path, host)
        fits(folder, path)
        colors(folder, path, host)
        leaves_clean(folder, path)
        stops(folder, path, host)
        survives_the_daemon(folder)
        waits_for_nobody(folder)
        shows_names(folder)
        host.vectors[0]["count"] = lambda n: n
        plain(folder, path, host)
        plain_reconnects(folder)
        script.stop()
        os.chdir("/")
    return 1 if fixture.failures else 0


if __name__ == "__main__":
    sys.exit(main())
