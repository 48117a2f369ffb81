#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Boots a virtual machine and supervises it: the host's side of guest.sh.

Each test result of the guest becomes a line on stdout: "ok NAME",
"not ok NAME reason" or "skip NAME reason" (and "# text", a note).  The exit status is 0 only when
nothing failed.  Apart from what the scenario itself reports, these are
failures: a splat of the kernel on the console or in its log, a scenario that
ends with another status than 0, a machine that dies, hangs or forgets to say
how it ended, and a kernel log that does not arrive.

One loop serves all: the console (lines for the host, see console.py), QMP
(what the guest wants done to its own hardware), two virtio ports (files from
the guest, answers to it) and, with --interactive, the terminal.  QEMU gets
one end of a socket pair for each, and dies with this process.

Arguments after "--" go to QEMU as they are.
"""

import argparse
import collections
import ctypes
import json
import os
import re
import selectors
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import termios
import time
import tty

sys.dont_write_bytecode = True

# pylint: disable=wrong-import-position
import console  # noqa: E402
import machine  # noqa: E402
import unpack  # noqa: E402

DMESG = "dmesg.txt"
POWER_OFF_SECONDS = 20
TAIL_LINES = 25
ESCAPE = b"\x1d"  # Ctrl-]
CHANNELS = ("console", "qmp", "results", "answers")


class Qmp:
    """One command at a time, for the guest waits for the answer anyway."""

    def __init__(self, send):
        self._send = send
        self._rest = b""
        self._waiting = collections.deque()
        self.command({"execute": "qmp_capabilities"}, lambda answer: None)

    def command(self, command, answered):
        # A guest's own id would be in the way of nothing, and of no use.
        command.pop("id", None)
        self._waiting.append(answered)
        self._send(json.dumps(command).encode() + b"\n")

    def feed(self, data):
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            answer = json.loads(line)
            if "return" in answer or "error" in answer:
                self._waiting.popleft()(answer)


class Guest:
    """A running machine and what is known about it."""

    def __init__(self, options, results, scratch):
        self.options = options
        self.results = results
        self.scratch = scratch
        self.failures = 0
        self.exit_status = None
        self.ended = False
        self.kernel_runs = False
        self.tail = collections.deque(maxlen=TAIL_LINES)
        self.qemu_output = b""
        self.scanner = console.SplatScanner()
        self.reader = console.LineReader()
        self.archive = bytearray()
        self.archive_sizes = collections.deque()
        self.log = open(options.console_log, "wb") if options.console_log else None
        self.selector = selectors.DefaultSelector()
        self.channels = {}
        self.process = None
        self.qmp = None
        self.boot = time.monotonic()
        self.deadline = self.boot + options.timeout if options.timeout else None

    # --- life -----------------------------------------------------------

    def start(self):
        ends = {}
        for name in CHANNELS:
            self.channels[name], ends[name] = socket.socketpair()
        command = machine.qemu_arguments(
            self.options.machine, self.options.cpus,
            os.path.join(self.options.kernel, "vmlinuz"), self.options.initrd,
            self.options.append, {name: end.fileno() for name, end in ends.items()},
            machine.device_tree(self.options.machine, self.options.cpus, self.scratch))
        prctl = ctypes.CDLL(None).prctl
        self.process = subprocess.Popen(
            command + self.options.qemu,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            pass_fds=[end.fileno() for end in ends.values()], start_new_session=True,
            preexec_fn=lambda: prctl(1, signal.SIGKILL))  # PR_SET_PDEATHSIG
        for end in ends.values():
            end.close()
        for name, read in (("console", self.on_console), ("qmp", self.on_qmp),
                           ("results", self.on_results)):
            self.selector.register(self.channels[name], selectors.EVENT_READ, read)
        self.selector.register(self.process.stdout, selectors.EVENT_READ, self.on_qemu_output)
        if self.options.interactive:
            self.selector.register(sys.stdin, selectors.EVENT_READ, self.on_terminal)
        self.qmp = Qmp(lambda data: self.send("qmp", data))

    def run(self):
        """Until the machine is off, or its time is up."""
        while not self.ended:
            timeout = None
            if self.deadline is not None:
                timeout = self.deadline - time.monotonic()
                if timeout <= 0:
                    self.time_is_up()
                    return
            for key, _ in self.selector.select(timeout):
                key.data(key.fileobj)
        for line in self.reader.finish():
            self.on_line(line)
        self.qemu_output += self.process.stdout.read()
        status = self.process.wait()
        if status != 0:
            self.fail("machine", f"QEMU ended with status {status}: {self.last_words()}")
        elif self.exit_status is None:
            self.fail("machine", "it went off without telling how the scenario ended")

    def time_is_up(self):
        if self.exit_status is not None:
            self.fail("machine", f"it did not power off in {POWER_OFF_SECONDS} s")
        else:
            self.fail("machine", f"no end after {self.options.timeout} s")
        self.look_at_processors()

    def look_at_processors(self):
        """What the processors of a machine that hangs are doing, next to the console's log."""
        answers = []
        questions = ("info status", "info registers -a", "info lapic", "info pic")
        for question in questions:
            self.qmp.command({"execute": "human-monitor-command",
                              "arguments": {"command-line": question}}, answers.append)
        end = time.monotonic() + 5
        while len(answers) < len(questions) and time.monotonic() < end:
            for key, _ in self.selector.select(1):
                key.data(key.fileobj)
        text = "".join(f"== {question}\n{answer.get('return', answer)}\n"
                       for question, answer in zip(questions, answers))
        if self.log:
            path = os.path.join(os.path.dirname(self.options.console_log), "processors.txt")
            with open(path, "w", encoding="utf-8") as file:
                file.write(text.replace("\r", ""))
        for line in text.splitlines():
            if re.match(r"(CPU#|R?IP=|EIP=|.*HLT=| ?PC=|VM status|no answer)", line):
                print(f"# {line.strip()}", flush=True)

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        if self.log:
            self.log.close()

    def last_words(self):
        text = self.qemu_output.decode(errors="replace").strip()
        return text.splitlines()[-1] if text else "it said nothing"

    # --- what comes in --------------------------------------------------

    def receive(self, channel):
        """The bytes that are there; none when the other end is closed."""
        try:
            data = channel.recv(65536)
        except ConnectionError:
            data = b""
        if not data:
            self.selector.unregister(channel)
        return data

    def on_qemu_output(self, pipe):
        data = os.read(pipe.fileno(), 65536)
        self.qemu_output = (self.qemu_output + data)[-65536:]
        if not data:
            self.selector.unregister(pipe)

    def on_terminal(self, terminal):
        data = os.read(terminal.fileno(), 4096)
        if ESCAPE in data or not data:
            self.selector.unregister(terminal)
            self.qmp.command({"execute": "quit"}, lambda answer: None)
            self.exit_status = 0
            return
        self.send("console", data)

    def on_console(self, channel):
        data = self.receive(channel)
        self.ended = not data
        if self.log:
            self.log.write(data)
            self.log.flush()
        if self.options.interactive:
            sys.stdout.buffer.write(data)
            sys.stdout.flush()
        for line in self.reader.feed(data):
            self.on_line(line)

    def on_line(self, line):
        self.tail.append(line)
        self.scanner.feed(line)
        if self.options.echo:
            self.echo(line)
        message = console.message_to_host(line)
        if message:
            self.on_message(*message)

    def echo(self, line):
        """What programs print, once the kernel runs; its own lines and the firmware's stay out."""
        if console.is_kernel_message(line):
            self.kernel_runs = True
        elif self.kernel_runs:
            print(line, flush=True)

    def on_message(self, word, text):
        if word == "pass":
            self.report("ok", text)
        elif word == "skip":
            self.report("skip", text)
        elif word == "fail":
            self.failures += 1
            self.report("not ok", text)
        elif word == "note":
            self.report("#", text)
        elif word == "qmp":
            self.on_guest_command(text)
        elif word == "result" and text.isdigit():
            self.archive_sizes.append(int(text))
            self.unpack_results()
        elif word == "exit" and text.isdigit():
            self.exit_status = int(text)
            self.deadline = time.monotonic() + POWER_OFF_SECONDS
            if self.exit_status != 0 and not self.options.interactive:
                self.fail("scenario", f"it ended with status {text}")
        else:
            self.fail("protocol", f"what is this line of the guest's: {word} {text}")

    def on_guest_command(self, text):
        try:
            command = json.loads(text)
            if not isinstance(command, dict) or "execute" not in command:
                raise ValueError('no object with "execute"')
        except ValueError as error:
            self.answer(json.dumps({"error": {"desc": f"not a QMP command: {error}"}}))
            return
        self.qmp.command(command, lambda answer: self.answer(json.dumps(answer)))

    def on_qmp(self, channel):
        self.qmp.feed(self.receive(channel))

    def on_results(self, channel):
        self.archive += self.receive(channel)
        self.unpack_results()

    def unpack_results(self):
        while self.archive_sizes and len(self.archive) >= self.archive_sizes[0]:
            size = self.archive_sizes.popleft()
            data = bytes(self.archive[:size])
            del self.archive[:size]
            try:
                unpack.unpack(data, self.results)
                self.answer("ok")
            except (OSError, ValueError) as error:
                self.answer(f"the host could not unpack it: {error}")

    def answer(self, line):
        self.send("answers", line.encode() + b"\n")

    # --- what goes out --------------------------------------------------

    def send(self, name, data):
        """To a machine that has just died: the console's end tells that."""
        try:
            self.channels[name].sendall(data)
        except OSError:
            pass

    def report(self, verdict, text):
        print(f"{verdict} {text}".rstrip(), flush=True)

    def fail(self, name, reason):
        self.failures += 1
        self.report("not ok", f"{name} {reason}")

    def judge_kernel(self):
        """The kernel's log holds what the console's log level kept back."""
        path = os.path.join(self.results, DMESG)
        if os.path.exists(path):
            self.scanner.restart()
            with open(path, encoding="utf-8", errors="replace") as log:
                for line in log:
                    self.scanner.feed(line)
        elif self.exit_status is not None and not self.options.interactive:
            self.fail("machine", "the kernel's log did not arrive")
        for splat in self.scanner.splats:
            self.fail("kernel", splat[0])
            for line in splat:
                print(f"    {line}", file=sys.stderr)

    def explain(self):
        """Shows the end of the console, for a run that failed."""
        print("host.py: the last lines of the console:", file=sys.stderr)
        for line in self.tail:
            print(f"    {line}", file=sys.stderr)
        if self.options.console_log:
            print(f"host.py: all of it is in {self.options.console_log}", file=sys.stderr)
        if self.qemu_output.strip():
            print("host.py: QEMU said:", file=sys.stderr)
            print(self.qemu_output.decode(errors="replace"), file=sys.stderr)


