"""Find and open the repository that a caller names, only where all of it lies inside the roots.

The caller's path is walked by descriptor (`confined.walk`), then every place that Git would go on to is checked
(`links`). libgit2 opens by path: between the check and its own opening a directory could be swapped for a link by
someone who may write inside the roots. So the real path is opened, searching upwards is off, and after opening the
git dir and the work tree are compared with what was checked, and the links are checked once more. What remains is a
swap there and back within those few hundred microseconds. A check stands while what it looked at is the same (`known`).
"""

from __future__ import annotations

import os
import re
import stat
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from openmanager_core.errors import FleetError, InvalidRequest, NotAllowed, NotFound, StorageUnavailable, Unsupported
from openmanager_core.text import quoted
from openmanager_git import links
from openmanager_git.desk import Desk
from openmanager_git.known import (
    SETTLED_S,
    Checked,
    Look,
    Plain,
    Verdicts,
    configuration_files,
    is_plain,
    is_simple,
    state_of,
)
from openmanager_kit.confined import walk
from openmanager_kit.confined.names import shown_path
from openmanager_kit.confined.refusals import kind
from openmanager_kit.confined.roots import Parts, Root, Roots, parts_of

if TYPE_CHECKING:
    import pygit2

_NEAR_AMONG = 500
_SHOWN_NEAR = 5
_CACHED_BYTES = 64 * 1024 * 1024
"""Commits and directories that libgit2 keeps, of all open repositories together."""


@dataclass(frozen=True, slots=True)
class Place:
    """A repository inside the roots.

    Attributes
    ----------
    path
        As shown to the caller: the top of the work tree, or the git dir of a bare repository.
    work_tree
        Real path, ``""`` if bare.
    git_dir, common_dir
        Real paths; they differ in a linked work tree only.
    root
        Holds the work tree (the git dir of a bare repository).
    writable
        Whether all of its places, and no root inside of it, may be written.
    trusted
        Whether the user lets the programs run that this repository names.
    prefix
        Where in the work tree the caller's path pointed, ``""`` at the top.
    roots
        All roots, to check again after opening.
    opens
        Real path by which libgit2 opens it: where its ``.git`` stands, or the git dir itself.
    plain
        Whether it is known that no setting changes what a file's text or its diff is.
    verdicts
        What is known of the files of the work tree.
    """

    path: str
    work_tree: str
    git_dir: str
    common_dir: str
    root: Root
    writable: bool
    trusted: bool
    bare: bool
    prefix: str
    roots: Roots
    opens: str
    plain: bool = False
    verdicts: Verdicts = field(default_factory=Verdicts, compare=False, repr=False)

    def plain_files(self, repo: pygit2.Repository) -> Plain | None:
        """Tell of files whether nothing but their bytes counts; None if that is known of none."""
        return Plain(self.work_tree, repo.index) if self.plain and self.work_tree else None


def find(desk: Desk, repo_path: str) -> Place:
    """Find the repository that a path lies in; blocking, for a thread.

    ``""`` and ``.`` mean the first root. A subdirectory will do: the search goes up to the edge of the roots.

    Raises
    ------
    NotFound
        If there is no such path, or no repository up to the edge of the roots.
    NotAllowed
        If any part of the repository lies outside of the roots, or belongs to another user.
    Unsupported
        If libgit2 cannot read this kind of repository.
    """
    return reached(desk, repo_path)[0]


