#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Writes affinities of an interrupt, each another than the last, until it is ended:
mover.py IRQ LOG

What was written is in LOG, a line each, when the kernel has taken it: also the last, for SIGTERM ends
it between two of them.
"""
import itertools
import signal
import sys
import time

# Often enough for each moment of a restart, and not so often that an emulated machine does nothing else.
PAUSE_SECONDS = 0.1


def main():
    irq, path = sys.argv[1:]
    ended = []
    signal.signal(signal.SIGTERM, lambda number, frame: ended.append(number))
    with open(path, "w", encoding="ascii", buffering=1) as log:
        for value in itertools.cycle(("0", "1", "0-1")):
            with open(f"/proc/irq/{irq}/smp_affinity_list", "w", encoding="ascii") as file:
                file.write(value)
            print(value, file=log)
            if ended:
                return
            time.sleep(PAUSE_SECONDS)


if __name__ == "__main__":
    main()
