"""The npm packages that items need and a project lacks, and the command that installs them. It is never run here."""

from __future__ import annotations

import posixpath
import re
import shlex
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from openmanager_core.errors import SourceInvalid
from openmanager_core.text import quoted
from openmanager_shadcn.adding.aliases import Disk

_LOCKS = (
    ("bun.lock", "bun"),
    ("bun.lockb", "bun"),
    ("deno.lock", "deno"),
    ("pnpm-lock.yaml", "pnpm"),
    ("pnpm-workspace.yaml", "pnpm"),
    ("yarn.lock", "yarn"),
    ("package-lock.json", "npm"),
    ("npm-shrinkwrap.json", "npm"),
)
_MANAGERS = frozenset(("npm", "pnpm", "yarn", "bun", "deno"))
_PACKAGE = re.compile(r"(@[a-z0-9~][\w.~-]*/)?[A-Za-z0-9~][\w.~-]*", re.ASCII)
_VERSION = re.compile(r"[\w.^~<>=|*+ :/@-]{1,200}", re.ASCII)
_TABLES = ("dependencies", "devDependencies", "optionalDependencies", "peerDependencies")
_MOST_ABOVE = 12


@dataclass(frozen=True, slots=True)
class Needed:
    """What is to be installed, and how.

    Attributes
    ----------
    packages, dev_packages
        As the registry wrote them.
    elsewhere
        Those of them that do not come from the package registry under their own name.
    commands
        Ready for a shell, every word quoted.
    """

    manager: str
    packages: tuple[str, ...] = ()
    dev_packages: tuple[str, ...] = ()
    elsewhere: tuple[str, ...] = ()
    commands: tuple[str, ...] = ()


def needed(disk: Disk, folder: str, wanted: Sequence[str], dev: Sequence[str], *, start: str = "") -> Needed:
    """Say what `folder` lacks; `start` is the folder that the commands are run from.

    Raises
    ------
    SourceInvalid
        If the registry names something that is no package.
    """
    there: dict[str, object] = {}
    package = disk.json(f"{folder}/package.json")
    for table in reversed(_TABLES):
        found = package.get(table)
        there.update(found if isinstance(found, dict) else {})
    packages = _missing(wanted, there)
    dev_packages = tuple(one for one in _missing(dev, there) if one not in packages)
    manager = manager_of(disk, folder)
    commands = [_command(manager, some, is_dev) for some, is_dev in ((packages, False), (dev_packages, True)) if some]
    if commands and start and start != folder:
        commands.insert(0, f"cd -- {shlex.quote(posixpath.relpath(folder, start))}")
    elsewhere = tuple(one for one in (*packages, *dev_packages) if _elsewhere(one))
    return Needed(manager, packages, dev_packages, elsewhere, tuple(commands))


def manager_of(disk: Disk, folder: str) -> str:
    """Tell which package manager a project uses: by its lock file, then by package.json; npm if nothing says."""
    at = folder
    for _ in range(_MOST_ABOVE):
        names = set(disk.names(at))
        field = disk.json(f"{at}/package.json").get("packageManager")
        stated = re.match(r"\^?([a-z]+)@", field) if isinstance(field, str) else None
        if stated is not None and stated.group(1) in _MANAGERS:
            return stated.group(1)
        for lock, manager in _LOCKS:
            if lock in names:
                return manager
        above = posixpath.dirname(at)
        if above == at or not disk.is_directory(above):
            break
        at = above
    return "npm"


def _missing(wanted: Iterable[str], there: dict[str, object]) -> tuple[str, ...]:
    chosen: dict[str, str] = {}
    for written in wanted:
        name, version = _parts(written)
        if name in there and (not version or there[name] == version):
            continue
        if name not in chosen or (version and chosen[name] == name):
            chosen[name] = written.strip()
    return tuple(chosen.values())


def _parts(written: str) -> tuple[str, str]:
    """Take a package's name and version apart.

    Raises
    ------
    SourceInvalid
        If it is no such thing.
    """
    text = written.strip()
    head, at, version = text[1:].partition("@") if text.startswith("@") else text.partition("@")
    name = ("@" if text.startswith("@") else "") + head
    if re.match(r"[a-z][a-z0-9+.-]*:", text):  # an address: git, file, https, npm
        name, at, version = text, "@", text
        good = _VERSION.fullmatch(text) is not None
    else:
        good = _PACKAGE.fullmatch(name) is not None and (not at or _VERSION.fullmatch(version) is not None)
    if not good or len(text) > 300:
        raise SourceInvalid(f"the registry asks for the npm package {quoted(written, 80)}, which is no package's name")
    return name, version


def _elsewhere(written: str) -> bool:
    return ":" in written or "/" in _parts(written)[1]


def _command(manager: str, packages: Sequence[str], dev: bool) -> str:
    words = {
        "npm": ["npm", "install"],
        "pnpm": ["pnpm", "add"],
        "yarn": ["yarn", "add"],
        "bun": ["bun", "add"],
        "deno": ["deno", "add"],
    }[manager]
    words += ["-D"] if dev else []
    words += [f"npm:{one}" for one in packages] if manager == "deno" else ["--", *packages]
    return shlex.join(words)
