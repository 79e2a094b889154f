"""What was checked is trusted while it is the same, and not a moment longer; what is remembered of files is true."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pygit2
import pytest
from git_repos import GitRepo
from hypothesis import given, settings
from hypothesis import strategies as st

from openmanager_core.errors import NotAllowed
from openmanager_git import diffs, known, repository, worktree
from openmanager_git.desk import Desk
from openmanager_kit.confined.roots import Roots

WAYS_OUT = ("links", "alternates", "git-dir", "work-tree", "submodule", "logs")
OTHERS = ("reads", "files", "handles", "folder")


@pytest.fixture(scope="module")
def settled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, tuple[GitRepo, Desk]]]:
    """Repositories that have been left alone for long enough to be remembered, one for each test."""
    made = {}
    outside = GitRepo.make(tmp_path_factory.mktemp("outside"), "secret")
    outside.commit("secret", a_txt="secret\n")
    for name in (*WAYS_OUT, *OTHERS):
        base = tmp_path_factory.mktemp(name)
        repo = GitRepo.make(base)
        repo.commit("first", a_txt="one\n", b_txt="two\n", dir__c_txt="three\n")
        repo.write("a.txt", "eno\n")
        (base / "outside").symlink_to(outside.path)
        made[name] = repo, Desk(Roots.parse([str(repo.path)]))
    time.sleep(known.SETTLED_S + 0.2)
    yield made


def _remembered(repo: GitRepo, desk: Desk) -> repository.Place:
    place, _ = repository.reached(desk, "")
    again, _ = repository.reached(desk, "")
    assert again is place, "this repository should be remembered"
    return place


@pytest.mark.parametrize("way", WAYS_OUT)
def test_a_way_out_that_appears_later_is_refused(settled: dict[str, tuple[GitRepo, Desk]], way: str) -> None:
    repo, desk = settled[way]
    _remembered(repo, desk)
    outside = str((repo.path.parent / "outside").resolve())
    git_dir = repo.path / ".git"
    match way:
        case "links":
            (git_dir / "refs/heads/deep").mkdir()
            (git_dir / "refs/heads/deep/one").symlink_to(f"{outside}/a.txt")
        case "logs":
            (git_dir / "logs/refs/heads/main").unlink()
            (git_dir / "logs/refs/heads/main").symlink_to(f"{outside}/a.txt")
        case "alternates":
            (git_dir / "objects/info/alternates").write_text(f"{outside}/.git/objects\n")
        case "git-dir":
            git_dir.rename(repo.path / "was")
            git_dir.symlink_to(f"{outside}/.git")
        case "work-tree":
            repo.git("config", "core.worktree", outside)
        case _:
            repo.git("update-index", "--add", "--cacheinfo", f"160000,{repo.git('rev-parse', 'HEAD')},sub")
            (repo.path / "sub").mkdir()
            (repo.path / "sub/.git").write_text(f"gitdir: {outside}/.git\n")
    with pytest.raises(NotAllowed, match="out of the allowed"):
        repository.reached(desk, "")


def test_a_remembered_repository_shows_what_others_do(settled: dict[str, tuple[GitRepo, Desk]]) -> None:
    repo, desk = settled["reads"]
    _remembered(repo, desk)
    for number in range(3):
        named = repo.commit(f"number {number}", **{f"new{number}_txt": "x\n"})
        _, opened = repository.reached(desk, "")
        assert str(opened.head.target) == named
        assert f"new{number}.txt" in opened.index
        del opened
    repo.git("checkout", "-q", "-b", "fresh/branch")
    _, opened = repository.reached(desk, "")
    assert opened.head.shorthand == "fresh/branch"
    repo.git("config", "core.autocrlf", "true")
    place, _ = repository.reached(desk, "")
    assert not place.plain


def test_a_handle_is_for_one_call_at_a_time(settled: dict[str, tuple[GitRepo, Desk]]) -> None:
    repo, desk = settled["handles"]
    _remembered(repo, desk)
    one = repository.reached(desk, "")[1]
    other = repository.reached(desk, "")[1]
    assert one is not other
    commit, kept = one.revparse_single("HEAD"), id(one)
    del one, other
    assert id(repository.reached(desk, "")[1]) != kept, "the commit holds it"
    del commit
    assert id(repository.reached(desk, "")[1]) == kept


def _changed(desk: Desk) -> list[str]:
    place, repo = repository.reached(desk, "")
    return [one.new_file.path for one in worktree.changes(repo, place, place.plain_files(repo)).deltas]


def test_a_file_that_is_as_committed_again_is_unchanged_again(settled: dict[str, tuple[GitRepo, Desk]]) -> None:
    repo, desk = settled["files"]
    place = _remembered(repo, desk)
    assert _changed(desk) == ["a.txt"] == _changed(desk)
    assert list(place.verdicts.by_path) == ["a.txt"], "its content need not be read again"
    repo.write("a.txt", "one\n")
    assert _changed(desk) == []
    repo.write("b.txt", "owt\n")
    assert _changed(desk) == ["b.txt"]
    repo.git("add", "b.txt")
    assert _changed(desk) == []
    repo.write("a.txt", "neo\n")
    repo.write(".gitattributes", "*.txt ident\n")
    assert sorted(_changed(desk)) == ["a.txt"]


def test_a_hook_or_lock_file_does_not_cost_the_whole_check(settled: dict[str, tuple[GitRepo, Desk]]) -> None:
    repo, desk = settled["folder"]
    place = _remembered(repo, desk)
    (repo.path / ".git/some.lock").touch()
    assert repository.reached(desk, "")[0] is place
    os.utime(repo.path / ".git/refs/heads")
    assert repository.reached(desk, "")[0] is place
    (repo.path / ".git/rebase-merge").mkdir()
    assert repository.reached(desk, "")[0] is not place


TEXT = st.lists(st.sampled_from(["a", "def f():", "b", "", "é", "\r", "x" * 90, "\t- y"]), min_size=1, max_size=40)


@settings(max_examples=60)
@given(TEXT, TEXT, st.booleans(), st.booleans(), st.integers(0, 5))
def test_a_patch_made_of_two_texts_is_the_one_that_libgit2_makes_of_two_files(
    tmp_path_factory: pytest.TempPathFactory, old: list[str], new: list[str], ends: bool, ended: bool, around: int
) -> None:
    folder = tmp_path_factory.mktemp("p")
    repo = pygit2.init_repository(folder)
    trees = []
    for lines, last in ((old, ends), (new, ended)):
        blob = repo.create_blob(("\n".join(lines) + "\n" * last).encode())
        builder = repo.TreeBuilder()
        builder.insert("some file.py", blob, 0o100644)
        trees.append(repo[builder.write()])
    diff = trees[0].diff_to_tree(trees[1], context_lines=around)
    place = _place(folder)
    plain = diffs.Changes(repo, place, diff, False, known.Plain(str(folder), repo.index), around).pick("")
    slow = diffs.Changes(repo, place, diff, False, None, around).pick("")
    for number in slow.picked:
        for head in (True, False):
            for _ in range(2):  # made, and kept
                assert diffs.patch_text(plain, number, [], plain=head) == diffs.patch_text(slow, number, [], plain=head)


def _place(folder: Path) -> repository.Place:
    return repository.find(Desk(Roots.parse([str(folder)])), "")
