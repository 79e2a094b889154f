"""Name search: asks the walker process, and makes its page an answer."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anyio

from openmanager_core.errors import StorageUnavailable, Unsupported
from openmanager_core.job import offload
from openmanager_kit import child
from openmanager_kit.confined import walk
from openmanager_kit.confined.names import shown_path
from openmanager_kit.confined.roots import Spot

SECONDS = 25.0
"""After so long a search answers with what it has."""
_WALKER = str(Path(__file__).with_name("walker.py"))
_IGNORE_FILES = str(Path(__file__).with_name("ignore_files.py"))
_PATIENCE_S = 0.4
"""Most searches are over by then, and nothing needs to be looked for."""
_LOOK_S = 10.0
QUIETLY = ("--no-config", "--no-follow", "--no-ignore-global", "--no-ignore-messages")
"""How ripgrep runs: an ignore file may be a link, and what is wrong within it is nobody's to read."""


@dataclass(frozen=True, slots=True)
class Found:
    """One page of a name search; `paths` are relative and raw, as `os.fsdecode` gives them."""

    paths: list[str]
    total: int
    seen: int
    errors: list[tuple[str, str]]
    failed: int
    trash: bool
    late: bool


@asynccontextmanager
async def opened(spot: Spot) -> AsyncIterator[int]:
    """Hold a directory open for a child to work in; see `working_directory`."""
    with await offload(Held, spot, walk.directory) as fd:
        yield fd


class Held:
    """A descriptor that is closed even if whoever asked for it was cancelled before it came."""

    def __init__(self, spot: Spot, opening: Callable[[Spot], AbstractContextManager[Any]]) -> None:
        self._fd = -1
        with opening(spot) as found:
            self._fd = os.dup(found[0] if isinstance(found, tuple) else found)

    def __enter__(self) -> int:
        return self._fd

    def __exit__(self, *_: object) -> None:
        if self._fd >= 0:
            os.close(self._fd)
        self._fd = -1

    __del__ = __exit__


def working_directory(fd: int, spot: Spot) -> str:
    """Name an open directory for a child that is to start in it: by descriptor where the system can."""
    by_descriptor = f"/proc/self/fd/{fd}"
    return by_descriptor if Path(by_descriptor).exists() else os.path.realpath(spot.path)


def ripgrep() -> str:
    """Find the ripgrep program: the wheel's beside the interpreter, else one on PATH.

    Raises
    ------
    Unsupported
        If there is none.
    """
    beside = Path(sys.executable).with_name("rg.exe" if os.name == "nt" else "rg")
    found = str(beside) if beside.is_file() else shutil.which("rg")
    if found is None:
        raise Unsupported(
            "this needs the program rg (ripgrep), which is not installed",
            hint="pip install ripgrep, or search_files, which does without",
        )
    return found


class IgnoreFiles:
    """Watches a run of ripgrep that takes suspiciously long: is there an ignore file that it must not open?

    Attributes
    ----------
    errors, count
        Those that were found, and how many there are.
    """

    def __init__(self, spot: Spot) -> None:
        self._spot = spot
        self.errors: list[tuple[str, str]] = []
        self.count = 0

    @asynccontextmanager
    async def watching(self, cwd: str) -> AsyncIterator[None]:
        """Leave the block at once when one is found; `count` then says so."""
        with anyio.CancelScope() as scope:
            looking = asyncio.ensure_future(self._look(cwd, scope))
            try:
                yield
            finally:
                looking.cancel()

    async def _look(self, cwd: str, scope: anyio.CancelScope) -> None:
        await asyncio.sleep(_PATIENCE_S)
        words = [sys.executable, "-I", "-S", _IGNORE_FILES, str(_LOOK_S), self._spot.root.real]
        ended = await child.run(words, cwd=cwd)
        if ended.code == 0:
            said = json.loads(ended.out)
            self.errors = [(shown_path(path), f"{why}, so no ignore rules were applied") for path, why in said["found"]]
            self.count = said["count"]
        if self.count:
            scope.cancel()


async def walked(spot: Spot, request: dict[str, Any]) -> Found:
    """Let the walker answer a request; see `walker.Walk` for what it holds.

    Raises
    ------
    StorageUnavailable
        If the walker ends without an answer.
    """
    ignoring = IgnoreFiles(spot)
    async with opened(spot) as fd:
        cwd = working_directory(fd, spot)
        ended = None
        if request["rg"]:
            async with ignoring.watching(cwd):
                ended = await _walk(cwd, request)
        if ended is None:
            ended = await _walk(cwd, request | {"rg": [*request["rg"], "--no-ignore"] if request["rg"] else []})
    if ended.code != 0 or ended.cut:
        raise StorageUnavailable("the search ended without an answer", hint="a path further down, or a smaller limit")
    said = await offload(json.loads, ended.out)
    errors = [*ignoring.errors, *((shown_path(path) or ".", why) for path, why in said["errors"])]
    failed = ignoring.count + said["failed"]
    return Found(said["page"], said["total"], said["seen"], errors, failed, said["trash"], said["late"])


async def _walk(cwd: str, request: dict[str, Any]) -> child.Finished:
    words = [sys.executable, "-I", "-S", _WALKER, json.dumps(request | {"seconds": SECONDS})]
    return await child.run(words, cwd=cwd, most_bytes=128 * 1024 * 1024)
