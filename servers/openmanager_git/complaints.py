"""What git says when it fails, as errors that a model can act upon; its own words are quoted as data."""

from __future__ import annotations

import os
import re
import time
from contextlib import suppress
from pathlib import Path

from openmanager_core.errors import (
    Conflict,
    FleetError,
    InvalidRequest,
    NotAllowed,
    NotFound,
    SourceUnavailable,
    StorageUnavailable,
)
from openmanager_core.text import quoted
from openmanager_kit.child import Finished
from openmanager_kit.confined.names import shown_path
from openmanager_kit.confined.roots import Roots, parts_of

_SAID = 1500
_LOCK = re.compile(
    r"Unable to create '(.+?\.lock)': File exists|unable to lock .*?'(.+?\.lock)'|(\S+\.lock): File exists"
)
_SECRET = re.compile(r"(https?://)[^/@\s'\"]+@|(\w[\w+.-]*://[^/:@\s'\"]*):[^/@\s'\"]*@", re.IGNORECASE)
_PATH = re.compile(r"(?<![\w:/.~-])/(?:[^\s/'\":;,]+/)*[^\s/'\":;,]+")
_MOST_PROCESSES = 5000

_ROWS: tuple[tuple[str, type[FleetError], str, str], ...] = (
    # what git says, the kind, what we say, what to try
    (
        r"(?:gpg|ssh-keygen|gpgsm).*failed to sign|failed to write commit object.*sign|unable to sign the tag|"
        r"failed to sign the data|signing failed",
        NotAllowed,
        "the user's configuration asks for a signature, and signing failed; nothing was recorded",
        "unlock the key outside of this server, or correct user.signingKey; an unsigned one is never made instead",
    ),
    (
        r"tell me who you are|empty ident name|no email was given|unable to auto-detect email|ident name consists",
        InvalidRequest,
        "git does not know who the author is",
        "the user sets it once: git config --global user.name NAME and git config --global user.email ADDRESS",
    ),
    (
        r"could not read Username|could not read Password|terminal prompts disabled|Authentication failed|"
        r"Permission denied \(|HTTP Basic: Access denied|returned error: 40[13]|no such identity.*\n?.*denied",
        NotAllowed,
        "the remote wants credentials, and there are none that work without a prompt",
        "the user sets up a credential helper or an SSH key in an agent, then call again",
    ),
    (
        r"Host key verification failed|authenticity of host|REMOTE HOST IDENTIFICATION HAS CHANGED",
        NotAllowed,
        "the remote's SSH host key is not known, or has changed",
        "the user connects once by hand and checks the key",
    ),
    (
        r"transport '[^']*' not allowed|protocol '[^']*' is not supported",
        NotAllowed,
        "the address uses a transport that is not allowed",
        "an https or ssh address, or a repository inside the allowed directories",
    ),
    (
        r"Could not resolve host|Connection refused|Connection timed out|Failed to connect|Connection reset|"
        r"Network is unreachable|No route to host|SSL certificate|unable to access|early EOF|hung up unexpectedly",
        SourceUnavailable,
        "the remote could not be reached",
        "check the address with git_remote, or again later",
    ),
    (
        r"currently checked out",
        Conflict,
        "the branch is checked out where it should go",
        "push to a bare repository, or another branch",
    ),
    (r"\[remote rejected\]", NotAllowed, "the remote refused it", "correct what the remote complains about"),
    (
        r"\[rejected\]|non-fast-forward|fetch first|stale info|Updates were rejected",
        Conflict,
        "the remote has commits that are not here, so the push was refused",
        "git_pull first; or force_with_lease if replacing them is meant",
    ),
    (
        r"Not possible to fast-forward|diverging branches",
        Conflict,
        "the branches have diverged, a fast-forward is not possible",
        "without ff_only, or with rebase",
    ),
    (
        r"would be overwritten by|cannot rebase: |cannot pull with rebase|uncommitted change|unstaged changes|"
        r"contains modified or untracked files|Your local changes|index contains uncommitted",
        Conflict,
        "local changes would be lost, so nothing was done",
        "git_commit or git_stash them first",
    ),
    (
        r"unmerged files|unresolved conflict|needs merge|not concluded your merge|resolve your current index first",
        Conflict,
        "there are unresolved conflicts",
        "edit the files, git_add them, then action continue; or action abort",
    ),
    (
        r"nothing to commit|nothing added to commit|no changes added to commit|working tree clean",
        InvalidRequest,
        "No changes staged for commit",
        "git_add to stage changes first; git_status shows what is currently staged",
    ),
    (r"No space left|Disk quota", StorageUnavailable, "the disk is full", "free some space"),
    (r"Permission denied|Read-only file system|insufficient permission", NotAllowed, "permission denied", ""),
    (r"already exists", Conflict, "it exists already", "another name"),
    (
        r"is already (?:checked out|used by worktree)|cannot delete branch|refusing to fetch into",
        Conflict,
        "the branch is checked out in another worktree",
        "git_worktree with action list",
    ),
    (
        r"did not match any file|not something we can merge|unknown revision|bad revision|couldn't find remote ref|"
        r"does not appear to be a git repository|repository .* (?:not found|does not exist)|"
        r"not a valid (?:object|ref)|pathspec .* did not match|is not a stash|No stash entries|"
        r"Remote branch .* not found",
        NotFound,
        "git does not find what was named",
        "git_branch, git_tag or git_status for the names",
    ),
    (
        r"declined|hook",
        NotAllowed,
        "a hook refused it",
        "correct what the hook complains about",
    ),
)


