"""What the tools of the search server work on, shared by all calls: the reader of pages and the finder of results."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from mcp.server.mcpserver import Context
from mcp.server.mcpserver.resolve import Resolve

from openmanager_kit.tools import state_of
from openmanager_search.finder import Finder
from openmanager_search.reading.document import Document
from openmanager_search.reading.reader import Mode, Reader


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
