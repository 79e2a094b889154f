"""Working out an add and doing it, in a thread; what the answers of the two tools are made of."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from openmanager_core.errors import Conflict
from openmanager_core.text import quoted, visible
from openmanager_kit.answers import MAX_CHARS
from openmanager_shadcn.add_answers import Added, AddedFile
from openmanager_shadcn.adding import plan as planning
from openmanager_shadcn.adding.aliases import Disk
from openmanager_shadcn.adding.diffs import diff_of, fenced
from openmanager_shadcn.adding.places import Layout
from openmanager_shadcn.adding.plan import Change, Plan, Wishes
from openmanager_shadcn.adding.system import System
from openmanager_shadcn.adding.writing import Writer, alone
from openmanager_shadcn.desk import Desk
from openmanager_shadcn.items import Item
from openmanager_shadcn.project import Project
from openmanager_shadcn.showing import UNTRUSTED, ago, named

_LISTED = 200
_SHOWN_DOCS = 4_000


# -- planning -----------------------------------------------------------------------------------------------------


def planned(
    desk: Desk, project: Project, items: list[Item], requested: frozenset[str], wishes: Wishes
) -> tuple[list[str], str]:
    """Work out an add; gives what is told about it, block by block, and the plan's name. Blocking."""
    layout = Layout(project, Disk(desk.roots))
    plan = planning.make(layout, items, requested, wishes)
    lines = [_headline(items, requested)]
    if Writer(desk.roots, layout.modules.workspace, desk.library.home, System()).pending():
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
    return ["\n".join(lines), *diffs, *docs], plan.id


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


def added(
    desk: Desk, project: Project, items: list[Item], requested: frozenset[str], wishes: Wishes, expected: str
) -> Added:
    """Add, if the plan is the one that was expected. Blocking."""
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
