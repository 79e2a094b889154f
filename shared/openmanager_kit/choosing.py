"""Settle a setting: what a flag says goes before a variable, that before the profile, that before the default."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from openmanager_core.errors import ConfigError
from openmanager_kit.settings import TABLE, Setting

Origin = Literal["flag", "variable", "profile", "default"]
_RANK: dict[Origin, int] = {"flag": 3, "variable": 2, "profile": 1, "default": 0}


@dataclass(frozen=True, slots=True)
class Chosen:
    """A value and where it came from."""

    value: Any
    origin: Origin

    def outranks(self, other: Chosen) -> bool:
        """Tell whether this was said with more weight than `other`."""
        return _RANK[self.origin] > _RANK[other.origin]


def choose(
    profile: Mapping[str, Any], profile_file: Path, flags: Mapping[str, Any], environ: Mapping[str, str]
) -> dict[str, Chosen]:
    """Settle every setting of the table.

    Parameters
    ----------
    profile
        The profile as read: sections within.
    flags
        Key to what was typed, for the flags that were.

    Raises
    ------
    ConfigError
        Names the key, where it was said, what was said and what is allowed.
    """
    chosen: dict[str, Chosen] = {}
    for setting in TABLE:
        section = profile.get(setting.section, {}) if setting.section else profile
        if flags.get(setting.key) is not None:
            value = _read(setting, flags[setting.key], f"flag {setting.flag.split(',')[0]}", Path.cwd())
            chosen[setting.key] = Chosen(value, "flag")
        elif environ.get(setting.variable, "") != "":
            value = _read(setting, environ[setting.variable], f"variable {setting.variable}", Path.cwd())
            chosen[setting.key] = Chosen(value, "variable")
        elif setting.name in section:
            value = _typed(setting, section[setting.name], f"{profile_file}", profile_file.parent)
            chosen[setting.key] = Chosen(value, "profile")
        else:
            chosen[setting.key] = Chosen(setting.default, "default")
    return chosen


def _read(setting: Setting, said: Any, where: str, base: Path) -> Any:
    """Understand what was typed or exported: text, or what argparse made of it."""
    if not isinstance(said, str):
        if setting.kind == "list" and isinstance(said, Sequence):
            said = [item.strip() for part in said for item in part.split(",") if item.strip()]
        elif setting.kind == "map" and isinstance(said, Sequence):
            pairs = [part.partition("=") for part in said]
            if not all(name and equals for name, equals, _ in pairs):
                raise ConfigError(f"{setting.key}, {where}: must be NAME=PROMQL, got {said!r}")
            said = {name.strip(): value.strip() for name, _, value in pairs}
        elif setting.kind == "paths" and isinstance(said, Sequence):
            said = list(said)
        return _typed(setting, said, where, base)
    text = said.strip()
    if setting.kind == "list":
        return _typed(setting, [item.strip() for item in text.split(",") if item.strip()], where, base)
    if setting.kind == "paths":
        return _typed(setting, _paths_in(text), where, base)
    if setting.kind in ("int", "number", "map", "bool"):
        try:
            said = json.loads(text.lower() if setting.kind == "bool" else text)
        except ValueError:
            said = {"yes": True, "on": True, "no": False, "off": False}.get(text.lower(), text)
        if setting.kind == "bool" and isinstance(said, int) and said in (0, 1):
            said = bool(said)
    return _typed(setting, said, where, base)


def _paths_in(text: str) -> list[str]:
    """Take a variable apart, as PATH is written; ``:ro`` and ``:rw`` belong to the path before them."""
    paths: list[str] = []
    for part in text.split(os.pathsep):
        if part in ("ro", "rw") and paths and os.pathsep == ":":
            paths[-1] += f":{part}"
        elif part.strip():
            paths.append(part.strip())
    return paths


def _typed(setting: Setting, value: Any, where: str, base: Path) -> Any:
    """Check a value against its row."""
    if not _fits(setting, value):
        raise ConfigError(f"{setting.key}, {where}: must be {setting.allowed}, got {value!r}")
    match setting.kind:
        case "path":
            return str(base / Path(value).expanduser()) if value else ""
        case "list":
            return tuple(value)
        case "paths":
            return tuple(str(base / Path(item).expanduser()) for item in value)
        case "number":
            return float(value)
        case "map":
            return dict(value)
    return value


def _fits(setting: Setting, value: Any) -> bool:
    match setting.kind:
        case "text" | "path":
            return isinstance(value, str) and (not setting.choices or value in setting.choices) and "\0" not in value
        case "bool":
            return isinstance(value, bool)
        case "int":
            return type(value) is int and setting.low <= value <= setting.high
        case "number":
            return type(value) in (int, float) and setting.low <= value <= setting.high
        case "paths":
            return isinstance(value, list) and all(
                isinstance(item, str) and item and "\0" not in item for item in value
            )
        case "list":
            return isinstance(value, list) and all(isinstance(item, str) and item for item in value)
        case "map":
            return isinstance(value, dict) and all(isinstance(item, str) for item in value.values())
