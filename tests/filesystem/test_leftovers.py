"""Temporary files of a process that was killed are swept, and nothing else is."""

from __future__ import annotations

import fcntl
import os
import time
from pathlib import Path

import pytest
from files_served import call, inside, texts

OURS = ".openmanager-0123456789abcde{}.tmp"


@pytest.mark.anyio
async def test_a_write_sweeps_old_leftovers_and_nothing_else(tmp_path: Path) -> None:
    old, young, locked, linked, piped = (OURS.format(digit) for digit in "12345")
    other = ".openmanager-notes.tmp"
    for name in (old, young, locked, other):
        (tmp_path / name).write_text("left behind")
    (tmp_path / linked).symlink_to(other)
    os.mkfifo(tmp_path / piped)
    past = time.time() - 7200
    for name in (old, locked, other, piped):
        os.utime(tmp_path / name, (past, past))
    with (tmp_path / locked).open() as writing:
        fcntl.flock(writing, fcntl.LOCK_EX)
        texts(await call(tmp_path, "write_file", path="f.txt", content="new"))
    assert inside(tmp_path) == sorted([young, locked, linked, piped, other, "f.txt"])


@pytest.mark.anyio
async def test_a_directory_is_looked_through_once_an_hour(tmp_path: Path) -> None:
    texts(await call(tmp_path, "write_file", path="f.txt", content="new"))
    late = tmp_path / OURS.format("6")
    late.write_text("left behind")
    os.utime(late, (0, 0))
    texts(await call(tmp_path, "write_file", path="f.txt", content="newer"))
    assert late.exists()
