"""Where an import alias of a project leads on disk: tsconfig paths, package.json imports, packages of a workspace.

Only files inside the allowed directories are read, and only as data.
"""

from __future__ import annotations

import os
import posixpath
import re
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import orjson

from openmanager_core.errors import FleetError, InvalidRequest, NotAllowed, NotFound
from openmanager_core.job import checkpoint
from openmanager_core.text import quoted
from openmanager_kit.confined import walk
from openmanager_kit.confined.refusals import failures
from openmanager_kit.confined.roots import Roots, Spot

MOST_BYTES = 4 * 1024 * 1024
_COMMENTS = re.compile(r'"(?:[^"\\\n]|\\.)*"|//[^\n]*|/\*.*?\*/', re.DOTALL)
_TRAILING = re.compile(r'"(?:[^"\\\n]|\\.)*"|,(?=\s*[}\]])', re.DOTALL)
_MOST_ABOVE = 12
_MOST_PACKAGES = 2000
_MOST_EXTENDS = 10


@dataclass
class Disk:
    """Reads small files below the roots; what was read is remembered for one call."""

    roots: Roots
    _read: dict[str, bytes | None] = field(default_factory=dict)

    def spot(self, path: str, parameter: str = "path") -> Spot:
        """Find a place by its absolute path."""
        return self.roots.locate(path, parameter)

    def bytes_of(self, path: str) -> bytes | None:
        """Give a file's bytes; None if there is none.

        Raises
        ------
        InvalidRequest
            If it is too large, or no regular file.
        NotAllowed
            If it lies outside of the roots.
        """
        if path not in self._read:
            checkpoint()
            self._read[path] = self._bytes(self.spot(path))
        return self._read[path]

    def _bytes(self, spot: Spot) -> bytes | None:
        try:
            with walk.regular_file(spot) as (fd, status):
                if status.st_size > MOST_BYTES:
                    raise InvalidRequest(f"{quoted(spot.shown)} has {status.st_size:,} bytes, at most {MOST_BYTES:,}")
                with failures(spot):
                    parts = []
                    while part := os.read(fd, MOST_BYTES):
                        parts.append(part)
                return b"".join(parts)
        except NotFound:
            return None

    def exists(self, path: str) -> bool:
        """Tell whether something is there that may be read."""
        try:
            with walk.entry(self.spot(path)) as found:
                return found.stat is not None
        except FleetError:
            return False

    def is_directory(self, path: str) -> bool:
        """Tell whether a directory is there."""
        try:
            with walk.directory(self.spot(path)):
                return True
        except FleetError:
            return False

    def names(self, path: str) -> list[str]:
        """List a directory, sorted; empty if there is none."""
        try:
            with walk.directory(self.spot(path)) as fd:
                return sorted(os.listdir(fd))  # noqa: PTH208 - a descriptor
        except (FleetError, OSError):
            return []

    def json(self, path: str) -> dict[str, Any]:
        """Read a JSON object, with comments and trailing commas; empty if there is none or it is none."""
        try:
            raw = self.bytes_of(path)
        except (InvalidRequest, NotAllowed):
            return {}
        if raw is None:
            return {}
        text = raw.decode("utf-8", "replace").removeprefix("\ufeff")
        text = _COMMENTS.sub(lambda match: match.group() if match.group().startswith('"') else " ", text)
        text = _TRAILING.sub(lambda match: match.group() if match.group().startswith('"') else "", text)
        try:
            found = orjson.loads(text)
        except orjson.JSONDecodeError:
            return {}
        return found if isinstance(found, dict) else {}


