# SPDX-License-Identifier: GPL-2.0-or-later
"""Who owns an interrupt: what witness.py knows about it without cxlirqd.

Handlers' names in /proc/interrupts, the devices that sysfs shows below the
function whose MSI resource it is, and the drivers' sources say whose handler
it is.  The rules are made from these alone.
"""

import os
import re

# The port service drivers: name of the handler, and service bit in the
# device's name (include/linux/pcieport_if.h in the kernel), ledger's word.
SERVICES = {
    "PCIe PME": ("pcie_pme", 0x01, "pme", "pcie_pme_irq"),
    "aerdrv": ("aer", 0x02, "aer", "aer_irq"),
    "pciehp": ("pciehp", 0x04, "hotplug", "pciehp_isr"),
    "pcie-dpc": ("dpc", 0x08, "dpc", "dpc_irq"),
    "PCIe bwctrl": ("pcie_bwctrl", 0x10, "bwctrl", "pcie_bwnotif_irq"),
}

# Message numbers of QEMU's CXL memory device, and the handlers there
# (drivers/cxl/pci.c): four event logs and the mailbox.
CXL_HANDLERS = {2: "cxl_event_thread", 3: "cxl_event_thread", 4: "cxl_event_thread",
                5: "cxl_event_thread", 7: "cxl_pci_mbox_irq"}


def service_of(action, provider, witness):
    """The port's service device that has this driver: exactly one."""
    driver, bit, _, handler = SERVICES[action]
    port = witness.devices[("pci", provider)]
    found = [name for (bus, name), device in witness.devices.items()
             if bus == "pci_express" and device.driver == driver
             and os.path.dirname(device.path) == port.path
             and int(name.rsplit(":pcie", 1)[1], 16) & 0xff == bit]
    return ("pci_express", found[0] if len(found) == 1 else f"one of {found}", handler)


def virtio_handler(queue):
    """drivers/virtio/virtio_pci_common.c: one for the configuration, one each or one for all."""
    if queue == "config":
        return "vp_config_changed"
    return "vp_vring_interrupt" if queue == "virtqueues" else "vring_interrupt"


def expected(action, provider, index, witness):
    """(bus, device, handler) of a handler on an MSI vector; None: no rule covers it."""
    if action in SERVICES:
        return service_of(action, provider, witness)
    if re.fullmatch(r"nvme\d+q\d+", action):
        return ("pci", provider, "nvme_irq")
    match = re.fullmatch(r"(virtio\d+)-(\w+?)(?:\.\d+)?", action)
    if match:
        return ("virtio", match.group(1), virtio_handler(match.group(2)))
    match = re.fullmatch(r"cxl_(pmu_mem\d+\.\d+)_overflow", action)
    if match:
        return ("cxl", match.group(1), "cxl_pmu_irq")
    if action == provider and witness.devices[("pci", provider)].driver == "cxl_pci":
        return ("pci", provider, CXL_HANDLERS.get(index))
    return None


def compare(check, irq, vector, owner, witness):
    """One handler of one interrupt."""
    what = f"irq {irq} {owner['action']}:"
    provider = vector["provider"]
    if ("pci", provider) in witness.devices:
        rule = expected(owner["action"], provider, vector["index"], witness)
        check.true(f"{what} ownership.py has no rule for it", rule is not None)
        if rule:
            bus, device, handler = rule
            check.equal(f"{what} owner", (owner["bus"], owner["device"]), (bus, device))
            # A handler in a module has its name behind it.
            check.equal(f"{what} handler", (owner["handler"] or "").split(" ")[0], handler)
            check.equal(f"{what} relation", owner["relation"],
                        "own" if device == provider else "borrowed")
    if owner["device"] is None:
        check.equal(f"{what} relation of an unknown owner", owner["relation"], "unknown")
        return
    check.true(f"{what} an owner is named without evidence", owner["evidence"] is not None)
    if owner["bus"] is None:
        return  # a device of a class, which is in no bus' list
    device = witness.devices.get((owner["bus"], owner["device"]))
    check.true(f"{what} sysfs has no {owner['bus']} device {owner['device']}", device is not None)
    if device:
        check.equal(f"{what} driver", owner["driver"], device.driver)
        check.equal(f"{what} module", owner["module"], device.module)


