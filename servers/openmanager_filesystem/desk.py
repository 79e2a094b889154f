"""What the tools of the filesystem server work on: the roots, and the client's narrowing of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Annotated

from mcp.server.mcpserver.resolve import Resolve

from openmanager_kit.confined.client import narrowing
from openmanager_kit.confined.roots import Roots, Spot


@dataclass(frozen=True, slots=True)
class Desk:
    """The roots that hold for one call."""

    roots: Roots

    def spot(self, path: str, parameter: str = "path") -> Spot:
        """Find the place that a path names; see `Roots.locate`."""
        return self.roots.locate(path, parameter)


def narrowed(desk: Desk, uris: Sequence[str]) -> Desk:
    """Take the roots that a client offers into account."""
    return replace(desk, roots=desk.roots.narrowed(uris)) if uris else desk


TheDesk = Annotated[Desk, Resolve(narrowing(narrowed))]
