"""Where an answer came from: made for this call, made for several at once, kept, or the last good one.

A tool that shows its trail writes the line `MADE`, in the language of the answer, which is true for whoever the answer
is made for. Whoever gives the same answer to somebody else writes in its place what is true for them, in that language.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, TypeVar

from mcp_types import CallToolResult, TextContent

from openmanager_kit.plain import PlainResult
from openmanager_kit.sharing import Standing

if TYPE_CHECKING:
    from openmanager_core.facts import Fact
    from openmanager_core.wording import Language

R = TypeVar("R")

MADE = "cache: made for this call"
MADE_IN: dict[Language, str] = {"en": MADE, "ko": "캐시: 이 호출을 위해 새로 만든 답"}
GROWS = 250
"""Characters that the line may become longer by."""

TRAIL = "trail"
_LANGUAGES: dict[str, Language] = {line: language for language, line in MADE_IN.items()}
_LINE = re.compile(rf"^- ({'|'.join(map(re.escape, _LANGUAGES))})$", re.MULTILINE)


def as_kept(now: Standing) -> Fact:
    """The line for an answer that was kept."""
    return _fact("cache.kept", age_s=now.age_s, left_s=now.left_s)


def as_standing_in(age_s: float) -> Fact:
    """The line for an answer that is given while the next one is made."""
    return _fact("cache.standing_in", age_s=age_s)


def as_given(before: Standing, after: Standing) -> Fact:
    """The line for an answer, from what there was when it was asked for and what there is now."""
    if before.what == "kept":
        return as_kept(before)
    left_s = after.left_s if after.what == "kept" else None
    return _fact("cache.made", together=before.what != "none", left_s=left_s)


def last_good(age_s: float, reason: str) -> Fact:
    """The line for an answer from before the source went away: its other lines are as old as it is."""
    return _fact("cache.last_good", age_s=age_s, reason=reason)


def told(result: R, line: Fact) -> R | CallToolResult:
    """Give the result with `line` where its trail says `MADE` in some language; itself where it shows no trail."""
    if not isinstance(result, CallToolResult):
        return result
    structured: dict[str, Any] | None = result.structured_content
    trail = structured.get(TRAIL) if structured is not None else None
    if structured is not None:
        if not isinstance(trail, list) or not any(made in trail for made in _LANGUAGES):
            return result
        structured = {**structured, TRAIL: [_instead(text, line) for text in trail]}
    content = [
        block.model_copy(update={"text": _LINE.sub(lambda found: f"- {_instead(found[1], line)}", block.text)})
        if isinstance(block, TextContent)
        else block
        for block in result.content
    ]
    return PlainResult(content=content, structured_content=structured)


def _instead(text: Any, line: Fact) -> Any:
    """The line in the language of `MADE`; anything else as it is."""
    language = _LANGUAGES.get(text) if isinstance(text, str) else None
    if language is None:
        return text
    from openmanager_core.wording import said

    return said(line, language)


def _fact(code: str, **values: Any) -> Fact:
    from openmanager_core.facts import fact  # most servers share nothing, and have no use for it

    return fact(code, **values)
