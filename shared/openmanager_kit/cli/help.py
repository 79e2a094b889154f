"""An argument parser that speaks the language of the command: texts are looked up where they are shown."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Sequence
from typing import Any, NoReturn

from openmanager_kit.cli.complaints import complaint
from openmanager_kit.wording import said, translated

_USAGE = "usage: "
_EXIT_USAGE = 2


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
        super().add_usage(usage, actions, groups, translated(_USAGE) if prefix is None else prefix)

    def _get_help_string(self, action: argparse.Action) -> str | None:
        return translated(action.help) if action.help else action.help


class Parser(argparse.ArgumentParser):
    """A parser with such a formatter; its sub-commands are of the same kind."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("formatter_class", Formatter)
        super().__init__(*args, **kwargs)

    def parse_known_intermixed_args(  # type: ignore[override]
        self, args: Sequence[str] | None = None, namespace: Any = None
    ) -> tuple[argparse.Namespace, list[str]]:
        """Parse where positional arguments may stand behind options too."""
        # The base class would cut seven letters off the line of usage, which are "usage: " in English only.
        own, prefix = self.usage, " " * len(translated(_USAGE))
        formatter = self._get_formatter()
        formatter.add_usage(own, self._actions, self._mutually_exclusive_groups, prefix)
        self.usage = formatter.format_help().strip().replace("%", "%%")
        try:
            return super().parse_known_intermixed_args(args, namespace)
        finally:
            self.usage = own

    def error(self, message: str) -> NoReturn:
        """Say how it is used and what was wrong, and leave with 2."""
        self.print_usage(sys.stderr)
        self.exit(_EXIT_USAGE, said("{prog}: error: {message}", prog=self.prog, message=complaint(message)) + "\n")
