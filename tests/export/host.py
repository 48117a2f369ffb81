# SPDX-License-Identifier: GPL-2.0-or-later
"""A made-up host, as a record file for cxlirqd --replay: as large as one likes.

Recorded traces come from small virtual machines.  What a host of many processors costs is told by
one that has its devices: each with a domain and vectors, on each vector a handler of its owner, as a
snapshot would tell it (include/cxlirqd/record.h).  The kernel and its hooks are those of a recorded
trace, and so are the handlers' names.
"""
import itertools
import struct

HOOK_DRIVER = {32, 33, 34, 45}  # base, names, hooks, drivers: what precedes a host's devices
DOMAIN, VECTOR, ACTION, SPACE, DEVICE, SNAPSHOT, PMU, FEATURE, PMU_EVENT, COUNTER = \
    1, 3, 5, 14, 35, 39, 42, 44, 46, 47
FEATURE_MSIX, FEATURE_CXL_DEVICE, FEATURE_CPMU = 2, 9, 10
PCI_DEVICE_MSIX = 11
# events of cxl_pmu: terms as sysfs has them
EVENTS = {
    "clock_ticks": "vid=0x1e98,gid=0x0,mask=0x1",
    "m2s_req_memrd": "vid=0x1e98,gid=0x20,mask=0x2",
    "m2s_req_memrddata": "vid=0x1e98,gid=0x20,mask=0x4",
    "m2s_rwd_memwr": "vid=0x1e98,gid=0x21,mask=0x2",
    "m2s_rwd_memwrptl": "vid=0x1e98,gid=0x21,mask=0x4",
    "s2m_drs_memdata": "vid=0x1e98,gid=0x25,mask=0x1",
}
SERVICES = [("pcie001", "pcie_pme", "PCIe PME", "pcie_pme_irq"), ("pcie002", "aer", "aerdrv", "aer_irq"),
            ("pcie004", "pciehp", "pciehp", "pciehp_isr"),
            ("pcie010", "pcie_bwctrl", "PCIe bwctrl", "pcie_bwnotif_irq")]


