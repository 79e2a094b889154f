"""Trees: complete and like the reference server's where they fit, honest where they do not."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from finding import call, client, cursor_of, texts

from openmanager_filesystem.tree import grow
from openmanager_kit.confined.roots import Roots


def naive(folder: Path) -> list[dict[str, Any]]:
    """The same tree, the obvious way."""
    nodes: list[dict[str, Any]] = []
    for entry in sorted(folder.iterdir(), key=lambda path: path.name):
        if entry.is_symlink():
            nodes.append({"name": entry.name, "type": "link", "target": str(entry.readlink())})
        elif entry.is_dir():
            nodes.append({"name": entry.name, "type": "directory", "children": naive(entry)})
        else:
            nodes.append({"name": entry.name, "type": "file"})
    return nodes


@pytest.mark.anyio
async def test_a_tree_that_fits_is_the_text_that_javascript_would_write(tmp_path: Path) -> None:
    for path in ("a/b/c.txt", "a/d.txt", "e.txt", 'quote".txt', "한글/파일"):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).touch()
    (tmp_path / "empty").mkdir()
    (tmp_path / "loop").symlink_to(".")
    async with client(tmp_path) as over:
        blocks = texts(await call(over, "directory_tree", path="."))
    assert blocks == [json.dumps(naive(tmp_path), indent=2, ensure_ascii=False)]


@pytest.mark.anyio
async def test_upper_levels_come_first_and_what_does_not_fit_is_marked(tmp_path: Path) -> None:
    (tmp_path / "huge").mkdir()
    for i in range(1000):
        (tmp_path / "huge" / f"{i:04d}").touch()
    (tmp_path / "small" / "deeper").mkdir(parents=True)
    (tmp_path / "small" / "deeper" / "file").touch()
    async with client(tmp_path) as over:
        blocks = texts(await call(over, "directory_tree", path="."))
    assert sum(map(len, blocks)) <= 10_000
    huge, small = json.loads(blocks[0])
    assert huge == {"name": "huge", "type": "directory", "truncated": True, "entries": 1000}
    assert small["children"][0]["children"] == [{"name": "file", "type": "file"}]
    assert f"1 directory truncated, e.g. {tmp_path}/huge" in blocks[1]


@pytest.mark.anyio
async def test_a_first_level_that_does_not_fit_goes_on_with_a_cursor(tmp_path: Path) -> None:
    for i in range(700):
        (tmp_path / f"{i:04d}").mkdir()
    names, cursor, pages = [], "", 0
    async with client(tmp_path) as over:
        while pages == 0 or cursor:
            answer = await call(over, "directory_tree", path=".", cursor=cursor)
            assert sum(map(len, texts(answer))) <= 10_000
            names += [node["name"] for node in json.loads(texts(answer)[0])]
            cursor, pages = cursor_of(answer), pages + 1
    assert names == [f"{i:04d}" for i in range(700)] and pages > 5


@pytest.mark.anyio
async def test_patterns_and_max_depth_leave_out(tmp_path: Path) -> None:
    for path in ("src/deep/n.py", "src/m.py", "lib/src/x.py", "a.txt"):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).touch()
    async with client(tmp_path) as over:
        excluded = texts(await call(over, "directory_tree", path=".", excludePatterns=["src", "*.txt"]))[0]
        shallow = texts(await call(over, "directory_tree", path="src", max_depth=1))[0]
    assert json.loads(excluded) == [{"name": "lib", "type": "directory", "children": []}]
    assert json.loads(shallow)[0] == {"name": "deep", "type": "directory", "truncated": True}


def test_three_hundred_levels_are_walked(tmp_path: Path) -> None:
    fd = os.open(tmp_path, os.O_RDONLY)
    for _ in range(300):
        os.mkdir("level-with-a-long-name", dir_fd=fd)
        inner = os.open("level-with-a-long-name", os.O_RDONLY, dir_fd=fd)
        os.close(fd)
        fd = inner
    os.close(fd)
    grown = grow(Roots.parse([str(tmp_path)]).locate("."), "", 0, 0, 20_000_000)
    assert grown.text.count('"level-with-a-long-name"') == 300 and not grown.failed and not grown.truncated_count
    short = grow(Roots.parse([str(tmp_path)]).locate("."), "", 0, 0, 10_000)
    assert 20 < short.text.count('"level-with-a-long-name"') < 300 and short.truncated_count == 1
    json.loads(short.text)


_UNREADABLE = """
import json, os, sys
from openmanager_filesystem.tree import grow
from openmanager_kit.confined.roots import Roots
roots = Roots.parse([sys.argv[1]])
os.setuid(65534)
grown = grow(roots.locate("."), "", 0, 0, 10_000)
print(json.dumps([grown.text, list(grown.facts())]))
"""


@pytest.mark.skipif(os.getuid() != 0, reason="only root may become somebody who may not read")
def test_an_unreadable_directory_is_reported_and_ends_nothing(tmp_path: Path) -> None:
    root = Path("/tmp") / f"open-{os.getpid()}"
    (root / "closed").mkdir(parents=True)
    (root / "open").mkdir()
    (root / "open" / "file").touch()
    try:
        root.chmod(0o755)
        (root / "closed").chmod(0)
        ran = subprocess.run(
            [sys.executable, "-c", _UNREADABLE, str(root)],
            env={"PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "PATH": os.environ["PATH"]},
            capture_output=True,
            text=True,
        )
    finally:
        subprocess.run(["rm", "-rf", str(root)], check=True)
    assert ran.returncode == 0, ran.stderr
    text, facts = json.loads(ran.stdout)
    closed, opened = json.loads(text)
    assert closed == {"name": "closed", "type": "directory", "error": "permission denied"}
    assert opened["children"] == [{"name": "file", "type": "file"}]
    assert facts == ["1 place could not be read: closed (permission denied)"]


@pytest.mark.anyio
async def test_the_trash_is_left_out_and_said_so(tmp_path: Path) -> None:
    (tmp_path / ".openmanager-trash").mkdir()
    (tmp_path / ".openmanager-trash" / "gone").touch()
    async with client(tmp_path) as over:
        assert texts(await call(over, "directory_tree", path=".")) == ["[]", "[.openmanager-trash was left out]"]
        inside = texts(await call(over, "directory_tree", path=".openmanager-trash"))[0]
        assert json.loads(inside) == [{"name": "gone", "type": "file"}]
