"""Who wrote a line, and where a text stands: `git blame` and `git grep`, in a child that can be stopped."""

from __future__ import annotations

import os
import re
from datetime import UTC, datetime
from typing import Annotated

from mcp_types import CallToolResult
from pydantic import Field

from openmanager_core.errors import InvalidRequest, NotFound, SourceInvalid
from openmanager_core.job import offload
from openmanager_core.text import quoted, visible
from openmanager_git import diffs, raw, revisions
from openmanager_git.desk import TheDesk
from openmanager_git.plumbing import read_git
from openmanager_git.reading_parameters import Cursor, Limit, MaxChars, OnlyPath, RepoPath, Revision
from openmanager_git.repository import reached
from openmanager_kit import cursors
from openmanager_kit.answers import MAX_CHARS, Answer, paged
from openmanager_kit.confined.names import shown_path

_LINES_AT_ONCE = 2000
_LINE_SHOWN = 400
_HEADER = re.compile(rb"([0-9a-f]{40}) \d+ (\d+)")
_MOST_FOUND = 16 * 1024 * 1024
# A line that matches has its column too, a line around it has not.
_FOUND = re.compile(rb"(\d+)\x00(?:(\d+)\x00)?(.*)", re.DOTALL)


async def git_blame(
    desk: TheDesk,
    repo_path: RepoPath,
    path: Annotated[str, Field(description="File in the repository")],
    revision: Revision = "HEAD",
    start_line: Annotated[int, Field(ge=1, description="First line")] = 1,
    end_line: Annotated[int, Field(ge=0, description="Last line; 0: the end")] = 0,
    cursor: Cursor = "",
    max_chars: MaxChars = MAX_CHARS,
) -> CallToolResult:
    """Who last changed each line of a committed file, and when."""
    if end_line and end_line < start_line:
        raise InvalidRequest(f"end_line must be at least start_line ({start_line}), got {end_line}")
    place, repo = await offload(reached, desk, repo_path)
    named = await revisions.hash_of(place, repo, revision, "revision")
    only = diffs.only_path(place, path)
    key = ["blame", place.git_dir, named, only, start_line, end_line]
    first = cursors.decode(cursor, key) or start_line
    last = min(end_line or first + _LINES_AT_ONCE - 1, first + _LINES_AT_ONCE - 1)
    words: list[str | bytes] = [
        "blame",
        "--porcelain",
        "--no-textconv",
        "-L",
        f"{first},{last}",
        named,
        "--",
        os.fsencode(only),
    ]
    done = await read_git(place, *words)
    if done.code:
        said = done.err.decode(errors="replace")
        short = re.search(r"has only (\d+) line", said)
        if short is not None:
            raise InvalidRequest(f"start_line must be at most {short[1]}, the file's last line, got {first}")
        raise NotFound(f"path {quoted(path)}: no such file in {quoted(revision, 80)}", hint=f"git_show {revision}:")
    lines = _blamed(done.out)
    out: list[str] = []
    used, number, facts = 0, first, list[str]()
    for number, line in lines:
        if used + len(line) + 1 > raw.room(max_chars) and out:
            number -= 1
            break
        out.append(line[: raw.room(max_chars) - 1])
        used += len(out[-1]) + 1
    complete = number >= lines[-1][0] and (len(lines) < _LINES_AT_ONCE or number == end_line) if lines else True
    if not complete:
        facts.append(f"lines {first} to {number}: go on with cursor={cursors.encode(number + 1, key)}")
    return raw.answer("\n".join(out), facts)


def _blamed(out: bytes) -> list[tuple[int, str]]:
    """Read the porcelain form: a header per line, facts on a commit at its first line only."""
    people: dict[bytes, list[str]] = {}
    lines: list[tuple[int, str]] = []
    commit, number = b"", 0
    for line in out.split(b"\n"):
        header = _HEADER.match(line)
        if line.startswith(b"\t"):
            name, date = people.get(commit, ["", ""])
            text = raw.decoded(line[1:])[0]
            lines.append((number, f"{commit[:8].decode()} ({name} {date} {number}) {text}"))
        elif header is not None:
            commit, number = header[1], int(header[2])
            people.setdefault(commit, ["", ""])
        elif line.startswith(b"author "):
            people[commit][0] = visible(raw.decoded(line[7:])[0][:60])
        elif line.startswith(b"author-time "):
            people[commit][1] = datetime.fromtimestamp(min(int(line[12:]), 1 << 36), UTC).strftime("%Y-%m-%d %H:%M")
    return lines


