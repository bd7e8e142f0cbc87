"""Debian's Chromium, headless, driven by the Chrome DevTools Protocol over two pipes.

The pipes (`--remote-debugging-pipe`) need no library and no port: JSON messages that end in a zero
byte go in by file descriptor 3 and come out of 4.
"""

import base64
import collections
import contextlib
import functools
import io
import json
import os
import select
import shutil
import subprocess
import tempfile
import threading
import time

from keras_vae.web import server
from keras_vae.web.site import litert_places

NAMES = ("chromium", "chromium-browser", "google-chrome")
SECONDS = float(os.environ.get("BROWSER_TIMEOUT", "120"))  # for one answer of the browser
OPTIONS = (
    "--headless=new",
    "--no-sandbox",  # its sandbox does not start for root
    "--disable-dev-shm-usage",
    "--disable-gpu",
    "--disable-extensions",
    "--disable-component-update",
    "--disable-background-networking",
    "--disable-sync",
    "--no-first-run",
    "--mute-audio",
    "--hide-scrollbars",
    "--force-color-profile=srgb",
    "--remote-debugging-pipe",
)


def find():
    """Path of a Chromium, or None."""
    return next((path for path in map(shutil.which, NAMES) if path), None)


def missing():
    """What a browser test needs and this machine lacks: a list of words."""
    lacks = [] if find() else ["chromium"]
    installed = any((place / "@litertjs").is_dir() for place in litert_places())
    return lacks + ([] if installed else ["npm install --prefix export/web"])


