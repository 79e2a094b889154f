"""Faults that several processes of one service share: a small file, whole at any time, and cheap to see a change of."""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

from openmanager_core.errors import StorageUnavailable
from openmanager_core.files import written
from openmanager_core.simulator.faults import Fault


class FaultFile:
    """The faults under a path; one writer at a time.

    Parameters
    ----------
    path
        In a folder that belongs to the service; the file need not be there.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def version(self) -> int:
        """A number that grows with each change; 0 if there is no file. Costs one look at the directory."""
        try:
            return self._path.stat().st_mtime_ns
        except OSError:
            return 0

    def read(self) -> tuple[Fault, ...]:
        """The faults as they are now.

        Raises
        ------
        StorageUnavailable
            If the file is not there or is not ours.
        """
        try:
            rows = json.loads(self._path.read_bytes())
            return tuple(Fault(**{**row, "targets": tuple(row["targets"])}) for row in rows)
        except (OSError, ValueError, TypeError, KeyError) as exc:
            raise StorageUnavailable(
                f"the faults that the workers share cannot be read: {type(exc).__name__}",
                hint="start the service again",
            ) from exc

    def write(self, faults: Sequence[Fault]) -> int:
        """Replace the faults; give the new version. Only while `locked`.

        Raises
        ------
        StorageUnavailable
            If it cannot be written; the former faults hold then.
        """
        # File systems tick in milliseconds: two changes within one tick must still be told apart.
        version = max(self.version() + 1, time.time_ns())
        with written(self._path) as file:
            file.write(json.dumps([asdict(fault) for fault in faults]).encode())
            file.flush()
            os.utime(file.fileno(), ns=(version, version))
        return self.version()

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other processes from changing the faults.

        Raises
        ------
        StorageUnavailable
            If the folder is gone or cannot be written.
        """
        import fcntl  # several workers need a system that has it

        try:
            descriptor = os.open(self._path.with_suffix(".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as exc:
            raise StorageUnavailable(
                f"the faults that the workers share cannot be locked: {exc.strerror}", hint="start the service again"
            ) from exc
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)
