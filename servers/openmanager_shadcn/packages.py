"""The project's packages and the manager that it uses for them, read from its own files. Nothing is run."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import orjson

from openmanager_core.errors import FleetError, InvalidRequest, NotFound
from openmanager_kit.confined import walk
from openmanager_kit.confined.roots import Spot
from openmanager_shadcn.local import contents
from openmanager_shadcn.project import mark_of

Manager = Literal["npm", "pnpm", "yarn", "bun"]

_LOCKS: tuple[tuple[str, Manager], ...] = (
    ("bun.lock", "bun"),
    ("bun.lockb", "bun"),
    ("pnpm-lock.yaml", "pnpm"),
    ("yarn.lock", "yarn"),
    ("package-lock.json", "npm"),
    ("npm-shrinkwrap.json", "npm"),
)
_RUNNERS: Mapping[str, str] = {"npm": "npx", "pnpm": "pnpm dlx", "yarn": "npx", "bun": "bunx"}
_ADDERS: Mapping[str, str] = {"npm": "npm install", "pnpm": "pnpm add", "yarn": "yarn add", "bun": "bun add"}
_SCRIPTS: Mapping[str, str] = {"npm": "npm run", "pnpm": "pnpm run", "yarn": "yarn run", "bun": "bun run"}
_DECIDING = ("package.json", ".yarnrc.yml", *(name for name, _ in _LOCKS))
_LONGEST_BYTES = 2 * 1024 * 1024
_MOST_ABOVE = 12


@dataclass(frozen=True, slots=True)
class Packages:
    """What a project's ``package.json`` and lock files say.

    Attributes
    ----------
    why
        The file that told the manager; empty if none did and npm is assumed.
    installed
        Packages by name to the range that is asked for.
    levels
        How many folders, from the project's upwards, were looked at.
    """

    manager: Manager = "npm"
    why: str = ""
    present: bool = False
    levels: int = 1
    modern_yarn: bool = False
    installed: Mapping[str, str] = field(default_factory=dict)
    scripts: Mapping[str, str] = field(default_factory=dict)

    @property
    def runner(self) -> str:
        """What runs a package that is not installed."""
        return "yarn dlx" if self.manager == "yarn" and self.modern_yarn else _RUNNERS[self.manager]

    @property
    def adder(self) -> str:
        """What installs a package."""
        return _ADDERS[self.manager]

    @property
    def script_runner(self) -> str:
        """What runs a script of the project."""
        return _SCRIPTS[self.manager]


class Manifests:
    """Reads packages, and reads again only what has changed."""

    _MOST = 64

    def __init__(self) -> None:
        self._known: dict[str, tuple[tuple[tuple[int, ...] | None, ...], Packages]] = {}

    def unchanged(self, folder: Spot) -> Packages | None:
        """Give the packages if every file that decided is as it was when last read; looks at statuses and no more."""
        known = self._known.get(folder.path)
        if known is None:
            return None
        return known[1] if _marks(folder, known[1].levels) == known[0] else None

    def read(self, folder: Spot) -> Packages:
        """Read them; see `packages_of`."""
        for _ in range(2):  # once more if something changed meanwhile
            before = _marks(folder, _MOST_ABOVE)
            found = packages_of(folder)
            looked = found.levels * len(_DECIDING)
            if before[:looked] == _marks(folder, found.levels):
                if len(self._known) >= self._MOST:
                    self._known.clear()
                self._known[folder.path] = (before[:looked], found)
                break
        return found


def _marks(folder: Spot, levels: int) -> tuple[tuple[int, ...] | None, ...]:
    found: list[tuple[int, ...] | None] = []
    for place in _upwards(folder)[:levels]:
        for name in _DECIDING:
            try:
                found.append(mark_of(os.stat(f"{place.path}/{name}", follow_symlinks=False)))  # noqa: PTH116
            except (OSError, ValueError):
                found.append(None)
    return tuple(found)


def packages_of(folder: Spot) -> Packages:
    """Read the packages of the project in `folder`; the lock file may lie above it, inside the root. Blocking.

    Raises
    ------
    InvalidRequest
        If its ``package.json`` is none.
    """
    present, manifest = _manifest(folder)
    installed = {**_texts(manifest, "devDependencies"), **_texts(manifest, "peerDependencies")}
    installed |= _texts(manifest, "dependencies")
    manager: Manager = "npm"
    why, modern = "", False
    level = 0
    for level, place in enumerate(_upwards(folder)):
        named = manifest if not level else _manifest(place)[1]
        told = str(named.get("packageManager", ""))
        word, _, version = told.partition("@")
        if word in _RUNNERS:
            manager, why = word, "packageManager in package.json"  # type: ignore[assignment]
            modern = word == "yarn" and not version.startswith(("0.", "1."))
            break
        lock = next(((name, kind) for name, kind in _LOCKS if _exists(place.child(name))), None)
        if lock is not None:
            why, manager = lock
            modern = manager == "yarn" and _exists(place.child(".yarnrc.yml"))
            break
    return Packages(manager, why, present, level + 1, modern, installed, _texts(manifest, "scripts"))


def _upwards(folder: Spot) -> list[Spot]:
    parts = folder.parts
    places = [Spot(folder.roots, folder.root, parts[:length], folder.parameter) for length in range(len(parts), -1, -1)]
    return places[:_MOST_ABOVE]


def _manifest(folder: Spot) -> tuple[bool, dict[str, Any]]:
    try:
        raw = orjson.loads(contents(folder.child("package.json"), _LONGEST_BYTES))
    except NotFound:
        return False, {}
    except orjson.JSONDecodeError:
        raise InvalidRequest("package.json is no JSON", hint="mend it first") from None
    if not isinstance(raw, dict):
        raise InvalidRequest("package.json must hold a JSON object")
    return True, raw


def _texts(manifest: Mapping[str, Any], key: str) -> dict[str, str]:
    raw = manifest.get(key)
    if not isinstance(raw, dict):
        return {}
    return {name: value for name, value in raw.items() if isinstance(value, str)}


def _exists(spot: Spot) -> bool:
    try:
        with walk.entry(spot) as found:
            return found.stat is not None
    except FleetError:
        return False


def package_name(spec: str) -> str:
    """Take the name out of ``name@range``; scoped names keep their scope."""
    at = spec.find("@", 1)
    return spec if at < 0 else spec[:at]
