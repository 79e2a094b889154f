"""One commit with its diff, or one file or directory as it was at a revision."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

from mcp_types import CallToolResult

from openmanager_core.errors import InvalidRequest
from openmanager_core.job import offload
from openmanager_core.text import quoted
from openmanager_git import diffs, raw, revisions
from openmanager_git.desk import TheDesk
from openmanager_git.diff_tools import answered
from openmanager_git.reading_parameters import ContextLines, Cursor, MaxChars, OnlyPath, RepoPath, Revision, StatOnly
from openmanager_git.repository import Place, reached
from openmanager_kit import cursors
from openmanager_kit.answers import MAX_CHARS
from openmanager_kit.confined.names import shown_name

if TYPE_CHECKING:
    import pygit2

_LARGEST_FILE = 16 * 1024 * 1024


async def git_show(
    desk: TheDesk,
    repo_path: RepoPath,
    revision: Revision = "HEAD",
    path: OnlyPath = "",
    context_lines: ContextLines = 3,
    stat_only: StatOnly = False,
    cursor: Cursor = "",
    max_chars: MaxChars = MAX_CHARS,
) -> CallToolResult:
    """A commit with its diff against its first parent; REVISION:PATH shows a file or directory of that time."""
    place, repo = await offload(reached, desk, repo_path)
    revisions.checked(revision, "revision")
    if ":" in revision and not revision.startswith(":"):
        return await offload(_thing, repo, place, revision, cursor, max_chars)
    named = await revisions.hash_of(place, repo, revision, "revision")

    def work() -> CallToolResult:
        commit = revisions.at(repo, named)
        parents = commit.parent_ids
        options: dict[str, Any] = {"context_lines": context_lines}
        if parents and parents[0] in repo:
            diff = revisions.at(repo, str(parents[0])).tree.diff_to_tree(commit.tree, **options)
        else:
            diff = commit.tree.diff_to_tree(swap=True, **options)
        changes = diffs.Changes(repo, place, diff, False, place.plain_files(repo), context_lines)
        changes.pick(diffs.only_path(place, path))
        key = ["show", place.git_dir, named, path, context_lines, stat_only]
        lead = _lead(commit) + ("\n" if stat_only else "")
        return answered(lead[: max_chars // 2], changes, key, cursor, max_chars, stat_only=stat_only, plain=True)

    return await offload(work)


def when(signature: Any, sep: str = "T") -> str:
    """Write the time of a signature as ISO 8601 with its own offset."""
    zone = timezone(timedelta(minutes=max(-1439, min(1439, signature.offset))))
    try:
        return datetime.fromtimestamp(signature.time, zone).isoformat(sep=sep)
    except (ValueError, OverflowError, OSError):
        return f"@{signature.time}"


def message_of(commit: Any) -> str:
    """The message, whatever its bytes are."""
    return raw.decoded(commit.raw_message)[0]


def person(signature: Any) -> tuple[str, str]:
    """Name and address of an author."""
    return raw.decoded(signature.raw_name)[0], raw.decoded(signature.raw_email)[0]


def _lead(commit: pygit2.Commit) -> str:
    name, email = person(commit.author)
    date = when(commit.author, " ")
    if date[-6:-5] in "+-" and date[-3:-2] == ":":
        date = f"{date[:-6]} {date[-6:-3]}{date[-2:]}"
    merge = f"Merge: {' '.join(str(one)[:7] for one in commit.parent_ids)}\n" if len(commit.parent_ids) > 1 else ""
    body = "\n".join(f"    {line}" for line in message_of(commit).rstrip("\n").split("\n"))
    return f"commit {commit.id}\n{merge}Author: {name} <{email}>\nDate:   {date}\n\n{body}\n"


def _thing(repo: pygit2.Repository, place: Place, revision: str, cursor: str, max_chars: int) -> CallToolResult:
    """Show ``REVISION:PATH``; a file is looked at by its size before it is loaded."""
    base, _, path = revision.partition(":")
    path = diffs.only_path(place, path) if path else ""
    tree = revisions.commit(repo, base or "HEAD", "revision").tree
    try:
        found: Any = tree[path] if path else tree
    except KeyError:
        raise revisions.unknown(repo, revision, "revision") from None
    key = ["thing", place.git_dir, str(tree.id), path]
    start = cursors.decode(cursor, key)
    mode = int(found.filemode) if path else 0o040000
    if mode == 0o160000:
        return raw.answer(f"{path}: submodule at commit {found.id}", [])
    if mode == 0o040000:
        names = [shown_name(one.name or "") + ("/" if int(one.filemode) == 0o040000 else "") for one in found]
        return _cut("\n".join(names), start, key, max_chars, [])
    size = int(repo.odb.read_header(found.id)[1])
    if size > _LARGEST_FILE:
        return raw.answer("", [f"{quoted(path, 100)}: {size} bytes, more than {_LARGEST_FILE} are not shown"])
    data = found.data
    if b"\0" in data[:8000]:
        return raw.answer("", [f"{quoted(path, 100)}: binary file, {_type(data)}, {size} bytes"])
    text, encoding = raw.decoded(data)
    return _cut(text, start, key, max_chars, [f"not UTF-8, read as {encoding}"] if encoding else [])


def _cut(text: str, start: int, key: Any, max_chars: int, facts: list[str]) -> CallToolResult:
    if start and start >= len(text):
        raise InvalidRequest("cursor points past the end", hint="leave cursor empty to start from the beginning")
    end = len(text)
    if end - start > max_chars - (60 if facts else 0):
        end = start + raw.room(max_chars)
        line = text.rfind("\n", start, end) + 1
        end = line if line > start else end
        facts.insert(0, f"characters {start} to {end} of {len(text)}: go on with cursor={cursors.encode(end, key)}")
    return raw.answer(text[start:end], facts)


_MAGIC = {
    b"\x89PNG": "PNG image",
    b"\xff\xd8\xff": "JPEG image",
    b"GIF8": "GIF image",
    b"PK\x03\x04": "ZIP archive",
    b"\x1f\x8b": "gzip",
    b"%PDF": "PDF document",
    b"\x7fELF": "ELF program",
    b"SQLite format 3": "SQLite database",
}


def _type(data: bytes) -> str:
    return next((name for start, name in _MAGIC.items() if data.startswith(start)), "unknown type")
