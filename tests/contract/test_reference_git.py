"""The git server says of the same repository what the reference says."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from reference_servers import Answer, Both, both_over, changed_lines, git

pytestmark = [pytest.mark.node, pytest.mark.timeout(900)]

HASH = re.compile(r"\b[0-9a-f]{40}\b")


def make(root: Path) -> Path:
    """Make a small repository with something staged, changed and new."""
    root.mkdir()

    def write(name: str, content: str) -> None:
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).write_text(content, encoding="utf-8")

    git(root, "init", "--quiet", "--initial-branch=main")
    git(root, "config", "user.name", "Ann Other")
    git(root, "config", "user.email", "ann@example.org")
    write("poem.txt", "one\ntwo\nthree\n")
    write("sub/größe.txt", "klein\n")
    git(root, "add", ".")
    git(root, "commit", "--quiet", "--message=First words\n\nWith a body.")
    git(root, "branch", "topic/first")
    write("poem.txt", "one\nTWO\nthree\n")
    write("code.py", "value = 1\n")
    git(root, "add", ".")
    git(root, "commit", "--quiet", "--message=Second words")
    git(root, "tag", "--annotate", "--message=A tag", "v1")
    write("code.py", "value = 2\nother = 3\n")
    git(root, "add", "code.py")
    write("poem.txt", "one\nTWO\nthree\nfour\n")
    write("new.txt", "not known yet\n")
    return root


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Both]:
    """Both servers, for tests that change nothing."""
    with both_over("git", make(tmp_path_factory.mktemp("read") / "repository")) as running:
        yield running


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[Both]:
    """Both servers over a repository that a test may change."""
    with both_over("git", make(tmp_path / "repository")) as running:
        yield running


def call(tool: str, **arguments: Any) -> tuple[str, dict[str, Any]]:
    """A call in the repository."""
    return tool, {"repo_path": "ROOT", **arguments}


def file_headers(text: str) -> list[str]:
    """The names of a diff's files, before and after; the reference's may be in quotes and octal numbers."""
    text = re.sub(r'"(.*?)"', lambda name: ast.literal_eval(f'b"{name[1]}"').decode(), text)
    return [line.split("\t")[0] for line in text.splitlines() if line[:4] in ("+++ ", "--- ")]


def same_diff(theirs: Answer, ours: Answer) -> bool:
    """Tell whether two answers show the same changes in the same files, and assert that there are some."""
    assert not ours.failed, ours.text
    assert changed_lines(theirs.text)
    return changed_lines(ours.text) == changed_lines(theirs.text) and file_headers(ours.text) == file_headers(
        theirs.text
    )


def test_the_status_names_the_branch_and_the_same_files_under_the_same_heads(both: Both) -> None:
    theirs, ours = both.ask(call("git_status"))
    assert by_head(theirs.text) == by_head(ours.text)
    assert by_head(theirs.text)["Untracked files"] == ["new.txt"]
    assert "main" in ours.text


def by_head(status: str) -> dict[str, list[str]]:
    """Sort the files of a status under the heads that they stand below."""
    found: dict[str, list[str]] = {}
    head = ""
    for line in status.splitlines():
        if line.startswith("\t"):
            found.setdefault(head, []).append(" ".join(line.split()))
        elif line.endswith(":"):
            head = line[:-1]
    return found


@pytest.mark.parametrize("context_lines", [None, 0, 1])
@pytest.mark.parametrize("tool", ["git_diff_unstaged", "git_diff_staged"])
def test_a_diff_of_the_work_shows_the_same_changes(both: Both, tool: str, context_lines: int | None) -> None:
    more = {} if context_lines is None else {"context_lines": context_lines}
    theirs, ours = both.ask(call(tool, **more))
    assert same_diff(theirs, ours)
    kept = [[line for line in answer.text.splitlines() if line.startswith(" ")] for answer in (theirs, ours)]
    assert kept[0] == kept[1]


@pytest.mark.parametrize("target", ["HEAD", "HEAD~1", "topic/first", "v1"])
def test_a_diff_with_a_revision_shows_the_same_changes(both: Both, target: str) -> None:
    theirs, ours = both.ask(call("git_diff", target=target))
    assert same_diff(theirs, ours)


@pytest.mark.parametrize(
    "more",
    [{}, {"max_count": 1}, {"start_timestamp": "2026-01-01", "end_timestamp": "2026-02-01"}, {"end_timestamp": "2025"}],
    ids=str,
)
def test_the_log_has_the_same_commits_with_author_date_and_message(both: Both, more: dict[str, Any]) -> None:
    theirs, ours = both.ask(call("git_log", **more))
    assert HASH.findall(ours.text) == HASH.findall(theirs.text)
    for start in ("Author:", "Date:", "Message:"):
        assert [line for line in ours.text.splitlines() if line.startswith(start)] == [
            line for line in theirs.text.splitlines() if line.startswith(start)
        ]
    assert ("With a body." in ours.text) == ("With a body." in theirs.text)


@pytest.mark.parametrize("revision", ["HEAD", "HEAD~1", "v1", "topic/first"])
def test_a_commit_is_shown_with_the_same_head_and_changes(both: Both, revision: str) -> None:
    theirs, ours = both.ask(call("git_show", revision=revision))
    assert same_diff(theirs, ours)
    assert HASH.findall(ours.text)[:1] == HASH.findall(theirs.text)[:1]
    for start in ("Author:", "Date:", "    "):
        assert ours.lines(start) == theirs.lines(start)


@pytest.mark.parametrize("path", ["HEAD:poem.txt", "HEAD~1:poem.txt", "HEAD:sub/größe.txt"])
def test_a_file_of_a_revision_is_shown_as_it_was(both: Both, path: str) -> None:
    theirs, ours = both.ask(call("git_show", revision=path))
    assert ours.text == theirs.text


@pytest.mark.parametrize("path", ["HEAD:", "HEAD:sub"])
def test_a_directory_of_a_revision_is_shown_as_its_names(both: Both, path: str) -> None:
    theirs, ours = both.ask(call("git_show", revision=path))
    assert theirs.lines() <= ours.lines()


@pytest.mark.parametrize(
    "more",
    [
        {"branch_type": "local"},
        {"branch_type": "all"},
        {"branch_type": "remote"},
        {"branch_type": "local", "contains": "main"},
        {"branch_type": "local", "not_contains": "main"},
    ],
    ids=str,
)
def test_the_same_branches_are_listed_and_the_current_one_is_marked(both: Both, more: dict[str, Any]) -> None:
    theirs, ours = both.ask(call("git_branch", **more))
    assert not ours.failed, ours.text
    named = [set(re.findall(r"^[* ] (main|topic/first)\b", answer.text, re.M)) for answer in (theirs, ours)]
    assert named[0] == named[1]
    assert ("* main" in ours.text) == ("* main" in theirs.text)


CHANGES: dict[str, list[tuple[str, dict[str, Any]]]] = {
    "one file staged": [call("git_add", files=["poem.txt"])],
    "everything staged": [call("git_add", files=["."])],
    "a new file staged": [call("git_add", files=["new.txt"])],
    "what is staged already": [call("git_add", files=["code.py"])],
    "everything unstaged": [call("git_reset")],
    "a commit": [call("git_commit", message="Third words\n\nWith a body.")],
    "all of it staged and committed": [call("git_add", files=["."]), call("git_commit", message="Größer")],
    "a branch": [call("git_create_branch", branch_name="topic/second")],
    "a branch from another": [call("git_create_branch", branch_name="topic/second", base_branch="topic/first")],
    "a branch checked out": [
        call("git_create_branch", branch_name="topic/second"),
        call("git_checkout", branch_name="topic/second"),
    ],
    "a tag checked out": [call("git_checkout", branch_name="v1")],
}


@pytest.mark.parametrize("what", CHANGES)
def test_a_change_leaves_the_repository_as_the_reference_leaves_it(fresh: Both, what: str) -> None:
    theirs, ours = fresh.ask(*CHANGES[what])
    assert not theirs.failed
    assert not ours.failed, ours.text
    assert state(fresh.ours.root) == state(fresh.theirs.root)


def test_a_commit_is_answered_with_its_hash(fresh: Both) -> None:
    for answer in fresh.ask(call("git_commit", message="Third words")):
        assert HASH.findall(answer.text) == [git(answer.root, "rev-parse", "HEAD").strip()]


def state(root: Path) -> dict[str, str]:
    """What a change may have touched; hashes of commits depend on when they were made, their trees do not."""
    return {
        "where": git(root, "rev-parse", "--abbrev-ref", "HEAD"),
        "commits": re.sub(r"\n+", "\n", git(root, "log", "--format=%T %an %ae %s %b")),
        "branches": git(root, "for-each-ref", "--format=%(refname) %(subject)"),
        "status": git(root, "status", "--porcelain"),
        "staged": git(root, "diff", "--cached"),
    }


FAILURES = {
    "a revision that is not there": call("git_diff", target="nowhere"),
    "an option as a target": call("git_diff", target="--output=made_by_an_option"),
    "a commit that is not there": call("git_show", revision="nowhere"),
    "an option as a revision": call("git_show", revision="--textconv"),
    "a file that the revision has not": call("git_show", revision="HEAD:missing.txt"),
    "an option as a time": call("git_log", end_timestamp="--all"),
    "an unknown kind of branch": call("git_branch", branch_type="strange"),
    "branches with a commit that is not there": call("git_branch", branch_type="local", contains="nowhere"),
    "no file to stage": call("git_add", files=[]),
    "a missing file to stage": call("git_add", files=["missing.txt"]),
    "a file outside to stage": call("git_add", files=["../home"]),
    "a branch that is there": call("git_create_branch", branch_name="topic/first"),
    "a branch from nowhere": call("git_create_branch", branch_name="new", base_branch="nowhere"),
    "a branch with a bad name": call("git_create_branch", branch_name="a..b"),
    "an option as a branch": call("git_create_branch", branch_name="--force"),
    "a branch that is not there": call("git_checkout", branch_name="nowhere"),
    "an option checked out": call("git_checkout", branch_name="--force"),
    "a checkout over changes": call("git_checkout", branch_name="topic/first"),
    "a folder that is no repository": ("git_status", {"repo_path": "ROOT/.."}),
    "a repository that is not there": ("git_status", {"repo_path": "ROOT/missing"}),
}


@pytest.mark.parametrize("what", FAILURES)
def test_what_fails_there_fails_here_and_changes_nothing(both: Both, what: str) -> None:
    before = state(both.ours.root)
    theirs, ours = both.ask(FAILURES[what])
    assert theirs.failed
    assert ours.failed, ours.text
    assert state(both.ours.root) == before


def test_a_commit_of_nothing_fails(fresh: Both) -> None:
    for answer in fresh.ask(call("git_reset"), call("git_commit", message="Nothing")):
        assert answer.failed
