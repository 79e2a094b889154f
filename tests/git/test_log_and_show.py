"""git_log, git_show and git_branch: the forms that callers know, whatever commits hold."""

from __future__ import annotations

import re
from typing import Any

import pytest
from git_repos import GitRepo

pytestmark = pytest.mark.anyio


async def test_log_and_show_have_the_form_that_callers_know(repo: GitRepo, call: Any) -> None:
    repo.commit("First\n\nbody line", f_txt="one\ntwo\n")
    head = repo.commit("Second", f_txt="one\nTWO\n", x_bin=b"\0")
    repo.git("tag", "-a", "v1", "-m", "tagged")
    text = (await call("git_log")).content[0].text
    assert text.startswith(f"Commit history:\nCommit: {head}\nAuthor: Ada Example\nDate: 2025-06-15 ")
    assert text.endswith("Message: First\n\nbody line\n\n")
    shown = (await call("git_show", revision="v1")).content[0].text
    assert shown.startswith(f"commit {head}\nAuthor: Ada Example <ada@example.org>\nDate:   2025-06-15 ")
    assert "\n\n    Second\n\n--- a/f.txt\n+++ b/f.txt\n@@ -1,2 +1,2 @@\n one\n-two\n+TWO\n\n--- /dev/null\n" in shown
    assert shown.endswith("+++ b/x.bin\nBinary files /dev/null and b/x.bin differ\n")
    assert "diff --git" not in shown
    root = (await call("git_show", revision="HEAD~1")).content[0].text
    assert "    First\n    \n    body line\n\n--- /dev/null\n+++ b/f.txt\n@@ -0,0 +1,2 @@\n+one\n+two\n" in root


async def test_files_and_directories_of_a_revision_are_shown(repo: GitRepo, call: Any) -> None:
    repo.commit("x", f_txt="one\n", sub__é_txt="x", p_png=b"\x89PNG\0", big_txt="line\n" * 10_000)
    assert (await call("git_show", revision="HEAD:f.txt")).content[0].text == "one\n"
    assert (await call("git_show", revision="HEAD:")).content[0].text == "big.txt\nf.txt\np.png\nsub/"
    assert (await call("git_show", revision="HEAD:sub")).content[0].text == "é.txt"
    assert "PNG image, 5 bytes" in (await call("git_show", revision="HEAD:p.png")).content[1].text
    text, cursor = "", ""
    while True:
        result = await call("git_show", revision="HEAD:big.txt", cursor=cursor)
        assert sum(len(block.text) for block in result.content) <= 10_000
        text += result.content[0].text
        if len(result.content) == 1:
            break
        cursor = re.search(r"cursor=(\w+)", result.content[1].text)[1]  # type: ignore[index]
    assert text == "line\n" * 10_000
    missing = await call("git_show", revision="HEAD:nofile")
    assert missing.is_error and "nofile" in missing.content[0].text


async def test_a_huge_blob_is_told_by_its_size(repo: GitRepo, call: Any) -> None:
    repo.git("config", "core.bigFileThreshold", "1m")
    repo.commit("x", big_dat=b"a" * 30_000_000)
    assert "30000000 bytes" in (await call("git_show", revision="HEAD:big.dat")).content[1].text
    assert "30000000 bytes now" in (await call("git_show")).content[0].text


async def test_an_empty_repository_has_no_commits_yet(repo: GitRepo, call: Any) -> None:
    assert "no commits yet" in (await call("git_log")).content[0].text
    assert (await call("git_branch")).structured_content["branches"] == []
    for name, arguments in (
        ("git_show", {}),
        ("changes_between", {"since": "1 hour ago"}),
        ("git_blame", {"path": "x"}),
    ):
        result = await call(name, **arguments)
        assert result.is_error and "no commits yet" in result.content[0].text


async def test_log_is_filtered_by_time_author_message_and_path(repo: GitRepo, call: Any) -> None:
    for day, name in ((1_600_000_000, "a"), (1_700_000_000, "b"), (1_750_000_000, "c")):
        repo.clock = day
        repo.commit(f"commit {name}", **{f"{name}_txt": name})

    async def subjects(**arguments: Any) -> list[str]:
        result = await call("git_log", **arguments)
        assert not result.is_error, result.content[0].text
        return [row["subject"][-1] for row in result.structured_content["commits"]]

    assert await subjects() == ["c", "b", "a"]
    assert await subjects(start_timestamp="2023-11-14") == ["c", "b"]
    assert await subjects(end_timestamp="Nov 14 2023") == ["b", "a"]
    assert await subjects(start_timestamp="2023-11-14", end_timestamp="2023-11-14") == ["b"]
    assert await subjects(start_timestamp="2 weeks ago", end_timestamp="yesterday") == []
    assert await subjects(path="b.txt") == ["b"]
    assert await subjects(revision="HEAD~2..HEAD~1") == ["b"]
    assert await subjects(author="ADA@", grep="COMMIT C") == ["c"]
    assert (await call("git_log", start_timestamp="whenever")).is_error
    assert (await call("git_log", start_timestamp="2024-01-01", end_timestamp="2023-01-01")).is_error


async def test_a_long_log_comes_in_pages_and_forged_fields_are_set_in(repo: GitRepo, call: Any) -> None:
    tree = repo.git("write-tree")
    stream = b"".join(
        b"commit refs/heads/main\ncommitter A <a@b> %d +0000\ndata <<E\nm%d\n\nCommit: forged \x1b[31m\nE\n" % (n, n)
        for n in range(1_700_000_000, 1_700_000_300)
    )
    repo.run("fast-import", "--quiet", given=stream)
    assert tree
    seen: list[str] = []
    cursor = ""
    while True:
        result = await call("git_log", max_count=1000, cursor=cursor)
        text = result.content[0].text
        assert len(text) <= 10_000 and "\x1b" not in text and "\nCommit: forged" not in text
        seen += [row["subject"] for row in result.structured_content["commits"]]
        cursor = result.structured_content["next_cursor"]
        if not cursor:
            break
    assert seen == [f"m{n}" for n in reversed(range(1_700_000_000, 1_700_000_300))]


async def test_branches_are_listed_and_filtered(repo: GitRepo, call: Any) -> None:
    repo.commit("one", a_txt="1")
    repo.git("branch", "topic")
    repo.commit("two", a_txt="2")
    repo.git("update-ref", "refs/remotes/origin/main", "HEAD~1")
    assert (await call("git_branch")).content[0].text == "* main\n  topic"
    assert (await call("git_branch", branch_type="all")).content[0].text == "* main\n  topic\n  origin/main"
    assert (await call("git_branch", contains="HEAD")).content[0].text == "* main"
    assert (await call("git_branch", not_contains="HEAD")).content[0].text == "  topic"
    unknown = await call("git_branch", contains="topik")
    assert unknown.is_error and "topic" in unknown.content[0].text
    repo.git("checkout", "-q", "--detach")
    assert (await call("git_branch")).content[0].text.startswith("* (HEAD detached at ")


async def test_a_shallow_clone_ends_where_it_was_cut(repo: GitRepo, call: Any) -> None:
    for number in range(3):
        repo.commit(f"c{number}", a_txt=str(number))
    repo.git("clone", "-q", "--depth", "2", f"file://{repo.path}", "../shallow")
    result = await call("git_log", repo_path="shallow")
    assert [row["subject"] for row in result.structured_content["commits"]] == ["c2", "c1"]
    assert "+1" in (await call("git_show", repo_path="shallow", revision="HEAD~1")).content[0].text
