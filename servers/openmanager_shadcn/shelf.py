"""What the tools ask for registry items, and nothing else: the seam between reading and adding."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from openmanager_shadcn.items import Item

MOST_RESOLVED = 200
"""Most items of one closure."""


class Shelf(Protocol):
    """The registries of one project, as they are at this call: from their source, from the cache, or both."""

    async def item(self, name: str) -> Item:
        """Give one item with the source of its files.

        Parameters
        ----------
        name
            ``@ns/name``, an ``https:`` address of a registry item, a path of one inside the project
            (``./button.json``), or a bare name, which means ``@shadcn/name``.

        Returns
        -------
        Item
            With `address` set, so that the same item can be named again; `stale` and `checked_s` tell its age.

        Raises
        ------
        InvalidRequest
            If the name is malformed.
        NotFound
            If the registry has no such item, or there is no such registry.
        NotAllowed
            If the address or a variable it needs is not allowed.
        SourceUnavailable, SourceInvalid
            If the source does not answer and there is no copy, or answers with something else.
        """
        ...

    async def resolve(self, names: Sequence[str]) -> list[Item]:
        """Give these items and all they need (`registry_dependencies`), each once, what is needed first.

        Items of a cycle come in the order in which they were met: none is left out and none comes twice. A path
        is followed only if the caller or another local file names it; a remote item cannot.

        Raises
        ------
        InvalidRequest
            If there would be more than 200.
        NotFound, NotAllowed, SourceUnavailable, SourceInvalid
            As `item`, naming who needs the item; nothing is left out silently.
        """
        ...
