"""Lines out of a file of any size: a window of it is read, decoded and cut to what fits; the rest can be asked for.

A line ends with its line feed; what follows the last one is a line too, if it is not empty. Counting and searching
go over blocks of 1 MiB, so a file never is in memory as a whole unless it is small.
"""

from __future__ import annotations

import codecs
import os
from dataclasses import dataclass

from openmanager_core.errors import InvalidRequest
from openmanager_core.job import checkpoint
from openmanager_filesystem.decoding import Coding, plain, shown
from openmanager_filesystem.versions import BLOCK_BYTES

_LINE_BITS = 32
_WIDEST = 4
_FIRST_BYTES = 16 * 1024
"""A tail is short mostly: the blocks that are read backwards begin small."""


@dataclass(frozen=True, slots=True)
class Bytes:
    """Where the bytes of a text come from: an open file, or memory if `data` is given."""

    size: int
    start: int = 0
    fd: int = -1
    data: bytes | None = None

    def at(self, position: int, length: int) -> bytes:
        """Read bytes; fewer at the end."""
        if self.data is not None:
            return self.data[position : position + length]
        return os.pread(self.fd, length, position)


@dataclass(frozen=True, slots=True)
class Window:
    """A stretch of lines as it is shown.

    Attributes
    ----------
    strange
        Bytes that are not text in this encoding.
    first, last
        Line numbers from 1, 0 if nobody counted so far.
    onward
        Byte position where the next piece begins, -1 if everything that was asked for is there.
    whole_lines
        Whether `onward` is the beginning of a line.
    """

    text: str
    strange: int
    first: int
    last: int
    onward: int = -1
    whole_lines: bool = True


def nth_end(block: bytes, count: int) -> int:
    """Find the position behind the `count`-th line feed of a block that has at least so many."""
    low, high = 0, len(block)
    while high - low > 1:
        middle = (low + high) // 2
        inside = block.count(b"\n", low, middle)
        if inside >= count:
            high = middle
        else:
            count -= inside
            low = middle
    return high


def line_start(source: Bytes, line: int) -> int:
    """Find where a line (from 1) begins.

    Raises
    ------
    InvalidRequest
        If there are fewer lines.
    """
    left, position, seen, ended = line - 1, source.start, 0, True
    while left:
        block = source.at(position, BLOCK_BYTES)
        if not block:
            total = seen + (not ended)
            raise InvalidRequest(
                f"offset is {line:,}, the file has {total:,} lines", hint=f"offset 1 to {max(total, 1)}"
            )
        checkpoint()
        inside = block.count(b"\n")
        if inside >= left:
            position += nth_end(block, left)
            break
        left -= inside
        seen += inside
        ended = block.endswith(b"\n")
        position += len(block)
    if line > 1 and position >= source.size and not source.at(position, 1):
        raise InvalidRequest(
            f"offset is {line:,}, the file has {line - 1:,} lines", hint=f"offset 1 to {max(line - 1, 1)}"
        )
    return position


def tail_start(source: Bytes, count: int) -> int:
    """Find where the last `count` lines begin."""
    end = source.size
    if count == 0:
        return end
    if end > source.start and source.at(end - 1, 1) == b"\n":
        end -= 1
    left, length = count, _FIRST_BYTES
    while end > source.start:
        begin, length = max(source.start, end - length), min(4 * length, BLOCK_BYTES)
        block = source.at(begin, end - begin)
        checkpoint()
        inside = block.count(b"\n")
        if inside >= left:
            return begin + nth_end(block, inside - left + 1)
        left -= inside
        end = begin
    return source.start


def window(source: Bytes, coding: Coding, position: int, first: int, lines: int, most_chars: int) -> Window:
    """Show the lines that begin at `position`, at most `lines` (-1: all) and `most_chars` of them.

    Whole lines; a first line that does not fit alone is cut within, between two characters.
    """
    data = source.at(position, max(0, min(most_chars * _WIDEST + _WIDEST, source.size - position)))
    at_end = position + len(data) >= source.size
    if lines >= 0 and data.count(b"\n") >= lines:
        data = data[: nth_end(data, lines)] if lines else b""
        at_end = True
    # A character that the block cuts stays out of it.
    text = codecs.getincrementaldecoder(coding.name)("surrogateescape").decode(data, at_end)
    room = most_chars if plain(text) else most_chars // _WIDEST
    if at_end and len(text) <= room:
        count = text.count("\n") + (text != "" and not text.endswith("\n"))
        return Window(*shown(text), first, first + count - 1 if first else 0)
    cut = text.rfind("\n", 0, room) + 1
    kept = text[: cut or room]
    count = kept.count("\n") if cut else 1
    onward = position + len(coding.encode(kept))
    return Window(*shown(kept), first, first + count - 1 if first else 0, onward, cut > 0)


def packed(position: int, line: int) -> int:
    """Put a position and its line's number into one number, for a cursor."""
    return position << _LINE_BITS | line


def unpacked(number: int) -> tuple[int, int]:
    """Take them apart again."""
    return number >> _LINE_BITS, number & ((1 << _LINE_BITS) - 1)
