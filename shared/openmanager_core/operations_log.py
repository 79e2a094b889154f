"""What somebody says was done to the fleet: a line for each change, with its time, place, kind and text.

A line is ``TIME PLACE [KIND] TEXT``. The time is one word (ISO 8601, Unix seconds, ``now-20m``); the place a server, a
cluster, a type of server or an application; a kind that is not named is ``commit``. So the history of a repository can
be one: ``git log --format='%cI api commit %h %s'``.
"""

from __future__ import annotations

import os
import stat
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, cast, get_args

from openmanager_core.errors import FleetError, InvalidRequest, NotFound
from openmanager_core.fleet import Change, ChangeKind
from openmanager_core.text import quoted, visible
from openmanager_core.timespan import parse_instant
from openmanager_core.wording import sentence

if TYPE_CHECKING:
    from openmanager_core.fleet import Fleet

KINDS: tuple[str, ...] = get_args(ChangeKind)
LONGEST_LINE = 500
MOST_LINES = 5_000
"""Of a file; of a longer one the last are read."""

_MOST_BYTES = MOST_LINES * LONGEST_LINE
_MOST_SHOWN = 3
_SHAPE = "TIME PLACE [KIND] TEXT, for example: now-20m api-production-us-east-1 commit 3f2a1c smaller pool"


@dataclass(frozen=True, slots=True)
class _Line:
    kind: ChangeKind
    at_s: float
    place: str
    text: str

    def on(self, fleet: Fleet) -> list[Change]:
        return [Change(self.kind, self.at_s, place, self.text) for place in _places(self.place, fleet)]


def changes_of(line: str, fleet: Fleet, now_s: float) -> list[Change]:
    """Read one line; a type of server or an application stands for each of its clusters.

    Raises
    ------
    InvalidRequest
        If the line has another shape or its time cannot be read.
    NotFound
        If the place is none of this fleet.
    """
    return _parsed(line, now_s).on(fleet)


class OperationsLog:
    """A file of such lines; read again when it has changed. Empty lines and those that begin with ``#`` say nothing."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._mark: tuple[int, int] | None = None
        self._lines: list[_Line] = []
        self._problems: list[str] = []

    def changes(self, fleet: Fleet, start_s: float, end_s: float) -> tuple[list[Change], list[str]]:
        """Give the changes within a stretch of time, oldest first, and what is wrong with the file."""
        with self._lock:
            try:
                self._refresh()
            except OSError as exc:
                return [], [sentence("problem.changes_unread", reason=exc.strerror)]
            lines, problems = self._lines, list(self._problems)
        found: list[Change] = []
        nowhere: list[str] = []
        for line in lines:
            if start_s <= line.at_s <= end_s:
                try:
                    found += line.on(fleet)
                except NotFound as exc:
                    nowhere.append(exc.message)
        problems += _told("problem.changes_nowhere", nowhere)
        return sorted(found, key=lambda change: change.at_s), problems

    def _refresh(self) -> None:
        with open(self._path, "rb", opener=_without_waiting) as file:
            found = os.fstat(file.fileno())
            if not stat.S_ISREG(found.st_mode):
                raise OSError(0, "it is no regular file")
            mark = found.st_mtime_ns, found.st_size
            if mark == self._mark:
                return
            cut = found.st_size - _MOST_BYTES
            file.seek(max(0, cut))
            rows = file.read(_MOST_BYTES).decode("utf-8-sig", "replace").splitlines()[1 if cut > 0 else 0 :]
        self._lines, wrong = [], []
        for row in rows[-MOST_LINES:]:
            if not row.strip() or row.startswith("#"):
                continue
            try:
                self._lines.append(_parsed(row, None))
            except FleetError as exc:
                wrong.append(exc.message)
        self._problems = _told("problem.changes_wrong", wrong)
        if cut > 0 or len(rows) > MOST_LINES:
            self._problems.append(sentence("problem.changes_cut", most=MOST_LINES))
        self._mark = mark


def _without_waiting(path: str, flags: int) -> int:
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))  # a pipe would wait for its writer


def _parsed(line: str, now_s: float | None) -> _Line:
    words = line.split(maxsplit=3)
    if len(line) > LONGEST_LINE or len(words) < 3:
        said = f"changes must be lines of at most {LONGEST_LINE} characters, got {quoted(line, 80)}"
        raise InvalidRequest(said, hint=_SHAPE)
    if now_s is None and not words[0][0].isdigit():
        raise InvalidRequest(
            f"times of a file must be absolute, got {quoted(words[0], 40)}", hint="2026-11-26T07:20:00Z"
        )
    at_s = parse_instant(words[0], now_s or 0.0, name="the time of changes")
    kind = words[2].rstrip(":")
    text = " ".join(words[3:] if kind in KINDS else words[2:])
    return _Line(cast("ChangeKind", kind if kind in KINDS else "commit"), at_s, words[1], visible(text))


def _places(name: str, fleet: Fleet) -> list[str]:
    if name in fleet.by_id or name in fleet.cluster_by_id:
        return [name]
    of_type = [cluster.id for cluster in fleet.clusters if cluster.type == name]
    if of_type:
        return of_type
    for application in fleet.applications:
        if application.name == name:
            return sorted({cluster for deployed in application.deployments for cluster in deployed.clusters})
    known = [*fleet.cluster_by_id, *(one.name for one in fleet.applications), *fleet.by_id]
    raise NotFound.named("place", name, known, hint="a server, cluster, type of server or application")


def _told(code: str, wrong: list[str]) -> list[str]:
    shown = tuple(wrong[:_MOST_SHOWN])
    return [sentence(code, lines=shown, more=len(wrong) - len(shown))] if wrong else []
