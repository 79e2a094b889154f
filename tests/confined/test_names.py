"""Names as bytes on disk and as text: what is shown can be sent back."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openmanager_kit.confined import walk
from openmanager_kit.confined.names import meant_names, shown_name, shown_path
from openmanager_kit.confined.roots import Roots

ON_DISK = st.binary(min_size=1, max_size=40).filter(lambda raw: b"/" not in raw and b"\0" not in raw)


@given(ON_DISK)
def test_what_was_shown_stands_for_the_very_same_name(raw: bytes) -> None:
    name = os.fsdecode(raw)
    shown = shown_name(name)
    assert meant_names(shown)[0] == name
    assert len(shown.splitlines()) == 1
    json.dumps(shown).encode()
    shown.encode()


@given(ON_DISK, ON_DISK)
def test_different_names_are_shown_differently(one: bytes, other: bytes) -> None:
    assert (shown_name(os.fsdecode(one)) == shown_name(os.fsdecode(other))) == (one == other)


@given(st.text(alphabet='\\xnut0158adf"', min_size=1, max_size=12))
def test_names_full_of_backslashes_come_back_too(name: str) -> None:
    assert meant_names(shown_name(name))[0] == name


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("plain.txt", "plain.txt"),
        ("한글 파일.md", "한글 파일.md"),
        ("a\nb", "a\\nb"),
        ("a\\nb", "a\\\\nb"),
        ("C:\\dir", "C:\\dir"),
        ("\udcff\udcfe", "\\xff\\xfe"),
        ("\u202egpj.exe", "\\u202egpj.exe"),
        ("soft\xadhyphen", "soft\\u00adhyphen"),
    ],
)
def test_names_are_shown_readably(name: str, shown: str) -> None:
    assert shown_name(name) == shown


def test_a_name_is_also_looked_for_by_its_own_letters() -> None:
    assert meant_names("a\\nb") == ["a\nb", "a\\nb"]
    assert meant_names("plain") == ["plain"]


def test_a_path_is_shown_component_by_component() -> None:
    assert shown_path("/a/b\nc/d") == "/a/b\\nc/d"


@pytest.mark.parametrize("name", ["a\nb", "a\\nb", "a\\\\nb", "\udcff", "plain", "\\", "\\x41"])
def test_a_place_shown_once_or_twice_is_found_again(tmp_path: Path, name: str) -> None:
    for there in {name, "a\nb", "a\\nb", "\udcff", "\\xff"}:
        (tmp_path / there).write_text("")
    roots = Roots.parse([str(tmp_path)])
    spot = roots.locate(".").child(name)
    again = roots.locate(spot.shown)
    assert again.shown == spot.shown
    for place in (spot, again):
        with walk.entry(place) as found:
            assert found.name == name and found.stat is not None
