# SPDX-License-Identifier: GPL-2.0-or-later
"""Seeds of what is text: settings, names, JSON, requests, the kernel's own."""
import glob
import json
import os
import re
import subprocess
import sys

WORDS = """f mask config:0-31
f gid config:32-47
f vid config:48-63
f threshold config1:0-15
f edge config1:17
f odd config2:1,5-9,63
e clock_ticks config=0x1e98000000000001
e memrd vid=0x1e98,gid=0x20,mask=0x2"""


def pmu_event_seeds(_data):
    """An event a file, with the words of the kernel's driver."""
    for events in ("clock_ticks",
                   "p/vid=0x1e98,gid=0x10,mask=0x2,threshold=4,edge,odd=0x3,name=some/",
                   "{clock_ticks,p/memrd/},clock_ticks/threshold=4/ p*/event=memrd/",
                   "p/config=5,r1a,mask=99999999999/",
                   "clock_tick,p/nothing=1/"):
        yield f"{events}\n{WORDS}\n".encode()


def config_space_seeds(data):
    """The dumps (as lspci -xxxx prints them) of a guest, and some that are made up."""
    made = subprocess.run([sys.executable, os.path.join(data, "..", "unit", "test-lspci.py"), "--make", "2", "200"],
                          stdout=subprocess.PIPE, text=True, check=True).stdout
    texts = [made]
    for path in sorted(glob.glob(os.path.join(data, "config", "*"))):
        with open(path, encoding="utf-8") as file:
            texts.append(file.read())
    for function in re.split(r"(?m)^[0-9a-f]{4,}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7] ", "\n".join(texts))[1:]:
        rows = re.findall(r"(?m)^[0-9a-f]{2,3}:((?: [0-9a-f]{2})+)$", function)
        yield bytes.fromhex("".join(rows))


def config_seeds(_data):
    yield b"""# every kind of value
[Daemon]
Socket=/run/x
LogLevel=debug
User=somebody
EventBacklog=8192
[Trace]
RingSize=4M
PinDirectory=
SnapshotIntervalSec=0
[Rules]
Disable=vector-hidden message-collision
DoorbellDevices=0000:0* ep*
[Counters]
Events=clock_ticks {p/memrd/,p/config=5/}
Events=cxl_pmu_mem0.0/mask=2/
Max=7
[Guard]
Mode=enforce
Protect=doorbells rule:pmu-vector-misplaced
Protect=0000:0d:00.0/3 pmu_mem0.0
Restore=on
RestoresPerMinute=60
[Export]
Listen=127.0.0.1:9967 [::1]:9967 :9968 unix:/run/y
PerVector=1
[Store]
Enabled=no
Directory=/var/x
MaxSize=1G
"""
    yield b"""Key=outside
[Daemon]
Socket=relative
LogLevel=loud
User=../etc
Colour=green
  EventBacklog=99999
[Trace]
RingSize=3M
MaxVectors=18446744073709551616
MaxDomains=12x
[Rules]
Disable=no-such-rule
DoorbellDevices=""" + b"x" * 70 + b"""
[Counters]
Events={unended
Events=
Events=p/config=zz/
[Guard]
Mode=sometimes
Protect=a/b/c
Protect=
[Export]
Listen=nowhere 1.2.3.4 [::1:5 unix:x 1.2.3.4:0
PerVector=maybe
[Store]
Directory=here
MaxSize=20000000G
no setting
""" + b"Long=" + b"y" * 300 + b"\n"
    yield b"[Rules]\nDoorbellDevices=" + b"x " * 90 + b"\n[Export]\nListen=" + b":1 " * 20 + \
        b"unix:/" + b"z" * 150 + b"\n"


