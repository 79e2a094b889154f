"""What tools answer: one frozen model that a person can read and a program can use, cut to size."""

from __future__ import annotations

import json
import math
import warnings
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict

from openmanager_core.errors import InvalidRequest
from openmanager_kit import cursors

Item = TypeVar("Item")
A = TypeVar("A", bound="Answer")

MAX_CHARS = 10_000
"""Longest text and longest compact JSON of a paged answer, in characters."""


class NotFinite(RuntimeWarning):
    """An answer held NaN or an infinity, which JSON does not have; null went out in its place."""


class Answer(BaseModel):
    """The result of a tool: `as_text` for a person, its fields for a program, each complete without the other.

    Numbers are finite; where a number may be missing the field is ``float | None`` and its description
    says what null means. Should a NaN or infinity slip in nevertheless, null goes out and a `NotFinite`
    warning is raised, which the tests turn into a failure.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    def as_text(self) -> str:
        """Say the same in words; the default is the compact JSON of all fields."""
        return self.model_dump_json()

    def structured(self) -> dict[str, Any]:
        """Give the fields as plain JSON values, without NaN or infinities."""
        dumped = self.model_dump(mode="json")
        if _null_what_is_not_finite(dumped):
            warnings.warn(f"{type(self).__name__} held a number that is not finite", NotFinite, stacklevel=2)
        return dumped


def _null_what_is_not_finite(value: Any) -> bool:
    """Replace NaN and infinities in nested lists and dicts by None, in place; True if there were any."""
    found = False
    pairs: Any = value.items() if isinstance(value, dict) else enumerate(value)
    for key, item in pairs:
        if isinstance(item, float):
            if not math.isfinite(item):
                value[key] = None
                found = True
        elif isinstance(item, (dict, list)):
            found = _null_what_is_not_finite(item) or found
    return found


def paged(
    items: Sequence[Item],
    build: Callable[[list[Item], int, str | None], A],
    *,
    limit: int,
    cursor: str | None,
    key: Any,
    max_chars: int = MAX_CHARS,
) -> A:
    """Answer with as many items as fit, and with a cursor for the rest.

    Parameters
    ----------
    items
        Everything there is, in a stable order.
    build
        Called as ``build(part_of_the_items, total, next_cursor)``; `next_cursor` is None after the last item.
        Called a few times, so it should be cheap.
    limit
        Most items on one page, at least 1.
    cursor
        What an earlier page gave as its `next_cursor`; empty or None for the first page.
    key
        All arguments that decide what `items` holds, as JSON values: a cursor is refused for another key.
    max_chars
        Longest text, and longest compact JSON, in characters. A single item that is longer alone is sent
        all the same: a cursor must always lead on.

    Raises
    ------
    InvalidRequest
        If `limit` is below 1, or `cursor` is malformed, belongs to another request or points past the end.
    """
    if limit < 1:
        raise InvalidRequest(f"limit must be at least 1, got {limit}")
    start = cursors.decode(cursor, key)
    total = len(items)
    if start and start >= total:
        raise InvalidRequest(
            f"cursor points past the end: item {start} of {total}",
            hint="the list has become shorter; leave cursor empty to start from the beginning",
        )
    page = list(items[start : start + limit])

    def attempt(count: int) -> tuple[A, int]:
        after = start + count
        answer = build(page[:count], total, cursors.encode(after, key) if after < total else None)
        # Measured as the plainest writer puts numbers down: 1e-07 where pydantic writes 1e-7.
        structure = json.dumps(answer.structured(), separators=(",", ":"), ensure_ascii=False)
        return answer, max(len(answer.as_text()), len(structure))

    answer, size = attempt(len(page))
    if size <= max_chars or len(page) <= 1:
        return answer
    fits, too_many, best = 0, len(page), None
    guess = max(1, len(page) * max_chars // size)
    while too_many - fits > 1:
        count = min(max(guess, fits + 1), too_many - 1)
        answer, size = attempt(count)
        if size <= max_chars:
            fits, best = count, answer
        else:
            too_many = count
        guess = (fits + too_many) // 2
    return best if best is not None else attempt(1)[0]
