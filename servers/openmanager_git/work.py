"""One change to one repository: its turn, its trust, and git under the settings that both allow."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from openmanager_core.errors import InvalidRequest, NotAllowed, NotFound
from openmanager_core.job import offload
from openmanager_core.text import quoted
from openmanager_git import program, trust
from openmanager_git.complaints import complaint
from openmanager_git.configured import Settings, settings_of
from openmanager_git.desk import Desk
from openmanager_git.repository import Place, find, opened
from openmanager_git.trust import Use
from openmanager_kit.child import Finished
from openmanager_kit.confined.names import shown_path

_NAMED = re.compile(r"(?:^|\s)((?:filter|merge)=\S+)")
_MOST_ATTRIBUTES = 1000


@dataclass(slots=True)
class Work:
    """A repository whose turn it is.

    Attributes
    ----------
    tame
        Whether nothing that the repository names may run: it is not trusted, or the caller asked for that.
    """

    desk: Desk
    place: Place
    settings: Settings
    tame: bool
    skip: bool
    pairs: list[tuple[str, str]] = field(default_factory=list)
    protocols: tuple[str, ...] = ()
    more: dict[str, str] = field(default_factory=dict)

    @property
    def top(self) -> str:
        """Top of the work tree, or the repository itself if it is bare."""
        return self.place.work_tree or self.place.git_dir

    async def run(self, *words: str, given: bytes | None = None) -> Finished:
        """Run git, whatever its exit code."""
        return await program.git(
            self.place, *words, settings=self.pairs, protocols=self.protocols, given=given, more=self.more
        )

    async def git(self, what: str, *words: str, given: bytes | None = None) -> str:
        """Run git and give its output; `what` is the subject of the error if it fails."""
        done = await self.run(*words, given=given)
        if done.code != 0:
            raise await self.complaint(what, done)
        return os.fsdecode(done.out)

    async def complaint(self, what: str, done: Finished) -> Exception:
        """Make the error for a run that failed."""
        return await offload(complaint, what, done, self.desk.roots, self.place.common_dir)

    async def allow(self, use: Use, *, trees: Sequence[str] = (), paths: Sequence[str] | None = None) -> None:
        """Refuse the operation if it would run a program of an untrusted repository; call it before the operation.

        Parameters
        ----------
        trees
            Commits whose files are written to the work tree or merged.
        paths
            The only paths that are read or written; None means all.
        """
        if not self.tame:
            return
        if use.remote:
            self.pairs = await self._tamed(use.remote)
        if self.skip:
            if use.remote and self.settings.value(f"remote.{use.remote}.vcs"):
                raise NotAllowed(f"remote {quoted(use.remote, 60)} names a helper program, and cannot be used without")
            return
        attributes = ""
        drivers = [*self.settings.under("filter", *trust.FILTER), *self.settings.under("merge", "driver")]
        if (use.filters or use.merges) and any(not line.own for line in drivers):
            attributes = "\n".join(await self._attributes(trees, paths))
        await trust.refuse_programs(
            use,
            self.settings,
            attributes,
            common_dir=self.place.common_dir,
            top=self.top,
            shown=shown_path(self.place.path),
        )

    async def commit_of(self, revision: str, parameter: str) -> str:
        """Resolve a revision to the hash of its commit.

        Raises
        ------
        NotFound
            If there is none.
        """
        program.plain_value(revision, parameter)
        done = await self.run("rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}")
        if done.code != 0:
            raise NotFound(f"{parameter} {quoted(revision, 100)} names no commit", hint="git_branch or git_log")
        return done.out.decode().strip()

    async def head(self) -> str:
        """Give the hash of the current commit; empty before the first."""
        return await offload(_head, self.place)

    async def branch(self) -> str:
        """Give the current branch; empty if HEAD is detached."""
        return await offload(_branch, self.place)

    async def has_ref(self, name: str) -> bool:
        """Tell whether a full reference name exists."""
        return await offload(_has_ref, self.place, name)

    async def _tamed(self, remote: str = "") -> list[tuple[str, str]]:
        return trust.overrides(self.settings, self.top, remote, await self._submodules())

    async def _submodules(self) -> list[str]:
        """Name the submodules, so that git starts no git in them."""
        file = Path(self.top, ".gitmodules")
        if self.place.bare or not await offload(_is_regular, file):
            return []
        done = await program.git(self.place, "config", "--file", str(file), "--no-includes", "-z", "--list")
        lines = os.fsdecode(done.out).split("\0")
        keys = [line.partition("\n")[0] for line in lines if line.startswith("submodule.")]
        return list(dict.fromkeys(key[len("submodule.") :].rpartition(".")[0] for key in keys))[:_MOST_ATTRIBUTES]

    async def _attributes(self, trees: Sequence[str], paths: Sequence[str] | None) -> Iterable[str]:
        """Find what attributes name for the paths of an operation."""
        found: dict[str, None] = {}
        here = await self.run("ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", *(paths or ()))
        names = set(here.out.split(b"\0"))
        for tree in trees:
            listed = await self.run("ls-tree", "-r", "-z", "--full-tree", "--name-only", tree)
            inside = set(listed.out.split(b"\0"))
            names |= inside
            files = [name for name in inside if name == b".gitattributes" or name.endswith(b"/.gitattributes")]
            for name in sorted(files)[:_MOST_ATTRIBUTES]:
                shown = await self.run("cat-file", "blob", f"{tree}:{os.fsdecode(name)}")
                found |= dict.fromkeys(_NAMED.findall(shown.out.decode("utf-8", "replace")))
        given = b"\0".join(sorted(names - {b""})) + b"\0"
        done = await self.run("check-attr", "-z", "--stdin", "filter", "merge", given=given)
        fields = done.out.split(b"\0")
        for attribute, value in {(fields[i + 1], fields[i + 2]) for i in range(0, len(fields) - 2, 3)}:
            found[f"{attribute.decode()}={value.decode('utf-8', 'replace')}"] = None
        return found


# Three questions that every change asks; libgit2 answers each in a tenth of the time that a process takes to start.


def _head(place: Place) -> str:
    repo = opened(place)
    return "" if repo.head_is_unborn else str(repo.head.target)


def _branch(place: Place) -> str:
    found = opened(place).references.get("HEAD")
    name = os.fsdecode(found.raw_target) if found is not None and isinstance(found.raw_target, bytes) else ""
    return name.removeprefix("refs/heads/") if name.startswith("refs/heads/") else ""


def _has_ref(place: Place, name: str) -> bool:
    try:
        return opened(place).references.get(name) is not None
    except ValueError:  # no name that a reference can have
        return False


def _is_regular(path: Path) -> bool:
    try:
        return stat.S_ISREG(path.lstat().st_mode)
    except OSError:
        return False


async def located(desk: Desk, repo_path: str) -> Place:
    """Find a repository inside the roots."""
    return await offload(find, desk, repo_path)


@asynccontextmanager
async def changing(
    desk: Desk, repo_path: str, *, skip_hooks: bool = False, bare: bool = False, listing: bool = False
) -> AsyncIterator[Work]:
    """Hold a repository's turn for one change.

    Parameters
    ----------
    bare
        Whether the operation needs no work tree.
    listing
        Whether nothing is changed: allowed where one may only read, and it waits for nobody.

    Raises
    ------
    NotAllowed
        If the root may only be read.
    InvalidRequest
        If there is no work tree, and one is needed.
    """
    place = await located(desk, repo_path)
    where = f"repo_path {quoted(shown_path(place.path))}"
    if place.bare and not bare:
        raise InvalidRequest(
            f"{where} is a bare repository, and this needs a work tree", hint="git_worktree or git_clone"
        )
    if listing:
        yield await _begun(desk, place, skip_hooks)
        return
    if not place.writable:
        raise NotAllowed(
            f"{where} lies in {shown_path(place.root.given)}, which may only be read",
            hint="a repository in a directory that may be written",
        )
    async with desk.turns.turn(place.common_dir):
        yield await _begun(desk, place, skip_hooks)


async def _begun(desk: Desk, place: Place, skip: bool) -> Work:
    settings = await settings_of(place, place.work_tree or place.git_dir)
    work = Work(desk, place, settings, tame=skip or not place.trusted, skip=skip)
    if work.tame:
        work.more["GIT_NO_LAZY_FETCH"] = "1"
        work.pairs = await work._tamed()
    return work
