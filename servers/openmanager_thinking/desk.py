"""What the tools of this server work on: the store, the process's own chain, and who is calling.

Over standard input and output there is one caller, the user who started the process. Over HTTP there is no session to
tell callers apart: with a bearer token the chains belong to whoever shows that token; without one they belong to
nobody, and only their handle, which cannot be guessed, leads to them.
"""

from __future__ import annotations

import hashlib
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

from mcp.server.auth.middleware.auth_context import get_access_token
from mcp.server.mcpserver import Context
from mcp.server.mcpserver.resolve import Resolve

from openmanager_core.errors import FleetError, InvalidRequest, NotAllowed
from openmanager_kit.access.roles import principal_of
from openmanager_kit.tools import state_of
from openmanager_thinking.gathering import Gathering
from openmanager_thinking.lookups import ANYBODY
from openmanager_thinking.store import Store
from openmanager_thinking.thought import new_handle

if TYPE_CHECKING:
    from openmanager_kit.hosting.readiness import Condition

LOCAL = "local"
"""Owns the chains of whoever started the process."""

NEW = "new"
_SHORTEST_TOKEN = 16


class Desk:
    """One running server."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.own = new_handle()
        """The chain of callers over standard input that name none; in the store from the first thought on."""

    def renew(self, handle: str) -> None:
        """Begin another chain of our own if this one was it."""
        if handle == self.own:
            self.own = new_handle()

    def gathering(self) -> AbstractContextManager[Gathering]:
        """Let calls that came together share a transaction; see `hosting.short_lines`."""
        return self.store.gathering()

    async def condition(self) -> Condition:
        """Whether the file of the chains can be read, for those who run this server."""
        from openmanager_kit.hosting.readiness import Condition

        try:
            count: int = await self.store.read(lambda db: db.execute("SELECT chains FROM totals").fetchone()[0])
        except FleetError as exc:
            return Condition(False, exc.message)
        return Condition(True, f"{count} chain{'' if count == 1 else 's'}")

    async def aclose(self) -> None:
        """Close the store."""
        await self.store.aclose()


@dataclass(frozen=True, slots=True)
class Visit:
    """One call: the desk, and for whom."""

    desk: Desk
    owner: str
    over_http: bool

    def chain(self, given: str) -> str:
        """Name the chain that a call is about: the one given, else the process's own.

        Raises
        ------
        InvalidRequest
            If none is given over HTTP, where no call knows of another.
        """
        if given:
            return given
        if self.over_http:
            raise InvalidRequest("chainId is required over HTTP", hint="the chainId of an earlier answer")
        return self.desk.own

    def listed(self) -> str:
        """Name the owner whose chains may be listed and searched.

        Raises
        ------
        NotAllowed
            If nothing tells this caller from others.
        """
        if self.owner == ANYBODY:
            raise NotAllowed(
                "over HTTP without a bearer token callers cannot be told apart, so no chains are listed",
                hint="give the chainId of an earlier answer, or set http.token_env",
            )
        return self.owner


def owner_of(request: Any) -> str:
    """Name the owner of the chains of a request: the user, a token by its hash, or nobody."""
    if request is None:
        return LOCAL
    shown = get_access_token()
    if shown is not None:  # checked at the door; who it stands for stays the same when the token is renewed
        return "principal " + hashlib.sha256(principal_of(shown).id.encode("utf-8", "surrogatepass")).hexdigest()
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    token = token.strip()
    if scheme.lower() != "bearer" or len(token) < _SHORTEST_TOKEN:
        return ANYBODY
    return "token " + hashlib.sha256(b"openmanager thinking " + token.encode()).hexdigest()


def visit_of(state: Any, request: Any) -> Visit:
    """Make the visit of a request, which is None over standard input."""
    assert isinstance(state, Desk)
    return Visit(state, owner_of(request), request is not None)


def this_visit(ctx: Context) -> Visit:
    """Make the visit of a call."""
    try:
        request = ctx.request_context.request
    except ValueError:  # called from Python
        request = None
    return visit_of(state_of(ctx), request)


TheVisit = Annotated[Visit, Resolve(this_visit)]
