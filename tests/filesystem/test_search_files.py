"""Name search: globs with the reference server's meaning, in a process that nobody waits for."""

from __future__ import annotations

import os
import re
import time
from pathlib import Path

import anyio
import pytest
from finding import call, client, cursor_of, texts
from hypothesis import given
from hypothesis import strategies as st

from openmanager_core.errors import InvalidRequest
from openmanager_filesystem.globs import deepest, expression, only_a_name
from openmanager_kit import child

PIECES = st.sampled_from(["*", "?", "a", "b", "ab", ".", "[ab]", "[!a]", "[a-b]", "*a", "a*b*"])
COMPONENT = st.one_of(st.just("**"), st.lists(PIECES, min_size=1, max_size=4).map("".join))
PATTERN = st.lists(COMPONENT, min_size=1, max_size=4).map("/".join)
NAME = st.text(alphabet="ab.\n", min_size=1, max_size=6).filter(lambda name: name not in (".", ".."))
PATH = st.lists(NAME, min_size=1, max_size=4).map("/".join)


def naive(pattern: str, path: str) -> bool:
    """Match by trying everything."""

    def components(wanted: list[str], have: list[str]) -> bool:
        if not wanted:
            return not have
        if wanted[0] == "**":
            if len(wanted) == 1:
                return bool(have)  # a pattern that ends in ** wants something there
            return components(wanted[1:], have) or (bool(have) and components(wanted, have[1:]))
        return bool(have) and letters(wanted[0], have[0]) and components(wanted[1:], have[1:])

    def letters(wanted: str, have: str) -> bool:
        if not wanted:
            return not have
        if wanted[0] == "*":
            return letters(wanted[1:], have) or (bool(have) and letters(wanted, have[1:]))
        if not have:
            return False
        if wanted[0] == "[":
            inside, _, rest = wanted[1:].partition("]")
            options = {"ab": "ab", "!a": "a", "a-b": "ab"}[inside]
            return ((have[0] in options) != (inside == "!a")) and letters(rest, have[1:])
        return wanted[0] in ("?", have[0]) and letters(wanted[1:], have[1:])

    return components(pattern.split("/"), path.split("/"))


@given(PATTERN, PATH)
def test_globs_match_like_the_slow_twin(pattern: str, path: str) -> None:
    # A ** beside other letters is two stars of one name.
    wanted = "/".join(part if part == "**" else re.sub(r"\*+", "*", part) for part in pattern.split("/"))
    matches = re.fullmatch(expression(pattern), path, re.DOTALL) is not None
    assert matches == naive(wanted, path)
    if matches and deepest(pattern):
        assert path.count("/") < deepest(pattern)
    if only_a_name(pattern):
        name = path.rpartition("/")[2]
        assert (re.fullmatch(only_a_name(pattern), name, re.DOTALL) is not None) == matches


@pytest.mark.parametrize(
    ("pattern", "path", "matches"),
    [
        ("*.{py,js}", "a.js", True),
        ("{a,{b,c}}/d", "c/d", True),
        ("a{1..3}", "a2", True),
        ("a{01..10}", "a07", True),
        ("{a}", "{a}", True),
        ("{a,b", "{a,b", True),
        ("a/**", "a", False),
        ("**/x", "x", True),
        ("a/**b", "a/xb", True),
        ("!*.py", "a.py", False),
        ("!*.py", "a.js", True),
        ("#a", "#a", False),
        ("[[:digit:]]", "7", True),
        ("[]]", "]", True),
        ("[a", "[a", True),
        ("a\\*", "a*", True),
        ("*/", "a", False),
        ("a//b", "a/b", True),
        ("*", ".hidden", True),
    ],
)
def test_globs_mean_what_they_mean_to_the_reference_server(pattern: str, path: str, matches: bool) -> None:
    assert (re.fullmatch(expression(pattern), path, re.DOTALL) is not None) == matches


def test_a_glob_made_to_be_slow_is_quick() -> None:
    found = re.compile(expression("*a" * 200 + "b"), re.DOTALL)
    deep = re.compile(expression("**/a*a/" * 60 + "b"), re.DOTALL)
    started = time.monotonic()
    assert found.fullmatch("a" * 255) is None
    assert deep.fullmatch("aaaa/" * 700 + "c") is None
    assert time.monotonic() - started < 5
    with pytest.raises(InvalidRequest, match="alternatives"):
        expression("{a,b}" * 20)


