"""Confinement: every way that a repository can lead out of the roots is refused, and says where it does."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from git_repos import GitRepo

from openmanager_core.errors import FleetError, NotAllowed, NotFound, Unsupported
from openmanager_git.desk import Desk, trusted_folders
from openmanager_git.repository import find, opened
from openmanager_kit.confined.roots import Roots


class Ground:
    """A root with a repository in it, and another one outside."""

    def __init__(self, tmp: Path) -> None:
        self.root = tmp / "root"
        self.root.mkdir()
        self.outside = GitRepo.make(tmp, "outside")
        self.outside.commit("secret", s_txt="secret")
        self.inner = GitRepo.make(tmp, "root/repo")
        self.inner.commit("first", a_txt="one\n", sub__deep__b_txt="two\n")
        self.dot = self.inner.path / ".git"

    def desk(self, *more: str, trust: tuple[str, ...] = ()) -> Desk:
        return Desk(Roots.parse([str(self.root), *more]), trusted_folders(trust))


@pytest.fixture
def ground(tmp_path: Path) -> Ground:
    return Ground(tmp_path)


def _dot_file(g: Ground) -> None:
    shutil.rmtree(g.dot)
    g.dot.write_text(f"gitdir: {g.outside.path}/.git\n")


def _dot_link(g: Ground) -> None:
    shutil.rmtree(g.dot)
    g.dot.symlink_to(g.outside.path / ".git")


def _alternates(g: Ground) -> None:
    (g.dot / "objects/info/alternates").write_text(f"{g.outside.path}/.git/objects\n")


def _alternates_of_alternates(g: Ground) -> None:
    other = GitRepo.make(g.root, "other")
    (other.path / ".git/objects/info/alternates").write_text(f"{g.outside.path}/.git/objects\n")
    (g.dot / "objects/info/alternates").write_text("../../../other/.git/objects\n")


def _http_alternates(g: Ground) -> None:
    (g.dot / "objects/info/http-alternates").write_text("/elsewhere/objects\n")


def _common_dir(g: Ground) -> None:
    (g.dot / "commondir").write_text(f"{g.outside.path}/.git\n")


def _work_tree(g: Ground) -> None:
    g.inner.git("config", "core.worktree", str(g.outside.path))


def _included_work_tree(g: Ground) -> None:
    (g.root / "more").write_text(f"[core]\n\tworktree = {g.outside.path}\n")
    g.inner.git("config", "include.path", str(g.root / "more"))


def _objects_link(g: Ground) -> None:
    shutil.rmtree(g.dot / "objects")
    (g.dot / "objects").symlink_to(g.outside.path / ".git/objects")


def _pack_link(g: Ground) -> None:
    (g.dot / "objects/pack/pack-1.pack").symlink_to(g.outside.path / "s.txt")


def _submodule(g: Ground) -> None:
    g.inner.git("-c", "protocol.file.allow=always", "submodule", "add", "-q", str(g.outside.path), "sm")
    g.inner.commit("sm")
    (g.inner.path / "sm/.git").write_text(f"gitdir: {g.outside.path}/.git\n")


def _linked_from_outside(g: Ground) -> None:
    shutil.rmtree(g.inner.path)
    g.outside.git("worktree", "add", "-q", str(g.inner.path))


@pytest.mark.parametrize(
    "lead_out",
    [
        _dot_file,
        _dot_link,
        _alternates,
        _alternates_of_alternates,
        _http_alternates,
        _common_dir,
        _work_tree,
        _included_work_tree,
        _objects_link,
        _pack_link,
        _submodule,
        _linked_from_outside,
    ],
)
def test_a_repository_that_leads_out_is_refused_without_telling_where(
    ground: Ground, lead_out: Callable[[Ground], None]
) -> None:
    assert find(ground.desk(), "repo").prefix == ""
    lead_out(ground)
    with pytest.raises(NotAllowed) as refused:
        find(ground.desk(), "repo")
    assert "out of the allowed directories" in str(refused.value)
    assert str(ground.outside.path) not in str(refused.value)


@pytest.mark.parametrize("lead_out", [_dot_file, _alternates, _work_tree, _submodule, _linked_from_outside])
def test_the_same_is_fine_where_both_ends_are_allowed(ground: Ground, lead_out: Callable[[Ground], None]) -> None:
    lead_out(ground)
    place = find(ground.desk(f"{ground.outside.path}:ro"), "repo")
    assert opened(place).head.target is not None
    assert place.writable == (lead_out in (_alternates, _submodule))


def test_a_subdirectory_will_do_up_to_the_edge_of_the_roots(ground: Ground, tmp_path: Path) -> None:
    place = find(ground.desk(), "repo/sub/deep")
    assert (place.path, place.prefix, place.work_tree) == (str(ground.inner.path), "sub/deep", str(ground.inner.path))
    narrow = Desk(Roots.parse([str(ground.inner.path / "sub")]))
    with pytest.raises(NotFound, match="in no Git repository"):
        find(narrow, "deep")
    with pytest.raises(NotFound, match="repo"):
        find(ground.desk(), "")
    assert find(Desk(Roots.parse([str(ground.inner.path)])), "").path == str(ground.inner.path)


def test_linked_work_trees_and_bare_repositories_know_their_places(ground: Ground) -> None:
    ground.inner.git("worktree", "add", "-q", "../wt")
    linked = find(ground.desk(), "wt")
    assert (linked.git_dir, linked.common_dir) == (str(ground.dot / "worktrees/wt"), str(ground.dot))
    bare = GitRepo.make(ground.root, "bare.git", "--bare")
    place = find(ground.desk(), "bare.git")
    assert (place.bare, place.work_tree, place.git_dir) == (True, "", str(bare.path))
    assert find(ground.desk(), "repo/.git").work_tree == str(ground.inner.path)


def test_trust_and_rights_need_all_places(ground: Ground) -> None:
    ground.inner.git("worktree", "add", "-q", "../wt")
    assert find(ground.desk(trust=(str(ground.root),)), "wt").trusted
    assert not find(ground.desk(trust=(str(ground.root / "wt"),)), "wt").trusted
    assert find(ground.desk(), "repo").writable
    assert not find(ground.desk(f"{ground.inner.path}/sub:ro"), "repo").writable


def test_our_own_git_variables_do_not_matter(ground: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("GIT_DIR", "GIT_OBJECT_DIRECTORY", "GIT_ALTERNATE_OBJECT_DIRECTORIES", "GIT_INDEX_FILE"):
        monkeypatch.setenv(name, str(ground.outside.path / ".git"))
    assert opened(find(ground.desk(), "repo")).revparse_single("HEAD:a.txt").data == b"one\n"


@pytest.mark.parametrize(
    ("key", "value"),
    [("extensions.unheard", "x"), ("extensions.refStorage", "reftable"), ("extensions.objectFormat", "sha256")],
)
def test_formats_that_cannot_be_read_are_named(ground: Ground, key: str, value: str) -> None:
    ground.inner.git("config", "core.repositoryformatversion", "1")
    ground.inner.git("config", key, value)
    with pytest.raises(Unsupported, match="format that is not supported"):
        find(ground.desk(), "repo")


def test_a_repository_of_another_user_is_refused_with_the_way_out(ground: Ground) -> None:
    import os

    if os.getuid() != 0:
        pytest.skip("only root may give files away")
    for path in [ground.inner.path, ground.dot, *ground.dot.rglob("*")]:
        os.chown(path, 12345, 12345)
    with pytest.raises(NotAllowed, match=r"safe\.directory"):
        find(ground.desk(), "repo")


@pytest.mark.parametrize("damage", ["[core\nsecret-line", "[core]\n\trepositoryformatversion = x\n", "\0\0"])
def test_a_damaged_configuration_is_told_without_its_content(ground: Ground, damage: str) -> None:
    (ground.dot / "config").write_text(damage)
    with pytest.raises(FleetError) as refused:
        opened(find(ground.desk(), "repo"))
        raise NotFound("libgit2 reads it nevertheless")
    assert "secret-line" not in str(refused.value)


def test_a_file_is_no_repository(ground: Ground) -> None:
    with pytest.raises(FleetError, match="not a directory"):
        find(ground.desk(), "repo/a.txt")
