"""Who wrote a line, where a text stands, what happened to a file, what changed in a span."""

from __future__ import annotations

from typing import Any

import pytest
from git_repos import GitRepo

pytestmark = pytest.mark.anyio


async def test_blame_names_the_last_change_of_each_line(repo: GitRepo, call: Any) -> None:
    first = repo.commit("one", a_txt="one\ntwo\nthree\n")
    second = repo.commit("two", a_txt="one\nTWO\nthree\n")
    lines = (await call("git_blame", path="a.txt")).content[0].text.split("\n")
    assert [line[:8] for line in lines] == [first[:8], second[:8], first[:8]]
    assert lines[1].endswith("2) TWO") and "Ada Example" in lines[1]
    assert (await call("git_blame", path="a.txt", start_line=3)).content[0].text.endswith("3) three")
    for bad in (
        {"path": "a.txt", "start_line": 9},
        {"path": "none"},
        {"path": "../x"},
        {"path": "a.txt", "revision": "-x"},
    ):
        assert (await call("git_blame", **bad)).is_error


async def test_a_long_blame_goes_on_to_the_last_line(repo: GitRepo, call: Any) -> None:
    import re

    repo.commit("one", a_txt="".join(f"line {n}\n" for n in range(2500)))
    seen: list[str] = []
    cursor = ""
    while True:
        result = await call("git_blame", path="a.txt", cursor=cursor)
        assert sum(len(block.text) for block in result.content) <= 10_000
        seen += [line.rpartition(") ")[2] for line in result.content[0].text.split("\n")]
        if len(result.content) == 1:
            break
        cursor = re.search(r"cursor=(\w+)", result.content[1].text)[1]  # type: ignore[index]
    assert seen == [f"line {n}" for n in range(2500)]


async def test_grep_finds_text_in_the_tree_and_in_revisions(repo: GitRepo, call: Any) -> None:
    repo.commit("one", a_txt="alpha\nbeta (x)\ngamma\n", sub__b_txt="beta\n", c_bin=b"\0beta")
    repo.write("a.txt", "alpha\ngamma\n")
    now = (await call("git_grep", pattern="beta")).structured_content
    assert [(m["path"], m["line"]) for m in now["matches"]] == [("sub/b.txt", 1)]
    then = (await call("git_grep", pattern="BETA", revision="HEAD", case_sensitive=False, context=1)).structured_content
    assert [(m["path"], m["line"], m["context"]) for m in then["matches"]] == [
        ("a.txt", 1, True),
        ("a.txt", 2, False),
        ("a.txt", 3, True),
        ("sub/b.txt", 1, False),
    ]
    assert (await call("git_grep", pattern="a$", regex=True, path="a.txt")).content[
        0
    ].text == "a.txt:1:alpha\na.txt:2:gamma"
    assert (await call("git_grep", pattern="--output=x")).content[0].text == "No matches found"
    assert (await call("git_grep", pattern="a(", regex=True)).is_error
    assert (await call("git_grep", pattern="a\nb")).is_error


async def test_the_history_of_a_file_goes_on_under_its_former_name(repo: GitRepo, call: Any) -> None:
    repo.commit("made", old_txt="".join(f"{n}\n" for n in range(30)))
    repo.git("mv", "old.txt", "new.txt")
    repo.commit("moved")
    repo.commit("edited", new_txt="".join(f"{n}\n" for n in range(31)))
    rows = (await call("git_file_history", path="new.txt")).structured_content["commits"]
    assert [(r["subject"], r["change"], r["renamed_from"]) for r in rows] == [
        ("edited", "modified", ""),
        ("moved", "renamed", "old.txt"),
        ("made", "added", ""),
    ]
    assert (await call("git_file_history", path="new.txt", follow=False)).structured_content["total"] == 2
    assert (await call("git_file_history", path="none")).is_error


async def test_changes_between_counts_files_authors_and_merges(repo: GitRepo, call: Any) -> None:
    repo.commit("base", a_txt="1\n")
    repo.git("tag", "v1")
    repo.git("checkout", "-qb", "topic")
    repo.commit("topic", t_txt="t\n")
    repo.git("checkout", "-q", "main")
    repo.commit("more\x02\x01", **{"a_txt": "1\n2\n", "tab\tname": "x\n"})
    repo.git("merge", "-q", "--no-ff", "-m", "merge topic", "topic")
    result = await call("changes_between", since="v1")
    told = result.structured_content
    assert (told["commits_total"], told["merges"], told["files_total"], told["added"]) == (3, 1, 3, 3)
    assert told["authors"] == [{"author": "Ada Example", "commits": 3}]
    assert {f["path"]: f["added"] for f in told["files"]} == {"a.txt": 1, "t.txt": 1, "tab\\tname": 1}
    assert "more\\x02\\x01" in result.content[0].text
    by_time = (await call("changes_between", since="2025-06-01", until="2025-07-01")).structured_content
    assert by_time["commits_total"] == 4
    files = await call("changes_between", since="v1", detail="files", path="t.txt")
    assert [f["path"] for f in files.structured_content["files"]] == ["t.txt"]
    for bad in ({"since": "no such"}, {"since": "-x"}, {"since": "2025-07-01", "until": "2025-06-01"}):
        assert (await call("changes_between", **bad)).is_error