@dataclass
class Modules:
    """The module names that hold in one folder."""

    disk: Disk
    folder: str

    def resolve(self, alias: str) -> str | None:
        """Give the absolute path that an alias stands for; None if nothing says so. It need not exist."""
        if alias.startswith("."):
            return posixpath.normpath(f"{self.folder}/{alias}")
        if alias.startswith("#"):
            entries = _targets(self.disk.json(f"{self.folder}/package.json").get("imports"))
            return _through(entries, alias, self.folder)
        return self._by_paths(alias) or self._by_package(alias)

    def prefixes(self) -> tuple[str, ...]:
        """What names of the project's own modules begin with, without the slash."""
        starts = {key.removesuffix("*").rstrip("/") for key in self._paths if key.endswith("/*")}
        return tuple(sorted(start for start in starts if start))

    # -- tsconfig

    def _by_paths(self, alias: str) -> str | None:
        best: tuple[int, str] | None = None
        for key, target in self._paths.items():
            head, star, tail = key.partition("*")
            if not star:
                if alias == key:
                    return target
                continue
            base = head.rstrip("/") == alias and head.endswith("/") and not tail
            if base or (alias.startswith(head) and alias.endswith(tail) and len(alias) >= len(head) + len(tail)):
                middle = "" if base else alias[len(head) : len(alias) - len(tail)]
                if best is None or len(head) > best[0]:
                    best = len(head), posixpath.normpath(target.replace("*", middle, 1))
        return None if best is None else best[1]

    @cached_property
    def _paths(self) -> dict[str, str]:
        for name in ("tsconfig.json", "jsconfig.json", "tsconfig.app.json", "tsconfig.web.json"):
            found = self._paths_of(f"{self.folder}/{name}", _MOST_EXTENDS)
            if found:
                return found
        return {}

    def _paths_of(self, path: str, left: int) -> dict[str, str]:
        document = self.disk.json(path)
        options = document.get("compilerOptions")
        options = options if isinstance(options, dict) else {}
        here = posixpath.dirname(path)
        written = options.get("paths")
        if isinstance(written, dict):
            base = options.get("baseUrl")
            start = posixpath.normpath(f"{here}/{base}") if isinstance(base, str) else here
            found = {}
            for key, targets in written.items():
                first = targets[0] if isinstance(targets, list) and targets else targets
                if isinstance(first, str) and not first.startswith("/"):
                    found[key] = posixpath.normpath(f"{start}/{first}")
            return found
        above = document.get("extends")
        for one in above if isinstance(above, list) else [above]:
            if isinstance(one, str) and one.startswith(".") and left:
                target = posixpath.normpath(f"{here}/{one}")
                found = self._paths_of(target if target.endswith(".json") else f"{target}.json", left - 1)
                if found:
                    return found
        return {}

    # -- workspaces

    def _by_package(self, alias: str) -> str | None:
        parts = alias.split("/")
        size = 2 if alias.startswith("@") else 1
        name, rest = "/".join(parts[:size]), "/".join(parts[size:])
        folder = self.packages.get(name)
        if folder is None:
            return None
        exports = self.disk.json(f"{folder}/package.json").get("exports")
        entries = _targets(exports)
        return _through(entries, f"./{rest}" if rest else ".", folder)

    @cached_property
    def workspace(self) -> str:
        """The folder of the workspace that this one belongs to; this one if there is none."""
        at = self.folder
        for _ in range(_MOST_ABOVE):
            if self._patterns(at):
                return at
            above = posixpath.dirname(at)
            if above == at or not self._inside(above):
                break
            at = above
        return self.folder

    @cached_property
    def packages(self) -> dict[str, str]:
        """Packages of the workspace: name to folder."""
        found: dict[str, str] = {}
        for folder in self._folders():
            name = self.disk.json(f"{folder}/package.json").get("name")
            if isinstance(name, str):
                found.setdefault(name, folder)
        return found

    def _folders(self) -> list[str]:
        found: list[str] = []
        for pattern in self._patterns(self.workspace):
            level = [self.workspace]
            for part in pattern.strip("/").removeprefix("./").split("/"):
                if part in ("*", "**"):
                    level = [
                        f"{at}/{name}"
                        for at in level
                        for name in self.disk.names(at)
                        if not name.startswith(".") and name != "node_modules"
                    ]
                elif part != "..":
                    level = [f"{at}/{part}" for at in level]
                level = level[:_MOST_PACKAGES]
            found += level
        return found[:_MOST_PACKAGES]

    def _patterns(self, folder: str) -> list[str]:
        try:
            written = self.disk.bytes_of(f"{folder}/pnpm-workspace.yaml")
        except FleetError:
            written = None
        if written is not None:
            return _yaml_list(written.decode("utf-8", "replace"))
        wanted = self.disk.json(f"{folder}/package.json").get("workspaces")
        if isinstance(wanted, dict):
            wanted = wanted.get("packages")
        return [one for one in wanted if isinstance(one, str)] if isinstance(wanted, list) else []

    def _inside(self, folder: str) -> bool:
        try:
            self.disk.spot(folder)
        except FleetError:
            return False
        return True


def _yaml_list(text: str) -> list[str]:
    """Read the list ``packages`` of a pnpm-workspace.yaml; what is written in another way is not seen."""
    found, inside = [], False
    for line in text.splitlines():
        if re.match(r"packages\s*:", line):
            inside = True
        elif inside and (match := re.match(r"\s*-\s*[\"']?([^\"'#]+?)[\"']?\s*(#.*)?$", line)) is not None:
            if not match.group(1).startswith("!"):
                found.append(match.group(1))
        elif inside and line.strip() and not line.startswith((" ", "#")):
            break
    return found


def _targets(entries: Any) -> dict[str, str]:
    """Take the relative targets of ``imports`` or ``exports``, of conditions the first that is no declaration."""
    found = {}
    for key, value in entries.items() if isinstance(entries, dict) else ():
        for _ in range(8):
            if isinstance(value, dict):
                value = next((one for name, one in value.items() if name != "types"), None)
            elif isinstance(value, list):
                value = value[0] if value else None
        if isinstance(value, str) and value.startswith("./"):
            found[key] = value
    return found


def _through(entries: dict[str, str], name: str, folder: str) -> str | None:
    if name in entries:
        return posixpath.normpath(f"{folder}/{entries[name]}")
    for key in sorted(entries, key=len, reverse=True):
        head, star, tail = key.partition("*")
        if not star:
            continue
        target = entries[key]
        if name.startswith(head) and name.endswith(tail) and len(name) > len(head) + len(tail):
            middle = name[len(head) : len(name) - len(tail)]
            return posixpath.normpath(f"{folder}/{target.replace('*', middle)}")
        if not tail and head.endswith("/") and name == head[:-1]:
            return posixpath.normpath(f"{folder}/{target.partition('*')[0]}")
    return None
