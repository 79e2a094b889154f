"""A computer of any platform in a temporary folder, for tests of clients' files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from openmanager_kit.clients.entries import Entry, Launch
from openmanager_kit.clients.places import Machine

PLATFORMS = ("linux", "darwin", "win32")
PROGRAM = "/opt/openmanager/bin/openmanager"


def machine(folder: Path, platform: str = "linux", **environ: str) -> Machine:
    """A computer whose user has no client yet."""
    home, project = folder / "home", folder / "project"
    for made in (home, project):
        made.mkdir(exist_ok=True)
    if platform == "win32":
        environ = {"APPDATA": str(home / "Roaming"), "LOCALAPPDATA": str(home / "Local"), **environ}
    return Machine(platform, home, project, folder / "state", environ)


def launches(*names: str, config: str = "development", variables: Sequence[str] = ()) -> list[Entry]:
    """Entries as a profile would give them."""
    return [Launch(name, (PROGRAM, "serve", name, "--config", config), tuple(variables)) for name in names]
