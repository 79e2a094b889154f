"""The system calls that change something during an add: one seam, so that each of them can be made to fail in tests."""

from __future__ import annotations

import os


class System:
    """The real ones."""

    def open(self, path: str, flags: int, mode: int = 0o666, *, dir_fd: int | None = None) -> int:
        """Open or create a file."""
        return os.open(path, flags, mode, dir_fd=dir_fd)

    def write(self, fd: int, data: bytes) -> None:
        """Write all of `data`."""
        view, done = memoryview(data), 0
        while done < len(data):
            done += os.write(fd, view[done:])

    def fsync(self, fd: int) -> None:
        """Bring a file to the disk."""
        os.fsync(fd)

    def mkdir(self, name: str, *, dir_fd: int) -> None:
        """Make a directory."""
        os.mkdir(name, dir_fd=dir_fd)

    def link(self, source: str, name: str, *, dir_fd: int) -> None:
        """Give a file a second name, which must be free."""
        os.link(source, name, src_dir_fd=dir_fd, dst_dir_fd=dir_fd, follow_symlinks=False)

    def rename(self, source: str, name: str, *, dir_fd: int | None = None) -> None:
        """Give a file a new name; what has that name is replaced."""
        os.rename(source, name, src_dir_fd=dir_fd, dst_dir_fd=dir_fd)

    def unlink(self, name: str, *, dir_fd: int | None = None) -> None:
        """Take a name away."""
        os.unlink(name, dir_fd=dir_fd)

    def rmdir(self, name: str, *, dir_fd: int) -> None:
        """Remove an empty directory."""
        os.rmdir(name, dir_fd=dir_fd)
