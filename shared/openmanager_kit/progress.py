"""Progress from a thread that computes to the client that waits, at a pace the client can read."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

INTERVAL_S = 0.1


class Progress:
    """Collects reports from any thread and sends the newest, at most one each `interval_s`.

    The first is held back for as long: a call that is over by then stays a single message, which over HTTP
    is the difference between a plain reply and an event stream.
    """

    def __init__(
        self, send: Callable[[float, float | None, str | None], Awaitable[None]], interval_s: float = INTERVAL_S
    ) -> None:
        self._send = send
        self._interval_s = interval_s
        self._loop = asyncio.get_running_loop()
        self._newest: tuple[float, str] | None = None
        self._sent_ratio = -1.0
        self._pump: asyncio.Task[None] | None = None
        self._over = False

    def report(self, done_ratio: float, note: str) -> None:
        """Take a report; safe to call from any thread, and after the call is over."""
        idle = self._newest is None
        self._newest = (done_ratio, note)
        if idle:
            with suppress(RuntimeError):  # the loop is closed: nobody waits any more
                self._loop.call_soon_threadsafe(self._start)

    def stop(self) -> None:
        """Send nothing more: the answer goes out next."""
        self._over = True
        if self._pump is not None:
            self._pump.cancel()

    def _start(self) -> None:
        if not self._over and (self._pump is None or self._pump.done()):
            self._pump = self._loop.create_task(self._send_newest())

    async def _send_newest(self) -> None:
        while self._newest is not None:
            await asyncio.sleep(self._interval_s)
            (done_ratio, note), self._newest = self._newest, None
            # The protocol wants progress to increase: a step back or a repetition is not worth a message.
            if done_ratio > self._sent_ratio:
                self._sent_ratio = done_ratio
                await self._send(done_ratio, 1.0, note)