def lay_out(root: Path) -> None:
    for path in ("src/deep/n.py", "src/m.py", "a.txt", ".hidden/x.py", "build/out.py"):
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).touch()
    (root / "empty.py").mkdir()
    (root / "loop").symlink_to(".")
    (root / ".gitignore").write_text("build/\n")
    (root / ".git").mkdir()
    os.mkfifo(root / "pipe.py")


@pytest.mark.anyio
async def test_files_and_directories_are_found_in_order(tmp_path: Path) -> None:
    lay_out(tmp_path)
    async with client(tmp_path) as over:

        async def found(pattern: str, **more: object) -> list[str]:
            answer = await call(over, "search_files", path=".", pattern=pattern, **more)
            assert answer.structured_content is not None
            listed = answer.structured_content["paths"]
            assert texts(answer)[0] == ("\n".join(listed) or "No matches found")
            return [path.removeprefix(f"{tmp_path}/") for path in listed]

        every = [".hidden/x.py", "build/out.py", "empty.py", "pipe.py", "src/deep/n.py", "src/m.py"]
        assert await found("**/*.py") == every
        assert await found("*.py") == ["empty.py", "pipe.py"]
        assert await found("**/*.py", kind="directory") == ["empty.py"]
        assert await found("**/*.py", hidden=False) == every[1:]
        assert await found("**/*.py", excludePatterns=["src/**", "build"]) == [".hidden/x.py", "empty.py", "pipe.py"]
        assert await found("**/*.py", gitignore=True) == [".hidden/x.py", "src/deep/n.py", "src/m.py"]
        assert await found("**/deep", gitignore=True) == ["src/deep"]
        assert await found("loop*") == ["loop"]


@pytest.mark.anyio
async def test_nothing_found_says_what_to_try(tmp_path: Path) -> None:
    lay_out(tmp_path)
    async with client(tmp_path) as over:
        blocks = texts(await call(over, "search_files", path=".", pattern="m.p?"))
    assert blocks[0] == "No matches found" and '"m.p?" only looks at the top level, **/m.p? at every depth' in blocks[1]


@pytest.mark.anyio
async def test_many_matches_come_page_by_page_each_once(tmp_path: Path) -> None:
    for i in range(600):
        (tmp_path / f"d{i % 7}").mkdir(exist_ok=True)
        (tmp_path / f"d{i % 7}" / f"{i:04d}\n.py").touch()
    seen: list[str] = []
    cursor, pages = "", 0
    async with client(tmp_path) as over:
        while pages == 0 or cursor:
            answer = await call(over, "search_files", path=".", pattern="**/*.py", cursor=cursor)
            assert answer.structured_content is not None and answer.structured_content["total"] == 600
            assert sum(map(len, texts(answer))) <= 10_000
            seen += answer.structured_content["paths"]
            cursor, pages = cursor_of(answer), pages + 1
    assert len(seen) == len(set(seen)) == 600 and pages > 1 and "\\n" in seen[0]


@pytest.mark.anyio
async def test_a_cheap_call_is_answered_while_a_search_runs_and_cancelling_ends_the_search(tmp_path: Path) -> None:
    for i in range(100):
        folder = tmp_path / f"d{i}"
        folder.mkdir()
        for j in range(60):
            (folder / f"f{j}").touch()
    async with client(tmp_path) as over, anyio.create_task_group() as tasks:
        tasks.start_soon(lambda: call(over, "search_files", path=".", pattern="**/nothing"))
        with anyio.fail_after(10):
            while not child._LIVE:  # noqa: ASYNC110 - nothing tells when a child has started
                await anyio.sleep(0.001)
        answered = await call(over, "list_directory", path="d1", limit=1)
        assert answered.structured_content is not None and answered.structured_content["total"] == 60
        tasks.cancel_scope.cancel()
    with anyio.fail_after(5):
        while child._LIVE:  # noqa: ASYNC110 - nor when one has ended
            await anyio.sleep(0.01)