class Host:
    def __init__(self, trace, cpus):
        """trace: a recorded one, its bytes"""
        self.out, self.cpus = bytearray(trace[:16]), cpus
        self.keys = itertools.count(0x1000)
        self.irqs = itertools.count(24)
        self.buses = itertools.count(1)
        self.devices = {}
        self.walk = []  # what the snapshot tells: it comes after all devices
        at = 16
        while at < len(trace):
            kind, _, size = struct.unpack_from("<HHI", trace, at)
            if kind == SNAPSHOT:
                break
            if kind in HOOK_DRIVER:
                self.time = struct.unpack_from("<Q", trace, at + 8)[0]
                self.out += trace[at:at + size]
            at += size
        self.root = next(self.keys)
        self.walk.append((DOMAIN, self._domain("VECTOR", self.root, 0, 0, b"\0" * 152)))

    @staticmethod
    def _text(text, size):
        return text.encode()[:size - 1].ljust(size, b"\0")

    def _put(self, kind, body):
        self.time += 1000
        self.out += struct.pack("<HHIQ6I16s", kind, 1, 56 + len(body), self.time, 1, 1, 0, 0, 0, 0,
                                b"cxlirqd") + body

    def _dev(self, name, bus, driver):
        key = self.devices.setdefault(name, 0x100000 + len(self.devices))
        return struct.pack("<Q", key) + self._text(name, 64) + self._text(bus, 16) + \
            self._text(driver, 32) + self._text(driver, 32)

    def _domain(self, name, key, parent, token, dev):
        return struct.pack("<IIQQQIIII", 0, 531 if parent else 259, key, parent, (1 << 32) - 1, token,
                           0, 0, 0) + self._text(name, 64) + dev

    def device(self, name, bus, driver, parent, class_name=""):
        self._put(DEVICE, self._text(name, 64) + self._text(bus, 16) + self._text(driver, 32) +
                  self._text(driver, 32) + self._text(parent, 64) + self._text(class_name, 64))

    def function(self, driver, class_name, vectors):
        """A PCI function with MSI-X; its name and its domain's key."""
        name = f"0000:{next(self.buses):02x}:00.0"
        self.device(name, "pci", driver, "pci0000:00", class_name)
        self.feature(name, FEATURE_MSIX, 0, vectors)
        key = next(self.keys)
        self.walk.append((DOMAIN, self._domain(f"PCI-MSIX-{name}-11", key, self.root, PCI_DEVICE_MSIX,
                                               self._dev(name, "pci", driver))))
        return name, key

    def feature(self, name, kind, instance, value):
        self._put(FEATURE, struct.pack("<IIIiIIQ", kind, instance, 0x40, -1, 1, 0, value) +
                  self._text(name, 64))

    def vector(self, function, driver, index, owners, interrupts):
        """owners: (device, bus, driver, action, handler)"""
        name, domain = function
        irq, key = next(self.irqs), next(self.keys)
        dev = self._dev(name, "pci", driver)
        cpu = irq % self.cpus
        body = struct.pack("<IIQIIiIQ", 0, irq, key, 0x1f400200, 0x400000, 0, 2, interrupts)
        body += struct.pack("<QQ48s", domain, index, b"PCI-MSIX-" + name.encode())
        body += struct.pack("<QQ48s", self.root, irq, b"APIC") + b"\0" * 128
        body += struct.pack("<QIIII3I", next(self.keys), 2, index, irq, 1,
                            0xfee00000 | (cpu & 0xff) << 12, 0, 0x20 + irq % 200)
        body += struct.pack("<Iii", len(owners), 0x20 + irq % 200, cpu) + dev
        words = (self.cpus + 63) // 64
        one = (1 << cpu).to_bytes(8 * words, "little")
        body += struct.pack("<II", words, 0) + one + one + b"\0" * (8 * words)
        self.walk.append((VECTOR, body))
        for owner, bus, its_driver, action, handler in owners:
            body = struct.pack("<IIQQQIi", 0, irq, key, next(self.keys), next(self.keys), 0x80, 0)
            body += self._text(action, 48) + self._text(f"{handler} [{its_driver}]", 64) + b"\0" * 64
            self.walk.append((ACTION, body + b"\0" * 152 + self._dev(owner, bus, its_driver)))

    def plain(self, driver, class_name, handler, vectors):
        """A function that has all of its vectors itself: a network card, a disk."""
        function = self.function(driver, class_name, vectors)
        for index in range(vectors):
            owner = (function[0], "pci", driver, f"{driver}-{index}", handler)
            self.vector(function, driver, index, [owner], 1000 + index)

    def port(self):
        """A root port: one vector for all of its services."""
        function = self.function("pcieport", "0x060400", 1)
        owners = []
        for suffix, driver, action, handler in SERVICES:
            name = f"{function[0]}:{suffix}"
            self.device(name, "pci_express", driver, function[0])
            owners.append((name, "pci_express", driver, action, handler))
        self.vector(function, "pcieport", 0, owners, 1)

    def memory(self, number, pmus, events):
        """A CXL memory device: mailbox, four event logs, PMUs with a standing counter for each event."""
        function = self.function("cxl_pci", "0x050210", 5 + pmus)
        name = function[0]
        self.feature(name, FEATURE_CXL_DEVICE, 0, 0)
        for pmu in range(pmus):
            self.feature(name, FEATURE_CPMU, pmu, 0x1000 * pmu)
        own = (name, "pci", "cxl_pci", name)
        self.vector(function, "cxl_pci", 0, [(*own, "cxl_pci_mbox_irq")], 7)
        for index in range(1, 5):
            self.vector(function, "cxl_pci", index, [(*own, "cxl_event_thread")], 3)
        for pmu in range(pmus):
            self.pmu(function, number, pmu, events)

    def pmu(self, function, number, instance, events):
        device, name = f"pmu_mem{number}.{instance}", f"cxl_pmu_mem{number}.{instance}"
        self.device(device, "cxl", "cxl_pmu", function[0])
        self._put(PMU, self._text(name, 64) + self._text(device, 64) + self._text("0", 64))
        for event in events:
            self._put(PMU_EVENT, struct.pack("<II", 0, 0) + self._text(name, 64) +
                      self._text(event, 64) + self._text(EVENTS[event], 128))
        self.vector(function, "cxl_pci", 5 + instance,
                    [(device, "cxl", "cxl_pmu", f"{name}_overflow", "cxl_pmu_irq")], 0)
        for n, event in enumerate(events):
            counter = struct.pack("<QQQiI", 10 ** 9 + n, 60 * 10 ** 9, 30 * 10 ** 9, 0, 0)
            self.walk.append((COUNTER, counter + self._text(name, 64) + self._text(event, 128) + b"\0" * 128))

    def trace(self):
        """The whole file."""
        self._put(SNAPSHOT, struct.pack("<IIQ", 0, 0, 0))
        counters = [record for record in self.walk if record[0] == COUNTER]
        for kind, body in self.walk:
            if kind != COUNTER:
                self._put(kind, body)
        taken = sum(kind == VECTOR for kind, _ in self.walk)
        size = 202 * self.cpus
        self._put(SPACE, struct.pack("<8I", 0xffffffff, self.cpus, size, size - taken, taken, 0, 0, 0))
        self._put(SNAPSHOT, struct.pack("<IIQ", 1, 1, 5000000))
        for kind, body in counters:
            self._put(kind, body)
        return bytes(self.out)


def typical(trace, cpus=64, cards=2, disks=8, ports=16, memories=4, pmus=2,
            events=("m2s_req_memrd", "m2s_req_memrddata", "m2s_rwd_memwr", "m2s_rwd_memwrptl")):
    """A server with CXL memory: a vector for each processor and queue."""
    host = Host(trace, cpus)
    for _ in range(ports):
        host.port()
    for _ in range(cards):
        host.plain("mlx5_core", "0x020000", "mlx5_irq_int_handler", cpus + 1)
    for _ in range(disks):
        host.plain("nvme", "0x010802", "nvme_irq", cpus + 1)
    for number in range(memories):
        host.memory(number, pmus, events)
    return host.trace()
