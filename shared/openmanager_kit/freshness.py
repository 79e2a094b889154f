"""Where an answer came from: made for this call, made for several at once, kept, or the last good one.

A tool that shows its trail writes the line `MADE`, which is true for whoever the answer is made for. Whoever gives
the same answer to somebody else writes in its place what is true for them.
"""

from __future__ import annotations

import re
from typing import Any, TypeVar

from mcp_types import CallToolResult, TextContent

from openmanager_kit.plain import PlainResult
from openmanager_kit.sharing import Standing

R = TypeVar("R")

MADE = "cache: made for this call"
GROWS = 250
"""Characters that the line may become longer by."""

TRAIL = "trail"
_LINE = re.compile(rf"^- {re.escape(MADE)}$", re.MULTILINE)


def as_kept(now: Standing) -> str:
    """The line for an answer that was kept."""
    return f"cache: kept, made {now.age_s:.1f} s ago, given to equal calls for {now.left_s:.1f} s more at most"


def as_standing_in(age_s: float) -> str:
    """The line for an answer that is given while the next one is made."""
    return f"cache: kept, made {age_s:.1f} s ago, given to equal calls while the next one is being made"


def as_given(before: Standing, after: Standing) -> str:
    """The line for an answer, from what there was when it was asked for and what there is now."""
    if before.what == "kept":
        return as_kept(before)
    made = MADE if before.what == "none" else "cache: made for several equal calls at once"
    return f"{made}, kept {after.left_s:.1f} s for equal ones" if after.what == "kept" else f"{made}, not kept"


def last_good(age_s: float, reason: str) -> str:
    """The line for an answer from before the source went away: its other lines are as old as it is."""
    return f"cache: the last good answer, {age_s:.0f} s old, as all of this trail; now: {reason}"


def told(result: R, line: str) -> R | CallToolResult:
    """Give the result with `line` where its trail says `MADE`; the result itself where it shows no trail."""
    if not isinstance(result, CallToolResult):
        return result
    structured: dict[str, Any] | None = result.structured_content
    trail = structured.get(TRAIL) if structured is not None else None
    if structured is not None:
        if not isinstance(trail, list) or MADE not in trail:
            return result
        structured = {**structured, TRAIL: [line if text == MADE else text for text in trail]}
    content = [
        block.model_copy(update={"text": _LINE.sub(lambda _: f"- {line}", block.text)})
        if isinstance(block, TextContent)
        else block
        for block in result.content
    ]
    return PlainResult(content=content, structured_content=structured)
