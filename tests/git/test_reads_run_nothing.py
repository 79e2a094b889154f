"""No read runs a program that the repository names, and none writes the index."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from git_repos import GitRepo

from openmanager_git.reading_tools import READING_TOOLS

CALLS: list[tuple[str, dict[str, Any]]] = [
    ("git_status", {}),
    ("git_diff_unstaged", {}),
    ("git_diff_staged", {}),
    ("git_diff", {"target": "HEAD"}),
    ("git_diff", {"target": "HEAD~1"}),
    ("git_diff", {"target": "HEAD~1..HEAD", "stat_only": True}),
    ("git_diff", {"target": "HEAD~1...HEAD"}),
    ("git_log", {}),
    ("git_log", {"path": "a.txt"}),
    ("git_show", {}),
    ("git_show", {"revision": "HEAD:a.txt"}),
    ("git_show", {"revision": ":/first"}),
    ("git_branch", {"branch_type": "all", "contains": "HEAD"}),
    ("git_blame", {"path": "a.txt"}),
    ("git_grep", {"pattern": "one"}),
    ("git_grep", {"pattern": "one", "revision": "HEAD", "regex": True}),
    ("git_file_history", {"path": "a.txt"}),
    ("changes_between", {"since": "HEAD~1"}),
]


def _arm(repo: GitRepo, mark: Path) -> None:
    script = repo.path.parent / "evil.sh"
    script.write_text(f'#!/bin/sh\necho "$0 $@" >> {mark}\ncat\n')
    script.chmod(0o755)
    for key in (
        "core.fsmonitor",
        "core.pager",
        "core.sshCommand",
        "core.askPass",
        "core.editor",
        "diff.external",
        "diff.evil.textconv",
        "diff.evil.command",
        "filter.evil.clean",
        "filter.evil.smudge",
        "filter.evil.process",
        "credential.helper",
        "gpg.program",
        "uploadpack.packObjectsHook",
        "pager.log",
        "pager.blame",
        "pager.grep",
    ):
        repo.git("config", key, str(script))
    repo.git("config", "log.showSignature", "true")
    repo.git("config", "core.hooksPath", str(repo.path.parent / "hooks"))
    repo.git("config", "remote.origin.url", f"ext::{script}")
    repo.git("config", "remote.origin.promisor", "true")
    repo.git("config", "protocol.ext.allow", "always")
    (repo.path.parent / "hooks").mkdir()
    for hook in ("post-index-change", "pre-auto-gc", "post-checkout", "reference-transaction", "fsmonitor-watchman"):
        target = repo.path.parent / "hooks" / hook
        target.write_text(script.read_text())
        target.chmod(0o755)


@pytest.mark.anyio
async def test_no_reading_tool_runs_what_the_repository_names_or_touches_the_index(repo: GitRepo, call: Any) -> None:
    assert {name for name, _ in CALLS} == {tool.name for tool in READING_TOOLS}
    repo.commit("first", a_txt="one\n")
    repo.write(".gitattributes", "*.txt diff=evil filter=evil merge=evil\n")
    repo.commit("second", a_txt="one\ntwo\n")
    repo.write("a.txt", "one\ntwo\nthree\n")
    mark = repo.path.parent / "mark"
    _arm(repo, mark)
    repo.git("status")
    assert mark.exists(), "the trap does not work"
    mark.unlink()
    index = repo.path / ".git/index"
    (repo.path / ".git/index.lock").write_text("")
    before = (index.read_bytes(), index.stat().st_mtime_ns)
    for name, arguments in CALLS:
        result = await call(name, **arguments)
        assert not result.is_error, (name, result.content[0].text)
        assert not mark.exists(), (name, arguments, mark.read_text())
    assert (index.read_bytes(), index.stat().st_mtime_ns) == before


@pytest.mark.anyio
async def test_missing_objects_of_a_partial_clone_are_not_fetched(repo: GitRepo, call: Any) -> None:
    repo.commit("first", a_txt="one\n")
    blob = repo.git("rev-parse", "HEAD:a.txt")
    repo.commit("second", a_txt="two\n")
    mark = repo.path.parent / "mark"
    _arm(repo, mark)
    repo.git("config", "core.repositoryformatversion", "1")
    repo.git("config", "extensions.partialClone", "origin")
    (repo.path / ".git/objects" / blob[:2] / blob[2:]).unlink()
    for name, arguments in CALLS:
        await call(name, **arguments)
        assert not mark.exists(), (name, arguments, mark.read_text())
