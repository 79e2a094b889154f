"""Directories, copies, moves and the trash: both ends are checked, and nothing is lost on the way."""

from __future__ import annotations

import json
import os
from pathlib import Path

import anyio
import pytest
from files_served import call, client, inside, refusal, small_disk, texts

pytestmark = pytest.mark.anyio


async def test_directories_are_made_with_those_above_them(tmp_path: Path) -> None:
    for _ in range(2):
        text = texts(await call(tmp_path, "create_directory", path="a/b/c"))[0]
        assert text == f"Successfully created directory {tmp_path}/a/b/c"
    assert (tmp_path / "a" / "b" / "c").is_dir()
    (tmp_path / "f").write_text("")
    (tmp_path / "out").symlink_to("/tmp")
    for path in ("f", "f/x", "out/x", "/etc/x"):
        refusal(await call(tmp_path, "create_directory", path=path))
    texts(await call(tmp_path, "create_directory", path="."))


async def test_a_move_never_replaces_anything(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("a")
    (tmp_path / "b").write_text("b")
    (tmp_path / "d").mkdir()
    (tmp_path / "empty").mkdir()
    for source, destination in (("a", "b"), ("a", "d"), ("d", "empty"), ("a", "none/x"), ("no", "x"), ("d", "d/x")):
        refusal(await call(tmp_path, "move_file", source=source, destination=destination))
    assert inside(tmp_path) == ["a", "b", "d", "empty"]
    text = texts(await call(tmp_path, "move_file", source="a", destination="d/a2"))[0]
    assert text == f"Successfully moved {tmp_path}/a to {tmp_path}/d/a2"
    assert (tmp_path / "d" / "a2").read_text() == "a"


async def test_a_link_is_moved_copied_within_a_tree_and_deleted_as_a_link(tmp_path: Path) -> None:
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "f").write_text("kept")
    (tmp_path / "d" / "out").symlink_to("/etc/passwd")
    (tmp_path / "link").symlink_to("d")
    texts(await call(tmp_path, "move_file", source="link", destination="link2"))
    texts(await call(tmp_path, "copy_path", source="d", destination="d2"))
    texts(await call(tmp_path, "delete_path", path="link2", permanent=True))
    assert str((tmp_path / "d2" / "out").readlink()) == "/etc/passwd"
    assert inside(tmp_path) == ["d", "d2"] and (tmp_path / "d" / "f").read_text() == "kept"
    assert "out of the allowed" in refusal(await call(tmp_path, "copy_path", source="d/out", destination="x"))


async def test_roots_and_what_holds_them_stay_where_they_are(tmp_path: Path) -> None:
    inner = tmp_path / "a" / "b"
    inner.mkdir(parents=True)
    async with client(tmp_path, f"{inner}:ro") as connected:
        for path in (".", "a", "a/b"):
            for tool, arguments in (
                ("move_file", {"source": path, "destination": "x"}),
                ("delete_path", {"path": path, "recursive": True, "permanent": True}),
            ):
                message = refusal(await connected.call_tool(tool, arguments))  # type: ignore[arg-type]
                assert message.startswith("not_allowed"), message
    assert inner.is_dir()


async def test_the_rights_of_both_roots_count(tmp_path: Path) -> None:
    for name in ("rw", "ro"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "f").write_text(name)
    async with client(tmp_path / "rw", f"{tmp_path / 'ro'}:ro") as connected:
        for source, destination in (("ro/f", "rw/g"), ("rw/f", "ro/g")):
            arguments = {"source": str(tmp_path / source), "destination": str(tmp_path / destination)}
            assert "may only be read" in refusal(await connected.call_tool("move_file", arguments))  # type: ignore[arg-type]
        arguments = {"source": str(tmp_path / "ro/f"), "destination": str(tmp_path / "rw/g")}
        texts(await connected.call_tool("copy_path", arguments))  # type: ignore[arg-type]
    assert (tmp_path / "rw" / "g").read_text() == "ro"