_BAD_PATTERN = b"fatal: -e option, "
"""How git begins what it says of a pattern that it cannot read."""


class Match(Answer):
    """One line that was found; `context` marks lines around it."""

    path: str
    line: int
    text: str
    context: bool = False


class GrepAnswer(Answer):
    """Lines that hold a text."""

    matches: list[Match]
    total: int
    complete: bool = Field(description="False if the search was stopped at its bound")
    next_cursor: str | None

    def as_text(self) -> str:
        """One line each, as git grep -n prints them."""
        if not self.matches:
            return "No matches found"
        rows = [f"{m.path}{'-' if m.context else ':'}{m.line}{'-' if m.context else ':'}{m.text}" for m in self.matches]
        if self.next_cursor:
            rows.append(f"({self.total} lines in all: go on with cursor={self.next_cursor})")
        return "\n".join(rows if self.complete else [*rows, "(stopped at the bound of the search)"])


async def git_grep(
    desk: TheDesk,
    repo_path: RepoPath,
    pattern: Annotated[str, Field(min_length=1, max_length=1000, description="Text to find")],
    revision: Annotated[str, Field(description="Search this revision; empty: the tracked files of the work tree")] = "",
    path: OnlyPath = "",
    regex: Annotated[bool, Field(description="The text is an extended regular expression")] = False,
    case_sensitive: Annotated[bool, Field(description="Letter case counts")] = True,
    context: Annotated[int, Field(ge=0, le=20, description="Lines around each match")] = 0,
    limit: Limit = 200,
    cursor: Cursor = "",
    max_chars: MaxChars = MAX_CHARS,
) -> GrepAnswer:
    """Find text in tracked files, of the work tree or of any revision."""
    if any(char in pattern for char in "\0\n\r") or any(0xD800 <= ord(c) <= 0xDFFF for c in pattern):
        raise InvalidRequest(f"pattern must be one line of text, got {quoted(pattern, 80)}")
    place, repo = await offload(reached, desk, repo_path)
    named = ""
    if revision or place.bare:
        named = await revisions.hash_of(place, repo, revision or "HEAD", "revision")
    only = diffs.only_path(place, path)
    words: list[str | bytes] = ["grep", "-n", "-I", "--null", "--column", "--full-name", "--no-color", "--no-textconv"]
    words += ["--no-recurse-submodules", "-E" if regex else "-F", f"-C{context}"]
    words += [] if case_sensitive else ["-i"]
    words += ["-e", pattern, *([named] if named else []), "--", *([os.fsencode(only)] if only else [])]
    done = await read_git(place, *words, most_bytes=_MOST_FOUND)
    unread = bool(named) and b"unable to read" in done.err  # which git counts as no match
    if not done.cut and (unread or done.code not in (0, 1)) and _BAD_PATTERN not in done.err:
        raise SourceInvalid(
            "the search failed: " + ("objects are missing" if unread else f"git ended with {done.code}"),
            hint="git fsck; a shallow or partial clone lacks objects",
        )
    if done.code > 1:
        raise InvalidRequest(
            f"pattern {quoted(pattern, 80)} cannot be searched for",
            hint="regex=false, or an extended regular expression",
        )

    def work() -> GrepAnswer:
        rows = _found(done.out, named)

        def build(part: list[tuple[bytes, int, bytes, bool]], total: int, following: str | None) -> GrepAnswer:
            made = [Match(path=shown_path(os.fsdecode(p)), line=n, text=_shown(t), context=c) for p, n, t, c in part]
            return GrepAnswer(matches=made, total=total, complete=not done.cut, next_cursor=following)

        key = ["grep", place.git_dir, named, only, pattern, regex, case_sensitive, context]
        return paged(rows, build, limit=limit, cursor=cursor, key=key, max_chars=max_chars)

    return await offload(work)


def _shown(line: bytes) -> str:
    text = visible(raw.decoded(line[: 4 * _LINE_SHOWN])[0]).replace("\\t", "\t")
    return text if len(text) <= _LINE_SHOWN else f"{text[:_LINE_SHOWN]}... [+{len(text) - _LINE_SHOWN} characters]"


def _found(out: bytes, named: str) -> list[tuple[bytes, int, bytes, bool]]:
    rows: list[tuple[bytes, int, bytes, bool]] = []
    lead = f"{named}:".encode() if named else b""
    for line in out.split(b"\n"):
        path, zero, rest = line.partition(b"\0")
        match = _FOUND.match(rest) if zero else None
        if match is not None:
            rows.append((path.removeprefix(lead), int(match[1]), match[3], match[2] is None))
    return rows
