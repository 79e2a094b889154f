"""What is unusual right now, by address and for clients that follow it: looked at every few seconds while anybody does.

Nothing is read before somebody asks. From then on a look reads what came since the one before (`watching`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import anyio
from mcp.server.context import ServerRequestContext

from openmanager_core.errors import InvalidRequest
from openmanager_core.text import ident, quoted
from openmanager_core.timespan import iso, spoken_s
from openmanager_kit.following import Follower, serve_subscriptions
from openmanager_kit.server import OpenManagerServer
from openmanager_local.answers.common import amount

if TYPE_CHECKING:
    from openmanager_local.analyst import Analyst
    from openmanager_local.watching import Watching

URI = "fleet://unusual"
EVERY_S = 15.0
_MOST_CHARS = 10_000
_MOST_LINES = 100


class Unusual(Follower[str]):
    """Watches the whole fleet for all who want to know.

    Parameters
    ----------
    analyst
        Whose source is read.
    every_s
        Seconds between looks while somebody follows.
    """

    def __init__(self, analyst: Analyst, every_s: float = EVERY_S) -> None:
        super().__init__(every_s)
        self._analyst = analyst
        self._watching: Watching | None = None
        self._lock: anyio.Lock | None = None

    async def find(self, uri: str, ctx: ServerRequestContext[Any, Any]) -> tuple[str, object]:
        """Begin to watch.

        Raises
        ------
        InvalidRequest
            If it is another address.
        FleetError
            If the source cannot be read.
        """
        if uri != URI:
            raise InvalidRequest(f"no server here tells of changes of {quoted(uri, 100)}", hint=f"follow {URI}")
        return uri, _state(await self.looked())

    async def states(self, followed: Sequence[str]) -> Sequence[object]:
        """Look once for all of them."""
        return [_state(await self.looked())] * len(followed)

    async def looked(self) -> Watching:
        """The fleet as it is now; the first who asks waits until its past is learned."""
        from openmanager_local.watching import Watching

        if self._lock is None:
            self._lock = anyio.Lock()
        async with self._lock:
            if self._watching is None:
                watching = Watching(self._analyst)
                await watching.begin()
                self._watching = watching
            else:
                await self._watching.look()
            return self._watching

    async def text(self) -> str:
        """What is unusual now, the strangest beginning first."""
        watching = await self.looked()
        going = watching.unusual()
        lines = [
            f"{len(going)} unusual among {watching.series:,} series of {watching.servers:,} servers at "
            f"{iso(watching.until_s)}; find_anomalies has the evidence"
        ]
        for event in going[:_MOST_LINES]:
            if event.kind == "silent":
                lines.append(f"- {ident(event.server)} has fallen silent")
                continue
            lines.append(
                f"- {ident(event.server)} {event.metric} since {iso(event.at_s)} ({spoken_s(event.lasted_s)}): "
                f"{amount(event.value, event.metric)}, usually {amount(event.usual, event.metric)}"
            )
        if len(going) > _MOST_LINES:
            lines.append(f"and {len(going) - _MOST_LINES} more")
        if watching.problem:
            lines.append(f"Not all could be read: {watching.problem}")
        return "\n".join(lines)[:_MOST_CHARS]


def _state(watching: Watching) -> object:
    return frozenset((event.kind, event.server, event.metric) for event in watching.unusual())


def add_unusual(server: OpenManagerServer, analyst: Analyst, every_s: float = EVERY_S) -> Unusual:
    """Give the server its resource of what is unusual, and let clients follow it."""
    unusual = Unusual(analyst, every_s)
    serve_subscriptions(server, unusual)

    @server.resource(URI, title="Unusual now", mime_type="text/plain")
    async def what_is_unusual() -> str:
        """What is unusual in the fleet right now, kept up with as readings come in; can be subscribed to."""
        return await unusual.text()

    return unusual
