"""Walks a directory tree for `search_files`, in a process of its own: it can be ended, and no call waits for it.

Run as ``python -I -S walker.py REQUEST`` with the directory as working directory; imports nothing of ours, so that
it starts at once. Writes one line of JSON. Directories are opened relative to the one above and never through a
link; within a directory entries come in the order of their names, each followed by what is below it.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

_OPEN = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_DEEPEST = 900
_SHOWN_ERRORS = 5
_EVERY = 256  # directories between two looks at the clock


class _Full(Exception):
    """The time is over."""


class _Hits:
    """What was found: all of it counted, the page kept."""

    def __init__(self, asked: dict[str, Any]) -> None:
        self._skip: int = asked["skip"]
        self._limit: int = asked["limit"]
        self._room: int = asked["room"]
        self._each: int = asked["each"]
        self.total = 0
        self.page: list[str] = []
        self._closed = False
        self._listed_by_path: bool = bool(asked["rg"])

    def add(self, path: str) -> None:
        self.total += 1
        if self._closed or self.total <= self._skip:
            return
        if self._listed_by_path and not _inside(path):
            self.total -= 1
            return
        self._room -= len(path) + self._each
        if self.page and (self._room < 0 or len(self.page) >= self._limit):
            self._closed = True
            return
        self.page.append(path)


def _inside(path: str) -> bool:
    """Tell whether a path that ripgrep gave is there with no link on the way: it may have followed one swapped in."""
    *above, name = path.split("/")
    fd = os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for part in above:
            inner = os.open(part, _OPEN, dir_fd=fd)
            os.close(fd)
            fd = inner
        os.stat(name, dir_fd=fd, follow_symlinks=False)
    except OSError:
        return False
    finally:
        os.close(fd)
    return True


class Walk:
    """One search."""

    def __init__(self, asked: dict[str, Any]) -> None:
        self._path = re.compile(asked["path"], re.DOTALL).fullmatch
        self._name = re.compile(asked["name"], re.DOTALL).fullmatch if asked["name"] else None
        self._excluded = re.compile(asked["excluded"], re.DOTALL).fullmatch if asked["excluded"] else None
        self._kind: str = asked["kind"]
        self._hidden: bool = asked["hidden"]
        self._deepest: int = asked["deepest"] or _DEEPEST
        self._bounded: bool = bool(asked["deepest"])
        self._left_out: str = asked["left_out"]
        self._until = time.monotonic() + asked["seconds"]
        self.hits = _Hits(asked)
        self.seen = self.directories = self.failed = 0
        self.trash = self.late = False
        self.errors: list[list[str]] = []

    def run(self, listed: Iterator[tuple[str, str, bool]] | None = None) -> None:
        """Walk the working directory, or look through what `listed` gives as (path, name, is a directory)."""
        try:
            if listed is None:
                self._directory(os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC), "", 1)
            else:
                for path, name, folder in listed:
                    self._entry(path, name, folder)
                    if self.seen % 10_000 == 0:
                        self._clock()
        except _Full:
            self.late = True

    def _directory(self, fd: int, above: str, depth: int) -> None:
        """Look through one open directory, which is closed then."""
        try:
            self.directories += 1
            if self.directories % _EVERY == 0:
                self._clock()
            try:
                with os.scandir(fd) as found:
                    entries = [(entry.name, entry.is_dir(follow_symlinks=False)) for entry in found]
            except OSError as exc:
                self._failure(above, exc)
                return
            entries.sort()
            for name, folder in entries:
                path = above + name
                if not self._entry(path, name, folder) or not folder:
                    continue
                if depth >= self._deepest:
                    if not self._bounded:
                        self._failure(path, OSError(0, "too deep"))
                    continue
                try:
                    inner = os.open(name, _OPEN, dir_fd=fd)
                except OSError as exc:
                    self._failure(path, exc)
                    continue
                self._directory(inner, path + "/", depth + 1)
        finally:
            os.close(fd)

    def _entry(self, path: str, name: str, folder: bool) -> bool:
        """Take note of one entry; False if it and what is below it do not count."""
        if not self._hidden and name[0] == ".":
            return False
        if name == self._left_out and folder:
            self.trash = True
            return False
        self.seen += 1
        if self._excluded is not None and self._excluded(path):
            return False
        matches = self._name(name) if self._name is not None else self._path(path)
        if matches and (self._kind == "any" or folder == (self._kind == "directory")):
            self.hits.add(path)
        return True

    def _clock(self) -> None:
        if time.monotonic() > self._until:
            raise _Full

    def _failure(self, path: str, exc: OSError) -> None:
        self.failed += 1
        if len(self.errors) < _SHOWN_ERRORS:
            self.errors.append([path.rstrip("/"), (exc.strerror or "cannot be read").lower()])


def _not_ignored(rg: list[str]) -> Iterator[tuple[str, str, bool]]:
    """Give the files that .gitignore leaves, as ripgrep lists them, and the directories that hold them."""
    known = {""}
    quiet = subprocess.DEVNULL
    with subprocess.Popen(rg, stdin=quiet, stdout=subprocess.PIPE, stderr=quiet) as running:  # noqa: S603 - no shell
        assert running.stdout is not None
        left = b""
        while data := running.stdout.read(1 << 16):
            *whole, left = (left + data).split(b"\0")
            for raw in whole:
                path = os.fsdecode(raw.removeprefix(b"./"))
                above, _, name = path.rpartition("/")
                if above not in known:
                    parts = above.split("/")
                    for count in range(1, len(parts) + 1):
                        folder = "/".join(parts[:count])
                        if folder not in known:
                            known.add(folder)
                            yield folder, parts[count - 1], True
                yield path, name, False


def main() -> None:
    """Answer the one request."""
    asked = json.loads(sys.argv[1])
    sys.setrecursionlimit(10_000)
    walk = Walk(asked)
    walk.run(_not_ignored(asked["rg"]) if asked["rg"] else None)
    hits = walk.hits
    answer = {name: getattr(walk, name) for name in ("seen", "failed", "errors", "trash", "late")}
    sys.stdout.write(json.dumps({"page": hits.page, "total": hits.total} | answer))


if __name__ == "__main__":
    main()
