"""Finding items by words: what was meant comes first, and nothing that does not hold it comes at all."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openmanager_core.errors import InvalidRequest
from openmanager_shadcn.items import parse_index
from openmanager_shadcn.searching import Searchable, check_types, distance, plain, search

NAMES = [
    ("badge", "A badge"), ("breadcrumb", "Where you are"), ("button", "A pressable thing"),
    ("button-group", "Several buttons in a row"), ("carousel", "With a previous button"), ("card", "A box"),
    ("chart-bar-button", ""), ("combobox", "An input with a list"), ("date-picker", "Calendar in a popover"),
    ("icon-button", ""), ("navigation-menu", "Links"), ("radio-group", "Round buttons"), ("table", "Rows"),
    ("toggle", "Two states"), ("사이드바", "접히는 사이드바입니다"), ("login", "로그인 버튼을 가진 양식"),
]  # fmt: skip


def index(*entries: tuple[str, str], kind: str = "registry:ui") -> Searchable:
    items: list[dict[str, Any]] = [{"name": n, "type": kind, "description": d} for n, d in entries]
    return Searchable.of(parse_index({"items": items}, "x"))


UI = [("@ui", index(*NAMES))]


def names(query: str) -> list[str]:
    return [hit.item.name for hit in search(UI, query).hits]


def test_the_exact_name_comes_first_then_beginnings_then_words_then_descriptions() -> None:
    assert names("button") == ["button", "button-group", "icon-button", "chart-bar-button", "carousel", "radio-group"]


def test_every_hit_holds_the_word() -> None:
    for hit in search(UI, "button").hits:
        assert "button" in hit.item.name or "button" in hit.item.description


@pytest.mark.parametrize("query", ["date picker", "date-picker", "Date Picker", "DATE_PICKER", "picker date"])
def test_the_words_of_a_name_may_be_written_in_any_way(query: str) -> None:
    assert names(query)[0] == "date-picker"


def test_korean_words_are_found_with_their_particles() -> None:
    assert names("버튼") == ["login"]
    assert names("사이드바") == ["사이드바"]


@pytest.mark.parametrize(("query", "meant"), [("buton", "button"), ("buttno", "button"), ("brdcrumb", "breadcrumb")])
def test_a_near_spelling_is_found_when_nothing_holds_the_word(query: str, meant: str) -> None:
    found = search(UI, query)
    assert found.how == "near spelling" and found.hits[0].item.name == meant and meant in found.meant


def test_a_near_spelling_is_no_hit_while_the_word_itself_is_there() -> None:
    assert names("card") == ["card"], "not cart, not chart"


def test_what_nothing_holds_finds_nothing() -> None:
    assert names("zebra") == [] and names("qzx") == []


def test_words_that_no_item_holds_together_are_found_apart_and_said_to_be() -> None:
    found = search(UI, "fancy carousel please")
    assert found.how == "some words" and [hit.item.name for hit in found.hits] == ["carousel"]


@pytest.mark.parametrize("query", ["", "   ", "---", "x" * 201, " ".join(f"w{n}" for n in range(13))])
def test_a_query_without_words_or_with_too_many_is_refused(query: str) -> None:
    with pytest.raises(InvalidRequest):
        search(UI, query)


def test_types_are_taken_with_and_without_their_prefix_and_unknown_ones_refused() -> None:
    assert check_types(["ui", "registry:Block"]) == {"registry:ui", "registry:block"}
    with pytest.raises(InvalidRequest, match="is no type"):
        check_types(["widget"])
    both = [("@ui", index(("button", ""))), ("@b", index(("button-page", ""), kind="registry:block"))]
    assert [hit.item.name for hit in search(both, "button", check_types(["block"])).hits] == ["button-page"]


@given(st.text(max_size=30), st.lists(st.tuples(st.text(min_size=1, max_size=12), st.text(max_size=20)), max_size=12))
def test_a_hit_holds_a_word_of_the_query_or_one_spelled_nearly_so(query: str, entries: list[tuple[str, str]]) -> None:
    try:
        found = search([("@x", index(*entries))], query)
    except InvalidRequest:
        return
    for hit in found.hits:
        text = plain(f"{hit.item.name} {hit.item.description}")
        wanted = found.meant if found.how == "near spelling" else ()
        words = [*plain(query).replace("_", " ").split(), *wanted]
        assert words and found.how and (any(part in text for word in words for part in _parts(word)) or wanted)


def _parts(word: str) -> list[str]:
    return re.findall(r"[^\W_]+", word)


@given(st.text("ab", max_size=6), st.text("ab", max_size=6))
def test_the_distance_is_the_one_of_its_definition(left: str, right: str) -> None:
    assert min(distance(left, right, 99), 99) == _slow(left, right)
    assert (distance(left, right, 1) <= 1) == (_slow(left, right) <= 1)


def _slow(left: str, right: str) -> int:
    if not left or not right:
        return len(left) + len(right)
    costs = [
        _slow(left[:-1], right) + 1,
        _slow(left, right[:-1]) + 1,
        _slow(left[:-1], right[:-1]) + (left[-1] != right[-1]),
    ]
    if len(left) > 1 and len(right) > 1 and left[-1] == right[-2] and left[-2] == right[-1]:
        costs.append(_slow(left[:-2], right[:-2]) + 1)
    return min(costs)
