"""What tools answer: one frozen model that a person can read and a program can use, cut to size."""

from __future__ import annotations

import json
import math
import warnings
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field

from openmanager_core.errors import InvalidRequest
from openmanager_kit import cursors
from openmanager_kit.freshness import GROWS, MADE

Item = TypeVar("Item")
A = TypeVar("A", bound="Answer")

_COMPACT = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False).encode
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


class Rows(Answer):
    """An answer of long lists: rows that the tool made as plain dicts of texts and whole numbers go out as they are.

    Made with `model_construct`, which checks nothing: a thousand rows cost no thousand models.
    """

    text: str = Field(exclude=True)

    def as_text(self) -> str:
        """Give the text that the tool wrote."""
        return self.text

    def structured(self) -> dict[str, Any]:
        """Give the fields as they are."""
        return {name: getattr(self, name) for name in type(self).model_fields if name != "text"}


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
    weigh: Callable[[Item], tuple[int, int]] | None = None,
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
    weigh
        The characters that one item adds to the text and to the JSON, or fewer: pages that can not fit are then not
        built only to be measured.

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
        structure = _COMPACT(answer.structured())
        grows = GROWS if MADE in structure else 0
        return answer, max(len(answer.as_text()), len(structure)) + grows

    most = len(page) if weigh is None else _most(page, weigh, max_chars)
    fits, too_many, best = 0, most + 1, None
    count, tries = most, 0
    while too_many - fits > 1:
        answer, size = attempt(count)
        if size <= max_chars:
            fits, best = count, answer
        else:
            too_many = count
        # As many more or fewer as items of the same length would make; halving in the end, whatever their lengths.
        tries += 1
        guess = count + (max_chars - size) * count // size if tries < _GUESSES else (fits + too_many) // 2
        count = min(max(guess, fits + 1), too_many - 1)
    return best if best is not None else attempt(min(1, len(page)))[0]


_GUESSES = 4


def _most(page: Sequence[Item], weigh: Callable[[Item], tuple[int, int]], max_chars: int) -> int:
    """Count the items that are not too long together, one at least."""
    texts = structures = 0
    for count, item in enumerate(page):
        text, structure = weigh(item)
        texts, structures = texts + text, structures + structure
        if max(texts, structures) > max_chars:
            return max(count, 1)
    return len(page)
