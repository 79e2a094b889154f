"""Parameters that the finding tools share, described once, and the shape of their answers."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from json.encoder import encode_basestring
from typing import Annotated, Any

from mcp_types import CallToolResult, TextContent
from pydantic import Field

from openmanager_kit.plain import PlainResult

Path = Annotated[str, Field(description="Directory")]
Limit = Annotated[int, Field(ge=1, le=100_000, description="Most entries")]
Cursor = Annotated[str, Field(description="Cursor of the last answer")]
MaxChars = Annotated[int, Field(ge=1000, le=20_000_000, description="Longest answer")]
Excludes = Annotated[list[str], Field(max_length=100, description="Globs to leave out")]

_compact = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False).encode

FACTS = 700
"""Characters of an answer that are kept for its last block."""


def answer(text: str, facts: Iterable[str], structured: dict[str, Any] | None = None) -> CallToolResult:
    """Make an answer of the text itself and a last block of facts in brackets."""
    said = [fact for fact in facts if fact]
    blocks = [TextContent(type="text", text=text)] if text else []
    if said:
        blocks.append(TextContent(type="text", text=f"[{'; '.join(said)}]"))
    return PlainResult(content=list(blocks), structured_content=structured)


def length(value: Any) -> int:
    """Measure a value as compact JSON, with the comma behind it."""
    if (
        type(value) is dict and value and all(type(part) in (str, int) for part in value.values())
    ):  # a row: no need to write it
        return 2 + sum(
            len(key) + 4 + len(encode_basestring(part) if type(part) is str else str(part))
            for key, part in value.items()
        )
    return len(_compact(value)) + 1


def how_many(count: int, what: str, many: str = "") -> str:
    """Say a number of things."""
    return f"{count} {what if count == 1 else many or what + 's'}"


def problems(errors: Sequence[tuple[str, str]], failed: int) -> str:
    """Say what could not be read; "" if all could."""
    if not failed:
        return ""
    shown = ", ".join(f"{path} ({why})" for path, why in errors[:3])
    return f"{how_many(failed, 'place')} could not be read: {shown[:400]}"
