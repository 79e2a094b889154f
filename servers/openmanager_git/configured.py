"""The settings that hold for a repository, and whose they are: the user's own, or the repository's."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from openmanager_core.errors import StorageUnavailable
from openmanager_core.job import offload
from openmanager_git.program import Directories, git
from openmanager_kit.confined.roots import Parts, parts_of

_OF_THE_REPOSITORY = ("local", "worktree")


@dataclass(frozen=True, slots=True)
class Setting:
    """One line of configuration.

    Attributes
    ----------
    key
        As git prints it: section and name in small letters, what stands between as it is.
    own
        Whether it is the user's (or the administrator's), and not the repository's.
    """

    key: str
    value: str
    own: bool

    @property
    def section(self) -> str:
        """What comes before the first point."""
        return self.key.partition(".")[0]

    @property
    def middle(self) -> str:
        """The subsection: a filter's name, a remote's, an address."""
        return self.key.partition(".")[2].rpartition(".")[0]

    @property
    def name(self) -> str:
        """What comes after the last point."""
        return self.key.rpartition(".")[2]


@dataclass(frozen=True, slots=True)
class Settings:
    """All settings, in the order in which git reads them: the last one counts."""

    lines: tuple[Setting, ...]

    def last(self, *keys: str, own: bool = False) -> Setting | None:
        """Find the one that counts among `keys`; with `own` as if the repository said nothing."""
        found = (line for line in reversed(self.lines) if line.key in keys and (line.own or not own))
        return next(found, None)

    def value(self, key: str, default: str = "") -> str:
        """Give the value that counts."""
        found = self.last(key)
        return default if found is None else found.value

    def truth(self, key: str) -> bool:
        """Tell whether a setting is on."""
        return self.value(key).lower() in ("true", "yes", "on", "1")

    def under(self, section: str, *names: str) -> list[Setting]:
        """Find the lines ``section.*.name``, in order."""
        return [line for line in self.lines if line.section == section and line.middle and line.name in names]


async def settings_of(place: Directories, root: str) -> Settings:
    """Ask git for all settings of a repository; nothing of the repository runs for it.

    Parameters
    ----------
    root
        Top of the repository: what a file in there says is the repository's, even where the user includes it.

    Raises
    ------
    StorageUnavailable
        If the configuration cannot be read.
    """
    done = await git(place, "config", "--list", "-z", "--show-scope", "--show-origin", "--includes")
    if done.code != 0:
        said = done.err.decode("utf-8", "replace").rpartition("fatal: ")[2].strip()
        # The path of the user's own file is nobody's business; the line number and the kind are enough.
        words = said.partition(" in file ")[0]
        raise StorageUnavailable(f"the configuration of the repository cannot be read: {words[:200]}")
    return await offload(_parsed, os.fsdecode(done.out), (root, place.common_dir), place.work_tree or place.git_dir)


def _parsed(text: str, inside_of: Sequence[str], cwd: str) -> Settings:
    folders = tuple(parts_of(os.path.realpath(path)) for path in inside_of)
    lines = []
    known: dict[tuple[str, str], bool] = {}
    for scope, origin, line in _triples(text.split("\0")):
        if scope == "command":
            continue
        if (scope, origin) not in known:
            known[scope, origin] = scope not in _OF_THE_REPOSITORY and not _inside(origin, folders, cwd)
        key, there, value = line.partition("\n")
        lines.append(Setting(key, value if there else "true", known[scope, origin]))
    return Settings(tuple(lines))


def _triples(fields: list[str]) -> Iterable[tuple[str, str, str]]:
    return zip(fields[0::3], fields[1::3], fields[2::3], strict=False)


def _inside(origin: str, folders: Sequence[Parts], cwd: str) -> bool:
    path = origin.removeprefix("file:")
    parts = parts_of(os.path.realpath(Path(cwd, path)))
    return any(parts[: len(folder)] == folder for folder in folders)
