#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Completions in the shells themselves: bash with bash-completion and zsh at a terminal, where keys
are pressed and the line that comes of it is run, and fish by its own "complete -C".

The line is run with another command in front, which prints each word: so what is seen is what the
shell would have passed on, also where a name holds what a shell takes for a command.
"""
import os
import re
import shutil
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
from fixture import CLI, ROOT, Replay, Script, Terminal, check  # noqa: E402
import fixture  # noqa: E402

SCRIPTS = {"bash": "share/bash-completion/completions/cxlirqctl",
           "zsh": "share/zsh/site-functions/_cxlirqctl",
           "fish": "share/fish/vendor_completions.d/cxlirqctl.fish"}
EVIL = ["a b", "$(touch evil)", "x;touch evil", "`touch evil`", "it's", 'say"so"', "back\\slash",
        "*", "&", "tab\tin it", "esc\x1b[31m", "-dash"]


def help_words():
    """Verbs and options, as --help lists them."""
    text = subprocess.run([CLI, "--help"], stdout=subprocess.PIPE, text=True, check=True).stdout
    verbs, options = text.split("\nOptions:\n")
    return (re.findall(r"^  ([a-z][a-z-]*) ", verbs, re.M),
            re.findall(r"--([a-z][a-z-]*)", "\n".join(line[:36] for line in options.splitlines())))


class Bash:
    name = "bash"

    def __init__(self, home):
        self.shell = Terminal(["bash", "--norc", "--noprofile", "-i"], columns=4000, HOME=home, PS1="",
                              HISTFILE="/dev/null", LC_ALL="C.UTF-8")
        self.shell.send("stty -echo; PS1='' PS2=''; bind 'set enable-bracketed-paste off'; "
                        "bind 'set completion-query-items 0'; bind 'set page-completions off'; "
                        ". /usr/share/bash-completion/bash_completion; "
                        f". {home}/prefix/{SCRIPTS['bash']}; PATH={os.path.dirname(CLI)}:$PATH; echo rea''dy\n")
        self.shell.expect("ready")

    def run(self, line, key):
        self.shell.send(f"{line}{key}\x01printf '<%s>\\n' \x05; echo en''d\n")
        match = self.shell.expect(r"((?:<[^\n]*>\r?\n)*)end\r?\n")
        return re.findall(r"<([^\n]*)>\r?\n", match.group(1)) if match else None

    def one(self, line):
        """The words after Tab."""
        return self.run(line, "\t")

    def all(self, line):
        """The words that the last one could become."""
        before = len(line.split(" ")) - 1
        return (self.run(line, "\x1b*") or [])[before:]

    def close(self):
        self.shell.close()


class Zsh(Bash):
    name = "zsh"

    def __init__(self, home):
        self.shell = Terminal(["zsh", "-f", "-i"], columns=4000, rows=500, HOME=home, PS1="", TERM="dumb")
        self.shell.send("stty -echo; unsetopt zle_bracketed_paste prompt_sp prompt_cr 2>/dev/null; "
                        f"fpath=({home}/prefix/share/zsh/site-functions $fpath); PATH={os.path.dirname(CLI)}:$PATH; "
                        "autoload -Uz compinit; compinit -u -D; LISTMAX=10000; setopt interactivecomments; "
                        "zle -C all-matches complete-word _generic; bindkey '^Xa' all-matches; "
                        "zstyle ':completion:all-matches:*' insert yes; "
                        "zstyle ':completion:all-matches::::' completer _all_matches _complete; "
                        "bindkey -e; bindkey '^Xa' all-matches; PS1=''; echo rea''dy\n")
        self.shell.expect("ready")

    def all(self, line):
        before = len(line.split(" ")) - 1
        return (self.run(line, "\x18a") or [])[before:]


class Fish:
    name = "fish"

    def __init__(self, home):
        self.home = home

    def ask(self, line):
        script = f"source {self.home}/prefix/{SCRIPTS['fish']}; set -x PATH {os.path.dirname(CLI)} $PATH; complete -C $argv[1]"
        result = subprocess.run(["fish", "--no-config", "-c", script, "--", line], stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, text=True, timeout=60,
                                env={**os.environ, "HOME": self.home, "LC_ALL": "C.UTF-8"})
        return result.stdout.splitlines()

    def all(self, line):
        return [answer.split("\t")[0] for answer in self.ask(line)]

    def one(self, line):
        """What fish would put there: the only answer."""
        words = line.split(" ")
        answers = self.all(line)
        return words[:-1] + (answers if len(answers) == 1 else [words[-1]])

    def close(self):
        pass


def static(shell, verbs, options, home):
    name = shell.name
    found = shell.all("cxlirqctl ")
    check(f"{name}: all verbs", sorted(set(found)) == sorted(verbs), found)
    for line, words in (("cxlirqctl dom", ["cxlirqctl", "domains"]),
                        ("cxlirqctl -j vec", ["cxlirqctl", "-j", "vectors"]),
                        ("cxlirqctl vectors --dev", ["cxlirqctl", "vectors", "--device"]),
                        ("cxlirqctl domains --tr", ["cxlirqctl", "domains", "--tree"]),
                        ("cxlirqctl --color nev", ["cxlirqctl", "--color", "never"]),
                        ("cxlirqctl --color=nev", ["cxlirqctl", "--color=never"]),
                        ("cxlirqctl vectors -o IRQ,PROV", ["cxlirqctl", "vectors", "-o", "IRQ,PROVIDER"]),
                        ("cxlirqctl vectors -o irq,prov", ["cxlirqctl", "vectors", "-o", "irq,provider"]),
                        ("cxlirqctl vectors --output=+HANDL", ["cxlirqctl", "vectors", "--output=+HANDLER"]),
                        ("cxlirqctl counters st", ["cxlirqctl", "counters", "stat"]),
                        ("cxlirqctl graph --format sv", ["cxlirqctl", "graph", "--format", "svg"]),
                        ("cxlirqctl history --type message-ch", ["cxlirqctl", "history", "--type", "message-change"]),
                        ("cxlirqctl explain doorbell-stale", ["cxlirqctl", "explain", "doorbell-stale-mapping"]),
                        ("cxlirqctl explain nonsense-", ["cxlirqctl", "explain", "nonsense-"]),
                        ("cxlirqctl status arg", ["cxlirqctl", "status", "arg"]),
                        (f"cxlirqctl diff {home}/sta", ["cxlirqctl", "diff", f"{home}/state.json"])):
        got = shell.one(line)
        check(f"{name}: {line.replace(home, '')}", got == words, got)
    found = set(shell.all("cxlirqctl vectors --"))
    check(f"{name}: a verb's options", {"--device", "--irq", "--output", "--json"} <= found
          and not {"--tree", "--follow"} & found and found <= {"--" + o for o in options}, found)
    check(f"{name}: no verb, no verb's options", "--device" not in shell.all("cxlirqctl --"))
    found = set(shell.all("cxlirqctl domains -o "))
    columns = subprocess.run([CLI, "domains", "-o", "help"], stdout=subprocess.PIPE, text=True,
                             check=True).stdout.strip().split(",")
    check(f"{name}: columns", found == set(columns) | {"help"}, found)


def dynamic(shell, socket):
    name = shell.name
    base = f"cxlirqctl -S {socket} "
    got = shell.one(base + "devices 0000:00:03")
    check(f"{name}: a device", got == base.split() + ["devices", "0000:00:03.0"], got)
    got = shell.one(base + "vectors --device 0000:00:02.0:pcie00")
    check(f"{name}: as far as it goes", got == base.split() + ["vectors", "--device", "0000:00:02.0:pcie00"], got)
    got = shell.one(base + "vectors --device=0000:00:02.0:pcie001")
    check(f"{name}: behind =", got == base.split() + ["vectors", "--device=0000:00:02.0:pcie001"], got)
    found = shell.all(base + "vectors --irq 2")
    check(f"{name}: interrupts", {"24", "25"} <= set(found), found)
    got = shell.one(base + "explain vector-hid")
    check(f"{name}: a rule", got == base.split() + ["explain", "vector-hidden"], got)
    found = shell.all(base + "devices ")
    want = subprocess.run([CLI, "-S", socket, "devices", "-n", "-o", "DEVICE"], stdout=subprocess.PIPE,
                          text=True, check=True).stdout.split()
    check(f"{name}: all devices", sorted(set(found)) == sorted(want), found)


def hostile(shell, home):
    """Names that a shell would obey: they are inserted as names."""
    found = shell.all(f"cxlirqctl -S {home}/names devices ")
    check(f"{shell.name}: hostile names are but names", sorted(found) == sorted(e for e in EVIL if e.isprintable()),
          found)
    check(f"{shell.name}: no name was run", not os.path.exists("evil"))
    found = shell.all(f"cxlirqctl -S {home}/names ack ")
    check(f"{shell.name}: violations", sorted(found) == ["17", "3"], found)
    got = shell.one(f"cxlirqctl -S {home}/names counters --pmu cxl_")
    check(f"{shell.name}: a PMU", (got or [""])[-1] == "cxl_pmu_mem0.0", got)
    got = shell.one(f"cxlirqctl -S {home}/names counters stat -e cxl_pmu_mem0.0/clo")
    check(f"{shell.name}: an event", (got or [""])[-1] == "cxl_pmu_mem0.0/clock_ticks/", got)


def nobody(shell, home):
    got = shell.one(f"cxlirqctl -S {home}/none devices 00")
    check(f"{shell.name}: silent without a daemon", got == ["cxlirqctl", "-S", f"{home}/none", "devices", "00"], got)
    got = shell.one(f"cxlirqctl -S {home}/mute devices 00")
    check(f"{shell.name}: silent when the daemon is", got == ["cxlirqctl", "-S", f"{home}/mute", "devices", "00"], got)


def answer_evil():
    device = {"driver": "d", "granted": 0}
    return {"ListDevices": lambda _: {"devices": [{"device": name, **device} for name in EVIL]},
            "ListViolations": lambda _: {"violations": [{"id": 3, "rule": "vector-hidden", "device": "\x1b[2J"},
                                                        {"id": 17, "rule": "x", "device": None}]},
            "ListCounters": lambda _: {"pmus": [{"name": "cxl_pmu_mem0.0", "device": "pmu_mem0.0", "events": [
                {"event": "clock_ticks", "terms": "vid=0x1e98"}]}]}}


def main():
    for shell in ("bash", "zsh", "fish"):
        script = subprocess.run([CLI, "--completion", shell], stdout=subprocess.PIPE, text=True, check=False)
        with open(os.path.join(ROOT, "contrib/completion", "cxlirqctl." + shell), encoding="utf-8") as file:
            check(f"--completion {shell}", script.returncode == 0 and script.stdout == file.read())
    result = subprocess.run([CLI, "--completion", "csh"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                            check=False)
    check("--completion of another shell", result.returncode == 2 and not result.stdout
          and len(result.stderr.splitlines()) == 1, result.stderr)
    verbs, options = help_words()
    with tempfile.TemporaryDirectory() as home:
        os.chdir(home)
        for shell, path in SCRIPTS.items():
            path = os.path.join(home, "prefix", path)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            shutil.copy(os.path.join(ROOT, "contrib/completion", "cxlirqctl." + shell), path)
        with open("state.json", "w", encoding="utf-8") as file:
            file.write("{}")
        daemon = Replay(home)
        evil = Script(os.path.join(home, "names"), answer_evil())
        mute = fixture.socket.socket(fixture.socket.AF_UNIX)
        mute.bind(os.path.join(home, "mute"))
        mute.listen(8)
        for kind in (Bash, Zsh, Fish):
            if not shutil.which(kind.name):
                print(f"skip {kind.name} is not installed", flush=True)
                continue
            shell = kind(home)
            static(shell, verbs, options, home)
            dynamic(shell, daemon.path)
            hostile(shell, home)
            nobody(shell, home)
            shell.close()
        daemon.stop()
        evil.stop()
        mute.close()
        os.chdir("/")
    return 1 if fixture.failures else 0


if __name__ == "__main__":
    sys.exit(main())
