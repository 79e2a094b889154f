"""What the tools of the search server work on, shared by all calls: the reader of pages and the finder of results."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated

from mcp.server.mcpserver import Context
from mcp.server.mcpserver.resolve import Resolve

from openmanager_kit.tools import state_of
from openmanager_search.finder import Finder
from openmanager_search.reading.document import Document
from openmanager_search.reading.reader import Mode, Reader

if TYPE_CHECKING:
    from openmanager_kit.hosting.readiness import Condition


@dataclass(frozen=True, slots=True)
class Desk:
    """The server's state; `aclose` is awaited when it ends.

    Attributes
    ----------
    reader
        Fetches, parses and keeps pages.
    finder
        Asks the engines.
    addresses
        Engine to the address that has to be reached for it, a proxy's if there is one.
    """

    reader: Reader
    finder: Finder
    addresses: Mapping[str, str] = field(default_factory=dict)

    async def condition(self) -> Condition:
        """Whether anything could answer now, for those who run this server; no engine is asked for that."""
        from openmanager_kit.hosting.readiness import Condition

        away = self.finder.away
        names = [name for name in self.finder.names if name not in away]
        told = [f"engines {', '.join(names) or 'none'}", *(f"left alone: {reason}" for reason in away.values())]
        return Condition(bool(names), "; ".join(told))

    async def reach(self) -> dict[str, str]:
        """Connect to every engine on the network, without asking it anything: name to why not, empty if it could."""
        from openmanager_search.engines.reaching import reached

        return await reached(self.addresses)

    async def read(self, url: str, mode: Mode = "markdown") -> Document:
        """Give the text of a result: a page as the reader reads it, an indexed file as the index holds it.

        Raises
        ------
        FleetError
            If it cannot be read.
        """
        if not url.startswith("file://"):
            return await self.reader.read(url, mode=mode)
        title, text = await self.finder.indexed(url)
        return Document(url=url, text=text, kind="text", title=title, notes=("from the user's own index, no web page",))

    async def aclose(self) -> None:
        """Close the connections and end the worker."""
        try:
            await self.finder.aclose()
        finally:
            await self.reader.aclose()


def the_desk(ctx: Context) -> Desk:
    """Give the state behind a call."""
    desk: Desk = state_of(ctx)
    return desk


TheDesk = Annotated[Desk, Resolve(the_desk)]
