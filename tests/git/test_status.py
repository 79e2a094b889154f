"""git_status: as the git program words it, complete as rows, in pages."""

from __future__ import annotations

from typing import Any

import pytest
from git_repos import GitRepo
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

pytestmark = pytest.mark.anyio


def _same_as_git(text: str, repo: GitRepo) -> None:
    theirs = repo.git("-c", "core.quotePath=false", "status").replace("\n\n", "\n").strip()
    assert text.removeprefix("Repository status:\n").replace("\n\n", "\n").strip() == theirs


async def test_every_section_reads_as_git_words_it(repo: GitRepo, call: Any) -> None:
    _same_as_git((await call("git_status")).content[0].text, repo)
    repo.commit("first", a_txt="one\n", b_txt="b\n" * 30, c_txt="c\n", d_txt="d\n")
    _same_as_git((await call("git_status")).content[0].text, repo)
    repo.git("mv", "b.txt", "sub.txt")
    repo.git("rm", "-q", "c.txt")
    repo.write("new.txt", "n\n")
    repo.git("add", "new.txt")
    repo.write("a.txt", "two\n")
    (repo.path / "d.txt").unlink()
    repo.write("dir/deep/x é.txt", "x")
    repo.write("un tracked", "x")
    result = await call("git_status")
    _same_as_git(result.content[0].text, repo)
    told = result.structured_content
    assert told["branch"] == "main" and told["head"] == repo.git("rev-parse", "HEAD")
    assert {row["path"]: row["change"] for row in told["staged"]} == {
        "c.txt": "deleted",
        "new.txt": "new file",
        "sub.txt": "renamed",
    }
    assert [row["path"] for row in told["unstaged"]] == ["a.txt", "d.txt"]
    assert told["untracked"] == ["dir/", "un tracked"]
    assert next(row for row in told["staged"] if row["change"] == "renamed")["renamed_from"] == "b.txt"


async def test_conflicts_detached_heads_and_upstreams_are_told(repo: GitRepo, call: Any) -> None:
    repo.commit("base", a_txt="base\n", b_txt="b\n")
    repo.git("checkout", "-qb", "other")
    repo.commit("theirs", a_txt="theirs\n")
    repo.git("checkout", "-q", "main")
    repo.commit("ours", a_txt="ours\n")
    repo.git("branch", "-u", "other")
    told = await call("git_status")
    assert "have diverged" in told.content[0].text
    assert (told.structured_content["upstream"], told.structured_content["ahead"]) == ("other", 1)
    repo.git("merge", "other", check=False)
    told = (await call("git_status")).structured_content
    assert told["conflicted"] == [{"path": "a.txt", "change": "both modified", "renamed_from": ""}]
    assert told["state"] == "merge"
    repo.git("merge", "--abort")
    repo.write("b.txt", "stashed\n")
    repo.git("stash", "-q")
    repo.git("tag", "v1")
    repo.git("checkout", "-q", "v1")
    told = await call("git_status")
    assert "HEAD detached at v1\n" in told.content[0].text
    assert (told.structured_content["branch"], told.structured_content["stashes"]) == ("", 1)


async def test_thousands_of_files_come_in_pages_each_complete(repo: GitRepo, call: Any) -> None:
    repo.commit("first", a_txt="one\n")
    for number in range(1500):
        repo.write(f"file-{number:04}.txt", "x")
    seen: list[str] = []
    cursor = ""
    while True:
        result = await call("git_status", cursor=cursor)
        assert len(result.content[0].text) <= 10_000
        seen += result.structured_content["untracked"]
        cursor = result.structured_content["next_cursor"]
        if not cursor:
            break
    assert seen == [f"file-{number:04}.txt" for number in range(1500)]


async def test_a_bare_repository_says_that_it_has_no_work_tree(repo: GitRepo, call: Any) -> None:
    GitRepo.make(repo.path.parent, "bare", "--bare")
    result = await call("git_status", repo_path="bare")
    assert result.is_error and "bare" in result.content[0].text


async def test_submodules_linked_trees_and_subdirectories_are_shown(repo: GitRepo, call: Any) -> None:
    other = GitRepo.make(repo.path.parent, "other")
    other.commit("x", x_txt="x")
    repo.commit("first", sub__a_txt="one\n")
    repo.git("-c", "protocol.file.allow=always", "submodule", "add", "-q", "../other", "sm", check=False)
    told = (await call("git_status", repo_path="repo/sub")).structured_content
    assert told["branch"] == "main"
    repo.git("worktree", "add", "-q", "../wt")
    assert (await call("git_status", repo_path="wt")).structured_content["branch"] == "wt"


FILES = st.dictionaries(
    st.sampled_from(["a", "b/c", "b/d", "e f", "é"]), st.sampled_from(["", "1\n", "1\n2\n3\n4\n5\n", "x"]), max_size=5
)


@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(FILES, FILES, FILES)
async def test_rows_agree_with_the_git_program(
    tmp_path_factory: Any, committed: dict[str, str], staged: dict[str, str], now: dict[str, str]
) -> None:
    from openmanager_git import repository, status_tools
    from openmanager_git.desk import Desk
    from openmanager_kit.confined.roots import Roots

    repo = GitRepo.make(tmp_path_factory.mktemp("r"))
    for step, files in enumerate((committed, staged, now)):
        for old in ("a", "b/c", "b/d", "e f", "é"):
            (repo.path / old).unlink(missing_ok=True)
        for name, text in files.items():
            repo.write(name, text)
        if step < 2:
            repo.git("add", "-A")
        if step == 0:
            repo.git("commit", "-qm", "x", "--allow-empty")
    place, opened = repository.reached(Desk(Roots.parse([str(repo.path)])), "")
    ours = {(section, path) for section, _, path, before in status_tools._rows(opened, place) if not before}
    theirs = set()
    for entry in filter(None, repo.git("status", "--porcelain", "-z", "--no-renames").split("\0")):
        if entry.startswith("??"):
            theirs.add(("untracked", entry[3:]))
            continue
        theirs |= {("staged", entry[3:])} if entry[0] != " " else set()
        theirs |= {("unstaged", entry[3:])} if entry[1] != " " else set()
    renamed = {path for s, _, path, before in status_tools._rows(opened, place) if before}
    renamed |= {before for s, _, path, before in status_tools._rows(opened, place) if before}
    assert ours == {one for one in theirs if one[0] != "staged" or one[1] not in renamed}
