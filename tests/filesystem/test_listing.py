"""Listings: every entry once, as what it is, within the size that was asked for."""

from __future__ import annotations

import json
import os
import socket
from pathlib import Path

import pytest
from finding import call, client, cursor_of, texts


@pytest.mark.anyio
async def test_an_entry_is_shown_as_what_it_is(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to("folder")
    os.mkfifo(tmp_path / "pipe")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(tmp_path / "sock"))
        async with client(tmp_path) as over:
            answer = await call(over, "list_directory", path=str(tmp_path))
    assert texts(answer) == ["[FILE] file\n[DIR] folder\n[LINK] link -> folder\n[FIFO] pipe\n[SOCKET] sock"]
    assert answer.structured_content is not None
    assert {"name": "link", "type": "link", "target": "folder"} in answer.structured_content["entries"]


@pytest.mark.anyio
@pytest.mark.parametrize("tool", ["list_directory", "list_directory_with_sizes"])
async def test_ten_thousand_entries_come_page_by_page_each_once(tmp_path: Path, tool: str) -> None:
    names = {f"file-{i:05d}.txt" for i in range(10_000)}
    for name in names:
        (tmp_path / name).touch()
    seen: list[str] = []
    async with client(tmp_path) as over:
        cursor, first = "", True
        while first or cursor:
            # The first page is of the usual size, the others are larger to save time.
            answer = await call(over, tool, path=".", cursor=cursor, max_chars=10_000 if first else 200_000)
            structured = answer.structured_content
            assert structured is not None and structured["total"] == 10_000
            if first:
                assert sum(map(len, texts(answer))) <= 10_000
                assert len(json.dumps(structured, separators=(",", ":"))) <= 10_000
            seen += [entry["name"] for entry in structured["entries"]]
            cursor, first = structured["next_cursor"] or "", False
            assert cursor_of(answer) == cursor
    assert len(seen) == 10_000 and set(seen) == names and seen == sorted(seen)


@pytest.mark.anyio
async def test_sizes_stand_in_the_columns_of_the_reference_server(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"x" * 14)
    (tmp_path / "big.txt").write_bytes(b"x" * 2500)
    (tmp_path / "folder").mkdir()
    async with client(tmp_path) as over:
        by_size = texts(await call(over, "list_directory_with_sizes", path=".", sortBy="size"))[0]
    assert by_size.splitlines() == [
        "[FILE] big.txt                           2.44 KB",
        "[FILE] a.txt                                14 B",
        "[DIR] folder                         ",
        "",
        "Total: 2 files, 1 directories",
        "Combined size: 2.46 KB",
    ]


@pytest.mark.anyio
async def test_totals_count_the_whole_directory_on_every_page(tmp_path: Path) -> None:
    for i in range(20):
        (tmp_path / f"{i:02d}").write_bytes(b"x" * 10)
    async with client(tmp_path) as over:
        answer = await call(over, "list_directory_with_sizes", path=".", limit=3)
    assert "Total: 20 files, 0 directories\nCombined size: 200 B" in texts(answer)[0]
    assert texts(answer)[1].startswith("[entries 1 to 3 of 20; cursor=")


@pytest.mark.anyio
async def test_names_that_are_no_text_are_one_entry_and_lead_back(tmp_path: Path) -> None:
    for raw in (b"line\nbreak", b"\xff\xfe", b"esc\x1b[31m"):
        folder = tmp_path / os.fsdecode(raw)
        folder.mkdir()
        (folder / "inside").touch()
    async with client(tmp_path) as over:
        answer = await call(over, "list_directory", path=".")
        assert answer.structured_content is not None
        shown = [entry["name"] for entry in answer.structured_content["entries"]]
        assert len(shown) == len(texts(answer)[0].splitlines()) == 3
        for name in shown:
            assert texts(await call(over, "list_directory", path=name)) == ["[FILE] inside"]


@pytest.mark.anyio
async def test_an_empty_directory_says_so_and_what_is_none_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "empty").mkdir()
    (tmp_path / "out").symlink_to("/etc")
    async with client(tmp_path) as over:
        assert texts(await call(over, "list_directory", path="empty")) == ["[the directory is empty]"]
        for path, says in (("file", "not a directory"), ("none", "does not exist"), ("out", "out of the allowed")):
            result = await over.call_tool("list_directory", {"path": path})
            assert result.is_error and says in texts(result)[0]
        (tmp_path / "empty" / "x").touch()
        page = await call(over, "list_directory", path=".", limit=2)
        (tmp_path / "out").unlink()
        (tmp_path / "file").unlink()
        late = await over.call_tool("list_directory", {"path": ".", "limit": 2, "cursor": cursor_of(page)})
        assert late.is_error and "past the end" in texts(late)[0]
