"""Reads that libgit2 cannot do, or does slowly, done by the git program without anything that a repository names.

See docs/decisions/git-engines.md for which reads, and why. The program gets no system configuration, no pager, no
hooks, no monitor, no transport (a partial clone would fetch what is missing through a program of the repository's
choice) and takes no lock. What a caller sent stands after ``-e``, ``--end-of-options`` or ``--``.
"""

from __future__ import annotations

from collections.abc import Sequence

from openmanager_core.errors import SourceInvalid
from openmanager_git.repository import Place
from openmanager_kit.child import Finished, plain_environment, run

_NEUTRAL = (
    "core.fsmonitor=false",
    "core.hooksPath=/dev/null",
    "core.pager=cat",
    "core.sshCommand=false",
    "core.askPass=",
    "credential.helper=",
    "diff.external=",
    "protocol.allow=never",
    "log.showSignature=false",
    "gpg.program=false",
    "blame.ignoreRevsFile=",
    "submodule.recurse=false",
    "core.quotePath=false",
)


def reading_words(*words: str | bytes) -> list[str | bytes]:
    """Give the command line of a read."""
    neutral = [part for setting in _NEUTRAL for part in ("-c", setting)]
    return ["git", "--no-pager", "--no-optional-locks", "--literal-pathspecs", *neutral, *words]


def reading_environment(place: Place) -> dict[str, str]:
    """Give the environment of a read in this repository; nothing of ours that begins with ``GIT_`` remains."""
    tree = {"GIT_WORK_TREE": place.work_tree} if place.work_tree else {}
    return plain_environment(
        GIT_DIR=place.git_dir,
        GIT_CONFIG_NOSYSTEM="1",
        GIT_OPTIONAL_LOCKS="0",
        GIT_TERMINAL_PROMPT="0",
        GIT_NO_LAZY_FETCH="1",
        GIT_ALLOW_PROTOCOL="",
        GIT_PAGER="cat",
        **tree,
    )


async def read_git(
    place: Place, *words: str | bytes, deadline_s: float = 25.0, most_bytes: int = 64 * 1024 * 1024
) -> Finished:
    """Run one reading command of the git program.

    Raises
    ------
    DeadlineExceeded
        If it takes longer than `deadline_s`.
    """
    return await run(
        reading_words(*words),
        cwd=place.work_tree or place.git_dir,
        env=reading_environment(place),
        deadline_s=deadline_s,
        most_bytes=most_bytes,
    )


async def lines_of(place: Place, words: Sequence[str | bytes], *, what: str, most_bytes: int = 1 << 26) -> list[bytes]:
    """Run a command that lists things, a line each.

    Raises
    ------
    SourceInvalid
        If the command fails: the repository is damaged, or something is missing in it.
    """
    done = await read_git(place, *words, most_bytes=most_bytes)
    if done.code and not done.cut:
        raise SourceInvalid(
            f"{what} cannot be read: git ended with {done.code}",
            hint="git fsck; a shallow or partial clone lacks objects",
        )
    return done.out.splitlines()
