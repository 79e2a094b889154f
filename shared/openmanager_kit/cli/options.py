"""The settings table as flags of a command."""

from __future__ import annotations

import argparse
from collections.abc import Collection
from typing import Any

from openmanager_kit.settings import TABLE, Setting


def add_config(parser: argparse.ArgumentParser) -> None:
    """Let the command take a profile."""
    parser.add_argument("--config", metavar="NAME_OR_PATH", help="a shipped profile or the path of your own")


def add_settings(parser: argparse.ArgumentParser, only: Collection[str] = ()) -> None:
    """Let the command take every setting that has a flag of its own, or `only` those with these keys."""
    group = parser.add_argument_group("settings", "each is a profile key and an OPENMANAGER_* variable too")
    for setting in TABLE:
        if not setting.shared_flag and (not only or setting.key in only):
            group.add_argument(*_names(setting), dest=setting.key, help=setting.help, default=None, **_how(setting))


def _names(setting: Setting) -> tuple[str, ...]:
    # mcp-server-git's users have --repository and -r in their configurations.
    return (setting.flag, "--repository", "-r") if setting.key == "roots" else (setting.flag,)


def _how(setting: Setting) -> dict[str, Any]:
    match setting.kind:
        case "bool":
            return {"action": argparse.BooleanOptionalAction}
        case "list":
            return {"action": "append", "metavar": "NAME[,NAME]"}
        case "paths":
            return {"action": "append", "metavar": "DIR"}
        case "map":
            return {"action": "append", "metavar": "NAME=PROMQL"}
    return {"metavar": setting.name.upper()}


def flags_of(args: argparse.Namespace) -> dict[str, Any]:
    """Give the settings that were typed, by key."""
    typed = {setting.key: getattr(args, setting.key, None) for setting in TABLE}
    return {key: value for key, value in typed.items() if value is not None}
