"""The page and its numbers over HTTP on this machine, by the standard library."""

from __future__ import annotations

import errno
import json
import logging
import re
import socket
import webbrowser
from collections.abc import Callable, Mapping
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib import resources
from threading import Lock
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

import numpy as np

from subside.errors import ArgumentError, PortError, SubsideError
from subside.viewer.data import ViewerData

log = logging.getLogger("subside")

ASSETS: Final[Mapping[str, str]] = {
    "index.html": "text/html; charset=utf-8",
    "style.css": "text/css; charset=utf-8",
    "uPlot.min.css": "text/css; charset=utf-8",
    "deck.min.js": "text/javascript; charset=utf-8",
    "uPlot.min.js": "text/javascript; charset=utf-8",
    "statistics.js": "text/javascript; charset=utf-8",
    "means.js": "text/javascript; charset=utf-8",
    "source.js": "text/javascript; charset=utf-8",
    "charts.js": "text/javascript; charset=utf-8",
    "overlay.js": "text/javascript; charset=utf-8",
    "raster.js": "text/javascript; charset=utf-8",
    "map.js": "text/javascript; charset=utf-8",
    "app.js": "text/javascript; charset=utf-8",
    "deck.LICENSE.txt": "text/plain; charset=utf-8",
    "uPlot.LICENSE.txt": "text/plain; charset=utf-8",
}
"""Files the page is made of and their types; nothing else is ever read from disk."""

CONTENT_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""Content-Security-Policy of the page: nothing from another machine."""

CHANGED: Final = "the project changed; reload the page"
"""Answer to a page whose numbers are no longer those of the project."""

Remake = Callable[[], ViewerData]

_BINARY: Final = "application/octet-stream"
_JSON: Final = "application/json; charset=utf-8"
_COLUMN: Final = re.compile(r"/data/([0-9]{1,4})/([a-z]{1,16})\.bin")
_BLOCK: Final = re.compile(r"/data/([0-9]{1,4})/block/([0-9]{1,7})\.bin")
_NAMES: Final = re.compile(r"/data/([0-9]{1,4})/block/([0-9]{1,7})\.json")
_TAKEN: Final = {
    errno.EADDRINUSE: "is in use: is the viewer running already?",
    errno.EACCES: "may be opened by an administrator only.",
}
_LARGEST_PORT: Final = 65_535
_LEAST_PORT: Final = 1024
_PORTS_TRIED: Final = 200


def asset(name: str) -> bytes:
    """Content of one file of the page, as installed.

    Raises
    ------
    ArgumentError
        For a name that is not in :data:`ASSETS`.
    """
    if name not in ASSETS:
        raise ArgumentError(f"`name` must be a file of the page, got {name!r}")
    return resources.files("subside.viewer").joinpath("assets", name).read_bytes()


class ChangedError(SubsideError):
    """Numbers asked for are not those of the page that asks."""


class ViewerServer(ThreadingHTTPServer):
    """Serves one :class:`ViewerData`, and makes it anew for the next page when the files behind it changed."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, address: tuple[str, int], data: ViewerData, remake: Remake | None = None) -> None:
        self.data = data
        self._remake = remake
        self._lock = Lock()
        super().__init__(address, _Handler)

    @property
    def url(self) -> str:
        """Address of the page."""
        host, port = self.server_address[:2]
        return f"http://{host!s}:{port}/"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Note a connection that broke; a browser that leaves is no fault."""
        log.debug("viewer: a request from %s was not answered", client_address, exc_info=True)

    def answer(self, path: str, token: str = "") -> tuple[bytes, str] | None:
        """Body and type for a path; None where there is nothing.

        Raises
        ------
        ChangedError
            If numbers are asked for by a page of other data, or the files behind them changed.
        """
        name = "index.html" if path == "/" else path[1:]
        if name in ASSETS:
            return asset(name), ASSETS[name]
        if path == "/data/manifest.json":
            return json.dumps(self._newest().manifest(), allow_nan=False).encode(), _JSON
        data = self.data
        if path.startswith("/data/") and (token not in ("", data.token) or _is_stale(data)):
            raise ChangedError(CHANGED)
        try:
            return _numbers(data, path)
        except ArgumentError:
            return None

    def _newest(self) -> ViewerData:
        with self._lock:
            if _is_stale(self.data):
                if self._remake is None:
                    raise ChangedError("the project changed; start the viewer again")
                self.data = self._remake()
                log.info("viewer: the project changed and was read again, %d points", self.data.n_points)
            return self.data


def _is_stale(data: ViewerData) -> bool:
    return data.is_current is not None and not data.is_current()


def _numbers(data: ViewerData, path: str) -> tuple[bytes, str] | None:
    if found := _COLUMN.fullmatch(path):
        return data.column(int(found[1]), found[2]), _BINARY
    if found := _BLOCK.fullmatch(path):
        parts = data.block(int(found[1]), int(found[2]))
        return b"".join(np.ascontiguousarray(p, "<f4").tobytes() for p in parts if p is not None), _BINARY
    if found := _NAMES.fullmatch(path):
        return json.dumps(data.identifiers(int(found[1]), int(found[2]))).encode(), _JSON
    return None


class _Handler(BaseHTTPRequestHandler):
    server: ViewerServer
    protocol_version = "HTTP/1.1"
    server_version = "subside"
    sys_version = ""
    timeout = 30

    def do_GET(self) -> None:
        """Answer with the body."""
        self._respond(with_body=True)

    def do_HEAD(self) -> None:
        """Answer without the body."""
        self._respond(with_body=False)

    def _respond(self, *, with_body: bool) -> None:
        if not (self._is_own_host() and self._is_own_origin()):
            self._send(HTTPStatus.FORBIDDEN, b"This page is for the machine it runs on.\n", "text/plain", with_body)
            return
        try:
            asked = urlsplit(self.path)
            found = self.server.answer(asked.path, parse_qs(asked.query).get("v", [""])[0])
        except ChangedError as error:
            self._send(HTTPStatus.CONFLICT, f"{error}\n".encode(), "text/plain; charset=utf-8", with_body)
            return
        except ValueError:
            found = None
        except (OSError, SubsideError) as error:
            log.warning("viewer: %s could not be read: %s", self.path, error)
            message = f"{error}\n".encode()
            self._send(HTTPStatus.INTERNAL_SERVER_ERROR, message, "text/plain; charset=utf-8", with_body)
            return
        if found is None:
            self._send(HTTPStatus.NOT_FOUND, b"There is nothing of that name.\n", "text/plain", with_body)
            return
        self._send(HTTPStatus.OK, *found, with_body)

    def _is_own_host(self) -> bool:
        given = self.headers.get("Host", "").rsplit(":", 1)[0].strip("[]").lower()
        return given in {"127.0.0.1", "localhost", "::1", str(self.server.server_address[0]).lower()}

    def _is_own_origin(self) -> bool:
        """Whether the page that asks, where the browser names it, came from this server."""
        return self.headers.get("Origin", "") in {"", f"http://{self.headers.get('Host', '')}"}

    def _send(self, status: HTTPStatus, body: bytes, kind: str, with_body: bool) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Content-Security-Policy", CONTENT_POLICY)
        self.send_header("Cross-Origin-Resource-Policy", "same-origin")
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("Referrer-Policy", "no-referrer")
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        if with_body:
            self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Keep requests out of the terminal."""
        log.debug("viewer: " + format, *args)


