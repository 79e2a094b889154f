"""What the tools of the shadcn-ui server work on: the roots, the project in them, and its registries."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated
from urllib.parse import urlsplit

from mcp.server.mcpserver.resolve import Resolve
from pydantic import Field

from openmanager_core.job import offload
from openmanager_kit.confined.client import narrowing
from openmanager_kit.confined.roots import Roots, Spot
from openmanager_shadcn.packages import Packages
from openmanager_shadcn.project import Project

if TYPE_CHECKING:
    from openmanager_kit.hosting.readiness import Condition
    from openmanager_shadcn.library import Library, ProjectShelf

ProjectFolder = Annotated[
    str, Field(description="Folder with components.json, in a monorepo; empty: the project's root", max_length=4096)
]


@dataclass(frozen=True, slots=True)
class Desk:
    """What holds for one call.

    Attributes
    ----------
    roots
        The first is the project unless a call names a folder.
    library
        Registries and their caches, shared by all calls.

    A tool that adds starts with ``project = await desk.project(folder)`` and
    ``shelf = desk.shelf(project)`` (a `Shelf`); places to write are ``desk.spot(path, project)``.
    """

    roots: Roots
    library: Library

    async def project(self, folder: str = "") -> Project:
        """Read the project's ``components.json`` as it is now; one without the file has `present` False.

        Raises
        ------
        InvalidRequest
            If the file is malformed.
        NotAllowed
            If `folder` lies outside of the roots.
        """
        spot = self.roots.locate(folder or ".", "project")
        known = self.library.projects.unchanged(spot)
        return known if known is not None else await offload(self.library.projects.read, spot)

    async def packages(self, project: Project) -> Packages:
        """Read the project's ``package.json`` and which manager it uses, as they are now.

        Raises
        ------
        InvalidRequest
            If the file is malformed.
        """
        known = self.library.manifests.unchanged(project.folder)
        return known if known is not None else await offload(self.library.manifests.read, project.folder)

    def shelf(self, project: Project) -> ProjectShelf:
        """Give the registries that hold for this project."""
        return self.library.shelf(project, self.roots)

    def spot(self, path: str, project: Project, parameter: str = "path") -> Spot:
        """Find the place that a path names, relative to the project's folder; nothing is opened.

        Raises
        ------
        NotAllowed
            If it lies outside of the roots.
        """
        below = path if path.startswith(("/", "~")) else f"{project.folder.path}/{path}"
        return self.roots.locate(below, parameter)

    async def condition(self) -> Condition:
        """Whether the roots stand, which registry is built in and which are left alone, for those who run this server.

        No registry is asked, and one that is away takes nothing of its readiness: copies and files answer.
        """
        from openmanager_kit.confined.standing import roots_condition

        found = await roots_condition(self.roots)
        told = [found.detail, f"registry {urlsplit(self.library.registry_url).hostname}"]
        told += [f"left alone: {reason}" for reason in self.library.documents.away]
        return replace(found, detail="; ".join(told))

    async def aclose(self) -> None:
        """Close connections."""
        await self.library.aclose()


def _narrowed(desk: Desk, uris: Sequence[str]) -> Desk:
    return replace(desk, roots=desk.roots.narrowed(uris)) if uris else desk


TheDesk = Annotated[Desk, Resolve(narrowing(_narrowed))]