# Stages of scenarios/witness.sh from the first on at which drivers were bound again
DISTURBED = ("rebind", "reset", "plugged", "unplugged", "cpu-off", "cpu-on")


def made_anew(stage, witness):
    """The functions whose vectors the scenario had allocated again while the daemon watched."""
    if stage not in DISTURBED:
        return set()
    anew = set()
    memory = None
    for (bus, name), device in sorted(witness.devices.items()):
        if bus != "pci":
            continue
        below = [path for path in (d.path for d in witness.devices.values())
                 if path.startswith(device.path + "/")]
        if device.driver == "nvme" or any("virtio_net" == d.driver for d in
                                          witness.devices.values() if d.path in below):
            anew.add(name)
        if device.driver == "cxl_pci" and memory is None:
            memory = name  # the first one, by name
            anew.add(name)
        # The empty port: on the root bus, with a driver.
        if device.driver == "pcieport" and name.startswith("0000:00:"):
            anew.add(name)
    return anew


def compare_ledger(check, stage, witness, requested):
    """Rows of "devices": identity by sysfs, sums by msi_irqs/ and /proc/interrupts."""
    rows = {row["device"]: row for row in stage.devices}
    provided = {}
    for irq, (function, _) in witness.msi_irqs.items():
        provided.setdefault(function, set()).add(irq)
    check.equal("rows with their own device", len(rows), len(stage.devices))
    for function in provided:
        check.true(f"{function} has vectors, and no row", function in rows)
    owned = {}
    for vector in stage.vectors:
        for owner in vector["owners"]:
            owned.setdefault(owner["device"], set()).add(vector["irq"])
    for name, row in rows.items():
        device = witness.devices.get((row["bus"], name))
        check.true(f"{name}: sysfs has no such device on bus {row['bus']}", device is not None)
        if not device:
            continue
        vectors = provided.get(name, set())
        check.equal(f"{name}: driver", row["driver"], device.driver)
        check.equal(f"{name}: module", row["module"], device.module)
        check.equal(f"{name}: parent", row["parent"],
                    os.path.basename(os.path.dirname(device.path)))
        # The images have no pci.ids to name it.
        check.equal(f"{name}: class", row["class"],
                    witness.classes.get(name) if row["bus"] == "pci" else None)
        check.equal(f"{name}: granted", row["granted"], len(vectors))
        check.equal(f"{name}: used", row["used"],
                    len((vectors & requested) | owned.get(name, set())))
        compare_features(check, name, row, stage, witness)


def feature_word(action, index, provider_driver):
    """The ledger's word for what this handler serves."""
    if action in SERVICES:
        return SERVICES[action][2]
    if action.startswith("cxl_pmu_"):
        return "cpmu"
    if provider_driver == "cxl_pci":
        return "mailbox" if CXL_HANDLERS.get(index) == "cxl_pci_mbox_irq" else "event-log"
    return "other"


def compare_features(check, name, row, stage, witness):
    """Each handler on the row's vectors (its own, or those it uses) is a feature, and no other."""
    said, known = [], []
    for vector in stage.vectors:
        function = witness.devices.get(("pci", vector["provider"]))
        for owner in vector["owners"]:
            if name not in (vector["provider"], owner["device"]) or owner["device"] is None:
                continue
            line = witness.earlier.get(vector["irq"])
            known.append((
                feature_word(owner["action"], vector["index"], function and function.driver),
                owner["device"], vector["index"], vector["irq"],
                "shared" if line and len(line.actions) > 1 else "granted"))
    for feature in row["features"]:
        if feature["result"] not in ("granted", "shared"):
            continue  # nobody's, or never got: no witness knows of it
        said.append(tuple(feature[field] for field in
                          ("feature", "instance", "message_number", "irq", "result")))
        check.equal(f"{name}: errno of a {feature['result']} feature", feature["errno"], None)
    check.equal(f"{name}: features", sorted(said, key=str), sorted(known, key=str))
