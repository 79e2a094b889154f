"""What ripgrep says it found is shown only if it is there: it opens by path, and a link may be swapped in meanwhile.

Every line that is to be shown is read once more through descriptors that follow no link, and compared; of a file that
is only named it is looked whether it is there. What does not hold was changed meanwhile, or never was inside.
"""

from __future__ import annotations

import codecs
import os
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import groupby

from openmanager_core.job import checkpoint
from openmanager_filesystem.ripgrep import Match, Proof
from openmanager_kit.confined import walk
from openmanager_kit.confined.below import open_below

_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_WIDE = {codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"}
_WIDE_BYTES = 64 * 1024 * 1024


class Inside:
    """Looks at files below an open directory; the last directory that was needed stays open."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._above: tuple[str, ...] = ()
        self._above_fd = -1

    def __enter__(self) -> Inside:
        return self

    def __exit__(self, *_: object) -> None:
        self._close()

    def _close(self) -> None:
        if self._above_fd >= 0:
            os.close(self._above_fd)
        self._above_fd = -1

    @contextmanager
    def file(self, path: str) -> Iterator[int]:
        """Open a regular file.

        Raises
        ------
        OSError
            If it is none, or a link lies on the way.
        """
        *above, name = path.split("/")
        if self._above_fd < 0 or tuple(above) != self._above:
            self._close()
            self._above_fd = open_below(self._fd, above) if above else os.dup(self._fd)
            self._above = tuple(above)
        fd = os.open(name, _READ, dir_fd=self._above_fd)
        try:
            if not stat.S_ISREG(os.fstat(fd).st_mode):
                raise OSError("no regular file")
            yield fd
        finally:
            os.close(fd)


def named(fd: int, paths: Iterable[str]) -> set[str]:
    """Give those of the paths below `fd` that are there, without a link on the way."""
    found = set()
    with Inside(fd) as inside:
        for path in paths:
            checkpoint()
            try:
                with inside.file(path):
                    found.add(path)
            except OSError:
                continue
    return found


def nearest(fd: int, path: str) -> str:
    """Give as much of a path below `fd` as is there; what is not may be the name of something outside."""
    parts = path.split("/")
    at = os.dup(fd)
    try:
        for count, part in enumerate(parts):
            try:
                status = os.stat(part, dir_fd=at, follow_symlinks=False)
                if count == len(parts) - 1 or not stat.S_ISDIR(status.st_mode):
                    return "/".join(parts[: count + 1])
                inner = os.open(part, walk.DIRECTORY, dir_fd=at)
            except OSError:
                return "/".join(parts[:count]) or "."
            os.close(at)
            at = inner
    finally:
        os.close(at)
    return path


def shown(fd: int, matches: list[Match]) -> list[Match]:
    """Give those of the matches whose lines are there."""
    found: list[Match] = []
    with Inside(fd) as inside:
        for path, group in groupby(matches, key=lambda match: match.path):
            checkpoint()
            try:
                with inside.file(path) as file:
                    found += _held(file, list(group))
            except OSError:
                continue
    return found


def _held(fd: int, matches: list[Match]) -> list[Match]:
    coding = _WIDE.get(os.pread(fd, 2, 0))
    if coding is None:
        return [match for match in matches if all(_is_there(fd, proof) for proof in match.proofs)]
    # ripgrep has read it as UTF-8, and so counts in a file that is nowhere but here.
    data = os.pread(fd, _WIDE_BYTES, 2).decode(coding, "replace").encode("utf-8", "replace")
    return [
        match
        for match in matches
        if all(proof.data in data[max(0, proof.at - 3) : proof.at + len(proof.data) + 3] for proof in match.proofs)
    ]


def _is_there(fd: int, proof: Proof) -> bool:
    bom = 3 if os.pread(fd, 3, 0) == codecs.BOM_UTF8 else 0  # ripgrep counts from behind it
    there = os.pread(fd, len(proof.data) + bom, proof.at)
    return proof.data in (there[: len(proof.data)], there[bom:])