class Terminal:
    """The user's terminal as the guest's: every key goes there."""

    def __init__(self):
        self._saved = termios.tcgetattr(sys.stdin)

    def __enter__(self):
        tty.setraw(sys.stdin)
        attributes = termios.tcgetattr(sys.stdin)
        attributes[1] |= termios.OPOST
        termios.tcsetattr(sys.stdin, termios.TCSANOW, attributes)

    def __exit__(self, *_):
        termios.tcsetattr(sys.stdin, termios.TCSADRAIN, self._saved)


def parse_arguments(argv):
    end = argv.index("--") if "--" in argv else len(argv)
    parser = argparse.ArgumentParser(
        description="Boots a virtual machine and reports what its scenario found.",
        epilog="machines: " + "; ".join(f"{name}: {row.what}"
                                        for name, row in machine.MACHINES.items()))
    parser.add_argument("--kernel", required=True, metavar="DIR",
                        help="a directory that kernel.sh printed")
    parser.add_argument("--initrd", required=True, metavar="FILE", help="what image.sh made")
    parser.add_argument("--machine", choices=machine.MACHINES, metavar="NAME",
                        help="default: the first of the kernel's architecture")
    parser.add_argument("--cpus", type=int, default=2, metavar="N")
    parser.add_argument("--append", action="append", default=[], metavar="STR",
                        help="for the kernel's command line")
    parser.add_argument("--timeout", type=int, metavar="S",
                        help="default: 600, none with --interactive")
    parser.add_argument("--results", metavar="DIR", help="where the guest's files go")
    parser.add_argument("--console-log", metavar="F")
    parser.add_argument("--echo", action="store_true",
                        help="show what the guest's programs print")
    parser.add_argument("--interactive", action="store_true",
                        help="connect the terminal to the guest's console")
    options = parser.parse_args(argv[:end])
    options.qemu = argv[end + 1:]
    if options.timeout is None and not options.interactive:
        options.timeout = 600
    for name in (os.path.join(options.kernel, "vmlinuz"), options.initrd):
        if not os.path.isfile(name):
            parser.error(f"no such file: {name}")
    if options.machine is None:
        options.machine = machine.for_kernel(options.kernel)
    needed = [machine.program(options.machine)]
    if options.machine in machine.DEVICE_TREES:
        needed.append("dtc")
    for name in needed:
        if not shutil.which(name):
            parser.error(f"{name} is not installed (tests/packages.sh vm arm64)")
    if options.interactive:
        if not sys.stdin.isatty():
            parser.error("--interactive wants a terminal")
        columns, lines = os.get_terminal_size(sys.stdin.fileno())
        options.append += [f"LINES={lines}", f"COLUMNS={columns}",
                           f"TERM={os.environ.get('TERM', 'linux')}"]
    return options


def main(argv):
    options = parse_arguments(argv)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: sys.exit(1))
    with tempfile.TemporaryDirectory(prefix="cxlirq-results.") as scratch:
        results = options.results or scratch
        os.makedirs(results, exist_ok=True)
        # One of an earlier run would speak for a machine that never came up.
        try:
            os.unlink(os.path.join(results, DMESG))
        except FileNotFoundError:
            pass
        guest = Guest(options, results, scratch)
        try:
            guest.start()
            if options.interactive:
                print("host.py: Ctrl-] ends the machine", flush=True)
                with Terminal():
                    guest.run()
            else:
                guest.run()
        except KeyboardInterrupt:
            guest.fail("machine", "interrupted")
        finally:
            guest.stop()
        guest.judge_kernel()
    if guest.failures and not options.interactive:
        guest.explain()
    return 1 if guest.failures else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
