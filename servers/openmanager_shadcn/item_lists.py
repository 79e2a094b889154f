"""Lists of items as answers: text and structure in one pass, each line and row made once and measured.

Not `answers.paged`, which builds and measures a whole answer several times: that was most of a search's time.
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass

from mcp_types import CallToolResult, TextContent
from typing_extensions import TypedDict

from openmanager_core.errors import FleetError, InvalidRequest
from openmanager_core.text import quoted
from openmanager_kit import cursors
from openmanager_shadcn.addresses import item_address
from openmanager_shadcn.searching import Hit
from openmanager_shadcn.showing import UNTRUSTED, ago, named, short

_OLD_S = 3600.0
_CURSOR_CHARS = 120


class Row(TypedDict):
    """One item."""

    address: str
    name: str
    registry: str
    type: str
    title: str
    description: str


class State(TypedDict):
    """One registry as this answer used it; `age_s` counts from when it last confirmed its index (0: a local file)."""

    registry: str
    items: int
    age_s: int
    stale: bool
    problem: str


@dataclass(frozen=True, slots=True)
class Shown:
    """How one item looks, and how long that is as JSON."""

    row: Row
    line: str
    json_chars: int


@dataclass(frozen=True, slots=True)
class Page:
    """Which part of a list is asked for; `key` names the request, for its cursors."""

    limit: int
    offset: int
    cursor: str
    max_chars: int
    key: list[object]


def item_list(
    hits: Sequence[Hit], page: Page, *, how: str, note: str, add_command: str, states: list[State]
) -> CallToolResult:
    """Answer with as many items as fit, at least one, and with a cursor for the rest.

    Raises
    ------
    InvalidRequest
        If the cursor is none of this request, or points past the end.
    """
    start = page.offset + cursors.decode(page.cursor, page.key)
    if page.cursor and start >= len(hits):
        raise InvalidRequest(
            f"cursor points past the end: item {start} of {len(hits)}",
            hint="the list has become shorter; leave cursor empty to start from the beginning",
        )
    head = [note, *_state_lines(states)]
    last = f"Add with: {add_command} ADDRESS. [{UNTRUSTED}]"
    answer = {
        "items": [], "total": len(hits), "offset": start, "next_cursor": None, "how": how, "note": note,
        "add_command": add_command, "registries": states,
    }  # fmt: skip
    text_left = page.max_chars - sum(len(line) + 1 for line in head) - len(last) - 2 * _CURSOR_CHARS
    json_left = page.max_chars - _json_chars(answer) - _CURSOR_CHARS
    end = min(len(hits), start + page.limit) if page.limit else len(hits)
    rows: list[Row] = []
    lines: list[str] = []
    for hit in hits[start:end]:
        shown = _shown(hit)
        text_left -= len(shown.line) + 1
        json_left -= shown.json_chars + 1
        if rows and (text_left < 0 or json_left < 0):
            break
        rows.append(shown.row)
        lines.append(shown.line)
    answer["items"] = rows
    after = start + len(rows)
    lines = [*head, *lines, *([last] if rows else [])]
    if after < len(hits) and rows:
        answer["next_cursor"] = cursor = cursors.encode(after - page.offset, page.key)
        lines.append(f"[{start + 1:,} to {after:,}; cursor={cursor} goes on]")
    return CallToolResult(content=[TextContent(type="text", text="\n".join(lines))], structured_content=answer)


def address_in(registry: str, name: str) -> str:
    """Say how an item of a registry is asked for; a registry named by its index's address has items beside it."""
    if registry.startswith("@"):
        return f"{registry}/{name}"
    folder, _, file = registry.rpartition("/")
    return f"{folder}/{file.replace('registry', name)}" if folder else file.replace("registry", name)


def can_be_named(hit: Hit) -> bool:
    """Tell whether an item's name is one that can be asked for."""
    try:
        item_address(address_in(hit.registry, hit.item.name))
    except FleetError:
        return False
    return True


def _shown(hit: Hit) -> Shown:
    key = (hit.registry, hit.entry.order)
    known: Shown | None = hit.index.shown.get(key)
    if known is not None:
        return known
    item = hit.item
    row = Row(
        address=short(address_in(hit.registry, item.name)),
        name=short(item.name),
        registry=hit.registry,
        type=short(item.type),
        title=short(item.title),
        description=short(item.description),
    )
    told = f" {quoted(row['description'], 400)}" if row["description"] else ""
    line = f"- {named(row['address'])} ({named(row['type'].removeprefix('registry:'))}){told}"
    shown = hit.index.shown[key] = Shown(row, line, _json_chars(row))
    return shown


def _state_lines(states: Sequence[State]) -> list[str]:
    lines = []
    for state in states:
        age = ago(time.time() - state["age_s"])
        if state["problem"] and state["items"] and not state["stale"]:
            lines.append(f"{named(state['registry'])}: {state['problem']}.")
        elif state["problem"]:
            copy = f"; an older copy of {age} stands in" if state["stale"] else ""
            lines.append(f"{named(state['registry'])} did not answer ({state['problem']}){copy}.")
        elif state["age_s"] > _OLD_S:
            lines.append(f"{named(state['registry'])} was last asked {age}.")
    return lines


def _json_chars(value: object) -> int:
    return len(json.dumps(value, separators=(",", ":"), ensure_ascii=False))
