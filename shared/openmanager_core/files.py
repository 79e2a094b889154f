"""Files that appear whole or not at all."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from openmanager_core.errors import StorageUnavailable


@contextlib.contextmanager
def written(path: Path, *, named: str = "") -> Iterator[BinaryIO]:
    """A new file that appears under `path` complete or not at all; `named` says which argument it came from.

    Raises
    ------
    StorageUnavailable
        If it cannot be written.
    """
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        try:
            with part.open("wb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)
    except OSError as exc:
        raise StorageUnavailable(
            f"cannot write {f'{named} ' if named else ''}{path.name}: {exc.strerror or exc}",
            hint="check the folder and its free space",
        ) from exc
