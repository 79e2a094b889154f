"""Where each client keeps its configuration, on each platform. A new client is one row of `_PLACES`."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from openmanager_core.errors import ConfigError

Scope = Literal["user", "project"]
SCOPES: tuple[Scope, ...] = ("user", "project")


@dataclass(frozen=True, slots=True)
class Machine:
    """The computer and user whose clients are meant; a test names another.

    Attributes
    ----------
    platform
        As `sys.platform`.
    project
        The folder that project files belong to.
    state
        Our own folder, where what was written is remembered.
    """

    platform: str
    home: Path
    project: Path
    state: Path
    environ: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def this(cls) -> Machine:
        """Describe the computer we run on."""
        said = os.environ.get("OPENMANAGER_HOME", "")
        if not said:
            import platformdirs

            said = platformdirs.user_data_dir("openmanager", appauthor=False)
        return cls(sys.platform, Path.home(), Path.cwd(), Path(said).expanduser().absolute(), dict(os.environ))

    def variable(self, name: str, fallback: Path) -> Path:
        """Give the folder that a variable names, if it names an absolute one."""
        said = self.environ.get(name, "")
        return Path(said) if said and Path(said).is_absolute() else fallback

    @property
    def settings_folder(self) -> Path:
        """Where desktop programs of this platform keep their settings."""
        if self.platform == "darwin":
            return self.home / "Library" / "Application Support"
        if self.platform == "win32":
            return self.variable("APPDATA", self.home / "AppData" / "Roaming")
        return self.variable("XDG_CONFIG_HOME", self.home / ".config")


def _claude_desktop(machine: Machine) -> Path:
    name = Path("Claude") / "claude_desktop_config.json"
    plain = machine.settings_folder / name
    if machine.platform != "win32":
        return plain
    # Installed as an MSIX package, Claude sees a Roaming folder of its own and never the plain one.
    packages = machine.variable("LOCALAPPDATA", machine.home / "AppData" / "Local") / "Packages"
    packaged = [folder / "LocalCache" / "Roaming" / name for folder in sorted(packages.glob("Claude_*"))]
    used = [file for file in packaged if file.exists()]
    return max(used, key=lambda file: file.stat().st_mtime_ns) if used else packaged[0] if packaged else plain


def _claude_code(machine: Machine) -> Path:
    return machine.variable("CLAUDE_CONFIG_DIR", machine.home) / ".claude.json"


def _zed(machine: Machine) -> Path:
    if machine.platform == "win32":
        return machine.settings_folder / "Zed" / "settings.json"
    folder = machine.home / ".config" if machine.platform == "darwin" else machine.settings_folder
    return folder / "zed" / "settings.json"


_PLACES: dict[str, tuple[Callable[[Machine], Path] | str, str]] = {
    "claude-desktop": (_claude_desktop, ""),
    "claude-code": (_claude_code, ".mcp.json"),
    "cursor": (".cursor/mcp.json", ".cursor/mcp.json"),
    "vscode": (lambda machine: machine.settings_folder / "Code" / "User" / "mcp.json", ".vscode/mcp.json"),
    "windsurf": (".codeium/windsurf/mcp_config.json", ""),
    "zed": (_zed, ""),
    "codex": (
        lambda machine: machine.variable("CODEX_HOME", machine.home / ".codex") / "config.toml",
        ".codex/config.toml",
    ),
    "gemini": (".gemini/settings.json", ".gemini/settings.json"),
    "lmstudio": (".lmstudio/mcp.json", ""),
}
"""Client: its file for the user (below the home folder, or a function) and for a project (below it; empty for none)."""

INSTALLABLE = tuple(_PLACES)


def scopes_of(client: str) -> tuple[Scope, ...]:
    """Name the scopes that a client has a file for."""
    return SCOPES if _PLACES[client][1] else ("user",)


def place(client: str, scope: Scope, machine: Machine) -> Path:
    """Give the path of the client's file, which need not exist.

    Raises
    ------
    ConfigError
        If the client has no file of this scope.
    """
    user, project = _PLACES[client]
    if scope == "user":
        return machine.home / user if isinstance(user, str) else user(machine)
    if not project:
        with_one = ", ".join(name for name in INSTALLABLE if _PLACES[name][1])
        raise ConfigError(
            f"--scope project: {client} has no file per project that it reads; use --scope user "
            f"(clients with one: {with_one})"
        )
    return machine.project / project
