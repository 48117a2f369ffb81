# SPDX-License-Identifier: GPL-2.0-or-later
"""The hardware of the virtual machines: one table, by name.

Every layout runs under plain emulation (TCG): it is the same on every
machine that builds the project, and nested KVM often is not there or not
right.  "-nodefaults" leaves nothing that is not listed here.

Device ids are what a scenario names on QMP: cxlmem0 and cxlmem1 (behind the
switch, x86-64 only), hotplug0 (an empty root port), spare0 (a disk without a
controller, for the hot plug of an NVMe), nvme0, nic0.

Chassis and slot numbers are unique, as native hot plug wants them.  The
chipset's ACPI hot plug is off, for with it the firmware keeps hot plug from
the kernel and the plain root port gets no pciehp service.

The arm64 machine has no CXL: in QEMU 10.0, "virt" knows none.  It has what
x86-64 has not: an MSI parent whose messages never change, the GIC's ITS, and in
its device tree a PCI endpoint controller that is connected to that
(arm64-endpoint.dts).
"""

import os
import subprocess
import sys
from typing import NamedTuple

HERE = os.path.dirname(os.path.abspath(__file__))

# What each kernel is told, whatever the machine:
# loglevel=5 lets warnings reach the console (a WARN_ON is one), but no chat;
# devkmsg=on takes the rate limit from the lines that go to the host;
# nohz=off and highres=off keep each CPU's tick periodic: a sleeping CPU whose
# one-shot timer the emulator loses once would never wake again, and every
# timer of the machine with it (seen as a stall of an idle CPU, rarely);
# iomem=relaxed lets a test map a bound device's BAR (Debian's kernels have
# IO_STRICT_DEVMEM), to read its MSI-X table with its own eyes.
CMDLINE = [
    "loglevel=5",
    "log_buf_len=4M",
    "printk.time=1",
    "printk.devkmsg=on",
    "panic=-1",
    "nohz=off",
    "highres=off",
    "iomem=relaxed",
]

# Devices that have nothing to do with CXL.
_NEIGHBOURS = [
    "-device", "pcie-root-port,id=hotplug0,bus=pcie.0,chassis=1,slot=10",
    "-blockdev", "driver=null-co,node-name=disk0,size=67108864,read-zeroes=on",
    "-blockdev", "driver=null-co,node-name=spare0,size=67108864,read-zeroes=on",
    "-device", "nvme,id=nvme0,bus=pcie.0,drive=disk0,serial=cxlirq0",
    # The gateway (10.0.2.2) answers a ping; restrict keeps all else inside.
    "-netdev", "user,id=net0,restrict=on",
    "-device", "virtio-net-pci,id=nic0,bus=pcie.0,netdev=net0,romfile=",
]

_CXL_DEVICES = [
    # A CXL host bridge, its root port, a switch, two memory devices.
    "-object", "memory-backend-ram,id=vmem0,share=on,size=256M",
    "-object", "memory-backend-ram,id=vmem1,share=on,size=256M",
    "-device", "pxb-cxl,bus_nr=12,bus=pcie.0,id=cxl0",
    "-device", "cxl-rp,port=0,bus=cxl0,id=cxlrp0,chassis=0,slot=2",
    "-device", "cxl-upstream,bus=cxlrp0,id=cxlus0",
    "-device", "cxl-downstream,port=0,bus=cxlus0,id=cxlds0,chassis=0,slot=4",
    "-device", "cxl-downstream,port=1,bus=cxlus0,id=cxlds1,chassis=0,slot=5",
    "-device", "cxl-type3,bus=cxlds0,volatile-memdev=vmem0,id=cxlmem0,sn=1",
    "-device", "cxl-type3,bus=cxlds1,volatile-memdev=vmem1,id=cxlmem1,sn=2",
    "-machine", "cxl-fmw.0.targets.0=cxl0,cxl-fmw.0.size=4G",
] + _NEIGHBOURS

_Q35 = [
    "-machine", "q35,cxl=on",
    "-global", "ICH9-LPC.acpi-pci-hotplug-with-bridge-support=off",
    "-cpu", "max",
    "-m", "1G,slots=4,maxmem=8G",
]

# Whether the timer works is judged by the time stamp counter, which goes on while a
# busy host puts the machine aside: then this kernel panics ("IO-APIC + timer doesn't
# work"), though all is well.
_Q35_CMDLINE = ["no_timer_check"]

_VIRT = [
    "-machine", "virt,gic-version=3,its=on",
    "-cpu", "cortex-a72",
    "-m", "1G",
]


class Machine(NamedTuple):
    """A kind of virtual host."""

    architecture: str
    what: str
    arguments: list
    cmdline: list  # what the kernel is told in addition


