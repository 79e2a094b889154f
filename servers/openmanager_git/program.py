"""Run the git program on one repository: never a prompt, a pager or an editor, never another repository, bounded.

Whatever the repository's own configuration says, this is fixed from outside: which directories git works on, which
transports it may use, that it asks nobody, and that it leaves nothing running behind.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

from openmanager_core.errors import InvalidRequest, StorageUnavailable
from openmanager_core.text import quoted
from openmanager_kit.child import Finished, plain_environment, run

DEADLINE_S = 900.0
"""A last resort: each tool has its own, shorter deadline, which ends the program too."""
MOST_BYTES = 16 * 1024 * 1024
GRACE_S = 0.08
"""How long git may take to remove its lock files when nobody waits for it any more."""

_KEYS_AND_IDENTITY = (
    "SSH_AUTH_SOCK",
    "GNUPGHOME",
    "GPG_AGENT_INFO",
    "GIT_CONFIG_GLOBAL",
    "GIT_CONFIG_SYSTEM",
    "GIT_CONFIG_NOSYSTEM",
    "GIT_AUTHOR_NAME",
    "GIT_AUTHOR_EMAIL",
    "GIT_COMMITTER_NAME",
    "GIT_COMMITTER_EMAIL",
)
_NETWORK = (
    "HTTPS_PROXY",
    "https_proxy",
    "ALL_PROXY",
    "all_proxy",
    "NO_PROXY",
    "no_proxy",
    "SSL_CERT_FILE",
    "GIT_SSL_CAINFO",
)
NO_PROTOCOL = "none"

ALWAYS: tuple[tuple[str, str], ...] = (
    ("core.quotePath", "false"),
    ("color.ui", "false"),
    ("gc.auto", "0"),  # packing would go on in the background when the call is over
    ("maintenance.auto", "false"),
    ("submodule.recurse", "false"),
    ("fetch.recurseSubmodules", "false"),
    ("push.recurseSubmodules", "no"),
    ("diff.ignoreSubmodules", "dirty"),  # else git starts a git in each submodule, under that one's settings
)
"""Settings of every run, also in a trusted repository: none of them takes a program away from it."""


class Directories(Protocol):
    """The part of a `Place` that the program needs."""

    @property
    def work_tree(self) -> str:
        """Top of the work tree; empty for a bare repository."""

    @property
    def git_dir(self) -> str:
        """The repository's, or the linked worktree's, own directory."""

    @property
    def common_dir(self) -> str:
        """The directory that all worktrees of the repository share."""


def environment(
    place: Directories | None,
    settings: Iterable[tuple[str, str]] = (),
    protocols: Sequence[str] = (),
    more: Mapping[str, str] | None = None,
) -> dict[str, str]:
    """Give the whole environment of one run.

    Parameters
    ----------
    place
        The repository; None to make a new one.
    settings
        Pairs that go before every configuration file. They travel as variables, so a key may hold any character.
    protocols
        Transports that may be used; git refuses all others, whatever is configured.
    """
    names = (*_KEYS_AND_IDENTITY, *(_NETWORK if protocols else ()))
    kept = {name: os.environ[name] for name in names if name in os.environ}
    # A relative entry of PATH would be looked up inside the repository.
    path = os.pathsep.join(part for part in os.environ.get("PATH", os.defpath).split(os.pathsep) if part[:1] == "/")
    fixed = {
        "PATH": path,
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_ASKPASS": "",
        "SSH_ASKPASS": "",
        "SSH_ASKPASS_REQUIRE": "never",
        "GCM_INTERACTIVE": "never",
        "GIT_EDITOR": ":",
        "GIT_SEQUENCE_EDITOR": ":",
        "GIT_MERGE_AUTOEDIT": "no",
        "GIT_PAGER": "cat",
        "GIT_PROTOCOL_FROM_USER": "0",
        "GIT_ALLOW_PROTOCOL": ":".join(protocols) or NO_PROTOCOL,
    }
    pairs = [*ALWAYS, *settings]
    for number, (key, value) in enumerate(pairs):
        fixed[f"GIT_CONFIG_KEY_{number}"] = key
        fixed[f"GIT_CONFIG_VALUE_{number}"] = value
    fixed["GIT_CONFIG_COUNT"] = str(len(pairs))
    if place is not None:
        fixed |= {"GIT_DIR": place.git_dir, "GIT_COMMON_DIR": place.common_dir}
        if place.work_tree:
            fixed["GIT_WORK_TREE"] = place.work_tree
    return plain_environment(**(kept | fixed | dict(more or {})))


async def git(
    place: Directories | None,
    *words: str,
    settings: Iterable[tuple[str, str]] = (),
    protocols: Sequence[str] = (),
    given: bytes | None = None,
    more: Mapping[str, str] | None = None,
    cwd: str | None = None,
) -> Finished:
    """Run ``git words`` to its end, whatever its exit code.

    Raises
    ------
    StorageUnavailable
        If git is not installed, or says more than anybody could use.
    """
    env = environment(place, settings, protocols, more)
    program = shutil.which("git", path=env["PATH"])
    if program is None:
        raise StorageUnavailable("the program git was not found on PATH", hint="install git")
    where = cwd if place is None else place.work_tree or place.git_dir
    done = await run(
        [program, *map(os.fsencode, words)],
        cwd=where,
        env=env,
        given=given,
        deadline_s=DEADLINE_S,
        most_bytes=MOST_BYTES,
        grace_s=GRACE_S,
    )
    if done.cut:
        raise StorageUnavailable(f"git {words[0]} said more than {MOST_BYTES // 2**20} MiB and was stopped")
    return done


def plain_value(value: str, parameter: str, most: int = 1000) -> str:
    """Refuse a value that git could take for an option, or that no name of git's can be.

    Raises
    ------
    InvalidRequest
        If it is empty, too long, begins with ``-`` or holds control characters.
    """
    if not value.strip():
        raise InvalidRequest(f"{parameter} must not be empty")
    if value.startswith("-"):
        raise InvalidRequest(f"{parameter} must not begin with '-', got {quoted(value, 60)}")
    if len(value) > most:
        raise InvalidRequest(f"{parameter} may have {most} characters, got {len(value)}")
    if any(ord(char) < 32 or ord(char) == 127 for char in value):
        raise InvalidRequest(f"{parameter} must not hold control characters, got {quoted(value, 60)}")
    return value
