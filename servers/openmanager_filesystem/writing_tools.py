"""The tools that write a file whole, append to it, and insert lines into it."""

from __future__ import annotations

import os
from typing import Annotated

from pydantic import Field

from openmanager_core.errors import InvalidRequest
from openmanager_core.job import offload
from openmanager_filesystem import versions
from openmanager_filesystem.decoding import SAMPLE_BYTES, Coding, coding_of, for_new, written
from openmanager_filesystem.desk import Desk, TheDesk
from openmanager_filesystem.parameters import MOST_LINES, Encoding, FilePath, Version
from openmanager_filesystem.reading_tools import binary
from openmanager_filesystem.storing import MOST_BYTES, Held, held
from openmanager_kit.answers import Answer
from openmanager_kit.confined.refusals import failures

Content = Annotated[str, Field(description="Text, written as it is")]


class Written(Answer):
    """What a write did."""

    path: str
    done: str = Field(description="What was done, in words")
    version: str = Field(description="Version of the content now")
    bytes: int = Field(description="Size now")
    notes: list[str] = Field(default=[], description="What else to know")

    def as_text(self) -> str:
        """The peer's sentence, and the facts."""
        facts = "; ".join([f"version {self.version}", f"{self.bytes:,} bytes", *self.notes])
        return f"{self.done} {self.path}\n[{facts}]"


async def write_file(
    desk: TheDesk,
    path: FilePath,
    content: Content,
    version: Annotated[
        str, Field(description='Version that was read, or "new": refused otherwise', max_length=80)
    ] = "",
    encoding: Annotated[str, Field(description="Encoding to write in", max_length=40)] = "utf-8",
) -> Written:
    """Create a file or replace its whole content. The directory must exist."""
    return await offload(_write, desk, path, content, version, encoding)


async def append_file(
    desk: TheDesk,
    path: FilePath,
    content: Annotated[str, Field(description="Text for the end; begins right behind the last byte")],
    create: Annotated[bool, Field(description="Create the file if it does not exist")] = True,
) -> Written:
    """Append text to a file, in its own encoding and line ends."""
    return await offload(_append, desk, path, content, create)


async def insert_lines(
    desk: TheDesk,
    path: FilePath,
    line: Annotated[int, Field(ge=-1, le=MOST_LINES, description="Insert before this line; 0 or -1: at the end")],
    content: Annotated[str, Field(description="One or more lines", min_length=1)],
    version: Version = "",
    encoding: Encoding = "",
) -> Written:
    """Insert lines into a text file; everything else stays byte for byte."""
    return await offload(_insert, desk, path, line, content, version, encoding)


def _write(desk: Desk, path: str, content: str, version: str, encoding: str) -> Written:
    coding = for_new(encoding)
    data = coding.bom + written(content, coding, "content")
    with held(desk.spot(path)) as file:
        file.need_version(version)
        return _answer(file, "Successfully wrote to", file.replace(data), len(data))


def _append(desk: Desk, path: str, content: str, create: bool) -> Written:
    with held(desk.spot(path)) as file:
        if not create:
            file.found.need()
        size = 0 if file.status is None else file.status.st_size
        if size > MOST_BYTES:
            return _append_in_place(file, content, size)
        old = file.content()
        coding = _coding(file, old, "")
        data = old + written(_with_ends(content, old[-SAMPLE_BYTES:], coding), coding, "content")
        return _answer(file, "Successfully appended to", file.replace(data), len(data))


def _append_in_place(file: Held, content: str, size: int) -> Written:
    """A file too large to be replaced is continued by one write; what a full disk left of it is taken back."""
    with failures(file.found.spot):
        coding = _coding(file, os.pread(file.fd, SAMPLE_BYTES, 0), "")
        end = os.pread(file.fd, SAMPLE_BYTES, max(0, size - SAMPLE_BYTES))
        data = written(_with_ends(content, end, coding), coding, "content")
        flags = os.O_WRONLY | os.O_APPEND | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        fd = os.open(file.found.name, flags, dir_fd=file.found.dir_fd)
        try:
            if not os.path.samestat(os.fstat(fd), os.fstat(file.fd)):
                raise InvalidRequest("the file was replaced by somebody else meanwhile", hint="again")
            done = 0
            try:
                while done < len(data):
                    done += os.write(fd, data[done:])
                os.fsync(fd)
            except OSError:
                os.ftruncate(fd, size)
                raise
            status = os.fstat(fd)
        finally:
            os.close(fd)
    file.notes.append(f"continued in place: it is larger than {MOST_BYTES:,} bytes")
    return _answer(file, "Successfully appended to", versions.of_status(status), status.st_size)


def _insert(desk: Desk, path: str, line: int, content: str, version: str, encoding: str) -> Written:
    with held(desk.spot(path)) as file:
        file.found.need()
        file.need_version(version)
        old = file.content()
        coding = _coding(file, old, encoding)
        text = coding.decode(old[len(coding.bom) :])
        if coding.bom + coding.encode(text) != old:
            raise InvalidRequest(f"{coding.name} does not give back every byte of the file", hint="encoding latin-1")
        lines = versions.measured_bytes(text.encode("utf-8", "surrogateescape")).lines or 0
        if line > lines + 1:
            raise InvalidRequest(
                f"line is {line:,}, the file has {lines:,} lines", hint=f"1 to {lines + 1}, or 0: the end"
            )
        position = len(text)
        if 0 < line <= lines:
            position = 0
            for _ in range(line - 1):
                position = text.index("\n", position) + 1
        new = _with_ends(content, old, coding)
        end = "\r\n" if _windows(old, coding) else "\n"
        if position == len(text) and text and not text.endswith("\n"):
            new = end + new.removesuffix(end)  # the last line keeps its missing end
        elif not new.endswith("\n"):
            new += end
        before, after = coding.encode(text[:position]), coding.encode(text[position:])
        data = coding.bom + before + written(new, coding, "content") + after
        return _answer(file, "Successfully inserted lines into", file.replace(data), len(data))


def _coding(file: Held, data: bytes, encoding: str) -> Coding:
    if not data and not encoding:
        return Coding("utf-8")
    whole = file.status is None or len(data) >= file.status.st_size
    coding = coding_of(data, encoding, whole=whole)
    if coding is None:
        raise binary(file.found.spot, data[:SAMPLE_BYTES], len(data))
    return coding


def _windows(data: bytes, coding: Coding) -> bool:
    end, plain = "\r\n".encode(coding.name), "\n".encode(coding.name)
    return 2 * data.count(end) > data.count(plain) > 0


def _with_ends(content: str, beside: bytes, coding: Coding) -> str:
    """Give text the line ends that most lines beside it have."""
    text = content.replace("\r\n", "\n")
    if not beside:
        return content
    return text.replace("\n", "\r\n") if _windows(beside, coding) else text


def _answer(file: Held, done: str, version: str, size: int) -> Written:
    return Written(path=file.found.spot.shown, done=done, version=version, bytes=size, notes=file.notes)
