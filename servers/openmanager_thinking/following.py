"""Word to whoever follows a chain when a thought comes, from this process or another; both eras.

What this process writes is told at once. Other processes' thoughts are found by a look at the file twice a second,
and only while somebody follows.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from mcp.server.context import ServerRequestContext

from openmanager_core.errors import FleetError
from openmanager_kit.following import EVERY_S, Follower, serve_subscriptions
from openmanager_kit.server import OpenManagerServer
from openmanager_thinking.desk import Desk, owner_of
from openmanager_thinking.lookups import need_chain
from openmanager_thinking.resources import handle_of

if TYPE_CHECKING:
    import sqlite3

State = tuple[int, int, int]
GONE: State = (-1, -1, -1)


class ChainFollower(Follower[tuple[str, str]]):
    """Looks at chains, each an owner and a handle."""

    def __init__(self, desk: Desk, every_s: float = EVERY_S) -> None:
        super().__init__(every_s)
        self._desk = desk
        desk.store.on_write = self.nudge

    async def find(self, uri: str, ctx: ServerRequestContext[Any, Any]) -> tuple[tuple[str, str], object]:
        """Find a chain of whoever asks.

        Raises
        ------
        InvalidRequest
            If the address is not a chain's.
        NotFound
            If the caller has no such chain.
        """
        handle, owner = handle_of(uri), owner_of(ctx.request)
        return (owner, handle), await self._desk.store.read(lambda db: _state(db, owner, handle))

    async def states(self, followed: Sequence[tuple[str, str]]) -> Sequence[object]:
        """Look at all of them in one transaction; a chain that is gone has a state of its own."""
        return await self._desk.store.read(partial(_states, followed=followed))


def _states(db: sqlite3.Connection, followed: Sequence[tuple[str, str]]) -> list[State]:
    states = []
    for owner, handle in followed:
        try:
            states.append(_state(db, owner, handle))
        except FleetError:
            states.append(GONE)
    return states


def _state(db: sqlite3.Connection, owner: str, handle: str) -> State:
    """Describe a chain such that a change of it changes the description."""
    chain = need_chain(db, owner, handle)
    return chain.thoughts, chain.conclusions, chain.open


def follow(server: OpenManagerServer, desk: Desk, every_s: float = EVERY_S) -> ChainFollower:
    """Let clients follow the server's chains."""
    follower = ChainFollower(desk, every_s)
    serve_subscriptions(server, follower)
    return follower
