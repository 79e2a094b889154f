"""What happened to one file, and what changed between two times or revisions: for whoever looks for a cause."""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from pydantic import Field

from openmanager_core.errors import InvalidRequest, NotFound
from openmanager_core.job import checkpoint, offload
from openmanager_core.text import quoted, visible
from openmanager_git import diffs, raw, revisions
from openmanager_git.desk import TheDesk
from openmanager_git.plumbing import read_git
from openmanager_git.reading_parameters import Cursor, Limit, MaxChars, OnlyPath, RepoPath, Revision
from openmanager_git.repository import reached
from openmanager_git.times import instant
from openmanager_kit.answers import MAX_CHARS, Answer, paged
from openmanager_kit.confined.names import shown_path

# Fields in an order that no hostile one can disturb; with -z no name can hold the separator of entries.
_FORMAT = "--format=%H%x02%P%x02%ct%x02%ae%x02%an%x02%s"
_QUIET = ("--no-color", "--no-ext-diff", "--no-textconv", "--no-mailmap", "-z")
_SUMMARY = 20
_EARLIEST_S = 100_000_001  # a smaller number would not be read as seconds


@dataclass
class _Seen:
    hash: str
    merge: bool
    when: str
    email: str
    author: str
    subject: str
    entries: list[tuple[bytes, ...]] = field(default_factory=list)


