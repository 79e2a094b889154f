"""The filesystem server beside npm's `@modelcontextprotocol/server-filesystem`, the same calls in turn.

Run: ``python benchmarks/filesystem.py [--data FOLDER] [--rounds 5] [--only NAME] [--peer COMMAND]``. Half a gigabyte
of data is made, once where a folder is given; the peer is installed into the user's cache unless its command is given.
Prints milliseconds and the ratio of ours to the peer's; asserts only that the answers are right. Targets for the p50:
the peer's at most (a round trip of the Python SDK, 0.5 ms, aside), a quarter of it for trees and lists with sizes, a
twentieth for searches by name; no cheap call waits more than 20 ms for a slow one.
"""

from __future__ import annotations

import argparse
import os
import random
import shlex
import shutil
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import peer_servers
import side_by_side
from side_by_side import Behind, Case

PACKAGE, VERSION = "@modelcontextprotocol/server-filesystem", "2026.8.31"
LAYOUT = "1"
"""Raised when the data change, so that a kept folder is made anew."""

ENTRIES, LEAVES, WIDE, WIDE_FOLDERS, HITS, TOGETHER = 10_000, 5_000, 100_000, 500, 20_000, 100
ROUND_TRIP_S = 0.0005
EDITED_LINE = 10_000


def make_data(root: Path) -> None:
    """Write everything below `root`, the same each time, unless it is there already."""
    done = root / "layout"
    if done.exists() and done.read_text("utf-8") == LAYOUT:
        return
    shutil.rmtree(root, ignore_errors=True)
    root.mkdir(parents=True)
    chance = random.Random(1)
    words = ["".join(chance.choices("abcdefghijklmnopqrstuvwxyz", k=chance.randint(2, 12))) for _ in range(2000)]
    block = "".join(f"{number:07d} {' '.join(chance.choices(words, k=12))}\n" for number in range(12_000)).encode()
    (root / "small.txt").write_bytes(block[:10_000])
    (root / "large.txt").write_bytes((block * 12)[:10_000_000])
    with (root / "huge.log").open("wb") as log:
        for _ in range(100_000_000 // len(block) + 1):
            log.write(block)
    for number in range(TOGETHER):
        _write(root / "together" / f"part_{number:03d}.txt", block[number * 5000 : number * 5000 + 10_000])
    for number in range(ENTRIES):
        _write(root / "flat" / f"entry_{number:05d}.txt", block[: number % 3000])
    for number in range(LEAVES):
        _write(root / "tree" / f"area_{number % 10}" / f"part_{number % 100:02d}" / f"leaf_{number:04d}.txt", b"")
    for number in range(WIDE):
        kind = "log" if number % (WIDE // HITS) == 0 else "txt"
        _write(root / "wide" / f"folder_{number % WIDE_FOLDERS:03d}" / f"item_{number:06d}.{kind}", b"")
    _write(root / "wide" / "folder_321" / "needle.cfg", b"")
    done.write_text(LAYOUT, encoding="utf-8")


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def write_edited(root: Path) -> None:
    """Write one file of a megabyte for each contestant, with a line that counts their edits."""
    lines = [f"setting_{number:05d} = 'the value of this one, as it was at first'\n" for number in range(16_000)]
    lines[EDITED_LINE] = "edits = 0;\n"
    for name in (side_by_side.OURS, side_by_side.OURS_WHOLE, side_by_side.PEER):
        _edited(root, name).write_text("".join(lines), encoding="utf-8")


def _edited(root: Path, contestant: str) -> Path:
    return root / f"edited by {contestant}.txt"


def make_cases(root: Path) -> list[Case]:
    """List the calls of the comparison."""

    def at(name: str, **more: object) -> side_by_side.Arguments:
        given = {"path": str(root / name), **more}
        return lambda contestant, number: given

    def edit(contestant: str, number: int) -> Mapping[str, Any]:
        change = {"oldText": f"edits = {number};", "newText": f"edits = {number + 1};"}
        return {"path": str(_edited(root, contestant)), "edits": [change]}

    small, large = ((root / name).read_text("utf-8") for name in ("small.txt", "large.txt"))
    together = {"paths": [str(path) for path in sorted((root / "together").iterdir())]}
    one = ROUND_TRIP_S
    return [
        Case(
            "trivial (allowed directories)",
            "list_allowed_directories",
            lambda contestant, number: {},
            200,
            1,
            lambda text: str(root) in text,
            free_s=one,
        ),
        Case(
            "read 10 kB",
            "read_text_file",
            at("small.txt"),
            100,
            1,
            lambda text: text.startswith(small),  # ours puts facts behind it
            True,
            one,
        ),
        Case("read 10 MB", "read_text_file", at("large.txt"), 4, 1, lambda text: text.startswith(large), True),
        Case(
            "tail, 100 lines of 100 MB",
            "read_text_file",
            at("huge.log", tail=100),
            50,
            1,
            lambda text: (
                99 <= len(text.splitlines()) <= 102
            ),  # the peer counts what follows the last newline, ours adds facts
            True,
            one,
        ),
        Case(
            "list 10,000",
            "list_directory",
            at("flat"),
            10,
            1,
            lambda text: text.count("[FILE] entry_") == ENTRIES,
            True,
        ),
        Case(
            "list 10,000 with sizes",
            "list_directory_with_sizes",
            at("flat"),
            3,
            1 / 4,
            lambda text: text.count("[FILE] entry_") == ENTRIES,
            True,
        ),
        Case(
            "tree of 5,000",
            "directory_tree",
            at("tree"),
            5,
            1 / 4,
            lambda text: text.count('"leaf_') == LEAVES,
            True,
        ),
        Case(
            "search 100,000 names, 20,000 hits",
            "search_files",
            at("wide", pattern="**/*.log"),
            1,
            1 / 20,
            lambda text: text.count(".log") == HITS,
            True,
        ),
        Case(
            "search 100,000 names, one hit",
            "search_files",
            at("wide", pattern="**/needle.cfg"),
            1,
            1 / 20,
            lambda text: text.count("needle.cfg") == 1,
        ),
        Case("edit 1 MB", "edit_file", edit, 10, 1, lambda text: "\n-edits = " in text and "\n+edits = " in text),
        Case(
            "read 100 files",
            "read_multiple_files",
            lambda contestant, number: together,
            10,
            1,
            lambda text: len(text) > TOGETHER * 10_000,
            True,
        ),
    ]


def make_rows(root: Path) -> list[Behind]:
    """List the waits of the comparison."""
    cheap = ("list_allowed_directories", {})
    search = {"path": str(root / "wide"), "pattern": "**/*.log"}
    return [
        Behind("allowed directories during the name search", "search_files", search, *cheap),
        Behind("allowed directories during a 10 MB read", "read_text_file", {"path": str(root / "large.txt")}, *cheap),
    ]


def main(argv: Sequence[str] | None = None) -> int:
    """Run the comparison."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    side_by_side.add_arguments(parser)
    args = parser.parse_args(argv)
    peer = shlex.split(args.peer) if args.peer else peer_servers.from_npm(PACKAGE, VERSION, "dist/index.js")
    with tempfile.TemporaryDirectory() as scratch:
        root = Path(os.path.realpath(args.data or scratch)) / "filesystem"
        make_data(root)
        write_edited(root)
        contest = side_by_side.contest(args, "filesystem", root, peer)
        cases, rows = ([one for one in found if args.only in one.name] for found in (make_cases(root), make_rows(root)))
        if cases:
            side_by_side.compare(contest, cases)
        if rows:
            side_by_side.compare_waits(contest, rows)
    return 0


if __name__ == "__main__":
    sys.exit(main())
