"""A fake engine on a real socket that misbehaves as told: each request is answered by a coroutine of the test."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field

Reply = Callable[[asyncio.StreamWriter], Awaitable[None]]


@dataclass
class Hostile:
    """What was asked, and how to answer: the replies in turn, the last one again and again."""

    url: str = ""
    replies: list[Reply] = field(default_factory=list)
    asked: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)

    def next_reply(self) -> Reply:
        return self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]


@contextlib.asynccontextmanager
async def engine(*replies: Reply, tls: ssl.SSLContext | None = None) -> AsyncIterator[Hostile]:
    """Listen on a free loopback port until the end of the block."""
    hostile = Hostile(replies=list(replies))
    tasks: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
            headers = {k.lower(): v.strip() for k, _, v in (line.partition(":") for line in head[1:] if line)}
            body = await reader.readexactly(int(headers.get("content-length", 0)))
            hostile.asked.append((head[0], headers, body))
            await hostile.next_reply()(writer)
            await writer.drain()
        writer.close()
        tasks.discard(task)

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)
    hostile.url = f"http{'s' if tls else ''}://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield hostile
    finally:
        server.close()
        for task in tuple(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await server.wait_closed()


def answer(
    body: bytes | str, *, status: str = "200 OK", kind: str = "application/json", headers: str = "", length: int = -1
) -> Reply:
    """A whole HTTP answer; `length` below the body's size cuts it, above it breaks it off."""
    content = body.encode() if isinstance(body, str) else body
    size = len(content) if length < 0 else length

    async def reply(writer: asyncio.StreamWriter) -> None:
        head = (
            f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {size}\r\nConnection: close\r\n{headers}\r\n"
        )
        writer.write(head.encode() + content)

    return reply


def raw(data: bytes) -> Reply:
    """Bytes that need not be HTTP."""

    async def reply(writer: asyncio.StreamWriter) -> None:
        writer.write(data)

    return reply


async def reset(writer: asyncio.StreamWriter) -> None:
    """Close with a reset instead of an answer."""
    writer.transport.abort()


async def silent(writer: asyncio.StreamWriter) -> None:
    """Never answer."""
    await asyncio.sleep(3600)


async def dripping(writer: asyncio.StreamWriter) -> None:
    """One byte of a promised answer every twentieth of a second, for ever."""
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 1000000\r\n\r\n")
    while True:
        writer.write(b"[")
        await writer.drain()
        await asyncio.sleep(0.05)


async def endless(writer: asyncio.StreamWriter) -> None:
    """An answer without an end, as fast as it is taken."""
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n")
    part = b"[" * 65_536
    while True:
        writer.write(b"%x\r\n%s\r\n" % (len(part), part))
        await writer.drain()
