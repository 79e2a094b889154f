"""Conflicts of merge, rebase, cherry-pick and revert: told as data, gone on with, or given up."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from git_made import Home, calling

pytestmark = pytest.mark.anyio

WAYS: dict[str, dict[str, Any]] = {
    "git_merge": {"branch": "topic"},
    "git_rebase": {"upstream": "topic"},
    "git_cherry_pick": {"revisions": ["topic"]},
    "git_revert": {"revisions": ["HEAD~1"]},
}


def _ready(home: Home, tool: str) -> Path:
    repo = home.diverged()
    if tool == "git_revert":
        home.commit(repo, "Later", {"f.txt": "one\nLATER\nthree\n"})
    return repo


@pytest.mark.parametrize("tool", WAYS)
async def test_conflicts_are_an_outcome_and_can_be_given_up(home: Home, tool: str) -> None:
    repo = _ready(home, tool)
    before = home.git(repo, "rev-parse", "HEAD")
    async with calling(home.root) as call:
        done = await call.ok(tool, repo_path=str(repo), **WAYS[tool])
        assert done["status"] == "conflicts"
        assert done["conflicts"] == [{"path": "f.txt", "kind": "both modified"}]
        assert done["operation"] == tool.removeprefix("git_").replace("_", "-")
        assert "both modified: f.txt" in done["text"] and tool in done["text"]
        assert "is unfinished" in await call.no(tool, repo_path=str(repo), **WAYS[tool])
        again = await call.ok(tool, repo_path=str(repo), action="continue")
        assert (again["status"], again["conflicts_total"]) == ("conflicts", 1)
        gone = await call.ok(tool, repo_path=str(repo), action="abort")
        assert gone["status"] == "done" and gone["operation"] == ""
        assert "is unfinished" in await call.no(tool, repo_path=str(repo), action="abort")
    assert home.git(repo, "rev-parse", "HEAD") == before and home.git(repo, "status", "--short") == ""


@pytest.mark.parametrize("tool", WAYS)
async def test_conflicts_are_resolved_and_gone_on_with(home: Home, tool: str) -> None:
    repo = _ready(home, tool)
    async with calling(home.root) as call:
        await call.ok(tool, repo_path=str(repo), **WAYS[tool])
        (repo / "f.txt").write_text("one\nBOTH\nthree\n")
        await call.ok("git_add", repo_path=str(repo), files=["f.txt"])
        done = await call.ok(tool, repo_path=str(repo), action="continue")
        assert (done["status"], done["branch"]) == ("done", "main")
    assert home.git(repo, "status", "--short", "--branch").startswith("## main")
    assert home.git(repo, "show", "HEAD:f.txt") == "one\nBOTH\nthree"
    parents = home.git(repo, "log", "-1", "--format=%P").split()
    assert len(parents) == (2 if tool == "git_merge" else 1)


@pytest.mark.parametrize("tool", ["git_rebase", "git_cherry_pick"])
async def test_a_commit_in_conflict_can_be_skipped(home: Home, tool: str) -> None:
    repo = _ready(home, tool)
    async with calling(home.root) as call:
        await call.ok(tool, repo_path=str(repo), **WAYS[tool])
        assert (await call.ok(tool, repo_path=str(repo), action="skip"))["status"] == "done"
    assert home.git(repo, "status", "--short") == ""


async def test_each_kind_of_conflict_has_its_name(home: Home) -> None:
    repo = home.repo(files={name: f"{name}\n" for name in ("gone-here", "gone-there", "both", "ü\n.txt")})
    home.git(repo, "checkout", "-q", "-b", "topic")
    (repo / "gone-there").unlink()
    home.commit(repo, "T", {"gone-here": "t", "both": "t", "added": "t", "ü\n.txt": "t"})
    home.git(repo, "checkout", "-q", "main")
    (repo / "gone-here").unlink()
    home.commit(repo, "O", {"gone-there": "o", "both": "o", "added": "o", "ü\n.txt": "o"})
    async with calling(home.root) as call:
        done = await call.ok("git_merge", repo_path=str(repo), branch="topic")
    assert {row["path"]: row["kind"] for row in done["conflicts"]} == {
        "gone-here": "deleted by us",
        "gone-there": "deleted by them",
        "both": "both modified",
        "added": "both added",
        "ü\\n.txt": "both modified",
    }


async def test_a_thousand_conflicts_stay_within_the_size_of_an_answer(home: Home) -> None:
    names = [f"{'long' * 20}/{'directory' * 10}/{number}.txt" for number in range(1000)]
    repo = home.repo(files=dict.fromkeys(names, "x"))
    home.git(repo, "checkout", "-q", "-b", "topic")
    home.commit(repo, "T", dict.fromkeys(names, "t"))
    home.git(repo, "checkout", "-q", "main")
    home.commit(repo, "O", dict.fromkeys(names, "o"))
    async with calling(home.root) as call:
        done = await call.ok("git_merge", repo_path=str(repo), branch="topic")
    assert done["conflicts_total"] == 1000 and len(done["text"]) < 10_000
    assert f"and {1000 - len(done['conflicts'])} more" in done["text"]


async def test_merges_without_conflicts_say_what_they_did(home: Home) -> None:
    repo = home.repo()
    home.git(repo, "checkout", "-q", "-b", "topic")
    tip = home.commit(repo, "T", {"t.txt": "t"})
    home.git(repo, "checkout", "-q", "main")
    async with calling(home.root) as call:
        forward = await call.ok("git_merge", repo_path=str(repo), branch="topic")
        assert forward["text"] == f"Fast-forwarded to {tip[:12]}"
        assert (await call.ok("git_merge", repo_path=str(repo), branch="topic"))["status"] == "unchanged"
        home.git(repo, "reset", "-q", "--hard", "HEAD~1")
        real = await call.ok("git_merge", repo_path=str(repo), branch="topic", no_ff=True, message="By hand")
        assert real["head"] != tip
        reverted = await call.ok("git_revert", repo_path=str(repo), revisions=["HEAD"], mainline=1)
        assert reverted["status"] == "done" and not (repo / "t.txt").exists()
        text = await call.no("git_revert", repo_path=str(repo), revisions=["HEAD~1"])
        assert "mainline" in text or "merge" in text
        assert "not_found" in await call.no("git_merge", repo_path=str(repo), branch="nope")


async def test_a_stash_in_conflict_is_kept(home: Home) -> None:
    repo = home.repo()
    (repo / "f.txt").write_text("stashed\n")
    async with calling(home.root) as call:
        await call.ok("git_stash", repo_path=str(repo))
        home.commit(repo, "Other", {"f.txt": "other\n"})
        done = await call.ok("git_stash", repo_path=str(repo), action="pop")
        assert done["status"] == "conflicts" and "the stash was kept" in done["text"]
        assert len((await call.ok("git_stash", repo_path=str(repo), action="list"))["rows"]) == 1


async def test_a_rebase_refuses_to_start_over_local_changes(home: Home) -> None:
    repo = home.diverged()
    (repo / "f.txt").write_text("precious\n")
    async with calling(home.root) as call:
        for tool in ("git_rebase", "git_merge"):
            text = await call.no(tool, repo_path=str(repo), **WAYS[tool])
            assert text.startswith("conflict") and "git_stash" in text
    assert (repo / "f.txt").read_text() == "precious\n"