def guard_policy_seeds(_data):
    for name, cpus in (("0000:0d:00.0", "0-3,8"), ("0000:0d:00.0/3", "1,0"), ("doorbells", "8191"),
                       ("rule:pmu-vector-misplaced", "0-8191"), ("rule:vector-hidden", "9-"), ("rule:x", "5-2"),
                       ("a/b", "8192"), ("a/99999", ""), ("", "1,2,4,6,8,10,12,14"),
                       ("pmu_mem0.0", ",".join(map(str, range(1000, 3000, 2))))):
        yield f"{name}\n{cpus}".encode()


def policy(number, name, **more):
    return {"id": number, "guard": name, "cpus": "", "restore": False, "since_us": 5, "uid": 0, "pid": 7, **more}


def guard_file_seeds(_data):
    before = {"device": "0000:0d:00.0", "index": 3, "cpus": "0-3"}
    for kept in ({"next_id": 9, "policies": [policy(1, "0000:0d:00.0", cpus="1"), policy(2, "doorbells")],
                  "before": [before]},
                 {"next_id": 9, "policies": [policy(1, "a"), policy(1, "b"), policy(2, "a")], "before": []},
                 {"next_id": 0, "policies": [policy(-1, "a"), policy(2, "a/b/c"), policy(2, "a", cpus="x"), 5],
                  "before": [dict(before, index=-1), dict(before, cpus=""), dict(before, device="x" * 70), None]},
                 {}, [], 1):
        yield json.dumps(kept).encode()
    yield b'{"policies": [], "policies": []}'
    yield b'{"policies": ["\xff"]}'


def state(shift):
    """As much of a snapshot as a difference looks at; @shift is another time."""
    vectors = [{"irq": 30 + i + shift, "index": i, "provider": "0000:0d:00.0", "domain": 1, "interrupts": i * shift,
                "message": {"address": "0xfee00000", "data": f"0x{i + shift:x}"}, "state": "requested", "chip": "x",
                "owners": [{"device": "pmu_mem0.0", "relation": "borrowed", "action": "a", "driver": "cxl_pmu"},
                           {"device": None, "action": f"b{shift}"}]} for i in range(2 + shift)]
    vectors.append({"irq": 1, "index": None, "hwirq": 1, "domain": 7, "chip": "IO-APIC"})
    vectors.append({"irq": 2, "index": None, "hwirq": None, "domain": None})
    return {"version": 1, "vectors": vectors,
            "domains": [{"id": 1 + shift, "name": "PCI-MSIX-0000:0d:00.0-12", "bus_token": "pci-device-msix",
                         "device": "0000:0d:00.0", "parent": 2, "flags": ["msi-immutable"][shift:]},
                        {"id": 2, "name": "IO-APIC-0", "bus_token": "any", "mapped": shift},
                        {"id": 3, "name": "VECTOR-7", "bus_token": "x86"}],
            "devices": [{"device": "0000:0d:00.0", "driver": "cxl_pci", "asked": {"min": 1, "max": 16 + shift},
                         "features": [{"feature": "mailbox", "instance": "0", "result": "granted"},
                                      {"feature": "cpmu", "result": "refused", "reason": "x" * shift}]}],
            "doorbells": [{"epc": "e", "epf": "f", "index": shift, "state": "published", "type": "msi"}],
            "pmus": [{"name": "cxl_pmu_mem0.0", "device": "pmu_mem0.0",
                      "events": [{"event": "clock_ticks", "terms": str(shift)}]}],
            "support": {"hooks": [{"hook": "x", "attached": bool(shift)}], "features": [{"hook": "y"}]},
            "kernel": str(shift), "violations": []}


def json_seeds(_data):
    one, other = json.dumps(state(0)).encode(), json.dumps(state(1)).encode()
    yield one + b"\0" + other
    yield other + b"\0" + other
    yield b'{"vectors": {}, "domains": [1], "devices": [null, []]}\0{"devices": 5}'
    yield from (b"QUJD", b"QUI=", b"QQ==", b"Q===", b"QU=D", b"Q\0==", b"\xc3\xa4\xff")
    yield b"[" * 3000


def call(method, more=False, of="io.cxlirqd", **parameters):
    message = {"method": f"{of}.{method}", "parameters": parameters, "more": more}
    return json.dumps(message).encode() + b"\0"