def make_server(
    data: ViewerData, *, host: str = "127.0.0.1", port: int = 8765, remake: Remake | None = None
) -> ViewerServer:
    """Open the port and return the server, not yet serving.

    Parameters
    ----------
    data : ViewerData
        What to show.
    host : str
        Address to listen on; the default is reached from this machine only.
    port : int
        0 takes a free one.
    remake : callable, optional
        Reads the data anew; called for the first page that is opened after ``data.is_current()`` turned false.

    Returns
    -------
    ViewerServer
        Call ``serve_forever``; ``url`` is the address of the page.

    Raises
    ------
    ArgumentError
        If the port is out of range, or the host is not one of this machine.
    PortError
        If the port is in use or not allowed; the next one that is free is named.
    """
    if not 0 <= port <= _LARGEST_PORT:
        raise ArgumentError(f"`port` must be from 0 to {_LARGEST_PORT}, got {port}")
    try:
        return ViewerServer((host, port), data, remake)
    except OSError as error:
        if error.errno in _TAKEN:
            raise PortError(
                f"port {port} of {host} {_TAKEN[error.errno]} Give `--port {_next_free(host, port)}`, which is free"
            ) from error
        raise ArgumentError(f"`host` must be an address of this machine, got {host!r} ({error})") from error


def _next_free(host: str, port: int) -> int:
    """First free port above one and above those that only administrators open; 0, which takes any, where none is."""
    start = max(port + 1, _LEAST_PORT)
    for trial in range(start, min(start + _PORTS_TRIED, _LARGEST_PORT + 1)):
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as one:
            one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                one.bind((host, trial))
            except OSError:
                continue
            return trial
    return 0


def serve(
    data: ViewerData,
    *,
    host: str = "127.0.0.1",
    port: int = 8765,
    open_browser: bool = False,
    announce: Callable[[str], None] | None = None,
    remake: Remake | None = None,
) -> None:
    """Serve the page until the keyboard interrupts.

    Parameters
    ----------
    data : ViewerData
        What to show.
    host, port, remake
        As for :func:`make_server`.
    open_browser : bool
        Whether to open the page in the browser of this machine.
    announce : callable, optional
        Told the address once the port is open.

    Raises
    ------
    ArgumentError, PortError
        As :func:`make_server`.
    """
    with make_server(data, host=host, port=port, remake=remake) as server:
        log.info("viewer: %d points at %s", data.n_points, server.url)
        if announce is not None:
            announce(server.url)
        if open_browser:
            webbrowser.open(server.url)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            log.info("viewer: ended")