async def test_a_move_to_another_file_system_copies_then_deletes(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk") as disk:
        (tmp_path / "d" / "e").mkdir(parents=True)
        (tmp_path / "d" / "e" / "f").write_text("x")
        texts(await call(tmp_path, "move_file", source="d", destination="disk/d"))
        assert (disk / "d" / "e" / "f").read_text() == "x" and not (tmp_path / "d").exists()
        (tmp_path / "big").write_bytes(b"x" * 400_000)
        assert "disk is full" in refusal(await call(tmp_path, "move_file", source="big", destination="disk/big"))
        assert inside(disk) == ["d"] and (tmp_path / "big").stat().st_size == 400_000
        assert "another file system" in refusal(await call(tmp_path, "delete_path", path="disk/d", recursive=True))
        assert (disk / "d" / "e" / "f").read_text() == "x"


async def test_a_copy_keeps_mode_times_and_attributes_and_replaces_only_when_asked(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("a")
    (tmp_path / "a").chmod(0o640)
    os.setxattr(tmp_path / "a", "user.note", b"1")
    os.utime(tmp_path / "a", (1000, 2000))
    (tmp_path / "b").write_text("b")
    assert "already exists" in refusal(await call(tmp_path, "copy_path", source="a", destination="b"))
    texts(await call(tmp_path, "copy_path", source="a", destination="b", overwrite=True))
    status = (tmp_path / "b").stat()
    assert (status.st_mode & 0o777, status.st_mtime, os.getxattr(tmp_path / "b", "user.note")) == (0o640, 2000, b"1")
    assert "same file" in refusal(await call(tmp_path, "copy_path", source="a", destination="a", overwrite=True))


async def test_a_tree_that_cannot_be_copied_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "a").write_text("a")
    os.mkfifo(tmp_path / "d" / "fifo")
    assert "named pipe" in refusal(await call(tmp_path, "copy_path", source="d", destination="d2"))
    assert inside(tmp_path) == ["d"]


async def test_a_copy_that_nobody_waits_for_stops_and_is_taken_back(tmp_path: Path) -> None:
    (tmp_path / "d").mkdir()
    for number in range(3000):
        (tmp_path / "d" / str(number)).write_text("x")
    async with client(tmp_path) as connected:
        with anyio.move_on_after(0.1):
            await connected.call_tool("copy_path", {"source": "d", "destination": "d2"})
            pytest.skip("the copy was faster than its cancelling")
        with anyio.fail_after(20):
            while inside(tmp_path) != ["d"]:  # noqa: ASYNC110 - another thread tidies up
                await anyio.sleep(0.02)


async def test_what_was_deleted_lies_in_the_trash_with_a_note_and_comes_back(tmp_path: Path) -> None:
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "f").write_text("kept")
    assert "not empty" in refusal(await call(tmp_path, "delete_path", path="d"))
    result = await call(tmp_path, "delete_path", path="d", recursive=True)
    assert result.structured_content is not None
    where = Path(result.structured_content["path"])
    assert (where / "f").read_text() == "kept" and not (tmp_path / "d").exists()
    note = json.loads(where.parent.with_suffix(".json").read_text())
    assert note["path"] == str(tmp_path / "d") and note["kind"] == "a directory"
    assert (tmp_path / ".openmanager-trash" / ".gitignore").read_text() == "*\n"
    assert "in the trash already" in refusal(await call(tmp_path, "delete_path", path=str(where), recursive=True))
    texts(await call(tmp_path, "move_file", source=str(where), destination="d"))
    assert (tmp_path / "d" / "f").read_text() == "kept"
    texts(await call(tmp_path, "delete_path", path="d", recursive=True, permanent=True))
    assert inside(tmp_path) == [".openmanager-trash"]


async def test_a_trash_that_is_a_link_is_not_used(tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    (tmp_path / "outside").mkdir()
    (root / ".openmanager-trash").symlink_to(tmp_path / "outside")
    (root / "f").write_text("x")
    refusal(await call(root, "delete_path", path="f"))
    assert (root / "f").exists() and inside(tmp_path / "outside") == []


async def test_the_information_has_the_peers_lines_and_ours(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("one\n")
    (tmp_path / "link").symlink_to("a")
    os.mkfifo(tmp_path / "fifo")
    lines = texts(await call(tmp_path, "get_file_info", path="a"))[0].splitlines()
    keys = [line.split(":")[0] for line in lines]
    assert keys[:7] == ["size", "created", "modified", "accessed", "isDirectory", "isFile", "permissions"]
    assert lines[0] == "size: 4" and lines[5] == "isFile: true" and keys[-1] == "version"
    assert "linkTarget: a" in texts(await call(tmp_path, "get_file_info", path="link"))[0]
    assert "type: named pipe (FIFO)" in texts(await call(tmp_path, "get_file_info", path="fifo"))[0]


async def test_the_allowed_directories_are_listed_with_their_rights(tmp_path: Path) -> None:
    (tmp_path / "ro").mkdir()
    async with client(tmp_path, f"{tmp_path / 'ro'}:ro") as connected:
        text = texts(await connected.call_tool("list_allowed_directories", {}))[0]  # type: ignore[arg-type]
    assert text == f"Allowed directories:\n{tmp_path}\n{tmp_path / 'ro'} [read-only]"


async def test_names_that_are_no_text_are_read_written_and_moved_as_they_are_shown(tmp_path: Path) -> None:
    file = tmp_path / os.fsdecode(b"\xff\n.txt")
    file.write_text("old")
    texts(await call(tmp_path, "write_file", path="\\xff\\n.txt", content="new"))
    assert file.read_text() == "new"
    text = texts(await call(tmp_path, "move_file", source="\\xff\\n.txt", destination="plain"))[0]
    assert "\\xff\\n.txt" in text and (tmp_path / "plain").read_text() == "new"


async def test_a_sparse_file_is_copied_with_its_holes(tmp_path: Path) -> None:
    with (tmp_path / "a").open("wb") as file:
        file.write(b"start")
        file.seek(3 * 1024**3)
        file.write(b"middle")
        file.truncate(4 * 1024**3)
    texts(await call(tmp_path, "copy_path", source="a", destination="b"))
    status = (tmp_path / "b").stat()
    assert status.st_size == 4 * 1024**3 and status.st_blocks * 512 < 10_000_000
    with (tmp_path / "b").open("rb") as file:
        assert file.read(6) == b"start\0"
        file.seek(3 * 1024**3)
        assert file.read(7) == b"middle\0"


async def test_a_tree_too_deep_is_refused_for_copying_and_deleting_and_fits_the_trash(tmp_path: Path) -> None:
    fd = os.open(tmp_path, os.O_RDONLY)
    for _ in range(220):
        os.mkdir("d", dir_fd=fd)
        inner = os.open("d", os.O_RDONLY, dir_fd=fd)
        os.close(fd)
        fd = inner
    os.close(fd)
    assert "levels" in refusal(await call(tmp_path, "copy_path", source="d", destination="e"))
    assert "levels" in refusal(await call(tmp_path, "delete_path", path="d", recursive=True, permanent=True))
    assert inside(tmp_path) == ["d"]
    texts(await call(tmp_path, "delete_path", path="d", recursive=True))