class Server:
    """Serves a folder on a free port until it is stopped.

    `sent` counts the bytes of each file that went over the wire; files whose names end in one of
    `held` stop at their half until `go` is set.
    """

    def __init__(self, folder, held=()):
        self.sent, self.go = collections.Counter(), threading.Event()
        outer = self

        class Counting(server.Handler):
            def copyfile(self, source, outputfile):
                content = source.read()
                outer.sent[self.path.partition("?")[0]] += len(content)
                parts = (content[: len(content) // 2], content[len(content) // 2 :])
                for part in parts:
                    super().copyfile(io.BytesIO(part), outputfile)
                    if part is parts[0] and self.path.endswith(tuple(held)):
                        outer.go.wait(SECONDS)

        self.running = server.server(folder, port=0)
        self.running.RequestHandlerClass = functools.partial(Counting, directory=str(folder))
        self.url = server.url(self.running)
        self.thread = threading.Thread(target=server.serve, args=(self.running,))
        self.thread.start()

    def stop(self):
        self.go.set()
        self.running.shutdown()
        self.thread.join()

    def __enter__(self):
        return self

    def __exit__(self, *error):
        if self.thread.is_alive():
            self.stop()


class Page:
    """A tab: commands, the events that came, and JavaScript."""

    def __init__(self, reader, writer):
        self.reader, self.writer = reader, writer
        self.buffer, self.count, self.events, self.answers = b"", 0, [], {}
        self.session = None
        target = self.command("Target.createTarget", url="about:blank")["targetId"]
        attached = self.command("Target.attachToTarget", targetId=target, flatten=True)
        self.session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Log"):
            self.command(f"{domain}.enable")

    def command(self, method, **parameters):
        """Sends a command of the protocol and returns its result."""
        self.count += 1
        message = {"id": self.count, "method": method, "params": parameters}
        if self.session:
            message["sessionId"] = self.session
        os.write(self.writer, json.dumps(message).encode() + b"\0")
        number, end = self.count, time.monotonic() + SECONDS
        while number not in self.answers:
            self._read(end, method)
        answer = self.answers.pop(number)
        if "error" in answer:
            raise RuntimeError(f"{method}: {answer['error']['message']}")
        return answer["result"]

    def _read(self, end, waiting_for):
        ready, _, _ = select.select([self.reader], [], [], max(0, end - time.monotonic()))
        if not ready:
            raise TimeoutError(f"Chromium did not answer {waiting_for} within {SECONDS:.0f} s.")
        part = os.read(self.reader, 1 << 20)
        if not part:
            raise RuntimeError(f"Chromium ended while it was asked for {waiting_for}.")
        *messages, self.buffer = (self.buffer + part).split(b"\0")
        for message in map(json.loads, messages):
            if "id" in message:
                self.answers[message["id"]] = message
            else:
                self.events.append(message)

    def run(self, script):
        """The value of a JavaScript expression, awaited."""
        result = self.command(
            "Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True
        )
        if "exceptionDetails" in result:
            details = result["exceptionDetails"]
            raise RuntimeError(details.get("exception", {}).get("description", details["text"]))
        return result["result"].get("value")

    def wait(self, condition, seconds=SECONDS):
        """Waits until a JavaScript condition holds."""
        end = time.monotonic() + seconds
        while not self.run(f"Boolean({condition})"):
            if time.monotonic() > end:
                state = self.run("document.body?.innerText ?? ''")
                raise TimeoutError(f"{condition} did not hold in {seconds:.0f} s; page: {state}")
            time.sleep(0.1)

    def go(self, url):
        """Goes to an address."""
        self.command("Page.navigate", url="about:blank")
        self.command("Page.navigate", url=url)

    def open(self, url):
        """Goes to an address and waits until the page says that it is ready (or has failed)."""
        self.go(url)
        self.wait("['ready', 'failed'].includes(document.documentElement?.dataset.state)")

    def size(self, width, height, scale=1, dark=False, phone=False):
        """Sets the viewport and the colour scheme."""
        self.command(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=scale,
            mobile=phone,
        )
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.command("Emulation.setEmulatedMedia", features=[scheme])

    def press(self, key, shift=False):
        """Presses and releases a key on what has the focus."""
        text = {"text": " "} if key == " " else {}
        options = {"key": key, "modifiers": 8 if shift else 0}
        self.command("Input.dispatchKeyEvent", type="keyDown", **options, **text)
        self.command("Input.dispatchKeyEvent", type="keyUp", **options)

    def drag(self, points):
        """Presses the mouse at the first (x, y), moves along the others and releases."""
        for kind, (x, y) in [
            ("mousePressed", points[0]),
            *(("mouseMoved", point) for point in points[1:]),
            ("mouseReleased", points[-1]),
        ]:
            self.command(
                "Input.dispatchMouseEvent",
                type=kind,
                x=x,
                y=y,
                button="left",
                buttons=1,
                clickCount=1,
            )

    def touch(self, points):
        """Puts a finger down at the first (x, y), moves it along the others and lifts it."""
        kinds = ["touchStart", *["touchMove"] * (len(points) - 1)]
        for kind, (x, y) in zip(kinds, points):
            self.command("Input.dispatchTouchEvent", type=kind, touchPoints=[{"x": x, "y": y}])
        self.command("Input.dispatchTouchEvent", type="touchEnd", touchPoints=[])

    def screenshot(self):
        """Bytes of a PNG of the viewport."""
        return base64.b64decode(self.command("Page.captureScreenshot", format="png")["data"])

    def errors(self):
        """Texts of all console errors and uncaught exceptions since the start."""
        self.run("1")  # what is on its way arrives before the answer
        texts = []
        for event in self.events:
            content = event.get("params", {})
            if event["method"] == "Runtime.exceptionThrown":
                details = content["exceptionDetails"]
                texts.append(details.get("exception", {}).get("description", details["text"]))
            elif event["method"] == "Runtime.consoleAPICalled" and content["type"] == "error":
                texts.append(" ".join(str(part.get("value", part)) for part in content["args"]))
            elif event["method"] == "Log.entryAdded" and content["entry"]["level"] == "error":
                texts.append(f"{content['entry']['text']} {content['entry'].get('url', '')}")
        return texts


@contextlib.contextmanager
def page(options=()):
    """A fresh Chromium with a profile of its own, ended and removed afterwards."""
    to_browser, from_browser = os.pipe(), os.pipe()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        # bash puts the pipes where Chromium expects them: it reads 3 and writes 4.
        process = subprocess.Popen(
            ["bash", "-c", 'in=$1 out=$2; shift 2; exec "$@" 3<&"$in" 4>&"$out"', "chromium"]
            + [str(to_browser[0]), str(from_browser[1])]
            + [find(), *OPTIONS, *options, f"--user-data-dir={profile}", "about:blank"],
            pass_fds=(to_browser[0], from_browser[1]),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(to_browser[0])
        os.close(from_browser[1])
        try:
            yield Page(from_browser[0], to_browser[1])
        finally:
            os.close(to_browser[1])
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            os.close(from_browser[0])
