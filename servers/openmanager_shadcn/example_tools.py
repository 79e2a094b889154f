"""The tool that finds usage examples: a few, at the same time, within seconds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from mcp_types import CallToolResult
from pydantic import Field

from openmanager_core.errors import FleetError, NotFound
from openmanager_core.job import offload
from openmanager_core.text import quoted
from openmanager_kit.answers import MAX_CHARS
from openmanager_shadcn.desk import ProjectFolder, TheDesk
from openmanager_shadcn.item_lists import address_in, can_be_named
from openmanager_shadcn.items import Item
from openmanager_shadcn.library import ProjectShelf
from openmanager_shadcn.listing_tools import ask_indexes
from openmanager_shadcn.parameters import Cursor, MaxChars, Registries
from openmanager_shadcn.searching import Hit, Searchable, search, words_of
from openmanager_shadcn.showing import answer, item_facts, named, short
from openmanager_shadcn.together import together

_EXAMPLE = "registry:example"
_SUFFIXES = ("-demo", "-example")
_MARKS = frozenset(("demo", "demos", "example", "examples", "usage", "예제", "예시", "데모"))
_WITHIN_S = 15.0
_MOST_GUESSES = 12


async def get_item_examples_from_registries(
    desk: TheDesk,
    query: Annotated[str, Field(description="Item or words, e.g. 'accordion-demo', 'button example'")],
    registries: Registries = [],  # noqa: B006 - never changed
    limit: Annotated[int, Field(ge=1, le=20, description="Most examples")] = 3,
    cursor: Cursor = "",
    max_chars: MaxChars = MAX_CHARS,
    project: ProjectFolder = "",
) -> CallToolResult:
    """Find usage examples and demos with their whole code, the likeliest first."""
    shelf = desk.shelf(await desk.project(project))
    subject = " ".join(word for word in words_of(query) if word not in _MARKS) or query
    asked = await ask_indexes(shelf, registries)
    hits = await offload(examples, asked.indexes, query, subject)
    shown = [address_in(hit.registry, hit.item.name) for hit in hits[:limit]]
    found: list[Item] = []
    facts: list[str] = []
    for address, item in zip(shown, await together(shown, shelf.item, within_s=_WITHIN_S), strict=True):
        if isinstance(item, FleetError):
            facts.append(f"{named(address)} could not be had: {short(item.message)}")
        else:
            found.append(item)
    if not shown:
        found = await _unlisted(shelf, [name for name, _ in asked.indexes], query, subject)
    failed = [state for state in asked.states if state["problem"] and not state["items"]]
    facts += [f"{state['registry']} did not answer: {state['problem']}" for state in failed]
    if not found:
        raise _nothing(query, subject, [name for name, _ in asked.indexes], facts)
    left = len(hits) - len(shown)
    facts.insert(0, f"{len(found)} example{'s' if len(found) > 1 else ''} for {quoted(query, 80)}")
    if left > 0:
        more = [address_in(hit.registry, hit.item.name) for hit in hits[limit : limit + 10]]
        facts.insert(1, f"{left} more: {', '.join(map(named, more))}")
    blocks = [text for item in found for text in (item_facts(item), *(file.content or "" for file in item.files))]
    key = ["examples", query, registries, limit, project]
    return answer([text for text in blocks if text], facts, key=key, cursor=cursor, max_chars=max_chars)


def examples(indexes: Sequence[tuple[str, Searchable]], query: str, subject: str) -> list[Hit]:
    """Give the examples among the hits, those named as asked for first."""
    hits = {id(hit.item): hit for text in (query, subject) for hit in search(indexes, text).hits}
    wanted = "-".join(words_of(query))
    stem = "-".join(words_of(subject))

    def likely(hit: Hit) -> tuple[int, tuple[int, ...]]:
        name = hit.item.name.casefold()
        if name in (wanted, *(f"{stem}{suffix}" for suffix in _SUFFIXES)):
            return 0, hit.rank
        return (1 if name.startswith(stem) else 2), hit.rank

    return sorted((hit for hit in hits.values() if _is_example(hit.item) and can_be_named(hit)), key=likely)


def _is_example(item: Item) -> bool:
    name = item.name.casefold()
    return item.type == _EXAMPLE or bool(_MARKS & set(name.replace("_", "-").split("-")))


async def _unlisted(shelf: ProjectShelf, registries: Sequence[str], query: str, subject: str) -> list[Item]:
    """Ask for the usual names: many registries serve examples that their index leaves out."""
    stem = "-".join(word for word in words_of(subject) if word.isascii())
    if not stem:
        return []
    names = list(dict.fromkeys((f"{stem}-demo", f"{stem}-example", f"example-{stem}")))
    guesses = [f"{registry}/{name}" for registry in registries if registry.startswith("@") for name in names]
    found = await together(guesses[:_MOST_GUESSES], shelf.quietly, within_s=_WITHIN_S)
    return [item for item in found if not isinstance(item, FleetError)]


def _nothing(query: str, subject: str, registries: Sequence[str], facts: Sequence[str]) -> NotFound:
    told = "".join(f"; {fact}" for fact in facts)
    return NotFound(
        f"no example for {quoted(query, 80)} in {', '.join(registries)}{told}",
        hint=f"get_component_source of the item itself, or search_items_in_registries for {quoted(subject, 60)}",
    )
