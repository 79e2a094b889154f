"""Serves a simulated fleet to Prometheus over HTTP: /metrics and /healthz, nothing else."""

from __future__ import annotations

import gzip
import socket
import threading
import time
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import numpy as np

from openmanager_core.errors import ConfigError
from openmanager_core.simulator.engine import Simulator
from openmanager_core.simulator.exposition import OPENMETRICS, TEXT, Exposition

_IDLE_S = 75
_AT_ONCE = 64


def address(text: str) -> tuple[str, int]:
    """``HOST:PORT``, ``[IPV6]:PORT``, ``:PORT`` or ``PORT`` as (host, port); without a host, loopback.

    Raises
    ------
    ConfigError
        If the port is not a number from 0 to 65535.
    """
    host, _, port = text.rpartition(":")
    if not (port.isascii() and port.isdigit() and int(port) <= 65535):
        raise ConfigError(f"--listen wants HOST:PORT with a port from 0 to 65535, got {text!r}")
    return host.strip("[]") or "127.0.0.1", int(port)


def _accepts(header: str, wanted: str) -> bool:
    """Whether a list of ``type;q=0.5`` names `wanted` without refusing it."""
    for part in header.lower().split(","):
        name, *params = (p.strip() for p in part.split(";"))
        if name == wanted:
            return all(p.replace(" ", "") not in ("q=0", "q=0.0", "q=0.00", "q=0.000") for p in params)
    return False


class FleetServer(ThreadingHTTPServer):
    """An HTTP server with one simulator behind it.

    Parameters
    ----------
    simulator
        Whose values are shown.
    host, port
        Where to listen; port 0 picks a free one.
    clock
        Unix seconds; what "now" means.

    Raises
    ------
    ConfigError
        If the address cannot be listened on.
    """

    daemon_threads = True
    block_on_close = False

    def __init__(self, simulator: Simulator, host: str, port: int, *, clock: Callable[[], float] = time.time) -> None:
        self._exposition = Exposition(simulator)
        self._simulator, self._clock = simulator, clock
        self._lock = threading.Lock()
        self._places = threading.BoundedSemaphore(_AT_ONCE)
        self._bodies: dict[tuple[int, bool, bool], bytes] = {}
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        try:
            super().__init__((host, port), _Handler)
        except OSError as exc:
            raise ConfigError(f"cannot listen on {host}:{port}: {exc.strerror or exc}") from exc

    @property
    def url(self) -> str:
        """Where it can be scraped."""
        host, port = self.server_address[:2]
        shown = f"[{host!s}]" if self.address_family == socket.AF_INET6 else str(host)
        return f"http://{shown}:{port}/metrics"

    def body(self, *, openmetrics: bool, zipped: bool) -> bytes:
        """The page of the current tick; scrapes within one tick get the same bytes, formatted once."""
        tick = int(self._simulator.ticks(np.array([self._clock()]))[0])
        wanted = (tick, openmetrics, zipped)
        with self._lock:
            if wanted not in self._bodies:
                self._bodies = {k: v for k, v in self._bodies.items() if k[0] == tick}
                plain = self._bodies.get((tick, openmetrics, False))
                if plain is None:
                    plain = self._exposition.render(tick * self._simulator.tick_s, openmetrics=openmetrics)
                    self._bodies[tick, openmetrics, False] = plain
                if zipped:
                    self._bodies[wanted] = gzip.compress(plain, 1, mtime=0)
            return self._bodies[wanted]

    def process_request(self, request: Any, client_address: Any) -> None:
        """A thread for each connection, up to a bound; beyond it the connection is closed."""
        if not self._places.acquire(blocking=False):
            self.shutdown_request(request)
            return
        try:
            super().process_request(request, client_address)
        except BaseException:
            self._places.release()
            raise

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Serve one connection, then give its place back."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._places.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A scraper that went away is no news."""


class _Handler(BaseHTTPRequestHandler):
    server: FleetServer
    protocol_version = "HTTP/1.1"
    server_version = "openmanager-simulate"
    sys_version = ""
    timeout = _IDLE_S

    def do_GET(self) -> None:  # the base class finds it by this name
        """Answer one of the two pages."""
        path = self.path.partition("?")[0]
        if path == "/healthz":
            self._answer(HTTPStatus.OK, b"ok\n", TEXT)
        elif path == "/metrics":
            accept = ",".join(self.headers.get_all("Accept", []))
            openmetrics = _accepts(accept, "application/openmetrics-text")
            zipped = _accepts(",".join(self.headers.get_all("Accept-Encoding", [])), "gzip")
            body = self.server.body(openmetrics=openmetrics, zipped=zipped)
            self._answer(HTTPStatus.OK, body, OPENMETRICS if openmetrics else TEXT, zipped=zipped)
        else:
            self._answer(HTTPStatus.NOT_FOUND, b"only /metrics and /healthz are here\n", "text/plain; charset=utf-8")

    def _answer(self, status: HTTPStatus, body: bytes, kind: str, *, zipped: bool = False) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        if zipped:
            self.send_header("Content-Encoding", "gzip")
        self.send_header("Vary", "Accept, Accept-Encoding")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # the base class names it
        """Scrapes are not logged."""
