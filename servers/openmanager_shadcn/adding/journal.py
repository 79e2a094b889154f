"""What an unfinished add has touched, kept outside of the project so that nothing in a project can forge it.

The journal of a project is one file, written once. Its state is its name's ending, changed by renaming, which a full
disk does not hinder: ``staging`` (nothing of the project is changed yet), ``committing`` (every new content lies ready
and is being put in place: go on), ``undoing`` (put the old content back).
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import orjson

from openmanager_core.errors import StorageUnavailable
from openmanager_shadcn.adding.system import System

State = Literal["staging", "committing", "undoing"]
STATES: tuple[State, ...] = ("staging", "committing", "undoing")


@dataclass(frozen=True, slots=True)
class Step:
    """One file of an add.

    Attributes
    ----------
    path
        Absolute, without any link in it.
    part, kept
        Names beside it of the new content and, if there is one, of the old.
    old, new
        Digests; `old` is empty if there is no file yet.
    """

    path: str
    part: str
    kept: str
    old: str
    new: str


class Journal:
    """The journal of one project."""

    def __init__(self, home: Path, folder: str, system: System) -> None:
        name = hashlib.sha256(os.fsencode(folder), usedforsecurity=False).hexdigest()[:32]
        self._home = home / "adds"
        self._base = self._home / name
        self._system = system
        self.state: State = "staging"

    def _path(self, state: State) -> Path:
        return self._base.with_suffix(f".{state}")

    def pending(self) -> tuple[State, list[str], list[Step]] | None:
        """Give what an add left behind: its state, the directories it made, its files; None if nothing."""
        for state in STATES:
            try:
                raw = orjson.loads(self._path(state).read_bytes())
                found = state, list(map(str, raw["folders"])), [Step(**one) for one in raw["steps"]]
            except FileNotFoundError:
                continue
            except (ValueError, TypeError, KeyError):  # cut off while it was written, before anything was touched
                with suppress(OSError):
                    self._path(state).unlink()
                continue
            self.state = state
            return found
        return None

    def begin(self, folders: Sequence[str], steps: Sequence[Step]) -> None:
        """Write down what is about to be touched.

        Raises
        ------
        StorageUnavailable
            If it cannot be written; nothing was touched then.
        """
        body = orjson.dumps({"folders": list(folders), "steps": [asdict(step) for step in steps]})
        path = self._path("staging")
        try:
            self._home.mkdir(mode=0o700, parents=True, exist_ok=True)
            fd = self._system.open(str(path), os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
            try:
                self._system.write(fd, body)
                self._system.fsync(fd)
            finally:
                os.close(fd)
            self._sync()
        except OSError as exc:
            with suppress(OSError):
                path.unlink()
            raise StorageUnavailable(
                f"the journal of the add cannot be written: {exc.strerror}; nothing was changed",
                hint="free some space for the server's own files",
            ) from exc
        self.state = "staging"

    def turn(self, state: State) -> None:
        """Go over to another state."""
        self._system.rename(str(self._path(self.state)), str(self._path(state)))
        self.state = state
        self._sync()

    def end(self) -> None:
        """Forget the add."""
        with suppress(FileNotFoundError):
            self._system.unlink(str(self._path(self.state)))

    def _sync(self) -> None:
        fd = os.open(self._home, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)
