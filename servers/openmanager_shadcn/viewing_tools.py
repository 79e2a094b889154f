"""The tools that show items with their source. Sources are sent raw and once, in text blocks of their own."""

from __future__ import annotations

from typing import Annotated

from mcp_types import CallToolResult
from pydantic import Field

from openmanager_core.errors import FleetError, InvalidRequest, NotFound
from openmanager_core.text import quoted
from openmanager_kit.answers import MAX_CHARS
from openmanager_shadcn.desk import ProjectFolder, TheDesk
from openmanager_shadcn.items import Item, ItemFile
from openmanager_shadcn.parameters import Cursor, Items, MaxChars
from openmanager_shadcn.showing import ago, answer, item_facts, named, short, styles_of
from openmanager_shadcn.together import together


async def view_items_in_registries(
    desk: TheDesk,
    items: Items,
    cursor: Cursor = "",
    max_chars: MaxChars = MAX_CHARS,
    project: ProjectFolder = "",
) -> CallToolResult:
    """Show items: what they are and need, their CSS, and the source of each file (one block each, in order)."""
    shelf = desk.shelf(await desk.project(project))
    wanted = list(dict.fromkeys(items))
    found = await together(wanted, shelf.item)
    blocks, facts = [], []
    for name, item in zip(wanted, found, strict=True):
        if isinstance(item, FleetError):
            if len(found) == 1 or all(isinstance(other, FleetError) for other in found):
                raise item
            facts.append(f"{named(name)} was not found: {short(item.message)}")
            continue
        blocks += view_of(item)
    seen = sum(not isinstance(item, FleetError) for item in found)
    facts.insert(0, f"{seen} item{'s' if seen != 1 else ''}")
    return answer(blocks, facts, key=["view", wanted, project], cursor=cursor, max_chars=max_chars)


async def get_component_source(
    desk: TheDesk,
    item: Annotated[str, Field(description="@registry/name, a bare name, an address or a path")],
    file: Annotated[
        str, Field(description="Only this file: its path or the end of it, or its number; empty: all")
    ] = "",
    cursor: Cursor = "",
    max_chars: MaxChars = MAX_CHARS,
    project: ProjectFolder = "",
) -> CallToolResult:
    """Give the source of an item's files, raw, one block each. The last block says which files they are."""
    shelf = desk.shelf(await desk.project(project))
    found = await shelf.item(item)
    files = _chosen(found, file)
    facts = [named(found.address)]
    facts += [f"{named(part.path)}, {len(part.content or ''):,} characters" for part in files[:50]]
    others = len(found.files) - len(files)
    if others:
        facts.append(f"{others} other file{'s' if others > 1 else ''} of the item not shown")
    if found.stale:
        facts.append(f"an older copy, confirmed {ago(found.checked_s)}: the registry could not be asked")
    sources = [part.content or "" for part in files]
    return answer(sources, facts, key=["source", item, file, project], cursor=cursor, max_chars=max_chars)


def view_of(item: Item) -> list[str]:
    """Facts, styles and sources of an item, each a block."""
    styles = styles_of(item)
    sources = [file.content for file in item.files if file.content]
    return [item_facts(item), *([styles] if styles else []), *sources]


def _chosen(item: Item, wanted: str) -> list[ItemFile]:
    having = [file for file in item.files if file.content is not None]
    if not having:
        why = "has no files" if not item.files else "names files but not their source"
        raise NotFound(f"{item.address} {why}", hint="view_items_in_registries shows what it is made of")
    if not wanted:
        return having
    if wanted.isascii() and wanted.isdigit() and len(wanted) < 6:
        number = int(wanted)
        if not 1 <= number <= len(item.files) or item.files[number - 1].content is None:
            raise InvalidRequest(f"file must be 1 to {len(item.files)} with a source, got {number}")
        return [item.files[number - 1]]
    found = [file for file in having if file.path == wanted or file.target == wanted]
    found = found or [file for file in having if f"/{file.path}".endswith(f"/{wanted.lstrip('/')}")]
    if not found:
        raise NotFound.named(f"file of {item.address}", wanted, [file.path for file in having])
    if len(found) > 1:
        paths = ", ".join(quoted(file.path, 80) for file in found[:5])
        raise InvalidRequest(f"file {quoted(wanted, 80)} fits {len(found)} files: {paths}", hint="more of the path")
    return found
