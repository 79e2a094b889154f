"""Whether a server can be used: a real handshake, a real list of tools, and what it says of its data.

"Healthy with no tools" must be impossible, so nothing is believed that was not just tried.
"""

from __future__ import annotations

import copy
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from typing import Any

import anyio

from openmanager_kit.hosting.members import Member

_PATIENCE_S = 5.0
_FRESH_S = 1.0


@dataclass(frozen=True, slots=True)
class Condition:
    """What one server's state says of itself; its `condition()` gives it.

    Attributes
    ----------
    ready
        Whether its tools can answer.
    detail
        Why not, or where the data comes from.
    data_age_s
        Age of the newest data; None if there is no such thing.
    """

    ready: bool
    detail: str = ""
    data_age_s: float | None = None


class Readiness:
    """Tries every member, at most once a second."""

    def __init__(self, members: tuple[Member, ...]) -> None:
        self._members = members
        self._seen: tuple[float, dict[str, Any]] | None = None
        self._lock = anyio.Lock()

    async def report(self) -> dict[str, Any]:
        """Give ``{"ready": bool, "servers": {name: {...}}}``."""
        async with self._lock:
            if self._seen is None or time.monotonic() - self._seen[0] > _FRESH_S:
                found: dict[str, dict[str, Any]] = {}
                async with anyio.create_task_group() as group:
                    for member in self._members:
                        group.start_soon(_try, member, found)
                servers = {member.name: found[member.name] for member in self._members}
                ready = bool(servers) and all(one["ready"] for one in servers.values())
                self._seen = (time.monotonic(), {"ready": ready, "servers": servers})
            return self._seen[1]


@asynccontextmanager
async def _unchanged(server: Any) -> AsyncIterator[None]:
    yield


async def _try(member: Member, found: dict[str, dict[str, Any]]) -> None:
    found[member.name] = {"ready": False, "detail": f"did not answer within {_PATIENCE_S:g} s"}
    with anyio.move_on_after(_PATIENCE_S):
        found[member.name] = await condition_of(member)


async def condition_of(member: Member) -> dict[str, Any]:
    """Shake hands with a server in this process, list its tools, and ask what it says of its data."""
    if member.server is None:
        return {"ready": False, "tools": 0, "detail": member.problem, "tries": member.tries}
    from mcp.client import Client
    from mcp.server.auth.middleware.auth_context import auth_context_var

    auth_context_var.set(None)  # the look is ours, whoever asked for it: every tool counts

    low = copy.copy(member.server._lowlevel_server)
    low.lifespan = _unchanged  # the state is in use and must outlive this look
    try:
        async with Client(low) as client:
            tools = len((await client.list_tools()).tools)
    except Exception as exc:
        return {"ready": False, "tools": 0, "detail": f"the handshake failed: {type(exc).__name__}"}
    if not tools:
        return {"ready": False, "tools": 0, "detail": "it lists no tools"}
    told = getattr(member.server.state, "condition", None)
    condition: Condition = await told() if told is not None else Condition(True)
    return {"tools": tools, **asdict(condition)}
