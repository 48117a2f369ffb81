#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""A daemon that says what a test wants: scripted-daemon.py SOCKET SCENE [LOG]

It speaks varlink with nothing but sockets and json, so that cxlirqctl is not only measured against
the code it was built from. Each call it gets is appended to LOG, one JSON object a line. It prints
"ready" once it listens, and serves until it is killed.
"""
import base64
import json
import os
import socket
import sys
import threading

INTERFACE = "io.cxlirqd."
T0 = 1763710000000000


def owner(device, action, relation, driver):
    return {"device": device, "bus": "pci", "driver": driver, "module": driver, "action": action,
            "handler": action + "_handler", "relation": relation, "evidence": "devres"}


def vector(irq, provider, index, owners, **more):
    row = {"irq": irq, "provider": provider, "domain": 3, "chip": "PCI-MSIX-" + provider,
           "index": index, "hwirq": index, "message": {"address": "fee01000", "data": "4021"},
           "target": {"cpu": 1, "vector": 33}, "affinity": "0-3", "effective_affinity": "1",
           "managed": False, "state": "requested", "origin": "probe", "interrupts": 1234567,
           "message_changes": 0, "sysfs": True, "owners": owners}
    row.update(more)
    return row


def domain(number, name, parent, token="any", **more):
    row = {"id": number, "name": name, "bus_token": token, "flags": ["hierarchy"],
           "parent": parent, "device": None, "hwirq_max": None, "mapped": 4, "chip": "APIC",
           "immutability": "mutable", "affinity_changes": 0, "message_changes": 0}
    row.update(more)
    return row


DOMAINS = [
    domain(1, "VECTOR", None),
    domain(2, "IR-PCI-MSI-0", 1, "pci-msi"),
    domain(3, "IR-PCI-MSIX-0000:0d:00.0-12", 2, "pci-device-msix", device="0000:0d:00.0",
           immutability="declared", flags=["msi-immutable", "per-device"]),
    domain(9, "lonely", 77),
]

VECTORS = [
    vector(24, "0000:0c:00.0", 0, [owner("0000:0c:00.0:pcie002", "aerdrv", "own", "aer"),
                                   owner("0000:0c:00.0:pcie010", "pciehp", "own", "pciehp"),
                                   owner(None, "mystery", "unknown", None)]),
    vector(25, "0000:0d:00.0", 3, [owner("pmu_mem0.0", "pmu_mem0.0", "borrowed", "cxl_pmu")]),
    vector(26, "0000:0d:00.0", 4, [], message=None, state="orphaned", effective_affinity=None,
           target=None),
]

DEVICES = [
    {"device": "0000:0d:00.0", "bus": "pci", "driver": "cxl_pci", "module": "cxl_pci",
     "parent": "0000:0c:00.0", "class": "CXL memory", "asked": {"min": 1, "max": 16},
     "reason": None, "offered": {"msi": 0, "msix": 16}, "granted": 8, "used": 5, "shared": 1,
     "unused": 3, "never_requested": 2, "dynamic": 0, "demands": [
         {"kind": "any", "min": 1, "max": 16, "granted": 0, "errno": 28},
         {"kind": "msi", "min": 1, "max": 8, "granted": 8, "errno": None}], "demands_older": 0,
     "features": [
         {"feature": "mailbox", "instance": None, "message_number": 0, "irq": 25,
          "result": "granted", "errno": None, "reason": None, "relation": "own",
          "hardware_message": None, "offset": 512},
         {"feature": "cpmu", "instance": "pmu_mem0.1", "message_number": 9, "irq": None,
          "result": "refused", "errno": -28, "reason": "message number beyond what was granted",
          "relation": None, "hardware_message": None, "offset": 512},
         {"feature": "doe", "instance": "0", "message_number": None, "irq": None,
          "result": "polled", "errno": None, "reason": None, "relation": None,
          "hardware_message": 3, "offset": 400},
         {"feature": "doe", "instance": "1", "message_number": None, "irq": None,
          "result": "polled", "errno": None, "reason": None, "relation": None,
          "hardware_message": None, "offset": 432}]},
    {"device": "pmu_mem0.0", "bus": "cxl", "driver": "cxl_pmu", "module": "cxl_pmu",
     "parent": "0000:0d:00.0", "class": None, "asked": None, "reason": None,
     "offered": None, "granted": 0, "used": 1, "shared": 0, "unused": 0, "never_requested": None,
     "dynamic": 0, "demands": [], "demands_older": 0, "features": []},
]

STATUS = {"version": "0.1", "kernel": "6.18.0", "mode": "tracing", "health": "healthy",
          "reasons": [], "started_us": T0, "hooks_attached": 14, "hooks_total": 15, "domains": 4,
          "vectors": 3, "devices": 2, "records": 99, "lost": [], "snapshots": 2,
          "snapshot_us": 5400, "corrections": [{"kind": "vector-missing", "count": 1}],
          "events": 12, "refused": [], "violations_open": 0, "violations_refused": 0,
          "store": {"state": "ok", "reason": None, "written": 12, "dropped": 0},
          "vector_space": {"available": 380, "allocated": 20, "managed": 4, "reserved": 3,
                           "size": 404, "cpus": [{"cpu": 0, "online": True, "available": 380,
                                                  "allocated": 20, "managed": 4}]},
          "vector_space_reason": None}


def hook(name, attached, reason=None):
    return {"hook": name, "attached": attached, "reason": reason,
            "runs": 7 if attached else None, "recursion_misses": None}


SUPPORT = {"kernel": "6.18.0", "machine": "x86_64", "mode": "tracing", "reason": None,
           "hooks": [hook("irq_domain_alloc", True),
                     hook("irq_matrix_alloc", False, "replaced by vector_alloc")],
           "features": [hook("bpf-lsm", False, "not in the lsm= list")]}


def event(what, irq=None, device=None, **fields):
    return {"time_us": T0 + 123456, "type": what, "irq": irq, "device": device, **fields}


EVENTS = [
    event("domain-created", domain={"id": 3, "name": "PCI-MSIX", "bus_token": "pci-device-msix"}),
    event("vector-allocated", 25, "0000:0d:00.0", index=3, domain=3),
    event("vector-freed", 9, None, index=None, domain=1),
    event("handler-requested", 25, "pmu_mem0.0", action="pmu_mem0.0", handler="cxl_pmu_irq",
          relation="borrowed", provider="0000:0d:00.0"),
    event("demand", None, "0000:0d:00.0", min=1, max=16, granted=8, errno=None, kind="any",
          asked={"min": 1, "max": 16}, index=None, caller="cxl_pci_probe"),
    event("demand", None, "0000:0e:00.0", min=2, max=2, granted=None, errno=-28),
    event("message-change", 25, "0000:0d:00.0", index=3,
          old_message={"address": "fee01000", "data": "4021"},
          new_message={"address": "fee02000", "data": "4022"},
          cause={"kind": "affinity-write", "comm": "ev\x1b[31mil", "pid": 42, "uid": 0}),
    event("affinity-change", 25, "0000:0d:00.0", old="0-3", new="2", pending=True,
          old_effective="0", new_effective="2",
          cause={"kind": "cpu-hotplug", "comm": None, "pid": None, "uid": None}),
    event("cpu", cpu=3, online=False),
    event("gap", lost=12, reason="ring full"),
    event("correction", 26, None, kind="vector-missing", detail="freed unseen"),
    event("handler-freed", 25, "pmu_mem0.0", action="pmu_mem0.0", handler="cxl_pmu_irq",
          relation=None),
    event("doorbell", 88, "pci_epf_vntb.0", state="published", index=0, epf="pci_epf_vntb.0",
          epc="a40000000.pcie-ep", message={"address": "fee01000", "data": "4021"}),
    event("violation", 88, "pci_epf_vntb.0", rule="doorbell-message-changed", severity="critical",
          id=3, explanation="it changed"),
    event("from-the-future", 7, "x", color="blue", size=3),
]

MESSAGE = {"address": "fee01000", "data": "4021"}
OTHER = {"address": "fee02000", "data": "4022"}

DOORBELLS = [
    {"epc": "a40000000.pcie-ep", "epf": "pci_epf_vntb.0", "index": 0, "irq": 88,
     "message": OTHER, "published_message": MESSAGE, "type": "msi", "parent_domain": 2,
     "immutability": "mutable", "state": "published", "message_changes": 1,
     "verdict": "violated", "device": "pci_epf_vntb.0", "driver": "pci_epf_vntb", "bar": 2,
     "errno": None},
    {"epc": "a40000000.pcie-ep", "epf": "pci_epf_test.0", "index": None, "irq": None,
     "message": None, "published_message": None, "type": "msi", "parent_domain": None,
     "immutability": "unknown", "state": "refused", "message_changes": 0, "verdict": "safe",
     "device": "pci_epf_test.0", "driver": "pci_epf_test", "bar": None, "errno": 22},
]


def violation(number, **more):
    row = {"id": number, "rule": "doorbell-message-changed", "severity": "critical",
           "device": "pci_epf_vntb.0", "irq": 88, "index": 0, "domain": 3,
           "old_message": MESSAGE, "new_message": OTHER,
           "cause": {"kind": "affinity-write", "comm": "irqbalance", "pid": 42, "uid": 0},
           "count": 4, "first_us": T0, "last_us": T0 + 123456, "acknowledged": False,
           "explanation": "The message of doorbell 0 is fee02000/4022, the host was told "
                          "fee01000/4021."}
    row.update(more)
    return row


VIOLATIONS = [
    violation(3),
    violation(7, rule="vector-orphaned", severity="warning", device="ev\x1b[31mil", irq=None,
              index=None, old_message=None, new_message=None, acknowledged=True, count=1,
              cause={"kind": "unknown", "comm": None, "pid": None, "uid": None},
              explanation=None),
]

EXPLANATION = {"subject": "88", "kind": "interrupt",
               "text": ["Interrupt 88 is vector 0 of ev\x1b[31mil.", "It goes to CPU 1."],
               "advice": ["Leave it there."]}

def counter(pmu, what, value, enabled=1000, running=1000, **more):
    row = {"pmu": pmu, "device": "pmu_mem0.0", "event": what, "group": None, "value": value,
           "scaled": value * enabled // running if running else None, "enabled_ns": enabled,
           "running_ns": running, "error": None, "reason": None}
    row.update(more)
    return row


def refused(pmu, what, error=2, reason="no event"):
    return counter(pmu, what, 0, 0, 0, error=error, reason=reason)


COUNTERS = [
    counter("cxl_pmu_mem0.0", "clock_ticks", 123456),
    counter("cxl_pmu_mem0.0", "ev\x1b[31mil", 500, 4000, 1000, group=1),
    counter("cxl_pmu_mem0.1", "full", 0, 1000, 0, reason="not counted: more events than counters"),
    refused(None, "nothing", reason='no event "nothing"'),
    counter("cxl_pmu_mem0.2", "left", 7, error=19, reason="the PMU is gone"),
]

PMUS = [{"name": "cxl_pmu_mem0.0", "device": "pmu_mem0.0", "provider": "0000:0d:00.0", "irq": 25,
         "cpus": "0", "events": [{"event": "clock_ticks", "terms": "config=0x1"},
                                 {"event": "m2s_req_memrd", "terms": "config=0x2"}],
         "formats": [{"term": "mask", "bits": "config:0-31"}]}]

ENDED = threading.Event()

TRACE = [b"CXLIRQ\0\1", bytes(range(256)), b"", b"end"]


class Connection:
    def __init__(self, sock):
        self.sock = sock
        self.buffer = b""

    def receive(self):
        while b"\0" not in self.buffer:
            piece = self.sock.recv(65536)
            if not piece:
                return None
            self.buffer += piece
        message, self.buffer = self.buffer.split(b"\0", 1)
        return json.loads(message)

    def send(self, parameters, **more):
        self.sock.sendall(json.dumps({"parameters": parameters, **more}).encode() + b"\0")

    def fail(self, name, **parameters):
        self.send(parameters, error=name)

    def until_closed(self):
        while self.sock.recv(65536):
            pass


def list_devices(link, wanted):
    rows = [d for d in DEVICES if wanted in (None, d["device"])]
    if not rows:
        return link.fail(INTERFACE + "NoSuchDevice", device=wanted)
    return link.send({"devices": rows, "reason": None})


def list_vectors(link, device, irq):
    if device is not None and device not in [d["device"] for d in DEVICES]:
        return link.fail(INTERFACE + "NoSuchDevice", device=device)
    rows = [v for v in VECTORS
            if device in [None, v["provider"]] + [o["device"] for o in v["owners"]]
            and irq in (None, v["irq"])]
    if irq is not None and not rows:
        return link.fail(INTERFACE + "NoSuchInterrupt", irq=irq)
    return link.send({"vectors": rows, "reason": None})


def list_counters(link, pmu):
    if pmu not in (None, "cxl_pmu_mem0.0"):
        return link.fail(INTERFACE + "NoSuchPmu", pmu=pmu)
    return link.send({"counters": [c for c in COUNTERS if pmu in (None, c["pmu"])],
                      "pmus": PMUS, "reason": None})


def count(link, parameters, last):
    """Two that count and one that cannot; the second goes in the second interval."""
    def reply(us, first, second, totals=None, **more):
        link.send({"id": 7, "time_us": T0 + us, "elapsed_us": us, "totals": totals, "counters": [
            first, second, refused("cxl_pmu_mem0.0", "bad")]}, **more)

    a, b = (lambda *n: counter("cxl_pmu_mem0.0", "a", *n)), \
        (lambda *n, **more: counter("cxl_pmu_mem0.1", "b", *n, **more))
    gone = {"error": 19, "reason": "the PMU is gone"}
    ENDED.clear()
    reply(0, a(0, 0, 0), b(0, 0, 0), continues=True)
    if not parameters.get("interval_ms"):
        last.wait(10)
        return reply(1500000, a(42), b(6, 30, 10), [a(42), b(6, 30, 10), refused("x", "bad")])
    reply(1000000, a(40), b(6, 30, 10), continues=True)
    return reply(2000000, a(2), b(0, 0, 0, **gone), [a(42, 2000, 2000), b(6, 30, 10, **gone),
                                                     refused("cxl_pmu_mem0.0", "bad")])


def acknowledge(link, ids):
    for number in ids:
        if number not in [v["id"] for v in VIOLATIONS]:
            return link.fail(INTERFACE + "NoSuchViolation", id=number)
    return link.send({"violations": [{**v, "acknowledged": True} for v in VIOLATIONS
                                     if v["id"] in ids]})


def explain(link, subject):
    if subject == "99":
        return link.fail(INTERFACE + "NoSuchInterrupt", irq=99)
    if subject != "88":
        return link.fail(INTERFACE + "NoSuchSubject", subject=subject)
    return link.send({"explanation": EXPLANATION})


def answer(link, call):
    """What a sound daemon answers."""
    parameters = call.get("parameters", {})
    method = call["method"].removeprefix(INTERFACE)
    if method == "GetStatus":
        link.send({"status": STATUS})
    elif method == "GetSupport":
        link.send({"support": SUPPORT})
    elif method == "ListDomains":
        link.send({"domains": DOMAINS, "reason": None})
    elif method == "ListDevices":
        list_devices(link, parameters.get("device"))
    elif method == "ListVectors":
        list_vectors(link, parameters.get("device"), parameters.get("irq"))
    elif method == "ListDoorbells":
        link.send({"doorbells": DOORBELLS, "reason": None})
    elif method == "ListCounters":
        list_counters(link, parameters.get("pmu"))
    elif method == "CountEvents":
        assert call["more"]
        count(link, parameters, ENDED)
    elif method == "EndCount":
        assert parameters == {"id": 7}
        ENDED.set()
        link.send({})
    elif method == "ListViolations":
        link.send({"violations": [v for v in VIOLATIONS
                                  if parameters["all"] or not v["acknowledged"]],
                   "reason": None})
    elif method == "Acknowledge":
        acknowledge(link, parameters["ids"])
    elif method == "Explain":
        explain(link, parameters["subject"])
    elif method == "ListHistory":
        assert call["more"]
        for each in EVENTS[:2]:
            link.send({"event": each}, continues=True)
        link.send({"event": None, "reason": "older ones were left out"})
    elif method == "Snapshot":
        link.send({"snapshot": {"domains": DOMAINS, "vectors": VECTORS[:1], "version": 1}})
    elif method == "Monitor":
        assert call["more"]
        for each in EVENTS:
            link.send({"event": each}, continues=True)
        if parameters["follow"]:
            link.until_closed()
        else:
            link.send({"event": None})
    elif method == "Record":
        assert call["more"]
        for piece in TRACE:
            link.send({"data": base64.b64encode(piece).decode()}, continues=True)
        link.until_closed()
    else:
        link.fail("org.varlink.service.MethodNotFound", method=call["method"])


def empty(link, call):
    key = call["method"].removeprefix(INTERFACE + "List").lower()
    if key in (INTERFACE + "monitor", "history"):
        link.send({"event": None, "reason": "there is no store"})
    elif key == "counters":
        link.send({key: [], "pmus": [], "reason": "driver not bound"})
    else:
        link.send({key: [], "reason": "driver not bound"})


def sick(link, call):
    """Degraded, in every way that the exit code of status and support must show."""
    if call["method"].endswith("GetStatus"):
        link.send({"status": {**STATUS, "health": "degraded",
                              "reasons": ["records lost", "hook missing"],
                              "lost": [{"reason": "ring-full", "count": 5}]}})
    else:
        link.send({"support": {**SUPPORT, "hooks": SUPPORT["hooks"] +
                               [hook("msi_domain_alloc", False, "not in this kernel's BTF")]}})


def violated(link, _call):
    """Nothing is wrong with the daemon."""
    link.send({"status": {**STATUS, "violations_open": 2, "violations_refused": 5,
                          "store": {"state": "off", "reason": "no directory", "written": 0,
                                    "dropped": 0}}})


def before_rules(link, _call):
    """A daemon that knows of no rules and no store"""
    link.send({"status": {key: value for key, value in STATUS.items()
                          if not key.startswith("violations") and key != "store"}})


def without_tracing(link, _call):
    link.send({"support": {**SUPPORT, "mode": "sysfs", "hooks": []}})


def byte_by_byte(link, _call):
    for byte in json.dumps({"parameters": {"domains": DOMAINS}}).encode() + b"\0":
        link.sock.sendall(bytes([byte]))


def large(link, _call):
    rows = [vector(i, "0000:0d:00.0", i, [owner("mem%d" % i, "x" * 40, "own", "cxl_pci")])
            for i in range(8192)]
    link.send({"vectors": rows, "reason": None})


def huge(link, _call):
    link.sock.sendall(b'{"parameters":{"domains":["' + b"x" * (17 << 20) + b'"]}}\0')


def strange(link, call):
    """Right on the outside, nonsense inside."""
    key = call["method"].removeprefix(INTERFACE + "List").lower()
    link.send({key: [None, 5, "x", {}, {"id": "a", "parent": "a", "owners": 7, "features": "y"},
                     {"id": 1, "parent": 2}, {"id": 2, "parent": 1}]})


def lost_in_stream(link, call):
    if call["method"].endswith("Record"):
        link.send({"data": base64.b64encode(b"half").decode()}, continues=True)
    else:
        link.send({"event": EVENTS[0]}, continues=True)


def no_base64(link, _call):
    link.send({"data": base64.b64encode(b"half").decode()}, continues=True)
    link.send({"data": "a b!"}, continues=True)


def whole_trace(link, _call):
    link.send({"data": base64.b64encode(b"first" * 4).decode()}, continues=True)
    link.send({"data": base64.b64encode(b"last").decode()})


def header_only(link, _call):
    link.send({"data": base64.b64encode(b"CXLIRQ\0\1" + bytes(8)).decode()}, continues=True)
    link.until_closed()


def uncounted(link, call):
    """PMUs, and nobody who had them count; nor can they count anything that is asked for."""
    if call["method"].endswith("ListCounters"):
        link.send({"counters": [], "pmus": PMUS, "reason": "no [Counters] Events= are set"})
    else:
        rows = [refused("cxl_pmu_mem0.0", "bad", 22, "the PMU rejects it"), refused(None, "worse")]
        link.send({"id": 1, "time_us": T0, "elapsed_us": 5, "counters": rows, "totals": rows})


def lost_counting(link, call):
    if call["method"].endswith("CountEvents"):
        link.send({"id": 7, "time_us": T0, "elapsed_us": 0, "totals": None,
                   "counters": [counter("p", "a", 0)]}, continues=True)


def flood(link, _call):
    while True:
        link.send({"event": EVENTS[5]}, continues=True)


SCENES = {
    "good": answer, "empty": empty, "sick": sick, "without-tracing": without_tracing,
    "violated": violated, "before-rules": before_rules,
    "byte-by-byte": byte_by_byte, "large": large, "huge": huge, "strange": strange,
    "lost-in-stream": lost_in_stream, "no-base64": no_base64, "whole-trace": whole_trace, "header-only": header_only,
    "flood": flood, "uncounted": uncounted, "lost-counting": lost_counting,
    "bad-events": lambda link, call: link.fail(INTERFACE + "BadEvents",
                                               reason='no closing } at "{a"'),
    "gone": lambda link, call: None,
    "cut": lambda link, call: link.sock.sendall(b'{"parameters":{"dom'),
    "garbage": lambda link, call: link.sock.sendall(b"HTTP/1.1 400 Bad Request\r\n\0"),
    "array": lambda link, call: link.sock.sendall(b"[1]\0"),
    "ill-typed": lambda link, call: link.sock.sendall(b'{"parameters":[],"continues":1}\0'),
    "lacking": lambda link, call: link.send({}),
    "wrong-type": lambda link, call: link.send({"domains": 5, "status": []}),
    "silent": lambda link, call: link.until_closed(),
    "denied": lambda link, call: link.fail(INTERFACE + "PermissionDenied"),
    "refusing": lambda link, call: link.fail(INTERFACE + "TracingUnavailable", reason="no BTF"),
    "failing": lambda link, call: link.fail(INTERFACE + "Failed", reason="out of luck"),
    "unheard-of": lambda link, call: link.fail("com.example.Odd", x=1),
    "old": lambda link, call: link.fail("org.varlink.service.MethodNotFound", method="x"),
}


def serve_one(sock, scene, log):
    with sock:
        try:
            link = Connection(sock)
            call = None if scene == "full" else link.receive()
            if call is None:
                return
            log.write(json.dumps(call) + "\n")
            log.flush()
            SCENES[scene](link, call)
        except (BrokenPipeError, ConnectionResetError):
            pass


def serve(path, scene, log):
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(path)
    listener.listen()
    print("ready", flush=True)
    while True:
        sock, _ = listener.accept()
        threading.Thread(target=serve_one, args=(sock, scene, log), daemon=True).start()


if __name__ == "__main__":
    with open(sys.argv[3] if len(sys.argv) > 3 else os.devnull, "a", encoding="utf-8") as calls:
        serve(sys.argv[1], sys.argv[2], calls)
