"""Finds and reads a profile: a shipped one by name, one's own as a file or a folder, each perhaps built on another.

A folder is all of its ``*.toml`` in the order of their names. What a later file says replaces what an earlier one
said, key by key; what a profile says replaces what the profile it ``extends`` says.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from openmanager_core.errors import ConfigError
from openmanager_kit.settings import TABLE

EXTENDS = "extends"
_MOST_BYTES = 1024 * 1024
_DEEPEST = 5


def config_dir() -> Path:
    """Find the shipped profiles: beside the installed package, or in the checkout."""
    packaged = Path(__file__).parent / "configs"
    return packaged if packaged.is_dir() else Path(__file__).parents[2] / "configs"


def shipped_profiles() -> list[str]:
    """Name the profiles that come with the package."""
    return sorted(path.stem for path in config_dir().glob("*.toml"))


def find(name: str, beside: Path | None = None) -> Path:
    """Find the file or folder of a profile; a relative path counts from `beside`.

    Raises
    ------
    ConfigError
        If it is neither a path nor the name of a shipped profile.
    """
    if name.endswith(".toml") or "/" in name or "\\" in name or Path(name).is_dir():
        return (beside or Path()) / Path(name).expanduser()
    shipped = shipped_profiles()
    if name not in shipped:
        near = get_close_matches(name[:100], shipped, n=1)
        hint = f"; did you mean {near[0]}?" if near else ""
        raise ConfigError(f"there is no profile {name!r}: the shipped ones are {', '.join(shipped)}{hint}")
    return config_dir() / f"{name}.toml"


def read(file: Path) -> dict[str, Any]:
    """Read a profile with all that it extends.

    Raises
    ------
    ConfigError
        If a file cannot be read, is no TOML, or profiles extend each other in a circle.
    """
    return _read(file, ())


def _read(file: Path, below: tuple[Path, ...]) -> dict[str, Any]:
    here = file.resolve()
    if here in below or len(below) >= _DEEPEST:
        chain = " -> ".join(str(path) for path in (*below, here))
        what = "extend each other in a circle" if here in below else f"are more than {_DEEPEST} deep"
        raise ConfigError(f"{EXTENDS}, {file}: profiles {what}: {chain}")
    raw: dict[str, Any] = {}
    for part in _files(file):
        _merge(raw, _parsed(part))
    base = raw.pop(EXTENDS, "")
    if not isinstance(base, str):
        raise ConfigError(f"{EXTENDS}, {file}: must be the name or path of a profile, got {base!r}")
    if not base:
        return raw
    folder = file if file.is_dir() else file.parent
    whole = _read(find(base, folder), (*below, here))
    _merge(whole, raw)
    return whole


def _files(file: Path) -> list[Path]:
    if not file.is_dir():
        return [file]
    found = sorted(file.glob("*.toml"))
    if not found:
        raise ConfigError(f"{file}: the folder holds no *.toml")
    return found


def _merge(onto: dict[str, Any], more: Mapping[str, Any]) -> None:
    for key, value in more.items():
        if isinstance(value, dict) and isinstance(onto.get(key), dict):
            onto[key] = {**onto[key], **value}
        else:
            onto[key] = value


def _parsed(file: Path) -> dict[str, Any]:
    try:
        if file.stat().st_size > _MOST_BYTES:
            raise ConfigError(f"{file}: larger than {_MOST_BYTES} bytes")
        raw = tomllib.loads(file.read_text(encoding="utf-8-sig"))
    except OSError as exc:
        raise ConfigError(f"{file}: cannot be read: {exc.strerror or exc}") from exc
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as exc:
        raise ConfigError(f"{file}: is not valid TOML: {exc}") from exc
    for setting in TABLE:
        section = raw.get(setting.section, {}) if setting.section else raw
        if setting.kind in ("path", "paths") and isinstance(section, dict) and setting.name in section:
            section[setting.name] = _from_here(section[setting.name], file.parent)
    return raw


def _from_here(said: Any, folder: Path) -> Any:
    """Let a path count from the file that says it, whatever file extends that one."""
    if isinstance(said, str) and said and "\0" not in said:
        return str(folder / Path(said).expanduser())
    return [_from_here(item, folder) for item in said] if isinstance(said, list) else said
