"""The tools that read files: text, many texts at once, and everything that is no text."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Annotated

from mcp_types import CallToolResult, TextContent
from pydantic import Field

from openmanager_core.errors import FleetError, InvalidRequest
from openmanager_core.job import checkpoint, offload
from openmanager_core.text import quoted
from openmanager_filesystem import reading, versions
from openmanager_filesystem.decoding import SAMPLE_BYTES, Coding, coding_of, line_end
from openmanager_filesystem.desk import Desk, TheDesk
from openmanager_filesystem.media import kind_of
from openmanager_filesystem.parameters import MOST_LINES, Encoding, FilePath, MaxChars
from openmanager_filesystem.reading import Bytes, Window
from openmanager_kit import cursors
from openmanager_kit.answers import MAX_CHARS
from openmanager_kit.confined import walk
from openmanager_kit.confined.names import shown_path
from openmanager_kit.confined.roots import Spot

_IN_MEMORY_BYTES = 1024 * 1024
_FACTS_CHARS = 400
_LEAST_CHARS = 200

Lines = Annotated[int, Field(ge=-1, le=MOST_LINES, description="Lines from the start; -1: not given")]
TailLines = Annotated[int, Field(ge=-1, le=MOST_LINES, description="Lines from the end; -1: not given")]
Offset = Annotated[int, Field(ge=1, le=MOST_LINES, description="First line")]
Limit = Annotated[int, Field(ge=0, le=MOST_LINES, description="Number of lines; 0: all")]
Cursor = Annotated[str, Field(description="Goes on where the last answer was cut")]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What part of a file is asked for."""

    head: int = -1
    tail: int = -1
    offset: int = 1
    limit: int = 0
    encoding: str = ""
    max_chars: int = MAX_CHARS
    cursor: str = ""

    def check(self) -> None:
        """Refuse what contradicts itself."""
        if self.head >= 0 and self.tail >= 0:
            raise InvalidRequest("head and tail cannot be given both", hint="one of them, or offset and limit")
        if (self.head >= 0 or self.tail >= 0) and (self.offset > 1 or self.limit):
            raise InvalidRequest("offset and limit cannot be given with head or tail", hint="offset and limit alone")
        if self.cursor and (self.head >= 0 or self.tail >= 0 or self.offset > 1):
            raise InvalidRequest(
                "cursor cannot be given with head, tail or offset", hint="cursor, with limit if wanted"
            )


async def read_text_file(
    desk: TheDesk,
    path: FilePath,
    head: Lines = -1,
    tail: TailLines = -1,
    offset: Offset = 1,
    limit: Limit = 0,
    cursor: Cursor = "",
    encoding: Encoding = "",
    max_chars: MaxChars = MAX_CHARS,
) -> CallToolResult:
    """Read a text file, or some of its lines. The last block says its version and how to go on if it was cut."""
    wanted = Wanted(head, tail, offset, limit, encoding, max_chars, cursor)
    wanted.check()
    return await offload(_read, desk, path, wanted)


async def read_file(
    desk: TheDesk,
    path: FilePath,
    head: Lines = -1,
    tail: TailLines = -1,
    offset: Offset = 1,
    limit: Limit = 0,
    cursor: Cursor = "",
    encoding: Encoding = "",
    max_chars: MaxChars = MAX_CHARS,
) -> CallToolResult:
    """Same as read_text_file."""
    return await read_text_file(desk, path, head, tail, offset, limit, cursor, encoding, max_chars)


async def read_multiple_files(
    desk: TheDesk,
    paths: Annotated[list[str], Field(description="Files", min_length=1, max_length=1000)],
    max_chars: MaxChars = MAX_CHARS,
) -> CallToolResult:
    """Read several text files at once; one that fails does not stop the others."""
    return await offload(_read_many, desk, paths, max_chars)


def blocks(*texts: str) -> CallToolResult:
    """Answer with raw text and the facts below it, sent once."""
    return CallToolResult(content=[TextContent(type="text", text=text) for text in texts])


