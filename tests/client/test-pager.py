#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The pager, by the rules of systemctl(1): which one, with what, and when there is none.  Pagers are
scripts that tell how they were called; the last tests have a real less."""
import os
import re
import shutil
import signal
import stat
import sys
import tempfile

sys.dont_write_bytecode = True
from fixture import CLI, Replay, Script, Terminal, check  # noqa: E402
import fixture  # noqa: E402

# what of the caller's environment would decide
UNSET = dict.fromkeys(["PAGER", "SYSTEMD_PAGER", "SYSTEMD_PAGERSECURE", "SYSTEMD_LESS", "SYSTEMD_LESSCHARSET",
                       "LESS", "LESSSECURE", "LESSCHARSET", "LESSOPEN", "SUDO_UID", "NO_COLOR"])


class Pagers:
    """A PATH with nothing but pagers in it."""

    def __init__(self, folder):
        self.folder = os.path.join(folder, "pagers")
        os.mkdir(self.folder)
        self.calls = os.path.join(folder, "calls")

    def add(self, name, rest="exec /bin/cat"):
        path = os.path.join(self.folder, name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(f'#!/bin/sh\necho "{name}|$*|$LESS|$LESSCHARSET|$LESSSECURE" >>{self.calls}\n{rest}\n')
        os.chmod(path, 0o755)

    def clear(self):
        for name in os.listdir(self.folder):
            os.unlink(os.path.join(self.folder, name))

    def called(self):
        try:
            with open(self.calls, encoding="utf-8") as file:
                lines = file.read().splitlines()
            os.unlink(self.calls)
        except FileNotFoundError:
            lines = []
        return lines


def run(pagers, socket, *arguments, **env):
    """Exit code and output of a terminal, and how pagers were called"""
    terminal = Terminal([CLI, "-S", socket, *arguments], PATH=pagers.folder, **{**UNSET, **env})
    code = terminal.wait()
    output = terminal.output
    terminal.close()
    return code, output, pagers.called()


def which(pagers, socket):
    for name in ("less", "more", "pager", "mine", "other"):
        pagers.add(name)
    secure = "less||FRSXMK|utf-8|1"
    plain = "pager||FRSXMK|utf-8|"
    for name, env, want in (
            ("nothing is set", {"SUDO_UID": "1000"}, [secure]),
            ("PAGER cannot choose", {"SUDO_UID": "1000", "PAGER": "mine"}, [secure]),
            ("nor can SYSTEMD_PAGER", {"SUDO_UID": "1000", "SYSTEMD_PAGER": "mine"}, [secure]),
            ("PAGERSECURE=0", {"SYSTEMD_PAGERSECURE": "0"}, [plain]),
            ("PAGERSECURE=1", {"SYSTEMD_PAGERSECURE": "1"}, [secure]),
            ("PAGERSECURE=nonsense", {"SYSTEMD_PAGERSECURE": "maybe", "PAGER": "mine"}, [secure]),
            ("PAGER, trusted", {"SYSTEMD_PAGERSECURE": "0", "PAGER": "mine -x y"}, ["mine|-x y|FRSXMK|utf-8|"]),
            ("SYSTEMD_PAGER comes first", {"SYSTEMD_PAGERSECURE": "no", "PAGER": "mine", "SYSTEMD_PAGER": "other"},
             ["other||FRSXMK|utf-8|"]),
            ("PAGER, secure", {"SYSTEMD_PAGERSECURE": "yes", "PAGER": "mine"}, ["mine||FRSXMK|utf-8|1"]),
            ("one that is not there", {"SYSTEMD_PAGERSECURE": "0", "PAGER": "none"}, [plain]),
            ("SYSTEMD_LESS", {"SYSTEMD_PAGERSECURE": "1", "SYSTEMD_LESS": "FRX", "LESS": "q"}, ["less||FRX|utf-8|1"]),
            ("SYSTEMD_LESSCHARSET", {"SYSTEMD_PAGERSECURE": "1", "SYSTEMD_LESSCHARSET": "ascii", "LESSCHARSET": "q"},
             ["less||FRSXMK|ascii|1"]),
            ("empty SYSTEMD_PAGER", {"SYSTEMD_PAGER": "", "PAGER": "mine"}, []),
            ("cat", {"PAGER": "cat"}, []),
            ("a dumb terminal", {"TERM": "dumb"}, []),
            ("no TERM", {"TERM": None}, [])):
        code, output, calls = run(pagers, socket, "devices", **env)
        check(f"{name}", code == 0 and calls == want and "0000:00:03.0" in output, f"{calls} {output[-100:]}")
    code, output, calls = run(pagers, socket, "--no-pager", "devices")
    check("--no-pager", code == 0 and not calls and "0000:00:03.0" in output, calls)


def when(pagers, socket, folder):
    env = {"SYSTEMD_PAGERSECURE": "1"}
    for verb in (["domains"], ["vectors"], ["vectors", "--json"], ["explain", "24"], ["support"], ["events"],
                 ["domains", "--tree"]):
        calls = run(pagers, socket, *verb, **env)[2]
        check(f"{' '.join(verb)} is shown in pages", len(calls) == 1, calls)
    for verb in (["status"], ["snapshot"], ["--help"], ["devices", "-o", "help"], ["top", "-b", "--times", "1"],
                 ["ack", "99"], ["domains", "-o", "NONE"]):
        calls = run(pagers, socket, *verb, **env)[2]
        check(f"{' '.join(verb)} is not", not calls, calls)
    code, output, calls = run(pagers, os.path.join(folder, "none"), "devices", **env)
    check("an error is told without a pager", code == 1 and not calls and "no such socket" in output, output)
    terminal = Terminal([CLI, "-S", socket, "events", "--follow"], PATH=pagers.folder, **{**UNSET, **env})
    check("events --follow goes by", terminal.expect("handler-requested"))
    os.kill(terminal.pid, signal.SIGTERM)
    terminal.wait()
    check("events --follow needs no pager", not pagers.called())
    terminal.close()
    with open(os.path.join(folder, "file"), "w", encoding="utf-8") as file:
        fixture.subprocess.run([CLI, "-S", socket, "devices"], stdout=file, check=True,
                               env={"PATH": pagers.folder, "TERM": "xterm"})
    check("a file needs none", not pagers.called())


def quits(pagers, folder):
    """A long list that is not good: its exit code is 3, whatever the pager does."""
    path = os.path.join(folder, "many")
    violations = [{"id": i, "rule": "vector-hidden", "severity": "notice", "device": "d" * 100, "acknowledged": False,
                   "cause": {"kind": "unknown"}, "explanation": "x" * 1000} for i in range(3000)]
    script = Script(path, {"ListViolations": lambda _: {"violations": violations}})
    env = {"SYSTEMD_PAGERSECURE": "1"}
    for name, rest in (("reads it all", "exec /bin/cat"), ("reads nothing", "exit 0"),
                       ("reads a line", "read line; echo $line; exit 0"), ("fails", "exit 7"),
                       ("is killed", "kill -9 $$"), ("closes its input", "exec <&-; exit 0")):
        pagers.add("less", rest)
        code, output, calls = run(pagers, path, "violations", **env)
        check(f"a pager that {name}", code == 3 and len(calls) == 1 and "standard output" not in output,
              f"{code} {output[-200:]}")
        check(f"a pager that {name}: what is shown", ("2999" in output) == (name == "reads it all"), output[-200:])
    pagers.clear()
    code, output, calls = run(pagers, path, "violations", **env)
    check("there is none", code == 3 and "2999 notice" in output and not calls, f"{code} {calls} {output[:300]}")
    script.stop()


def messages(pagers, folder):
    """What is said on standard error in the middle of a page belongs to the page."""
    path = os.path.join(folder, "saying")
    script = Script(path, {"ListHistory": lambda _: {"event": None, "reason": "older ones were left out"}})
    pagers.add("less", "exec /bin/cat")
    code, output, calls = run(pagers, path, "history", SYSTEMD_PAGERSECURE="1")
    check("nothing but a message", code == 0 and "older ones were left out" in output and not calls, output)
    script.stop()
    pagers.clear()


def really(socket, folder):
    less = shutil.which("less")
    if not less:
        print("skip less is not installed", flush=True)
        return
    env = {**UNSET, "SYSTEMD_PAGERSECURE": "1"}
    terminal = Terminal([CLI, "-S", socket, "devices"], rows=10, **env)
    check("less: the first page", terminal.expect("0000:00:02.0.*lines? [0-9-]+"), terminal.output[-200:])
    terminal.send(" ")
    check("less: the next", terminal.expect("0000:0[0c]:.*lines? [0-9-]+"), terminal.output[-200:])
    terminal.send("!")
    check("less: no shell", terminal.expect("Command not available"), terminal.output[-200:])
    terminal.send("\rq")
    check("less: q", terminal.wait() == 0, terminal.output[-200:])
    terminal.close()
    terminal = Terminal([CLI, "-S", socket, "devices", "-o", "DEVICE"], rows=200, **env)
    check("less: what fits into one page needs no key", terminal.wait() == 0 and "0000:10:00.0" in terminal.output,
          terminal.output[-200:])
    terminal.close()
    path = os.path.join(folder, "red")
    script = Script(path, {"ListViolations": lambda _: {"violations": [
        {"id": 1, "severity": "critical", "rule": "r", "cause": {}, "acknowledged": False}]}})
    terminal = Terminal([CLI, "-S", path, "violations"], rows=200, **env)
    check("less: colors are colors", terminal.wait() == 3 and "ESC" not in terminal.output
          and re.search(r"\x1b\[[0-9;]*31m *critical", terminal.output), terminal.output[-200:])
    terminal.close()
    script.stop()
    terminal = Terminal(["/bin/sh", "-c", f"trap : INT; stty -a >before; {CLI} -S {socket} devices; stty -a >after"], rows=10, **env)
    terminal.expect("lines [0-9-]+")
    # one that comes while less reads only ends that
    for _ in range(10):
        terminal.send("\x03")
        if terminal.wait(3) is not None:
            break
    over = check("less: Ctrl-C leaves it", terminal.status == 0, terminal.output[-200:])
    if over:
        with open("before", encoding="utf-8") as before, open("after", encoding="utf-8") as after:
            check("less: the terminal's modes are back", before.read() == after.read())
    terminal.close()


def main():
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, stat.S_IRWXU)
        os.chdir(folder)
        daemon = Replay(folder)
        pagers = Pagers(folder)
        which(pagers, daemon.path)
        when(pagers, daemon.path, folder)
        quits(pagers, folder)
        messages(pagers, folder)
        really(daemon.path, folder)
        daemon.stop()
        os.chdir("/")
    return 1 if fixture.failures else 0


if __name__ == "__main__":
    sys.exit(main())
