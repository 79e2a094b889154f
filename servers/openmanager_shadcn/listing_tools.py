"""The tools that say which registries and which items there are."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Annotated

from mcp_types import CallToolResult
from pydantic import Field
from typing_extensions import TypedDict

from openmanager_core.errors import FleetError
from openmanager_core.job import offload
from openmanager_core.text import quoted
from openmanager_kit.answers import MAX_CHARS, Answer
from openmanager_shadcn.addresses import registry_address
from openmanager_shadcn.desk import Desk, ProjectFolder, TheDesk
from openmanager_shadcn.item_lists import Page, State, item_list
from openmanager_shadcn.library import ProjectShelf
from openmanager_shadcn.parameters import Cursor, Limit, MaxChars, Offset, Registries, Types
from openmanager_shadcn.project import BUILT_IN, Project
from openmanager_shadcn.searching import Found, Searchable, check_types, everything, search, size_of
from openmanager_shadcn.showing import named, short
from openmanager_shadcn.sources import is_web
from openmanager_shadcn.together import together

_IN_THE_LOOP = 1_500
_LONG_CHARS = 40_000
_WITHIN_S = 20.0


class RegistryRow(TypedDict):
    """One registry of the project; its headers and parameters are never shown."""

    registry: str
    address: str
    built_in: bool
    local: bool
    private: bool


class ProjectRegistries(Answer):
    """The registries of a project."""

    registries: list[RegistryRow]
    has_components_json: bool
    style: str
    package_manager: str
    note: str

    def as_text(self) -> str:
        """One line for each registry."""
        lines = [self.note]
        for row in self.registries:
            marks = [
                mark
                for mark, holds in (
                    ("built in", row["built_in"]),
                    ("local files", row["local"]),
                    ("with headers or parameters of its own", row["private"]),
                )
                if holds
            ]
            lines.append(f"- {row['registry']} {quoted(row['address'])}" + (f" ({', '.join(marks)})" if marks else ""))
        lines.append("Next: search_items_in_registries, list_items_in_registries.")
        return "\n".join(lines)


async def get_project_registries(desk: TheDesk, project: ProjectFolder = "") -> ProjectRegistries:
    """Name the registries of the project: those in components.json, and @shadcn, which is built in."""
    found = await desk.project(project)
    manager = await desk.packages(found)
    rows = [_row(BUILT_IN, (await desk.shelf(found).source(BUILT_IN)).url, built_in=True)]
    rows += [
        _row(name, source.url, private=bool(source.params or source.headers))
        for name, source in found.registries.items()
    ]
    if found.present:
        note = f"The project has style {named(found.style)} and uses {manager.manager}."
    else:
        note = (
            "There is no components.json here, so only the built-in registry is known. "
            f"`{manager.runner} shadcn@latest init` makes one; project= names another folder."
        )
    return ProjectRegistries(
        registries=rows,
        has_components_json=found.present,
        style=found.style,
        package_manager=manager.manager,
        note=note,
    )


async def list_items_in_registries(
    desk: TheDesk,
    registries: Registries = [],  # noqa: B006 - never changed
    types: Types = [],  # noqa: B006
    limit: Limit = 100,
    offset: Offset = 0,
    cursor: Cursor = "",
    max_chars: MaxChars = MAX_CHARS,
    project: ProjectFolder = "",
) -> CallToolResult:
    """List the items of registries, in their order."""
    wanted = check_types(types)
    asked = await _asked(desk, registries, project)
    page = Page(limit, offset, cursor, max_chars, ["list", registries, sorted(wanted), offset, project])
    return await _answer(desk, asked, Found(everything(asked.indexes, wanted)), page, "")


async def search_items_in_registries(
    desk: TheDesk,
    query: Annotated[str, Field(description="Words to find in names, titles, descriptions; any language")],
    registries: Registries = [],  # noqa: B006
    types: Types = [],  # noqa: B006
    limit: Limit = 100,
    offset: Offset = 0,
    cursor: Cursor = "",
    max_chars: MaxChars = MAX_CHARS,
    project: ProjectFolder = "",
) -> CallToolResult:
    """Search registries for items: exact names first, then beginnings, words, and near spellings if nothing else."""
    wanted = check_types(types)
    asked = await _asked(desk, registries, project)
    if size_of(asked.indexes) <= _IN_THE_LOOP:
        found = search(asked.indexes, query, wanted)
    else:
        found = await offload(search, asked.indexes, query, wanted)
    page = Page(limit, offset, cursor, max_chars, ["search", query, registries, sorted(wanted), offset, project])
    return await _answer(desk, asked, found, page, query)


@dataclass(frozen=True, slots=True)
class Asked:
    """The indexes that a call could have, and the state of all that it asked for."""

    project: Project
    indexes: list[tuple[str, Searchable]]
    states: list[State]


async def _asked(desk: Desk, registries: Sequence[str], folder: str) -> Asked:
    project = await desk.project(folder)
    return await ask_indexes(desk.shelf(project), registries)


async def ask_indexes(shelf: ProjectShelf, registries: Sequence[str]) -> Asked:
    """Have the indexes of these registries, or of all that the project knows; one that fails does not stop the others.

    Raises
    ------
    FleetError
        The first failure, if none could be had.
    """
    wanted = list(dict.fromkeys(registries)) or [BUILT_IN, *shelf.project.registries]
    for name in wanted:
        registry_address(name)
    found = await together(wanted, shelf.index, within_s=_WITHIN_S)
    indexes: list[tuple[str, Searchable]] = []
    states: list[State] = []
    for name, held in zip(wanted, found, strict=True):
        if isinstance(held, FleetError):
            states.append(State(registry=name, items=0, age_s=0, stale=False, problem=short(held.message)))
            continue
        indexes.append((name, held.value))
        age_s = int(time.time() - held.checked_s) if held.checked_s else 0
        states.append(
            State(
                registry=name,
                items=len(held.value.entries),
                age_s=max(0, age_s),
                stale=held.stale,
                problem=short(held.problem) or _partly(held.value),
            )
        )
    failures = [held for held in found if isinstance(held, FleetError)]
    if failures and not indexes:
        raise failures[0]
    return Asked(shelf.project, indexes, states)


async def _answer(desk: Desk, asked: Asked, found: Found, page: Page, query: str) -> CallToolResult:
    runner = (await desk.packages(asked.project)).runner
    build = partial(
        item_list,
        found.hits,
        page,
        how=found.how,
        note=_note(asked, found, query),
        add_command=f"{runner} shadcn@latest add",
        states=asked.states,
    )
    return build() if page.max_chars <= _LONG_CHARS else await offload(build)


def _partly(index: Searchable) -> str:
    """Say that a registry gives its index in pages, of which only the first is read."""
    if not index.index.total:
        return ""
    return f"it gives its index in pages: only {len(index.entries)} of {index.index.total} items are searched"


def _note(asked: Asked, found: Found, query: str) -> str:
    where = ", ".join(state["registry"] for state in asked.states if state["items"] or not state["problem"])
    count = len(found.hits)
    things = f"{count:,} item{'s' if count != 1 else ''}"
    if not query:
        return f"{things} in {where}." if count else f"No item of these types in {where}."
    if not count:
        size = size_of(asked.indexes)
        return (
            f"No item in {where} holds {quoted(query, 80)} or a word spelled nearly so ({size:,} items searched). "
            "Try: a shorter or more general word, or list_items_in_registries."
        )
    if found.how == "near spelling":
        meant = ", ".join(named(word) for word in found.meant)
        return f"Nothing holds {quoted(query, 80)}; {things} in {where} with a word spelled nearly so ({meant}):"
    if found.how == "some words":
        return f"Nothing holds all of {quoted(query, 80)}; {things} in {where} hold some of the words, best first:"
    return f"{things} matching {quoted(query, 80)} in {where}, the best first:"


def _row(name: str, address: str, *, built_in: bool = False, private: bool = False) -> RegistryRow:
    return RegistryRow(
        registry=name,
        address=short(address.partition("?")[0]),
        built_in=built_in,
        local=not is_web(address),
        private=private,
    )