def _read(desk: Desk, path: str, wanted: Wanted) -> CallToolResult:
    spot = desk.spot(path)
    with walk.regular_file(spot) as (fd, status):
        text, facts = _part(spot, fd, status, wanted)
    return blocks(text, f"[{'; '.join(facts)}]")


def _part(spot: Spot, fd: int, status: os.stat_result, wanted: Wanted) -> tuple[str, list[str]]:
    source, sample = _source(fd, status)
    coding = coding_of(sample, wanted.encoding, whole=source.size <= SAMPLE_BYTES)
    if coding is None:
        raise binary(spot, sample, source.size)
    measured = versions.measured(fd, status) if source.data is None else versions.measured_bytes(source.data)
    facts = [f"version {measured.version}"]
    stored = source.size
    if not coding.by_lines:
        source, coding = _in_memory(spot, source, coding), coding
        measured = versions.Measured(measured.version, versions.measured_bytes(source.data or b"").lines)
        found = _window(spot, source, Coding("utf-8"), measured.lines, wanted)
    else:
        source = Bytes(source.size, len(coding.bom), fd, source.data)
        found = _window(spot, source, coding, measured.lines, wanted)
    if measured.lines is not None:
        facts.append(f"{measured.lines:,} line{'s' if measured.lines != 1 else ''}")
    facts += [f"{stored:,} bytes", str(coding)]
    if ends := line_end(found.text):
        facts.append(ends)
    if found.strange:
        facts.append(
            f"{found.strange} bytes that are not {coding.name} are shown as \\xNN: encoding reads them otherwise"
        )
    return found.text, [*facts, *_onward(spot, found, measured.lines, wanted)]


def _source(fd: int, status: os.stat_result) -> tuple[Bytes, bytes]:
    """Take a small file into memory and leave a large one where it is; also gives the first bytes of it."""
    if status.st_size > _IN_MEMORY_BYTES:
        return Bytes(status.st_size, fd=fd), os.pread(fd, SAMPLE_BYTES, 0)
    # Files of the kernel say that they are empty and are not.
    data = os.pread(fd, _IN_MEMORY_BYTES + 1, 0)
    if len(data) > _IN_MEMORY_BYTES:
        return Bytes(os.fstat(fd).st_size, fd=fd), data[:SAMPLE_BYTES]
    return Bytes(len(data), data=data), data[:SAMPLE_BYTES]


def _in_memory(spot: Spot, source: Bytes, coding: Coding) -> Bytes:
    """Turn a text whose line feeds are not single bytes into UTF-8."""
    if source.size > versions.HASHED_BYTES:
        raise InvalidRequest(
            f"{spot.parameter} {quoted(spot.shown)} is in {coding.name} and has {source.size:,} bytes; "
            f"in this encoding the most is {versions.HASHED_BYTES:,}",
            hint="encoding latin-1 shows its bytes",
        )
    try:
        text = source.at(len(coding.bom), source.size).decode(coding.name)
    except UnicodeError as exc:
        raise InvalidRequest(
            f"{spot.parameter} {quoted(spot.shown)} is not text in {coding.name}", hint="another encoding"
        ) from exc
    data = text.encode("utf-8", "backslashreplace")
    return Bytes(len(data), data=data)


def _window(spot: Spot, source: Bytes, coding: Coding, total: int | None, wanted: Wanted) -> Window:
    whole = wanted.head < 0 and wanted.tail < 0 and wanted.offset == 1 and not wanted.limit and not wanted.cursor
    room = wanted.max_chars - _FACTS_CHARS
    if whole and source.size <= wanted.max_chars * 4:
        found = reading.window(source, coding, source.start, 1, -1, wanted.max_chars)
        if found.onward < 0:
            return found
    if wanted.cursor:
        position, first = reading.unpacked(cursors.decode(wanted.cursor, _key(spot, wanted)))
        if position > source.size:
            raise InvalidRequest("cursor points past the end: the file has become shorter", hint="leave cursor empty")
        return reading.window(source, coding, position, first, wanted.limit or -1, room)
    if wanted.tail >= 0:
        position = reading.tail_start(source, wanted.tail)
        first = 0 if total is None else max(1, total - wanted.tail + 1)
        return reading.window(source, coding, position, first, -1, room)
    lines = wanted.head if wanted.head >= 0 else wanted.limit or -1
    return reading.window(source, coding, reading.line_start(source, wanted.offset), wanted.offset, lines, room)


