"""One page of a directory as lines and rows, as far as both fit; made in runs, so that ten thousand entries are cheap.

What is the same for a whole run is looked at once for all its names together: mostly none needs an escape.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from openmanager_core.errors import InvalidRequest
from openmanager_core.job import checkpoint
from openmanager_filesystem.find_parameters import length
from openmanager_filesystem.listing import MARKS, amount, target
from openmanager_kit.confined.names import shown_name

_RUN = 500
_MEASURED_RUN = 50
_MOST_EXTRA = 100
_MOST_EACH = 12
"""An upper bound of what an entry takes: so much, and so much for each character of its name."""


class Page:
    """The entries of a directory from `start` on that fit into `room` characters.

    Attributes
    ----------
    lines, rows
        The same entries for a person and for a program; a line may be several, joined already.
    """

    def __init__(self, start: int, total: int, room: int) -> None:
        if start and start >= total:
            raise InvalidRequest(
                f"cursor points past the end: entry {start} of {total}",
                hint="the directory has become smaller; leave cursor empty to start from the beginning",
            )
        self.lines: list[str] = []
        self.rows: list[dict[str, Any]] = []
        self.start, self.total = start, total
        self._text = self._structured = room

    def fill(self, names: Sequence[str], others: Mapping[str, str], sizes: Mapping[str, int] | None, fd: int) -> None:
        """Take entries until one does not fit; the first one always does.

        Parameters
        ----------
        others
            Kinds of the names that are no files.
        sizes
            Bytes of the files, if they are to be shown.
        """
        links = "link" in others.values()
        roomy = not links and self._text >= len(names) * _MOST_EXTRA + sum(map(len, names)) * _MOST_EACH
        run, at = _RUN if roomy else _MEASURED_RUN, 0
        while at < len(names):
            checkpoint()
            some = names[at : at + run]
            lines, rows = _made(some, others, sizes)
            if links:
                _point(some, others, lines, rows, fd, "" if sizes is not None else " ")
            if not roomy and not self._fits(lines, rows) and (len(some) > 1 or self.rows):
                if len(some) == 1:
                    return
                run = len(some) // 2
                continue
            self.lines += lines
            self.rows += rows
            at += len(some)

    def _fits(self, lines: list[str], rows: list[dict[str, Any]]) -> bool:
        """Take the room that lines and rows need, if there is so much."""
        text = sum(map(len, lines)) + len(lines)
        structured = sum(map(length, rows))
        if text > self._text or structured > self._structured:
            return False
        self._text -= text
        self._structured -= structured
        return True


def _made(
    names: Sequence[str], others: Mapping[str, str], sizes: Mapping[str, int] | None
) -> tuple[list[str], list[dict[str, Any]]]:
    """Make the lines and rows of a run of names."""
    together = "/".join(names)
    plain = together.isascii() and together.isprintable() and "\\" not in together
    shown = names if plain else list(map(shown_name, names))
    mixed = bool(others) and not others.keys().isdisjoint(names)
    kinds = [others.get(name, "file") for name in names] if mixed else []
    if sizes is None:
        if not mixed:
            return ["[FILE] " + "\n[FILE] ".join(shown)], [{"name": name, "type": "file"} for name in shown]
        pairs = list(zip(shown, kinds, strict=True))
        return [f"{MARKS[kind]} {name}" for name, kind in pairs], [{"name": name, "type": kind} for name, kind in pairs]
    if not mixed:
        both = [(name, sizes[raw]) for name, raw in zip(shown, names, strict=True)]
        return (
            [
                f"[FILE] {name.ljust(30)} {str(size).rjust(8)} B"
                if size < 1024
                else f"[FILE] {name.ljust(30)} {amount(size).rjust(10)}"
                for name, size in both
            ],
            [{"name": name, "type": "file", "size_bytes": size} for name, size in both],
        )
    three = [(name, kind, sizes.get(raw, 0)) for name, kind, raw in zip(shown, kinds, names, strict=True)]
    lines = [
        f"[FILE] {name:<30} {amount(size):>10}" if kind == "file" else f"{MARKS[kind]} {name:<30} "
        for name, kind, size in three
    ]
    rows: list[dict[str, Any]] = [
        {"name": name, "type": kind, "size_bytes": size} if kind == "file" else {"name": name, "type": kind}
        for name, kind, size in three
    ]
    return lines, rows


def _point(
    names: Sequence[str],
    others: Mapping[str, str],
    lines: list[str],
    rows: list[dict[str, Any]],
    fd: int,
    between: str,
) -> None:
    """Say where links lead to."""
    for i, name in enumerate(names):
        if others.get(name) == "link":
            rows[i]["target"] = to = target(name, fd)
            lines[i] += f"{between}-> {to}"
