"""The registries of all projects of this process, behind one cache."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from openmanager_core.errors import Unsupported
from openmanager_kit.confined.roots import Roots
from openmanager_shadcn.items import Item
from openmanager_shadcn.project import Project, Projects


class Library:
    """What outlives a call: project files as last read, cached documents, connections."""

    def __init__(self) -> None:
        self.projects = Projects()

    def shelf(self, project: Project, roots: Roots) -> ProjectShelf:
        """Give the registries that hold for one project."""
        return ProjectShelf(self, project, roots)

    async def aclose(self) -> None:
        """Close connections."""


@dataclass(frozen=True, slots=True)
class ProjectShelf:
    """The registries of one project; a `Shelf`."""

    library: Library
    project: Project
    roots: Roots

    async def item(self, name: str) -> Item:
        """See `Shelf.item`."""
        raise Unsupported(f"item {name}")

    async def resolve(self, names: Sequence[str]) -> list[Item]:
        """See `Shelf.resolve`."""
        raise Unsupported(f"items {names}")
