"""The tools that add components: what an add would change, and the add itself. Nothing of a registry is ever run."""

from __future__ import annotations

from collections.abc import Sequence
from types import ModuleType
from typing import Annotated, Literal, cast

from mcp_types import CallToolResult
from pydantic import Field

from openmanager_core.job import offload
from openmanager_kit.answers import MAX_CHARS
from openmanager_kit.tools import Tool, reads, writes
from openmanager_shadcn.add_answers import Added
from openmanager_shadcn.addresses import item_address
from openmanager_shadcn.desk import ProjectFolder, TheDesk
from openmanager_shadcn.parameters import Cursor, Items, MaxChars
from openmanager_shadcn.showing import answer

_DEADLINE_S = 60.0

Allowed = Literal["env", "sensitive", "typescript", "as_is"]
Allow = Annotated[
    list[Allowed],
    Field(
        description="env: add missing variables to the .env file; sensitive: write dotfiles and configuration; "
        "typescript: TypeScript in a JavaScript project; as_is: sources without changes that cannot be made here",
        max_length=4,
    ),
]
Path = Annotated[str, Field(description="Folder, or file for the first, instead of the usual places", max_length=1000)]


async def plan_add(
    desk: TheDesk,
    items: Items,
    path: Path = "",
    allow: Allow = [],  # noqa: B006 - never changed
    cursor: Cursor = "",
    max_chars: MaxChars = MAX_CHARS,
    project: ProjectFolder = "",
) -> CallToolResult:
    """Show what adding items would change: files with differences, npm packages, CSS, variables. Writes nothing."""
    work = await offload(_work)
    place = await desk.project(project)
    found = await desk.shelf(place).resolve(items)
    wishes = work.Wishes(path, frozenset(), frozenset(allow))
    blocks, plan = await offload(work.planned, desk, place, found, _addresses(items), wishes)
    facts = [f"plan {plan}", "nothing was written"]
    key = ["plan", sorted(items), path, sorted(allow), project, plan]
    return answer(blocks, facts, key=key, cursor=cursor, max_chars=max_chars)


async def add_components(
    desk: TheDesk,
    items: Items,
    overwrite: Annotated[
        list[str], Field(description="Changed files to replace, as plan_add shows them; * for all", max_length=500)
    ] = [],  # noqa: B006 - never changed
    plan: Annotated[
        str, Field(description="Plan of plan_add: refused if anything has changed since", max_length=40)
    ] = "",
    path: Path = "",
    allow: Allow = [],  # noqa: B006 - never changed
    project: ProjectFolder = "",
) -> Added:
    """Add items and what they need: all files or none. Refused if a changed file is not named in overwrite."""
    work = await offload(_work)
    place = await desk.project(project)
    found = await desk.shelf(place).resolve(items)
    wishes = work.Wishes(path, frozenset(overwrite), frozenset(allow))
    return cast(Added, await offload(work.added, desk, place, found, _addresses(items), wishes, plan))


def _work() -> ModuleType:
    """Import what adding needs: at the first add and in a thread, not at start and not while others wait."""
    from openmanager_shadcn.adding import work

    return work


def _addresses(items: Sequence[str]) -> frozenset[str]:
    return frozenset(str(item_address(name)) for name in items)


ADD_TOOLS: tuple[Tool, ...] = (
    reads(plan_add, "Plan an add", open_world=True, deadline_s=_DEADLINE_S),
    writes(
        add_components, "Add components", destructive=True, idempotent=True, open_world=True, deadline_s=_DEADLINE_S
    ),
)
