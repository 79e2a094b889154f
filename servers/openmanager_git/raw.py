"""Raw blocks: long text is sent as it is, once, with a short block of facts behind it that says how to go on."""

from __future__ import annotations

from mcp_types import CallToolResult, TextContent

_ROOM_FOR_FACTS = 450


def decoded(data: bytes) -> tuple[str, str]:
    """Turn bytes into text without ever losing a line; gives the text and the encoding if it is not UTF-8."""
    try:
        return data.decode(), ""
    except UnicodeDecodeError:
        pass
    try:
        return data.decode("cp1252"), "Windows-1252"
    except UnicodeDecodeError:
        return data.decode("latin-1"), "Latin-1"


def room(max_chars: int) -> int:
    """How many characters of raw text fit beside the facts."""
    return max_chars - _ROOM_FOR_FACTS


def answer(text: str, facts: list[str]) -> CallToolResult:
    """Send raw text, and the facts in brackets as a block of their own."""
    blocks = [TextContent(type="text", text=text)]
    if facts:
        said = "; ".join(facts)
        blocks.append(TextContent(type="text", text=f"[{said[: _ROOM_FOR_FACTS - 2]}]"))
    return CallToolResult(content=list(blocks))
