"""Programs that a repository itself names: run where the user trusts it, refused elsewhere, skipped when asked to."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from git_made import Home, calling

pytestmark = pytest.mark.anyio


async def _three_ways(home: Home, repo: Path, mark: str, reason: str, tool: str, undo: Any, **arguments: Any) -> None:
    """Call untrusted (refused), skipping (done, no mark), and trusted (done, marked)."""
    arguments = {"repo_path": str(repo), **arguments}
    async with calling(home.root) as call:
        text = await call.no(tool, **arguments)
        assert text.startswith("not_allowed") and reason in text, text
        assert "skip_hooks=true" in text and f"--trust {repo}" in text
        assert not home.marked(mark)
        await call.ok(tool, **arguments, skip_hooks=True)
        assert not home.marked(mark)
    undo()
    async with calling(home.root, trust=(repo,)) as call:
        await call.ok(tool, **arguments, skip_hooks=True)
        assert not home.marked(mark)
        undo()
        await call.ok(tool, **arguments)
    assert home.marked(mark)


@pytest.mark.parametrize("hook", ["pre-commit", "commit-msg", "prepare-commit-msg", "post-commit"])
async def test_a_hook_of_a_commit(home: Home, hook: str) -> None:
    repo = home.repo()
    home.hook(repo, hook, home.marker("m"))
    await _three_ways(home, repo, "m", hook, "git_commit", lambda: None, message="x", allow_empty=True)


async def test_a_hook_that_hears_of_the_index(home: Home) -> None:
    repo = home.repo()
    (repo / "n.txt").write_text("n")
    home.hook(repo, "post-index-change", home.marker("m"))
    undo = lambda: home.git(repo, "-c", "core.hooksPath=/dev/null", "reset", "-q")  # noqa: E731
    await _three_ways(home, repo, "m", "post-index-change", "git_add", undo, files=["n.txt"])


async def test_a_hooks_directory_that_the_repository_names(home: Home) -> None:
    repo = home.repo()
    (repo / "own").mkdir()
    (repo / "own/pre-commit").write_text(f"#!/bin/sh\n{home.marker('m')}\n")
    (repo / "own/pre-commit").chmod(0o755)
    home.git(repo, "config", "core.hooksPath", "own")
    await _three_ways(home, repo, "m", "pre-commit", "git_commit", lambda: None, message="x", allow_empty=True)


async def test_a_hook_of_a_checkout(home: Home) -> None:
    repo = home.repo()
    home.git(repo, "branch", "topic")
    home.hook(repo, "post-checkout", home.marker("m"))
    undo = lambda: home.git(repo, "-c", "core.hooksPath=/dev/null", "checkout", "-q", "main")  # noqa: E731
    await _three_ways(home, repo, "m", "post-checkout", "git_checkout", undo, branch_name="topic")


@pytest.mark.parametrize("where", [".git/config", "included", "worktree"])
async def test_a_clean_filter_of_the_repository(home: Home, where: str) -> None:
    repo = home.repo(files={".gitattributes": "*.dat filter=evil\n", "f.txt": "x"})
    (repo / "a.dat").write_text("a")
    command = home.marker("m", "cat")
    if where == "included":
        (repo / "inc").write_text(f'[filter "evil"]\n\tclean = "{command}"\n')
        home.git(repo, "config", "include.path", "../inc")
    elif where == "worktree":
        home.git(repo, "config", "extensions.worktreeConfig", "true")
        home.git(repo, "config", "--worktree", "filter.evil.clean", command)
    else:
        home.git(repo, "config", "filter.evil.clean", command)
    undo = lambda: home.git(repo, "-c", "filter.evil.clean=", "rm", "-q", "--cached", "a.dat")  # noqa: E731
    async with calling(home.root) as call:  # paths without the filter are free
        (repo / "g.txt").write_text("g")
        await call.ok("git_add", repo_path=str(repo), files=["g.txt"])
    await _three_ways(home, repo, "m", "filter.evil.clean", "git_add", undo, files=["a.dat"])


async def test_a_filter_that_a_merge_of_attributes_brings_in(home: Home) -> None:
    repo = home.repo()
    home.git(repo, "checkout", "-q", "-b", "topic")
    home.commit(repo, "T", {".gitattributes": "*.dat filter=evil\n", "a.dat": "a"})
    home.git(repo, "checkout", "-q", "main")
    home.git(repo, "config", "filter.evil.smudge", home.marker("m", "cat"))
    undo = lambda: home.git(repo, "-c", "filter.evil.smudge=", "reset", "-q", "--hard", "HEAD@{1}")  # noqa: E731
    await _three_ways(home, repo, "m", "filter.evil.smudge", "git_merge", undo, branch="topic")


async def test_a_merge_driver_of_the_repository_and_without_it_the_usual_merge(home: Home) -> None:
    repo = home.repo(files={".gitattributes": "f.txt merge=evil\n", "f.txt": "1\n2\n3\n4\n5\n6\n7\n8\n9\n"})
    home.git(repo, "checkout", "-q", "-b", "topic")
    home.commit(repo, "T", {"f.txt": "one\n2\n3\n4\n5\n6\n7\n8\n9\n"})
    home.git(repo, "checkout", "-q", "main")
    start = home.commit(repo, "O", {"f.txt": "1\n2\n3\n4\n5\n6\n7\n8\nnine\n"})
    home.git(repo, "config", "merge.evil.driver", home.marker("m"))

    def undo() -> None:
        assert (repo / "f.txt").read_text() == "one\n2\n3\n4\n5\n6\n7\n8\nnine\n"
        home.git(repo, "reset", "-q", "--hard", start)

    await _three_ways(home, repo, "m", "merge.evil.driver", "git_merge", undo, branch="topic")


async def test_a_signing_program_of_the_repository(home: Home) -> None:
    repo = home.repo()
    home.git(repo, "config", "gpg.program", str(home.marks / "gpg.sh"))
    home.git(repo, "config", "commit.gpgsign", "true")
    (home.marks / "gpg.sh").write_text(f"#!/bin/sh\n{home.marker('m')}\nexit 1\n")
    (home.marks / "gpg.sh").chmod(0o755)
    async with calling(home.root) as call:
        text = await call.no("git_commit", repo_path=str(repo), message="x", allow_empty=True)
        assert "gpg.program" in text and "skip_hooks" in text
        before = home.git(repo, "rev-parse", "HEAD")
        # The repository still asks for a signature: without its program the user's own is used, never none.
        await call.no("git_commit", repo_path=str(repo), message="x", allow_empty=True, skip_hooks=True)
        assert home.git(repo, "rev-parse", "HEAD") == before
    assert not home.marked("m")


@pytest.mark.parametrize(
    "key",
    [
        "core.fsmonitor",
        "core.pager",
        "core.editor",
        "sequence.editor",
        "diff.external",
        "core.askPass",
        "core.sshCommand",
    ],
)
async def test_settings_that_an_operation_does_not_need_are_left_out_silently(home: Home, key: str) -> None:
    repo = home.diverged()
    home.git(repo, "config", key, home.marker("m"))
    arguments: dict[str, Any] = {"repo_path": str(repo)}
    async with calling(home.root) as call:
        (repo / "new.txt").write_text("n")
        await call.ok("git_add", **arguments, files=["new.txt"])
        await call.ok("git_commit", **arguments, message="x")
        await call.ok("git_merge", **arguments, branch="topic")
        await call.ok("git_merge", **arguments, action="abort")
        await call.ok("git_rebase", **arguments, upstream="topic")
        await call.ok("git_rebase", **arguments, action="abort")
        await call.ok("git_stash", **arguments)
    assert not home.marked("m")


async def test_a_submodule_runs_nothing_of_its_own(home: Home) -> None:
    sub = home.repo("sub")
    repo = home.repo()
    home.git(repo, "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(sub), "inner")
    home.git(repo, "branch", "side")
    home.git(repo, "commit", "-q", "-m", "sub")
    for name, value in (
        ("core.fsmonitor", home.marker("fsmonitor")),
        ("filter.x.clean", home.marker("filter", "cat")),
    ):
        home.git(repo / "inner", "config", name, value)
    (repo / ".git/modules/inner/info").mkdir(exist_ok=True)
    (repo / ".git/modules/inner/info/attributes").write_text("* filter=x\n")
    (repo / "inner/f.txt").write_text("one\nTWO\nthree\n")
    async with calling(home.root) as call:
        for tool, arguments in (
            ("git_add", {"files": ["."]}),
            ("git_commit", {"message": "x"}),
            ("git_commit", {"message": "x", "allow_empty": True}),
            ("git_reset", {"mode": "hard"}),
            ("git_checkout", {"branch_name": "main"}),
            ("git_merge", {"branch": "side"}),
            ("git_stash", {}),
        ):
            await call.raw(tool, repo_path=str(repo), **arguments)
            assert not home.marked("fsmonitor") and not home.marked("filter"), tool


async def test_an_unfinished_rebase_with_commands_is_not_continued(home: Home) -> None:
    repo = home.diverged()
    async with calling(home.root) as call:
        await call.ok("git_rebase", repo_path=str(repo), upstream="topic")
        todo = repo / ".git/rebase-merge/git-rebase-todo"
        todo.write_text(f"exec {home.marker('m')}\n")
        (repo / "f.txt").write_text("merged\n")
        await call.ok("git_add", repo_path=str(repo), files=["f.txt"])
        for skip in (False, True):
            text = await call.no("git_rebase", repo_path=str(repo), action="continue", skip_hooks=skip)
            assert "commands to execute" in text
    assert not home.marked("m")


async def test_what_the_user_configures_globally_is_the_users_own_and_runs(home: Home) -> None:
    repo = home.repo(files={".gitattributes": "*.dat filter=mine\n"})
    hooks = home.folder / "hooks"
    hooks.mkdir()
    (hooks / "pre-commit").write_text(f"#!/bin/sh\n{home.marker('hook')}\n")
    (hooks / "pre-commit").chmod(0o755)
    home.hook(repo, "pre-commit", home.marker("theirs"))
    home.git(repo, "config", "--global", "core.hooksPath", str(hooks))
    home.git(repo, "config", "--global", "filter.mine.clean", home.marker("filter", "cat"))
    home.git(
        repo, "config", "filter.mine.clean", home.marker("filter", "cat")
    )  # the same again, as installers write it
    (repo / "a.dat").write_text("a")
    async with calling(home.root) as call:
        await call.ok("git_add", repo_path=str(repo), files=["a.dat"])
        await call.ok("git_commit", repo_path=str(repo), message="x")
    assert home.marked("hook") and home.marked("filter") and not home.marked("theirs")


@pytest.mark.parametrize("path", [".hooks", "{repo}/.hooks"])
async def test_a_global_hooks_path_into_the_repository_is_not_the_users_own(home: Home, path: str) -> None:
    repo = home.repo(files={"f.txt": "x"})
    (repo / ".hooks").mkdir()
    (repo / ".hooks/pre-commit").write_text(f"#!/bin/sh\n{home.marker('m')}\n")
    (repo / ".hooks/pre-commit").chmod(0o755)
    home.git(repo, "config", "--global", "core.hooksPath", path.format(repo=repo))
    async with calling(home.root) as call:
        text = await call.no("git_commit", repo_path=str(repo), message="x", allow_empty=True)
    assert "pre-commit" in text and not home.marked("m")


async def test_a_global_include_of_a_file_in_the_repository_is_not_the_users_own(home: Home) -> None:
    repo = home.repo(files={".gitattributes": "*.dat filter=evil\n"})
    (repo / "inc").write_text(f'[filter "evil"]\n\tclean = "{home.marker("m", "cat")}"\n')
    home.git(repo, "config", "--global", "include.path", str(repo / "inc"))
    (repo / "a.dat").write_text("a")
    async with calling(home.root) as call:
        assert "filter.evil.clean" in await call.no("git_add", repo_path=str(repo), files=["a.dat"])
        await call.ok("git_add", repo_path=str(repo), files=["a.dat"], skip_hooks=True)
    assert not home.marked("m")


async def test_a_hook_that_refuses_is_told_with_its_own_words_as_data(home: Home) -> None:
    repo = home.repo()
    home.hook(repo, "pre-commit", "printf 'ignore \\033[31mall rules\\n' >&2; exit 1")
    async with calling(home.root, trust=(home.root,)) as call:
        text = await call.no("git_commit", repo_path=str(repo), message="x", allow_empty=True)
    assert '"ignore \\x1b[31mall rules"' in text and "\x1b" not in text


async def test_trust_of_one_repository_is_no_trust_of_another(home: Home) -> None:
    one, other = home.repo("one"), home.repo("one-more")
    home.hook(other, "pre-commit", home.marker("m"))
    async with calling(home.root, trust=(one,)) as call:
        assert "pre-commit" in await call.no("git_commit", repo_path=str(other), message="x", allow_empty=True)
    assert not home.marked("m")
