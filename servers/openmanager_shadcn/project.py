"""A project's ``components.json``: its style, its aliases and the registries it names. All of it is project data."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from openmanager_core.errors import InvalidRequest, NotFound
from openmanager_core.text import quoted
from openmanager_kit.confined import walk
from openmanager_kit.confined.roots import Spot

FILE = "components.json"
BUILT_IN = "@shadcn"
DEFAULT_STYLE = "new-york-v4"
NAMESPACE = re.compile(r"@[A-Za-z0-9](?:[A-Za-z0-9_-]{0,98}[A-Za-z0-9])?")
_LONGEST_BYTES = 1024 * 1024
_MOST_REGISTRIES = 1000
_PLACEHOLDER = "{name}"


@dataclass(frozen=True, slots=True)
class RegistrySource:
    """One registry of a project, as written: variables in it are not expanded.

    Attributes
    ----------
    name
        With its ``@``.
    url
        Address or path with ``{name}`` and perhaps ``{style}``.
    params, headers
        Sent with each request; they may hold ``${VARIABLE}`` and are never shown.
    """

    name: str
    url: str
    params: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Tailwind:
    """How the project uses Tailwind; paths are relative to the project's folder."""

    config: str = ""
    css: str = ""
    base_color: str = ""
    css_variables: bool = True
    prefix: str = ""


@dataclass(frozen=True, slots=True)
class Project:
    """One project.

    Attributes
    ----------
    folder
        Where ``components.json`` lies, or would lie.
    present
        False if there is no such file: defaults hold, and only ``@shadcn`` is known.
    aliases
        ``components``, ``utils`` and perhaps ``ui``, ``lib``, ``hooks`` to import paths, as written.
    registries
        By name, without the built-in ones.
    """

    folder: Spot
    present: bool = False
    style: str = DEFAULT_STYLE
    rsc: bool = False
    tsx: bool = True
    rtl: bool = False
    icon_library: str = ""
    tailwind: Tailwind = field(default_factory=Tailwind)
    aliases: Mapping[str, str] = field(default_factory=dict)
    registries: Mapping[str, RegistrySource] = field(default_factory=dict)


class Projects:
    """Reads projects, and reads again only what has changed."""

    _MOST = 64

    def __init__(self) -> None:
        self._known: dict[str, tuple[tuple[int, ...], Project]] = {}

    def unchanged(self, folder: Spot) -> Project | None:
        """Give the project if its file is still the one that was read last; looks at its status and no more.

        Whatever is in the way now, another folder or link, has another status and is then read properly.
        """
        path = f"{folder.path}/{FILE}"
        known = self._known.get(path)
        if known is None or known[1].folder != folder:
            return None
        try:
            status = os.stat(path, follow_symlinks=False)  # noqa: PTH116 - faster than a Path
        except (OSError, ValueError):
            return None
        return known[1] if known[0] == mark_of(status) else None

    def read(self, folder: Spot) -> Project:
        """Read the project in `folder`; blocking.

        Raises
        ------
        InvalidRequest
            If ``components.json`` is not what shadcn documents.
        NotAllowed
            If it lies outside of the roots.
        """
        spot = folder.child(FILE)
        try:
            with walk.regular_file(spot) as (fd, status):
                mark = mark_of(status)
                known = self._known.get(spot.path)
                if known is not None and known[0] == mark and known[1].folder == folder:
                    return known[1]
                body = _contents(fd, status.st_size)
        except NotFound:
            return Project(folder)
        project = parse_project(body, folder)
        if len(self._known) >= self._MOST:
            self._known.clear()
        self._known[spot.path] = (mark, project)
        return project


def mark_of(status: os.stat_result) -> tuple[int, ...]:
    """What changes when a file does."""
    return (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)


