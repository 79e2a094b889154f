"""Trees that change under a search or are made to hold it: nothing from outside appears, and nothing hangs."""

from __future__ import annotations

import json
import os
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import anyio
import pytest
from finding import call, client, texts
from served import environment

from openmanager_kit import child

TOOLS = {
    "search_text": {"pattern": "hit", "mode": "files"},
    "search_files": {"pattern": "**/*.txt", "gitignore": True},
}


@pytest.mark.anyio
@pytest.mark.parametrize("name", [".gitignore", ".ignore", ".rgignore"])
async def test_a_fifo_in_the_place_of_an_ignore_file_is_reported_and_holds_no_search(tmp_path: Path, name: str) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / ".git").mkdir()
    (tmp_path / "a" / "b" / "x.txt").write_text("hit\n")
    os.mkfifo(tmp_path / "a" / name)
    async with client(tmp_path) as over:
        for tool, arguments in TOOLS.items():
            with anyio.fail_after(15):
                answer = await call(over, tool, path=".", **arguments)
            said = "\n".join(texts(answer))
            assert f"{tmp_path}/a/b/x.txt" in said
            assert f"1 place could not be read: a/{name} (a named pipe (FIFO), so no ignore rules were applied)" in said


@pytest.mark.anyio
async def test_a_fifo_above_the_searched_directory_holds_no_search(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "x.txt").write_text("hit\n")
    os.mkfifo(tmp_path / ".ignore")
    async with client(tmp_path) as over:
        for tool, arguments in TOOLS.items():
            with anyio.fail_after(15):
                answer = await call(over, tool, path="a", **arguments)
            assert f"{tmp_path}/a/x.txt" in texts(answer)[0]
            assert ".ignore above the directory (a named pipe (FIFO)" in texts(answer)[1]


@pytest.mark.anyio
async def test_a_socket_or_a_directory_in_the_place_of_an_ignore_file_changes_nothing(tmp_path: Path) -> None:
    (tmp_path / "x.txt").write_text("hit\n")
    (tmp_path / ".gitignore").mkdir()
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(tmp_path / ".ignore"))
        async with client(tmp_path) as over:
            for tool, arguments in TOOLS.items():
                with anyio.fail_after(15):
                    assert f"{tmp_path}/x.txt" in texts(await call(over, tool, path=".", **arguments))[0]


@pytest.mark.anyio
async def test_what_an_ignore_file_that_leads_outside_says_is_shown_to_nobody(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("[z-a]password\n")
    root = tmp_path / "root"
    (root / "sub").mkdir(parents=True)
    (root / "x.txt").write_text("hit\n")
    (root / "sub" / ".ignore").symlink_to(tmp_path / "secret")
    os.mkfifo(root / "sub" / ".rgignore")
    async with client(root) as over:
        answer = await call(over, "search_text", path=".", pattern="hit")
    assert "password" not in str(answer)
    assert "a link out of the allowed directory" in str(answer)


@contextmanager
def swapped(place: Path, outside: Path) -> Iterator[None]:
    """Let a directory be now itself and now a link to `outside`, as fast as that can be."""
    aside, over = place.with_name("aside"), threading.Event()

    def swap() -> None:
        while not over.is_set():
            with suppress(OSError):
                place.rename(aside)
                place.symlink_to(outside)
                place.unlink()
                aside.rename(place)

    swapping = threading.Thread(target=swap)
    swapping.start()
    try:
        yield
    finally:
        over.set()
        swapping.join()


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("tool", "arguments"),
    [
        ("directory_tree", {"max_chars": 100_000}),
        ("search_files", {"pattern": "**/*"}),
        ("search_files", {"pattern": "**/*", "gitignore": True}),
        ("search_text", {"pattern": "hit"}),
    ],
)
async def test_a_link_swapped_in_during_a_walk_leads_nobody_out(
    tmp_path: Path, tool: str, arguments: dict[str, object]
) -> None:
    outside, root = tmp_path / "outside", tmp_path / "root"
    outside.mkdir()
    (outside / "stolen.txt").write_text("hit: stolen\n")
    for number in range(20):
        (root / f"d{number:02d}").mkdir(parents=True)
        (root / f"d{number:02d}" / "own.txt").write_text("hit: own\n")
    async with client(root) as over:
        with swapped(root / "d10", outside):
            for _ in range(12):
                answer = str(await call(over, tool, path=".", **arguments))
                assert "stolen" not in answer
                assert "own" in answer


@pytest.mark.anyio
async def test_a_line_is_proved_in_every_encoding_that_ripgrep_reads(tmp_path: Path) -> None:
    lines = "first hit\nzwischen\nzweiter Ümlaut hit\n"
    (tmp_path / "bom.txt").write_bytes(lines.encode("utf-8-sig"))
    (tmp_path / "wide.txt").write_bytes(lines.encode("utf-16"))
    (tmp_path / "wider.txt").write_bytes(b"\xfe\xff" + lines.encode("utf-16-be"))
    (tmp_path / "latin.txt").write_bytes(lines.encode("latin-1"))
    (tmp_path / "long.txt").write_text("x\n" + "hit " * 200_000 + "\nhit\n")
    async with client(tmp_path) as over:
        answer = await call(over, "search_text", path=".", pattern="hit", before=1, max_chars=100_000)
    assert answer.structured_content is not None
    matches = answer.structured_content["matches"]
    names = [match["path"].rpartition("/")[2] for match in matches]
    assert [names.count(f"{name}.txt") for name in ("bom", "wide", "wider", "latin", "long")] == [2] * 5
    assert "changed meanwhile" not in str(answer)


@pytest.mark.anyio
async def test_an_unreadable_directory_is_reported_and_does_not_end_a_search(tmp_path: Path) -> None:
    for name in ("closed", "open"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "x.txt").write_text("hit\n")
    (tmp_path / "closed").chmod(0o000)
    if os.getuid() == 0:
        os.chown(tmp_path / "closed", 65534, 65534)
    words = [sys.executable, str(Path(__file__).with_name("searched_without_rights.py")), str(tmp_path)]
    ended = await child.run(words, env=environment(tmp_path))
    assert ended.code == 0, ended.err
    for said in json.loads(ended.out):
        assert "/open/x.txt" in said or '"x.txt"' in said
        assert "1 place could not be read: closed (permission denied)" in said
    (tmp_path / "closed").chmod(0o700)
