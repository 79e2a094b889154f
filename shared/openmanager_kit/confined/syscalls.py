"""The C library's own calls, and the one that opens a directory far below another without following a link."""

from __future__ import annotations

import ctypes
import os
import platform
from collections.abc import Sequence

_BENEATH, _NO_MAGICLINKS, _NO_SYMLINKS = 0x08, 0x02, 0x04
_OPENAT2 = 437  # the same on every architecture that Python runs on


class _How(ctypes.Structure):
    _fields_ = (("flags", ctypes.c_uint64), ("mode", ctypes.c_uint64), ("resolve", ctypes.c_uint64))


def _load() -> ctypes.CDLL | None:
    return ctypes.CDLL(None, use_errno=True) if platform.system() == "Linux" else None


libc = _load()
"""Linux's C library; None elsewhere."""


def open_in_one_call(fd: int, parts: Sequence[str], flags: int) -> int:
    """Open what `parts` names below `fd` with ``openat2``; gives minus the error number if that fails.

    Never through a link, never above `fd`. `libc` has to be there.
    """
    assert libc is not None
    how = _How(flags, 0, _BENEATH | _NO_MAGICLINKS | _NO_SYMLINKS)
    path = os.fsencode("/".join(parts))
    opened = int(libc.syscall(_OPENAT2, fd, path, ctypes.byref(how), ctypes.sizeof(how)))
    return opened if opened >= 0 else -ctypes.get_errno()
