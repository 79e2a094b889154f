"""The last good copy of each registry document on disk: whole or not there, bounded, of no use to another user.

One file holds one document: a line of JSON with what revalidates it, then the body as it came. The file's time is
when its source last confirmed it, so that a confirmation writes nothing.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

import orjson

from openmanager_core.errors import StorageUnavailable

MOST_BYTES = 128 * 1024 * 1024
MOST_FILES = 20_000
_KEPT_RATIO = 0.8
_LONGEST_HEAD = 16_384
_VERSION = 1


@dataclass(frozen=True, slots=True)
class Copy:
    """A stored document.

    Attributes
    ----------
    etag, last_modified
        As the server sent them; empty if it did not.
    checked_s
        Unix seconds at which the source last said that this is what it has.
    """

    body: bytes
    etag: str
    last_modified: str
    checked_s: float


class Store:
    """Documents by key, in one folder. All methods block."""

    def __init__(self, folder: Path, *, most_bytes: int = MOST_BYTES, most_files: int = MOST_FILES) -> None:
        self._folder = folder
        self._most_bytes, self._most_files = most_bytes, most_files
        self._used: tuple[int, int] | None = None

    def get(self, key: str) -> Copy | None:
        """Read the copy of a document; None if there is none, or none that is whole."""
        path = self._path(key)
        try:
            with path.open("rb") as file:
                head = orjson.loads(file.readline(_LONGEST_HEAD))
                body = file.read(self._most_bytes)
                checked_s = os.fstat(file.fileno()).st_mtime
        except FileNotFoundError:
            return None
        except (OSError, orjson.JSONDecodeError):
            return None
        match head:
            case {"v": 1, "digest": str() as digest, "etag": str() as etag, "modified": str() as modified}:
                if digest == _digest(body):
                    return Copy(body, etag, modified, checked_s)
        with contextlib.suppress(OSError):
            path.unlink()
        return None

    def put(self, key: str, copy: Copy) -> None:
        """Store a document in place of the one before.

        Raises
        ------
        StorageUnavailable
            If the disk does not take it; the one before is still there.
        """
        head = {"v": _VERSION, "digest": _digest(copy.body), "etag": copy.etag, "modified": copy.last_modified}
        line = orjson.dumps(head) + b"\n"
        if len(line) >= _LONGEST_HEAD or len(line) + len(copy.body) > self._most_bytes // 4:
            return
        path = self._path(key)
        try:
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as exc:
            raise StorageUnavailable(f"cannot make the cache folder: {exc.strerror}") from exc
        self._make_room(len(line) + len(copy.body))
        part = path.with_name(f".{key}.{os.getpid()}.part")
        try:
            try:
                # Not forced to the disk: a copy that a crash tore is known by its digest and downloaded again.
                part.write_bytes(line + copy.body)
                os.utime(part, (copy.checked_s, copy.checked_s))
                part.replace(path)
            finally:
                part.unlink(missing_ok=True)
        except OSError as exc:
            raise StorageUnavailable(f"cannot write the cache: {exc.strerror}") from exc

    def confirm(self, key: str, checked_s: float) -> None:
        """Note that the source still has this document."""
        with contextlib.suppress(OSError):
            os.utime(self._path(key), (checked_s, checked_s))

    def drop(self, key: str) -> None:
        """Forget a document that its source does not have any more."""
        with contextlib.suppress(OSError):
            self._path(key).unlink()

    def _path(self, key: str) -> Path:
        return self._folder / f"{key}.doc"

    def _make_room(self, size: int) -> None:
        """Delete those confirmed longest ago; what others have written meanwhile is counted when the bound is near."""
        count, used = self._used if self._used is not None else self._measured(delete=False)
        if used + size > self._most_bytes or count + 1 > self._most_files:
            count, used = self._measured(delete=True)
        self._used = (count + 1, used + size)

    def _measured(self, *, delete: bool) -> tuple[int, int]:
        found = []
        with contextlib.suppress(OSError), os.scandir(self._folder) as entries:
            for entry in entries:
                with contextlib.suppress(OSError):
                    status = entry.stat(follow_symlinks=False)
                    found.append((status.st_mtime, status.st_size, entry.path))
        used, count = sum(size for _, size, _ in found), len(found)
        if delete:
            found.sort()
            for _, size, path in found:
                if used <= self._most_bytes * _KEPT_RATIO and count <= self._most_files * _KEPT_RATIO:
                    break
                with contextlib.suppress(OSError):
                    Path(path).unlink()
                    used, count = used - size, count - 1
        return count, used


def _digest(body: bytes) -> str:
    return hashlib.blake2b(body, digest_size=16).hexdigest()
