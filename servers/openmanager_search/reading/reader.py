"""The reader: one download per page however many ask, kept parsed for a while, read by the site's rules."""

from __future__ import annotations

from typing import Any

from openmanager_kit.registry import ServerSettings
from openmanager_search.reading.document import Document
from openmanager_search.reading.settings import ReadingSection


class Reader:
    """Fetches and parses pages; one per server, shared by all calls."""

    def __init__(self, section: ReadingSection, **options: Any) -> None:
        self._section = section

    async def read(self, url: str, *, raw: bool = False, by_user: bool = False) -> Document:
        """Give the text of a page.

        Parameters
        ----------
        raw
            Do not convert it.
        by_user
            A person asked for it, so robots.txt is not consulted.

        Raises
        ------
        FleetError
            If it could not be read: refused address, blocked, rate limited, timed out, too large, malformed.
        """
        raise NotImplementedError

    async def aclose(self) -> None:
        """Close the connections and end the worker."""


def reading_state(settings: ServerSettings) -> Reader:
    """Make the reader of a server; it opens and starts nothing before its first page."""
    section = settings.section
    return Reader(section if isinstance(section, ReadingSection) else ReadingSection())
