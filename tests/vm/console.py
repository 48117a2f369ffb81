# SPDX-License-Identifier: GPL-2.0-or-later
"""Reads a guest's console: lines for the host, and signs of a broken kernel.

Console text is not clean.  The kernel writes its messages in the middle of
what a program prints, the terminal adds carriage returns, the firmware adds
escapes.  So a marker is looked for anywhere in a line; and since guest.sh
sends it through the kernel's log, which prints a record in one piece, what
follows the marker is whole.

A splat is looked for in kernel messages only (they carry a time stamp), so
that a program in the guest may print "WARNING:" as it likes.
"""

import re

MARKER = "@cxlirq "

_STAMP = re.compile(r"\[\s*\d+\.\d{6}\](?:\[\s*[TC]\d+\])? (.*)")

_SPLAT = re.compile(
    r"\bWARNING:|\bBUG:|kernel BUG at|\bOops\b|\bKASAN:|\bKCSAN:|\bKFENCE:|\bUBSAN:"
    r"|Call Trace:|Kernel panic|general protection fault"
    r"|unable to handle|scheduling while atomic|invalid context|double fault|stack guard page"
    r"|rcu: INFO: \S+ (?:self-)?detected|rcu:.*\bstall|soft lockup|hard LOCKUP"
    r"|INFO: task .* blocked for|INFO: possible|circular locking|recursive locking"
    r"|inconsistent lock state|inconsistent .* usage|suspicious RCU usage"
    r"|bad unlock balance|held lock freed|still held|non-static key|DEBUG_LOCKS_WARN_ON"
    r"|list_(?:add|del) corruption|refcount_t:|nobody cared|stack-protector:"
)

# Lines that the plain kernels print without cxlirqd, each with its reason.
# There are none.
_INNOCENT = ()

# How much of what follows a splat is shown with it.
_CONTEXT_LINES = 40


def is_kernel_message(line):
    """Whether the kernel wrote it, or part of it."""
    return bool(_STAMP.search(line)) or MARKER in line


class SplatScanner:
    """Takes lines, keeps each splat once with the lines that follow it."""

    def __init__(self):
        self.splats = []
        self._seen = set()
        self._current = None

    def restart(self):
        """Another text begins: what was seen in the last one is still seen."""
        self._current = None

    def feed(self, line):
        found = _STAMP.search(line.rstrip())
        if not found or MARKER in line:
            return
        message = found.group(1)
        if self._current is not None:
            self._current.append(message)
            if "end trace" in message or len(self._current) >= _CONTEXT_LINES:
                self._current = None
            return
        if not _SPLAT.search(message) or any(known in message for known in _INNOCENT):
            return
        # The same splat comes twice, by the console and in the kernel's log,
        # with the same time stamp: the second one is collected for nobody.
        self._current = [message]
        if found.group() not in self._seen:
            self._seen.add(found.group())
            self.splats.append(self._current)


class LineReader:
    """Cuts what comes from the console into lines."""

    def __init__(self):
        self._rest = b""

    def feed(self, data):
        *lines, self._rest = (self._rest + data).split(b"\n")
        return [self._clean(line) for line in lines]

    def finish(self):
        rest, self._rest = self._rest, b""
        return [self._clean(rest)] if rest else []

    @staticmethod
    def _clean(line):
        return line.decode(errors="replace").replace("\r", "")


def message_to_host(line):
    """The word and the text of a line for the host, or None."""
    _, marker, text = line.partition(MARKER)
    if not marker:
        return None
    word, _, text = text.strip().partition(" ")
    return word, text
