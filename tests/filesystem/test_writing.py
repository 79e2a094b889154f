"""Writing: whole or not at all, keeping what belongs to the file, and nobody's change is lost."""

from __future__ import annotations

import os
import random
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from files_served import call, client, inside, refusal, small_disk, texts
from mcp_types import CallToolResult
from served import environment

from openmanager_core.errors import Conflict
from openmanager_filesystem.storing import held
from openmanager_kit.confined.roots import Roots

pytestmark = pytest.mark.anyio


async def write(root: Path, content: str = "new\n", **arguments: Any) -> CallToolResult:
    return await call(root, "write_file", **{"path": "f", "content": content, **arguments})


async def test_a_file_is_created_and_replaced_and_its_version_said(tmp_path: Path) -> None:
    text = texts(await write(tmp_path, "one\r\n"))[0]
    assert text.startswith(f"Successfully wrote to {tmp_path / 'f'}\n[version ")
    assert (tmp_path / "f").read_bytes() == b"one\r\n"
    texts(await write(tmp_path, "é", encoding="utf-16"))
    assert (tmp_path / "f").read_bytes() == b"\xff\xfe\xe9\0"
    assert inside(tmp_path) == ["f"]


async def test_a_version_decides_whether_it_may_be_written(tmp_path: Path) -> None:
    first = (await write(tmp_path, version="new")).structured_content
    assert first is not None
    assert refusal(await write(tmp_path, version="new")).startswith("conflict")
    second = (await write(tmp_path, "two", version=first["version"])).structured_content
    assert second is not None and second["version"] != first["version"]
    assert refusal(await write(tmp_path, "three", version=first["version"])).startswith("conflict")
    assert (tmp_path / "f").read_text() == "two"


async def test_what_cannot_be_written_is_refused_and_nothing_left(tmp_path: Path) -> None:
    (tmp_path / "d").mkdir()
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "out").symlink_to("/tmp/no-such-file-outside")
    for path in ("none/f", "d", "fifo", "out", "/etc/x", "a\0b", "x" * 300):
        refusal(await write(tmp_path, path=path))
    assert "U+D55C" in refusal(await write(tmp_path, "한", encoding="latin-1"))
    assert inside(tmp_path) == ["d", "fifo", "out"]


async def test_a_root_for_reading_only_is_not_written(tmp_path: Path) -> None:
    (tmp_path / "f").write_text("old")
    for tool, arguments in (
        ("write_file", {"path": "f", "content": "x"}),
        ("append_file", {"path": "f", "content": "x"}),
        ("insert_lines", {"path": "f", "line": 1, "content": "x"}),
        ("edit_file", {"path": "f", "edits": [{"oldText": "old", "newText": "x"}]}),
        ("create_directory", {"path": "d"}),
        ("delete_path", {"path": "f"}),
        ("move_file", {"source": "f", "destination": "g"}),
        ("copy_path", {"source": "f", "destination": "g"}),
    ):
        assert "may only be read" in refusal(await call(f"{tmp_path}:ro", tool, **arguments))
    assert inside(tmp_path) == ["f"] and (tmp_path / "f").read_text() == "old"


async def test_owner_mode_and_attributes_stay(tmp_path: Path) -> None:
    file = tmp_path / "f"
    file.write_text("old")
    if os.geteuid() == 0:
        os.chown(file, 1234, 4321)
    file.chmod(0o2751)
    os.setxattr(file, "user.note", b"kept")
    before = file.stat()
    texts(await write(tmp_path))
    after = file.stat()
    assert (after.st_uid, after.st_gid, after.st_mode) == (before.st_uid, before.st_gid, before.st_mode)
    assert os.getxattr(file, "user.note") == b"kept" and after.st_ino != before.st_ino


async def test_a_file_with_several_names_is_replaced_under_this_one_and_that_is_said(tmp_path: Path) -> None:
    (tmp_path / "f").write_text("old")
    (tmp_path / "g").hardlink_to(tmp_path / "f")
    assert "1 other name(s)" in texts(await write(tmp_path))[0]
    assert ((tmp_path / "f").read_text(), (tmp_path / "g").read_text()) == ("new\n", "old")