def varlink_seeds(_data):
    """About devices and interrupts of the trace that the target's daemon replays."""
    device = "0000:0f:00.0"
    yield call("GetInfo", of="org.varlink.service") + call("GetStatus") + call("GetSupport")
    yield call("GetInterfaceDescription", of="org.varlink.service", interface="io.cxlirqd")
    yield call("GetInterfaceDescription", of="org.varlink.service", interface="x")
    yield call("ListDomains") + call("ListDevices", device=device) + call("ListDevices", device="none")
    yield call("ListVectors", device=device) + call("ListVectors", irq=24) + call("ListVectors", irq=-1)
    yield call("ListDoorbells") + call("ListCounters", pmu="p") + call("ListViolations", all=True)
    yield call("CountEvents", more=True, events=["clock_ticks"], pmu=None, interval_ms=10, times=2)
    yield call("CountEvents", more=True, events=[], interval_ms=1) + call("EndCount", id=1)
    yield call("Acknowledge", ids=[1, 2, 1]) + call("ListViolations")
    yield call("Acknowledge", ids=["x"]) + call("Acknowledge", ids=[-1, 2**63 - 1])
    yield b"".join(call("Explain", subject=subject)
                   for subject in ("30", "9999", device, "vector-hidden", "nobody", ""))
    yield call("Monitor", more=True, follow=True, since_us=0)
    yield call("Monitor", more=True, follow=False, since_us=1) + call("Monitor")
    yield call("ListHistory", more=True, device=device, irq=3, since_us=1, until_us=2, type="gap", limit=5)
    yield b"".join(call("GetMetrics", format=name) for name in ("json", "openmetrics", "text", "x"))
    yield call("Snapshot") + call("Record", more=True)
    yield call("ListGuards") + call("AddGuard", guard=device, cpus="0-1", restore=True) + call("AddGuard", irq=24)
    yield call("RemoveGuard", guard="doorbells") + call("SetGuardMode", mode="audit") + call("SetGuardMode", mode="x")
    yield call("AddGuard", irq=30, guard="x") + call("AddGuard", irq=9999) + call("RemoveGuard", irq=5)
    yield call("AddGuard", guard="a/b/c") + call("AddGuard", irq=30, cpus="x") + call("RemoveGuard", irq=-1)
    yield call("Reload") + call("GetLogLevel") + call("SetLogLevel", level="debug") + call("SetLogLevel", level="x")
    yield b'{"method": "io.cxlirqd.GetStatus", "oneway": true}\0' + call("GetStatus")
    yield call("GetStatus", none=1) + call("NoSuchMethod") + call("X", of="some.other")
    yield call("X", of="org.varlink.service") + call("GetInfo", of="org.varlink.service", interface=5)
    yield b'{"method": "none"}\0{"method": "a.b"}\0{"method": ".", "parameters": null}\0{"method": 5}\0'
    yield b'{"method": "io.cxlirqd.GetStatus", "more": 1}\0'
    yield b'{"method": "io.cxlirqd.GetStatus", "parameters": []}\0'
    yield b'{"method": "io.cxlirqd.ListVectors", "parameters": {"irq": "x", "none": 1}}\0[]\0'
    yield b'{"method": "x", "parameters": ' + b'{"a":' * 2500 + b"1" + b"}" * 2500 + b"}\0"
    yield b"[" * 4000 + b"\0"


def varlink_reply_seeds(_data):
    yield b'{"parameters": {"event": {}}, "continues": true}\0{"parameters": {}}\0'
    yield b'{"error": "io.cxlirqd.NoSuchDevice", "parameters": {"device": "x"}}\0'
    yield b'{}\0{"parameters": null}\0{"parameters": []}\0'
    yield b'{"error": 5}\0'
    yield b'{"continues": 1}\0'
    yield b'{"a":' * 2500 + b"\0"
    yield b"\0"


