"""Open directories far below one that is open already, without following a link on the way."""

from __future__ import annotations

import errno
import os
from collections.abc import Sequence

from openmanager_kit.confined import syscalls, walk
from openmanager_kit.confined.refusals import LISTED

_LONGEST = 3900


def open_below(fd: int, parts: Sequence[str]) -> int:
    """Open the directory that `parts` names below `fd`, for listing.

    Raises
    ------
    OSError
        If it is missing, no directory, closed to us, or a link lies on the way (``ELOOP``, ``ENOTDIR``).
    """
    if syscalls.libc is not None and 0 < len(os.fsencode("/".join(parts))) <= _LONGEST:
        opened = syscalls.open_in_one_call(fd, parts, LISTED)
        if opened >= 0:
            return opened
        number = -opened
        if number not in (errno.ENOSYS, errno.EPERM, errno.EAGAIN):
            raise OSError(number, os.strerror(number))
    at = os.dup(fd)
    for i, part in enumerate(parts):
        try:
            inner = os.open(part, LISTED if i == len(parts) - 1 else walk.DIRECTORY, dir_fd=at)
        finally:
            os.close(at)
        at = inner
    return at
