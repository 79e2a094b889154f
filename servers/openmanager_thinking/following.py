"""Word to whoever follows a chain when a thought comes, from this process or another; both eras.

What this process writes is told at once. Other processes' thoughts are found by a look at the file twice a second,
and only while somebody follows.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import anyio
from mcp.server.context import ServerRequestContext
from mcp.server.subscriptions import InMemorySubscriptionBus, ListenHandler, ResourceUpdated, SubscriptionBus
from mcp.shared.exceptions import MCPError
from mcp_types import (
    INVALID_PARAMS,
    EmptyResult,
    SubscribeRequestParams,
    SubscriptionsListenRequestParams,
    SubscriptionsListenResult,
    UnsubscribeRequestParams,
)

from openmanager_core.errors import FleetError, InvalidRequest
from openmanager_kit.server import OpenManagerServer
from openmanager_thinking.desk import Desk, owner_of
from openmanager_thinking.lookups import need_chain
from openmanager_thinking.resources import handle_of

if TYPE_CHECKING:
    import sqlite3

MOST_FOLLOWED = 200
EVERY_S = 0.5

Tell = Callable[[str], Awaitable[None]]
State = tuple[int, int, int]
GONE: State = (-1, -1, -1)


@dataclass(slots=True)
class _Followed:
    uri: str
    owner: str
    handle: str
    tell: Tell
    state: State


class Follower:
    """Looks at the chains that are followed and tells about changes."""

    def __init__(self, desk: Desk, every_s: float = EVERY_S) -> None:
        self._desk = desk
        self._every_s = every_s
        self._followed: dict[object, _Followed] = {}
        self._looking: asyncio.Task[None] | None = None
        self._nudged = asyncio.Event()
        desk.store.on_write = self._nudged.set

    @property
    def idle(self) -> bool:
        """Whether nothing is looked at."""
        return self._looking is None

    async def look(self, uri: str, request: Any, tell: Tell) -> _Followed:
        """Look at a chain for the first time; `hold` goes on from there.

        Raises
        ------
        InvalidRequest
            If the address is not a chain's, or too many are followed already.
        NotFound
            If the caller has no such chain.
        """
        handle, owner = handle_of(uri), owner_of(request)
        if len(self._followed) >= MOST_FOLLOWED:
            raise InvalidRequest(f"at most {MOST_FOLLOWED} chains are followed at once", hint="unsubscribe from some")
        state = await self._desk.store.read(lambda db: _state(db, owner, handle))
        return _Followed(uri, owner, handle, tell, state)

    def hold(self, key: object, followed: _Followed) -> None:
        """Follow a chain until `release` of the same key."""
        self._followed[key] = followed
        if self._looking is None:
            self._looking = asyncio.get_running_loop().create_task(self._look())

    def release(self, key: object) -> None:
        """Follow a chain no longer."""
        self._followed.pop(key, None)
        if not self._followed and self._looking is not None:
            self._looking.cancel()
            self._looking = None

    async def _look(self) -> None:
        while True:
            with anyio.move_on_after(self._every_s):
                await self._nudged.wait()
            self._nudged.clear()
            followed = list(self._followed.items())
            try:
                states = await self._desk.store.read(partial(_states, followed=[one for _, one in followed]))
            except FleetError:
                continue  # the file cannot be read just now: whoever calls a tool is told why
            for (key, one), state in zip(followed, states, strict=True):
                if state != one.state and self._followed.get(key) is one:
                    one.state = state
                    try:
                        await one.tell(one.uri)
                    except (MCPError, OSError, anyio.ClosedResourceError, anyio.BrokenResourceError):
                        self.release(key)  # its client is gone


def _states(db: sqlite3.Connection, followed: list[_Followed]) -> list[State]:
    states = []
    for one in followed:
        try:
            states.append(_state(db, one.owner, one.handle))
        except FleetError:
            states.append(GONE)
    return states


def _state(db: sqlite3.Connection, owner: str, handle: str) -> State:
    """Describe a chain such that a change of it changes the description."""
    chain = need_chain(db, owner, handle)
    return chain.thoughts, chain.conclusions, chain.open


class _Listen(ListenHandler):
    """Opens streams of changes; follows what each asks for while it is open."""

    def __init__(self, bus: SubscriptionBus, follower: Follower) -> None:
        super().__init__(bus)
        self._bus_of_changes = bus
        self._follower = follower

    async def __call__(
        self, ctx: ServerRequestContext[Any, Any], params: SubscriptionsListenRequestParams
    ) -> SubscriptionsListenResult:
        async def publish(uri: str) -> None:
            await self._bus_of_changes.publish(ResourceUpdated(uri=uri))

        uris = dict.fromkeys(params.notifications.resource_subscriptions or ())
        if len(uris) > MOST_FOLLOWED:
            raise MCPError(code=INVALID_PARAMS, message=f"at most {MOST_FOLLOWED} chains are followed, got {len(uris)}")
        # Held all at once, and the stream subscribes to the bus before it first waits: no change falls between.
        held = {object(): await _refusing(self._follower.look(uri, ctx.request, publish)) for uri in uris}
        try:
            for key, followed in held.items():
                self._follower.hold(key, followed)
            return await super().__call__(ctx, params)
        finally:
            for key in held:
                self._follower.release(key)


async def _refusing(looking: Awaitable[_Followed]) -> _Followed:
    try:
        return await looking
    except FleetError as exc:
        raise MCPError(code=INVALID_PARAMS, message=str(exc)) from exc


def new_bus() -> InMemorySubscriptionBus:
    """Make the bus that `follow` publishes on; the server is built with it."""
    return InMemorySubscriptionBus()


def follow(server: OpenManagerServer, desk: Desk, bus: SubscriptionBus, every_s: float = EVERY_S) -> Follower:
    """Give the server both kinds of subscriptions."""
    follower = Follower(desk, every_s)

    async def subscribe(ctx: ServerRequestContext[Any, Any], params: SubscribeRequestParams) -> EmptyResult:
        connection = ctx.session._connection
        key = (id(connection), params.uri)
        looking = follower.look(params.uri, ctx.request, ctx.session.send_resource_updated)
        follower.hold(key, await _refusing(looking))
        connection.exit_stack.callback(follower.release, key)
        return EmptyResult()

    async def unsubscribe(ctx: ServerRequestContext[Any, Any], params: UnsubscribeRequestParams) -> EmptyResult:
        follower.release((id(ctx.session._connection), params.uri))
        return EmptyResult()

    low = server._lowlevel_server
    low.add_request_handler("resources/subscribe", SubscribeRequestParams, subscribe)
    low.add_request_handler("resources/unsubscribe", UnsubscribeRequestParams, unsubscribe)
    low.add_request_handler("subscriptions/listen", SubscriptionsListenRequestParams, _Listen(bus, follower))
    return follower
