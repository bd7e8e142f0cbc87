"""Serves a site on this machine, with the content types that browsers insist on."""

import contextlib
import functools
import http
import http.server
import mimetypes
import os
import re
import webbrowser

TYPES = mimetypes.MimeTypes()  # of the standard library alone: a machine's own tables may differ
TYPES.add_type("application/wasm", ".wasm")  # anything else is not compiled while it loads
TYPES.add_type("application/manifest+json", ".webmanifest")  # unknown to older Pythons
TYPES.add_type("text/javascript", ".js")  # "application/javascript" before Python 3.12
UNPACKS = re.compile(r"(^|,)\s*gzip\s*(;(?!\s*q=0(\.0*)?\s*(,|$))|,|$)")  # in Accept-Encoding


class Handler(http.server.SimpleHTTPRequestHandler):
    """Static files; the browser asks each time whether its copy still holds.

    No folder is listed, and no link is followed out of the site. Where a file has its gzipped copy
    beside it (`app.js.gz`), a browser that unpacks gets the copy.
    """

    packed = False  # whether the answer is such a copy

    def translate_path(self, path):
        path = super().translate_path(path)
        index = os.path.join(path, "index.html")
        if path.endswith(os.sep) and os.path.isfile(index):
            path = index
        accepted = UNPACKS.search(self.headers.get("Accept-Encoding", ""))
        self.packed = bool(accepted) and os.path.isfile(path) and os.path.isfile(f"{path}.gz")
        return f"{path}.gz" if self.packed else path

    def send_head(self):
        site = os.path.realpath(self.directory)
        try:
            found = os.path.realpath(self.translate_path(self.path))
        except ValueError:  # a name with a zero in it
            found = os.sep
        if os.path.commonpath([site, found]) != site:
            return self.send_error(http.HTTPStatus.NOT_FOUND, "File not found")
        return super().send_head()

    def list_directory(self, path):
        self.send_error(http.HTTPStatus.NOT_FOUND, "File not found")

    def guess_type(self, path):
        """Of an answer that the browser unpacks, the type of what is in it."""
        kind, packing = TYPES.guess_type(path.removesuffix(".gz") if self.packed else path)
        if packing is not None:  # a model, which the page unpacks by itself
            return "application/gzip"
        kind = kind or "application/octet-stream"
        return f"{kind}; charset=utf-8" if kind.startswith("text/") else kind

    def end_headers(self):
        if self.packed:
            self.send_header("Content-Encoding", "gzip")
        self.send_header("Vary", "Accept-Encoding")  # a cache between keeps the two apart
        self.send_header("Cache-Control", "no-cache")
        self.send_header("X-Content-Type-Options", "nosniff")
        super().end_headers()

    def copyfile(self, source, outputfile):
        with contextlib.suppress(ConnectionError):  # a browser may leave before a file has come
            super().copyfile(source, outputfile)

    def log_message(self, *arguments):
        """Says nothing: a page asks for thirty files."""


def server(folder, port=8000, host="127.0.0.1"):
    """A server that is bound but does not run yet: call `serve_forever()`.

    Args:
        folder: of a site.
        port: 0 for any free one.
        host: address to listen on. Browsers let a page be installed, and keep it for use without a
            network, from this machine itself or over HTTPS only.

    Returns:
        http.server.ThreadingHTTPServer; its `server_address` has the port.

    Raises:
        OSError: the port is taken, or may not be used.
    """
    handler = functools.partial(Handler, directory=str(folder))
    try:
        return http.server.ThreadingHTTPServer((host, port), handler)
    except OSError as error:
        raise OSError(
            f"Cannot serve on {host}:{port} ({error.strerror}). Choose another --port, or 0 for "
            "any free one."
        ) from error


def url(running):
    """Address of a bound server."""
    host, port = running.server_address[:2]
    return f"http://{'localhost' if host == '127.0.0.1' else host}:{port}/"


def serve(running, open_browser=False):
    """Answers until Ctrl-C; then the server is closed."""
    if open_browser:
        with contextlib.suppress(webbrowser.Error):
            webbrowser.open(url(running))
    with running, contextlib.suppress(KeyboardInterrupt):
        running.serve_forever()
