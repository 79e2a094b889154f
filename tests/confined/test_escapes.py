"""No path leads out of the roots: not by its letters, not by links, not by links swapped in meanwhile."""

from __future__ import annotations

import os
import stat
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openmanager_core.errors import FleetError, InvalidRequest, NotAllowed, NotFound
from openmanager_kit.confined import syscalls, walk
from openmanager_kit.confined.roots import Roots


@pytest.fixture(params=["one call", "step by step"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    if request.param == "step by step":
        monkeypatch.setattr(syscalls, "libc", None)
    return str(request.param)


def content(roots: Roots, path: str) -> str:
    with walk.regular_file(roots.locate(path)) as (fd, _):
        return os.read(fd, 1000).decode()


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize(
    "path",
    [
        "../data-secret/f",
        "../outside",
        "sub/../../outside",
        "{base}/data-secret/f",
        "{base}/outside",
        "{base}/data/../outside",
        "/etc/passwd",
        "//etc/passwd",
        "/proc/self/root/etc/passwd",
        "~root/.profile",
        "\uff0e\uff0e/outside",
        "..\u2215outside",
        "\\x2e\\x2e/outside",
    ],
)
def test_a_path_outside_is_refused(tmp_path: Path, path: str) -> None:
    (tmp_path / "data" / "sub").mkdir(parents=True)
    (tmp_path / "data-secret").mkdir()
    for name in ("outside", "data-secret/f"):
        (tmp_path / name).write_text("secret")
    roots = Roots.parse([str(tmp_path / "data")])
    before = descriptors()
    with pytest.raises((NotAllowed, NotFound)):
        content(roots, path.format(base=tmp_path))
    assert descriptors() == before


@pytest.mark.parametrize("path", ["", " ", "a\0b", "x" * 256, "é" * 200, "y/" * 3000, "a\ud800"])
def test_what_no_file_can_be_called_is_refused(tmp_path: Path, path: str) -> None:
    with pytest.raises(InvalidRequest, match="path"):
        content(Roots.parse([str(tmp_path)]), path)


@pytest.mark.usefixtures("way")
def test_chains_of_links_end_inside_or_are_refused(tmp_path: Path) -> None:
    root = tmp_path / "root"
    (root / "a").mkdir(parents=True)
    (root / "a" / "f").write_text("inside")
    (tmp_path / "f").write_text("outside")
    (root / "0").symlink_to("a/f")
    for number in range(1, 30):
        (root / str(number)).symlink_to(str(number - 1))
    (root / "up").symlink_to("a/../../f")
    (root / "via").symlink_to("up")
    (root / "loop").symlink_to("pool")
    (root / "pool").symlink_to("loop")
    (root / "self").symlink_to(".")
    (root / "back").symlink_to(f"../../{tmp_path.name}/root/a")
    (root / "absolute").symlink_to(root / "a")
    roots = Roots.parse([str(root)])
    for inside in ("29", "self/self/self/a/f", "back/f", "absolute/f", "absolute/../a/f"):
        assert content(roots, inside) == "inside"
    for refused in ("up", "via", "loop"):
        with pytest.raises(NotAllowed):
            content(roots, refused)


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize(("outer", "inner"), [("", ":ro"), (":ro", "")])
def test_in_nested_roots_the_inner_ones_rights_hold_however_it_is_reached(
    tmp_path: Path, outer: str, inner: str
) -> None:
    (tmp_path / "in" / "deep").mkdir(parents=True)
    (tmp_path / "in" / "deep" / "f").write_text("x")
    (tmp_path / "beside").mkdir()
    (tmp_path / "link").symlink_to("in/deep")
    (tmp_path / "in" / "out").symlink_to("../beside")
    roots = Roots.parse([f"{tmp_path}{outer}", f"{tmp_path / 'in'}{inner}"])
    for path in ("in/deep/f", "link/f", f"{tmp_path}/in/deep/f", "in/new"):
        with walk.entry(roots.locate(path)) as found:
            assert found.root.writable == (inner == "")
    for path in ("in/out/new", "beside/new"):
        with walk.entry(roots.locate(path)) as found:
            assert found.root.writable == (outer == "")


def test_narrowing_keeps_a_read_only_root_in_a_writable_one_in_a_read_only_one(tmp_path: Path) -> None:
    (tmp_path / "rw" / "ro").mkdir(parents=True)
    roots = Roots.parse([f"{tmp_path}:ro", str(tmp_path / "rw"), f"{tmp_path / 'rw' / 'ro'}:ro"])
    with walk.entry(roots.narrowed([tmp_path.as_uri()]).locate("rw/ro/new")) as found:
        assert not found.root.writable


@pytest.mark.usefixtures("way")
def test_a_nested_root_that_became_a_link_is_not_followed_out(tmp_path: Path) -> None:
    outside, root = tmp_path / "outside", tmp_path / "root"
    (root / "a" / "in").mkdir(parents=True)
    (outside / "in").mkdir(parents=True)
    (outside / "in" / "f").write_text("secret")
    roots = Roots.parse([str(root), str(root / "a" / "in")])
    (root / "a").rename(root / "b")
    (root / "a").symlink_to(outside)
    with pytest.raises(FleetError):
        content(roots, str(root / "a" / "in" / "f"))


@contextmanager
def swapping(directory: Path, link: Path, at: Path) -> Iterator[None]:
    """Let a directory and a link take each other's place all the time."""
    stop = threading.Event()

    def swap() -> None:
        while not stop.is_set():
            for taken in (link, directory):
                aside = at.with_name("aside")
                at.rename(aside)
                taken.rename(at)
                aside.rename(directory if taken is link else link)

    directory.rename(at)
    thread = threading.Thread(target=swap)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


@pytest.mark.usefixtures("way")
def test_a_link_swapped_in_between_look_and_use_leads_nowhere(tmp_path: Path) -> None:
    root = tmp_path / "root"
    (root / "good").mkdir(parents=True)
    (root / "good" / "f").write_text("inside")
    (tmp_path / "evil").mkdir()
    (tmp_path / "evil" / "f").write_text("secret")
    (root / "link").symlink_to(tmp_path / "evil")
    roots = Roots.parse([str(root)])
    before, inside = descriptors(), 0
    with swapping(root / "good", root / "link", root / "at"):
        during = descriptors()
        for _ in range(1500):
            try:
                assert content(roots, "at/f") == "inside"
                inside += 1
            except FleetError:
                continue
        assert descriptors() == during
    assert descriptors() == before
    assert inside


NAMES = st.sampled_from(["a", "b", "c", "..", ".", "l1", "l2", "l3", "out", "f"])
PATHS = st.lists(NAMES, min_size=1, max_size=6).map("/".join)
TARGETS = st.one_of(PATHS, PATHS.map(lambda path: "{root}/" + path), st.just("/etc"), st.just("{root}2/f"))


@given(PATHS, st.lists(TARGETS, min_size=3, max_size=3), st.booleans())
def test_every_path_leads_where_realpath_says_or_is_refused(
    tmp_path_factory: pytest.TempPathFactory, path: str, targets: list[str], quick: bool
) -> None:
    base = tmp_path_factory.mktemp("twin")
    root = base / "root"
    (root / "a" / "b" / "c").mkdir(parents=True)
    (root / "b").mkdir()
    (base / "root2").mkdir()
    for place in (root, root / "a", root / "b", root / "a" / "b", base / "root2"):
        (place / "f").write_text(str(place))
    for name, target in zip(("l1", "l2", "l3"), targets, strict=True):
        (root / name).symlink_to(target.format(root=root))
    (root / "a" / "out").symlink_to("../../root2")
    roots = Roots.parse([str(root)])
    real = os.path.realpath(os.path.normpath(root / path))  # ".." is taken literally, then links are followed
    within = real == str(root) or real.startswith(f"{root}/")
    libc = syscalls.libc
    syscalls.libc = libc if quick else None
    try:
        with walk.entry(roots.locate(path)) as found:
            assert within
            assert "/".join((found.root.real, *found.parts)) == real
            assert (found.stat is not None) == os.path.lexists(real)
            if found.stat is not None and stat.S_ISREG(found.stat.st_mode):
                assert content(roots, path) == Path(real).read_text()
    except FleetError:
        assert not within or not Path(os.path.normpath(root / path)).exists()  # as the system sees it
    finally:
        syscalls.libc = libc
