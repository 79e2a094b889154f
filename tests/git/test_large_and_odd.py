"""Very many files, very many commits, work that is going on, searches that fail or that nobody waits for."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import anyio
import psutil
import pytest
from git_repos import GitRepo

from openmanager_core.errors import Conflict
from openmanager_git.complaints import complaint
from openmanager_kit.child import Finished
from openmanager_kit.confined.roots import Roots

pytestmark = pytest.mark.anyio
MANY = 100_000


async def test_a_hundred_thousand_changed_files_are_one_page_and_a_cursor(repo: GitRepo, call: Any) -> None:
    blob = repo.git("hash-object", "-w", "--stdin", given=b"x\n")
    listed = "".join(f"100644 {blob}\tdir{n % 100}/file{n}\n" for n in range(MANY))
    repo.git("update-index", "--index-info", given=listed.encode())
    begun_s = time.monotonic()
    told = await call("git_status")
    assert time.monotonic() - begun_s < 20
    assert len(told.content[0].text) <= 10_000
    assert told.structured_content["total"] == 2 * MANY  # staged as new, and missing from the work tree
    assert told.structured_content["next_cursor"]


async def test_a_long_log_goes_on_to_the_first_commit(repo: GitRepo, call: Any) -> None:
    entries = "".join(
        f"commit refs/heads/main\ncommitter A <a@example.org> {1_700_000_000 + n} +0000\ndata {len(f'c{n}')}\nc{n}\n"
        for n in range(1500)
    )
    repo.git("fast-import", "--quiet", given=entries.encode())
    seen: list[str] = []
    cursor = ""
    while True:
        told = await call("git_log", max_count=1000, cursor=cursor)
        assert len(told.content[0].text) <= 10_000
        seen += [row["hash"] for row in told.structured_content["commits"]]
        cursor = told.structured_content["next_cursor"]
        if not cursor:
            break
    assert seen == repo.git("rev-list", "HEAD").split()


async def test_what_is_going_on_is_told_with_the_two_ways_out(repo: GitRepo, call: Any) -> None:
    repo.commit("base", a_txt="base\n")
    repo.git("checkout", "-qb", "other")
    repo.commit("theirs", a_txt="theirs\n")
    repo.git("checkout", "-q", "main")
    repo.commit("ours", a_txt="ours\n")
    for words, tool in (
        (("merge", "other"), "git_merge"),
        (("cherry-pick", "other"), "git_cherry_pick"),
        (("rebase", "other"), "git_rebase"),
    ):
        repo.git(*words, check=False)
        told = await call("git_status")
        assert told.structured_content["state"] == words[0]
        assert f"fix the conflicts, git_add the files, then {tool} with action" in told.content[0].text
        repo.write("a.txt", "both\n")
        repo.git("add", "a.txt")
        assert f"to go on: {tool} with action" in (await call("git_status")).content[0].text
        repo.git(words[0], "--abort")
    repo.git("bisect", "start")
    assert '"git bisect reset"' in (await call("git_status")).content[0].text


async def test_a_submodule_with_another_commit_is_a_change(repo: GitRepo, call: Any) -> None:
    other = GitRepo(repo.path.parent / "other", repo.home)
    other.path.mkdir()
    other.git("init", "-q")
    other.commit("one", a_txt="1\n")
    repo.git("-c", "protocol.file.allow=always", "submodule", "add", "-q", "../other", "sub")
    repo.commit("with it")
    assert (await call("git_status")).structured_content["total"] == 0
    inner = GitRepo(repo.path / "sub", repo.home)
    inner.commit("two", a_txt="2\n")
    told = (await call("git_status")).structured_content
    assert [(row["path"], row["change"]) for row in told["unstaged"]] == [("sub", "modified")]
    repo.git("add", "sub")
    told = (await call("git_status")).structured_content
    assert [row["path"] for row in told["staged"]] == ["sub"] and not told["unstaged"]


async def test_a_search_says_whether_the_pattern_or_the_repository_is_bad(repo: GitRepo, call: Any) -> None:
    repo.commit("one", a_txt="alpha\n")
    bad = await call("git_grep", pattern="(", regex=True)
    assert bad.content[0].text.startswith("invalid_request: pattern")
    blob = repo.git("rev-parse", "HEAD:a.txt")
    found: Path = repo.path / ".git/objects" / blob[:2] / blob[2:]
    await anyio.Path(found).unlink()
    damaged = await call("git_grep", pattern="alpha", revision="HEAD")
    assert damaged.is_error and "pattern" not in damaged.content[0].text and "git fsck" in damaged.content[0].text


async def test_a_search_that_nobody_waits_for_ends(repo: GitRepo, call: Any) -> None:
    repo.commit("one", a_txt=("a" * 60 + "\n") * 2000)

    def searches() -> list[psutil.Process]:
        return [one for one in psutil.Process().children(recursive=True) if "grep" in " ".join(one.cmdline())]

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(lambda: call("git_grep", pattern=r"((a*)*)*\1\2b", regex=True))
        with anyio.fail_after(10):
            while not searches():  # noqa: ASYNC110 - another process
                await anyio.sleep(0.005)
        running = searches()
        tasks.cancel_scope.cancel()
    with anyio.fail_after(5):
        while any(map(_runs, running)):  # noqa: ASYNC110 - another process
            await anyio.sleep(0.01)


def _runs(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@pytest.mark.parametrize(
    ("git_dir", "lock", "shown"),
    [
        ("/r/a/.git", "/r/a/.git/index.lock", ".git/index.lock"),
        ("/r/bare.git", "/r/bare.git/refs/heads/x.lock", "bare.git/refs/heads/x.lock"),
        ("/r/a/.git/worktrees/w", "/r/a/.git/worktrees/w/index.lock", ".git/worktrees/w/index.lock"),
        ("/r/a/.git/worktrees/w", "/r/a/.git/refs/heads/x.lock", ".git/refs/heads/x.lock"),
    ],
)
async def test_a_lock_is_named_as_it_lies_in_the_repository(
    tmp_path: Path, git_dir: str, lock: str, shown: str
) -> None:
    said = f"fatal: Unable to create '{lock}': File exists.\n".encode()
    error = complaint("commit", Finished(128, b"", said), Roots.parse([str(tmp_path)]), git_dir)
    assert isinstance(error, Conflict) and f"the lock file {shown} exists" in str(error)
