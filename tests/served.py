"""A folder on a free port, and Debian's Chromium to look at it: what playwright leaves to its user.

Playwright drives the browser; the one that it would download itself is not needed.
"""

import collections
import functools
import io
import os
import shutil
import threading

from keras_vae.web import server
from keras_vae.web.site import litert_places

NAMES = ("chromium", "chromium-browser", "google-chrome")
SECONDS = float(os.environ.get("BROWSER_TIMEOUT", "120"))  # for one answer: machines may be busy
TIMEOUT = 1000 * SECONDS  # the same for playwright, which counts in milliseconds
# Beside playwright's own: no sandbox (it does not start for root), nothing in the background.
OPTIONS = ("--disable-gpu", "--disable-quic", "--disable-sync")
# By SwiftShader, WebGPU on the processor: slow, but the same shaders.
WEBGPU = (
    "--enable-unsafe-webgpu",
    "--use-webgpu-adapter=swiftshader",
    "--enable-features=Vulkan",
    "--use-vulkan=swiftshader",
)


def find():
    """Path of a Chromium, or None."""
    return next((path for path in map(shutil.which, NAMES) if path), None)


def missing():
    """What a browser test needs and this machine lacks: a list of words."""
    lacks = [] if find() else ["chromium"]
    installed = any((place / "@litertjs").is_dir() for place in litert_places())
    return lacks + ([] if installed else ["npm install --prefix export/web"])


def launch(browser_type, options=()):
    """Starts a headless Chromium.

    Args:
        browser_type: `chromium` of playwright, or of a Browser its `browser_type`.
        options: of the command line, beside the usual ones.

    Returns:
        playwright's Browser; its caller closes it.
    """
    return browser_type.launch(executable_path=find(), args=[*OPTIONS, *options])


class Server:
    """Serves a folder until it is stopped.

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
