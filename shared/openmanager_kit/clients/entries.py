"""What a client has to know of each server of a profile, before any client's own notation."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from openmanager_core.errors import ConfigError
from openmanager_kit.profile import Profile
from openmanager_kit.registry import MAY_HAVE_ROOTS, WITH_ROOTS

PORTABLE = ("uvx", "--from", "openmanager-mcp", "openmanager")
"""Runs the published package without installing it; the same words on every machine."""


ANY_ROOT = "/path/to/your/projects"
"""Stands where a root belongs until the user says which; the server refuses to start with it."""

GATEWAY = "openmanager"
LONGEST_NAME = 20
_NAME = re.compile(rf"[a-z][a-z0-9-]{{0,{LONGEST_NAME - 1}}}")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")


@dataclass(frozen=True, slots=True)
class Launch:
    """A server that the client starts itself.

    Attributes
    ----------
    words
        Program and arguments.
    variables
        Names of the environment variables that the server reads secrets from.
    """

    name: str
    words: tuple[str, ...]
    variables: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Remote:
    """A server that is reached over HTTP.

    Attributes
    ----------
    token_env
        Name of the variable that holds the bearer token; empty for none.
    launch
        The same server over standard input and output, for clients that cannot take an address or a variable;
        None if the server is somebody else's process.
    """

    name: str
    url: str
    token_env: str
    launch: Launch | None


Entry = Launch | Remote


def entries_of(
    profile: Profile, command: Sequence[str], roots: Sequence[str] = (), trust: Sequence[str] = ()
) -> list[Entry]:
    """Give an entry for each server of the profile.

    Parameters
    ----------
    command
        Starts `openmanager`.
    roots, trust
        What was said beside the profile, for the servers that work inside of directories.
    """
    entries: list[Entry] = []
    for name in profile.servers:
        words = (*command, "serve", name, "--config", _config(profile))
        if name in WITH_ROOTS:
            words += _rooted(profile, roots)
        if name in MAY_HAVE_ROOTS:
            words += tuple(word for root in roots for word in ("--root", root))
        if name == "git":
            words += tuple(word for folder in trust for word in ("--trust", folder))
        if not profile.http.enabled:
            entries.append(Launch(name, words, _secrets(profile)))
            continue
        host = f"[{profile.http.host}]" if ":" in profile.http.host else profile.http.host
        local = Launch(name, (*words, "--stdio"), _secrets(profile))
        entries.append(Remote(name, f"http://{host}:{profile.http.port}/mcp", profile.http.token_env, local))
    return entries


def gateway_entry(
    profile: Profile,
    command: Sequence[str],
    roots: Sequence[str] = (),
    trust: Sequence[str] = (),
    name: str = GATEWAY,
) -> Launch:
    """Give the one entry that starts every server of the profile in one process; parameters as `entries_of`."""
    words = (*command, "serve", "--config", _config(profile))
    if any(server in WITH_ROOTS for server in profile.servers):
        words += _rooted(profile, roots)
    if "git" in profile.servers:
        words += tuple(word for folder in trust for word in ("--trust", folder))
    return Launch(name, (*words, "--stdio") if profile.http.enabled else words, _secrets(profile))


def http_entry(url: str, token_env: str = "", name: str = GATEWAY) -> Remote:
    """Give the entry of a server that runs elsewhere.

    Raises
    ------
    ConfigError
        If the address is none, holds a password, or the variable's name looks like a token instead.
    """
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ConfigError(f"--http: must be an address like http://127.0.0.1:8765/mcp, got {url!r}")
    if parts.username is not None or parts.password is not None:
        raise ConfigError("--http: the address holds a user or password; use --token-env VARIABLE instead")
    if token_env and not _VARIABLE.fullmatch(token_env):
        raise ConfigError("--token-env: must be the name of a variable (letters, digits, _), never the token itself")
    return Remote(name, url, token_env, None)


def checked_name(name: str) -> str:
    """Give an entry's name back if every client takes it.

    Raises
    ------
    ConfigError
        If it does not fit: Cursor counts server and tool in 60 characters, Gemini CLI takes no underscore.
    """
    if not _NAME.fullmatch(name):
        raise ConfigError(
            f"--name: must be 1 to {LONGEST_NAME} lower-case letters, digits or hyphens, beginning with a letter, "
            f"got {name!r}"
        )
    return name


def _config(profile: Profile) -> str:
    return profile.name if not profile.name.endswith(".toml") else str(profile.file.absolute())


def _secrets(profile: Profile) -> tuple[str, ...]:
    source = profile.source
    names = [source.token_env, source.username_env, source.password_env] if source.kind == "prometheus" else []
    return tuple(name for name in names if name)


def _rooted(profile: Profile, roots: Sequence[str]) -> tuple[str, ...]:
    named = [] if profile.roots and not roots else list(roots) or [ANY_ROOT]
    return tuple(word for root in named for word in ("--root", root))
