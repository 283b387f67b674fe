# SPDX-License-Identifier: Apache-2.0
"""A real browser, driven over its own protocol (chromedevtools.github.io/devtools-protocol) through a pipe: no driver
program, no port that others could reach."""

import base64
import fcntl
import json
import os
import select
import shutil
import signal
import subprocess
import tempfile
import time

PROGRAMS = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")


def program():
    """The first browser that is there, or None."""
    return next((path for path in map(shutil.which, PROGRAMS) if path), None)


class Failure(Exception):
    pass


class Browser:
    """One page. Requests, console messages, exceptions and violations of the content policy are kept."""

    def __init__(self, *arguments):
        self.home = tempfile.mkdtemp(prefix="nvb-browser.")
        # Numbers that 3 and 4, which the browser reads from and writes to, do not collide with.
        down, self._to, self._from, up = (self._high(fd) for fd in os.pipe() + os.pipe())
        # No sandbox: tests run as root, and the page is our own.
        self.process = subprocess.Popen(
            ["bash", "-c", f'exec "$0" "$@" 3<&{down} 4>&{up} {down}<&- {up}>&-', program(), "--headless", "--no-sandbox",
             "--remote-debugging-pipe", "--disable-gpu", "--disable-dev-shm-usage", "--disable-background-networking",
             "--no-first-run", "--hide-scrollbars", f"--user-data-dir={self.home}", *arguments, "about:blank"],
            pass_fds=(down, up), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            start_new_session=True)
        os.close(down)
        os.close(up)
        self._number = 0
        self._buffer = b""
        self.session = None
        self.events = []
        self.forget()
        target = next(t for t in self.call("Target.getTargets")["targetInfos"] if t["type"] == "page")
        self.session = self.call("Target.attachToTarget", targetId=target["targetId"], flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Network", "Log", "Accessibility"):
            self.call(f"{domain}.enable")

    @staticmethod
    def _high(fd):
        high = fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, 16)
        os.close(fd)
        return high

    def __enter__(self):
        return self

    def __exit__(self, *_):
        # Its helpers are in a session of their own with it.
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.process.wait()
        os.close(self._to)
        os.close(self._from)
        shutil.rmtree(self.home, ignore_errors=True)

    def forget(self):
        self.requests, self.troubles = [], []

    def _take(self, deadline):
        while b"\0" not in self._buffer:
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([self._from], [], [], left)[0]:
                return None
            data = os.read(self._from, 1 << 16)
            if not data:
                raise Failure("the browser ended")
            self._buffer += data
        line, _, self._buffer = self._buffer.partition(b"\0")
        return json.loads(line)

    def _note(self, message):
        method, params = message.get("method"), message.get("params", {})
        if method == "Network.requestWillBeSent":
            self.requests.append(params["request"]["url"])
        elif method == "Runtime.exceptionThrown":
            details = params["exceptionDetails"]
            self.troubles.append("exception: " + details.get("exception", {}).get("description", details["text"]))
        elif method == "Runtime.consoleAPICalled" and params["type"] in ("error", "warning", "assert"):
            self.troubles.append("console: " + " ".join(str(a.get("value")) for a in params["args"]))
        elif method == "Log.entryAdded" and params["entry"]["level"] in ("error", "warning"):
            self.troubles.append(f"log: {params['entry']['text']} {params['entry'].get('url', '')}")

    def call(self, method, **params):
        self._number += 1
        message = {"id": self._number, "method": method, "params": params}
        if self.session:
            message["sessionId"] = self.session
        os.write(self._to, json.dumps(message).encode() + b"\0")
        deadline = time.monotonic() + 30
        while True:
            answer = self._take(deadline)
            if answer is None:
                raise Failure(f"{method}: no answer")
            if answer.get("id") == self._number:
                if "error" in answer:
                    raise Failure(f"{method}: {answer['error']['message']}")
                return answer["result"]
            self._note(answer)

    def wait(self, seconds):
        """Lets the page run on."""
        deadline = time.monotonic() + seconds
        while (message := self._take(deadline)) is not None:
            self._note(message)

    def evaluate(self, expression):
        """The value of a JavaScript expression; promises are waited for."""
        result = self.call("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
        if "exceptionDetails" in result:
            raise Failure(result["exceptionDetails"].get("exception", {}).get("description", "exception"))
        return result["result"].get("value")

    def until(self, expression, seconds=15):
        """Waits until the expression is true; says whether it became so."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if self.evaluate(expression):
                return True
            self.wait(0.1)
        return False

    def size(self, width, height, phone=False):
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=phone)

    def colours(self, scheme):
        self.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])

    def open(self, url):
        self.call("Page.navigate", url=url)
        self.until("document.readyState === 'complete'")

    def picture(self, path, whole=False):
        shot = self.call("Page.captureScreenshot", format="webp", quality=90, captureBeyondViewport=whole)
        with open(path, "wb") as f:
            f.write(base64.b64decode(shot["data"]))

    def accessible(self):
        """What a screen reader is told: (role, name) of every node that it is told of."""
        nodes = self.call("Accessibility.getFullAXTree")["nodes"]
        return [(n.get("role", {}).get("value"), n.get("name", {}).get("value", "")) for n in nodes if not n.get("ignored")]
