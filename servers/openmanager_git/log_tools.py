"""Commits one after another, and the branches."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from operator import itemgetter
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field
from typing_extensions import TypedDict

from openmanager_core.errors import InvalidRequest
from openmanager_core.job import checkpoint, offload
from openmanager_core.text import visible
from openmanager_git import diffs, revisions
from openmanager_git.desk import TheDesk
from openmanager_git.plumbing import lines_of
from openmanager_git.reading_parameters import Cursor, Limit, MaxChars, OnlyPath, RepoPath, Revision
from openmanager_git.repository import reached
from openmanager_git.show_tools import message_of, person, when
from openmanager_git.times import instant
from openmanager_kit import cursors
from openmanager_kit.answers import MAX_CHARS, Rows, paged
from openmanager_kit.confined.names import shown_path

if TYPE_CHECKING:
    import pygit2

_BODY = 2000
_OLDER_IN_A_ROW = 200
_FORGED = ("Commit: ", "Author: ", "Date: ", "Message: ")


class CommitRow(TypedDict):
    """One commit."""

    hash: str
    author: str
    email: str
    date: str
    subject: str
    body: str


class LogAnswer(Rows):
    """Commits, newest first."""

    commits: list[CommitRow]
    next_cursor: str | None


async def git_log(
    desk: TheDesk,
    repo_path: RepoPath,
    max_count: Annotated[int, Field(ge=1, le=100_000, description="Most commits")] = 10,
    start_timestamp: Annotated[str, Field(description="From: ISO 8601, '2 weeks ago', 'Jan 15 2024'")] = "",
    end_timestamp: Annotated[str, Field(description="To; a day alone is included")] = "",
    path: OnlyPath = "",
    author: Annotated[str, Field(description="Part of the name or address")] = "",
    grep: Annotated[str, Field(description="Part of the message")] = "",
    revision: Revision = "HEAD",
    cursor: Cursor = "",
    max_chars: MaxChars = MAX_CHARS,
) -> LogAnswer:
    """Commit history, newest first; revision may be a..b."""
    place, repo = await offload(reached, desk, repo_path)
    first_s = instant(start_timestamp, "start_timestamp") if start_timestamp else 0.0
    last_s = instant(end_timestamp, "end_timestamp", end=True) if end_timestamp else float("inf")
    if first_s > last_s:
        raise InvalidRequest(f"start_timestamp {start_timestamp!r} is after end_timestamp {end_timestamp!r}")
    if revision == "HEAD" and revisions.unborn(repo):
        return LogAnswer.model_construct(commits=[], next_cursor=None, text="Commit history:\n(no commits yet)")
    between = await revisions.range_of(place, repo, revision, "revision")
    tip = between.new if between else await revisions.hash_of(place, repo, revision, "revision")
    only = diffs.only_path(place, path)
    hashes: list[str] | None = None
    if only or between:
        wanted = [tip] if between is None else [f"{between.old}{'...' if between.symmetric else '..'}{between.new}"]
        found = await lines_of(
            place,
            ["rev-list", *wanted, "--", *([only.encode(errors="surrogateescape")] if only else [])],
            what="the history",
        )
        hashes = [line.decode("ascii") for line in found]
    key = [
        "log",
        place.git_dir,
        tip,
        revision,
        first_s if "ago" not in start_timestamp else start_timestamp,
        only,
        author,
        grep,
    ]
    start = cursors.decode(cursor, key)

    def work() -> LogAnswer:
        rows: list[CommitRow] = []
        texts = ["Commit history:"]
        size, structured, following = 16, 60, None
        walked: Iterator[pygit2.Commit] = (
            (revisions.at(repo, one) for one in hashes) if hashes is not None else iter(repo.walk(tip))
        )
        for number, commit in enumerate(_matching(walked, first_s, last_s, author.casefold(), grep.casefold())):
            if number < start:
                continue
            fields, text = _row(commit, max_chars // 3)
            length = len(_COMPACT(fields)) + 1
            full = size + len(text) + 1 > max_chars - 120 or structured + length > max_chars - 80
            if len(rows) >= max_count or (full and rows):
                following = cursors.encode(number, key)
                break
            rows.append(fields)
            texts.append(text)
            size, structured = size + len(text) + 1, structured + length
        if following:
            texts.append(f"(more: go on with cursor={following})")
        text = "\n".join(texts) + ("" if rows else "\n")
        return LogAnswer.model_construct(commits=rows, next_cursor=following, text=text)

    return await offload(work)


def _matching(
    walked: Iterator[pygit2.Commit], first_s: float, last_s: float, author: str, grep: str
) -> Iterator[pygit2.Commit]:
    older = 0
    for number, commit in enumerate(walked):
        if number % 64 == 0:
            checkpoint()
        if commit.commit_time < first_s:
            older += 1
            if older > _OLDER_IN_A_ROW:  # clocks differ a little; so many in a row are the end
                return
            continue
        older = 0
        if commit.commit_time > last_s:
            continue
        if author and author not in " ".join(person(commit.author)).casefold():
            continue
        if grep and grep not in message_of(commit).casefold():
            continue
        yield commit


def _row(commit: pygit2.Commit, most: int) -> tuple[CommitRow, str]:
    name, email = person(commit.author)
    message = message_of(commit)
    subject, _, body = message.strip("\n").partition("\n")
    body = body.strip("\n")
    limit = min(_BODY, most // 2)
    if len(body) > limit:
        body = f"{body[:limit]}... [+{len(body) - limit} characters]"
    shown, date = _lines(body), when(commit.author)
    row: CommitRow = {
        "hash": str(commit.id),
        "author": visible(name[:200]),
        "email": visible(email[:200]),
        "date": date,
        "subject": visible(subject[:300]),
        "body": shown,
    }
    if len(message) > most:
        message = f"{message[:most]}... [+{len(message) - most} characters]\n"
    said = date.replace("T", " ", 1)
    return row, f"Commit: {row['hash']}\nAuthor: {row['author']}\nDate: {said}\nMessage: {_lines(message)}\n"


def _lines(text: str) -> str:
    """Show each line; one that looks like a field of ours is set in."""
    lines = [visible(line.removesuffix("\r")) for line in text.split("\n")]
    return "\n".join("    " + line if line.startswith(_FORGED) else line for line in lines)


_COMPACT = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False).encode
_EMPTY_ROW = len(_COMPACT({"name": "", "hash": "", "current": True, "upstream": ""}))
_FOLLOWS = re.compile(r"branch\..+\.merge", re.DOTALL)


class BranchRow(TypedDict):
    """One branch."""

    name: str
    hash: str
    current: bool
    upstream: str


class BranchesAnswer(Rows):
    """Branches in the order of their names, the current one marked."""

    branches: list[BranchRow]
    total: int
    next_cursor: str | None


async def git_branch(
    desk: TheDesk,
    repo_path: RepoPath,
    branch_type: Annotated[Literal["local", "remote", "all"], Field(description="Which branches")] = "local",
    contains: Annotated[str, Field(description="Only those that hold this commit")] = "",
    not_contains: Annotated[str, Field(description="Only those that do not hold this commit")] = "",
    limit: Limit = 500,
    cursor: Cursor = "",
    max_chars: MaxChars = MAX_CHARS,
) -> BranchesAnswer:
    """List branches; the current one is marked with *."""
    spaces = {"local": ["refs/heads/"], "remote": ["refs/remotes/"], "all": ["refs/heads/", "refs/remotes/"]}[
        branch_type
    ]
    kept: set[bytes] | None = None
    if contains or not_contains:
        place, repo = await offload(reached, desk, repo_path)
        words = ["for-each-ref", "--format=%(refname)"]
        for option, given in (("contains", contains), ("no-contains", not_contains)):
            if given:
                named = await revisions.hash_of(place, repo, given, option.replace("no-", "not_"))
                words.append(f"--{option}={named}")
        kept = set(await lines_of(place, [*words, *spaces], what="the branches"))

    below = tuple(map(str.encode, spaces))

    def work() -> BranchesAnswer:
        place, repo = reached(desk, repo_path)
        # In the order of their names, the local ones first: refs/heads/ comes before refs/remotes/.
        rows = sorted(
            ((one.raw_name, one.raw_target) for one in repo.references.iterator() if one.raw_name.startswith(below)),
            key=itemgetter(0),
        )
        if kept is not None:
            rows = [row for row in rows if row[0] in kept]
        head = (
            b"" if repo.head_is_detached else str(repo.lookup_reference("HEAD").target).encode(errors="surrogateescape")
        )
        with_upstream = _with_upstream(repo)
        seen: dict[bytes, BranchRow] = {}

        def row_of(one: tuple[bytes, Any]) -> BranchRow:
            found = seen.get(one[0])
            if found is None:
                found = seen[one[0]] = _branch(repo, *one, head, with_upstream)
            return found

        def weight(one: tuple[bytes, Any]) -> tuple[int, int]:
            row = row_of(one)
            letters = len(row["name"])
            return letters + 2, letters + len(row["hash"]) + len(row["upstream"]) + _EMPTY_ROW

        def build(part: list[tuple[bytes, Any]], total: int, following: str | None) -> BranchesAnswer:
            made = [row_of(name) for name in part]
            lines = [f"{'*' if row['current'] else ' '} {row['name']}" for row in made]
            if head and repo.head_is_unborn and not total:
                lines = ["(no commits yet)"]
            elif not head and branch_type != "remote" and kept is None and not cursor:
                lines.insert(0, f"* (HEAD detached at {str(repo.head.target)[:7]})")
            if following:
                lines.append(f"({total} branches in all: go on with cursor={following})")
            text = "\n".join(lines)
            return BranchesAnswer.model_construct(branches=made, total=total, next_cursor=following, text=text)

        key = ["branch", place.git_dir, branch_type, contains, not_contains]
        return paged(rows, build, limit=limit, cursor=cursor, key=key, max_chars=max_chars, weigh=weight)

    return await offload(work)


def _with_upstream(repo: pygit2.Repository) -> set[str]:
    """Name the branches whose configuration says what they follow: asking for each costs a look at every file of it."""
    named = (entry.name for entry in repo.config)
    return {name[len("branch.") : -len(".merge")] for name in named if _FOLLOWS.fullmatch(name)}


def _branch(repo: pygit2.Repository, name: bytes, target: Any, head: bytes, with_upstream: set[str]) -> BranchRow:
    import pygit2

    checkpoint()
    full = os.fsdecode(name)
    shown = revisions.short(full)
    if isinstance(target, bytes):
        linked = shown_path(f"{shown} -> {revisions.short(os.fsdecode(target))}")
        return BranchRow(name=linked, hash="", current=False, upstream="")
    upstream = ""
    if shown in with_upstream and full.startswith("refs/heads/"):
        try:
            tracked = repo.lookup_branch(shown).upstream
            upstream = tracked.shorthand if tracked is not None else ""
        except (KeyError, ValueError, AttributeError, pygit2.GitError):
            upstream = ""
    return BranchRow(name=shown_path(shown), hash=str(target), current=name == head, upstream=shown_path(upstream))
