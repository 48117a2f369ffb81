#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The page in a real browser: Chromium, told what to do over its debugging protocol.

The daemon replays a trace in which two devices have names that are markup.
Then it dies under the open page, and comes back with a trace in which rules
find something.  What the page does meanwhile is asked of the document itself;
every request and every complaint of the browser is written down.
"""
import itertools
import json
import lzma
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request

import websocket

sys.dont_write_bytecode = True  # the source tree stays as it is
import host  # noqa: E402

DAEMON = os.path.abspath(os.path.join(os.environ.get("SANITIZED", "build/san"), "cxlirqd"))
# as long as the names that they replace in the trace
MARKUP = {b"0000:10:00.0": b"<img src=/x>", b"0000:0f:00.0": b"<script>x()<"}
INTERVAL = 5    # page.js
SOON = 60       # seconds, for a sanitized daemon and a browser on a busy machine
failures = 0


def check(name, is_so, why=""):
    global failures
    why = " ".join(str(why).split())
    print(f"ok {name}" if is_so else f"not ok {name} {why[:300]}", flush=True)
    failures += not is_so


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Daemon:
    def __init__(self, folder, trace, port):
        self.socket = os.path.join(folder, "varlink")
        self.url = f"http://127.0.0.1:{port}"
        config = os.path.join(folder, "conf")
        with open(config, "w", encoding="utf-8") as file:
            file.write(f"[Export]\nListen=127.0.0.1:{port}\n")
        self.process = subprocess.Popen([DAEMON, "--replay", trace, "-S", self.socket, "-c", config],
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        end = time.monotonic() + 60
        while time.monotonic() < end and not self.state():
            time.sleep(0.05)

    def state(self):
        try:
            opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
            with opener.open(self.url + "/state.json", timeout=10) as answer:
                return json.load(answer)
        except OSError:
            return None

    def call(self, method, parameters):
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(30)
            connection.connect(self.socket)
            connection.sendall(json.dumps({"method": method, "parameters": parameters}).encode() + b"\0")
            data = b""
            while not data.endswith(b"\0"):
                data += connection.recv(1 << 20)
        return json.loads(data[:-1])

    def stop(self, how=signal.SIGTERM):
        self.process.send_signal(how)
        return self.process.wait(30)


class Browser:
    """One headless Chromium with one page, and what it has said so far."""

    def __init__(self, folder):
        profile = os.path.join(folder, "profile")
        arguments = ["chromium", "--headless=new", "--remote-debugging-port=0", "--remote-allow-origins=*",
                     f"--user-data-dir={profile}", "--no-first-run", "--no-proxy-server", "--disable-gpu",
                     "--disable-background-networking", "--disable-component-update", "--disable-sync",
                     "--disable-dev-shm-usage", "--window-size=1100,1600"]
        if os.getuid() == 0:
            arguments.append("--no-sandbox")
        self.process = subprocess.Popen([*arguments, "about:blank"], stdout=subprocess.DEVNULL,
                                        stderr=subprocess.DEVNULL, start_new_session=True)
        self.numbers = itertools.count(1)
        self.requests, self.complaints = [], []
        self.page = self._connect(os.path.join(profile, "DevToolsActivePort"))
        for domain in ("Page", "Runtime", "Network", "Log", "Accessibility"):
            self.call(f"{domain}.enable")

    def _connect(self, port_file):
        end = time.monotonic() + 60
        while time.monotonic() < end:
            try:
                with open(port_file, encoding="utf-8") as file:
                    port = int(file.readline())
                opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
                with opener.open(f"http://127.0.0.1:{port}/json/list", timeout=10) as answer:
                    pages = [target for target in json.load(answer) if target["type"] == "page"]
                if pages:
                    return websocket.create_connection(pages[0]["webSocketDebuggerUrl"], timeout=60)
            except (OSError, ValueError):
                pass
            time.sleep(0.1)
        raise RuntimeError("Chromium does not come up")

    def _note(self, message):
        method, parameters = message.get("method"), message.get("params", {})
        if method == "Network.requestWillBeSent":
            self.requests.append(parameters["request"]["url"])
        elif method == "Runtime.exceptionThrown":
            self.complaints.append(str(parameters["exceptionDetails"]))
        elif method == "Runtime.consoleAPICalled" and parameters["type"] in ("error", "warning", "assert"):
            self.complaints.append(str(parameters["args"]))
        elif method == "Log.entryAdded" and parameters["entry"]["level"] in ("error", "warning"):
            self.complaints.append(f"{parameters['entry']['source']}: {parameters['entry']['text']}")

    def call(self, method, **parameters):
        number = next(self.numbers)
        self.page.send(json.dumps({"id": number, "method": method, "params": parameters}))
        while True:
            message = json.loads(self.page.recv())
            self._note(message)
            if message.get("id") == number:
                if "error" in message:
                    raise RuntimeError(f"{method}: {message['error']}")
                return message["result"]

    def ask(self, expression):
        result = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in result:
            raise RuntimeError(result["exceptionDetails"])
        return result["result"].get("value")

    def wait_for(self, condition, seconds=20):
        """An expression of the page's, or a function over what the browser has said until then."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if self.ask("1") and condition() if callable(condition) else self.ask(condition):
                return True
            time.sleep(0.1)
        return False

    def asks_no_more(self, seconds):
        """For a second it has sent no request."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            n = len(self.requests)
            time.sleep(1)
            self.ask("1")
            if len(self.requests) == n:
                return True
        return False

    def press(self, key, code):
        for kind in ("keyDown", "keyUp"):
            self.call("Input.dispatchKeyEvent", type=kind, key=key, code=key, windowsVirtualKeyCode=code,
                      **({"text": "\r"} if key == "Enter" and kind == "keyDown" else {}))

    def close(self):
        try:
            self.call("Browser.close")
            self.process.wait(20)
        except (OSError, RuntimeError, websocket.WebSocketException, subprocess.TimeoutExpired):
            pass
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()


def rendered(browser, daemon):
    browser.call("Page.navigate", url=daemon.url + "/")
    check("renders", browser.wait_for("document.querySelectorAll('#vectors tr').length > 5"), browser.complaints)
    state = daemon.state()
    check("health", browser.ask("document.getElementById('health-word').textContent") == state["status"]["health"])
    check("a row for each sub-device", browser.ask("document.querySelectorAll('#vectors tr').length") ==
          len(state["vectors"]))
    check("no violation", browser.ask("!document.getElementById('violations-none').hidden") and
          browser.ask("document.querySelectorAll('#violations li').length") == 0)
    check("the host's name", browser.ask("document.getElementById('host').textContent") == socket.gethostname())
    check("the picture", browser.wait_for("document.getElementById('picture').naturalHeight > 300"))
    rows = browser.ask("""[...document.querySelectorAll('#vectors tr')].map(
        (row) => [...row.cells].map((cell) => cell.textContent))""")
    expected = {(row["provider"] or "no device", row["owner"] or ("unknown" if row["relation"] else "no handler"),
                 row["relation"] or "", str(row["vectors"]), f"{row['interrupts']:,}") for row in state["vectors"]}
    check("what the rows say", {(row[0], row[1], row[2], row[4], row[6]) for row in rows} == expected, rows)


def markup(browser):
    """Names are text, wherever they stand."""
    for name in (name.decode() for name in MARKUP.values()):
        text = json.dumps(name)
        check(f"{name} is text in the table", browser.ask(
            f"[...document.querySelectorAll('#vectors td')].some((cell) => cell.textContent === {text})"))
        check(f"{name} is text in the list", browser.ask(
            f"[...document.querySelectorAll('#device option')].some((option) => option.textContent === {text})"))
    check("and made no element", browser.ask("document.images.length") == 1 and
          browser.ask("document.scripts.length") == 1 and browser.ask("typeof window.x") == "undefined")
    device = next(iter(MARKUP.values())).decode()
    browser.ask(f"""(() => {{ const list = document.getElementById('device'); list.value = {json.dumps(device)};
        list.dispatchEvent(new Event('change')); }})()""")
    check("the picture of that one", browser.wait_for(
        "document.getElementById('picture').src.includes('device=%3Cimg%20src%3D%2Fx%3E') && "
        "document.getElementById('picture').naturalHeight > 100"), browser.ask("document.getElementById('picture').src"))


def refreshed(browser):
    """Again and again, and what has not changed is the same element as before."""
    browser.ask("document.querySelectorAll('#vectors tr').forEach((row) => { row.seen = true; });"
                "document.getElementById('device').focus()")
    before = browser.ask("document.getElementById('live').textContent")
    check("refreshes itself", browser.wait_for(
        f"document.getElementById('live').textContent !== {json.dumps(before)}", 3 * INTERVAL))
    check("and leaves what is the same alone", browser.ask(
        "[...document.querySelectorAll('#vectors tr')].every((row) => row.seen) && "
        "document.activeElement.id === 'device' && document.getElementById('device').value !== ''"))
    hide = ("Object.defineProperty(document, 'hidden', {{ configurable: true, get: () => {} }});"
            "document.dispatchEvent(new Event('visibilitychange'))")
    browser.ask(hide.format("true"))
    # one that was on its way, and the picture behind it
    check("comes to rest while nobody looks", browser.wait_for("!asking", 60) and browser.asks_no_more(60))
    n = len(browser.requests)
    time.sleep(INTERVAL + 1)
    browser.ask("1")
    check("asks nothing while nobody looks", len(browser.requests) == n, browser.requests[n:])
    check("and at once when somebody does", browser.ask(hide.format("false") + "; asking"))
    check("which is a request", browser.wait_for(lambda: len(browser.requests) > n, 60))


def moving(browser, daemon):
    """Interrupts per second, and what is left out: states that a trace does not have."""
    browser.ask(f"window.given = {json.dumps(daemon.state())}; showVectors(given); 1")
    cells = "[...document.querySelectorAll('#vectors tr')].map((row) => row.cells[7].textContent)"
    check("no rate without time", not any(browser.ask(cells)))
    browser.ask("""window.later = structuredClone(given); later.counted_us += 2000000; later.vectors_left = 7;
        later.vectors[0].interrupts += 100; later.vectors[1].interrupts += 3; showVectors(later); 1""")
    rates = browser.ask(cells)  # the two of no device stand last
    check("interrupts per second", rates[-2:] == ["50", "1.5"] and set(rates[:-2]) == {"0"}, rates)
    check("what is left out", browser.ask("!document.getElementById('vectors-left').hidden && "
                                          "document.getElementById('vectors-left').textContent").startswith("7 more"))
    browser.ask("window.again = structuredClone(later); again.status.started_us += 1; again.counted_us += 2000000;"
                "again.vectors[0].interrupts = 5; showVectors(again); 1")
    check("no rate across a restart", not any(browser.ask(cells)), browser.ask(cells))


def large(browser, daemon):
    """A host with more than anybody could read"""
    state = daemon.state()
    check("large: a part of it", len(state["vectors"]) == 300 and state["vectors_left"] > 0 and
          state["status"]["vectors"] > 3000, state["status"]["vectors"])
    start = time.monotonic()
    browser.call("Page.navigate", url=daemon.url + "/")
    check("large: renders", browser.wait_for("document.querySelectorAll('#vectors tr').length === 300", SOON))
    check("large: the picture", browser.wait_for("document.getElementById('picture').naturalHeight > 1000", SOON))
    check("large: soon", time.monotonic() - start < SOON, time.monotonic() - start)
    check("large: says what is left out", browser.ask("document.getElementById('vectors-left').textContent")
          .startswith(f"{state['vectors_left']:,} more rows"))


def usable(browser):
    tree = browser.call("Accessibility.getFullAXTree")["nodes"]
    named = {(node["role"]["value"], node.get("name", {}).get("value", "")) for node in tree if "role" in node}
    roles = {role for role, _ in named}
    check("roles", {"main", "table", "columnheader", "heading", "combobox", "status"} <= roles, sorted(roles))
    check("names", ("combobox", "Show") in named and ("region", "Vectors by sub-device 48") in named and
          any(role in ("image", "img") and name.startswith("Which device") for role, name in named), sorted(named)[:40])
    browser.ask("document.querySelector('button[data-sort=interrupts]').focus()")
    browser.press("Enter", 13)
    numbers = browser.ask("[...document.querySelectorAll('#vectors tr')].map((row) => "
                          "Number(row.cells[6].textContent.replaceAll(',', '')))")
    check("sorts by key", browser.ask("document.querySelector('th[aria-sort]').getAttribute('aria-sort')") ==
          "descending" and numbers == sorted(numbers, reverse=True) and numbers[0] > 0, numbers)
    browser.press("Enter", 13)
    check("and the other way", browser.ask("document.querySelector('th[aria-sort]').getAttribute('aria-sort')") ==
          "ascending")
    for width in (400, 1100):
        browser.call("Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=False)
        check(f"{width} pixels are enough", browser.ask("document.documentElement.scrollWidth") <= width)
    color = "getComputedStyle(document.body).backgroundColor"
    seen = {}
    for scheme in ("light", "dark"):
        browser.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
        seen[scheme] = browser.ask(color)
    check("light and dark", seen["light"] == "rgb(255, 255, 255)" and seen["dark"] == "rgb(13, 17, 23)", seen)


def gone_and_back(browser, daemon, folder, trace, port):
    complaints = len(browser.complaints)
    daemon.stop(signal.SIGKILL)
    check("tells that the daemon is gone", browser.wait_for("document.body.classList.contains('gone')", 4 * INTERVAL))
    check("in words", "has not answered" in browser.ask("document.getElementById('live').textContent"))
    check("and aloud", browser.ask("document.getElementById('announcement').textContent") ==
          "The daemon does not answer.")
    check("and still shows what it knew", browser.ask("document.querySelectorAll('#vectors tr').length") > 5)
    daemon = Daemon(folder, trace, port)
    open_now = daemon.state()["violations"]
    check("the new trace has violations", open_now)
    check("recovers", browser.wait_for("!document.body.classList.contains('gone')", 4 * INTERVAL))
    # what the browser itself says of a server that is not there
    browser.complaints[complaints:] = [complaint for complaint in browser.complaints[complaints:]
                                       if "ERR_CONNECTION_REFUSED" not in complaint]
    check("a violation appears", browser.wait_for(
        f"document.querySelectorAll('#violations li').length === {len(open_now)}"))
    texts = browser.ask("[...document.querySelectorAll('#violations li')].map((item) => item.textContent)")
    check("with rule and explanation", all(violation["rule"] in text and violation["explanation"] in text
                                           for violation, text in zip(open_now, texts)), texts)
    check("in the title, too", browser.ask("document.title").startswith(f"({len(open_now)}) "))
    answer = daemon.call("io.cxlirqd.Acknowledge", {"ids": [open_now[0]["id"]]})
    check("and goes when it is acknowledged", "error" not in answer and browser.wait_for(
        f"document.querySelectorAll('#violations li').length === {len(open_now) - 1}", 3 * INTERVAL), answer)
    return daemon


def unpack(path, to, names=None):
    with lzma.open(path) as packed:
        data = packed.read()
    for old, new in (names or {}).items():
        assert len(old) == len(new)
        data = data.replace(old, new)
    with open(to, "wb") as file:
        file.write(data)
    return to


def main():
    if not shutil.which("chromium"):
        print("not ok page there is no chromium")
        return 1
    with tempfile.TemporaryDirectory(prefix="cxlirq-page.", ignore_cleanup_errors=True) as folder:
        first = unpack("tests/data/replay/bench/trace.xz", os.path.join(folder, "first"), MARKUP)
        second = unpack("tests/data/export/violations.trace.xz", os.path.join(folder, "second"))
        third = os.path.join(folder, "third")
        with lzma.open("tests/data/replay/bench/trace.xz") as packed, open(third, "wb") as file:
            file.write(host.typical(packed.read(), cpus=1024, cards=8, disks=16, ports=100))
        port = free_port()
        daemon = Daemon(folder, first, port)
        browser = Browser(folder)
        try:
            rendered(browser, daemon)
            markup(browser)
            refreshed(browser)
            moving(browser, daemon)
            usable(browser)
            daemon = gone_and_back(browser, daemon, folder, second, port)
            daemon.stop()
            daemon = Daemon(folder, third, port)
            large(browser, daemon)
            elsewhere = [url for url in browser.requests if not url.startswith(daemon.url + "/")]
            check("no request to elsewhere", browser.requests and not elsewhere, elsewhere)
            check("no complaint of the browser's", not browser.complaints, browser.complaints)
        finally:
            browser.close()
            daemon.stop()
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