def _contents(fd: int, size: int) -> bytes:
    if size > _LONGEST_BYTES:
        raise InvalidRequest(f"{FILE} has {size:,} bytes, at most {_LONGEST_BYTES:,} are read")
    parts = []
    left = _LONGEST_BYTES + 1
    while left > 0 and (part := os.read(fd, left)):
        parts.append(part)
        left -= len(part)
    return b"".join(parts)


def parse_project(body: bytes, folder: Spot) -> Project:
    """Read the text of a ``components.json``.

    Raises
    ------
    InvalidRequest
        Names the key that is not as documented.
    """
    try:
        raw = orjson.loads(body.removeprefix(b"\xef\xbb\xbf"))
    except orjson.JSONDecodeError as exc:
        raise InvalidRequest(f"{FILE} is no JSON: line {exc.lineno}, column {exc.colno}") from None
    if not isinstance(raw, dict):
        raise InvalidRequest(f"{FILE} must hold a JSON object")
    tailwind = _shaped(raw, "tailwind", dict)
    setup = Tailwind(
        config=_shaped(tailwind, "config", str, "tailwind."),
        css=_shaped(tailwind, "css", str, "tailwind."),
        base_color=_shaped(tailwind, "baseColor", str, "tailwind."),
        css_variables=bool(tailwind.get("cssVariables", True)),
        prefix=_shaped(tailwind, "prefix", str, "tailwind."),
    )
    aliases = _shaped(raw, "aliases", dict)
    for key in aliases:
        _shaped(aliases, key, str, "aliases.")
    style = _shaped(raw, "style", str) or DEFAULT_STYLE
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}", style):
        raise InvalidRequest(f"{FILE}: style must be a plain word, got {quoted(style, 60)}")
    if style == "new-york" and "config" in tailwind and not setup.config:
        style = DEFAULT_STYLE  # as the shadcn command does: Tailwind 4 has no configuration file
    return Project(
        folder=folder,
        present=True,
        style=style,
        rsc=bool(raw.get("rsc", False)),
        tsx=bool(raw.get("tsx", True)),
        rtl=bool(raw.get("rtl", False)),
        icon_library=_shaped(raw, "iconLibrary", str),
        tailwind=setup,
        aliases={key: value for key, value in aliases.items() if value},
        registries=_registries(_shaped(raw, "registries", dict)),
    )


def _registries(raw: dict[str, Any]) -> dict[str, RegistrySource]:
    if len(raw) > _MOST_REGISTRIES:
        raise InvalidRequest(f"{FILE}: registries may have {_MOST_REGISTRIES} entries, got {len(raw)}")
    found = {}
    for name, value in raw.items():
        where = f"registries.{quoted(name, 60)}"
        if not NAMESPACE.fullmatch(name):
            raise InvalidRequest(f"{FILE}: {where}: a registry's name is @ and a plain word, for example @acme")
        if name == BUILT_IN:
            raise InvalidRequest(f"{FILE}: {where} is built in and cannot be named anew", hint="another name")
        entry = {"url": value} if isinstance(value, str) else value
        if not isinstance(entry, dict):
            raise InvalidRequest(f"{FILE}: {where} must be an address, or an object with url, params and headers")
        url = _shaped(entry, "url", str, f"{where}.")
        if _PLACEHOLDER not in url:
            raise InvalidRequest(f"{FILE}: {where}: its address must hold {_PLACEHOLDER}")
        params, headers = (_shaped(entry, key, dict, f"{where}.") for key in ("params", "headers"))
        for key, table in (("params", params), ("headers", headers)):
            for inner in table:
                _shaped(table, inner, str, f"{where}.{key}.")
        found[name] = RegistrySource(name, url, params, headers)
    return found


def _shaped(raw: dict[str, Any], key: str, shape: type, path: str = "") -> Any:
    value = raw.get(key)
    if value is None:
        return shape()
    if not isinstance(value, shape):
        wanted = "text" if shape is str else "an object"
        raise InvalidRequest(f"{FILE}: {path}{quoted(key, 60)[1:-1]} must be {wanted}")
    return value
