"""Web servers that misbehave, on real sockets: what tests read pages from."""

from __future__ import annotations

import asyncio
import ssl
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

Serve = Callable[[str, dict[str, str], asyncio.StreamWriter], Awaitable[None]]
"""From the path, the request's headers and the connection to whatever it answers."""


@dataclass
class Site:
    """A running server, and what was asked of it."""

    port: int
    asked: list[str] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    closed: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when a client has gone away in the middle of an answer."""

    def url(self, path: str = "/", host: str = "127.0.0.1", scheme: str = "http") -> str:
        """The address of a path."""
        return f"{scheme}://{host}:{self.port}{path}"


@asynccontextmanager
async def site(serve: Serve, tls: ssl.SSLContext | None = None) -> AsyncIterator[Site]:
    """Serve until the block ends."""
    running = Site(0)
    tasks: set[asyncio.Task[None]] = set()

    async def connection(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                first, *rest = head.decode("latin-1").strip().split("\r\n")
                path = first.split(" ")[1]
                running.asked.append(path)
                running.headers.append({k.lower(): v for k, v in (line.split(": ", 1) for line in rest)})
                await serve(path, running.headers[-1], writer)
                await writer.drain()
        except asyncio.IncompleteReadError:
            pass
        except (ConnectionError, ssl.SSLError):
            running.closed.set()
        except asyncio.CancelledError:
            pass  # the test is over
        finally:
            tasks.discard(task)
            writer.close()
            with suppress(Exception):
                await writer.wait_closed()

    server = await asyncio.start_server(connection, "127.0.0.1", 0, ssl=tls)
    running.port = server.sockets[0].getsockname()[1]
    try:
        yield running
    finally:
        server.close()
        for task in list(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def answer(body: bytes, status: int = 200, headers: Mapping[str, str] | None = None, kind: str = "text/html") -> bytes:
    """A whole, well-behaved answer."""
    lines = {"content-type": kind, "content-length": str(len(body)), **(headers or {})}
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    return f"HTTP/1.1 {status} Status\r\n{head}\r\n".encode() + body


def pages(contents: Mapping[str, bytes]) -> Serve:
    """Answer with whole answers by path; 404 for the rest."""

    async def serve(path: str, headers: dict[str, str], writer: asyncio.StreamWriter) -> None:
        writer.write(contents.get(path) or answer(b"nothing here", 404))

    return serve


def redirect(to: str, status: int = 302) -> bytes:
    """A redirect."""
    return answer(b"", status, {"location": to})


def authority(folder: Path, *names: str) -> tuple[Path, ssl.SSLContext]:
    """Make an authority, and a server's context with its certificate for `names`."""

    def openssl(*words: str) -> None:
        subprocess.run(["openssl", *words], check=True, capture_output=True, cwd=folder)

    new = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2")
    openssl("req", "-x509", *new, "-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=Test authority")
    alternatives = "subjectAltName=" + ",".join(f"DNS:{name}" for name in names)
    openssl(
        "req", "-x509", *new, "-keyout", "server.key", "-out", "server.pem", "-subj", "/CN=server", "-CA", "ca.pem",
        "-CAkey", "ca.key", "-addext", alternatives, "-addext", "basicConstraints=critical,CA:FALSE",
    )  # fmt: skip
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "server.pem", folder / "server.key")
    return folder / "ca.pem", context
