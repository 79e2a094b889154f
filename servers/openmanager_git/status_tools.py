"""What is staged, changed, in conflict and untracked, as ``git status`` words it and as rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import Field
from typing_extensions import TypedDict

from openmanager_core.errors import InvalidRequest
from openmanager_core.job import checkpoint, offload
from openmanager_git import diffs, revisions, worktree
from openmanager_git.desk import TheDesk
from openmanager_git.diff_tools import head_to_index
from openmanager_git.reading_parameters import Cursor, Limit, MaxChars, RepoPath
from openmanager_git.repository import Place, reached
from openmanager_kit.answers import MAX_CHARS, Rows, paged
from openmanager_kit.confined.names import shown_path

if TYPE_CHECKING:
    import pygit2

Row = tuple[str, str, str, str]
_WORDS = {"A": "new file", "M": "modified", "D": "deleted", "R": "renamed", "T": "typechange", "C": "copied"}
_UNMERGED = {
    (True, True, True): "both modified",
    (False, True, True): "both added",
    (True, False, True): "deleted by us",
    (True, True, False): "deleted by them",
    (True, False, False): "both deleted",
    (False, True, False): "added by us",
    (False, False, True): "added by them",
}
_HEADS = {
    "staged": 'Changes to be committed:\n  (use "git restore --staged <file>..." to unstage)',
    "conflicted": 'Unmerged paths:\n  (use "git add <file>..." to mark resolution)',
    "unstaged": 'Changes not staged for commit:\n  (use "git add <file>..." to update what will be committed)\n'
    '  (use "git restore <file>..." to discard changes in working directory)',
    "untracked": 'Untracked files:\n  (use "git add <file>..." to include in what will be committed)',
}


class Change(TypedDict):
    """One file that differs."""

    path: str
    change: str
    renamed_from: str


class StatusAnswer(Rows):
    """The state of a work tree; lists hold this page's part."""

    branch: str = Field(description="Empty if HEAD is detached")
    head: str = Field(description="Hash; empty before the first commit")
    upstream: str
    ahead: int
    behind: int
    state: str = Field(description="none, merge, rebase, cherry-pick, revert, bisect or am")
    staged: list[Change]
    unstaged: list[Change]
    conflicted: list[Change]
    untracked: list[str]
    total: int
    stashes: int
    next_cursor: str | None


async def git_status(
    desk: TheDesk, repo_path: RepoPath, limit: Limit = 500, cursor: Cursor = "", max_chars: MaxChars = MAX_CHARS
) -> StatusAnswer:
    """Branch, upstream, and which files are staged, changed, in conflict or untracked."""

    def work() -> StatusAnswer:
        place, repo = reached(desk, repo_path)
        if place.bare:
            raise InvalidRequest(f"repository {place.path} is bare: it has no work tree", hint="git_log or git_branch")
        facts = _facts(repo)
        rows = _rows(repo, place)
        opening = _opening(repo, facts, any(row[0] == "conflicted" for row in rows))

        def build(part: list[Row], total: int, following: str | None) -> StatusAnswer:
            lists: dict[str, list[Any]] = {"staged": [], "unstaged": [], "conflicted": [], "untracked": []}
            for section, change, path, before in part:
                shown = {"path": path, "change": change, "renamed_from": before}
                lists[section].append(path if section == "untracked" else shown)
            fields = facts | lists | {"total": total, "next_cursor": following}
            return StatusAnswer.model_construct(None, **fields, text=_text(opening, part, rows, following))

        key = ["status", place.git_dir]
        return paged(rows, build, limit=limit, cursor=cursor, key=key, max_chars=max_chars)

    return await offload(work)


def _rows(repo: pygit2.Repository, place: Place) -> list[Row]:
    """List what differs; the index file is read, never written."""
    from pygit2.enums import DiffOption

    rows: list[Row] = []
    conflicts: dict[str, Row] = {}
    for base, ours, theirs in repo.index.conflicts or ():
        side = base or ours or theirs
        word = _UNMERGED[(base is not None, ours is not None, theirs is not None)]
        conflicts[side.path] = ("conflicted", word, shown_path(side.path), "")
    staged = head_to_index(repo, 0)
    changes = diffs.Changes(repo, place, staged, work_tree=False)
    rows += _of(changes.pick("").deltas, "staged", conflicts)
    rows += [conflicts[path] for path in sorted(conflicts)]
    flags = DiffOption.INCLUDE_UNTRACKED | DiffOption.INCLUDE_TYPECHANGE
    return rows + _of(worktree.changes(repo, place, place.plain_files(repo), flags).deltas, "unstaged", conflicts)


def _of(deltas: Any, section: str, conflicts: dict[str, Row]) -> list[Row]:
    rows: list[Row] = []
    untracked: list[Row] = []
    for number, delta in enumerate(deltas):
        if number % 256 == 0:
            checkpoint()
        path = diffs.path_of(delta.new_file)
        letter = delta.status_char()
        if path in conflicts:
            continue
        if letter == "?":
            untracked.append(("untracked", "untracked", shown_path(path), ""))
        elif letter in _WORDS:
            before = diffs.path_of(delta.old_file)
            rows.append((section, _WORDS[letter], shown_path(path), shown_path(before) if before != path else ""))
    return rows + untracked


