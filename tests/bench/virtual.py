# SPDX-License-Identifier: GPL-2.0-or-later
"""The rows that need a kernel with the daemon's programs in it: scenarios in virtual machines.

The machines are emulated, and their clock counts instructions (QEMU's -icount): a nanosecond of theirs
is an instruction, the same in each run and whatever else this machine does.
"""
import os
import re
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
VM = os.path.join(HERE, "..", "vm")
BUILD = os.environ.get("BUILD", os.path.join(HERE, "..", "..", "build"))
ICOUNT = ["-icount", "shift=0,sleep=off"]
# A million nanoseconds is a million instructions: what a rather slow processor does in a millisecond.
INTRODUCTION = """Made by `make bench`. Figures of virtual machines (those of interrupts, calls, idleness, sizes and
latency) are instructions, and hold on any machine: the guest's clock counts them, so a time of such a
row is that of a processor which executes 10^9 instructions a second. Figures by replay are times of
this machine's processor, medians of runs in turn with the peer's, and are to be read as ratios.
"""

from rows import Row, bytes_of, failed, instructions, ms, ratio  # noqa: E402

_kernels = set()


def kernels():
    """Those that were booted since this was asked last."""
    found = sorted(_kernels)
    _kernels.clear()
    return found


def run(kernel, scenario, results, programs=(), host=(), qemu=()):
    """One scenario, whose files are in @results then; RuntimeError: why it failed."""
    command = [os.path.join(VM, "run.sh"), kernel, os.path.join(VM, "scenarios", f"{scenario}.sh")]
    for program in (os.path.join(BUILD, "cxlirqd"), os.path.join(BUILD, "cxlirqctl"), *programs):
        command += ["-p", program]
    command += ["--", "--results", results, *host]
    if qemu:
        command += ["--", *qemu]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    print(done.stdout, file=sys.stderr, end="", flush=True)
    _kernels.update(re.findall(r" on (\S+): ", done.stderr))
    if done.returncode:
        bad = [line for line in done.stdout.splitlines() if line.startswith("not ok")]
        raise RuntimeError(f"{scenario} on {kernel}: {(bad or done.stderr.splitlines() or ['no reason'])[-1]}")


def services(options):
    return [os.path.join(options.peers, name) for name in ("irqbalance", "rasdaemon", "prometheus-node-exporter")]


def words(path):
    with open(path, encoding="utf-8") as file:
        return [line.split() for line in file]


# ---- an interrupt, and calls ------------------------------------------------------------------------

CALLS = ("affinity-write", "message-change", "request_irq", "free_irq", "device-probe", "device-remove")


def program_costs(path):
    """Of each program that ran: (runs, instructions a run)."""
    counted = {}
    for line in words(path):
        match = re.match(r'cxlirq_bpf_program_(runs|run_seconds)_total{program="(\w+)"}', line[0])
        counted.setdefault(match[2], {})[match[1]] = float(line[1])
    return {name: (int(c["runs"]), 1e9 * c["run_seconds"] / c["runs"]) for name, c in counted.items() if c["runs"]}


def calls(_options):
    """What an interrupt costs, and each call that is hooked."""
    with tempfile.TemporaryDirectory(prefix="cxlirq-bench.") as results:
        run("bench", "cost-calls", results)
        cost = {who: {call: int(n) for call, n in words(os.path.join(results, f"cost.{who}"))}
                for who in ("first", "again", "cxlirqd", "hardirqs", "bpftrace", "tracefs")}
        programs = program_costs(os.path.join(results, "programs"))
    alone = {call: min(cost["first"][call], cost["again"][call]) for call in cost["first"]}
    interrupt = {who: cost[who]["interrupt"] for who in cost}
    times = {who: interrupt[who] / interrupt["first"] for who in cost}
    found = [Row("an interrupt, of a driver that does nothing",
                 f"{instructions(interrupt['cxlirqd'])}, without it {instructions(interrupt['first'])}: "
                 f"{times['cxlirqd']:.3f} times",
                 f"hardirqs {times['hardirqs']:.2f} times, bpftrace {times['bpftrace']:.2f} times",
                 ratio(interrupt["cxlirqd"], interrupt["hardirqs"]), "1.000 times; peers more",
                 times["cxlirqd"] < 1.0005 and times["hardirqs"] > 1 and times["bpftrace"] > 1,
                 "hardirqs of libbpf-tools; bpftrace counts irq_handler_entry by interrupt.")]
    for call in CALLS:
        ours, peer = cost["cxlirqd"][call] - alone[call], cost["tracefs"][call] - alone[call]
        found.append(Row(f"a hooked call: {call}, {instructions(alone[call])} alone", f"+ {instructions(ours)}",
                         f"tracefs + {instructions(peer)}", ratio(ours, peer), "below the peer", ours < peer,
                         "Neither the daemon nor anybody who reads tracefs runs meanwhile. tracefs: kprobe events on "
                         "the functions that the daemon hooks, with one argument or the result, and irq_vectors; a "
                         "record of the daemon's holds all of an interrupt's state." if call == CALLS[0] else ""))
    most = sorted(programs.items(), key=lambda item: -item[1][1])
    total = sum(runs for runs, _ in programs.values())
    mean = sum(runs * cost for runs, cost in programs.values()) / total
    found.append(Row("a run of a BPF program, by the kernel's own statistics",
                     f"mean {instructions(mean)} (that is {mean:,.0f} ns of the guest)", "", "", "stated", None,
                     "Instructions a run: " + ", ".join(f"{name} {cost:,.0f}" for name, (_, cost) in most) + "."))
    return found


