"""What an add would change in a project: every file with its new bytes, and what is left for a person to do."""

from __future__ import annotations

import hashlib
import posixpath
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from openmanager_core.errors import Conflict, InvalidRequest, NotFound
from openmanager_core.job import checkpoint
from openmanager_core.text import quoted
from openmanager_shadcn.adding import envs
from openmanager_shadcn.adding.css_merge import Tailwind, merged
from openmanager_shadcn.adding.css_tree import CssProblem
from openmanager_shadcn.adding.packages import Needed, needed
from openmanager_shadcn.adding.places import ENV, Layout, place_of, refuse_dangerous
from openmanager_shadcn.adding.sources import adapted, check_support
from openmanager_shadcn.items import Item

Status = Literal["new", "identical", "conflict", "merge"]
EVERYTHING = "*"
_THEMES = frozenset(("registry:theme", "registry:style", "registry:font", "registry:base"))
_BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the caller wants beside the items."""

    path: str = ""
    overwrite: frozenset[str] = frozenset()
    allow: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Change:
    """One file.

    Attributes
    ----------
    path, shown
        Absolute, and as answers name it: relative to the project's folder.
    old, new
        Bytes now (None: there is none) and afterwards.
    status
        ``merge`` is a stylesheet or environment file that keeps what it has.
    """

    path: str
    shown: str
    item: str
    status: Status
    old: bytes | None
    new: bytes
    notes: tuple[str, ...] = ()


@dataclass(slots=True)
class Plan:
    """A whole add.

    Attributes
    ----------
    changes
        Every file, also those that stay as they are.
    left_out
        Files of items that are not written, and why.
    by_hand
        What is not done here, in words.
    env
        Variables that a project's environment file lacks: name and the registry's value.
    """

    items: tuple[Item, ...]
    changes: list[Change] = field(default_factory=list)
    needed: Needed = field(default_factory=lambda: Needed("npm"))
    env: dict[str, str] = field(default_factory=dict)
    env_file: str = ""
    left_out: list[str] = field(default_factory=list)
    by_hand: list[str] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)
    id: str = ""

    def writes(self, overwrite: Collection[str]) -> list[Change]:
        """Give what has to be written.

        Raises
        ------
        Conflict
            If a file that is there already differs and may not be overwritten.
        InvalidRequest
            If `overwrite` names a file that this add does not write.
        """
        known = {change.shown for change in self.changes}
        for name in overwrite:
            if name != EVERYTHING and name not in known:
                raise InvalidRequest(
                    f"overwrite names {quoted(name, 120)}, which this add does not write",
                    hint="the paths as plan_add shows them, or * for all",
                )
        closed = [
            change.shown
            for change in self.changes
            if change.status == "conflict" and change.shown not in overwrite and EVERYTHING not in overwrite
        ]
        if closed:
            more = f" and {len(closed) - 5} more" if len(closed) > 5 else ""
            raise Conflict(
                f"nothing was written: {', '.join(quoted(one, 120) for one in closed[:5])}{more} "
                f"exist{'s' if len(closed) == 1 else ''} with another content",
                hint="plan_add shows the difference; name the files to replace in overwrite",
            )
        return [change for change in self.changes if change.status != "identical"]


def make(layout: Layout, items: Sequence[Item], requested: Collection[str], wishes: Wishes) -> Plan:
    """Work out an add; nothing is written.

    Parameters
    ----------
    items
        Everything that is added, what is needed first.
    requested
        Addresses of those that the caller named.

    Raises
    ------
    NotFound
        If the project has no components.json.
    NotAllowed, Unsupported, InvalidRequest, SourceInvalid
        If an item cannot be added safely or rightly.
    """
    if not layout.project.present:
        raise NotFound(
            "this folder has no components.json, which says where components go",
            hint="project: the folder that has one, or let the user run `npx shadcn@latest init`",
        )
    plan = Plan(tuple(items))
    _files(plan, layout, items, wishes)
    themed = any(item.type in _THEMES and item.address in requested for item in items)
    owner = layout.owner("ui")
    _styles(plan, owner, layout, items, wishes, themed=themed)
    _environment(plan, owner, layout, wishes)
    plan.needed = needed(
        layout.disk,
        owner.folder,
        [one for item in items for one in item.dependencies],
        [one for item in items for one in item.dev_dependencies],
        start=layout.folder,
    )
    for item in items:
        if item.font or item.type == "registry:font":
            plan.by_hand.append(f"{quoted(item.name, 80)} brings a font: load it in the project's layout")
        if item.config:
            plan.by_hand.append(f"{quoted(item.name, 80)} has settings for components.json, which are not taken")
    plan.id = _identity(plan, layout, wishes)
    return plan


# -- files --------------------------------------------------------------------------------------------------------


def _files(plan: Plan, layout: Layout, items: Sequence[Item], wishes: Wishes) -> None:
    placed = []
    number = 0
    for item in items:
        for file in item.files:
            if ENV.fullmatch(posixpath.basename(file.target or file.path)) and file.content:
                plan.env.update({k: v for k, v in envs.parse(file.content).items() if k not in plan.env})
                continue
            place = place_of(layout, file, path=wishes.path, first=number == 0)
            owner = layout.owner(place.key)
            if owner is not layout:
                place = place_of(owner, file, path=wishes.path, first=number == 0)
            number += 1
            name = quoted(file.path, 120)
            if place.left_out or not file.content:
                why = place.left_out or "the registry sent no source for it"
                plan.left_out.append(f"{name} of {quoted(item.name, 80)}: {why}")
                continue
            refuse_dangerous(place.path, layout, sensitive="sensitive" in wishes.allow)
            placed.append((item, file, owner, place.path))
        plan.env.update({k: v for k, v in item.env_vars.items() if envs.NAME.fullmatch(k)})
    planned = {path for *_, path in placed}
    made: dict[str, Change] = {}
    for item, file, owner, path in placed:
        checkpoint()
        notes = check_support(owner, file, typescript="typescript" in wishes.allow, as_is="as_is" in wishes.allow)
        source = adapted(owner, file, path, planned, as_is="as_is" in wishes.allow)
        change = _change(layout, path, item.name, source, notes)
        known = made.get(path)
        if known is not None and known.new != change.new:
            raise Conflict(
                f"{quoted(known.item, 80)} and {quoted(item.name, 80)} both write {quoted(change.shown, 120)}, "
                "each with another content",
                hint="add them one after the other, or give path",
            )
        made[path] = change
    plan.changes += made.values()


def _change(layout: Layout, path: str, item: str, source: str, notes: Sequence[str]) -> Change:
    spot = layout.disk.spot(path)
    if layout.disk.is_directory(path):
        raise InvalidRequest(f"{quoted(spot.shown)} is a directory, and the registry wants to write a file there")
    new = source.encode("utf-8", "replace")
    old = layout.disk.bytes_of(path)
    status: Status = "new" if old is None else "identical" if _same(old, new) else "conflict"
    return Change(path, _shown(layout, path), item, status, old, new, tuple(notes))


def _same(old: bytes, new: bytes) -> bool:
    """Tell whether two sources differ in line ends and outer white space at most."""
    return _bare(old) == _bare(new)


def _bare(data: bytes) -> bytes:
    return data.removeprefix(_BOM).replace(b"\r\n", b"\n").strip()


def _shown(layout: Layout, path: str) -> str:
    shown = layout.disk.spot(path).shown
    base = layout.disk.spot(layout.folder).shown
    return posixpath.relpath(shown, base)


# -- stylesheet and environment -----------------------------------------------------------------------------------


def _styles(plan: Plan, owner: Layout, layout: Layout, items: Sequence[Item], wishes: Wishes, *, themed: bool) -> None:
    version = tailwind_of(owner)
    for item in items:
        if item.tailwind.get("config") and version == "v3":
            where = owner.project.tailwind.config or "tailwind.config.js"
            plan.by_hand.append(
                f"{quoted(item.name, 80)} has settings for {quoted(where, 80)}: merge its tailwind.config by hand"
            )
    wanted = [item for item in items if item.css or item.css_vars != type(item.css_vars)() or item.tailwind]
    if version == "v3":
        wanted = [item for item in wanted if item.css or item.css_vars != type(item.css_vars)()]
    if not wanted:
        return
    css = owner.project.tailwind.css
    if not css:
        plan.by_hand.append("items bring CSS, and tailwind.css in components.json names no file to put it into")
        return
    path = posixpath.normpath(f"{owner.folder}/{css}")
    shown = _shown(layout, path)
    if not path.endswith((".css", ".pcss", ".postcss")):
        plan.by_hand.append(f"items bring CSS, and {quoted(shown, 120)} (tailwind.css) is no plain stylesheet")
        return
    old = layout.disk.bytes_of(path)
    if old is None:
        raise NotFound(
            f"the stylesheet {quoted(shown, 120)} (tailwind.css in components.json) does not exist",
            hint="correct components.json, or create the file",
        )
    try:
        text = old.decode("utf-8")
        overwrite = shown in wishes.overwrite or EVERYTHING in wishes.overwrite
        sheet = merged(text, wanted, version, themed=themed, overwrite=overwrite)
    except (CssProblem, UnicodeDecodeError) as exc:
        why = exc if isinstance(exc, CssProblem) else "it is not UTF-8"
        raise InvalidRequest(f"the stylesheet {quoted(shown, 120)} cannot be changed safely: {why}") from None
    new = str(sheet.root).encode()
    plan.kept += [
        f"{where} {{ {name}: {there} }}, the registry has {value}" for where, name, there, value in sheet.kept
    ]
    names = ", ".join(item.name for item in wanted)
    plan.changes.append(Change(path, shown, names, "identical" if new == old else "merge", old, new))


def tailwind_of(layout: Layout) -> Tailwind:
    """Tell which Tailwind a project uses."""
    package = layout.disk.json(f"{layout.folder}/package.json")
    stated = ""
    for table in ("devDependencies", "dependencies"):
        found = package.get(table)
        stated = str(found.get("tailwindcss") or stated) if isinstance(found, dict) else stated
    old = stated.lstrip("^~=v ").partition(".")[0] == "3"
    if not layout.project.tailwind.config:
        return "v3" if old else "v4"
    return "v3" if old or not stated else "v4"


def _environment(plan: Plan, owner: Layout, layout: Layout, wishes: Wishes) -> None:
    if not plan.env:
        return
    path, old = envs.file_of(layout.disk, owner.folder)
    plan.env_file = _shown(layout, path)
    there = envs.parse((old or b"").decode("utf-8", "replace"))
    plan.env = {name: value for name, value in plan.env.items() if name not in there}
    if plan.env and "env" in wishes.allow:
        new = envs.with_more(old or b"", plan.env)
        plan.changes.append(Change(path, plan.env_file, "", "new" if old is None else "merge", old, new))


def _identity(plan: Plan, layout: Layout, wishes: Wishes) -> str:
    """Name everything that this plan was made of."""
    digest = hashlib.sha256(usedforsecurity=False)
    for item in plan.items:
        digest.update(repr(replace(item, checked_s=0.0, stale=False)).encode("utf-8", "replace"))
    project = layout.project
    settings = (project.style, project.rsc, project.tsx, project.tailwind, sorted(project.aliases.items()))
    digest.update(repr((settings, layout.folder, wishes.path, sorted(wishes.allow))).encode("utf-8", "replace"))
    merges = [change for change in plan.changes if change.status != "merge"]
    for change in sorted(plan.changes, key=lambda one: one.path):
        new = change.new if change in merges and change.old != change.new else b""
        for part in (change.path.encode("utf-8", "replace"), change.old if change.old is not None else b"\xff", new):
            digest.update(len(part).to_bytes(8, "big") + part)
    return digest.hexdigest()[:16]
