"""What a backup holds: every file with its size and its SHA-256, and which names may stand there at all."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from dataclasses import asdict, dataclass
from pathlib import Path

from openmanager_core.errors import InvalidRequest

NAME = "manifest.json"
FOLDER = "state/"
FORMAT = 1
MOST_BYTES = 16 * 1024 * 1024
BLOCK = 1024 * 1024
_SQLITE = b"SQLite format 3\0"


@dataclass(frozen=True, slots=True)
class Entry:
    """One file, by its path below the state folder."""

    path: str
    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """The list of a backup."""

    made: str
    version: str
    files: tuple[Entry, ...]

    def text(self) -> bytes:
        """Write it down."""
        files = [asdict(entry) for entry in self.files]
        content = {"format": FORMAT, "made": self.made, "version": self.version, "files": files}
        return json.dumps(content, indent=1).encode()

    @classmethod
    def read(cls, text: bytes) -> Manifest:
        """Read what `text` wrote.

        Raises
        ------
        InvalidRequest
            If it is no manifest, a newer one, or names a file that must not be written.
        """
        try:
            content = json.loads(text)
            found = content["format"]
            if isinstance(found, int) and found > FORMAT:
                raise InvalidRequest(
                    f"the backup was made by a newer OpenManager (its format is {found}, ours is {FORMAT})",
                    hint="update OpenManager",
                )
            files = tuple(Entry(str(one["path"]), int(one["bytes"]), str(one["sha256"])) for one in content["files"])
            manifest = cls(str(content["made"]), str(content["version"]), files)
        except (ValueError, KeyError, TypeError, RecursionError) as exc:
            raise InvalidRequest("the file is no backup: its manifest cannot be read", hint="another file") from exc
        for entry in files:
            _check(entry.path)
        if len({entry.path.casefold() for entry in files}) != len(files):
            raise InvalidRequest("the backup names a file twice", hint="another backup")
        return manifest


def _check(path: str) -> None:
    """Refuse whatever could lead out of the folder, on any system."""
    parts = path.split("/")
    if not path or any(part in ("", ".", "..") for part in parts) or any(c in path for c in "\\:\0"):
        raise InvalidRequest(f"the backup names a file that must not be written: {path[:100]!r}", hint="another backup")


def is_database(path: Path) -> bool:
    """Tell whether a file is one of SQLite's."""
    with path.open("rb") as file:
        return file.read(len(_SQLITE)) == _SQLITE


def damage(path: Path) -> str:
    """Say what is wrong with a database; empty if nothing is."""
    try:
        db = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)
        try:
            verdict = str(db.execute("PRAGMA quick_check(1)").fetchone()[0])
        finally:
            db.close()
    except sqlite3.Error as exc:
        return str(exc)
    return "" if verdict == "ok" else verdict


def digest(path: Path) -> str:
    """Give the SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
