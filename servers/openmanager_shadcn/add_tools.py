"""The tools that add components: what an add would change, and the add itself. Nothing of a registry is ever run."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Annotated, Literal

from mcp_types import CallToolResult
from pydantic import Field

from openmanager_core.errors import Conflict
from openmanager_core.job import offload
from openmanager_core.text import quoted, visible
from openmanager_kit.answers import MAX_CHARS, Answer
from openmanager_kit.tools import Tool, reads, writes
from openmanager_shadcn.adding import plan as planning
from openmanager_shadcn.adding.aliases import Disk
from openmanager_shadcn.adding.diffs import diff_of, fenced
from openmanager_shadcn.adding.journal import Journal
from openmanager_shadcn.adding.places import Layout
from openmanager_shadcn.adding.plan import Change, Plan, Wishes
from openmanager_shadcn.adding.system import System
from openmanager_shadcn.adding.writing import Writer, alone
from openmanager_shadcn.addresses import item_address
from openmanager_shadcn.desk import Desk, ProjectFolder, TheDesk
from openmanager_shadcn.items import Item
from openmanager_shadcn.parameters import Cursor, Items, MaxChars
from openmanager_shadcn.project import Project
from openmanager_shadcn.showing import UNTRUSTED, ago, answer, named

_DEADLINE_S = 60.0
_LISTED = 200
_SHOWN_DOCS = 4_000

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


class AddedFile(Answer):
    """One file that was written."""

    path: str = Field(description="Relative to the project's folder")
    done: Literal["created", "overwritten", "merged"]
    version: str
    bytes: int


class Added(Answer):
    """What an add did."""

    items: list[str]
    files: list[AddedFile] = Field(description="Files written; those that were as wanted already are not listed")
    unchanged: int = Field(description="Files that were as wanted already")
    not_listed: int = Field(default=0, description="Files written beyond those listed")
    commands: list[str] = Field(description="To be run in the project's folder: installs the npm packages")
    by_hand: list[str] = Field(description="What is left to do by hand, or was left out")
    notes: list[str] = Field(default=[], description="What else to know")

    def as_text(self) -> str:
        """The same in words."""
        count = len(self.files) + self.not_listed
        lines = [f"added {', '.join(self.items)}: {count} file{'s' * (count != 1)} written, {self.unchanged} unchanged"]
        lines += [f"  {one.done} {one.path} ({one.bytes:,} bytes, version {one.version})" for one in self.files]
        lines += [f"  and {self.not_listed} more"] * (self.not_listed > 0)
        lines += ["to install the npm packages, run in the project's folder:"] * bool(self.commands)
        lines += [f"  {one}" for one in self.commands]
        lines += [f"by hand: {one}" for one in self.by_hand] + [f"note: {one}" for one in self.notes]
        return "\n".join(lines)


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
    place = await desk.project(project)
    found = await desk.shelf(place).resolve(items)
    wishes = Wishes(path, frozenset(), frozenset(allow))
    blocks, plan = await offload(_planned, desk, place, found, _addresses(items), wishes)
    facts = [f"plan {plan.id}", "nothing was written"]
    key = ["plan", sorted(items), path, sorted(allow), project, plan.id]
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
    place = await desk.project(project)
    found = await desk.shelf(place).resolve(items)
    wishes = Wishes(path, frozenset(overwrite), frozenset(allow))
    return await offload(_added, desk, place, found, _addresses(items), wishes, plan)


def _addresses(items: Sequence[str]) -> frozenset[str]:
    return frozenset(str(item_address(name)) for name in items)


# -- planning -----------------------------------------------------------------------------------------------------


def _planned(
    desk: Desk, project: Project, items: list[Item], requested: frozenset[str], wishes: Wishes
) -> tuple[list[str], Plan]:
    layout = Layout(project, Disk(desk.roots))
    plan = planning.make(layout, items, requested, wishes)
    lines = [_headline(items, requested)]
    if Journal(desk.library.home, layout.modules.workspace, System()).pending() is not None:
        lines.append(
            "an earlier add was interrupted: the next add_components brings it to an end first, then plan again"
        )
    lines += _file_lines(plan)
    lines += _package_lines(plan)
    lines += _rest_lines(plan, wishes)
    # An environment file holds secrets: what is in it is never shown, not even around a change.
    shown = [one for one in plan.changes if one.status in ("conflict", "merge") and one.shown != plan.env_file]
    diffs = [fenced(diff_of(change), "diff") for change in shown]
    docs = [
        f"notes of the registry on {named(item.address)}, {UNTRUSTED}:\n{fenced(_lines_of(item.docs), 'text')}"
        for item in items
        if item.docs
    ]
    return ["\n".join(lines), *diffs, *docs], plan


def _headline(items: Sequence[Item], requested: frozenset[str]) -> str:
    wanted = [named(item.address) for item in items if item.address in requested]
    needed = [named(item.address) for item in items if item.address not in requested]
    text = f"adding {', '.join(wanted)}" + (f" with what they need: {', '.join(needed)}" if needed else "")
    stale = [f"{named(item.address)} is a copy, confirmed {ago(item.checked_s)}" for item in items if item.stale]
    return "\n".join([text, *stale])


_SAYING = {
    "new": "new",
    "identical": "is there already",
    "conflict": "CONFLICT: is there with another content, kept unless named in overwrite",
    "merge": "merged into what is there",
}


def _file_lines(plan: Plan) -> list[str]:
    lines = ["files:"] if plan.changes else ["no files"]
    for change in plan.changes[:_LISTED]:
        lines.append(f"  {named(change.shown)}: {_SAYING[change.status]} ({len(change.new):,} bytes)")
        lines += [f"    {note}" for note in change.notes]
    if len(plan.changes) > _LISTED:
        lines.append(f"  and {len(plan.changes) - _LISTED} more")
    if plan.changes and all(change.status == "identical" for change in plan.changes):
        lines.append("nothing to do: every file is there already")
    return lines


def _package_lines(plan: Plan) -> list[str]:
    needed = plan.needed
    if not needed.commands:
        return []
    lines = [f"npm packages that the project lacks ({needed.manager}); to be run by the user or with their consent:"]
    lines += [f"  {command}" for command in needed.commands]
    if needed.elsewhere:
        lines.append(f"  not from the package registry: {', '.join(map(quoted, needed.elsewhere))}")
    return lines


def _rest_lines(plan: Plan, wishes: Wishes) -> list[str]:
    lines = []
    if plan.env:
        done = "are added to" if "env" in wishes.allow else 'are missing in (allow ["env"] adds them)'
        lines.append(f"environment variables that {done} {named(plan.env_file)}, with the registry's values:")
        lines += [f"  {named(name)} = {quoted(value)}" for name, value in list(plan.env.items())[:50]]
    lines += [f"kept in the stylesheet, because it has another value: {visible(one)}" for one in plan.kept[:50]]
    lines += [f"left out: {one}" for one in plan.left_out[:50]]
    lines += [f"by hand: {one}" for one in plan.by_hand[:50]]
    return lines


def _lines_of(text: str) -> str:
    cut = text[:_SHOWN_DOCS]
    more = f"\n({len(text) - len(cut)} more characters)" if len(cut) < len(text) else ""
    return "\n".join(map(visible, cut.splitlines())) + more


# -- adding -------------------------------------------------------------------------------------------------------


def _added(
    desk: Desk, project: Project, items: list[Item], requested: frozenset[str], wishes: Wishes, expected: str
) -> Added:
    workspace = Layout(project, Disk(desk.roots)).modules.workspace
    writer = Writer(desk.roots, workspace, desk.library.home, System())
    with alone(desk.roots, workspace):
        recovered = writer.recover()
        plan = planning.make(Layout(project, Disk(desk.roots)), items, requested, wishes)
        if expected and expected != plan.id:
            raise Conflict(
                f"plan is {quoted(expected, 40)}, and adding these items now is plan {plan.id}: the project, the items "
                "or the arguments have changed since; nothing was written",
                hint="plan_add again",
            )
        changes = plan.writes(wishes.overwrite)
        writer.write(changes)
    return _answer(plan, changes, [item.address for item in items if item.address in requested], recovered, wishes)


def _answer(plan: Plan, changes: Sequence[Change], items: list[str], recovered: str, wishes: Wishes) -> Added:
    done = {"new": "created", "conflict": "overwritten", "merge": "merged"}
    files = [
        AddedFile.model_validate(
            {
                "path": change.shown,
                "done": done[change.status],
                "version": hashlib.sha256(change.new, usedforsecurity=False).hexdigest()[:16],
                "bytes": len(change.new),
            }
        )
        for change in changes
    ]
    by_hand = plan.by_hand[:20] + [f"left out: {one}" for one in plan.left_out[:20]]
    if plan.env and "env" not in wishes.allow:
        by_hand.append(f"set the variables {', '.join(map(named, list(plan.env)[:30]))} in {named(plan.env_file)}")
    notes = [recovered] if recovered else []
    notes += [f"kept in the stylesheet: {visible(one)}" for one in plan.kept[:20]]
    notes += [f"{named(change.shown)}: {note}" for change in changes[:20] for note in change.notes]
    if any(item.docs for item in plan.items):
        notes.append("the registry has notes on these items: plan_add shows them")

    def made(count: int) -> Added:
        return Added(
            items=[named(one) for one in items],
            files=files[:count],
            unchanged=sum(change.status == "identical" for change in plan.changes),
            not_listed=len(files) - min(count, len(files)),
            commands=list(plan.needed.commands),
            by_hand=by_hand,
            notes=notes[:40],
        )

    count = len(files)
    while count and len(made(count).model_dump_json()) > MAX_CHARS:
        count = count * 3 // 4
    return made(count)


ADD_TOOLS: tuple[Tool, ...] = (
    reads(plan_add, "Plan an add", open_world=True, deadline_s=_DEADLINE_S),
    writes(
        add_components, "Add components", destructive=True, idempotent=True, open_world=True, deadline_s=_DEADLINE_S
    ),
)
