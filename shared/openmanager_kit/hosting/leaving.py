"""How a process ends: politely and soon, whatever still runs in it."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

LEAVE_S = 1.8
"""After so many seconds of ending, the process is ended the hard way."""
_JOIN_S = 0.2


class Leaving:
    """Ends a process once: politely, and after `LEAVE_S` without asking."""

    def __init__(self) -> None:
        self.code = 0
        self._timer: threading.Timer | None = None

    def begin(self, code: int = 0) -> None:
        """Remember the exit code and start the clock; a second time changes nothing."""
        if self._timer is None:
            self.code = code
            self._timer = threading.Timer(LEAVE_S, _end_now, (code,))
            self._timer.daemon = True
            self._timer.start()

    def done(self) -> None:
        """Stop the clock."""
        if self._timer is not None:
            self._timer.cancel()


@contextmanager
def on_signals(leaving: Leaving, stop: Callable[[], None]) -> Iterator[None]:
    """Call `stop` on the running loop at the first signal; a second signal ends the process at once."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    loop = asyncio.get_running_loop()
    seen = 0

    def handle(number: int, frame: FrameType | None) -> None:
        nonlocal seen
        seen += 1
        if seen > 1:
            _end_now(128 + number)
        leaving.begin(128 + number)
        loop.call_soon_threadsafe(stop)

    numbers = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]
    former = {number: signal.signal(number, handle) for number in numbers}
    try:
        yield
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)


def leave(code: int) -> None:
    """End the process at once if a thread is still busy, which the interpreter would wait for."""
    patience = time.monotonic() + _JOIN_S
    for thread in threading.enumerate():
        if thread.daemon or thread is threading.main_thread():
            continue
        thread.join(max(0.0, patience - time.monotonic()))
        if thread.is_alive():
            sys.stderr.flush()
            _end_now(code)


def _end_now(code: int) -> None:
    """End the process without asking, its children first."""
    started = sys.modules.get("openmanager_kit.child")  # no child was ever started where it is not loaded
    if started is not None:
        started.end_all()
    os._exit(code)
