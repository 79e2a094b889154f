"""Cut a stream of bytes into lines, none of them longer than allowed."""

from __future__ import annotations

from collections.abc import Iterator


class TooLong:
    """Stands for a line that was longer than allowed and has been thrown away."""


TOO_LONG = TooLong()


class LineSplitter:
    """Collects bytes and gives complete lines, without their line feed.

    A line of more than `limit` bytes is dropped while it comes in, so memory stays bounded; when it ends,
    `TOO_LONG` takes its place.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._parts: list[bytes] = []
        self._size = 0
        self._dropping = False

    @property
    def empty(self) -> bool:
        """Whether no line has begun."""
        return not self._size and not self._dropping

    def feed(self, data: bytes) -> Iterator[bytes | TooLong]:
        """Give the lines that `data` completes."""
        *complete, rest = data.split(b"\n")
        for end in complete:
            self._collect(end)
            yield self._take()
        if rest:
            self._collect(rest)

    def finish(self) -> Iterator[bytes | TooLong]:
        """Give what is left when the stream ends without a line feed."""
        if self._parts or self._dropping:
            yield self._take()

    def _collect(self, part: bytes) -> None:
        self._size += len(part)
        if self._size > self._limit:
            self._parts.clear()
            self._dropping = True
        elif part:
            self._parts.append(part)

    def _take(self) -> bytes | TooLong:
        line = TOO_LONG if self._dropping else b"".join(self._parts)
        self._parts.clear()
        self._size = 0
        self._dropping = False
        return line