def _commits(out: bytes, *, statuses: bool) -> list[_Seen]:
    """Read the entries of ``git log -z`` with name-status (`statuses`) or numstat lines."""
    seen: list[_Seen] = []
    tokens = iter(out.split(b"\0"))
    for number, token in enumerate(tokens):
        if number % 512 == 0:
            checkpoint()
        token = token.lstrip(b"\n")
        if token[40:41] == b"\x02":
            parts = [raw.decoded(part)[0] for part in token.split(b"\x02", 5)]
            when = datetime.fromtimestamp(min(int(parts[2]), 1 << 36), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
            merge = " " in parts[1]
            texts = [visible(text[:300]) for text in parts[3:]]
            seen.append(_Seen(parts[0], merge, when, texts[0], texts[1], texts[2]))
        elif token and seen and statuses:
            names = [next(tokens, b"") for _ in range(2 if token[:1] in b"RC" else 1)]
            seen[-1].entries.append((token[:1], *names))
        elif token and seen:
            seen[-1].entries.append(tuple(token.split(b"\t", 2)))
    return seen


class HistoryRow(Answer):
    """One commit that touched the file."""

    hash: str
    date: str
    author: str
    subject: str
    change: str
    path: str
    renamed_from: str = ""


class HistoryAnswer(Answer):
    """Commits that touched a file, newest first."""

    commits: list[HistoryRow]
    total: int
    next_cursor: str | None

    def as_text(self) -> str:
        """One line each."""
        rows = [
            f"{row.hash[:10]} {row.date} {row.author}: {row.subject} [{row.change}"
            + (f" from {row.renamed_from} to {row.path}]" if row.renamed_from else "]")
            for row in self.commits
        ]
        if self.next_cursor:
            rows.append(f"({self.total} commits in all: go on with cursor={self.next_cursor})")
        return "\n".join(rows)


_CHANGES = {b"A": "added", b"M": "modified", b"D": "deleted", b"R": "renamed", b"C": "copied", b"T": "type changed"}


async def git_file_history(
    desk: TheDesk,
    repo_path: RepoPath,
    path: Annotated[str, Field(description="File in the repository; it may be deleted by now")],
    revision: Revision = "HEAD",
    follow: Annotated[bool, Field(description="Go on under former names")] = True,
    limit: Limit = 100,
    cursor: Cursor = "",
    max_chars: MaxChars = MAX_CHARS,
) -> HistoryAnswer:
    """Commits that changed one file, through renames."""
    place, repo = await offload(reached, desk, repo_path)
    named = await revisions.hash_of(place, repo, revision, "revision")
    only = diffs.only_path(place, path)
    if not only:
        raise InvalidRequest(f"path must name a file, got {quoted(path)}", hint="git_log for the whole repository")
    words = ["log", _FORMAT, "--name-status", *_QUIET, *(["--follow"] if follow else ["--no-renames"]), named, "--"]
    done = await read_git(place, *words, os.fsencode(only))

    def work() -> HistoryAnswer:
        seen = _commits(done.out, statuses=True)
        if not seen:
            raise NotFound(
                f"path {quoted(path)} is in no commit of {quoted(revision, 80)}", hint="git_grep or git_show"
            )

        def row(commit: _Seen) -> HistoryRow:
            letter, *names = commit.entries[0] if commit.entries else (b"M", os.fsencode(only))
            shown = [shown_path(os.fsdecode(name)) for name in names]
            return HistoryRow(
                hash=commit.hash,
                date=commit.when,
                author=commit.author,
                subject=commit.subject,
                change=_CHANGES.get(letter, "changed"),
                path=shown[-1],
                renamed_from=shown[0] if len(shown) > 1 else "",
            )

        def build(part: list[_Seen], total: int, following: str | None) -> HistoryAnswer:
            return HistoryAnswer(commits=[row(one) for one in part], total=total, next_cursor=following)

        key = ["history", place.git_dir, named, only, follow]
        return paged(seen, build, limit=limit, cursor=cursor, key=key, max_chars=max_chars)

    return await offload(work)


class BetweenCommit(Answer):
    """One commit of the span."""

    hash: str
    date: str
    author: str
    subject: str
    files: int
    merge: bool = False


class BetweenFile(Answer):
    """One file that commits of the span touched."""

    path: str
    commits: int
    added: int
    deleted: int


class BetweenAuthor(Answer):
    """One author of the span."""

    author: str
    commits: int


class BetweenAnswer(Answer):
    """What changed in a span; lists are cut in the summary, complete with detail."""

    span: str
    commits_total: int
    merges: int
    files_total: int
    added: int
    deleted: int
    authors: list[BetweenAuthor]
    commits: list[BetweenCommit]
    files: list[BetweenFile]
    complete: bool = Field(description="False if the history was too long to read whole")
    next_cursor: str | None

    def as_text(self) -> str:
        """Say it in sections."""
        out = [
            f"Changes {self.span}: {self.commits_total} commits ({self.merges} merges), "
            f"{self.files_total} files, +{self.added} -{self.deleted}"
        ]
        if self.authors:
            out.append("Authors: " + ", ".join(f"{a.author} ({a.commits})" for a in self.authors))
        if self.commits:
            out.append("Commits, newest first:")
            out += [
                f"  {c.hash[:10]} {c.date} {c.author}: {c.subject} [{'merge' if c.merge else f'{c.files} files'}]"
                for c in self.commits
            ]
        if self.files:
            out.append("Files, most changed first:")
            out += [f"  {f.path}: {f.commits} commits, +{f.added} -{f.deleted}" for f in self.files]
        if self.next_cursor:
            out.append(f"(go on with cursor={self.next_cursor})")
        return "\n".join(out if self.complete else [*out, "(the history is longer than was read)"])


async def changes_between(
    desk: TheDesk,
    repo_path: RepoPath,
    since: Annotated[str, Field(description="Time ('2 hours ago', ISO 8601) or revision (tag, hash)")],
    until: Annotated[str, Field(description="Time or revision")] = "HEAD",
    path: OnlyPath = "",
    detail: Annotated[
        Literal["summary", "commits", "files"], Field(description="summary: the most telling of each")
    ] = "summary",
    limit: Limit = 200,
    cursor: Cursor = "",
    max_chars: MaxChars = MAX_CHARS,
) -> BetweenAnswer:
    """What changed between two times or revisions: commits, files with line counts, authors."""
    place, repo = await offload(reached, desk, repo_path)
    if revisions.unborn(repo) and until == "HEAD":
        raise NotFound("the repository has no commits yet", hint="git_status")
    words: list[str | bytes] = []
    start, start_s = await offload(_end, repo, since, "since")
    stop, stop_s = await offload(_end, repo, until, "until")
    if start_s and stop_s and start_s > stop_s:
        raise InvalidRequest(f"since {quoted(since, 80)} is after until {quoted(until, 80)}")
    words += [f"--since={max(int(start_s), _EARLIEST_S)}"] if start_s else []
    words += [f"--until={max(int(stop_s), _EARLIEST_S)}"] if stop_s else []
    tip = stop or str(repo.head.target)
    only = diffs.only_path(place, path)
    asked = ["log", _FORMAT, "--numstat", "--no-renames", *_QUIET, *words, f"{start}..{tip}" if start else tip, "--"]
    done = await read_git(place, *asked, *([os.fsencode(only)] if only else []))
    key = ["between", place.git_dir, start or since, stop or until, only, detail]
    span = f"from {visible(since[:80])} to {visible(until[:80])}"
    return await offload(
        lambda: _between(_commits(done.out, statuses=False), span, not done.cut, detail, limit, cursor, key, max_chars)
    )


def _end(repo: Any, text: str, parameter: str) -> tuple[str, float]:
    """Read one end: a revision if it is one, else a time."""
    try:
        return str(revisions.commit(repo, text, parameter).id), 0.0
    except (NotFound, InvalidRequest) as unknown:
        try:
            return "", instant(text, parameter, end=parameter == "until")
        except InvalidRequest:
            raise InvalidRequest(
                f"{parameter} {quoted(text, 80)} is neither a revision nor a time",
                hint=unknown.hint + "; or a time such as '2 hours ago', 2026-03-01T14:00:00Z",
            ) from None


def _between(
    seen: list[_Seen], span: str, complete: bool, detail: str, limit: int, cursor: str, key: Any, max_chars: int
) -> BetweenAnswer:
    files: dict[bytes, list[int]] = {}
    for commit in seen:
        for plus, minus, name in (entry for entry in commit.entries if len(entry) == 3):
            counts = files.setdefault(name, [0, 0, 0])
            for slot, value in enumerate((b"1", plus, minus)):
                counts[slot] += int(value) if value.isdigit() else 0
    ranked = sorted(files.items(), key=lambda item: (-item[1][1] - item[1][2], item[0]))
    authors = Counter(commit.author for commit in seen).most_common(_SUMMARY if detail == "summary" else 5)
    items: list[Any] = []
    if detail in ("summary", "commits"):
        items += seen[:_SUMMARY] if detail == "summary" else seen
    if detail in ("summary", "files"):
        items += ranked[:_SUMMARY] if detail == "summary" else ranked

    def build(part: list[Any], total: int, following: str | None) -> BetweenAnswer:
        return BetweenAnswer(
            span=span,
            commits_total=len(seen),
            merges=sum(commit.merge for commit in seen),
            files_total=len(files),
            added=sum(counts[1] for counts in files.values()),
            deleted=sum(counts[2] for counts in files.values()),
            authors=[BetweenAuthor(author=name, commits=count) for name, count in authors],
            commits=[
                BetweenCommit(
                    hash=c.hash, date=c.when, author=c.author, subject=c.subject, files=len(c.entries), merge=c.merge
                )
                for c in part
                if isinstance(c, _Seen)
            ],
            files=[
                BetweenFile(path=shown_path(os.fsdecode(f[0])), commits=f[1][0], added=f[1][1], deleted=f[1][2])
                for f in part
                if not isinstance(f, _Seen)
            ],
            complete=complete,
            next_cursor=following,
        )

    return paged(items, build, limit=limit, cursor=cursor, key=key, max_chars=max_chars)
