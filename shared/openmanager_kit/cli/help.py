"""An argument parser whose help is in the language of the command: texts are looked up where they are shown."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from typing import Any

from openmanager_kit.wording import translated


class Formatter(argparse.HelpFormatter):
    """Looks up headings, descriptions and each argument's help."""

    def start_section(self, heading: str | None) -> None:
        """Begin a group of arguments."""
        super().start_section(translated(heading) if heading else heading)

    def add_text(self, text: str | None) -> None:
        """Add a description."""
        super().add_text(translated(text) if text and text is not argparse.SUPPRESS else text)

    def add_usage(
        self, usage: str | None, actions: Iterable[argparse.Action], groups: Iterable[Any], prefix: str | None = None
    ) -> None:
        """Add the line of usage."""
        super().add_usage(usage, actions, groups, translated("usage: ") if prefix is None else prefix)

    def _get_help_string(self, action: argparse.Action) -> str | None:
        return translated(action.help) if action.help else action.help


class Parser(argparse.ArgumentParser):
    """A parser with such a formatter; its sub-commands are of the same kind."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("formatter_class", Formatter)
        super().__init__(*args, **kwargs)
