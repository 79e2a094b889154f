"""Name search: asks the walker process, and makes its page an answer."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from openmanager_core.errors import StorageUnavailable, Unsupported
from openmanager_core.job import offload
from openmanager_kit import child
from openmanager_kit.confined import walk
from openmanager_kit.confined.names import shown_path
from openmanager_kit.confined.roots import Spot

SECONDS = 25.0
"""After so long a search answers with what it has."""
_WALKER = str(Path(__file__).with_name("walker.py"))


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


async def walked(spot: Spot, request: dict[str, Any]) -> Found:
    """Let the walker answer a request; see `walker.Walk` for what it holds.

    Raises
    ------
    StorageUnavailable
        If the walker ends without an answer.
    """
    async with opened(spot) as fd:
        words = [sys.executable, "-I", "-S", _WALKER, json.dumps(request | {"seconds": SECONDS})]
        ended = await child.run(words, cwd=working_directory(fd, spot), most_bytes=128 * 1024 * 1024)
    if ended.code != 0 or ended.cut:
        raise StorageUnavailable("the search ended without an answer", hint="a path further down, or a smaller limit")
    said = json.loads(ended.out)
    errors = [(shown_path(path) or ".", why) for path, why in said["errors"]]
    return Found(said["page"], said["total"], said["seen"], errors, said["failed"], said["trash"], said["late"])