def reached(desk: Desk, repo_path: str) -> tuple[Place, pygit2.Repository]:
    """Find and open in one go: what `find` and `opened` do."""
    roots = desk.roots
    start = _start(roots, repo_path)
    key = (roots, desk.trusted, start)
    checked = desk.known.find(key)
    if checked is not None and _no_submodule(checked):
        handle = checked.handle()
        if handle is None:
            return checked.place, opened(checked.place, checked.look)
        if not checked.place.bare:
            handle.index.read(False)
        return checked.place, handle
    before = Look()
    before.at(*configuration_files())
    git_dir, top = _nearest(roots, start, repo_path)
    common_dir = links.common_dir_of(roots, git_dir)
    before.at(f"{git_dir}/config", f"{git_dir}/config.worktree", f"{git_dir}/info/attributes")
    look = links.check_links(roots, git_dir, common_dir)
    repo = _open(roots, top or git_dir)
    holders = sys.getrefcount(repo)
    work_tree = _work_tree(roots, repo, git_dir)
    where = work_tree or git_dir
    held = roots.holding(parts_of(where))
    assert held is not None
    prefix = ""
    if work_tree and (start + "/").startswith(work_tree.rstrip("/") + "/"):
        prefix = start[len(work_tree.rstrip("/")) + 1 :]
    simple = start == (top or git_dir) and work_tree in ("", start) and look.settled()
    look.files |= before.files
    settings = {entry.name.lower() for entry in repo.config} if simple else set()
    place = Place(
        path=links.shown_real(roots, where),
        work_tree=work_tree,
        git_dir=git_dir,
        common_dir=common_dir,
        root=held[0],
        writable=all(_writable(roots, path) for path in {where, git_dir, common_dir}),
        trusted=all(desk.trusts(path) for path in {where, git_dir, common_dir}),
        bare=not work_tree,
        prefix=prefix,
        roots=roots,
        opens=top or git_dir,
        plain=simple and is_plain(settings, look),
        verdicts=desk.known.verdicts(git_dir),
    )
    may_have_submodules = _check_again(place, repo, look)
    if simple and not may_have_submodules and is_simple(settings) and look.settled():
        desk.known.keep(key, Checked(place, look, repo, holders, None))
    return place, repo


def _no_submodule(checked: Checked) -> bool:
    """Tell whether the index holds no submodule, whose git dir would have to be checked too."""
    if checked.place.bare:
        return True
    index = f"{checked.place.git_dir}/index"
    state, latest_ns = state_of(index), time.time_ns() - int(SETTLED_S * 1e9)
    if state == checked.index:
        return True
    if links.may_have_submodules(index):
        return False
    checked.index = state if state is not None and max(state[:2]) < latest_ns else ()
    return True


def opened(place: Place, look: Look | None = None) -> pygit2.Repository:
    """Open a fresh handle; cheap, and for one thread at a time.

    Parameters
    ----------
    look
        What was looked at when all of the repository was checked: if it is the same still, nothing else is.

    Raises
    ------
    NotFound, NotAllowed, Unsupported
        If the repository has gone or changed since it was found.
    """
    repo = _open(place.roots, place.opens)
    if (_real(repo.workdir) if repo.workdir else "") != place.work_tree:
        raise NotAllowed(
            f"repository {quoted(place.path)}: its work tree changed while it was being opened", hint="again"
        )
    if look is None or _real(repo.path) != place.git_dir or not look.same():
        _check_again(place, repo)
    return repo


def _start(roots: Roots, repo_path: str) -> str:
    """Give the real path of the directory that the caller names."""
    spot = roots.locate(repo_path if repo_path.strip() else ".", "repo_path")
    with walk.entry(spot) as found:
        if not stat.S_ISDIR(found.need().st_mode):
            raise InvalidRequest(
                f"repo_path {quoted(spot.shown)} is {kind(found.need())}, not a directory", hint="its directory"
            )
        return "/" + "/".join((*found.root.parts, *found.parts))


def _nearest(roots: Roots, start: str, given: str) -> tuple[str, str]:
    """Go up until a repository is found; gives its git dir, and its top (``""`` for a git dir of its own)."""
    parts: Parts = parts_of(start)
    while roots.holding(parts) is not None:
        folder = "/" + "/".join(parts)
        git_dir = links.git_dir_of(roots, folder)
        if git_dir is not None:
            return git_dir, folder
        if links.is_git_dir(folder):
            above = "/" + "/".join(parts[:-1])
            if parts[-1] == ".git" and roots.holding(parts[:-1]) is not None:
                return folder, above
            return folder, ""
        if not parts:
            break
        parts = parts[:-1]
    near = _repositories(roots)
    hint = f"one of {', '.join(near)}" if near else "git_init, or a directory that holds a repository"
    shown = roots.locate(given if given.strip() else ".", "repo_path").shown
    raise NotFound(f"repo_path {quoted(shown)} is in no Git repository inside the allowed directories", hint=hint)


