"""What the tools of the filesystem server work on: the roots, and the client's narrowing of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated

from mcp.server.mcpserver.resolve import Resolve

from openmanager_kit.confined.client import narrowing
from openmanager_kit.confined.roots import Roots, Spot

if TYPE_CHECKING:
    from openmanager_kit.hosting.readiness import Condition


@dataclass(frozen=True, slots=True)
class Desk:
    """The roots that hold for one call."""

    roots: Roots

    async def condition(self) -> Condition:
        """Whether the roots still stand, for those who run this server."""
        from openmanager_kit.confined.standing import roots_condition

        return await roots_condition(self.roots)

    def spot(self, path: str, parameter: str = "path") -> Spot:
        """Find the place that a path names; see `Roots.locate`."""
        return self.roots.locate(path, parameter)


def narrowed(desk: Desk, uris: Sequence[str]) -> Desk:
    """Take the roots that a client offers into account."""
    return replace(desk, roots=desk.roots.narrowed(uris)) if uris else desk


TheDesk = Annotated[Desk, Resolve(narrowing(narrowed))]
