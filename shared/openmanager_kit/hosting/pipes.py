"""Read and write the process's own pipes from an event loop.

Where the loop can watch a descriptor (pipes, sockets and terminals on POSIX) no thread is involved: under a
dozen busy threads each hop between threads costs milliseconds. Regular files, and every descriptor on
Windows, get a daemon thread each.
"""

from __future__ import annotations

import asyncio
import os
import queue
import select
import stat
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress

_CHUNK = 256 * 1024
_HIGH = 1024 * 1024
_FULL = 32 * 1024 * 1024
# A pipe that polls as writable takes this much without blocking, even if it is in blocking mode (POSIX).
_ATOMIC = getattr(select, "PIPE_BUF", 512)
_AT_ONCE = 256 * 1024
_WIDE_PIPE = 1024 * 1024


class PipeReader:
    """Gives the bytes of a descriptor as they come."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._loop = asyncio.get_running_loop()
        self._chunks: deque[bytes] = deque()
        self._held = 0
        self._arrived = asyncio.Event()
        self._ended = False
        self._watching = False
        self.before: Callable[[bytes], bytes] | None = None
        """Sees bytes that came while none were held, before anybody who waits; gives what it did not take."""
        self._room = threading.Semaphore(_HIGH // _CHUNK)
        self._threaded = not self._watch()
        if self._threaded:
            threading.Thread(target=self._read_in_thread, name="stdin", daemon=True).start()

    async def read(self) -> bytes:
        """Wait for some bytes; none means the end."""
        while not self._chunks:
            if self._ended:
                return b""
            self._arrived.clear()
            await self._arrived.wait()
        data = self._chunks.popleft()
        self._held -= len(data)
        if self._threaded:
            self._room.release()
        elif not self._watching and not self._ended and self._held < _HIGH:
            self._watch()
        return data

    def end(self) -> None:
        """Behave as if the other side had closed."""
        self._ended = True
        self._unwatch()
        self._arrived.set()

    def _watch(self) -> bool:
        try:
            self._loop.add_reader(self._fd, self._readable)
        except (NotImplementedError, OSError):
            return False
        self._watching = True
        return True

    def _unwatch(self) -> None:
        if self._watching:
            self._loop.remove_reader(self._fd)
            self._watching = False

    def _readable(self) -> None:
        try:
            data = os.read(self._fd, _CHUNK)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            data = b""
        if data and self.before is not None and not self._chunks:
            data = self.before(data)
            if not data:
                return
        self._push(data)
        if not data or self._held >= _HIGH:
            self._unwatch()

    def _push(self, data: bytes) -> None:
        if data:
            self._chunks.append(data)
            self._held += len(data)
        else:
            self._ended = True
        self._arrived.set()

    def _read_in_thread(self) -> None:
        data = b"?"
        while data:
            self._room.acquire()
            try:
                data = os.read(self._fd, _CHUNK)
            except OSError:
                data = b""
            with suppress(RuntimeError):  # the loop is closed
                self._loop.call_soon_threadsafe(self._push, data)


class PipeWriter:
    """Takes bytes for a descriptor, in order, without ever blocking the loop."""

    def __init__(self, fd: int, on_broken: Callable[[], None]) -> None:
        self._fd = fd
        self._on_broken = on_broken
        self._loop = asyncio.get_running_loop()
        self._backlog: deque[memoryview] = deque()
        self._held = 0
        self._drained = asyncio.Event()
        self._drained.set()
        self._watching = False
        self._soon = False
        self.broken = False
        self._poll = self._pollable()
        # Blocking mode belongs to everybody who shares the pipe; an opening of our own may leave it.
        self._own_fd = _opened_anew(fd) if self._poll is not None else -1
        self._wide = self._own_fd < 0
        self._queue: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        if self._poll is None:
            threading.Thread(target=self._write_in_thread, name="stdout", daemon=True).start()

    def put(self, data: bytes, *, more: bool = False) -> None:
        """Take `data` without waiting; if `more` is about to come, it is written together with that."""
        if self.broken:
            return
        self._held += len(data)
        if self._held:
            self._drained.clear()
        if self._poll is None:
            self._queue.put(data)
            return
        self._backlog.append(memoryview(data))
        if self._watching:
            return
        if more:
            if not self._soon:
                self._soon = True
                self._loop.call_soon(self._flush_together)
        else:
            self._flush()

    def _flush_together(self) -> None:
        self._soon = False
        if not self._watching and not self.broken and self._held <= _AT_ONCE:
            together, self._backlog = b"".join(self._backlog), deque()
            if together:
                self._backlog.append(memoryview(together))
        if not self._watching:
            self._flush()

    @property
    def keeps_up(self) -> bool:
        """Whether the other side has taken all but a little."""
        return self._held <= _HIGH

    async def keep_up(self) -> None:
        """Wait while the other side is far behind."""
        if self._held > _HIGH and not self.broken:
            await self._drained.wait()

    async def room(self) -> None:
        """Wait while so much is unwritten that more answers would only pile up in memory."""
        if self._held > _FULL and not self.broken:
            await self._drained.wait()

    async def drain(self) -> None:
        """Wait until everything is written, or nobody reads any more."""
        await self._drained.wait()

    def close(self) -> None:
        """Stop watching; what is not written yet is lost."""
        self._unwatch()
        if self._own_fd >= 0:
            os.close(self._own_fd)
            self._own_fd = -1

    def _unwatch(self) -> None:
        if self._watching:
            self._loop.remove_writer(self._fd)
            self._watching = False

    def _pollable(self) -> select.poll | None:
        if not hasattr(select, "poll"):
            return None
        try:  # only asking whether the loop could watch it
            self._loop.add_writer(self._fd, lambda: None)
            self._loop.remove_writer(self._fd)
        except (NotImplementedError, OSError):
            return None
        poll = select.poll()
        poll.register(self._fd, select.POLLOUT)
        return poll

    def _flush(self) -> None:
        if not self._wide and self._held > _AT_ONCE:
            self._wide = True
            _widen(self._own_fd)
        room = _HIGH  # then the loop has its turn, however fast the other side reads
        while self._backlog:
            sent = self._send(self._backlog[0]) if room > 0 else 0
            if sent < 0:
                return
            if sent == 0:
                if not self._watching:
                    self._loop.add_writer(self._fd, self._flush)
                    self._watching = True
                return
            room -= sent
            self._wrote(sent)
            left = self._backlog.popleft()[sent:]
            if left:
                self._backlog.appendleft(left)
        self._unwatch()

    def _send(self, data: memoryview) -> int:
        """Write what the pipe takes at once; 0 if it is full, -1 if nobody reads any more."""
        assert self._poll is not None
        try:
            if self._own_fd >= 0:
                return os.write(self._own_fd, data[:_AT_ONCE])
            return os.write(self._fd, data[:_ATOMIC]) if self._poll.poll(0) else 0
        except (BlockingIOError, InterruptedError):
            return 0
        except OSError:
            self._break()
            return -1

    def _wrote(self, size: int) -> None:
        self._held -= size
        if self._held <= 0:
            self._drained.set()

    def _break(self) -> None:
        self.broken = True
        self.close()
        self._backlog.clear()
        self._drained.set()
        self._on_broken()

    def _write_in_thread(self) -> None:
        while True:
            data = memoryview(self._queue.get())
            size = len(data)
            try:
                while data:
                    data = data[os.write(self._fd, data) :]
            except OSError:
                with suppress(RuntimeError):
                    self._loop.call_soon_threadsafe(self._break)
                return
            with suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._wrote, size)


def _opened_anew(fd: int) -> int:
    """Open a pipe once more, for us alone and never blocking; -1 where that cannot be done."""
    try:
        if not stat.S_ISFIFO(os.fstat(fd).st_mode):
            return -1
        return os.open(f"/proc/self/fd/{fd}", os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return -1


def _widen(fd: int) -> None:
    """Let a pipe hold more: fewer turns for each side in a long answer."""
    with suppress(ImportError, OSError):
        import fcntl

        fcntl.fcntl(fd, fcntl.F_SETPIPE_SZ, _WIDE_PIPE)
