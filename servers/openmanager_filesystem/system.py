"""System calls that Python does not offer: renaming onto nothing only, and the time of birth of a file."""

from __future__ import annotations

import ctypes
import errno
import os
import struct

from openmanager_kit.confined.syscalls import libc

_NO_REPLACE = 1
_NOFOLLOW, _BTIME = 0x100, 0x800
_BORN_AT = 80


def rename_new(source: str, source_fd: int, name: str, dir_fd: int, *, directory: bool) -> None:
    """Rename, but never onto something that exists.

    Raises
    ------
    FileExistsError
        If the new name is taken.
    """
    function = getattr(libc, "renameat2", None)
    if function is not None:
        if function(source_fd, os.fsencode(source), dir_fd, os.fsencode(name), _NO_REPLACE) == 0:
            return
        code = ctypes.get_errno()
        # EINVAL also means a directory into itself; the plain call below then says so again.
        if code not in (errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP):
            raise OSError(code, os.strerror(code))
    if not directory:
        os.link(source, name, src_dir_fd=source_fd, dst_dir_fd=dir_fd, follow_symlinks=False)
        os.unlink(source, dir_fd=source_fd)
        return
    # rename() itself takes an empty directory's place and no other: make sure that none is there.
    try:
        os.stat(name, dir_fd=dir_fd, follow_symlinks=False)
    except FileNotFoundError:
        os.rename(source, name, src_dir_fd=source_fd, dst_dir_fd=dir_fd)
        return
    raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST))


def born_s(name: str, dir_fd: int) -> float | None:
    """Tell when a file was made, in Unix seconds; None where the system does not know."""
    function = getattr(libc, "statx", None)
    if function is None:
        return None
    buffer = ctypes.create_string_buffer(256)
    if function(dir_fd, os.fsencode(name), _NOFOLLOW, _BTIME, buffer) != 0:
        return None
    if not struct.unpack_from("<I" if struct.pack("=H", 1)[0] else ">I", buffer)[0] & _BTIME:
        return None
    seconds, nanoseconds = struct.unpack_from("=qI", buffer, _BORN_AT)
    return float(seconds + nanoseconds / 1e9)
