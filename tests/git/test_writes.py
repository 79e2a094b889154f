"""Staging, committing, branches, stashes, tags, worktrees: what the user asked for, and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest
from git_made import Home, calling

pytestmark = pytest.mark.anyio


async def test_add_and_commit_say_what_the_reference_server_says(home: Home) -> None:
    repo = home.repo()
    (repo / "f.txt").write_text("new\n")
    async with calling(home.root) as call:
        assert (await call.ok("git_add", repo_path=str(repo), files=["f.txt"]))["text"] == "Files staged successfully"
        again = await call.ok("git_add", repo_path=str(repo), files=["f.txt"])
        assert again["status"] == "unchanged"
        assert again["text"].startswith("No changes were staged: the given paths had nothing new to stage.")
        done = await call.ok("git_commit", repo_path=str(repo), message="Second\n\n# kept: ü")
        head = home.git(repo, "rev-parse", "HEAD")
        assert done["text"] == f"Changes committed successfully with hash {head}"
        assert (done["head"], done["branch"]) == (head, "main")
        assert home.git(repo, "log", "-1", "--format=%an <%ae>|%B") == "A B <a@b.example>|Second\n\n# kept: ü"
        text = await call.no("git_commit", repo_path=str(repo), message="x")
        assert "No changes staged for commit" in text and "git_add" in text


async def test_everything_is_staged_by_a_point_and_reset_unstages_it(home: Home) -> None:
    repo = home.repo()
    (repo / "sub").mkdir()
    (repo / "sub/n.txt").write_text("n")
    (repo / "f.txt").unlink()
    async with calling(home.root) as call:
        await call.ok("git_add", repo_path=str(repo), files=["."])
        assert home.git(repo, "status", "--short") == "D  f.txt\nA  sub/n.txt"
        done = await call.ok("git_reset", repo_path=str(repo))
        assert done["text"] == "All staged changes reset"
        assert home.git(repo, "diff", "--cached", "--name-only") == ""
        await call.ok("git_add", repo_path=str(repo / "sub"), files=["n.txt"])
        assert home.git(repo, "diff", "--cached", "--name-only") == "sub/n.txt"
        await call.ok("git_reset", repo_path=str(repo), files=["sub/n.txt"])
        assert home.git(repo, "diff", "--cached", "--name-only") == ""


@pytest.mark.parametrize("name", ["*.txt", "[f].txt", ":(glob)x", "new\nline", "ü.txt", "-f", "a\\b"])
async def test_a_name_is_taken_literally_whatever_it_looks_like(home: Home, name: str) -> None:
    repo = home.repo()
    (repo / "other.txt").write_text("o")
    (repo / name).write_text("x")
    async with calling(home.root) as call:
        await call.ok("git_add", repo_path=str(repo), files=[name.replace("\n", "\\n")])
    assert home.git(repo, "diff", "--cached", "--name-only", "-z").strip("\0") == name


@pytest.mark.parametrize("path", ["../x", "/etc/passwd", ".git/config", "a/../../x", ".GIT/config"])
async def test_a_path_outside_of_the_work_tree_is_never_staged(home: Home, path: str) -> None:
    repo = home.repo()
    async with calling(home.root) as call:
        assert "not_allowed" in await call.no("git_add", repo_path=str(repo), files=[path])


async def test_a_missing_file_is_named_in_the_refusal(home: Home) -> None:
    repo = home.repo()
    async with calling(home.root) as call:
        text = await call.no("git_add", repo_path=str(repo), files=["nope.txt"])
        assert text.startswith("not_found") and "nope.txt" in text


async def test_values_that_look_like_options_are_refused(home: Home) -> None:
    repo = str(home.repo())
    async with calling(home.root) as call:
        for tool, arguments in (
            ("git_checkout", {"branch_name": "-f"}),
            ("git_create_branch", {"branch_name": "--force"}),
            ("git_create_branch", {"branch_name": "x", "base_branch": "--all"}),
            ("git_reset", {"target": "--hard"}),
            ("git_merge", {"branch": "--abort"}),
            ("git_rebase", {"upstream": "--exec=x"}),
            ("git_cherry_pick", {"revisions": ["--abort"]}),
            ("git_tag", {"action": "create", "name": "-d"}),
            ("git_fetch", {"remote": "--upload-pack=x"}),
            ("git_push", {"branch": "--mirror"}),
            ("git_remote", {"action": "add", "name": "-x", "url": "https://a.example/b"}),
            ("git_remote", {"action": "add", "name": "x", "url": "-oProxyCommand=x"}),
        ):
            assert "must not begin with '-'" in await call.no(tool, repo_path=repo, **arguments), tool


async def test_branches_are_made_and_switched_to(home: Home) -> None:
    repo = home.repo()
    home.git(repo, "tag", "v1")
    async with calling(home.root) as call:
        made = await call.ok("git_create_branch", repo_path=str(repo), branch_name="new")
        assert made["text"] == "Created branch 'new' from 'main'"
        assert "exists already" in await call.no("git_create_branch", repo_path=str(repo), branch_name="new")
        assert "no valid branch name" in await call.no("git_create_branch", repo_path=str(repo), branch_name="a..b")
        switched = await call.ok("git_checkout", repo_path=str(repo), branch_name="new")
        assert switched["text"] == "Switched to branch 'new'"
        away = await call.ok("git_checkout", repo_path=str(repo), branch_name="v1")
        assert away["text"] == f"HEAD is now detached at {away['head'][:7]}"
        assert "HEAD is detached" in await call.no("git_create_branch", repo_path=str(repo), branch_name="det")
        assert "not_found" in await call.no("git_checkout", repo_path=str(repo), branch_name="nope")


async def test_a_checkout_that_would_lose_changes_is_refused(home: Home) -> None:
    repo = home.diverged()
    (repo / "f.txt").write_text("precious\n")
    async with calling(home.root) as call:
        text = await call.no("git_checkout", repo_path=str(repo), branch_name="topic")
        assert text.startswith("conflict") and "git_stash" in text and "f.txt" in text
    assert (repo / "f.txt").read_text() == "precious\n"


async def test_an_empty_repository_can_be_committed_to(home: Home) -> None:
    async with calling(home.root) as call:
        await call.ok("git_init", path="fresh")
        repo = home.root / "fresh"
        (repo / "a").write_text("a")
        assert "not_found" in await call.no("git_create_branch", repo_path=str(repo), branch_name="x")
        await call.ok("git_add", repo_path=str(repo), files=["a"])
        await call.ok("git_reset", repo_path=str(repo))
        await call.ok("git_add", repo_path=str(repo), files=["a"])
        await call.ok("git_commit", repo_path=str(repo), message="First")
        assert "repository already" in await call.no("git_init", path="fresh")
    assert home.git(repo, "log", "--format=%s") == "First"


async def test_hard_reset_says_where_the_branch_was(home: Home) -> None:
    repo = home.repo()
    last = home.commit(repo, "Second", {"f.txt": "2"})
    async with calling(home.root) as call:
        done = await call.ok("git_reset", repo_path=str(repo), mode="hard", target="HEAD~1")
    assert last in done["text"] and (repo / "f.txt").read_text() == "one\ntwo\nthree\n"


async def test_amend_replaces_the_last_commit(home: Home) -> None:
    repo = home.repo()
    async with calling(home.root) as call:
        await call.ok("git_commit", repo_path=str(repo), message="Better", amend=True)
        await call.ok("git_commit", repo_path=str(repo), message="Empty", allow_empty=True)
    assert home.git(repo, "log", "--format=%s") == "Empty\nBetter"


async def test_a_stash_comes_back_and_is_listed_meanwhile(home: Home) -> None:
    repo = home.repo()
    (repo / "f.txt").write_text("changed\n")
    (repo / "new.txt").write_text("n")
    async with calling(home.root) as call:
        arguments = {"repo_path": str(repo)}
        assert (await call.ok("git_stash", **arguments, message="aside", include_untracked=True))["status"] == "done"
        assert home.git(repo, "status", "--short") == ""
        assert (await call.ok("git_stash", **arguments))["status"] == "unchanged"
        rows = (await call.ok("git_stash", **arguments, action="list"))["rows"]
        assert rows[0]["name"] == "stash@{0}" and "aside" in rows[0]["about"]
        shown = await call.ok("git_stash", **arguments, action="show")
        assert {row["name"] for row in shown["rows"]} == {"f.txt", "new.txt"}
        assert (await call.ok("git_stash", **arguments, action="pop"))["text"] == "Popped stash@{0}"
        assert "no such stash" in await call.no("git_stash", **arguments, action="drop")
    assert (repo / "f.txt").read_text() == "changed\n" and (repo / "new.txt").exists()


async def test_tags_are_made_listed_and_deleted(home: Home) -> None:
    repo = home.repo()
    async with calling(home.root) as call:
        arguments = {"repo_path": str(repo)}
        await call.ok("git_tag", **arguments, action="create", name="v1")
        await call.ok("git_tag", **arguments, action="create", name="v2", message="Two\n\nbody")
        assert "exists already" in await call.no("git_tag", **arguments, action="create", name="v2")
        listed = await call.ok("git_tag", **arguments)
        assert {row["name"]: row["about"] for row in listed["rows"]} == {"v1": "First", "v2": "Two"}
        await call.ok("git_tag", **arguments, action="delete", name="v1")
        assert [row["name"] for row in (await call.ok("git_tag", **arguments, name="v*"))["rows"]] == ["v2"]


async def test_a_thousand_tags_come_page_by_page(home: Home) -> None:
    repo = home.repo()
    commit = home.git(repo, "rev-parse", "HEAD")
    home.git(repo, "update-ref", "--stdin", given="".join(f"create refs/tags/t{n} {commit}\n" for n in range(1000)))
    names, cursor = [], ""
    async with calling(home.root) as call:
        while True:
            page = await call.ok("git_tag", repo_path=str(repo), cursor=cursor)
            assert len(page["text"]) < 10_000
            names += [row["name"] for row in page["rows"]]
            cursor = page["next_cursor"]
            if not cursor:
                break
            assert cursor in page["text"]
    assert sorted(names) == sorted(f"t{n}" for n in range(1000))


async def test_a_worktree_is_made_used_and_removed_inside_the_roots_only(home: Home, tmp_path: Path) -> None:
    repo = home.repo()
    async with calling(home.root) as call:
        arguments = {"repo_path": str(repo)}
        outside = await call.no("git_worktree", **arguments, action="add", path=str(tmp_path / "out"), branch="w")
        assert outside.startswith("not_allowed")
        tree = home.root / "tree"
        await call.ok("git_worktree", **arguments, action="add", path=str(tree), branch="w")
        (tree / "w.txt").write_text("w")
        await call.ok("git_add", repo_path=str(tree), files=["w.txt"])
        assert (await call.ok("git_commit", repo_path=str(tree), message="In the tree"))["branch"] == "w"
        (tree / "dirty.txt").write_text("d")
        assert len((await call.ok("git_worktree", **arguments))["rows"]) == 2
        assert "conflict" in await call.no("git_worktree", **arguments, action="remove", path=str(tree))
        (tree / "dirty.txt").unlink()
        await call.ok("git_worktree", **arguments, action="remove", path=str(tree))
        assert "not_found" in await call.no("git_worktree", **arguments, action="remove", path=str(repo))
    assert not tree.exists()


async def test_a_root_for_reading_lists_but_changes_nothing(home: Home) -> None:
    repo = home.repo()
    async with calling(f"{home.root}:ro") as call:
        for tool in ("git_stash", "git_tag", "git_remote", "git_worktree"):
            await call.ok(tool, repo_path=str(repo), action="list")
        for tool, arguments in (
            ("git_add", {"files": ["."]}),
            ("git_commit", {"message": "x", "allow_empty": True}),
            ("git_reset", {}),
            ("git_tag", {"action": "create", "name": "v"}),
        ):
            assert "may only be read" in await call.no(tool, repo_path=str(repo), **arguments)
        assert "not_allowed" in await call.no("git_init", path="x")
    async with calling(home.root, read_only=True) as call:
        listed = {tool.name for tool in (await call.client.list_tools()).tools}
        assert not listed & {"git_add", "git_commit", "git_push"}


async def test_a_bare_repository_says_what_it_lacks(home: Home) -> None:
    async with calling(home.root) as call:
        await call.ok("git_init", path="b.git", bare=True)
        assert "bare repository" in await call.no("git_commit", repo_path="b.git", message="x")


async def test_an_unknown_author_is_told_how_to_become_known(home: Home) -> None:
    repo = home.repo()
    home.config.write_text("[user]\n\tuseConfigOnly = true\n")
    async with calling(home.root) as call:
        text = await call.no("git_commit", repo_path=str(repo), message="x", allow_empty=True)
    assert "git config --global user.name" in text