def _repositories(roots: Roots) -> list[str]:
    """Name a few repositories at and directly below the roots."""
    found: list[str] = []
    for root in roots.roots:
        if os.path.lexists(f"{root.real}/.git"):
            found.append(shown_path(root.given))
        try:
            with os.scandir(root.real) as entries:
                for item, _ in zip(entries, range(_NEAR_AMONG), strict=False):
                    if item.is_dir(follow_symlinks=False) and os.path.lexists(f"{item.path}/.git"):
                        found.append(shown_path(f"{root.given.rstrip('/')}/{item.name}"))
        except OSError:
            continue
    return [quoted(path) for path in sorted(found)[:_SHOWN_NEAR]]


def _open(roots: Roots, real: str) -> pygit2.Repository:
    import pygit2
    from pygit2.enums import RepositoryOpenFlag

    pygit2.settings.cache_max_size(_CACHED_BYTES)
    try:
        return pygit2.Repository(real, RepositoryOpenFlag.NO_SEARCH)
    except (pygit2.GitError, KeyError, ValueError, OSError) as exc:
        raise refusal(exc, links.shown_real(roots, real)) from exc


_UNSUPPORTED = re.compile(r"unsupported|unknown (object|hash|ref)|object format|sha-?256|reftable", re.IGNORECASE)


def refusal(exc: Exception, shown: str) -> FleetError:
    """Say in our words what libgit2 said; its own words may hold paths and lines of files."""
    said = str(exc)
    where = f"repository {quoted(shown)}"
    if "not owned" in said:
        return NotAllowed(
            f"{where} belongs to another user, so Git does not read it (safe.directory)",
            hint=f"if you trust its owner, run: git config --global --add safe.directory {quoted(shown)}",
        )
    if _UNSUPPORTED.search(said):
        return Unsupported(
            f"{where} uses a format that is not supported: {_format(said)}",
            hint="the git command line; sha1 objects and plain files for references are supported",
        )
    if "config" in said:
        return InvalidRequest(f"{where}: its configuration cannot be read", hint="git config --list, to see the line")
    if isinstance(exc, OSError) and not isinstance(exc, FileNotFoundError):
        return StorageUnavailable(f"{where} cannot be read: {exc.strerror or 'input/output error'}")
    return NotFound(f"{where} cannot be opened: it is damaged or has gone", hint="git fsck")


def _format(said: str) -> str:
    named = re.search(r"extensions?\.[\w-]+|sha-?256|reftable|version\D{0,3}\d+|'[\w-]+'", said, re.IGNORECASE)
    return named.group() if named else "an unknown extension"


def _real(path: str) -> str:
    return os.path.realpath(path)


def _work_tree(roots: Roots, repo: pygit2.Repository, git_dir: str) -> str:
    """Give the work tree that Git would use, wherever the configuration says it is."""
    if repo.workdir is None:
        return ""
    shown = links.shown_real(roots, git_dir)
    return links.inside(roots, repo.workdir, f"the work tree of {shown} (core.worktree or gitdir)")


def _check_again(place: Place, repo: pygit2.Repository, look: Look | None = None) -> bool:
    """See that what was opened is what was checked, and that it still leads nowhere else.

    Gives whether the index may hold submodules.
    """
    if _real(repo.path) != place.git_dir:
        raise NotAllowed(
            f"repository {quoted(place.path)}: its git dir changed while it was being opened", hint="again"
        )
    if look is None or not look.settled() or not look.same():
        links.check_links(place.roots, place.git_dir, links.common_dir_of(place.roots, place.git_dir))
    if not place.work_tree:
        return False
    return links.check_submodules(place.roots, place.work_tree, f"{place.git_dir}/index", _gitlinks(repo))


def _gitlinks(repo: pygit2.Repository) -> Iterator[str]:
    for item in repo.index:
        if int(item.mode) == 0o160000:
            yield item.path


def _writable(roots: Roots, real: str) -> bool:
    """Tell whether a directory and all roots inside of it may be written."""
    parts = parts_of(real)
    held = roots.holding(parts)
    inner = [root for root in roots.roots if root.parts[: len(parts)] == parts]
    return held is not None and held[0].writable and all(root.writable for root in inner)
