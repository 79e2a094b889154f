"""What the tools of the git server work on: the roots, the trusted directories, and the client's narrowing."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Annotated

from mcp.server.mcpserver.resolve import Resolve

from openmanager_git.known import Known
from openmanager_git.turns import Turns
from openmanager_kit.confined.client import narrowing
from openmanager_kit.confined.roots import Parts, Roots, parts_of

if TYPE_CHECKING:
    from openmanager_kit.hosting.readiness import Condition


@dataclass(frozen=True, slots=True)
class Desk:
    """What holds for one call.

    Attributes
    ----------
    trusted
        Resolved paths of the directories whose repositories may run their own programs.
    turns
        Whose turn it is to change a repository; shared by all calls.
    known
        What was checked before; shared by all calls too.
    """

    roots: Roots
    trusted: tuple[Parts, ...] = ()
    turns: Turns = field(default_factory=Turns, compare=False)
    known: Known = field(default_factory=Known, compare=False)

    async def condition(self) -> Condition:
        """Whether the roots still stand, for those who run this server."""
        from openmanager_kit.confined.standing import roots_condition

        return await roots_condition(self.roots)

    def trusts(self, real_path: str) -> bool:
        """Tell whether a repository at this resolved path may run programs that it names itself."""
        parts = parts_of(real_path)
        return any(parts[: len(folder)] == folder for folder in self.trusted)


def trusted_folders(written: Sequence[str]) -> tuple[Parts, ...]:
    """Resolve the directories of ``--trust``."""
    return tuple(parts_of(os.path.realpath(path)) for path in written)


def _narrowed(desk: Desk, uris: Sequence[str]) -> Desk:
    return replace(desk, roots=desk.roots.narrowed(uris)) if uris else desk


TheDesk = Annotated[Desk, Resolve(narrowing(_narrowed))]
