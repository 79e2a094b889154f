"""What the tools of the search server work on, shared by all calls: the reader of pages and the finder of results."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from mcp.server.mcpserver import Context
from mcp.server.mcpserver.resolve import Resolve

from openmanager_kit.tools import state_of
from openmanager_search.reading.finding import Finder
from openmanager_search.reading.reader import Reader


@dataclass(frozen=True, slots=True)
class Desk:
    """The server's state; `aclose` is awaited when it ends.

    Attributes
    ----------
    reader
        Fetches, parses and keeps pages.
    finder
        Asks the engines.
    """

    reader: Reader
    finder: Finder

    async def aclose(self) -> None:
        """Close the connections and end the worker."""
        await self.reader.aclose()


def the_desk(ctx: Context) -> Desk:
    """Give the state behind a call."""
    desk: Desk = state_of(ctx)
    return desk


TheDesk = Annotated[Desk, Resolve(the_desk)]
