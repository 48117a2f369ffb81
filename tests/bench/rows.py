# SPDX-License-Identifier: GPL-2.0-or-later
"""What one line of the table of costs is, and how its figures are written."""
from typing import NamedTuple, Optional


class Row(NamedTuple):
    what: str
    ours: str
    peer: str
    ratio: str  # ours / peer
    target: str
    reached: Optional[bool]  # None: nothing was asked for
    note: str = ""

    def verdict(self):
        return {True: "yes", False: "**no**", None: ""}[self.reached]


def failed(what, reason):
    """A row that could not be measured."""
    return Row(what, "not measured", "", "", "", False, reason)


def ms(seconds):
    value = 1000 * seconds
    return f"{value:.2f} ms" if value < 10 else f"{value:.0f} ms"


def per_second(value, what):
    return f"{round(value, -3):,.0f} {what}/s"


def bytes_of(size):
    for unit, factor in (("MiB", 1 << 20), ("KiB", 1 << 10)):
        if size >= factor:
            return f"{size / factor:.1f} {unit}"
    return f"{size:.0f} bytes"


def instructions(n):
    return f"{n:,.0f} instr."


def ratio(ours, peer):
    if not peer:
        return ""
    value = ours / peer
    return f"{value:.3f}" if value >= 0.1 else f"1/{1 / value:.0f}" if value else "0"
