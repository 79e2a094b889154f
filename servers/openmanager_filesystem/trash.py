"""The trash of a root: what was deleted lies below ``.openmanager-trash``, with a note of where it was.

``.openmanager-trash/20261125T161448Z-1f3a9c0b/NAME`` is what was deleted, ``20261125T161448Z-1f3a9c0b.json`` beside
it says when and from where. It is on the same file system as it was, so nothing is copied; and it is ignored by git.
"""

from __future__ import annotations

import errno
import json
import os
import secrets
from contextlib import suppress
from datetime import UTC, datetime

from openmanager_core.errors import InvalidRequest
from openmanager_core.text import quoted
from openmanager_filesystem.storing import sync_directory
from openmanager_kit.confined import walk
from openmanager_kit.confined.names import shown_path
from openmanager_kit.confined.refusals import kind
from openmanager_kit.confined.walk import Entry

TRASH = ".openmanager-trash"
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


def into_trash(found: Entry) -> str:
    """Move an entry into the trash of its root; gives the path that it has there, as shown.

    Raises
    ------
    InvalidRequest
        If it is in the trash already, or on another file system.
    """
    if found.parts[0] == TRASH:
        raise InvalidRequest(f"path {quoted(found.spot.shown)} is in the trash already", hint="permanent=true")
    now = datetime.now(UTC)
    label = f"{now:%Y%m%dT%H%M%SZ}-{secrets.token_hex(4)}"
    status = found.need()
    root_fd = walk.open_root(found.root)
    try:
        trash_fd = _made(TRASH, root_fd)
    finally:
        os.close(root_fd)
    try:
        with suppress(FileExistsError):
            _note(".gitignore", "*\n", trash_fd)
        note = {
            "path": shown_path("/".join((found.root.given.rstrip("/"), *found.parts))),
            "deleted": f"{now:%Y-%m-%dT%H:%M:%SZ}",
            "kind": kind(status),
        }
        _note(f"{label}.json", json.dumps(note, ensure_ascii=False) + "\n", trash_fd)
        inside = _made(label, trash_fd)
        try:
            os.rename(found.name, found.name, src_dir_fd=found.dir_fd, dst_dir_fd=inside)
            sync_directory(inside)
        except OSError as exc:
            os.rmdir(label, dir_fd=trash_fd)
            os.unlink(f"{label}.json", dir_fd=trash_fd)
            if exc.errno == errno.EXDEV:
                raise InvalidRequest(
                    f"path {quoted(found.spot.shown)} is on another file system than the trash", hint="permanent=true"
                ) from exc
            raise
        finally:
            os.close(inside)
        sync_directory(trash_fd)
    finally:
        os.close(trash_fd)
    sync_directory(found.dir_fd)
    return shown_path("/".join((found.root.given.rstrip("/"), TRASH, label, found.name)))


def _made(name: str, dir_fd: int) -> int:
    with suppress(FileExistsError):
        os.mkdir(name, 0o700, dir_fd=dir_fd)
    return os.open(name, walk.DIRECTORY, dir_fd=dir_fd)


def _note(name: str, text: str, dir_fd: int) -> None:
    fd = os.open(name, _NEW, 0o600, dir_fd=dir_fd)
    try:
        os.write(fd, text.encode("utf-8", "backslashreplace"))
        os.fsync(fd)
    finally:
        os.close(fd)
