"""Starts every server of a profile for real, as a client would, and speaks to it in both protocol eras.

No tool is called, so nothing is written: the handshake and the list of tools are what every client begins with.
"""

from __future__ import annotations

import os
import secrets
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Literal

import anyio

from openmanager_core.text import visible
from openmanager_kit.child import Child, child
from openmanager_kit.doctor.portability import Listed
from openmanager_kit.wording import VARIABLE, said

Era = Literal["2025", "2026"]
ERAS: tuple[Era, ...] = ("2025", "2026")
_MODERN = "2026-07-28"
_SAID_CHARS = 300


@dataclass(slots=True)
class Probe:
    """One conversation: who was asked, over what, how, and what came of it.

    Attributes
    ----------
    problem
        Why there was no list of tools; empty if there was one.
    """

    server: str
    transport: Literal["stdio", "http"]
    era: Era
    problem: str = ""
    version: str = ""
    seconds: float = 0.0
    tools: list[Listed] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Launching:
    """How the servers are started.

    Attributes
    ----------
    words
        What stands behind ``serve NAME`` and ``up``: profile and roots.
    token_env
        Variable of the bearer token; empty for none.
    roots
        The empty folder that stands in for roots; none if there are others.
    """

    words: tuple[str, ...]
    token_env: str = ""
    roots: tuple[str, ...] = ()

    @property
    def environ(self) -> dict[str, str]:
        """What a client passes on, without byte code written beside the modules; a token that is not set is made up."""
        environ = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1", VARIABLE: "en"}
        environ.pop("OPENMANAGER_CONFIG", None)
        if self.token_env:
            environ.setdefault(self.token_env, _MADE_UP)
        return environ

    @property
    def headers(self) -> dict[str, str]:
        """What a client shows."""
        return {"authorization": f"Bearer {self.environ[self.token_env]}"} if self.token_env else {}


_MADE_UP = secrets.token_urlsafe(32)


async def ask_over_stdio(probe: Probe, launching: Launching, patience_s: float) -> None:
    """Start the server of `probe`, shake hands, list its tools."""
    from mcp.client.stdio import StdioServerParameters, stdio_client

    args = ["-m", "openmanager_kit", "serve", probe.server, *launching.words, "--stdio"]
    parameters = StdioServerParameters(command=sys.executable, args=args, env=launching.environ)
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as errors:
        await _ask(probe, stdio_client(parameters, errlog=errors), patience_s)
        if probe.problem:
            errors.seek(0)
            probe.problem = "; ".join(part for part in (probe.problem, last_line(errors.read())) if part)


async def ask_over_http(probe: Probe, url: str, launching: Launching, patience_s: float) -> None:
    """Shake hands with a server that is being served, list its tools."""
    import httpx2
    from mcp.client.streamable_http import streamable_http_client

    async with httpx2.AsyncClient(headers=launching.headers, timeout=patience_s, trust_env=False) as http:
        await _ask(probe, streamable_http_client(url, http_client=http), patience_s)


async def _ask(probe: Probe, transport: Any, patience_s: float) -> None:
    from mcp.client import Client

    started_s = time.monotonic()
    with anyio.move_on_after(patience_s) as scope:
        try:
            async with Client(transport, mode="legacy" if probe.era == "2025" else "auto") as client:
                cursor: str | None = None
                while True:
                    page = await client.list_tools(cursor=cursor)
                    probe.tools += [Listed(t.name, t.description or "", t.input_schema) for t in page.tools]
                    cursor = page.next_cursor
                    if cursor is None:
                        break
                probe.version = str(client.protocol_version)
                probe.seconds = time.monotonic() - started_s
        except Exception as exc:
            probe.problem = said("no handshake: {reason}", reason=_reason(exc))
    if scope.cancelled_caught:
        probe.problem = said("did not answer within {seconds} s", seconds=f"{patience_s:g}")
    elif not probe.problem and not probe.tools:
        probe.problem = said("lists no tools")
    elif not probe.problem and probe.era == "2026" and probe.version < _MODERN:
        probe.problem = said("spoke {version} only", version=probe.version)


def _reason(exc: BaseException) -> str:
    while isinstance(exc, BaseExceptionGroup):
        exc = exc.exceptions[0]
    return f"{type(exc).__name__}: {visible(str(exc))[:_SAID_CHARS]}"


def last_line(text: str) -> str:
    """Give the last words of a process, fit to be shown."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return visible(lines[-1].removeprefix("openmanager: "))[:_SAID_CHARS] if lines else ""


class NotServed(Exception):
    """The service did not come up; says why."""


@asynccontextmanager
async def service(launching: Launching, patience_s: float) -> AsyncIterator[str]:
    """Run ``openmanager up`` on a free port of this machine until the block ends; gives its address.

    Its state is in a folder of its own, which goes with it: a service leaves a mark where its state is.

    Raises
    ------
    NotServed
        If it does not listen in time.
    """
    words = [sys.executable, "-m", "openmanager_kit", "up", *launching.words, "--host", "127.0.0.1", "--port", "0"]
    with tempfile.TemporaryDirectory(prefix="openmanager-doctor-", ignore_cleanup_errors=True) as home:
        words += ["--home", home]
        async with child(words, env=launching.environ, grace_s=4.0) as running, anyio.create_task_group() as group:
            group.start_soon(running.errors)
            try:
                yield await _address(running, patience_s)
            finally:
                group.cancel_scope.cancel()


async def _address(running: Child, patience_s: float) -> str:
    deadline_s = time.monotonic() + patience_s
    while time.monotonic() < deadline_s:
        text = running.said.decode("utf-8", "replace")
        for line in text.splitlines(keepends=True):
            if " listens on " in line and line.endswith("\n"):
                return line.split()[-1].removesuffix("/mcp")
        if running.code is not None:
            await anyio.sleep(0.1)  # its last words may still be on their way
            raise NotServed(
                last_line(running.said.decode("utf-8", "replace")) or said("exit code {code}", code=running.code)
            )
        await anyio.sleep(0.05)
    raise NotServed(said("did not listen within {seconds} s", seconds=f"{patience_s:g}"))


async def readiness(url: str, launching: Launching, patience_s: float) -> Mapping[str, Any]:
    """Ask a running service what each server says of its data."""
    import httpx2

    async with httpx2.AsyncClient(headers=launching.headers, timeout=patience_s, trust_env=False) as http:
        reply = await http.get(f"{url}/readyz")
    servers: Mapping[str, Any] = reply.json()["servers"]
    return servers


def probes_of(servers: Sequence[str], transport: Literal["stdio", "http"]) -> list[Probe]:
    """Plan a conversation with each server in each era."""
    return [Probe(server, transport, era) for server in servers for era in ERAS]
