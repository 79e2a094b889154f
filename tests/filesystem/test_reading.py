"""Reading: what is asked for, exactly, whatever the file; and how to go on where it did not fit."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from files_served import call, client, refusal, texts
from hypothesis import given
from hypothesis import strategies as st
from mcp_types import AudioContent, BlobResourceContents, EmbeddedResource, ImageContent
from served import environment

from openmanager_filesystem import reading
from openmanager_filesystem.decoding import Coding, coding_of
from openmanager_filesystem.reading import Bytes

pytestmark = pytest.mark.anyio


async def read(root: Path, **arguments: Any) -> str:
    return texts(await call(root, "read_text_file", **arguments))[0]


@pytest.mark.parametrize(
    ("content", "arguments", "expected"),
    [
        ("one\ntwo\nthree\n", {"tail": 1}, "three\n"),
        ("one\ntwo\nthree", {"tail": 1}, "three"),
        ("one\ntwo\nthree", {"tail": 2}, "two\nthree"),
        ("one\ntwo\nthree", {"head": 0}, ""),
        ("one\ntwo\nthree", {"tail": 0}, ""),
        ("one\ntwo\nthree", {"head": 2}, "one\ntwo\n"),
        ("one\ntwo\nthree", {"head": 99}, "one\ntwo\nthree"),
        ("one\ntwo\nthree", {"offset": 2, "limit": 1}, "two\n"),
        ("one\r\ntwo\r\n", {"offset": 2}, "two\r\n"),
        ("", {}, ""),
        ("", {"tail": 3}, ""),
    ],
)
async def test_the_lines_that_are_asked_for_come_exactly(
    tmp_path: Path, content: str, arguments: dict[str, int], expected: str
) -> None:
    (tmp_path / "f").write_bytes(content.encode())
    assert await read(tmp_path, path="f", **arguments) == expected


async def test_a_file_of_exactly_the_bound_is_sent_whole_and_once(tmp_path: Path) -> None:
    (tmp_path / "f").write_text("x" * 9_999 + "\n")
    result = await call(tmp_path, "read_text_file", path="f")
    assert texts(result)[0] == "x" * 9_999 + "\n"
    assert result.structured_content is None
    assert re.fullmatch(r"\[version [0-9a-f]{16}; 1 line; 10,000 bytes; utf-8\]", texts(result)[1])


async def test_a_long_file_says_how_to_go_on_until_all_of_it_was_read(tmp_path: Path) -> None:
    content = "".join(f"line {number} é\n" for number in range(3000)) + "y" * 25_000 + "\nend"
    (tmp_path / "f").write_text(content)
    arguments: dict[str, Any] = {"path": "f"}
    got = ""
    async with client(tmp_path) as connected:
        for _ in range(20):
            text, facts = texts(await connected.call_tool("read_text_file", arguments))  # type: ignore[arg-type]
            assert len(text) + len(facts) <= 10_000
            got += text
            onward = re.search(r"go on with (\w+)=([\w-]+)", facts)
            if onward is None:
                break
            arguments = {"path": "f", onward[1]: int(onward[2]) if onward[1] == "offset" else onward[2]}
    assert got == content


LINES = st.lists(st.text(alphabet="aé한😀\r ", max_size=6), max_size=8).map("\n".join)


@given(LINES, st.integers(0, 9), st.integers(0, 9), st.integers(4, 40))
def test_windows_match_their_naive_twin(text: str, first: int, count: int, most: int) -> None:
    data = text.encode()
    lines = text.split("\n")
    lines = [line + "\n" for line in lines[:-1]] + ([lines[-1]] if lines[-1] else [])
    source, coding = Bytes(len(data), data=data), Coding("utf-8")
    expected = "".join(lines[-count:]) if count else ""
    assert data[reading.tail_start(source, count) :].decode() == expected
    if first < len(lines):
        start = reading.line_start(source, first + 1)
        wanted = "".join(lines[first : first + count])
        got, position, left = "", start, count
        while left > 0 or not got:
            found = reading.window(source, coding, position, first + 1, left, most)
            got += found.text
            assert len(found.text) <= most
            if found.onward < 0:
                break
            left -= found.text.count("\n")
            position = found.onward
        assert got == wanted


@given(st.binary(max_size=300), st.integers(1, 50))
def test_any_bytes_are_shown_as_valid_text_piece_by_piece(data: bytes, most: int) -> None:
    coding = coding_of(data) or Coding("utf-8")
    if not coding.by_lines:
        return
    source, position, used = Bytes(len(data), len(coding.bom), data=data), len(coding.bom), 0
    while True:
        found = reading.window(source, coding, position, 1, -1, max(most, 4))
        found.text.encode()
        used += 1
        if found.onward < 0:
            return
        assert found.onward > position and used < 400
        position = found.onward


@pytest.mark.parametrize(
    ("raw", "text", "encoding"),
    [
        ("caf\xe9\n".encode("latin-1"), "café\n", "cp1252 (guessed)"),
        ("안녕하세요\n".encode("cp949"), "안녕하세요\n", "cp949 (guessed)"),
        ("\ufeffhi\n".encode(), "hi\n", "utf-8 with BOM"),
        ("\ufeffhé\r\nx".encode("utf-16-le"), "hé\r\nx", "utf-16-le with BOM"),
    ],
)
async def test_text_in_any_encoding_is_read_and_its_encoding_said(
    tmp_path: Path, raw: bytes, text: str, encoding: str
) -> None:
    (tmp_path / "f").write_bytes(raw)
    got = texts(await call(tmp_path, "read_text_file", path="f"))
    assert got[0] == text and f"; {encoding}" in got[1]


async def test_the_caller_may_say_the_encoding(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes("日本\n".encode("shift_jis"))
    assert await read(tmp_path, path="f", encoding="shift_jis") == "日本\n"
    for wrong in ("no-such", "rot13", "base64", "\0", "idna"):
        assert "encoding" in refusal(await call(tmp_path, "read_text_file", path="f", encoding=wrong))


async def test_what_is_no_text_is_refused_with_its_kind_and_size(tmp_path: Path) -> None:
    (tmp_path / "f.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(100))
    message = refusal(await call(tmp_path, "read_text_file", path="f.png"))
    assert "binary (image/png, 108 bytes)" in message and "read_media_file" in message


async def test_what_contradicts_itself_or_lies_past_the_end_is_refused(tmp_path: Path) -> None:
    (tmp_path / "f").write_text("one\ntwo\n")
    for arguments in ({"head": 1, "tail": 1}, {"head": 1, "offset": 2}, {"cursor": "x", "tail": 1}, {"offset": 3}):
        assert refusal(await call(tmp_path, "read_text_file", path="f", **arguments)).startswith("invalid_request")


async def test_media_come_as_blocks_of_their_type(tmp_path: Path) -> None:
    (tmp_path / "p.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    (tmp_path / "s.mp3").write_bytes(b"abc")
    (tmp_path / "b.bin").write_bytes(bytes(range(256)) * 20_000)
    async with client(tmp_path) as connected:
        image, sound, other = [
            (await connected.call_tool("read_media_file", {"path": name})).content[0]  # type: ignore[union-attr]
            for name in ("p.png", "s.mp3", "b.bin")
        ]
    assert isinstance(image, ImageContent) and image.mime_type == "image/png"
    assert isinstance(sound, AudioContent) and (sound.data, sound.mime_type) == ("YWJj", "audio/mpeg")
    assert isinstance(other, EmbeddedResource) and isinstance(other.resource, BlobResourceContents)
    assert other.resource.blob == __import__("base64").b64encode(bytes(range(256)) * 20_000).decode()
    os.truncate(tmp_path / "b.bin", 11_000_000)
    assert "11,000,000 bytes, the most is 10,000,000" in refusal(await call(tmp_path, "read_media_file", path="b.bin"))


async def test_one_file_that_fails_does_not_stop_the_others(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("one\n")
    (tmp_path / "z").write_text("last")
    text, facts = texts(await call(tmp_path, "read_multiple_files", paths=["a", "none", "/etc/passwd", "z"]))
    assert text.startswith("a:\none\n\n\n---\nnone: Error - not_found:")
    assert text.endswith("\n---\nz:\nlast\n")
    assert facts == "[4 of 4 files; 2 failed]"


async def test_many_files_are_bounded_together_and_the_rest_is_named(tmp_path: Path) -> None:
    names = [f"f{number}" for number in range(100)]
    for name in names:
        (tmp_path / name).write_text("0123456789\n" * 900)
    text, facts = texts(await call(tmp_path, "read_multiple_files", paths=names))
    assert len(text) + len(facts) <= 10_000
    assert "not reached" in facts or "cut" in facts
    whole = texts(await call(tmp_path, "read_multiple_files", paths=names, max_chars=2_000_000))
    assert whole[0].count("0123456789") == 90_000 and whole[1] == "[100 of 100 files]"


_HUGE = """
import anyio, resource, sys
from files_served import call, texts
async def main():
    root = sys.argv[1]
    await call(root, "read_text_file", path="small")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(repr(texts(await call(root, "read_text_file", path="huge", head=2))[0]))
    print(repr(texts(await call(root, "read_text_file", path="huge", tail=1))[0]))
    print(repr(texts(await call(root, "read_text_file", path="huge", offset=3, limit=1))[0][:3]))
    print(repr((await call(root, "read_media_file", path="huge")).is_error))
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
anyio.run(main)
"""


def test_five_gigabytes_never_enter_memory(tmp_path: Path) -> None:
    (tmp_path / "small").write_text("x")
    with (tmp_path / "huge").open("wb") as file:
        file.write(b"first\n" + b"x" * 70_000 + b"\n")
        file.seek(5 * 1024**3)
        file.write(b"\nlast line")
    done = subprocess.run(
        [sys.executable, "-c", _HUGE, str(tmp_path)],
        capture_output=True,
        text=True,
        env=environment(tmp_path),
        timeout=50,
    )
    lines = done.stdout.splitlines()
    assert lines[1:4] == ["'last line'", "'\\x00\\x00\\x00'", "True"], done.stderr[-2000:]
    assert lines[0].startswith("'first\\nxxx") or lines[0] == "'first\\n'"
    assert int(lines[4]) < 32 * 1024


async def test_a_fifo_or_a_device_is_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    started = time.monotonic()
    for tool in ("read_text_file", "read_media_file"):
        assert "named pipe" in refusal(await call(tmp_path, tool, path="fifo"))
    assert "character device" in refusal(await call("/dev", "read_text_file", path="/dev/null"))
    assert time.monotonic() - started < 10
