"""What a client has to know of each server of a profile, before any client's own notation."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from openmanager_kit.profile import Profile
from openmanager_kit.registry import MAY_HAVE_ROOTS, WITH_ROOTS

PORTABLE = ("uvx", "--from", "openmanager-mcp", "openmanager")
"""Runs the published package without installing it; the same words on every machine."""


ANY_ROOT = "/path/to/your/projects"
"""Stands where a root belongs until the user says which; the server refuses to start with it."""


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
        The same server over standard input and output, for clients that cannot take an address or a variable.
    """

    name: str
    url: str
    token_env: str
    launch: Launch


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
    config = profile.name if not profile.name.endswith(".toml") else str(profile.file.absolute())
    source = profile.source
    secrets = [source.token_env, source.username_env, source.password_env] if source.kind == "prometheus" else []
    variables = tuple(name for name in secrets if name)
    entries: list[Entry] = []
    for name in profile.servers:
        words = (*command, "serve", name, "--config", config)
        if name in WITH_ROOTS:
            named = [] if profile.roots and not roots else list(roots) or [ANY_ROOT]
            words += tuple(word for root in named for word in ("--root", root))
        if name in MAY_HAVE_ROOTS:
            words += tuple(word for root in roots for word in ("--root", root))
        if name == "git":
            words += tuple(word for folder in trust for word in ("--trust", folder))
        if not profile.http.enabled:
            entries.append(Launch(name, words, variables))
            continue
        host = f"[{profile.http.host}]" if ":" in profile.http.host else profile.http.host
        local = Launch(name, (*words, "--stdio"), variables)
        entries.append(Remote(name, f"http://{host}:{profile.http.port}/mcp", profile.http.token_env, local))
    return entries


def this_command() -> tuple[str, ...]:
    """Give the absolute words that start the `openmanager` which is running now."""
    started = Path(sys.argv[0])
    if started.name.startswith("openmanager"):
        found = shutil.which(str(started)) or (str(started) if started.exists() else None)
        if found:
            return (str(Path(found).absolute()),)
    return (sys.executable, "-m", "openmanager_kit")
