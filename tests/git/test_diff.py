"""Diffs: what git apply takes back, in pages, whatever the files hold."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from git_repos import GitRepo

pytestmark = pytest.mark.anyio


async def _whole(call: Any, name: str, **arguments: Any) -> str:
    """Collect all pages."""
    text, cursor = "", ""
    while True:
        result = await call(name, cursor=cursor, **arguments)
        assert not result.is_error, result.content[0].text
        blocks = [block.text for block in result.content]
        assert sum(map(len, blocks)) <= arguments.get("max_chars", 10_000)
        text += blocks[0]
        more = re.search(r"cursor=(\S+?)[;\]]", blocks[-1]) if len(blocks) > 1 else None
        if more is None:
            return text
        cursor = more[1]


async def test_the_three_diffs_are_what_git_prints(repo: GitRepo, call: Any) -> None:
    repo.commit("first", a_txt="one\ntwo\n", b_txt="".join(f"{n}\n" for n in range(40)), c_bin=b"\0\1")
    repo.write("a.txt", "one\nTWO\n")
    repo.git("mv", "b.txt", "é.txt")
    repo.write("c.bin", b"\0\2")
    repo.git("add", "c.bin")
    repo.write("st.txt", "no newline")
    repo.git("add", "st.txt")
    for name, lead, words in (
        ("git_diff_unstaged", "Unstaged changes:\n", []),
        ("git_diff_staged", "Staged changes:\n", ["--cached"]),
        ("git_diff", "Diff with HEAD:\n", ["HEAD"]),
    ):
        arguments = {"target": "HEAD"} if name == "git_diff" else {}
        theirs = repo.git("-c", "core.abbrev=7", "-c", "core.quotePath=false", "diff", "-M", *words)
        ours = (await _whole(call, name, **arguments)).removeprefix(lead).rstrip("\n")
        assert ours == theirs, name
    narrow = await call("git_diff_unstaged", context_lines=0)
    assert "@@ -2 +2 @@" in narrow.content[0].text and "\n one\n" not in narrow.content[0].text
    assert (await call("git_diff", target="HEAD", path="a.txt")).content[0].text.count("diff --git") == 1
    stat = (await call("git_diff", target="HEAD", stat_only=True)).content[0].text
    assert "a.txt | 2 +-" in stat and "b.txt => é.txt | 0" in stat and "4 files changed" in stat


async def test_pages_put_together_apply(repo: GitRepo, call: Any, tmp_path: Path) -> None:
    repo.commit("first", a_txt="".join(f"line {n}\n" for n in range(3000)), b_txt="b\n")
    repo.commit("second", a_txt="".join(f"LINE {n}\n" for n in range(3000)), b_txt="B", sub__n_txt="new\n")
    whole = await _whole(call, "git_diff", target="HEAD~1..HEAD", max_chars=4000)
    repo.git("checkout", "-q", "HEAD~1")
    repo.git("apply", given=whole.removeprefix("Diff with HEAD~1..HEAD:\n").encode())
    repo.git("add", "-A")
    assert repo.git("write-tree") == repo.git("rev-parse", "main^{tree}")


async def test_the_first_page_of_a_large_diff_stays_within_its_bound(repo: GitRepo, call: Any) -> None:
    repo.commit("first", a_txt="x")
    repo.commit("second", a_txt="word " * 120_000, b_txt="y\n" * 300_000)
    result = await call("git_diff", target="HEAD~1..HEAD")
    assert sum(len(block.text) for block in result.content) <= 10_000
    assert "cursor=" in result.content[1].text
    more = re.search(r"cursor=(\S+?)[;\]]", result.content[1].text)
    assert more is not None
    result = await call("git_diff", target="HEAD~1..HEAD", cursor=more[1])
    assert sum(len(block.text) for block in result.content) <= 10_000
    assert "was cut" in result.content[1].text
    assert result.structured_content is None


async def test_what_does_not_decode_and_what_is_large_crashes_nothing(repo: GitRepo, call: Any) -> None:
    repo.commit("first", a_txt="caf\xe9\n".encode("latin-1"), b_txt=b"\x81\xff\n", big_bin=b"x" * 3_000_000)
    repo.commit("second", a_txt="caf\xe8\n".encode("latin-1"), b_txt=b"\x81\xfe\n", big_bin=b"y" * 3_000_001)
    result = await call("git_diff", target="HEAD~1..HEAD")
    text = "".join(block.text for block in result.content)
    text.encode()
    assert "-café\n+cafè\n" in text and "Windows-1252" in text
    assert "differ (3000000 bytes before, 3000001 bytes now)" in text


async def test_three_dots_start_at_the_merge_base(repo: GitRepo, call: Any) -> None:
    repo.commit("base", a_txt="base\n")
    repo.git("checkout", "-qb", "topic")
    repo.commit("topic", t_txt="t\n")
    repo.git("checkout", "-q", "main")
    repo.commit("main", m_txt="m\n")
    text = (await call("git_diff", target="main...topic")).content[0].text
    assert "t.txt" in text and "m.txt" not in text


@pytest.mark.parametrize(
    "target", ["", "-p", "--output=x", "nope", "a\0b", "x" * 1001, "HEAD..nope", "HEAD\n", "\ud800"]
)
async def test_bad_targets_are_refused_by_name(repo: GitRepo, call: Any, target: str) -> None:
    repo.commit("base", a_txt="base\n")
    result = await call("git_diff", target=target)
    assert result.is_error and "target" in result.content[0].text


async def test_paths_outside_and_foreign_cursors_are_refused(repo: GitRepo, call: Any) -> None:
    repo.commit("base", a_txt="base\n")
    for path in ("../x", "/etc/passwd", "a/../../x"):
        result = await call("git_diff_unstaged", path=path)
        assert result.is_error and "outside the repository" in result.content[0].text
    assert (await call("git_diff_unstaged", cursor="WzMsIjYwNWU1MjA4MmNmYiJd")).is_error


async def test_before_the_first_commit_staged_files_are_new(repo: GitRepo, call: Any) -> None:
    repo.write("a.txt", "one\n")
    repo.git("add", "-A")
    assert "new file mode" in (await call("git_diff_staged")).content[0].text
    assert "no commits yet" in (await call("git_diff", target="HEAD")).content[0].text