async def test_a_link_inside_is_written_through(tmp_path: Path) -> None:
    (tmp_path / "d").mkdir()
    (tmp_path / "f").symlink_to("d/real")
    texts(await write(tmp_path))
    assert (tmp_path / "f").is_symlink() and (tmp_path / "d" / "real").read_text() == "new\n"


@pytest.mark.parametrize(
    ("raw", "arguments", "after"),
    [
        (b"a\nb\n", {"line": 1, "content": "x"}, b"x\na\nb\n"),
        (b"a\nb\n", {"line": 2, "content": "x\ny\n"}, b"a\nx\ny\nb\n"),
        (b"a\nb\n", {"line": 3, "content": "x"}, b"a\nb\nx\n"),
        (b"a\nb", {"line": 0, "content": "x"}, b"a\nb\nx"),
        (b"a\r\nb\r\n", {"line": 2, "content": "x"}, b"a\r\nx\r\nb\r\n"),
        (b"\xef\xbb\xbfa\n", {"line": 1, "content": "x"}, b"\xef\xbb\xbfx\na\n"),
        (b"caf\xe9\n", {"line": -1, "content": "\u00fc"}, b"caf\xe9\n\xfc\n"),
        (b"", {"line": 1, "content": "x"}, b"x\n"),
    ],
)
async def test_lines_are_inserted_where_they_are_meant(
    tmp_path: Path, raw: bytes, arguments: dict[str, Any], after: bytes
) -> None:
    (tmp_path / "f").write_bytes(raw)
    texts(await call(tmp_path, "insert_lines", path="f", **arguments))
    assert (tmp_path / "f").read_bytes() == after


async def test_a_line_past_the_end_is_refused(tmp_path: Path) -> None:
    (tmp_path / "f").write_text("a\n")
    assert "the file has 1 lines" in refusal(await call(tmp_path, "insert_lines", path="f", line=3, content="x"))


async def test_appending_keeps_encoding_and_line_ends(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"caf\xe9\r\n")
    texts(await call(tmp_path, "append_file", path="f", content="\u00fc\n"))
    assert (tmp_path / "f").read_bytes() == b"caf\xe9\r\n\xfc\r\n"
    assert refusal(await call(tmp_path, "append_file", path="g", content="x", create=False)).startswith("not_found")
    texts(await call(tmp_path, "append_file", path="g", content="x"))
    assert (tmp_path / "g").read_text() == "x"


async def test_a_huge_file_is_continued_in_place(tmp_path: Path) -> None:
    with (tmp_path / "f").open("wb") as file:
        file.write(b"text\n" * 20_000)
        file.truncate(65 * 1024 * 1024)
    assert "continued in place" in texts(await call(tmp_path, "append_file", path="f", content="end"))[0]
    with (tmp_path / "f").open("rb") as file:
        file.seek(-4, os.SEEK_END)
        assert file.read() == b"\0end"


@pytest.mark.parametrize("how", ["in place", "by another name", "deleted"])
def test_a_change_that_another_program_makes_meanwhile_is_not_lost(tmp_path: Path, how: str) -> None:
    file = tmp_path / "f"
    file.write_text("old")
    with pytest.raises(Conflict), held(Roots.parse([str(tmp_path)]).locate("f")) as mine:
        assert mine.content() == b"old"
        if how == "in place":
            file.write_text("NEW")
        elif how == "deleted":
            file.unlink()
        else:
            (tmp_path / "g").write_text("NEW")
            (tmp_path / "g").rename(file)
        mine.replace(b"ours")
    assert inside(tmp_path) == ([] if how == "deleted" else ["f"])
    assert how == "deleted" or file.read_text() == "NEW"


def test_a_file_created_meanwhile_is_not_overwritten(tmp_path: Path) -> None:
    with pytest.raises(Conflict), held(Roots.parse([str(tmp_path)]).locate("f")) as mine:
        (tmp_path / "f").write_text("theirs")
        mine.replace(b"ours")
    assert (tmp_path / "f").read_text() == "theirs"


_ADDS = """
import sys
from openmanager_filesystem.storing import held
from openmanager_kit.confined.roots import Roots
spot = Roots.parse([sys.argv[1]]).locate("count")
for _ in range(40):
    with held(spot) as mine:
        mine.replace(b"%d" % (int(mine.content()) + 1))
"""


