"""Finding things: files by name, and lines by what they say."""

from __future__ import annotations

import os
import stat
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Any, Literal

import anyio
from mcp_types import CallToolResult
from pydantic import Field

from openmanager_core.errors import InvalidRequest
from openmanager_core.job import offload
from openmanager_core.text import quoted, visible
from openmanager_filesystem import globs, proof
from openmanager_filesystem.desk import TheDesk
from openmanager_filesystem.find_parameters import (
    FACTS,
    Cursor,
    Excludes,
    Limit,
    MaxChars,
    Path,
    answer,
    how_many,
    length,
    problems,
)
from openmanager_filesystem.ripgrep import Match, Page, Reader, messages
from openmanager_filesystem.searching import (
    QUIETLY,
    SECONDS,
    Held,
    IgnoreFiles,
    opened,
    ripgrep,
    walked,
    working_directory,
)
from openmanager_filesystem.trash import TRASH
from openmanager_kit import child, cursors
from openmanager_kit.confined import walk
from openmanager_kit.confined.names import shown_path
from openmanager_kit.confined.roots import Spot
from openmanager_kit.tools import Tool, reads

_LONGEST_PATTERN = 4000
_WIDEST = 400


async def search_files(
    desk: TheDesk,
    path: Path,
    pattern: Annotated[str, Field(description="Glob over the path below `path`; **/*.py looks at every depth")],
    excludePatterns: Excludes = [],  # noqa: B006, N803 - the schema shows the default; the name is the peer's
    kind: Literal["any", "file", "directory"] = "any",
    hidden: Annotated[bool, Field(description="Names that begin with a dot too")] = True,
    gitignore: Annotated[bool, Field(description="Leave out what .gitignore names")] = False,
    limit: Limit = 1000,
    cursor: Cursor = "",
    max_chars: MaxChars = 10_000,
) -> CallToolResult:
    """Find files and directories by name with a glob; search_text finds lines."""
    if not pattern:
        raise InvalidRequest("pattern must be a glob, got an empty one", hint="**/* for everything")
    spot = desk.spot(path)
    key = ["search_files", spot.path, pattern, excludePatterns, kind, hidden, gitignore]
    skip = cursors.decode(cursor, key)
    base = spot.path.rstrip("/") + "/"
    rg = [ripgrep(), "--files", *QUIETLY, "--null", "--sort", "path"] if gitignore else []
    request = {
        "path": globs.expression(pattern),
        "name": globs.only_a_name(pattern),
        "excluded": globs.excluding(excludePatterns, anywhere=False),
        "deepest": 0 if gitignore else globs.deepest(pattern),
        "kind": kind,
        "hidden": hidden,
        "left_out": "" if TRASH in spot.parts else TRASH,
        "skip": skip,
        "limit": limit,
        "room": max_chars - FACTS,
        "each": len(base) + 4,
        "rg": [*rg, *(["--hidden"] if hidden else []), "./"] if gitignore else [],
    }
    found = await walked(spot, request)
    paths = await offload(_as_fit, found.paths, shown_path(base), max_chars - FACTS)
    after = skip + len(paths)
    cursor_on = cursors.encode(after, key) if after < found.total else ""
    facts = [
        f"{len(paths)} of {found.total} matches; cursor={cursor_on} for more" if cursor_on else "",
        "" if found.total else _why_no_file(pattern, found.seen, kind),
        f"stopped after {SECONDS:g} s, {found.seen} entries seen: choose a path further down" if found.late else "",
        problems(found.errors, found.failed),
        f"{TRASH} was left out" if found.trash else "",
    ]
    structured: dict[str, Any] = {"paths": paths, "total": found.total, "next_cursor": cursor_on or None}
    if any(facts[2:]):
        structured["problems"] = [fact for fact in facts[2:] if fact]
    return answer("\n".join(paths) or "No matches found", facts, structured)


def _as_fit(found: list[str], base: str, room: int) -> list[str]:
    """Show the first paths, as many as fit and one at least."""
    paths: list[str] = []
    for one in found:
        paths.append(base + shown_path(one))
        room -= length(paths[-1])
        if room < 0 and len(paths) > 1:
            paths.pop()
            break
    return paths