# The first of an architecture is what a kernel boots on that asks for none.
MACHINES = {
    "cxl": Machine(
        "x86_64",
        "q35 with a CXL switch and two memory devices, an empty hot-plug port, NVMe, virtio-net",
        _Q35 + _CXL_DEVICES,
        _Q35_CMDLINE,
    ),
    "cxl-vectors": Machine(
        "x86_64",
        "the same with a virtio device that has 64 vectors, which can be moved",
        _Q35 + _CXL_DEVICES
        + ["-device", "virtio-serial-pci,id=many0,bus=pcie.0,max_ports=31,vectors=66"],
        _Q35_CMDLINE,
    ),
    "cxl-intel-iommu": Machine(
        "x86_64",
        "the same behind an Intel IOMMU that remaps interrupts",
        # Emulation has no interrupt controller in the host's kernel, which
        # is what remapping wants; the IOMMU must come before what it serves.
        _Q35 + ["-machine", "kernel-irqchip=off", "-device", "intel-iommu,intremap=on"]
        + _CXL_DEVICES,
        _Q35_CMDLINE + ["intel_iommu=on"],
    ),
    # An AMD IOMMU that remaps is not to be had: the kernel finds no southbridge
    # IOAPIC in the tables that QEMU 10 makes for it, and leaves remapping off.
    "arm64": Machine(
        "arm64",
        "arm64 with GICv3 and its ITS, an empty hot-plug port, NVMe, virtio-net",
        _VIRT + _NEIGHBOURS,
        [],
    ),
}

# What is added to the device tree that QEMU makes, in a file next to this one.
DEVICE_TREES = {"arm64": "arm64-endpoint.dts"}
ITS = "/intc@8000000/its@8080000"

# architecture: (QEMU's program, the console's device)
ARCHITECTURES = {
    "x86_64": ("qemu-system-x86_64", "ttyS0"),
    "arm64": ("qemu-system-aarch64", "ttyAMA0"),
}


def for_kernel(directory):
    """The machine for a kernel of kernel.sh (target.sh tells the same to scripts)."""
    with open(os.path.join(directory, "config"), encoding="utf-8") as config:
        arm64 = "CONFIG_ARM64=y\n" in config
    architecture = "arm64" if arm64 else "x86_64"
    return next(name for name, row in MACHINES.items() if row.architecture == architecture)


def program(name):
    return ARCHITECTURES[MACHINES[name].architecture][0]


def device_tree(name, cpus, directory):
    """Makes the device tree of a machine that needs another one than QEMU's: its path."""
    addition = DEVICE_TREES.get(name)
    if not addition:
        return None
    plain, overlay, whole = (os.path.join(directory, f) for f in
                             ("plain.dtb", "overlay.dtb", "whole.dtb"))
    for command in (
            [program(name), "-nodefaults", "-no-user-config", "-display", "none"]
            + MACHINES[name].arguments + ["-smp", str(cpus), "-machine", f"dumpdtb={plain}"],
            # QEMU's has no labels: this one is what the addition names.
            ["fdtput", "-p", "-t", "s", plain, "/__symbols__", "its", ITS],
            ["dtc", "-q", "-O", "dtb", "-o", overlay, os.path.join(HERE, addition)],
            ["fdtoverlay", "-i", plain, "-o", whole, overlay]):
        subprocess.run(command, check=True, stdin=subprocess.DEVNULL, stdout=sys.stderr)
    return whole


def qemu_arguments(name, cpus, kernel, initrd, append, files, tree=None):
    """The command line of one machine; tree is what device_tree() made.

    files maps console, qmp, results and answers to file descriptors of
    connected sockets: nothing has to be created, found or removed, and no
    two machines can meet.
    """
    architecture, _, arguments, cmdline = MACHINES[name]
    qemu, console = ARCHITECTURES[architecture]
    command = [
        qemu, "-nodefaults", "-no-user-config", "-no-reboot",
        "-display", "none", "-name", f"cxlirq-{name}",
    ]
    command += arguments
    # All processors in one thread.  With a thread each, one may use a mapping
    # of device memory that another is changing (a BAR, say): QEMU 10.0 then
    # aborts in iotlb_to_section(), or an access is lost and with it a timer,
    # and the machine stands still; once in some forty boots of a busy host.
    command += ["-accel", "tcg,thread=single"]
    command += ["-smp", str(cpus), "-kernel", kernel, "-initrd", initrd]
    command += ["-append", " ".join([f"console={console}"] + CMDLINE + cmdline + append)]
    if tree:
        command += ["-dtb", tree]
    for channel, number in files.items():
        command += ["-chardev", f"socket,id={channel},fd={number}"]
    command += [
        "-serial", "chardev:console",
        "-mon", "chardev=qmp,mode=control",
        "-device", "virtio-serial-pci,id=serial0,bus=pcie.0",
        "-device", "virtserialport,bus=serial0.0,chardev=results,name=org.cxlirq.results",
        "-device", "virtserialport,bus=serial0.0,chardev=answers,name=org.cxlirq.answers",
    ]
    return command
