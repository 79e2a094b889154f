"""A server whose tools tell who asks, served over a real socket in this process, for the tests of access."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import httpx2
import uvicorn
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from mcp.server.mcpserver import Context

from openmanager_kit.access.assembly import Access, access_of
from openmanager_kit.access.roles import asking
from openmanager_kit.access.tokens import TokenStore
from openmanager_kit.hosting.binding import base_url, bound
from openmanager_kit.hosting.http import http_app
from openmanager_kit.hosting.impatience import ImpatientProtocol
from openmanager_kit.profile import AccessSettings, HttpSettings, Profile
from openmanager_kit.server import OpenManagerServer
from openmanager_kit.tools import reads, writes


async def who(ctx: Context) -> str:
    """Tell who asks, after a sign of progress."""
    await ctx.report_progress(0.5)
    return f"{asking().id} {asking().role}"


async def put(text: str) -> str:
    """Change something."""
    return f"put {len(text)}"


async def fail() -> str:
    """Change something, badly."""
    raise RuntimeError("boom")


async def tune() -> str:
    """Configure something."""
    return "tuned"


async def wait(ctx: Context) -> str:
    """Report progress until somebody ends it."""
    for step in range(3000):
        await ctx.report_progress(step / 3000)
        await anyio.sleep(0.02)
    return "done"


TOOLS = (
    reads(who, "Who"),
    writes(put, "Put"),
    writes(fail, "Fail"),
    writes(tune, "Tune", configures=True),
    reads(wait, "Wait"),
)


def profile(home: Path, http: HttpSettings | None = None, **access: Any) -> Profile:
    """A profile with some access settings."""
    said = AccessSettings(**{"tokens": True, **access})
    return Profile("test", "", (), home, http=http or HttpSettings(), access=said, home=home)


@asynccontextmanager
async def site(
    home: Path, access: Access | None = None, http: HttpSettings | None = None, **settings: Any
) -> AsyncIterator[str]:
    """Serve on a real socket; gives the address of the endpoint."""
    http = http or HttpSettings()
    access = access or access_of(profile(home, http, **settings), {})
    app = http_app(OpenManagerServer("bench", tools=TOOLS), http, access)
    async with listening(app) as base:
        yield f"{base}/mcp"


@asynccontextmanager
async def listening(app: Any) -> AsyncIterator[str]:
    """Run an application on any free port; gives its address."""
    sock = bound("127.0.0.1", 0)
    config = uvicorn.Config(app, http=ImpatientProtocol, ws="none", lifespan="on", log_config=None, access_log=False)
    config.timeout_graceful_shutdown = 1
    server = uvicorn.Server(config)
    server.capture_signals = contextlib.nullcontext  # type: ignore[method-assign]
    async with anyio.create_task_group() as group:
        group.start_soon(server.serve, [sock])
        with anyio.fail_after(10):
            while not server.started:  # noqa: ASYNC110 - it has no event
                await anyio.sleep(0.01)
        try:
            yield base_url(sock)
        finally:
            server.should_exit = True
    sock.close()


@asynccontextmanager
async def caller(url: str, token: str, era: str = "2026-07-28") -> AsyncIterator[Client]:
    """A client that shows a token."""
    async with (
        httpx2.AsyncClient(headers={"authorization": f"Bearer {token}"}, timeout=20) as http,
        Client(streamable_http_client(url, http_client=http), mode=era) as client,
    ):
        yield client


def minted(home: Path, role: str, name: str = "somebody") -> tuple[str, str]:
    """A new token: its id and its text."""
    row, text = TokenStore(home).mint(name, role, 3600)
    return row.id, text


def text_of(result: Any) -> str:
    """The text of an answer."""
    return str(result.content[0].text)


def everything_in(folder: Path) -> Iterator[bytes]:
    """The content of each file."""
    for path in folder.rglob("*"):
        if path.is_file():
            yield path.read_bytes()
