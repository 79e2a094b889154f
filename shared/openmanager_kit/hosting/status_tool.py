"""The gateway's own tool: which servers it joins, and why one of them is missing."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any

from mcp.server.mcpserver import Context, Resolve

from openmanager_kit.answers import Answer
from openmanager_kit.tools import reads, state_of

if TYPE_CHECKING:
    from openmanager_kit.hosting.gateway import Gateway


class ServerRow(Answer):
    """One server of the profile."""

    name: str
    state: str
    tools: int
    uptime_s: float
    tries: int
    problem: str


class GatewayStatus(Answer):
    """What the gateway serves."""

    servers: list[ServerRow]
    tools: int

    def as_text(self) -> str:
        """One line a server."""
        lines = [f"{sum(row.state == 'serving' for row in self.servers)} of {len(self.servers)} servers are served"]
        for row in self.servers:
            if row.state == "serving":
                lines.append(f"- {row.name}: serving {row.tools} tools for {row.uptime_s:.0f} s")
            else:
                lines.append(f"- {row.name}: missing after {row.tries} attempts: {row.problem}")
        return "\n".join(lines)


def _gateway(ctx: Context) -> Any:
    return state_of(ctx)


async def openmanager_status(gateway: Annotated[Any, Resolve(_gateway)]) -> GatewayStatus:
    """Tell which servers are behind this connection, and why one is missing."""
    joined: Gateway = gateway
    rows = [
        ServerRow(
            name=member.name,
            state="missing" if member.server is None else "serving",
            tools=0 if member.server is None else len(member.tool_names()),
            uptime_s=0.0 if member.server is None else round(time.monotonic() - member.since_s, 1),
            tries=member.tries,
            problem=member.problem,
        )
        for member in joined.members
    ]
    return GatewayStatus(servers=rows, tools=sum(row.tools for row in rows))


STATUS = replace(reads(openmanager_status, "OpenManager status"), name="openmanager-status").formerly(
    "openmanager_status"
)
