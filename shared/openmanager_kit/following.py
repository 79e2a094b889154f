"""Resources that clients follow: what is followed is looked at again and again, and its followers hear of changes.

Both eras are served: ``resources/subscribe`` up to 2025-11-25, ``subscriptions/listen`` since 2026-07-28. Nothing is
looked at while nobody follows.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

import anyio
from mcp.server.context import ServerRequestContext
from mcp.server.subscriptions import ListenHandler, ResourceUpdated, SubscriptionBus
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

MOST_FOLLOWED = 200
EVERY_S = 0.5

Tell = Callable[[str], Awaitable[None]]
What = TypeVar("What")
Context = ServerRequestContext[Any, Any]


@dataclass(slots=True)
class Followed(Generic[What]):
    """One address that somebody follows.

    Attributes
    ----------
    what
        The thing behind the address.
    state
        Compared with what a later look gives; a difference is told.
    """

    uri: str
    what: What
    tell: Tell
    state: object


class Followable(Protocol):
    """What subscriptions need of whoever looks."""

    async def look(self, uri: str, ctx: Context, tell: Tell) -> Any:
        """Look at an address for the first time, and refuse it with a `FleetError`."""
        ...

    def hold(self, key: object, followed: Any) -> None:
        """Follow what was looked at until `release` of the same key."""
        ...

    def release(self, key: object) -> None:
        """Follow it no longer."""
        ...


class Follower(ABC, Generic[What]):
    """Looks at what is followed twice a second, and at once after `nudge`."""

    def __init__(self, every_s: float = EVERY_S) -> None:
        self._every_s = every_s
        self._followed: dict[object, Followed[What]] = {}
        self._looking: asyncio.Task[None] | None = None
        self._nudged = asyncio.Event()

    @abstractmethod
    async def find(self, uri: str, ctx: Context) -> tuple[What, object]:
        """Give the thing behind an address, and its state now.

        Raises
        ------
        FleetError
            If whoever asks may not follow it.
        """

    @abstractmethod
    async def states(self, followed: Sequence[What]) -> Sequence[object]:
        """Give the states of several things now; a `FleetError` leaves all of them for the next look."""

    @property
    def idle(self) -> bool:
        """Whether nothing is looked at."""
        return self._looking is None

    def nudge(self) -> None:
        """Look at once: something was changed by ourselves."""
        self._nudged.set()

    async def look(self, uri: str, ctx: Context, tell: Tell) -> Followed[What]:
        """Look at an address for the first time; `hold` goes on from there.

        Raises
        ------
        InvalidRequest
            If too many are followed already.
        FleetError
            What `find` raises.
        """
        if len(self._followed) >= MOST_FOLLOWED:
            raise InvalidRequest(f"at most {MOST_FOLLOWED} are followed at once", hint="unsubscribe from some")
        what, state = await self.find(uri, ctx)
        return Followed(uri, what, tell, state)

    def hold(self, key: object, followed: Followed[What]) -> None:
        """Follow it until `release` of the same key."""
        self._followed[key] = followed
        if self._looking is None:
            self._looking = asyncio.get_running_loop().create_task(self._look())

    def release(self, key: object) -> None:
        """Follow it no longer."""
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
                states = await self.states([one.what for _, one in followed])
            except FleetError:
                continue  # whoever calls a tool is told why
            for (key, one), state in zip(followed, states, strict=True):
                if state != one.state and self._followed.get(key) is one:
                    one.state = state
                    try:
                        await one.tell(one.uri)
                    except (MCPError, OSError, anyio.ClosedResourceError, anyio.BrokenResourceError):
                        self.release(key)  # its client is gone


class _Listen(ListenHandler):
    """Opens streams of changes; follows what each asks for while it is open."""

    def __init__(self, bus: SubscriptionBus, followable: Followable) -> None:
        super().__init__(bus)
        self._bus_of_changes = bus
        self._followable = followable

    async def __call__(self, ctx: Context, params: SubscriptionsListenRequestParams) -> SubscriptionsListenResult:
        async def publish(uri: str) -> None:
            await self._bus_of_changes.publish(ResourceUpdated(uri=uri))

        uris = dict.fromkeys(params.notifications.resource_subscriptions or ())
        if len(uris) > MOST_FOLLOWED:
            raise MCPError(code=INVALID_PARAMS, message=f"at most {MOST_FOLLOWED} are followed, got {len(uris)}")
        # Held all at once, and the stream subscribes to the bus before it first waits: no change falls between.
        held = {object(): await _refusing(self._followable.look(uri, ctx, publish)) for uri in uris}
        try:
            for key, followed in held.items():
                self._followable.hold(key, followed)
            return await super().__call__(ctx, params)
        finally:
            for key in held:
                self._followable.release(key)


async def _refusing(looking: Awaitable[Any]) -> Any:
    try:
        return await looking
    except FleetError as exc:
        raise MCPError(code=INVALID_PARAMS, message=str(exc)) from exc


def serve_subscriptions(server: OpenManagerServer, followable: Followable) -> None:
    """Give a server both kinds of subscriptions."""

    async def subscribe(ctx: Context, params: SubscribeRequestParams) -> EmptyResult:
        # The SDK has no public word for the connection that a request came by.
        connection = ctx.session._connection
        key = (id(connection), params.uri)
        found = await _refusing(followable.look(params.uri, ctx, ctx.session.send_resource_updated))
        followable.hold(key, found)
        connection.exit_stack.callback(followable.release, key)
        return EmptyResult()

    async def unsubscribe(ctx: Context, params: UnsubscribeRequestParams) -> EmptyResult:
        followable.release((id(ctx.session._connection), params.uri))
        return EmptyResult()

    low = server._lowlevel_server
    low.add_request_handler("resources/subscribe", SubscribeRequestParams, subscribe)
    low.add_request_handler("resources/unsubscribe", UnsubscribeRequestParams, unsubscribe)
    listen = _Listen(server._subscriptions, followable)
    low.add_request_handler("subscriptions/listen", SubscriptionsListenRequestParams, listen)
    server.followable = followable
