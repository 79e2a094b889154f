"""Looking around: what a directory holds, how big it is, and the tree below it."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from mcp_types import CallToolResult
from pydantic import Field

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
)
from openmanager_filesystem.globs import excluding
from openmanager_filesystem.listing_page import Page
from openmanager_kit import cursors
from openmanager_kit.confined import walk
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
        names, others = listing.listed(fd)
        page = Page(start, len(names), max_chars - FACTS)
        page.fill(names[start : start + limit], others, None, fd)
    return _answered(page, "\n".join(page.lines), key, {})


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
        names, others = listing.listed(fd)
        files = [name for name in names if name not in others] if others else names
        sizes = listing.sizes(files, fd)
        if len(sizes) < len(files):
            names = [name for name in names if name in sizes or name in others]
        if sort_by == "size":
            names.sort(key=lambda name: -sizes.get(name, 0))
        page = Page(start, len(names), max_chars - FACTS)
        page.fill(names[start : start + limit], others, sizes, fd)
    kinds = list(others.values())
    folders, combined = kinds.count("directory"), sum(sizes.values())
    rest = {kind: kinds.count(kind) for kind in ("link", "fifo", "socket", "device")}
    total = f"Total: {len(sizes)} files, {folders} directories" + "".join(
        f", {how_many(count, kind)}" for kind, count in rest.items() if count
    )
    text = "\n".join([*page.lines, "", total, f"Combined size: {listing.amount(combined)}"])
    return _answered(page, text, key, {"files": len(sizes), "directories": folders, "size_bytes": combined})


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


def _answered(page: Page, text: str, key: Any, more: dict[str, Any]) -> CallToolResult:
    start, after, total = page.start, page.start + len(page.rows), page.total
    cursor = cursors.encode(after, key) if after < total else ""
    facts = [
        "the directory is empty" if not total else "",
        f"entries {start + 1} to {after} of {total}; cursor={cursor} for more" if cursor else "",
    ]
    return answer(text, facts, {"entries": page.rows, "total": total} | more | {"next_cursor": cursor or None})


LISTING: tuple[Tool, ...] = (
    reads(list_directory, "List a directory"),
    reads(list_directory_with_sizes, "List a directory with sizes"),
    reads(directory_tree, "Show a directory tree"),
)