def http_accept_seeds(_data):
    yield from (b"application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
                b'text/plain;version="0.0.4";q=1.000, application/*;q=0.0011', b"gzip, deflate, br", b"*",
                b"gzip;q=0, *;q=1", b"identity;q=0.5, x-gzip;q=0.25", b'a/b;c="d,e\\";";q=2, text/*', b";q=", b"q=1;;,,")


def http_seeds(_data):
    host = b"Host: localhost\r\n"
    for path in (b"/", b"/page.js", b"/metrics", b"/x?device=%30000%3A0d", b"/?device=", b"/%2e%2e/%00", b"*",
                 b"http://localhost/metrics", b"http://a", b"HTTP://[::1]:9967/"):
        yield b"GET " + path + b" HTTP/1.1\r\n" + host + b"\r\n"
    yield b"GET /metrics HTTP/1.1\r\nHost: [::1]:9967\r\nAccept: text/plain\r\nAccept: */*;q=0.1\r\n" \
        b"Accept-Encoding: gzip\r\nAccept-Encoding: identity;q=0.1\r\n\r\n" + b"HEAD / HTTP/1.1\r\n" + host + b"\r\n"
    yield b"GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n"
    yield b"GET / HTTP/1.1\r\nHost: x.localhost:1\r\nConnection: close\r\n\r\n"
    yield b"GET / HTTP/1.1\r\nHost: " + b"h" * 300 + b"\r\n\r\n"
    yield b"POST / HTTP/1.1\r\n" + host + b"Content-Length: 5\r\n\r\nabcde"
    yield b"GET / HTTP/1.1\r\n" + host + b"Transfer-Encoding: chunked\r\n\r\n5\r\nabcde\r\n0\r\n\r\n"
    yield b"GET / HTTP/1.0\r\n\r\n"
    yield b"GET / HTTP/1.1\r\n" + host + b"Accept: " + b"a/b," * 600 + b"\r\n\r\n"
    yield b"nonsense\r\n\r\n"


def uevent_seeds(_data):
    yield b"add@/devices/pci0000:00/0000:00:01.0\0ACTION=add\0DEVPATH=/devices/pci0000:00/0000:00:01.0\0" \
        b"SUBSYSTEM=pci\0SEQNUM=5\0"
    yield b"bind@/devices/x\0DEVPATH=/devices/x\0"
    yield b"libudev\0\xfe\xed\xca\xfe"
    yield b"x@/y\0DEVPATH=\0SUBSYSTEM=\0"


def sysfs_seeds(_data):
    sound = [b"0x050210\n", b"active\n", b"17\n", b"5,0,12\n", b"IR-PCI-MSIX\n", b"cxl_pmu,mem0\n", b"0-3,8\n",
             b"2\n", b"24\n", b"0\n", b"config:0-31\n", b"config1:0-15\n", b"config=0x1\n", b"vid=0x1e98,mask=0x2\n",
             b"31", b"x", b"memwr", b"edge", b"31", b"mem1.0", b"cxl_pci"]
    yield b"\0".join(sound)
    yield b"\0".join(sound[:1] + [b"suspended\n", b"x17\n", b"5;6"] + sound[4:])
    yield b"\0".join([b""] * 21)
    yield b"\0".join(sound[:14] + [b"32", b"032", b"z" * 90, b"index", b"32", b"mem2.0"])
    odd = [b"24", b"1-2", b"config2:", b"config:1,", b"", b"=", b"7", b"7x", b"a", b"b", b"7", b"-"]
    yield b"\0".join(sound[:8] + odd)
    yield b"\0".join([b"x" * 300] * 14)
    long = b"ab," * 150
    names = [b"031", b"-1", b"memwr.scale", b"x" * 90, b"4294967296", b"y" * 90, b"d" * 99]
    yield b"\0".join([b"0xzz"] + [long] * 13 + names)
    yield b"\0".join(sound[:8] + [b"-1", b"9999999999", b"config:5-1", b"config9:1", b"x" * 300, b"\xff"] + sound[14:])