# ---- idle -----------------------------------------------------------------------------------------------


def idle(options):
    """What happens while nothing happens."""
    with tempfile.TemporaryDirectory(prefix="cxlirq-bench.") as results:
        run("debian-6.12", "cost-idle", results, services(options), ["--append", f"IDLE={options.idle}"])
        cost = {line[0]: [int(n) for n in line[1:]] for line in words(os.path.join(results, "idle"))}
    minutes = options.idle / 60
    rate = {who: values[0] / minutes for who, values in cost.items()}
    spent = {who: values[1] / minutes for who, values in cost.items()}
    peers = [who for who in cost if who != "cxlirqd"]
    missing = {"irqbalance", "rasdaemon", "node_exporter"} - set(peers)
    note = f"{options.idle} s on Debian's 6.12 with two processors, the daemon as its unit runs it, node_exporter " \
           "with its usual collectors and nobody who asks."
    if missing:
        note += f" Not running there: {', '.join(sorted(missing))}."
    return [
        Row("idle: woken, a minute", f"{rate['cxlirqd']:.1f}", ", ".join(f"{who} {rate[who]:.1f}" for who in peers), "",
            "<= 2, fewer than each peer", rate["cxlirqd"] <= 2 and all(rate["cxlirqd"] < rate[who] for who in peers),
            note),
        Row("... instructions a minute", instructions(spent["cxlirqd"]),
            ", ".join(f"{who} {instructions(spent[who])}" for who in peers), "", "stated", None),
    ]


# ---- sizes -----------------------------------------------------------------------------------------------


def sizes_of(path):
    """{(vectors, cpus): {what: value}}"""
    sizes = {}
    for vectors, cpus, what, value in words(path):
        sizes.setdefault((int(vectors), int(cpus)), {})[what] = int(value)
    return sizes


def many_ports(devices):
    """QEMU's arguments for so many functions with 64 vectors each."""
    arguments = []
    for n in range(devices):
        slot, function = 0x10 + n // 8, n % 8
        arguments += ["-device", f"virtio-serial-pci,id=many{n},bus=pcie.0,addr={slot:#x}.{function},"
                      f"multifunction={'on' if function == 0 else 'off'},max_ports=31,vectors=66"]
    return arguments


def memory_rows(sizes):
    found, bounds = [], {100: 8, 4096: 24}
    for (vectors, _), size in sorted(sizes.items()):
        peers = {name[4:]: value for name, value in size.items() if name.startswith("rss-") and name != "rss-cxlirqd"}
        mine, bound = size["rss-cxlirqd"], bounds.get(vectors)
        below = all(mine < value for value in peers.values())
        found.append(Row(f"memory, {vectors:,} vectors: resident", bytes_of(mine),
                         ", ".join(f"{who} {bytes_of(value)}" for who, value in peers.items()), "",
                         (f"<= {bound} MiB, " if bound else "") + "below each peer",
                         below and (not bound or mine <= bound << 20)))
        found.append(Row("... which nobody else has (anonymous)", bytes_of(size["own-cxlirqd"]),
                         ", ".join(f"{who} {bytes_of(size[f'own-{who}'])}" for who in peers), "", "stated", None))
        found.append(Row("... of BPF maps and programs, in the kernel", bytes_of(size["bpf"]), "", "", "stated", None))
    return found


