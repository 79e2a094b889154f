"""What `search_and_read` asks of the engines' half of the server: one method, and the shape of what it gives."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol


class Hit(Protocol):
    """One result of a search."""

    @property
    def title(self) -> str:
        """As the engine gave it: outside data."""

    @property
    def url(self) -> str:
        """The address."""

    @property
    def snippet(self) -> str:
        """The engine's own extract."""


class Hits(Protocol):
    """What a search found, and who found it."""

    @property
    def hits(self) -> Sequence[Hit]:
        """Best first."""

    @property
    def engine(self) -> str:
        """The name of the engine that answered."""

    @property
    def notes(self) -> str:
        """What else the caller should know: the age of a kept result, engines that failed and why; may be empty."""


class Finder(Protocol):
    """Asks the engines in the order of the profile."""

    async def search(
        self,
        query: str,
        *,
        max_results: int = 10,
        region: str = "",
        safe_search: str = "moderate",
        time_range: str = "",
        kind: str = "text",
        site: str = "",
    ) -> Hits:
        """Find pages; raises a `FleetError` where no engine could answer."""
