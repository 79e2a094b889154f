"""Parameters that many tools share, described once: the model pays for every word."""

from __future__ import annotations

from typing import Annotated, Literal

from mcp.server.mcpserver import Context
from mcp.server.mcpserver.resolve import Resolve
from pydantic import Field

from openmanager_kit.tools import state_of
from openmanager_local.analyst import Analyst


def this_analyst(ctx: Context) -> Analyst:
    """The analyst that the running server was built with."""
    found = state_of(ctx)
    assert isinstance(found, Analyst)
    return found


Bench = Annotated[Analyst, Resolve(this_analyst)]
Start = Annotated[str, Field(description="now-1h, ISO, Unix s")]
End = Annotated[str, Field(description="Like start")]
Metrics = Annotated[list[str], Field(description="Names; empty: all", max_length=30)]
MetricName = Annotated[str, Field(description="From list_metrics")]
Servers = Annotated[list[str], Field(description="Ids; empty: all", max_length=500)]
ServerName = Annotated[str, Field(description="Server id")]
Cluster = Annotated[str, Field(description="Id; empty: all")]
TypeName = Annotated[str, Field(description="e.g. web, api, queue; empty: all")]
Limit = Annotated[int, Field(ge=1, le=500, description="Most rows")]
Cursor = Annotated[str, Field(description="next_cursor")]
MaxChars = Annotated[int, Field(ge=1000, le=200_000, description="Most chars")]
Sigma = Annotated[float, Field(ge=1, le=100, description="How far is odd")]
Horizon = Annotated[str, Field(description="e.g. 24h or 7d")]
Explain = Annotated[bool, Field(description="With trail")]
Language = Literal["en", "ko"]
