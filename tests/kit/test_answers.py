"""Answers cut to size: every item comes once, in order, and no page is too long."""

from __future__ import annotations

import base64
import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field

from openmanager_core.errors import InvalidRequest
from openmanager_kit import cursors
from openmanager_kit.answers import Answer, NotFinite, paged


class Names(Answer):
    """Some names."""

    names: list[str]
    total: int
    next_cursor: str | None

    def as_text(self) -> str:
        lines = [f"{len(self.names)} of {self.total}", *self.names]
        return "\n".join([*lines, f"next: {self.next_cursor}"] if self.next_cursor else lines)


def build(names: list[str], total: int, next_cursor: str | None) -> Names:
    return Names(names=names, total=total, next_cursor=next_cursor)


def all_pages(names: list[str], limit: int, max_chars: int) -> list[Names]:
    pages, cursor = [], None
    while True:
        page = paged(names, build, limit=limit, cursor=cursor, key={"of": "test"}, max_chars=max_chars)
        pages.append(page)
        cursor = page.next_cursor
        if cursor is None:
            return pages


@given(
    st.lists(st.text(max_size=60), max_size=60),
    st.integers(min_value=1, max_value=80),
    st.integers(min_value=150, max_value=2000),
)
def test_pages_hold_every_item_once_and_none_is_too_long(names: list[str], limit: int, max_chars: int) -> None:
    pages = all_pages(names, limit, max_chars)
    assert [name for page in pages for name in page.names] == names
    for page in pages:
        assert page.total == len(names)
        assert len(page.names) <= limit
        long = max(len(page.as_text()), len(page.model_dump_json()))
        assert long <= max_chars or len(page.names) == 1


@given(st.lists(st.text(max_size=30), min_size=2, max_size=60), st.integers(min_value=200, max_value=1500))
def test_a_page_is_as_long_as_it_can_be(names: list[str], max_chars: int) -> None:
    first = all_pages(names, 1000, max_chars)[0]
    taken = len(first.names)
    if taken < len(names):
        one_more = build(names[: taken + 1], len(names), cursors.encode(taken + 1, {"of": "test"}))
        assert max(len(one_more.as_text()), len(one_more.model_dump_json())) > max_chars


def test_a_single_item_that_is_too_long_is_sent_all_the_same() -> None:
    pages = all_pages(["a", "x" * 5000, "b"], 10, 400)
    assert [page.names for page in pages] == [["a"], ["x" * 5000], ["b"]]


def test_nothing_is_one_empty_page() -> None:
    assert all_pages([], 10, 400) == [build([], 0, None)]


def test_a_limit_below_one_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="limit must be at least 1, got 0"):
        paged([], build, limit=0, cursor=None, key=1)


@given(st.text(max_size=300))
def test_a_cursor_from_elsewhere_is_refused_by_name(cursor: str) -> None:
    try:
        paged(["a"], build, limit=1, cursor=cursor, key="mine")
    except InvalidRequest as exc:
        assert str(exc).startswith("invalid_request: cursor ")
    else:
        assert not cursor


@pytest.mark.parametrize("raw", ["[]", "[-1,1]", "[true,2]", '["1","2"]', "{}", "[1.5,1]", "9" * 50, "null", "[[[["])
def test_a_forged_cursor_is_refused(raw: str) -> None:
    forged = base64.urlsafe_b64encode(raw.encode()).decode()
    with pytest.raises(InvalidRequest, match="cursor is not one that this server gave out"):
        cursors.decode(forged, "mine")


def test_a_cursor_of_another_request_is_refused() -> None:
    cursor = cursors.encode(1, {"kind": "web"})
    assert cursors.decode(cursor, {"kind": "web"}) == 1
    with pytest.raises(InvalidRequest, match="belongs to a request with other arguments"):
        cursors.decode(cursor, {"kind": "db"})


def test_a_cursor_past_the_end_says_that_the_list_is_shorter_now() -> None:
    with pytest.raises(InvalidRequest, match=r"item 5 of 2.*shorter"):
        paged(["a", "b"], build, limit=1, cursor=cursors.encode(5, 1), key=1)


class Measured(Answer):
    """Numbers."""

    value: float
    nested: dict[str, list[float]] = Field(default_factory=dict)


def test_a_number_that_is_not_finite_warns_and_goes_out_as_null() -> None:
    answer = Measured(value=math.nan, nested={"a": [1.0, math.inf]})
    with pytest.warns(NotFinite):
        data = answer.structured()
    assert data == {"value": None, "nested": {"a": [1.0, None]}}
    assert json.loads(answer.as_text()) == data


def test_a_finite_answer_does_not_warn() -> None:
    assert Measured(value=1.5).structured() == {"value": 1.5, "nested": {}}


def test_an_answer_says_everything_in_its_default_text() -> None:
    assert Measured(value=1.5).as_text() == '{"value":1.5,"nested":{}}'


def test_an_answer_cannot_be_changed_or_extended() -> None:
    with pytest.raises(ValueError, match="frozen"):
        Measured(value=1.0).value = 2.0  # type: ignore[misc]
    with pytest.raises(ValueError, match="extra"):
        Measured(value=1.0, other=2)  # type: ignore[call-arg]
