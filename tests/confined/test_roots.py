"""Roots: what was allowed, what a client takes away, and where a path belongs."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from openmanager_core.errors import ConfigError, NotAllowed
from openmanager_kit.confined import walk
from openmanager_kit.confined.roots import Roots


def test_a_file_is_opened_below_its_root(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "f.txt").write_text("hello")
    roots = Roots.parse([str(tmp_path)])
    with walk.regular_file(roots.locate(str(tmp_path / "a" / "f.txt"))) as (fd, status):
        assert stat.S_ISREG(status.st_mode) and __import__("os").read(fd, 9) == b"hello"


@pytest.mark.parametrize("target", ["/etc/passwd", "../../../../etc/passwd", "../outside.txt"])
def test_a_link_that_leads_out_is_refused(tmp_path: Path, target: str) -> None:
    root = tmp_path / "root"
    (root / "a").mkdir(parents=True)
    (tmp_path / "outside.txt").write_text("x")
    (root / "link").symlink_to(target)
    with pytest.raises(NotAllowed), walk.regular_file(Roots.parse([str(root)]).locate("link")):
        pass


def test_links_inside_and_between_roots_are_followed(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    for folder in (one, two):
        (folder / "sub").mkdir(parents=True)
    (two / "sub" / "f").write_text("x")
    (one / "abs").symlink_to(two / "sub" / "f")
    (one / "sub" / "rel").symlink_to("../../two/sub")
    (one / "inner").symlink_to("sub")
    roots = Roots.parse([str(one), f"{two}:ro"])
    for path, parts in (("abs", ("sub", "f")), ("sub/rel/f", ("sub", "f")), ("inner/rel/f", ("sub", "f"))):
        with walk.entry(roots.locate(path)) as found:
            assert (found.root.real, found.parts, found.root.writable) == (str(two), parts, False)


def test_without_a_root_the_server_says_what_to_write() -> None:
    with pytest.raises(ConfigError, match="--root"):
        Roots.parse([])


def test_a_client_narrows_and_never_widens(tmp_path: Path) -> None:
    (tmp_path / "root" / "sub").mkdir(parents=True)
    (tmp_path / "other").mkdir()
    roots = Roots.parse([str(tmp_path / "root")])
    narrowed = roots.narrowed([(tmp_path / "root" / "sub").as_uri(), (tmp_path / "other").as_uri()])
    assert [root.real for root in narrowed.roots] == [str(tmp_path / "root" / "sub")]
    with pytest.raises(NotAllowed):
        narrowed.locate(str(tmp_path / "root" / "f"))
    assert roots.narrowed([(tmp_path / "other").as_uri()]) is roots
    assert roots.narrowed([tmp_path.as_uri()]).roots == roots.roots
