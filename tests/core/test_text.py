"""Counts are said with the word that fits them."""

from __future__ import annotations

from openmanager_core.text import many


def test_one_of_a_thing_is_not_said_in_the_plural() -> None:
    assert [many(n, "thought") for n in (0, 1, 2)] == ["0 thoughts", "1 thought", "2 thoughts"]
    assert [many(n, "branch") for n in (1, 3)] == ["1 branch", "3 branches"]