def test_processes_of_ours_wait_for_each_other(tmp_path: Path) -> None:
    (tmp_path / "count").write_text("0")
    adders = [
        subprocess.Popen([sys.executable, "-c", _ADDS, str(tmp_path)], env=environment(tmp_path)) for _ in range(3)
    ]
    assert [adder.wait(40) for adder in adders] == [0, 0, 0]
    assert (tmp_path / "count").read_text() == "120"


_WRITES = """
import itertools, sys
from openmanager_filesystem.storing import held
from openmanager_kit.confined.roots import Roots
spot = Roots.parse([sys.argv[1]]).locate("f")
for number in itertools.count():
    with held(spot) as mine:
        mine.replace(b"%08d" % number * 30_000)
    if not number:
        print("ready", flush=True)
"""


def test_a_writer_that_is_killed_leaves_one_whole_version(tmp_path: Path) -> None:
    chance = random.Random(7)
    for _ in range(6):
        writer = subprocess.Popen(
            [sys.executable, "-c", _WRITES, str(tmp_path)], env=environment(tmp_path), stdout=subprocess.PIPE
        )
        assert writer.stdout is not None and writer.stdout.readline() == b"ready\n"
        time.sleep(chance.uniform(0, 0.05))  # any moment is as good as another
        writer.send_signal(signal.SIGKILL)
        writer.wait()
        writer.stdout.close()
        content = (tmp_path / "f").read_bytes()
        assert len(content) == 240_000 and content == content[:8] * 30_000
    left = [name for name in inside(tmp_path) if name != "f"]
    assert all(name.startswith(".openmanager-") and name.endswith(".tmp") for name in left) and len(left) <= 6


async def test_a_full_disk_leaves_the_old_content_and_says_so(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk") as disk:
        (disk / "f").write_text("old")
        message = refusal(await write(disk, "x" * 400_000))
        assert message.startswith("storage_unavailable") and "disk is full; nothing was changed" in message
        assert (disk / "f").read_text() == "old" and inside(disk) == ["f"]
        assert "disk is full" in refusal(await call(disk, "append_file", path="f", content="x" * 400_000))
        (disk / "big").write_text("x" * 150_000)
        assert "disk is full" in refusal(await call(disk, "copy_path", source="big", destination="big2"))
        assert inside(disk) == ["big", "f"]


_LIMITED = """
import resource, signal, sys
from openmanager_core.errors import FleetError
from openmanager_filesystem.storing import held
from openmanager_kit.confined.roots import Roots
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
try:
    with held(Roots.parse([sys.argv[1]]).locate("f")) as mine:
        mine.replace(b"x" * 200_000)
except FleetError as exc:
    print(exc)
"""


def test_a_file_larger_than_the_system_allows_leaves_the_old_content(tmp_path: Path) -> None:
    (tmp_path / "f").write_text("old")
    words = [sys.executable, "-c", _LIMITED, str(tmp_path)]
    done = subprocess.run(words, capture_output=True, text=True, env=environment(tmp_path), timeout=30)
    assert done.stdout.startswith("storage_unavailable"), done.stderr
    assert (tmp_path / "f").read_text() == "old" and inside(tmp_path) == ["f"]


async def test_descriptors_do_not_leak(tmp_path: Path) -> None:
    assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] > 0
    (tmp_path / "d").mkdir()
    async with client(tmp_path) as connected:
        counts = []
        for number in range(6):
            for tool, arguments in (
                ("write_file", {"path": "f", "content": f"{number}\n"}),
                ("edit_file", {"path": "f", "edits": [{"oldText": f"{number}", "newText": "x"}]}),
                ("edit_file", {"path": "f", "edits": [{"oldText": "no", "newText": "x"}]}),
                ("read_text_file", {"path": "d"}),
                ("copy_path", {"source": "f", "destination": f"d/{number}"}),
                ("copy_path", {"source": "d", "destination": "d/inside"}),
                ("delete_path", {"path": f"d/{number}"}),
                ("create_directory", {"path": f"deep/{number}/x"}),
            ):
                await connected.call_tool(tool, arguments)
            counts.append(len(inside(Path("/proc/self/fd"))))
    assert counts[-1] == counts[1]
