"""Editing: what was meant is changed, everything else stays byte for byte."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

import anyio
import pytest
from files_served import call, client, refusal, texts
from hypothesis import assume, example, given
from hypothesis import strategies as st

from openmanager_core.errors import FleetError
from openmanager_filesystem.decoding import Coding, coding_of
from openmanager_filesystem.diffs import fenced, unified
from openmanager_filesystem.editing import Edit, apply
from openmanager_filesystem.editing_tools import _encoded

pytestmark = pytest.mark.anyio


async def edited(root: Path, raw: bytes, *edits: dict[str, Any], **arguments: Any) -> bytes:
    (root / "f").write_bytes(raw)
    texts(await call(root, "edit_file", path="f", edits=list(edits), **arguments))
    return (root / "f").read_bytes()


async def refused(root: Path, raw: bytes, *edits: dict[str, Any], **arguments: Any) -> str:
    (root / "f").write_bytes(raw)
    message = refusal(await call(root, "edit_file", path="f", edits=list(edits), **arguments))
    assert (root / "f").read_bytes() == raw
    return message


def change(old: str, new: str, **more: Any) -> dict[str, Any]:
    return {"oldText": old, "newText": new, **more}


@pytest.mark.parametrize(
    ("raw", "old", "new", "after"),
    [
        (b"a\r\nb\r\nc\r\n", "a\nb", "A\nB\nB2", b"A\r\nB\r\nB2\r\nc\r\n"),
        (b"a\r\nb\nc\r\n", "b\n", "B\nB2\n", b"a\r\nB\nB2\nc\r\n"),
        (b"a\nb\r\nc", "b\n", "B\nB2\n", b"a\nB\r\nB2\r\nc"),
        (b"\xef\xbb\xbfone\r\n", "one", "two", b"\xef\xbb\xbftwo\r\n"),
        (b"caf\xe9 one\n", "one", "\u00fcber", b"caf\xe9 \xfcber\n"),
        ("\ufeffone é\r\ntwo".encode("utf-16-be"), "one", "1", "\ufeff1 é\r\ntwo".encode("utf-16-be")),
        (b"no end", "end", "end", b"no end"),
        (b"    if x:\n        y()\n", "if x:\n    y()", "if z:\n    w()", b"    if z:\n        w()\n"),
    ],
)
async def test_bytes_outside_of_an_edit_stay(tmp_path: Path, raw: bytes, old: str, new: str, after: bytes) -> None:
    assert await edited(tmp_path, raw, change(old, new)) == after


async def test_text_that_is_not_unique_is_refused_with_its_lines_unless_told_which(tmp_path: Path) -> None:
    raw = b"x = 1\ny\nx = 1\nx = 1\n"
    assert "3 times: lines 1, 3, 4" in await refused(tmp_path, raw, change("x = 1", "z"))
    assert await edited(tmp_path, raw, change("x = 1", "z", occurrence=2)) == b"x = 1\ny\nz\nx = 1\n"
    assert await edited(tmp_path, raw, change("x = 1", "z", replaceAll=True)) == b"z\ny\nz\nz\n"
    assert await edited(tmp_path, raw, change("x = 1", "z"), replaceAll=True) == b"z\ny\nz\nz\n"
    assert "3 times" in await refused(tmp_path, raw, change("x = 1", "z", occurrence=4))


async def test_all_edits_are_made_or_none(tmp_path: Path) -> None:
    assert await edited(tmp_path, b"a b\n", change("a", "c"), change("c b", "d")) == b"d\n"
    message = await refused(tmp_path, b"the first line\nb\n", change("b", "B"), change("the fist line", "x"))
    assert "edits[1].oldText" in message and '1: "the first line"' in message
    assert "must not be empty" in await refused(tmp_path, b"a", change("", "x"))
    assert "other is not known" in await refused(tmp_path, b"a", change("a", "b", other=1))


async def test_a_character_that_the_encoding_lacks_is_named(tmp_path: Path) -> None:
    assert "U+D55C" in await refused(tmp_path, b"caf\xe9\n", change("caf", "한"))


async def test_white_space_may_differ_only_where_one_place_is_meant(tmp_path: Path) -> None:
    assert "more than once" in await refused(tmp_path, b"  a\n  b\n\ta\n\tb\n", change("a\nb", "c"))


async def test_a_dry_run_shows_the_diff_and_writes_nothing(tmp_path: Path) -> None:
    (tmp_path / "f").write_text("alpha\nbeta\ngamma\n")
    result = await call(tmp_path, "edit_file", path="f", edits=[change("beta", "BETA")], dryRun=True)
    diff, facts = texts(result)
    path = tmp_path / "f"
    assert diff == (
        f"```diff\nIndex: {path}\n{'=' * 67}\n--- {path}\toriginal\n+++ {path}\tmodified\n"
        "@@ -1,3 +1,3 @@\n alpha\n-beta\n+BETA\n gamma\n```\n\n"
    )
    assert "nothing was written" in facts and result.structured_content is None
    assert path.read_text() == "alpha\nbeta\ngamma\n"


def test_nothing_in_a_diff_closes_its_fence() -> None:
    assert fenced("+```\n+````").startswith("`````diff\n")


async def test_a_version_that_is_no_more_is_a_conflict(tmp_path: Path) -> None:
    (tmp_path / "f").write_text("one\n")
    async with client(tmp_path) as connected:
        facts = texts(await connected.call_tool("read_text_file", {"path": "f"}))[1]  # type: ignore[arg-type]
        version = facts.split(";")[0].removeprefix("[version ")
        arguments = {"path": "f", "edits": [change("one", "two")], "version": version}
        texts(await connected.call_tool("edit_file", arguments))  # type: ignore[arg-type]
        again = await connected.call_tool("edit_file", {**arguments, "edits": [change("two", "three")]})
    assert refusal(again).startswith("conflict")  # type: ignore[arg-type]


async def test_concurrent_edits_of_one_file_are_all_kept(tmp_path: Path) -> None:
    (tmp_path / "f").write_text("".join(f"<{number}>\n" for number in range(20)))
    async with client(tmp_path) as connected, anyio.create_task_group() as group:

        async def one(number: int) -> None:
            arguments = {"path": "f", "edits": [change(f"<{number}>", f"done {number}")]}
            texts(await connected.call_tool("edit_file", arguments))  # type: ignore[arg-type]

        for number in range(20):
            group.start_soon(one, number)
    assert (tmp_path / "f").read_text() == "".join(f"done {number}\n" for number in range(20))


PIECES = st.lists(st.sampled_from(["a", "b", "é", "\n", "\r\n", "\r", "x", "  ", "한"]), max_size=25).map("".join)


@given(st.binary(max_size=80), PIECES, PIECES, PIECES, st.sampled_from(["utf-8", "latin-1", "cp949"]))
def test_any_bytes_with_any_edit_keep_all_bytes_outside_of_it(
    noise: bytes, before: str, new: str, after: str, encoding: str
) -> None:
    left, right = before.encode(encoding, "ignore") + noise, noise[::-1] + after.encode(encoding, "ignore")
    raw = left + b"<MARK>" + right
    assume(raw.count(b"<MARK>") == 1 and not raw.startswith((b"\xff\xfe", b"\xfe\xff")))
    coding = Coding(encoding)
    try:
        text = coding.decode(raw)
        assume(coding.encode(text) == raw and text.count("<MARK>") == 1)
        changed, changes = apply(text, [Edit("<MARK>", new)])
        data = _encoded(raw, text, changed, changes, coding)
    except (UnicodeError, FleetError):
        return
    assert data.startswith(left) and data.endswith(right)
    middle = data[len(left) : len(data) - len(right)].decode(encoding)
    assert re.sub(r"\r+\n", "\n", middle) == re.sub(r"\r+\n", "\n", new)


@given(PIECES, st.lists(st.tuples(st.sampled_from(["a", "b", "x", "\n", "é"]), PIECES), min_size=1, max_size=4))
@example(text="aa\nb", wanted=[("a", "")])
@example(text="aa\n\n", wanted=[("a", "")])
def test_a_diff_patches_the_old_text_into_the_new(
    tmp_path_factory: pytest.TempPathFactory, text: str, wanted: list[tuple[str, str]]
) -> None:
    text = text.replace("\r", "")
    try:
        new, changes = apply(text, [Edit(old, put.replace("\r", ""), everywhere=True) for old, put in wanted])
    except FleetError:
        return
    assume(new != text)
    for one in changes:
        assert 0 <= one.start <= one.end <= len(text) and 0 <= one.new_start <= one.new_end <= len(new)
    rebuilt, at = "", 0
    for one in changes:
        rebuilt += text[at : one.start] + new[one.new_start : one.new_end]
        at = one.end
    assert rebuilt + text[at:] == new
    folder = tmp_path_factory.mktemp("patch")
    (folder / "f").write_text(text)
    diff, cut = unified(text, new, changes, "f", 100_000)
    assert not cut
    body = diff.split("\n", 2)[2]
    subprocess.run(["patch", "-s", "-o", "out", "f"], input=f"{body}\n".encode(), cwd=folder, check=True)
    assert (folder / "out").read_text() == new


def test_the_encoding_is_found_out_from_the_whole_file() -> None:
    assert str(coding_of("é".encode())) == "utf-8"
    assert coding_of(b"a\0b") is None
    assert str(coding_of(b"a\xe9b")) == "cp1252 (guessed)"


async def test_a_diff_that_does_not_fit_is_cut_and_says_so(tmp_path: Path) -> None:
    (tmp_path / "f").write_text("a line\n" * 20_000)
    edits = [change("a line", "one line", replaceAll=True)]
    diff, facts = texts(await call(tmp_path, "edit_file", path="f", edits=edits))
    assert len(diff) + len(facts) <= 10_000 and diff.endswith("\n```\n\n") and "-a line" in diff
    assert "the diff is cut" in facts and (tmp_path / "f").read_text() == "one line\n" * 20_000
    edits = [change("one line", "a line", replaceAll=True)]
    diff, facts = texts(await call(tmp_path, "edit_file", path="f", edits=edits, max_chars=2_000_000))
    assert "cut" not in facts and diff.count("\n+a line") == 20_000 and "@@ -1,20000 +1,20000 @@" in diff
