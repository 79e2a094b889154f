"""A mistaken name is answered with the nearest ones, quickly in a fleet of any size."""

from __future__ import annotations

import random
from difflib import SequenceMatcher, get_close_matches

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openmanager_core import near
from openmanager_core.errors import NotFound
from openmanager_core.near import COMPARED, nearest
from openmanager_core.simulator import Simulator

NAMES = st.lists(st.text(max_size=12) | st.text("web-01é한", max_size=30), max_size=40)


def likeness(wanted: str, names: list[str]) -> list[float]:
    return [round(SequenceMatcher(None, name, wanted).ratio(), 9) for name in names]


def slipped(name: str, rng: random.Random) -> str:
    """The name as a hurried person types it."""
    for _ in range(rng.randint(1, 3)):
        i = rng.randrange(len(name))
        name = rng.choice((
            name[:i] + name[i + 1 :],
            name[:i] + rng.choice("aeiou0123456789-") + name[i:],
            name[:i] + name[i + 1 : i + 2] + name[i : i + 1] + name[i + 2 :],
            name[:i] + rng.choice("abcxyz0189.") + name[i + 1 :],
            name.replace("-0", "-"),
        )) or "x"  # fmt: skip
    return name


@given(st.text(max_size=30), NAMES, st.integers(1, 5), st.floats(0, 1))
def test_among_few_names_the_answer_is_that_of_difflib(wanted: str, names: list[str], most: int, cutoff: float) -> None:
    assert nearest(wanted, names, most, cutoff) == get_close_matches(wanted, names, most, cutoff)


def test_in_a_small_fleet_every_mistaken_server_gets_the_answer_of_difflib() -> None:
    names, rng = list(Simulator(COMPARED).fleet().by_id), random.Random(3)
    for _ in range(40):
        wanted = slipped(rng.choice(names), rng)
        assert nearest(wanted, names) == get_close_matches(wanted, names, 3, 0.4)


def test_in_a_large_fleet_the_answers_are_as_near_as_those_of_difflib() -> None:
    names, rng = list(Simulator(4000).fleet().by_id), random.Random(4)
    for _ in range(25):
        wanted = slipped(rng.choice(names), rng)
        assert likeness(wanted, nearest(wanted, names)) == likeness(wanted, get_close_matches(wanted, names, 3, 0.4))


def test_no_more_names_are_compared_letter_by_letter_than_said(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []

    def counting(wanted: str, names: list[str], n: int, cutoff: float) -> list[str]:
        seen.append(len(names))
        return get_close_matches(wanted, names, n, cutoff)

    monkeypatch.setattr(near, "get_close_matches", counting)
    fleet = Simulator(20_000).fleet()
    with pytest.raises(NotFound, match="web-us-east-1-003"):
        fleet.server("wbe-us-east-1-003")
    assert seen == [COMPARED]


@given(
    st.text(max_size=250),
    st.lists(st.text(max_size=6) | st.just("n" * 300), min_size=COMPARED + 1, max_size=COMPARED + 3),
)
def test_any_text_may_be_asked_for_among_many_names(wanted: str, names: list[str]) -> None:
    found = nearest(wanted, names)
    assert set(found) <= set(names)
    assert likeness(wanted[:200], found) == sorted(likeness(wanted[:200], found), reverse=True)


@given(st.text("abcdefgh", min_size=5, max_size=30), st.integers(0, 500))
def test_a_name_that_exists_is_found_among_many(wanted: str, place: int) -> None:
    names = [f"srv-{i:05d}" for i in range(500)]
    names.insert(place, wanted)
    assert nearest(wanted, names)[0] == wanted
