"""Has the disk take what was written, soon after: it outlives kill -9 of its process at once, a power cut only then.

SQLite's write-ahead log is a chain of checksums: after a power cut whatever of it had reached the disk in one piece is
taken up, and nothing else (https://www.sqlite.org/walformat.html, section 2.4). So it may be flushed from the side.
"""

from __future__ import annotations

import os
import threading
from contextlib import suppress
from pathlib import Path

AT_MOST_EVERY_S = 0.05


class Flusher:
    """Flushes the write-ahead log of one database in a thread of its own, which rests while nothing is written.

    Parameters
    ----------
    database
        The file; its log has the same name with ``-wal``.
    """

    def __init__(self, database: Path) -> None:
        self._log = database.with_name(f"{database.name}-wal")
        self._wanted = threading.Event()
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None
        self.flushes = 0

    def want(self) -> None:
        """Say that something was written; returns at once."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._serve, name="flush", daemon=True)
            self._thread.start()
        self._wanted.set()

    def close(self) -> None:
        """Flush what was written and end the thread."""
        thread, self._thread = self._thread, None
        if thread is not None:
            self._ended.set()
            self._wanted.set()
            thread.join()
            self._ended.clear()

    def _serve(self) -> None:
        while True:
            self._wanted.wait()
            self._wanted.clear()
            ended = self._ended.is_set()
            with suppress(OSError):  # no log: it was carried over into the file, and flushed with it
                self._flush()
            if ended:
                return
            self._ended.wait(AT_MOST_EVERY_S)

    def _flush(self) -> None:
        # No lock of SQLite's is on its log, so that none is lost with our own descriptor.
        fd = os.open(self._log, os.O_RDWR | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0))
        try:
            getattr(os, "fdatasync", os.fsync)(fd)
        finally:
            os.close(fd)
        self.flushes += 1