def _key(spot: Spot, wanted: Wanted) -> list[str]:
    return ["read", spot.path, wanted.encoding]


def _onward(spot: Spot, found: Window, total: int | None, wanted: Wanted) -> list[str]:
    """Say which lines these are, and how to get the next."""
    of = "" if total is None else f" of {total:,}"
    shown_lines = [f"lines {found.first:,}-{found.last:,}{of}"] if found.first and found.last >= found.first else []
    if found.onward < 0:
        everything = found.first <= 1 and total is not None and found.last >= total
        return [] if everything or not found.text else shown_lines
    asked = wanted.head if wanted.head >= 0 else wanted.limit
    if found.whole_lines and found.first:
        left = f" limit={asked - (found.last - found.first + 1)}" if asked > 0 else ""
        return [*shown_lines, f"go on with offset={found.last + 1}{left}"]
    line = found.last + 1 if found.whole_lines and found.first else found.last
    cursor = cursors.encode(reading.packed(found.onward, line), _key(spot, wanted))
    cut = [] if found.whole_lines else [f"line {found.last:,} is cut" if found.first else "the line is cut"]
    left = f" limit={asked}" if asked > 0 else ""
    return [*(shown_lines if found.whole_lines else []), *cut, f"go on with cursor={cursor}{left}"]


def binary(spot: Spot, sample: bytes, size: int) -> InvalidRequest:
    """Make the refusal of a file that is not text."""
    kind = kind_of(spot.path, sample)
    return InvalidRequest(
        f"{spot.parameter} {quoted(spot.shown)} is binary ({kind}, {size:,} bytes), not text",
        hint="read_media_file; or encoding if it is text in an encoding that was not recognised",
    )


def _read_many(desk: Desk, paths: list[str], max_chars: int) -> CallToolResult:
    room = max_chars - _FACTS_CHARS
    pieces: list[str] = []
    notes: list[str] = []
    failed = 0
    for index, path in enumerate(paths):
        checkpoint(index / len(paths))
        if room < _LEAST_CHARS:
            notes.append(
                f"not reached: {len(paths) - index:,} files from {quoted(path, 80)} on: go on with these paths, "
                "or a larger max_chars"
            )
            break
        label = shown_path(path)
        try:
            spot = desk.spot(path)
            with walk.regular_file(spot) as (fd, status):
                source, sample = _source(fd, status)
                coding = coding_of(sample, whole=source.size <= SAMPLE_BYTES)
                if coding is None:
                    raise binary(spot, sample, source.size)
                if coding.by_lines:
                    source = Bytes(source.size, len(coding.bom), fd, source.data)
                else:
                    source, coding = _in_memory(spot, source, coding), Coding("utf-8")
                least = max(room - len(label) - 8, _LEAST_CHARS)
                found = reading.window(source, coding, source.start, 1, -1, least)
            piece = f"{label}:\n{found.text}\n"
            if found.onward >= 0:
                onward = f"offset={found.last + 1}" if found.whole_lines else f"max_chars={source.size + 1000:,}"
                notes.append(f"cut: {quoted(label, 80)}: go on with read_text_file {onward}")
        except FleetError as exc:
            piece = f"{label}: Error - {exc}"
            failed += 1
        pieces.append(piece)
        room -= len(piece) + 5
    facts = [f"{len(pieces)} of {len(paths)} files", *([f"{failed} failed"] if failed else []), *notes]
    return blocks("\n---\n".join(pieces), f"[{'; '.join(facts)}]")
