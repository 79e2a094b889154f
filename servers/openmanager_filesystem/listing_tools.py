"""Looking around: what a directory holds, how big it is, and the tree below it."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from mcp_types import CallToolResult
from pydantic import Field

from openmanager_core.errors import InvalidRequest
from openmanager_core.job import offload
from openmanager_filesystem import listing, tree
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
)
from openmanager_filesystem.globs import excluding
from openmanager_kit import cursors
from openmanager_kit.confined import walk
from openmanager_kit.confined.names import shown_name
from openmanager_kit.confined.refusals import failures
from openmanager_kit.confined.roots import Spot
from openmanager_kit.tools import Tool, reads


async def list_directory(
    desk: TheDesk, path: Path, limit: Limit = 1000, cursor: Cursor = "", max_chars: MaxChars = 10_000
) -> CallToolResult:
    """List a directory: [FILE], [DIR], [LINK] name -> target, sorted by name."""
    return await offload(_listed, desk.spot(path), limit, cursor, max_chars)


def _listed(spot: Spot, limit: int, cursor: str, max_chars: int) -> CallToolResult:
    key = ["list_directory", spot.path]
    start = cursors.decode(cursor, key)
    with walk.directory(spot) as fd, failures(spot):
        found = listing.names(fd)
        page = _Page(start, len(found), limit, max_chars)
        for name in found[start : start + limit]:
            kind = listing.kind_at(name, fd)
            row = {"name": shown_name(name), "type": kind}
            line = f"{listing.MARKS[kind]} {row['name']}"
            if kind == "link":
                row["target"] = listing.target(name, fd)
                line += f" -> {row['target']}"
            if not page.add(line, row):
                break
    return page.answered("\n".join(page.lines), key, {})


async def list_directory_with_sizes(
    desk: TheDesk,
    path: Path,
    sortBy: Literal["name", "size"] = "name",  # noqa: N803 - the peer's name
    limit: Limit = 1000,
    cursor: Cursor = "",
    max_chars: MaxChars = 10_000,
) -> CallToolResult:
    """List a directory with sizes; the totals count all of it, whatever the page shows."""
    return await offload(_listed_with_sizes, desk.spot(path), sortBy, limit, cursor, max_chars)


def _listed_with_sizes(spot: Spot, sort_by: str, limit: int, cursor: str, max_chars: int) -> CallToolResult:
    key = ["list_directory_with_sizes", spot.path, sort_by]
    start = cursors.decode(cursor, key)
    with walk.directory(spot) as fd, failures(spot):
        found = listing.sized(fd)
        if sort_by == "size":
            found.sort(key=lambda entry: -entry.size)
        page = _Page(start, len(found), limit, max_chars)
        for entry in found[start : start + limit]:
            row: dict[str, Any] = {"name": shown_name(entry.name), "type": entry.kind}
            line = f"{listing.MARKS[entry.kind]} {row['name']:<30} "
            if entry.kind == "file":
                row["size_bytes"] = entry.size
                line += f"{listing.amount(entry.size):>10}"
            elif entry.kind == "link":
                row["target"] = listing.target(entry.name, fd)
                line += f"-> {row['target']}"
            if not page.add(line, row):
                break
    kinds = [entry.kind for entry in found]
    files, folders = kinds.count("file"), kinds.count("directory")
    others = {kind: kinds.count(kind) for kind in ("link", "fifo", "socket", "device")}
    combined = sum(entry.size for entry in found)
    total = f"Total: {files} files, {folders} directories" + "".join(
        f", {how_many(count, kind)}" for kind, count in others.items() if count
    )
    text = "\n".join([*page.lines, "", total, f"Combined size: {listing.amount(combined)}"])
    return page.answered(text, key, {"files": files, "directories": folders, "size_bytes": combined})


async def directory_tree(
    desk: TheDesk,
    path: Path,
    excludePatterns: Excludes = [],  # noqa: B006, N803 - the schema shows the default; the name is the peer's
    max_depth: Annotated[int, Field(ge=0, le=1000, description="Levels shown; 0: all")] = 0,
    cursor: Cursor = "",
    max_chars: MaxChars = 10_000,
) -> CallToolResult:
    """Show what lies below a directory as JSON; upper levels first, what does not fit is marked truncated."""
    spot = desk.spot(path)
    key = ["directory_tree", spot.path, excludePatterns, max_depth]
    start = cursors.decode(cursor, key)
    grown = await offload(tree.grow, spot, excluding(excludePatterns, anywhere=True), max_depth, start, max_chars)
    facts = [
        f"entries {start + 1} to {grown.shown} of {grown.total} in {spot.shown}; "
        f"cursor={cursors.encode(grown.shown, key)} for more"
        if grown.shown < grown.total
        else "",
        *grown.facts(),
    ]
    return answer(grown.text, facts)


class _Page:
    """Lines and rows as far as both fit."""

    def __init__(self, start: int, total: int, limit: int, max_chars: int) -> None:
        if start and start >= total:
            raise InvalidRequest(
                f"cursor points past the end: entry {start} of {total}",
                hint="the directory has become smaller; leave cursor empty to start from the beginning",
            )
        self.lines: list[str] = []
        self.rows: list[dict[str, Any]] = []
        self._start, self._total = start, total
        self._text = self._structured = max_chars - FACTS

    def add(self, line: str, row: dict[str, Any]) -> bool:
        self._text -= len(line) + 1
        self._structured -= length(row)
        if self.rows and (self._text < 0 or self._structured < 0):
            return False
        self.lines.append(line)
        self.rows.append(row)
        return True

    def answered(self, text: str, key: Any, more: dict[str, Any]) -> CallToolResult:
        after = self._start + len(self.rows)
        cursor = cursors.encode(after, key) if after < self._total else ""
        facts = [
            "the directory is empty" if not self._total else "",
            f"entries {self._start + 1} to {after} of {self._total}; cursor={cursor} for more" if cursor else "",
        ]
        return answer(
            text, facts, {"entries": self.rows, "total": self._total} | more | {"next_cursor": cursor or None}
        )


LISTING: tuple[Tool, ...] = (
    reads(list_directory, "List a directory"),
    reads(list_directory_with_sizes, "List a directory with sizes"),
    reads(directory_tree, "Show a directory tree"),
)