def walk_rows(sizes, must_be_faster):
    found = []
    for (vectors, cpus), size in sorted(sizes.items()):
        walk, files, lsirq = size["walk"], size["files"], size["lsirq"]
        exporter = size.get("node_exporter")
        faster = walk < lsirq and (not exporter or walk < exporter)
        found.append(Row(f"snapshot, {vectors:,} vectors, {cpus} processors", ms(walk / 1e9),
                         f"lsirq {ms(lsirq / 1e9)}" + (f", node_exporter {ms(exporter / 1e9)}" if exporter else "") +
                         f"; to read the files and keep nothing {ms(files / 1e9)}", ratio(walk, lsirq),
                         "faster" if must_be_faster(vectors) else "stated",
                         faster if must_be_faster(vectors) else None))
    return found


def sizes(options):
    """Memory, snapshot and start with so many vectors."""
    with tempfile.TemporaryDirectory(prefix="cxlirq-bench.") as results:
        run("bench", "cost-size", results, services(options))
        found = sizes_of(os.path.join(results, "sizes"))
    rows = memory_rows(found) + walk_rows(found, lambda vectors: vectors >= 1000)
    per = {vectors: size["walk"] / vectors for (vectors, _), size in found.items()}
    growth = per[4096] / per[1000]
    rows.append(Row("... growth: time a vector, 4,096 against 1,000", f"{growth:.2f}", "", "", "linear: <= 1.2",
                    growth <= 1.2))
    start = found[1000, 2]["start"]
    rows.append(Row("start, exec to READY=1, 1,000 vectors, with all programs", ms(start / 1e9), "", "", "stated", None,
                    "Nearly all of it is the kernel's verifier, and reading its type information."))
    return rows


# Processors, and functions with 64 vectors each: two processors have no more to give than for four of them.
HOSTS = ((2, 4), (64, 4), (64, 16), (64, 63))


def processors(options):
    """A snapshot on two processors and on 64 with the same devices, and with many more."""
    found, rows = {}, []
    for cpus, devices in HOSTS:
        try:
            with tempfile.TemporaryDirectory(prefix="cxlirq-bench.") as results:
                run("debian-6.12", "cost-size", results, services(options), ["--cpus", str(cpus)],
                    many_ports(devices) + ICOUNT)
                found.update(sizes_of(os.path.join(results, "sizes")))
        except RuntimeError as error:
            if devices == HOSTS[0][1]:
                raise
            rows.append(failed(f"snapshot, {devices} devices, {cpus} processors", str(error)))
    rows = walk_rows(found, lambda vectors: vectors >= 1000) + rows
    per = {(vectors, cpus): size["walk"] / vectors for (vectors, cpus), size in found.items()}
    few = min(vectors for vectors, _ in per)
    growth = per[few, 64] / per[few, 2]
    return rows + [Row(f"... growth: time a vector, {few:,} on 64 processors against 2", f"{growth:.2f}", "", "",
                       "flat: <= 1.2", growth <= 1.2,
                       "Of the guest's clock, which the other processors' ticks move on, too.")]


# ---- latency ------------------------------------------------------------------------------------------------


def latency(_options):
    """From what a driver does to the journal's entry about it."""
    rows = []
    ways = (("10^9 instructions/s", (), ICOUNT), ("emulated, the wall's clock", ("--append", "RATE=0"), ()))
    for how, host, qemu in ways:
        try:
            with tempfile.TemporaryDirectory(prefix="cxlirq-bench.") as results:
                run("bench", "cost-latency", results, host=host, qemu=qemu)
                found = {line[0]: [int(n) for n in line[1:]] for line in words(os.path.join(results, "latency"))}
        except RuntimeError as error:
            rows.append(failed(f"latency, {how}", str(error)))
            continue
        for name, (median, p99, most, rate) in found.items():
            what = {"idle": "idle", "alone": "of a message that is written by itself"}.get(name, f"at {rate:,} changes/s")
            rows.append(Row(f"latency, kernel to journal, {what}, {how}",
                            f"p50 {ms(median / 1e9)}, p99 {ms(p99 / 1e9)}", "", "", "p99 <= 5 ms" if name == "idle" else "stated",
                            p99 <= 5e6 if name == "idle" else None, f"most: {ms(most / 1e9)}"))
    return rows


ROWS = {"calls": calls, "idle": idle, "sizes": sizes, "processors": processors, "latency": latency}
