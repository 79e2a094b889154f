"""Copies the state while it is in use: databases by SQLite's own backup, so that each is as it was at one instant."""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
import stat
import tarfile
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path

from openmanager_core.errors import Conflict, FleetError, InvalidRequest, NotFound, StorageUnavailable
from openmanager_kit import version
from openmanager_kit.backups.holding import LOCK
from openmanager_kit.backups.manifest import FOLDER, NAME, Entry, Manifest, damage, digest, is_database

_BUSY_S = 10.0
_COMPANIONS = ("-wal", "-shm", "-journal")


def back_up(home: Path, file: Path) -> Manifest:
    """Write all state below `home` into a new file that only its owner can read.

    Raises
    ------
    NotFound
        If there is no state.
    Conflict
        If the file is there already.
    StorageUnavailable
        If something cannot be read or written; then there is no file.
    """
    if not home.is_dir():
        raise NotFound(f"there is no state folder {home}", hint="--home DIR")
    if file.resolve().is_relative_to(home.resolve()):
        raise InvalidRequest(f"{file} lies in the state folder", hint="write the backup somewhere else")
    if file.exists():
        raise Conflict(f"{file} is there already", hint="another name")
    part = file.with_name(f".{file.name}.{os.getpid()}.part")
    try:
        with tempfile.TemporaryDirectory(prefix=f".{file.name}.", dir=file.absolute().parent) as folder:
            entries = [_copied(source, path, Path(folder) / "copy" / path) for path, source in _files(home)]
            manifest = Manifest(
                datetime.now(UTC).isoformat(timespec="seconds"), version(), tuple(e for e in entries if e is not None)
            )
            try:
                _pack(manifest, Path(folder) / "copy", part)
                os.link(part, file)  # unlike a rename it does not replace what came there meanwhile
            finally:
                part.unlink(missing_ok=True)
        flush_folder(file.absolute().parent)
    except FileExistsError as exc:
        raise Conflict(f"{file} is there already", hint="another name") from exc
    except (OSError, tarfile.TarError, sqlite3.Error) as exc:
        raise _unwritten(exc) from exc
    return manifest


def _unwritten(exc: Exception) -> FleetError:
    reason = getattr(exc, "strerror", "") or str(exc)
    return StorageUnavailable(f"the backup cannot be made: {reason}", hint="check both folders and their free space")


def _files(home: Path) -> Iterator[tuple[str, Path]]:
    """Find every regular file, without what only means something while a database is open."""
    for folder, folders, names in os.walk(home):
        folders.sort()
        for name in sorted(names):
            path = Path(folder, name)
            base = next((name.removesuffix(end) for end in _COMPANIONS if name.endswith(end)), "")
            beside_database = bool(base) and (path.with_name(base)).is_file()
            if name == LOCK or name.endswith(".part") or beside_database:
                continue
            if stat.S_ISREG(path.lstat().st_mode):
                yield path.relative_to(home).as_posix(), path


def _copied(source: Path, path: str, target: Path) -> Entry | None:
    target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        if is_database(source):
            _copy_database(source, target)
        else:
            shutil.copyfile(source, target, follow_symlinks=False)
    except FileNotFoundError:
        return None  # a cache let go of it meanwhile
    return Entry(path, target.stat().st_size, digest(target))


def _copy_database(source: Path, target: Path) -> None:
    with (
        contextlib.closing(sqlite3.connect(f"{source.absolute().as_uri()}?mode=rw", uri=True, timeout=_BUSY_S)) as old,
        contextlib.closing(sqlite3.connect(target)) as new,
    ):
        old.backup(new, pages=-1)
        new.execute("PRAGMA journal_mode = DELETE")
    wrong = damage(target)
    if wrong:
        raise StorageUnavailable(f"{source.name} is damaged: {wrong}", hint="restore it from an earlier backup")


def _pack(manifest: Manifest, folder: Path, part: Path) -> None:
    fd = os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    with os.fdopen(fd, "wb") as out:
        with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as tar:
            text = manifest.text()
            tar.addfile(_member(NAME, len(text)), BytesIO(text))
            for entry in manifest.files:
                with (folder / entry.path).open("rb") as content:
                    tar.addfile(_member(FOLDER + entry.path, entry.bytes), content)
        out.flush()
        os.fsync(out.fileno())


def _member(name: str, size: int) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.size, member.mode = size, 0o600
    return member


def flush_folder(folder: Path) -> None:
    """Make names in a folder durable."""
    if os.name == "posix":
        fd = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)
