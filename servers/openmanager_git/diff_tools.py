"""What changed, as patches: in the work tree, in the index, against a revision, between two, and in one commit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from mcp_types import CallToolResult
from pydantic import Field

from openmanager_core.errors import InvalidRequest
from openmanager_core.job import offload
from openmanager_git import diffs, raw, revisions, worktree
from openmanager_git.desk import Desk, TheDesk
from openmanager_git.reading_parameters import ContextLines, Cursor, MaxChars, OnlyPath, RepoPath, StatOnly
from openmanager_git.repository import Place, reached
from openmanager_kit import cursors
from openmanager_kit.answers import MAX_CHARS

if TYPE_CHECKING:
    import pygit2

_EMPTY_TREE = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"  # known to libgit2 in every repository


async def git_diff_unstaged(
    desk: TheDesk,
    repo_path: RepoPath,
    context_lines: ContextLines = 3,
    path: OnlyPath = "",
    stat_only: StatOnly = False,
    cursor: Cursor = "",
    max_chars: MaxChars = MAX_CHARS,
) -> CallToolResult:
    """Changes in the work tree that are not staged yet."""
    asked = (context_lines, path, stat_only, cursor, max_chars)
    return await offload(_of_the_index, desk, repo_path, "unstaged", *asked)


async def git_diff_staged(
    desk: TheDesk,
    repo_path: RepoPath,
    context_lines: ContextLines = 3,
    path: OnlyPath = "",
    stat_only: StatOnly = False,
    cursor: Cursor = "",
    max_chars: MaxChars = MAX_CHARS,
) -> CallToolResult:
    """Changes that are staged for the next commit."""
    asked = (context_lines, path, stat_only, cursor, max_chars)
    return await offload(_of_the_index, desk, repo_path, "staged", *asked)


def _of_the_index(
    desk: Desk,
    repo_path: str,
    side: Literal["unstaged", "staged"],
    context_lines: int,
    path: str,
    stat_only: bool,
    cursor: str,
    max_chars: int,
) -> CallToolResult:
    place, repo = reached(desk, repo_path)
    _need_work_tree(place)
    plain = place.plain_files(repo)
    if side == "staged":
        diff = head_to_index(repo, context_lines)
    else:
        diff = worktree.changes(repo, place, plain, context_lines=context_lines)
    changes = diffs.Changes(repo, place, diff, side == "unstaged", plain, context_lines)
    changes.pick(diffs.only_path(place, path))
    key = [side, place.git_dir, context_lines, path, stat_only]
    return answered(f"{side.capitalize()} changes:\n", changes, key, cursor, max_chars, stat_only=stat_only)


async def git_diff(
    desk: TheDesk,
    repo_path: RepoPath,
    target: Annotated[str, Field(description="Revision to compare the work tree with, or a..b, a...b")],
    context_lines: ContextLines = 3,
    path: OnlyPath = "",
    stat_only: StatOnly = False,
    cursor: Cursor = "",
    max_chars: MaxChars = MAX_CHARS,
) -> CallToolResult:
    """Differences between the work tree and a revision, or between two revisions."""
    place, repo = await offload(reached, desk, repo_path)
    between = await revisions.range_of(place, repo, target, "target")
    if between is not None:
        old: str | None = between.old
        if between.symmetric:
            old = await revisions.merge_base(place, between.old, between.new)
            if old is None:
                raise InvalidRequest("target: the two revisions share no history", hint="two dots instead of three")
        ends = (str(old), between.new)
    else:
        ends = (await revisions.hash_of(place, repo, target, "target"), "")

    def work() -> CallToolResult:
        plain = place.plain_files(repo)
        old_tree = revisions.at(repo, ends[0]).tree
        if ends[1]:
            diff = old_tree.diff_to_tree(revisions.at(repo, ends[1]).tree, context_lines=context_lines)
        else:
            _need_work_tree(place)
            # Through the index, as Git does it: unchanged files are known by their times and need not be read.
            diff = old_tree.diff_to_index(repo.index, context_lines=context_lines)
            diff.merge(worktree.changes(repo, place, plain, context_lines=context_lines))
        changes = diffs.Changes(repo, place, diff, not ends[1], plain, context_lines)
        changes.pick(diffs.only_path(place, path))
        key = ["diff", place.git_dir, ends, context_lines, path, stat_only]
        return answered(f"Diff with {target}:\n", changes, key, cursor, max_chars, stat_only=stat_only)

    return await offload(work)


def head_to_index(repo: pygit2.Repository, context_lines: int = 3) -> pygit2.Diff:
    """Compare the last commit with the index; with nothing, if there is no commit yet."""
    tree: Any = repo[_EMPTY_TREE] if revisions.unborn(repo) else repo.head.peel().tree
    diff: pygit2.Diff = tree.diff_to_index(repo.index, context_lines=context_lines)
    return diff


def answered(
    lead: str,
    changes: diffs.Changes,
    key: list[object],
    cursor: str,
    max_chars: int,
    *,
    stat_only: bool,
    plain: bool = False,
) -> CallToolResult:
    """Write one page of a diff with its facts."""
    start = cursors.decode(cursor, key)
    head = lead if not start else ""
    most = raw.room(max_chars) - len(head)
    shown = diffs.stat(changes, start, most) if stat_only else diffs.page(changes, start, most, plain=plain)
    facts = shown.facts[:4]
    if shown.after:
        at = shown.after if stat_only else (shown.after >> 24)
        facts.insert(0, f"file {at + 1} of {len(changes.picked)}: go on with cursor={cursors.encode(shown.after, key)}")
    return raw.answer(head + shown.text, facts)


def _need_work_tree(place: Place) -> None:
    if place.bare:
        raise InvalidRequest(
            f"repository {place.path} is bare: it has no work tree", hint="git_diff with a..b, git_log or git_show"
        )
