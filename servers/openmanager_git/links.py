"""Where a repository's own files lead: every directory that Git would go on to must lie inside the roots.

A git dir names other places in many ways: a ``.git`` file, ``commondir``, ``objects/info/alternates``, symbolic
links, the git dirs of submodules. Each is resolved and looked up among the roots; messages name the link, and never
where it leads to.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from openmanager_core.errors import FleetError, InvalidRequest, NotAllowed, Unsupported
from openmanager_core.job import checkpoint
from openmanager_core.text import quoted
from openmanager_git.known import Look
from openmanager_kit.confined import walk
from openmanager_kit.confined.names import shown_path
from openmanager_kit.confined.roots import Roots, Spot, parts_of

_LONGEST_FILE = 64 * 1024
_MOST_ALTERNATES = 50
_GITLINK = b"\x00\x00\xe0\x00"  # mode 160000 as the index file writes it
_MOST_SUBMODULES = 10_000
_LOOKED_AT_ELSEWHERE = ("objects", "modules", "lfs")
"""They may hold a great many files: objects are checked by their hashes, modules one by one."""


def spot_of(roots: Roots, real: str, parameter: str = "repo_path") -> Spot | None:
    """Give the place of a resolved absolute path; None if it lies outside of every root."""
    found = roots.holding(parts_of(real))
    if found is None:
        return None
    # A real name with a backslash is written as it is shown, so that the walk finds this very entry.
    return Spot(roots, found[0], tuple(shown_path(part) if "\\" in part else part for part in found[1]), parameter)


def shown_real(roots: Roots, real: str) -> str:
    """Show a resolved path that lies inside the roots, below the name that the user gave the root."""
    found = roots.holding(parts_of(real))
    if found is None:
        return "(outside)"
    return shown_path("/".join((found[0].given.rstrip("/"), *found[1])) or "/")


def inside(roots: Roots, target: str, link: str) -> str:
    """Resolve where `link` leads.

    Raises
    ------
    NotAllowed
        If that is outside of every root, whether there is something or not.
    """
    real = os.path.realpath(target)
    if roots.holding(parts_of(real)) is None:
        raise NotAllowed(
            f"repo_path: {link} leads out of the allowed directories",
            hint="allow the directory that it leads to as well, if you want this repository to be read",
        )
    return real


def text_of(roots: Roots, real: str, link: str) -> str | None:
    """Read a small file of a git dir; None if there is none."""
    spot = spot_of(roots, real)
    if spot is None:
        raise NotAllowed(f"repo_path: {link} lies outside the allowed directories")
    with walk.entry(spot) as found:
        if found.stat is None:
            return None
        walk.need_regular(found)
        fd = walk.open_regular(found)
    try:
        data = os.read(fd, _LONGEST_FILE + 1)
    finally:
        os.close(fd)
    if len(data) > _LONGEST_FILE:
        raise Unsupported(f"repo_path: {link} is longer than {_LONGEST_FILE} bytes")
    return os.fsdecode(data)


def _from(folder: str, target: str) -> str:
    """Read a path that is written relative to a directory."""
    return target if target.startswith("/") else f"{folder}/{target}"


def is_git_dir(real: str) -> bool:
    """Tell whether a directory looks like the git dir of a repository or of a linked work tree."""
    return os.path.lexists(f"{real}/HEAD") and (
        (Path(real, "objects").is_dir() and Path(real, "refs").is_dir()) or Path(real, "commondir").is_file()
    )


def git_dir_of(roots: Roots, folder: str) -> str | None:
    """Find the git dir that ``folder/.git`` is or names, resolved; None if there is none.

    Raises
    ------
    NotAllowed
        If it leads out of the roots.
    """
    link = shown_real(roots, folder) + "/.git"
    spot = spot_of(roots, folder)
    if spot is None:
        return None
    with walk.entry(spot.child(".git")) as found:
        if found.stat is None:
            return None
        mode = found.stat.st_mode
        real = "/" + "/".join((*found.root.parts, *found.parts))
    if stat.S_ISDIR(mode):
        return real if is_git_dir(real) else None
    if not stat.S_ISREG(mode):
        return None
    written = text_of(roots, real, link) or ""
    if not written.startswith("gitdir:"):
        raise InvalidRequest(f"repo_path: {link} is no .git file: it must begin with 'gitdir: '")
    target = written.removeprefix("gitdir:").strip()
    if not target or "\0" in target or "\n" in target:
        raise InvalidRequest(f"repo_path: {link} names no directory")
    resolved = inside(roots, _from(real.rpartition("/")[0], target), link)
    if not is_git_dir(resolved):
        raise InvalidRequest(
            f"repo_path: {link} names {quoted(shown_real(roots, resolved))}, which is no git dir",
            hint="git worktree repair",
        )
    return resolved


def common_dir_of(roots: Roots, git_dir: str) -> str:
    """Find the directory that all work trees of a repository share."""
    link = f"{shown_real(roots, git_dir)}/commondir"
    written = text_of(roots, f"{git_dir}/commondir", link)
    if written is None:
        return git_dir
    return inside(roots, _from(git_dir, written.strip()), link)


def check_links(roots: Roots, git_dir: str, common_dir: str) -> Look:
    """Refuse a repository whose git dir, objects or alternates lead out of the roots; gives what was looked at."""
    look = Look(simple=git_dir == common_dir)
    look.at(f"{git_dir}/commondir")
    for top in dict.fromkeys((git_dir, common_dir)):
        ahead = [top]
        while ahead:
            checkpoint()
            folder = ahead.pop()
            names, below = look.into(folder)
            for name in names:
                inside(roots, f"{folder}/{name}", f"{shown_real(roots, folder)}/{shown_path(name)}")
            ahead += [f"{folder}/{name}" for name in below if folder != top or name not in _LOOKED_AT_ELSEWHERE]
    _check_objects(roots, os.path.realpath(f"{common_dir}/objects"), look)
    return look


def _check_objects(roots: Roots, first: str, look: Look) -> None:
    """Follow alternates, and the alternates of alternates."""
    seen, ahead = set[str](), [first]
    while ahead:
        objects = ahead.pop()
        if objects in seen:
            continue
        seen.add(objects)
        if len(seen) > _MOST_ALTERNATES:
            raise Unsupported(f"repo_path: the repository has more than {_MOST_ALTERNATES} alternates")
        here = shown_real(roots, objects)
        for folder in (objects, f"{objects}/pack", f"{objects}/info"):
            for name in look.into(folder)[0]:
                inside(roots, f"{folder}/{name}", f"{here}{folder[len(objects) :]}/{shown_path(name)}")
        look.at(f"{objects}/info/alternates", f"{objects}/info/http-alternates")
        link = f"{here}/info/alternates"
        lines = _lines(roots, f"{objects}/info/alternates", link)
        ahead += [inside(roots, _from(objects, line), link) for line in lines]
        look.simple = look.simple and not ahead
        link = f"{here}/info/http-alternates"
        if any(_lines(roots, f"{objects}/info/http-alternates", link)):
            raise NotAllowed(f"repo_path: {link} leads out of the allowed directories", hint="remove that file")


def _lines(roots: Roots, path: str, link: str) -> list[str]:
    if not os.path.lexists(path):
        return []
    written = text_of(roots, path, link) or ""
    lines = [line for line in written.split("\n") if line and not line.startswith("#")]
    return [_unquoted(line) for line in lines]


def _unquoted(line: str) -> str:
    """Read a path in double quotes as Git writes unusual ones; ours are refused rather than read wrongly."""
    if line.startswith('"'):
        if "\\" in line or not line.endswith('"'):
            raise Unsupported("repo_path: objects/info/alternates has a path with escapes")
        return line[1:-1]
    return line


def may_have_submodules(index: str) -> bool:
    """Tell whether an index file may hold a submodule."""
    try:
        return _GITLINK in Path(index).read_bytes()
    except FileNotFoundError:
        return False
    except OSError:
        return True


def check_submodules(roots: Roots, work_tree: str, index: str, paths: Iterator[str]) -> bool:
    """Refuse a repository with a submodule whose git dir leads out: Git looks into it to tell whether it changed.

    Gives whether the index may hold submodules.

    Parameters
    ----------
    paths
        The gitlinks of the index; only asked for if the file holds the bytes of one, as reading it costs time.
    """
    if not may_have_submodules(index):
        return False
    for count, path in enumerate(paths):
        if count >= _MOST_SUBMODULES:
            raise Unsupported(f"repo_path: the repository has more than {_MOST_SUBMODULES} submodules")
        folder = f"{work_tree}/{path}"
        if os.path.lexists(f"{folder}/.git"):
            real = inside(roots, folder, shown_real(roots, work_tree) + "/" + shown_path(path))
            _check_submodule(roots, real)
    return True


def _check_submodule(roots: Roots, folder: str) -> None:
    try:
        git_dir = git_dir_of(roots, folder)
        if git_dir is not None:
            check_links(roots, git_dir, common_dir_of(roots, git_dir))
    except NotAllowed:
        raise
    except FleetError:
        return  # a broken submodule is none; Git shows it as deleted or empty
