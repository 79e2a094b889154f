"""The last good answer to each question, for when the source is away: with its age and the reason, never silently."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from mcp_types import CallToolResult, TextContent

from openmanager_core.errors import FleetError
from openmanager_kit import freshness
from openmanager_kit.plain import PlainResult

LONGEST_S = 24 * 3600.0
MOST_KEPT = 16
MOST_CHARS = 200_000
STALE = "stale"


@dataclass(frozen=True, slots=True)
class _Kept:
    result: CallToolResult
    at_s: float
    chars: int


class Earlier:
    """Answers of one tool by what was asked, the newest of each, bounded in number, size and age."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._kept: OrderedDict[str, _Kept] = OrderedDict()
        self._chars = 0

    def keep(self, asked: str, result: object) -> None:
        """Remember a good answer."""
        if not isinstance(result, CallToolResult) or result.is_error:
            return
        self._drop(asked)
        chars = sum(len(block.text) for block in result.content if isinstance(block, TextContent))
        self._kept[asked] = _Kept(result, self._clock(), chars)
        self._chars += chars
        while self._kept and (len(self._kept) > MOST_KEPT or self._chars > MOST_CHARS):
            self._drop(next(iter(self._kept)))

    def instead(self, asked: str, reason: FleetError) -> CallToolResult | None:
        """Give the last good answer with its age and the reason in front; None if there is none, or it is too old."""
        kept = self._kept.get(asked)
        if kept is None:
            return None
        age_s = self._clock() - kept.at_s
        if age_s > LONGEST_S:
            self._drop(asked)
            return None
        first = TextContent(
            type="text", text=f"{reason}\nNothing newer can be had. This was the answer {_ago(age_s)} ago:"
        )
        old = freshness.told(kept.result, freshness.last_good(age_s, str(reason)))
        structured = old.structured_content
        if structured is not None:
            structured = {**structured, STALE: {"age_s": round(age_s, 1), "reason": str(reason)}}
        return PlainResult(content=[first, *old.content], structured_content=structured)

    def _drop(self, asked: str) -> None:
        old = self._kept.pop(asked, None)
        if old is not None:
            self._chars -= old.chars


def _ago(age_s: float) -> str:
    for size, name in ((3600.0, "hours"), (60.0, "minutes")):
        if age_s >= 2 * size:
            return f"{age_s / size:.0f} {name}"
    return f"{age_s:.0f} seconds"
