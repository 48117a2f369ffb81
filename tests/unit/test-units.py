#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The units, as installed, judged by systemd's own tools.

They are installed below a directory of this test, with the paths that they
have there, so that systemd-analyze finds what they start and what they point
to.
"""
import os
import re
import shutil
import subprocess
import sys
import tempfile

BUILD = os.environ.get("BUILD", "build")
EXPOSURE_MAX = 20  # tenths
UNITS = ("cxlirqd.service", "cxlirqd.socket", "cxlirqd-report.socket", "cxlirqd-metrics.socket")
WRITER = ("cxlirqd-affinity.socket", "cxlirqd-affinity.service")
failures = 0


def check(name, is_so, why=""):
    global failures
    why = " ".join(str(why).split())
    print(f"ok {name}" if is_so else f"not ok {name} {why[:400]}", flush=True)
    failures += not is_so
    return is_so


def run(*command, **environment):
    return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          timeout=120, env=dict(os.environ, **environment))


def install(root, *words):
    """make install below @root; the directory of units."""
    environment = {key: os.environ[key] for key in ("PATH", "HOME") if key in os.environ}
    made = subprocess.run(["make", "--no-print-directory", f"BUILD={BUILD}", f"PREFIX={root}/usr",
                           *words, "install"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, timeout=300, env=environment)
    check(f"make install {' '.join(words)}", made.returncode == 0, made.stdout[-300:])
    return f"{root}/usr/lib/systemd/system"


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def settings(text):
    """[(key, value)] of a unit; comments left out."""
    return re.findall(r"^(\w+)=(.*)$", text, re.M)


def kinds(root):
    """Older ones are told to reload by a command, newer ones do it themselves."""
    for version, kind in (("252", "notify"), ("253", "notify-reload"), ("257.9", "notify-reload")):
        folder = install(os.path.join(root, version), f"SYSTEMD_VERSION={version}")
        unit = read(os.path.join(folder, "cxlirqd.service"))
        found = dict(settings(unit))
        check(f"systemd {version}: Type=", found.get("Type") == kind, found.get("Type"))
        reload = found.get("ExecReload")
        check(f"systemd {version}: ExecReload=", (reload is None) == (kind != "notify") and
              (not reload or reload.endswith("/usr/bin/cxlirqctl reload")), reload)
        left = re.findall(r"@[\w-]+@", unit)
        check(f"systemd {version}: nothing is left of what is replaced", not left, left)


def verify(folder, root):
    environment = {"SYSTEMD_UNIT_PATH": f"{folder}:", "MANPATH": f"{root}/usr/share/man:"}
    units = sorted(os.listdir(folder))
    check("all units are there", set(UNITS + WRITER) <= set(units), units)
    for unit in units:
        result = run("systemd-analyze", "verify", "--recursive-errors=no", f"{folder}/{unit}",
                     **environment)
        check(f"systemd-analyze verify {unit}", result.returncode == 0 and not result.stdout,
              result.stdout)
    # what would be found, is: this is no test that cannot fail
    broken = os.path.join(root, "broken")
    shutil.copytree(folder, broken)
    with open(f"{broken}/cxlirqd.service", "a", encoding="utf-8") as file:
        file.write("[Service]\nNoSuchSetting=1\n")
    result = run("systemd-analyze", "verify", "--recursive-errors=no", f"{broken}/cxlirqd.service",
                 SYSTEMD_UNIT_PATH=f"{broken}:", MANPATH=f"{root}/usr/share/man:")
    check("systemd-analyze verify finds a wrong line", "NoSuchSetting" in result.stdout,
          result.stdout)


def security(folder, root):
    for unit in sorted(os.listdir(folder)):
        if not unit.endswith(".service"):
            continue
        result = run("systemd-analyze", "security", "--offline=true",
                     f"--threshold={EXPOSURE_MAX}", "--no-pager", f"{folder}/{unit}",
                     SYSTEMD_UNIT_PATH=f"{folder}:")
        last = result.stdout.strip().splitlines()[-1:]
        check(f"exposure of {unit} is {EXPOSURE_MAX / 10} or less", result.returncode == 0, last)
        print("#", *last, flush=True)
    weak = os.path.join(root, "weak")
    shutil.copytree(folder, weak)
    with open(f"{weak}/cxlirqd.service", "a", encoding="utf-8") as file:
        file.write("[Service]\nProtectSystem=no\nProtectHome=no\n")
    result = run("systemd-analyze", "security", "--offline=true", f"--threshold={EXPOSURE_MAX}",
                 "--no-pager", f"{weak}/cxlirqd.service", SYSTEMD_UNIT_PATH=f"{weak}:")
    check("a weaker one would be found", result.returncode != 0, result.stdout[-200:])


def agreement(folder):
    """What two files say of the same thing."""
    service = dict(settings(read(f"{folder}/cxlirqd.service")))
    keys = run(os.path.join(BUILD, "cxlirqd"), "--keys").stdout
    keys = dict(re.findall(r"^#(\w+)=(.*)$", keys, re.M))
    sockets = {unit: dict(settings(read(f"{folder}/{unit}"))) for unit in UNITS
               if unit.endswith(".socket")}
    check("the sockets are where the daemon would put them",
          sockets["cxlirqd.socket"]["ListenStream"] == keys["Socket"] and
          sockets["cxlirqd-report.socket"]["ListenStream"] == keys["Report"] and
          sockets["cxlirqd-metrics.socket"]["ListenStream"] == keys["Listen"], sockets)
    check("the sockets have their names", [sockets[unit]["FileDescriptorName"] for unit in UNITS[1:]]
          == ["varlink", "report", "metrics"], sockets)
    check("the sockets start the one service", all(
        socket.get("Service", "cxlirqd.service") == "cxlirqd.service"
        for socket in sockets.values()))
    writer = dict(settings(read(f"{folder}/cxlirqd-affinity.socket")))
    header = read("daemon/affinity-writer.h")
    check("the affinity socket is where the daemon looks, and its user's",
          f'AFFINITY_SOCKET "{writer["ListenSequentialPacket"]}"' in header and
          f'AFFINITY_SOCKET_NAME "{writer["FileDescriptorName"]}"' in header and
          (writer["SocketUser"], writer["SocketMode"]) == (service["User"], "0600"), writer)
    process = dict(settings(read(f"{folder}/cxlirqd-affinity.service")))
    check("who writes affinities is root without a capability",
          (process["User"], process["CapabilityBoundingSet"]) == ("root", "") and
          "AmbientCapabilities" not in process, process)
    check("the user is the daemon's own", service["User"] == keys["User"], service["User"])
    check("capabilities: as many as the bounding set has",
          service["AmbientCapabilities"] == service["CapabilityBoundingSet"])
    check("PrivateUsers= and PrivateNetwork= are not set",
          not {"PrivateUsers", "PrivateNetwork", "DynamicUser", "ProcSubset"} & set(service))
    # which systemd removes with the service
    place = f"/run/{service['RuntimeDirectory']}/"
    check("no socket is in RuntimeDirectory=", not any(
        socket["ListenStream"].startswith(place) for socket in sockets.values()), place)


def accounts(root):
    """systemd-sysusers and systemd-tmpfiles, on a root of their own."""
    if os.geteuid() != 0:
        print("skip accounts needs root", flush=True)
        return
    other = os.path.join(root, "other")
    os.makedirs(f"{other}/etc")
    result = run("systemd-sysusers", f"--root={other}", os.path.abspath("units/cxlirqd.sysusers"))
    users = read(f"{other}/etc/passwd") if result.returncode == 0 else ""
    groups = read(f"{other}/etc/group") if result.returncode == 0 else ""
    user = re.search(r"^cxlirqd:[^:]*:(\d+):(\d+):[^:]*:/var/lib/cxlirqd:/usr/sbin/nologin$", users,
                     re.M)
    check("systemd-sysusers makes the user", user, result.stdout + users)
    check("and the groups", re.search(r"^cxlirqd:", groups, re.M) and
          re.search(r"^cxlirq:[^:]*:\d+:$", groups, re.M), groups)
    result = run("systemd-tmpfiles", f"--root={other}", "--create",
                 os.path.abspath("units/cxlirqd.tmpfiles"))
    try:
        status = os.stat(f"{other}/run/cxlirqd")
    except OSError as error:
        check("systemd-tmpfiles makes the directory", False, f"{error} {result.stdout}")
        return
    check("systemd-tmpfiles makes the directory", user and status.st_mode & 0o777 == 0o755 and
          (status.st_uid, status.st_gid) == (int(user[1]), int(user[2])), f"{status} {result.stdout}")


def main():
    with tempfile.TemporaryDirectory(prefix="cxlirq-units.") as root:
        kinds(root)
        here = os.path.join(root, "here")
        folder = install(here)
        verify(folder, here)
        security(folder, here)
        agreement(folder)
        accounts(root)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
