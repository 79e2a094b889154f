"""HTTP connections that must send a whole request head soon, that tell at once when their client has gone, and that
send an answer in one piece."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

GONE = "openmanager.gone"
"""In a request's scope: a list of what to call when the client leaves before its answer."""


class Together:
    """A transport that sends two things that are written in one turn of the loop, such as head and body, at once."""

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._held = b""

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        """Send `data`: with what is written next, or in the next turn of the loop."""
        if self._held:
            held, self._held = self._held, b""
            self._transport.write(held + data)
        elif data:
            self._held = bytes(data)
            self._loop.call_soon(self.flush)

    def flush(self) -> None:
        """Send what is held."""
        held, self._held = self._held, b""
        if held:
            self._transport.write(held)

    def close(self) -> None:
        """Send what is held, and close."""
        self.flush()
        self._transport.close()


class ImpatientProtocol(H11Protocol):
    """Closes a connection whose next request head takes longer than `head_s` from its first byte.

    Uvicorn itself waits for ever; and it tells of a client that has gone only to who awaits the next message,
    which takes every request a task more.
    """

    head_s = 10.0
    _head_timer: asyncio.TimerHandle | None = None
    _gone: list[Callable[[], None]] | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Start waiting for the first head."""
        super().connection_made(Together(transport, self.loop))  # type: ignore[arg-type]
        self._wait_for_head()

    def data_received(self, data: bytes) -> None:
        """Take bytes; wait on while they do not complete a head."""
        super().data_received(data)
        scope: dict[str, Any] | None = self.scope  # type: ignore[assignment]
        if scope is not None and GONE not in scope:  # its task has not begun
            self._gone = scope[GONE] = []
        if self.conn.their_state is h11.IDLE:
            self._wait_for_head()
        else:
            self._stop_waiting()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop waiting, and tell."""
        self._stop_waiting()
        super().connection_lost(exc)
        for tell in self._gone or ():
            tell()

    def on_response_complete(self) -> Any:
        """Leave an idle connection to uvicorn's own keep-alive timer."""
        self._stop_waiting()
        return super().on_response_complete()

    def _wait_for_head(self) -> None:
        if self._head_timer is None:
            self._head_timer = self.loop.call_later(self.head_s, self.transport.close)

    def _stop_waiting(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None
