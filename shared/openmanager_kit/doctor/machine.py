"""Versions, programs, and the folder that state is kept in. Looks only."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import shutil
import stat
import sys
from pathlib import Path

from openmanager_core.errors import FleetError
from openmanager_kit import child, version
from openmanager_kit.doctor.findings import Finding
from openmanager_kit.wording import said

_PATIENCE_S = 10.0
_LITTLE_BYTES = 500 * 1024**2
_TOO_LITTLE_BYTES = 50 * 1024**2
_SDK = ("2.3", "3")
_NEEDS_GIT, _NEEDS_RIPGREP = ("git",), ("filesystem", "git")


async def check_machine(servers: tuple[str, ...]) -> list[Finding]:
    """Look at versions and at the programs that these servers use."""
    python = platform.python_version()
    found = [
        Finding("machine", "openmanager", "ok", version()),
        Finding("machine", "Python", "ok", f"{python} ({sys.executable})"),
        _sdk(),
        Finding("machine", said("platform"), "ok", platform.platform(terse=True)),
    ]
    found.append(await _program("git", shutil.which("git"), any(name in servers for name in _NEEDS_GIT)))
    beside = Path(sys.executable).with_name("rg.exe" if os.name == "nt" else "rg")
    rg = str(beside) if beside.is_file() else shutil.which("rg")
    found.append(await _program("rg", rg, any(name in servers for name in _NEEDS_RIPGREP)))
    return found


def _sdk() -> Finding:
    here = importlib.metadata.version("mcp")
    numbers = tuple(int(part) for part in here.split(".")[:2] if part.isdigit())
    if (2, 3) <= numbers < (3,):
        return Finding("machine", "MCP SDK", "ok", here)
    text = said("{here}, but {least} up to {most} is needed", here=here, least=_SDK[0], most=_SDK[1])
    return Finding("machine", "MCP SDK", "failure", text, said("install the package again: it brings the right one"))


async def _program(name: str, path: str | None, needed: bool) -> Finding:
    if path is None:
        text = said("not found on the PATH")
        if not needed:
            return Finding("machine", name, "ok", said("not found on the PATH, and not needed by this profile"))
        return Finding("machine", name, "failure", text, said("install {name}", name=name))
    try:
        done = await child.run([path, "--version"], deadline_s=_PATIENCE_S)
    except FleetError as exc:
        return Finding("machine", name, "failure", exc.message, said("install {name}", name=name))
    first = done.out.decode("utf-8", "replace").splitlines()[:1]
    if done.code != 0 or not first:
        text = said("{path} ended with exit code {code}", path=path, code=done.code)
        return Finding("machine", name, "failure", text, said("install {name}", name=name))
    return Finding("machine", name, "ok", f"{first[0][:100]} ({path})")


def check_state(home: Path) -> list[Finding]:
    """Look at the folder of all state: rights and space, of the nearest folder above it where it is not there yet."""
    subject = str(home)
    there = next((folder for folder in (home, *home.parents) if folder.exists()), Path("/"))
    if there == home and not home.is_dir():
        return [Finding("state", subject, "failure", said("is no folder"), said("move it away, or set --home"))]
    if not os.access(there, os.W_OK | os.X_OK):
        text = said("{folder} cannot be written", folder=there)
        return [Finding("state", subject, "failure", text, said("change its rights, or set --home"))]
    found = []
    mode = stat.S_IMODE(there.stat().st_mode)
    if there != home:
        found.append(Finding("state", subject, "ok", said("is not there yet; the first server that needs it makes it")))
    elif os.name == "posix" and mode & 0o077:
        text = said("others may look into it (mode {mode})", mode=f"{mode:o}")
        found.append(Finding("state", subject, "warning", text, f"chmod 700 {home}"))
    else:
        found.append(Finding("state", subject, "ok", said("can be written, by nobody else")))
    return [*found, space(shutil.disk_usage(there).free)]


def space(free: int) -> Finding:
    """Judge the bytes that are free on the disk of the state folder."""
    text = said("{size} MB free", size=free // 1024**2)
    advice = said("make room: incidents and thoughts cannot be kept on a full disk")
    if free < _TOO_LITTLE_BYTES:
        return Finding("state", said("disk"), "failure", text, advice)
    if free < _LITTLE_BYTES:
        return Finding("state", said("disk"), "warning", text, advice)
    return Finding("state", said("disk"), "ok", text)
