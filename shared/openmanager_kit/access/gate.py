"""Lets a call through if its caller's role and rates allow it, and lists only what its caller may call."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from openmanager_core.errors import NotAllowed
from openmanager_kit.access.rates import Rates
from openmanager_kit.access.roles import Role, asking
from openmanager_kit.tools import Tool
from openmanager_kit.watchers import Call


def needed_for(tool: Tool) -> Role:
    """Name the least role that may call a tool."""
    return "admin" if tool.configures else "viewer" if tool.read_only else "operator"


def may_see(tool: Tool) -> bool:
    """Tell whether whoever asks may call a tool."""
    return asking().may(needed_for(tool))


class Gate:
    """A watcher that refuses."""

    def __init__(self, principal_rate: Rates, tool_rate: Rates) -> None:
        self._principal_rate = principal_rate
        self._tool_rate = tool_rate

    @asynccontextmanager
    async def __call__(self, call: Call) -> AsyncIterator[None]:
        """Refuse before anything is done.

        Raises
        ------
        NotAllowed
            If the role is too low; names the one that is needed.
        RateLimited
            If the caller, or the caller with this tool, calls too often.
        """
        who, needed = asking(), needed_for(call.tool)
        if not who.may(needed):
            raise NotAllowed(
                f"{call.tool.name} needs the role {needed}, this token has {who.role or 'no role'}",
                hint=f"a token with the scope openmanager:{needed}",
            )
        self._principal_rate.take(who.id, "your calls")
        self._tool_rate.take(f"{who.id} {call.server} {call.tool.name}", f"your calls of {call.tool.name}")
        yield
