"""Files and directories as resources, and word to whoever subscribed when they change.

Paths are looked at twice a second, all in one thread, and only while somebody is subscribed; why there is no
inotify: docs/decisions/filesystem-watch.md. Both eras are served: ``resources/subscribe`` and, since 2026-07-28,
``subscriptions/listen``.
"""

from __future__ import annotations

import asyncio
import inspect
import itertools
import os
import stat
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote, urlsplit

import anyio
import anyio.to_thread
from mcp.server.context import ServerRequestContext
from mcp.server.mcpserver import Context
from mcp.server.mcpserver.resources import ResourceSecurity
from mcp.server.subscriptions import InMemorySubscriptionBus, ListenHandler, ResourceUpdated, SubscriptionBus
from mcp.shared.exceptions import MCPError
from mcp_types import (
    INVALID_PARAMS,
    EmptyResult,
    InputRequiredResult,
    ListRootsRequest,
    ListRootsResult,
    SubscribeRequestParams,
    SubscriptionsListenRequestParams,
    SubscriptionsListenResult,
    UnsubscribeRequestParams,
)

from openmanager_core.errors import FleetError, InvalidRequest, Unsupported
from openmanager_core.job import offload
from openmanager_core.text import quoted
from openmanager_filesystem.desk import Desk, TheDesk, narrowed
from openmanager_filesystem.listing import MARKS, kind_of, scanned
from openmanager_kit.confined import walk
from openmanager_kit.confined.names import shown_name
from openmanager_kit.confined.roots import Spot
from openmanager_kit.injection import Injection
from openmanager_kit.server import OpenManagerServer

MOST_WATCHED = 200
EVERY_S = 0.5
LARGEST = 1_000_000
_MOST_ENTRIES = 10_000
_LISTED = 1000

Tell = Callable[[str], Awaitable[None]]


@dataclass(slots=True)
class _Watched:
    uri: str
    spot: Spot
    tell: Tell
    state: object


class Watcher:
    """Looks at what is watched and tells about changes."""

    def __init__(self, desk: Desk, every_s: float = EVERY_S) -> None:
        self._desk = desk
        self._every_s = every_s
        self._watched: dict[object, _Watched] = {}
        self._looking: asyncio.Task[None] | None = None

    @property
    def idle(self) -> bool:
        """Whether nothing is looked at."""
        return self._looking is None

    def spot(self, uri: str, desk: Desk | None = None) -> Spot:
        """Find the place of a ``file:`` address, within the roots of `desk` if they are narrower than ours.

        Raises
        ------
        InvalidRequest, NotAllowed
            If it is none, or lies outside of the roots.
        """
        return (desk or self._desk).spot(path_of(uri), "uri")

    async def look(self, uri: str, tell: Tell, desk: Desk | None = None) -> _Watched:
        """Look at a place for the first time; `hold` goes on from there.

        Raises
        ------
        InvalidRequest
            If too many places are watched already.
        FleetError
            If the place cannot be looked at; one that does not exist yet may be watched.
        """
        spot = self.spot(uri, desk)
        if len(self._watched) >= MOST_WATCHED:
            raise InvalidRequest(f"at most {MOST_WATCHED} places are watched at once", hint="unsubscribe from some")
        return _Watched(uri, spot, tell, await anyio.to_thread.run_sync(_state, spot, True))

    def hold(self, key: object, watched: _Watched) -> None:
        """Watch a place until `release` of the same key."""
        self._watched[key] = watched
        if self._looking is None:
            self._looking = asyncio.get_running_loop().create_task(self._look())

    def release(self, key: object) -> None:
        """Watch a place no longer."""
        self._watched.pop(key, None)
        if not self._watched and self._looking is not None:
            self._looking.cancel()
            self._looking = None

    async def _look(self) -> None:
        while True:
            await asyncio.sleep(self._every_s)
            watched = list(self._watched.items())
            states = await anyio.to_thread.run_sync(_states, [one.spot for _, one in watched])
            for (key, one), state in zip(watched, states, strict=True):
                if state != one.state and self._watched.get(key) is one:
                    one.state = state
                    try:
                        await one.tell(one.uri)
                    except (MCPError, OSError, anyio.ClosedResourceError, anyio.BrokenResourceError):
                        self.release(key)  # its client is gone


def _states(spots: list[Spot]) -> list[object]:
    return [_state(spot) for spot in spots]


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


class _Listen(ListenHandler):
    """Opens streams of changes; watches what each asks for while it is open."""

    def __init__(self, bus: SubscriptionBus, watcher: Watcher) -> None:
        super().__init__(bus)
        self._bus_of_changes = bus
        self._watcher = watcher

    async def __call__(
        self, ctx: ServerRequestContext[Any, Any], params: SubscriptionsListenRequestParams
    ) -> SubscriptionsListenResult:
        async def publish(uri: str) -> None:
            await self._bus_of_changes.publish(ResourceUpdated(uri=uri))

        uris = dict.fromkeys(params.notifications.resource_subscriptions or ())
        if len(uris) > MOST_WATCHED:
            raise MCPError(code=INVALID_PARAMS, message=f"at most {MOST_WATCHED} places are watched, got {len(uris)}")
        # Held all at once, and the stream subscribes to the bus before it first waits: no change falls between.
        held = {object(): await _refusing(self._watcher.look(uri, publish)) for uri in uris}
        try:
            for key, watched in held.items():
                self._watcher.hold(key, watched)
            return await super().__call__(ctx, params)
        finally:
            for key in held:
                self._watcher.release(key)


async def _refusing(looking: Awaitable[_Watched]) -> _Watched:
    try:
        return await looking
    except FleetError as exc:
        raise MCPError(code=INVALID_PARAMS, message=str(exc)) from exc


def new_bus() -> InMemorySubscriptionBus:
    """Make the bus that `watch` publishes on; the server is built with it."""
    return InMemorySubscriptionBus()


def watch(server: OpenManagerServer, desk: Desk, bus: SubscriptionBus, every_s: float = EVERY_S) -> Watcher:
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

    async def subscribe(ctx: ServerRequestContext[Any, Any], params: SubscribeRequestParams) -> EmptyResult:
        connection = ctx.session._connection
        key = (id(connection), params.uri)
        tell = ctx.session.send_resource_updated
        watcher.hold(key, await _refusing(watcher.look(params.uri, tell, await _narrowed(ctx, desk))))
        connection.exit_stack.callback(watcher.release, key)
        return EmptyResult()

    async def unsubscribe(ctx: ServerRequestContext[Any, Any], params: UnsubscribeRequestParams) -> EmptyResult:
        watcher.release((id(ctx.session._connection), params.uri))
        return EmptyResult()

    low = server._lowlevel_server
    low.add_request_handler("resources/subscribe", SubscribeRequestParams, subscribe)
    low.add_request_handler("resources/unsubscribe", UnsubscribeRequestParams, unsubscribe)
    low.add_request_handler("subscriptions/listen", SubscriptionsListenRequestParams, _Listen(bus, watcher))
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
