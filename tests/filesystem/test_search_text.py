"""Text search: ripgrep's matches page by page, and what it could not do in words."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from pathlib import Path

import anyio
import pytest
from finding import call, client, cursor_of, texts

from openmanager_filesystem.ripgrep import messages
from openmanager_kit import child


def lay_out(root: Path) -> None:
    (root / "src").mkdir()
    (root / "src" / "a.py").write_text("one\ndef two():\n\treturn 3\nfour\ndef five():\n")
    (root / "src" / "b.txt").write_text("two\n")
    (root / ".hidden.py").write_text("two\n")
    (root / "bin").write_bytes(b"two\n\0\0\n")
    (root / "latin.txt").write_bytes(b"caf\xe9 two\n")
    (root / "ignored.log").write_text("two\n")
    (root / ".gitignore").write_text("*.log\n")
    (root / ".git").mkdir()
    (root / "out").symlink_to("/etc")
    os.mkfifo(root / "pipe")


@pytest.mark.anyio
async def test_lines_are_grouped_by_file_with_their_numbers(tmp_path: Path) -> None:
    lay_out(tmp_path)
    async with client(tmp_path) as over:
        answer = await call(over, "search_text", path=".", pattern="def t|two", before=1, after=1)
    assert texts(answer) == [
        f"{tmp_path}/latin.txt\n1:caf\\xe9 two\n\n"
        f"{tmp_path}/src/a.py\n1-one\n2:def two():\n3-\treturn 3\n\n{tmp_path}/src/b.txt\n1:two",
        "[1 binary file with matches left out]",
    ]
    assert answer.structured_content is not None
    assert answer.structured_content["matches"][1] == {
        "path": f"{tmp_path}/src/a.py",
        "line": 2,
        "text": "def two():",
        "before": ["one"],
        "after": ["\treturn 3"],
    }


@pytest.mark.anyio
async def test_filters_modes_and_rules(tmp_path: Path) -> None:
    lay_out(tmp_path)
    async with client(tmp_path) as over:

        async def files(**more: object) -> list[str]:
            answer = await call(over, "search_text", path=".", **({"pattern": "two", "mode": "files"} | more))
            assert answer.structured_content is not None
            return [path.removeprefix(f"{tmp_path}/") for path in answer.structured_content["files"]]

        assert await files() == ["latin.txt", "src/a.py", "src/b.txt"]
        assert await files(glob=["*.py"]) == ["src/a.py"]
        assert await files(glob=["*.py"], hidden=True) == [".hidden.py", "src/a.py"]
        assert await files(glob=["**/src/*.py", "b.txt"]) == ["src/a.py", "src/b.txt"]
        assert "ignored.log" in await files(gitignore=False)
        assert await files(glob=["*.{log,txt}", "!latin*"]) == ["src/b.txt"]
        assert "src/a.py" not in await files(glob=["!src/*.py"])
        assert await files(pattern="TWO():", literal=True, case_sensitive=False) == ["src/a.py"]
        assert await files(pattern="two():", literal=False, glob=["*.py"]) == []
        counted = await call(over, "search_text", path="src", pattern="def", mode="count")
        assert texts(counted) == [f"{tmp_path}/src/a.py:2"]
        one = await call(over, "search_text", path="src/a.py", pattern="def", max_per_file=1)
        assert texts(one) == [f"{tmp_path}/src/a.py\n2:def two():"]


@pytest.mark.anyio
async def test_what_it_can_not_do_is_said_in_words(tmp_path: Path) -> None:
    lay_out(tmp_path)
    async with client(tmp_path) as over:
        for arguments, says in (
            ({"pattern": "("}, "pattern: unclosed group. Try: literal=true"),
            ({"pattern": "a", "glob": ["{a"]}, "glob: error parsing glob"),
            ({"pattern": ""}, "pattern must have 1 to"),
            ({"pattern": "a", "path": "pipe"}, "pipe"),
            ({"pattern": "a", "path": "/etc/passwd"}, "outside the allowed"),
            ({"pattern": "a", "path": "none"}, "does not exist"),
        ):
            result = await over.call_tool("search_text", {"path": "."} | arguments)
            assert result.is_error and says in texts(result)[0], texts(result)
        nothing = texts(await call(over, "search_text", path=".", pattern="--version"))
        assert nothing[0].startswith("[no matches") and "hidden" in nothing[0]


@pytest.mark.anyio
async def test_pages_hold_every_match_once(tmp_path: Path) -> None:
    for i in range(30):
        (tmp_path / f"{i:02d}").write_text("".join(f"hit {j} {'x' * 40}\n" for j in range(20)))
    seen: list[tuple[str, int]] = []
    cursor, pages = "", 0
    async with client(tmp_path) as over:
        while pages == 0 or cursor:
            answer = await call(over, "search_text", path=".", pattern="^hit", cursor=cursor)
            assert answer.structured_content is not None and sum(map(len, texts(answer))) <= 10_000
            seen += [(row["path"], row["line"]) for row in answer.structured_content["matches"]]
            cursor, pages = cursor_of(answer), pages + 1
            assert (answer.structured_content["next_cursor"] or "") == cursor
    assert len(seen) == 600 and seen == sorted(seen) and len(set(seen)) == 600 and pages > 2


@pytest.mark.anyio
async def test_a_huge_line_is_shown_around_its_match_or_by_its_beginning(tmp_path: Path) -> None:
    (tmp_path / "one.js").write_text("first\n" + "a" * 5000 + "needle" + "b" * 5000 + "\n")
    (tmp_path / "two.js").write_text("first\n" + "é" * 3_000_000 + "needle\nneedle\n")
    async with client(tmp_path) as over:
        answer = await call(over, "search_text", path=".", pattern="needle")
    assert answer.structured_content is not None
    around, beginning, last = answer.structured_content["matches"]
    assert "needle" in around["text"] and around["text"][0] == around["text"][-1] == "…" and len(around["text"]) < 500
    assert beginning["line"] == 2 and beginning["text"].startswith("ééé") and len(beginning["text"]) < 500
    assert (last["line"], last["text"]) == (3, "needle")


@pytest.mark.anyio
@pytest.mark.parametrize("size", [1, 7, 4096])
async def test_messages_are_the_same_however_the_stream_is_cut(size: int) -> None:
    stream = b'{"type":"begin"}\n{"type":"match","data":"x"}\n' * 20

    async def pieces() -> AsyncIterator[bytes]:
        for at in range(0, len(stream), size):
            yield stream[at : at + size]

    assert [raw async for raw in messages(pieces())] == stream.splitlines()


@pytest.mark.anyio
async def test_names_that_are_no_text_are_found_too(tmp_path: Path) -> None:
    (tmp_path / os.fsdecode(b"\xff\n.txt")).write_text("needle\n")
    async with client(tmp_path) as over:
        for mode in ("content", "files", "count"):
            shown = texts(await call(over, "search_text", path=".", pattern="needle", mode=mode))[0]
            assert shown.startswith(f"{tmp_path}/\\xff\\n.txt")
        again = await call(over, "search_text", path="\\xff\\n.txt", pattern="needle")
        assert texts(again)[0].endswith("1:needle")


def running(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


@pytest.mark.anyio
async def test_cancelling_a_search_ends_ripgrep(tmp_path: Path) -> None:
    (tmp_path / ".gitignore").touch()
    (tmp_path / "big").write_bytes((b"a" * 99 + b"\n") * 2_000_000)
    async with client(tmp_path) as over:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(lambda: call(over, "search_text", path=".", pattern="(a|aa)+b$"))
            with anyio.fail_after(10):
                while not child._LIVE:  # noqa: ASYNC110 - nothing tells when a child has started
                    await anyio.sleep(0.001)
            (pid,) = child._LIVE
            tasks.cancel_scope.cancel()
        with anyio.fail_after(5):
            while running(pid):  # noqa: ASYNC110 - nor when one has ended
                await anyio.sleep(0.01)
