"""HTTP/1.1 byte by byte against a real socket, and an application that says what it was given."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import anyio
import anyio.abc
import uvicorn
from uvicorn.server import ServerState

from openmanager_kit.hosting.impatience import ImpatientProtocol

LAST = b"Connection: close\r\n"
HELLO = b"GET /hello HTTP/1.1\r\nHost: here\r\n"
POSTED = b"POST / HTTP/1.1\r\nHost: here\r\n"


async def said_back(scope: Any, receive: Any, send: Any) -> None:
    """Answer with what was asked, in JSON."""
    body = b""
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        body += message["body"]
        more = message["more_body"]
    asked = {
        "method": scope["method"],
        "path": scope["path"],
        "raw": scope["raw_path"].decode("latin-1"),
        "query": scope["query_string"].decode("latin-1"),
        "headers": [[name.decode("latin-1"), value.decode("latin-1")] for name, value in scope["headers"]],
        "body": body.decode("latin-1"),
    }
    await answer(send, json.dumps(asked).encode())


async def answer(send: Any, body: bytes) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(body))]})
    await send({"type": "http.response.body", "body": body})


@asynccontextmanager
async def connected(app: Any = said_back, **limits: Any) -> AsyncIterator[anyio.abc.ByteStream]:
    """A connection to a server of `app` whose limits are these."""
    protocol = type("Limited", (ImpatientProtocol,), limits)
    config = uvicorn.Config(app, http=protocol, lifespan="off", log_config=None, loop="asyncio", ws="none")
    config.load()
    loop = asyncio.get_running_loop()
    made = await loop.create_server(
        lambda: protocol(config=config, server_state=ServerState(), app_state={}), "127.0.0.1", 0
    )
    async with made, await anyio.connect_tcp(*made.sockets[0].getsockname()) as stream:
        yield stream


async def rest(stream: anyio.abc.ByteStream, within_s: float = 10) -> bytes:
    """All that comes until the other side closes."""
    got = b""
    with anyio.fail_after(within_s):
        try:
            while True:
                got += await stream.receive()
        except (anyio.EndOfStream, anyio.BrokenResourceError):
            return got


async def talk(*pieces: bytes, app: Any = said_back, **limits: Any) -> bytes:
    """Send, a piece at a time, and give all that comes until the other side closes."""
    async with connected(app, **limits) as stream:
        for piece in pieces:
            try:
                await stream.send(piece)
            except anyio.BrokenResourceError:
                break
            await asyncio.sleep(0)
        return await rest(stream)


def answers(got: bytes) -> list[tuple[int, bytes]]:
    """Status and body of each answer."""
    out = []
    while got:
        head, _, got = got.partition(b"\r\n\r\n")
        length = int(re.search(rb"content-length: (\d+)", head)[1])  # type: ignore[index]
        out.append((int(head.split()[1]), got[:length]))
        got = got[length:]
    return out


async def asked(*pieces: bytes) -> dict[str, Any]:
    """What the application was given by one request."""
    [(status, body)] = answers(await talk(*pieces))
    assert status == 200, body
    out: dict[str, Any] = json.loads(body)
    return out


async def refused(*pieces: bytes, **limits: Any) -> tuple[int, str]:
    """Status and text of the only answer."""
    [(status, body)] = answers(await talk(*pieces, **limits))
    return status, body.decode()
