"""Looks for ignore files that ripgrep must not open, in a process of its own: a FIFO would hold it, a device feed it.

Run as ``python -I -S ignore_files.py SECONDS ROOT`` with the searched directory as working directory; imports
nothing of ours. ROOT is the real path of the allowed directory: a link may point below it. Writes one line of JSON:
how many there are and the first few, each with what it is. Why: docs/decisions/filesystem-ignore-files.md.
"""

from __future__ import annotations

import json
import os
import stat
import sys
import time
from collections import deque
from pathlib import Path

_OPEN = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_NAMES = frozenset((".gitignore", ".ignore", ".rgignore"))
_LARGEST = 8 * 1024 * 1024
_SHOWN = 5
_EVERY = 256


def what_is_wrong(name: str, dir_fd: int | None, root: str) -> str:
    """Say why a file must not be opened; "" if nothing speaks against it."""
    try:
        status = os.stat(name, dir_fd=dir_fd, follow_symlinks=False)
        if stat.S_ISLNK(status.st_mode):
            here = name if dir_fd is None else f"/proc/self/fd/{dir_fd}/{name}"
            real = os.path.realpath(here)
            if real != root and not real.startswith(root.rstrip("/") + "/"):
                return "a link out of the allowed directory"
            status = os.stat(name, dir_fd=dir_fd)
    except OSError:
        return ""
    if stat.S_ISREG(status.st_mode):
        return "too large" if status.st_size > _LARGEST else ""
    if stat.S_ISDIR(status.st_mode):
        return ""
    return "a named pipe (FIFO)" if stat.S_ISFIFO(status.st_mode) else "no regular file"


class Look:
    """One look through a tree."""

    def __init__(self, seconds: float, root: str) -> None:
        self._until = time.monotonic() + seconds
        self._root = root
        self.found: list[list[str]] = []
        self.count = 0

    def run(self) -> None:
        """Look above the working directory, where ripgrep looks too, and below."""
        for above in Path.cwd().parents:
            for name in _NAMES:
                self._check(str(above / name), None, f"{name} above the directory")
        ahead = deque([""])
        seen = 0
        while ahead:
            seen += 1
            if seen % _EVERY == 0 and time.monotonic() > self._until:
                return
            self._directory(ahead.popleft(), ahead)

    def _directory(self, path: str, ahead: deque[str]) -> None:
        try:
            fd = os.open(path or ".", _OPEN)
        except OSError:
            return  # ripgrep says so itself
        try:
            with os.scandir(fd) as entries:
                for entry in entries:
                    if entry.name in _NAMES:
                        self._check(entry.name, fd, path + entry.name)
                    elif entry.is_dir(follow_symlinks=False):
                        ahead.append(f"{path}{entry.name}/")
            if path == ".git/" or path.endswith("/.git/"):
                self._check("info/exclude", fd, f"{path}info/exclude")
        except OSError:
            return
        finally:
            os.close(fd)

    def _check(self, name: str, dir_fd: int | None, shown: str) -> None:
        wrong = what_is_wrong(name, dir_fd, self._root)
        if wrong:
            self.count += 1
            if len(self.found) < _SHOWN:
                self.found.append([shown, wrong])


def main() -> None:
    """Answer the one request."""
    look = Look(float(sys.argv[1]), sys.argv[2])
    look.run()
    sys.stdout.write(json.dumps({"count": look.count, "found": look.found}))


if __name__ == "__main__":
    main()