def complaint(what: str, done: Finished, roots: Roots, git_dir: str = "") -> FleetError:
    """Make the error for a run of git that failed.

    Parameters
    ----------
    what
        What was being done, as the subject of the sentence: ``commit``.
    git_dir
        Of the repository, to name a lock file in it.
    """
    said = _together(done)
    held = _LOCK.search(said)
    if held is not None:
        return _locked(next(filter(None, held.groups())), git_dir)
    own = f"; git says: {quoted(inside(said, roots), _SAID)}" if said else f"; git ended with code {done.code}"
    for pattern, kind, words, hint in _ROWS:
        if re.search(pattern, said, re.IGNORECASE):
            return kind(f"{what}: {words}{own}", hint=hint)
    return Conflict(f"{what} failed{own}")


def inside(said: str, roots: Roots) -> str:
    """Take out what is nobody's business: credentials in addresses, absolute paths outside of the roots."""

    def path(match: re.Match[str]) -> str:
        found = match.group()
        allowed = any(
            parts_of(found)[: len(parts)] == parts
            for root in roots.roots
            for parts in (root.parts, parts_of(root.given))
        )
        return found if allowed else f".../{found.rpartition('/')[2]}"

    return _PATH.sub(path, masked(said))


def masked(text: str) -> str:
    """Hide passwords, and user names of web addresses (tokens are written there), in the addresses of a text."""
    return _SECRET.sub(lambda match: f"{match.group(1) or match.group(2) + ':'}***@", text)


def _together(done: Finished) -> str:
    lines = (done.err + b"\n" + done.out[:4000]).decode("utf-8", "replace").splitlines()
    kept = [line for line in lines if line.strip() and not line.startswith(("hint:", "Aborting"))]
    return "\n".join(kept)


def _locked(path: str, git_dir: str) -> FleetError:
    """Say which lock is held, since when, and by whom where that can be told."""
    before, _, below = path.rpartition("/.git/")
    name = f".git/{below}" if before else Path(path).name
    if not before and git_dir:
        with suppress(ValueError):  # a bare repository goes by the name of its directory
            name = f"{Path(git_dir).name}/{Path(path).relative_to(git_dir)}"
    age = ""
    with suppress(OSError):
        age = f", {max(0.0, time.time() - Path(path).lstat().st_mtime):.0f} s old"
    holder = _holder(path)
    who = f"process {holder[0]} ({quoted(holder[1], 40)}) holds it" if holder else "no process was seen to hold it"
    hint = (
        "again when that process is done"
        if holder
        else "again in a moment; if no git runs here any more, it was left by a crash and the user may delete the file"
    )
    return Conflict(f"the lock file {shown_path(name)} exists{age}: {who}", hint=hint)


def _holder(path: str) -> tuple[int, str] | None:
    """Find a process that has a file open, as far as this user may look."""
    real = os.path.realpath(path)
    with suppress(OSError):
        for pid in [int(one.name) for one in Path("/proc").iterdir() if one.name.isdigit()][:_MOST_PROCESSES]:
            with suppress(OSError), os.scandir(f"/proc/{pid}/fd") as entries:
                for entry in entries:
                    with suppress(OSError):
                        if os.readlink(entry.path) == real:  # noqa: PTH115 - a scanned entry
                            return pid, Path(f"/proc/{pid}/comm").read_text("utf-8", "replace").strip()
    return None