def _facts(repo: pygit2.Repository) -> dict[str, Any]:
    import pygit2

    born = not revisions.unborn(repo)
    branch = ""
    if not repo.head_is_detached:
        branch = str(repo.lookup_reference("HEAD").target).removeprefix("refs/heads/")
    upstream, ahead, behind = "", 0, 0
    if born and branch:
        try:
            tracked = repo.branches.local[branch].upstream
        except (KeyError, ValueError, pygit2.GitError):
            tracked = None
        if tracked is not None:
            upstream = tracked.shorthand
            ahead, behind = repo.ahead_behind(repo.head.target, tracked.target)
    return {
        "branch": shown_path(branch),
        "head": str(repo.head.target) if born else "",
        "upstream": shown_path(upstream),
        "ahead": ahead,
        "behind": behind,
        "state": _state(repo),
        "stashes": len(repo.listall_stashes()),
    }


def _state(repo: pygit2.Repository) -> str:
    name = repo.state().name.lower().replace("_", "-")
    for known in ("rebase", "cherry-pick", "cherrypick", "revert", "bisect", "merge", "apply-mailbox"):
        if name.startswith(known):
            return {"cherrypick": "cherry-pick", "apply-mailbox": "am"}.get(known, known)
    return "none"


_ONGOING = {
    "merge": ("merging", 'git_merge with action="continue"', 'git_merge with action="abort"'),
    "rebase": ("rebasing", 'git_rebase with action="continue", or "skip"', 'git_rebase with action="abort"'),
    "cherry-pick": (
        "cherry-picking",
        'git_cherry_pick with action="continue", or "skip"',
        'git_cherry_pick with action="abort"',
    ),
    "revert": ("reverting a commit", 'git_revert with action="continue", or "skip"', 'git_revert with action="abort"'),
    "bisect": ("bisecting", '"git bisect good" or "git bisect bad"', '"git bisect reset"'),
    "am": ("in the middle of an am session", '"git am --continue"', '"git am --abort"'),
}


def _ongoing(state: str, conflicts: bool) -> list[str]:
    """Say what is going on, and the two ways out."""
    if state not in _ONGOING:
        return []
    doing, onwards, back = _ONGOING[state]
    first = "fix the conflicts, git_add the files, then" if conflicts else "to go on:"
    return [f"You are currently {doing}.", f"  ({first} {onwards})", f"  (to give it up: {back})", ""]


def _opening(repo: pygit2.Repository, facts: dict[str, Any], conflicts: bool) -> str:
    lines = [f"On branch {facts['branch']}" if facts["branch"] else _detached(repo, facts["head"])]
    upstream, ahead, behind = facts["upstream"], facts["ahead"], facts["behind"]
    if upstream and ahead and behind:
        lines += [
            f"Your branch and '{upstream}' have diverged,",
            f"and have {ahead} and {behind} different commits each, respectively.",
            "",
        ]
    elif upstream and ahead:
        lines += [f"Your branch is ahead of '{upstream}' by {ahead} commit{'s' * (ahead > 1)}.", ""]
    elif upstream and behind:
        some = f"{behind} commit{'s' * (behind > 1)}"
        lines += [f"Your branch is behind '{upstream}' by {some}, and can be fast-forwarded.", ""]
    elif upstream:
        lines += [f"Your branch is up to date with '{upstream}'.", ""]
    lines += _ongoing(facts["state"], conflicts)
    if not facts["head"]:
        lines += ["", "No commits yet", ""]
    return "\n".join(lines)


def _detached(repo: pygit2.Repository, head: str) -> str:
    for name in repo.listall_references()[:5000]:
        if name.startswith("refs/tags/") and str(repo.lookup_reference(name).peel().id) == head:
            return f"HEAD detached at {shown_path(revisions.short(name))}"
    return f"HEAD detached at {head[:7]}"


def _text(opening: str, part: list[Row], rows: list[Row], following: str | None) -> str:
    out = ["Repository status:", opening]
    section = ""
    for kind, word, path, before in part:
        if kind != section:
            if section:
                out.append("")
            head = _HEADS[kind]
            if kind == "unstaged" and any(row[0] == kind and row[1] == "deleted" for row in rows):
                head = head.replace("git add <file>", "git add/rm <file>")
            out.append(head)
            section = kind
        label = f"{word + ':':<12}" if kind in ("staged", "unstaged") else f"{word + ':':<17}"
        name = f"{before} -> {path}" if before else path
        out.append(f"\t{path}" if kind == "untracked" else f"\t{label}{name}")
    if part:
        out.append("")
    kinds = {row[0] for row in rows}
    repo_born = "\nNo commits yet\n" not in opening
    if following:
        out.append(f"({len(rows)} entries in all: go on with cursor={following})")
    elif not kinds and not repo_born:
        out.append('nothing to commit (create/copy files and use "git add" to track)')
    elif not kinds:
        out.append("nothing to commit, working tree clean")
    elif "staged" not in kinds and kinds == {"untracked"}:
        out.append('nothing added to commit but untracked files present (use "git add" to track)')
    elif "staged" not in kinds:
        out.append('no changes added to commit (use "git add" and/or "git commit -a")')
    return "\n".join(out)