def _why_no_file(pattern: str, seen: int, kind: str) -> str:
    looked = f"{how_many(seen, 'entry', 'entries')} looked at"
    if "/" not in pattern and not pattern.startswith(("!", "#")):
        return f"{looked}; {quoted(pattern, 80)} only looks at the top level, **/{visible(pattern)[:80]} at every depth"
    if not any(sign in pattern for sign in "*?[{"):
        return (
            f"{looked}; the pattern has no wildcard: *{visible(pattern.rpartition('/')[2])[:80]}* finds parts of names"
        )
    return looked + (f"; kind={kind} leaves the others out" if kind != "any" else "")


async def search_text(
    desk: TheDesk,
    path: Annotated[str, Field(description="Directory or file")],
    pattern: Annotated[str, Field(description="Regular expression (Rust syntax), one line at a time")],
    literal: Annotated[bool, Field(description="Take pattern as plain text")] = False,
    case_sensitive: bool = True,
    glob: Annotated[list[str], Field(max_length=50, description="Only such files, e.g. *.py; !*.min.js excludes")] = [],  # noqa: B006
    before: Annotated[int, Field(ge=0, le=10, description="Lines shown before a match")] = 0,
    after: Annotated[int, Field(ge=0, le=10, description="Lines shown after it")] = 0,
    mode: Annotated[
        Literal["content", "files", "count"], Field(description="Lines, names of files, or matching lines per file")
    ] = "content",
    hidden: Annotated[bool, Field(description="Files that begin with a dot too")] = False,
    gitignore: Annotated[bool, Field(description="Leave out what .gitignore names")] = True,
    max_per_file: Annotated[int, Field(ge=0, description="Most lines per file; 0: all")] = 0,
    limit: Annotated[int, Field(ge=1, le=100_000, description="Most matches, or files")] = 200,
    cursor: Cursor = "",
    max_chars: MaxChars = 10_000,
) -> CallToolResult:
    """Find lines in files with ripgrep, in order of paths; read_text_file shows what is around them."""
    if not pattern or len(pattern) > _LONGEST_PATTERN or "\0" in pattern:
        raise InvalidRequest(f"pattern must have 1 to {_LONGEST_PATTERN} characters, none of them NUL")
    if bad := next((one for one in glob if not one.strip("!") or "\0" in one or len(one) > globs.LONGEST), None):
        raise InvalidRequest(f"glob {quoted(bad, 60)} is no pattern", hint="*.py, or !*.min.js to exclude")
    spot = desk.spot(path)
    key = ["search_text", spot.path, pattern, literal, case_sensitive, glob, before, after, mode, hidden, gitignore]
    key.append(max_per_file)
    skip = cursors.decode(cursor, key)
    words = [ripgrep(), *QUIETLY, "--sort", "path"]
    words += ["--binary", "--json", f"-B{before}", f"-A{after}"] if mode == "content" else ["--null", "--color=never"]
    words += {"content": [], "files": ["--files-with-matches"], "count": ["--count", "--with-filename"]}[mode]
    words += ["--fixed-strings"] if literal else []
    words.append("--case-sensitive" if case_sensitive else "--ignore-case")
    words += ["--hidden"] if hidden else []
    words += [] if gitignore else ["--no-ignore"]
    words += [f"--max-count={max_per_file}"] if max_per_file else []
    words += _filters(glob, hidden)
    words += [] if TRASH in spot.parts else [f"--glob=!**/{TRASH}/**"]
    words += ["--regexp", pattern, "--"]
    search = _Search(spot, words, skip, limit, max_chars - FACTS)
    widest = max(40, min(_WIDEST, (max_chars - FACTS) // (2 * (before + after + 2))))
    await search.run((before, after, widest) if mode == "content" else None, counted=mode == "count")
    return search.answered(lambda at: cursors.encode(at, key), counted=mode == "count", narrowed=bool(glob))


def _filters(patterns: list[str], hidden: bool) -> list[str]:
    """Write the filters for ripgrep such that what is hidden or ignored stays out.

    A plain ``--glob`` would bring both back; a type of file only what is hidden.
    """
    wanted = [one for one in patterns if not one.startswith("!")]
    last = [] if hidden or not wanted else ["--glob=!.*"]
    if any("/" in one for one in wanted):
        return [*(f"--glob={one}" for one in patterns), *last]
    named = [*(f"--type-add=wanted:{one}" for one in wanted), *(["--type=wanted"] if wanted else [])]
    return [*named, *(f"--glob={one}" for one in patterns if one.startswith("!")), *last]


class _Search:
    """One run of ripgrep and the page that comes of it."""

    def __init__(self, spot: Spot, words: list[str], skip: int, limit: int, room: int) -> None:
        self._spot, self._words = spot, words
        self._skip, self._limit = skip, limit
        self._room = self._texts = self._structures = room
        self._ignoring = IgnoreFiles(spot)
        self._count = self._vanished = 0
        self._page = Page()
        self._rows: list[tuple[str, int]] | None = None
        self._errors: list[tuple[str, str]] = []
        self._failed = 0
        self._file = False

    async def run(self, content: tuple[int, int, int] | None, *, counted: bool) -> None:
        """Look for lines, with so many around them and so wide, or else for files.

        A second time without ignore rules if there is an ignore file that ripgrep must not open.
        """
        for again in (False, True):
            self._texts = self._structures = self._room
            self._page = Page()
            await (self._files(counted) if content is None else self._lines(*content))
            if again or not self._ignoring.count:
                break
            self._words.insert(1, "--no-ignore")
        self._count = len(self._page.matches if self._rows is None else self._rows)
        if self._file:
            self._errors = [(self._spot.shown, why) for _, why in self._errors]
        else:
            await offload(self._prove)
        self._errors = [*self._ignoring.errors, *self._errors]
        self._failed += self._ignoring.count

    def _prove(self) -> None:
        """Leave out what is not there if looked for without following links."""
        with walk.directory(self._spot) as fd:
            if self._rows is None:
                self._page.matches = proof.shown(fd, self._page.matches)
            else:
                there = proof.named(fd, [name for name, _ in self._rows])
                self._rows = [row for row in self._rows if row[0] in there]
            self._errors = [(shown_path(proof.nearest(fd, path)), why) for path, why in self._errors]
        self._vanished = self._count - len(self._page.matches if self._rows is None else self._rows)

    async def _lines(self, before: int, after: int, widest: int) -> None:
        reader = Reader(self._skip, self._limit, before, after, widest, self._fits)
        self._page = reader.page
        async with self._running() as running:
            async for raw in messages(running.chunks()):
                if reader.take(raw):
                    return
            await self._ended(running)

    async def _files(self, counted: bool) -> None:
        rows: list[tuple[str, int]] = []
        self._rows = rows
        passed = 0
        async with self._running() as running:
            async for name, count in _records(running.chunks(), counted):
                passed += 1
                if passed <= self._skip:
                    continue
                cost = len(self._shown(name)) + 30
                if rows and (len(rows) >= self._limit or self._texts < cost):
                    self._page.more = True
                    return
                self._texts -= cost
                rows.append((name, count))
            await self._ended(running)

    @asynccontextmanager
    async def _running(self) -> AsyncIterator[child.Child]:
        """Run ripgrep in the directory, or on the file, that was opened; at most `SECONDS`."""
        with anyio.move_on_after(SECONDS) as scope:
            status = await offload(_status, self._spot)
            if stat.S_ISREG(status.st_mode):
                self._file = True
                with await offload(Held, self._spot, walk.regular_file) as fd:
                    async with child.child([*self._words, f"/dev/fd/{fd}"], pass_fds=(fd,)) as running:
                        yield running
            else:
                async with opened(self._spot) as fd:
                    cwd = working_directory(fd, self._spot)
                    async with self._ignoring.watching(cwd), child.child([*self._words, "./"], cwd=cwd) as running:
                        yield running
        self._page.late = scope.cancelled_caught

    async def _ended(self, running: child.Child) -> None:
        """Take note of what ripgrep could not read.

        Raises
        ------
        InvalidRequest
            If it did not understand the pattern or a glob.
        """
        said = os.fsdecode(await running.errors())
        code = await running.ended()
        complaints = [line.removeprefix("rg: ") for line in said.splitlines() if line.startswith("rg: ")]
        unread = [line for line in complaints if "(os error" in line]
        if code == 2 and (len(unread) < len(complaints) or not complaints):
            raise _refused(said)
        self._failed = len(unread)
        for line in unread[:3]:
            where, _, why = line.partition(" (os error")[0].rpartition(": ")
            where = where.partition(": IO error for operation on ")[0]
            self._errors.append((where.removeprefix("./"), why.lower()))

    def _shown(self, relative: str) -> str:
        return self._spot.shown if self._file else shown_path(f"{self._spot.path.rstrip('/')}/{relative}")

    def _fits(self, match: Match) -> bool:
        return self._texts > 0 and self._structures > 0 and self._measure(match)

    def _measure(self, match: Match) -> bool:
        """Take a match's room from the page; the lines after it are reckoned as long as it is itself."""
        around = sum(map(len, match.before)) + 12 * len(match.before)
        self._texts -= len(self._shown(match.path)) + len(match.text) + around + 14
        self._structures -= length(self._row(match)) + around
        return self._texts > 0 and self._structures > 0

    def _row(self, match: Match) -> dict[str, Any]:
        row: dict[str, Any] = {"path": self._shown(match.path), "line": match.line, "text": match.text}
        if match.before:
            row["before"] = match.before
        if match.after:
            row["after"] = match.after
        return row

    def answered(self, cursor_at: Any, *, counted: bool, narrowed: bool) -> CallToolResult:
        """Put the page into words."""
        page, rows = self._page, self._rows
        count = len(page.matches) if rows is None else len(rows)
        cursor = cursor_at(self._skip + self._count) if page.more or (page.late and self._count) else ""
        what = "match" if rows is None else "file"
        none = f"no matches in {how_many(page.searched, 'file')}" if page.searched else "no matches"
        tries = "; hidden and ignored files were left out (hidden, gitignore)" if not count and not self._file else ""
        facts = [
            "" if count else none + tries + ("; glob narrows it" if narrowed else ""),
            f"{how_many(count, what, 'matches' if what == 'match' else '')} here, there are more; cursor={cursor}"
            if cursor
            else "",
            f"stopped after {SECONDS:g} s: choose a path further down" if page.late else "",
            f"{how_many(page.binary, 'binary file')} with matches left out" if page.binary else "",
            f"{how_many(self._vanished, what, 'matches' if what == 'match' else '')} left out, changed meanwhile"
            if self._vanished
            else "",
            problems(self._errors, self._failed),
        ]
        structured: dict[str, Any]
        if rows is None:
            text = self._grouped(page.matches)
            structured = {"matches": [self._row(match) for match in page.matches]}
        else:
            shown = [(self._shown(name), number) for name, number in rows]
            text = "\n".join(f"{name}:{number}" if counted else name for name, number in shown)
            structured = {"files": [{"path": n, "count": c} if counted else n for n, c in shown]}
        structured["next_cursor"] = cursor or None
        if any(facts[2:]):
            structured["problems"] = [fact for fact in facts[2:] if fact]
        return answer(text, facts, structured)

    def _grouped(self, matches: list[Match]) -> str:
        """Write each file once, and below it its lines as ``12:match`` and ``13-context``."""
        out: list[str] = []
        path = None
        for match in matches:
            if match.path != path:
                path = match.path
                out += ["", self._shown(path)] if out else [self._shown(path)]
            first = match.line - len(match.before)
            out += [f"{first + i}-{text}" for i, text in enumerate(match.before)]
            out.append(f"{match.line}:{match.text}")
            out += [f"{match.line + 1 + i}-{text}" for i, text in enumerate(match.after)]
        return "\n".join(out)


def _status(spot: Spot) -> os.stat_result:
    with walk.entry(spot) as found:
        return found.need()


def _refused(said: str) -> InvalidRequest:
    """Shorten ripgrep's complaint about a pattern."""
    lines = [line.strip() for line in said.replace("rg: ", "").splitlines()]
    reason = next((line.removeprefix("error: ") for line in lines if line.startswith("error: ")), "")
    first = next((line for line in lines if line), "ripgrep refused it")
    where = "glob" if "glob" in first else "pattern"
    if not reason and "literal" in first and "\\n" in said:
        reason = "a search looks at one line at a time"
    return InvalidRequest(
        f"{where}: {visible(reason or first)[:200]}", hint="literal=true for plain text" if where == "pattern" else ""
    )


async def _records(chunks: AsyncIterator[bytes], counted: bool) -> AsyncIterator[tuple[str, int]]:
    """Read ``path NUL`` or ``path NUL count newline``."""
    left = b""
    async for data in chunks:
        left += data
        while True:
            name, nul, rest = left.partition(b"\0")
            number, ended, behind = rest.partition(b"\n") if counted else (b"0", b"\n", rest)
            if not nul or not ended:
                break
            left = behind
            yield os.fsdecode(name).removeprefix("./"), int(number)


SEARCHING: tuple[Tool, ...] = (reads(search_files, "Find files by name"), reads(search_text, "Find text in files"))
