"""Puts a backup in the place of the state: unpacked beside it, checked to the last byte, and only then exchanged.

What was there is kept beside it. Nothing is written under a name that the manifest does not list, and no name in it
can lead out of the folder.
"""

from __future__ import annotations

import ctypes
import errno
import hashlib
import os
import shutil
import tarfile
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from openmanager_core.errors import FleetError, InvalidRequest, NotFound, StorageUnavailable
from openmanager_kit.backups.holding import Hold, hold_alone
from openmanager_kit.backups.making import flush_folder
from openmanager_kit.backups.manifest import BLOCK, FOLDER, MOST_BYTES, NAME, Entry, Manifest, damage, is_database
from openmanager_kit.confined.syscalls import libc

_AT_FDCWD = -100
_EXCHANGE = 2


def check(file: Path) -> Manifest:
    """Read a backup from end to end without putting it anywhere.

    Raises
    ------
    InvalidRequest, NotFound, StorageUnavailable
        If it is not whole.
    """
    with tempfile.TemporaryDirectory(prefix="openmanager-check-") as folder:
        return _unpacked(file, Path(folder) / "new")


def put_back(file: Path, home: Path, *, force: bool = False) -> tuple[Manifest, Path | None]:
    """Put a backup in the place of the state; gives where the state that was there is now.

    Parameters
    ----------
    force
        Also while servers use the state; they notice, and have to be started again.

    Raises
    ------
    Conflict
        If servers use the state.
    InvalidRequest, NotFound, StorageUnavailable
        If the backup is not whole or cannot be written; then nothing has changed.
    """
    home = home.resolve()
    held = Hold() if force else hold_alone(home)
    try:
        home.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        stage = Path(tempfile.mkdtemp(prefix=f".{home.name}.restore-", dir=home.parent))
        try:
            manifest = _unpacked(file, stage / "new")
            return manifest, _exchange(stage / "new", home)
        finally:
            shutil.rmtree(stage, ignore_errors=True)
    except OSError as exc:
        mounted = exc.errno in (errno.EBUSY, errno.EXDEV)
        hint = "let --home name a folder inside the mounted one" if mounted else "check the folder above it"
        raise StorageUnavailable(f"{home} cannot be replaced: {exc.strerror or exc}", hint=hint) from exc
    finally:
        held.let_go()


def _exchange(new: Path, home: Path) -> Path | None:
    if not home.exists():
        new.rename(home)
        flush_folder(home.parent)
        return None
    named = f"{home.name}.before-{datetime.now(UTC):%Y%m%dT%H%M%S}"
    names = (named, *(f"{named}-{number}" for number in range(2, 100)))
    kept = next(path for path in map(home.with_name, names) if not path.exists())
    if _exchanged(new, home):
        try:
            new.rename(kept)
        except OSError:
            _exchanged(new, home)  # what is staged is thrown away, and must not be what was there
            raise
    else:
        home.rename(kept)
        try:
            new.rename(home)
        except OSError:
            kept.rename(home)
            raise
    flush_folder(home.parent)
    return kept


def _exchanged(one: Path, other: Path) -> bool:
    """Exchange two folders in one step; False where there is no such call."""
    call = getattr(libc, "renameat2", None) if libc is not None else None
    if call is None:
        return False
    if call(_AT_FDCWD, os.fsencode(one), _AT_FDCWD, os.fsencode(other), _EXCHANGE) == 0:
        return True
    number = ctypes.get_errno()
    if number in (errno.ENOSYS, errno.EINVAL, errno.ENOTSUP):
        return False
    raise OSError(number, os.strerror(number))


def _unpacked(file: Path, folder: Path) -> Manifest:
    if not file.is_file():
        raise NotFound(f"there is no file {file}", hint="openmanager backup FILE makes one")
    folder.mkdir(mode=0o700)
    try:
        with tarfile.open(file, "r:") as tar:
            manifest = _manifest(tar)
            wanted = {FOLDER + entry.path: entry for entry in manifest.files}
            while (member := tar.next()) is not None:
                entry = wanted.pop(member.name, None)
                if entry is None or member.type not in (tarfile.REGTYPE, tarfile.AREGTYPE):
                    raise _broken(f"{member.name[:100]!r} is not what its manifest lists")
                if member.size != entry.bytes:
                    raise _broken(f"{entry.path} has {member.size} bytes instead of {entry.bytes}")
                _write(tar, member, entry, folder)
                tar.members = []  # type: ignore[attr-defined]  # else each member would stay in memory
            if wanted:
                raise _broken(f"{next(iter(wanted.values())).path} is missing")
    except (tarfile.TarError, EOFError, UnicodeError) as exc:
        raise _broken("it cannot be read to its end") from exc
    except OSError as exc:
        raise StorageUnavailable(
            f"the backup cannot be unpacked: {exc.strerror or exc}", hint="check the disk"
        ) from exc
    return manifest


def _manifest(tar: tarfile.TarFile) -> Manifest:
    first = tar.next()
    content = None if first is None or first.name != NAME or first.size > MOST_BYTES else tar.extractfile(first)
    if content is None:
        raise InvalidRequest("the file is no backup of ours: it does not begin with a manifest", hint="another file")
    return Manifest.read(content.read())


def _write(tar: tarfile.TarFile, member: tarfile.TarInfo, entry: Entry, folder: Path) -> None:
    target = folder / entry.path
    target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    source = tar.extractfile(member)
    assert source is not None
    found = hashlib.sha256()
    fd = os.open(target, os.O_CREAT | os.O_EXCL | os.O_WRONLY | getattr(os, "O_NOFOLLOW", 0), 0o600)
    with os.fdopen(fd, "wb") as out:
        while block := source.read(BLOCK):
            found.update(block)
            out.write(block)
        out.flush()
        os.fsync(out.fileno())
    if found.hexdigest() != entry.sha256:
        raise _broken(f"{entry.path} is not what was backed up")
    if is_database(target) and (wrong := damage(target)):
        raise _broken(f"{entry.path} is damaged: {wrong}")
    flush_folder(target.parent)


def _broken(what: str) -> FleetError:
    return InvalidRequest(f"the backup is not whole: {what}; nothing was changed", hint="another backup")
