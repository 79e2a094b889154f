"""Resolve what a caller calls a revision, safely: never an option, never a second meaning, nearest names if unknown."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from openmanager_core.errors import InvalidRequest, NotFound
from openmanager_core.job import offload
from openmanager_core.text import quoted
from openmanager_git.plumbing import read_git
from openmanager_git.repository import Place

if TYPE_CHECKING:
    import pygit2

LONGEST = 1000
_FORMS = "a branch, a tag, a hash, HEAD~3 or HEAD@{1}"
_NAMES_AMONG = 5000
# libgit2 walks these in its own thread-holding loop; the git program does it faster, and can be stopped.
_FAR = re.compile(r"[~]\d{3,}|\^\{/|^:/")


@dataclass(frozen=True, slots=True)
class Range:
    """``a..b`` (or ``a...b``: from their merge base): two commits, as hashes."""

    old: str
    new: str
    symmetric: bool = False


def checked(text: str, parameter: str) -> str:
    """Refuse what no revision is, before anything reads it.

    Raises
    ------
    InvalidRequest
        If it is empty, begins with ``-``, holds a control character or is too long.
    """
    if not text.strip():
        raise InvalidRequest(f"{parameter} must be a revision, got {quoted(text)}", hint=_FORMS)
    if text.startswith("-"):
        raise InvalidRequest(f"{parameter} must not begin with '-', got {quoted(text, 80)}", hint=_FORMS)
    if len(text) > LONGEST:
        raise InvalidRequest(f"{parameter} may have {LONGEST} characters, got {len(text)}", hint=_FORMS)
    if any(ord(char) < 32 or 0xD800 <= ord(char) <= 0xDFFF or ord(char) == 127 for char in text):
        raise InvalidRequest(f"{parameter} must not hold control characters, got {quoted(text, 80)}", hint=_FORMS)
    return text


def unborn(repo: pygit2.Repository) -> bool:
    """Tell whether there is no commit yet on the current branch."""
    return bool(repo.head_is_unborn)


def found(repo: pygit2.Repository, text: str, parameter: str) -> Any:
    """Resolve one revision to an object of any type; blocking.

    Raises
    ------
    NotFound
        If it names nothing; tells the nearest branches and tags.
    """
    import pygit2

    checked(text, parameter)
    try:
        return repo.revparse_single(text)
    except (KeyError, ValueError, pygit2.GitError) as exc:
        raise unknown(repo, text, parameter, str(exc)) from exc


def commit(repo: pygit2.Repository, text: str, parameter: str) -> pygit2.Commit:
    """Resolve one revision to a commit, tags peeled; blocking."""
    import pygit2

    thing = found(repo, text, parameter)
    try:
        return thing.peel(pygit2.Commit)
    except (ValueError, pygit2.GitError) as exc:
        raise InvalidRequest(f"{parameter} {quoted(text, 80)} is no commit", hint=_FORMS) from exc


def unknown(repo: pygit2.Repository, text: str, parameter: str, said: str = "") -> NotFound | InvalidRequest:
    """Make the refusal of what was not found."""
    if "ambiguous" in said:
        return InvalidRequest(f"{parameter} {quoted(text, 80)} is ambiguous", hint="more letters of the hash")
    base, colon, path = text.partition(":")
    if colon and base and path:
        try:
            repo.revparse_single(base)
        except Exception:  # noqa: BLE001 - whatever it is, the revision is what is missing
            text = base
        else:
            return NotFound(
                f"{parameter} {quoted(text, 120)}: there is no {quoted(path, 80)} in {quoted(base, 80)}",
                hint=f"{base}: lists what there is",
            )
    if unborn(repo) and re.match(r"HEAD|@", text):
        return NotFound(f"{parameter} {quoted(text, 80)}: the repository has no commits yet", hint="git_status")
    names = [short(name) for name, _ in zip(repo.listall_references(), range(_NAMES_AMONG), strict=False)]
    stem = re.split(r"[~^@:]", text, maxsplit=1)[0]
    error = NotFound.named("revision", stem, names, hint="git_branch lists branches, git_log commits")
    return NotFound(f"{parameter} {quoted(text, 80)} names no commit, branch or tag", hint=error.hint)


def short(name: str) -> str:
    """Give a reference's name as people write it."""
    for head in ("refs/heads/", "refs/tags/", "refs/remotes/"):
        if name.startswith(head):
            return name.removeprefix(head)
    return name


async def hash_of(place: Place, repo: pygit2.Repository, text: str, parameter: str) -> str:
    """Resolve one revision to the hash of a commit, however far away it is.

    Raises
    ------
    NotFound
        If it names nothing.
    """
    checked(text, parameter)
    if _FAR.search(text) and ":" not in text[2:]:
        done = await read_git(place, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{text}^{{commit}}")
        written = done.out.decode("ascii", "replace").strip()
        if done.code == 0 and re.fullmatch(r"[0-9a-f]{40}", written):
            return written
        raise unknown(repo, text, parameter)
    return str((await offload(commit, repo, text, parameter)).id)


def split(text: str) -> tuple[str, str, bool] | None:
    """Take ``a..b`` or ``a...b`` apart; a missing end is HEAD. None if it is no range."""
    match = re.fullmatch(r"(.*?)(\.{2,3})(.*)", text)
    if match is None or match[3].startswith("."):
        return None
    return match[1] or "HEAD", match[3] or "HEAD", match[2] == "..."


async def range_of(place: Place, repo: pygit2.Repository, text: str, parameter: str) -> Range | None:
    """Resolve ``a..b`` and ``a...b``; None if the text is one revision."""
    checked(text, parameter)
    ends = split(text)
    if ends is None:
        return None
    old = await hash_of(place, repo, ends[0], parameter)
    new = await hash_of(place, repo, ends[1], parameter)
    return Range(old, new, ends[2])


async def merge_base(place: Place, one: str, other: str) -> str | None:
    """Find the commit that two hashes come from; None if they share no history."""
    done = await read_git(place, "merge-base", one, other)
    return done.out.decode("ascii").strip() or None
