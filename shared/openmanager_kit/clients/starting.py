"""The absolute words that start `openmanager`: desktop clients start their servers with a short PATH."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from openmanager_kit.clients.entries import PORTABLE
from openmanager_kit.wording import said

_EPHEMERAL = (("uv", "archive-v"), ("uv", "environments-v"), ("uv", "builds-v"), ("pipx", ".cache"))


@dataclass(frozen=True, slots=True)
class Start:
    """How to start `openmanager`, and what a person should know about it (empty for nothing)."""

    words: tuple[str, ...]
    remark: str = ""


def this_command() -> tuple[str, ...]:
    """Give the absolute words that start the `openmanager` which is running now."""
    started = Path(sys.argv[0])
    if started.name.startswith("openmanager"):
        found = shutil.which(str(started)) or (str(started) if started.exists() else None)
        if found:
            return (str(Path(found).absolute()),)
    return (sys.executable, "-m", "openmanager_kit")


def lasting_command(words: tuple[str, ...], environ: Mapping[str, str]) -> Start:
    """Take words that will still start it tomorrow: not those inside of the cache that `uvx` runs a package from."""
    if not is_ephemeral(words[0], environ):
        return Start(words)
    uvx = _uvx(environ)
    if uvx:
        return Start(
            (uvx, *PORTABLE[1:]),
            said("This openmanager runs from a cache that may be emptied, so clients start it with {uvx}.", uvx=uvx),
        )
    return Start(
        words,
        said(
            "{program} lies in a cache that may be emptied, and uvx was not found; "
            "install the package (uv tool install openmanager-mcp) and run this again.",
            program=words[0],
        ),
    )


def is_ephemeral(program: str, environ: Mapping[str, str]) -> bool:
    """Say whether a program lies where `uvx` or `pipx run` keep what they start only once."""
    cache = environ.get("UV_CACHE_DIR", "")
    if cache and Path(program).is_relative_to(Path(cache)):
        return True
    parts = Path(program).parts
    return any(folder in parts and any(part.startswith(start) for part in parts) for folder, start in _EPHEMERAL)


def _uvx(environ: Mapping[str, str]) -> str:
    beside = Path(environ["UV"]).with_name("uvx.exe" if os.name == "nt" else "uvx") if environ.get("UV") else None
    if beside is not None and beside.is_file():
        return str(beside.absolute())
    found = shutil.which("uvx", path=environ.get("PATH"))
    return str(Path(found).absolute()) if found else ""
