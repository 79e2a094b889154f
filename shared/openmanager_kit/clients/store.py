"""Reads and replaces a client's file: whole or not at all, with a dated copy, and never over somebody else's change."""

from __future__ import annotations

import contextlib
import datetime
import os
import stat
import sys
from collections.abc import Iterator
from pathlib import Path

from openmanager_core.errors import Conflict, InvalidRequest, StorageUnavailable
from openmanager_core.files import written

_MOST_BYTES = 64 * 1024 * 1024
_KEPT = 5
_MARK = ".openmanager-"
_ABSENT = ".none"


class ChangedMeanwhile(Exception):
    """The file is no longer what the change was made from."""


def target(file: Path) -> Path:
    """Follow symlinks to the file that is really written (people keep these files in a repository of dotfiles)."""
    try:
        return file.resolve()
    except (OSError, RuntimeError) as exc:
        raise StorageUnavailable(f"{file}: the link leads nowhere: {exc}", hint="remove or repair the link") from exc


def read(file: Path) -> bytes | None:
    """Give the bytes of a file, None if there is none."""
    try:
        found = file.stat()
        if not stat.S_ISREG(found.st_mode):
            raise InvalidRequest(f"{file}: is no regular file", hint="move it away")
        if found.st_size > _MOST_BYTES:
            raise InvalidRequest(f"{file}: larger than {_MOST_BYTES} bytes", hint="check that it is the right file")
        return file.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as exc:
        raise StorageUnavailable(
            f"{file}: cannot be read: {exc.strerror or exc}", hint="check its permissions"
        ) from exc


@contextlib.contextmanager
def locked(folder: Path, state: Path) -> Iterator[None]:
    """Keep other runs of ours out of a client's folder and of our state, in this order.

    The folders themselves are the locks, so that nothing is left behind beside a client's file.
    """
    if sys.platform == "win32":  # a folder cannot be locked there; one file stands for all
        import msvcrt

        with (state / "clients.lock").open("a+b") as lock:
            lock.seek(0)
            msvcrt.locking(lock.fileno(), msvcrt.LK_LOCK, 1)
            try:
                yield
            finally:
                lock.seek(0)
                msvcrt.locking(lock.fileno(), msvcrt.LK_UNLCK, 1)
    else:
        import fcntl

        with contextlib.ExitStack() as held:
            for path in dict.fromkeys((folder, state.resolve())):
                try:
                    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
                except OSError as exc:
                    raise StorageUnavailable(
                        f"{path}: cannot be opened: {exc.strerror or exc}", hint="check its permissions"
                    ) from exc
                held.callback(os.close, descriptor)
                fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield


def replace(file: Path, before: bytes | None, after: bytes, *, fresh: int = 0o600) -> None:
    """Put `after` in the place of `before`, with the mode and owner that the file has (`fresh` for a new one).

    Raises
    ------
    ChangedMeanwhile
        If the file no longer holds `before`.
    StorageUnavailable
        If it cannot be written.
    """
    mode, owner = _mode_and_owner(file, fresh)
    with written(file) as out:
        if hasattr(os, "fchmod"):
            os.fchmod(out.fileno(), mode)
            if hasattr(os, "fchown") and owner is not None and owner != (os.getuid(), os.getgid()):
                with contextlib.suppress(PermissionError):
                    os.fchown(out.fileno(), *owner)
        out.write(after)
        out.flush()
        if read(file) != before:
            raise ChangedMeanwhile


def is_folder(path: Path) -> bool:
    """Say whether a folder is there; one that may not be looked at is not."""
    try:
        return path.is_dir()
    except OSError:
        return False


def make_folder(folder: Path) -> None:
    """Make the folder of a file, as the client would."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as exc:
        raise StorageUnavailable(
            f"{folder}: cannot be made: {exc.strerror or exc}", hint="check its permissions"
        ) from exc


def back_up(file: Path, content: bytes | None) -> Path:
    """Lay a dated copy beside the file, readable by whom the file is; a file that is not there yet leaves a mark.

    The first copy (from before we came) and the newest ones are kept.
    """
    stamp = datetime.datetime.now(tz=datetime.UTC).strftime("%Y%m%d-%H%M%S-%f")
    copy = file.with_name(f"{file.name}{_MARK}{stamp}{_ABSENT if content is None else '.bak'}")
    mode, owner = _mode_and_owner(file)
    try:
        descriptor = os.open(copy, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode & 0o600)
        with os.fdopen(descriptor, "wb") as out:
            if hasattr(os, "fchmod"):
                os.fchmod(descriptor, mode)
                if hasattr(os, "fchown") and owner is not None and owner != (os.getuid(), os.getgid()):
                    with contextlib.suppress(PermissionError):
                        os.fchown(descriptor, *owner)
            out.write(content or b"")
            out.flush()
            os.fsync(descriptor)
        for old in backups(file)[1 : -(_KEPT - 1)]:
            old.unlink(missing_ok=True)
    except FileExistsError as exc:
        raise Conflict(f"{copy}: is there already", hint="run it again") from exc
    except OSError as exc:
        raise StorageUnavailable(
            f"{copy}: cannot be written: {exc.strerror or exc}", hint="check the folder and its free space"
        ) from exc
    return copy


def backups(file: Path) -> list[Path]:
    """Give the dated copies of a file, oldest first."""
    start = f"{file.name}{_MARK}"
    try:
        names = sorted(path.name for path in file.parent.iterdir() if path.name.startswith(start))
    except OSError:
        return []
    return [file.with_name(name) for name in names if name.endswith((".bak", _ABSENT))]


def was_absent(backup: Path) -> bool:
    """Say whether this copy stands for "there was no file"."""
    return backup.name.endswith(_ABSENT)


def _mode_and_owner(file: Path, fresh: int = 0o600) -> tuple[int, tuple[int, int] | None]:
    try:
        found = file.stat()
    except OSError:
        return fresh, None
    return stat.S_IMODE(found.st_mode), (found.st_uid, found.st_gid)
