"""Files and directories as resources, and word to whoever subscribed when they change.

Paths are looked at twice a second, all in one thread, and only while somebody is subscribed; why there is no
inotify: docs/decisions/filesystem-watch.md. Both eras are served: ``resources/subscribe`` and, since 2026-07-28,
``subscriptions/listen``.
"""

from __future__ import annotations

import inspect
import itertools
import os
import stat
from collections.abc import Sequence
from typing import Any
from urllib.parse import unquote, urlsplit

import anyio
import anyio.to_thread
from mcp.server.context import ServerRequestContext
from mcp.server.mcpserver import Context
from mcp.server.mcpserver.resources import ResourceSecurity
from mcp_types import (
    InputRequiredResult,
    ListRootsRequest,
    ListRootsResult,
)

from openmanager_core.errors import FleetError, InvalidRequest, Unsupported
from openmanager_core.job import offload
from openmanager_core.text import quoted
from openmanager_filesystem.desk import Desk, TheDesk, narrowed
from openmanager_filesystem.listing import MARKS, kind_of, scanned
from openmanager_kit.confined import walk
from openmanager_kit.confined.names import shown_name
from openmanager_kit.confined.roots import Spot
from openmanager_kit.following import EVERY_S, Follower, serve_subscriptions
from openmanager_kit.injection import Injection
from openmanager_kit.server import OpenManagerServer

LARGEST = 1_000_000
_MOST_ENTRIES = 10_000
_LISTED = 1000


class Watcher(Follower[Spot]):
    """Looks at files and directories; one that does not exist yet may be watched."""

    def __init__(self, desk: Desk, every_s: float = EVERY_S) -> None:
        super().__init__(every_s)
        self._desk = desk

    async def find(self, uri: str, ctx: ServerRequestContext[Any, Any]) -> tuple[Spot, object]:
        """Find the place of a ``file:`` address, within the roots of an older client if they are narrower than ours.

        Raises
        ------
        InvalidRequest, NotAllowed
            If it is none, lies outside of the roots, or cannot be looked at.
        """
        desk = await _narrowed(ctx, self._desk)
        spot = desk.spot(path_of(uri), "uri")
        return spot, await anyio.to_thread.run_sync(_state, spot, True)

    async def states(self, followed: Sequence[Spot]) -> Sequence[object]:
        """Look at all of them in one thread."""
        return await anyio.to_thread.run_sync(lambda: [_state(spot) for spot in followed])


def _state(spot: Spot, first: bool = False) -> object:
    """Describe a place such that a change of it changes the description."""
    try:
        with walk.entry(spot) as found:
            if found.stat is None:
                return None
            own = _marks(found.stat)
            if not stat.S_ISDIR(found.stat.st_mode):
                return own
        with walk.directory(spot) as fd, os.scandir(fd) as entries:
            return own, hash(tuple(sorted(map(_entry, itertools.islice(entries, _MOST_ENTRIES)))))
    except FleetError as exc:
        if first and exc.code != "not_found":
            raise
        return exc.code
    except OSError as exc:
        return exc.errno


def _marks(status: os.stat_result) -> tuple[int, ...]:
    return status.st_mode, status.st_ino, status.st_size, status.st_mtime_ns


def _entry(entry: os.DirEntry[str]) -> tuple[str, int, int]:
    try:
        status = entry.stat(follow_symlinks=False)
    except OSError:
        return entry.name, -1, -1
    return entry.name, status.st_mtime_ns, status.st_size


def path_of(uri: str) -> str:
    """Give the path of a ``file:`` address.

    Raises
    ------
    InvalidRequest
        If it is none.
    """
    try:
        taken = urlsplit(uri)
    except ValueError:
        taken = urlsplit("")
    if taken.scheme != "file" or taken.netloc not in ("", "localhost") or not taken.path or taken.query:
        raise InvalidRequest(f"uri must be a file address, got {quoted(uri, 80)}", hint="file:///path, percent-encoded")
    return unquote(taken.path, errors="surrogateescape")


def watch(server: OpenManagerServer, desk: Desk, every_s: float = EVERY_S) -> Watcher:
    """Give the server its resources and both kinds of subscriptions."""
    watcher = Watcher(desk, every_s)
    wanted = Injection(_resource, inspect.signature(_resource, eval_str=True).parameters)

    @server.resource(
        "file://{+path}",
        name="file",
        title="A file or directory",
        mime_type="text/plain",
        security=ResourceSecurity(exempt_params={"path"}),
    )
    async def file(path: str, ctx: Context) -> str | InputRequiredResult:
        """A text file up to 1 MB, or what a directory holds; subscribe to hear of changes."""
        filled = await wanted.fill({"path": path}, ctx)
        if isinstance(filled, InputRequiredResult):
            return filled
        return await offload(_read, filled["desk"].spot(path, "uri"))

    serve_subscriptions(server, watcher)
    return watcher


async def _resource(path: str, desk: TheDesk) -> None:
    """What a resource is read with: the roots of the client that reads it count, as for a tool."""


async def _narrowed(ctx: ServerRequestContext[Any, Any], desk: Desk) -> Desk:
    """Ask a client of an older protocol version for its roots."""
    capabilities = ctx.session.client_capabilities
    if capabilities is None or capabilities.roots is None or not ctx.session.can_send_request:
        return desk
    offered = await ctx.session.send_request(ListRootsRequest(), ListRootsResult)
    return narrowed(desk, [str(root.uri) for root in offered.roots])


def _read(spot: Spot) -> str:
    with walk.entry(spot) as found:
        folder = stat.S_ISDIR(found.need().st_mode)
    if folder:
        with walk.directory(spot) as fd:
            entries = scanned(fd)
            lines = [f"{MARKS[kind_of(entry, fd)]} {shown_name(entry.name)}" for entry in entries[:_LISTED]]
        more = len(entries) - _LISTED
        return "\n".join([*lines, f"and {more} more; list_directory pages through all"] if more > 0 else lines)
    with walk.regular_file(spot) as (fd, status), os.fdopen(os.dup(fd), "rb") as file:
        data = file.read(LARGEST + 1)
    where = f"uri {quoted(spot.shown)}"
    if len(data) > LARGEST:
        raise Unsupported(f"{where} has {status.st_size} bytes, the most is {LARGEST}", hint="read_text_file")
    try:
        if b"\0" in data:
            raise ValueError
        return data.decode("utf-8")
    except ValueError as exc:
        raise Unsupported(f"{where} is no UTF-8 text", hint="read_text_file or read_media_file") from exc
