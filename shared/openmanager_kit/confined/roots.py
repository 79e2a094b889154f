"""The directories that the user allowed, and which of them a path from outside belongs to.

A root is written ``DIR`` or, for reading only, ``DIR:ro``. Where roots lie in each other the innermost decides.
Nothing here touches the file system after the start: `walk` opens what `Roots.locate` names.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote, urlsplit

from openmanager_core.errors import ConfigError, InvalidRequest, NotAllowed
from openmanager_core.text import quoted
from openmanager_kit.confined.names import meant_names, shown_name, shown_path

LONGEST_PATH = 4096
LONGEST_NAME = 255
_READ_ONLY = ":ro"
_READ_WRITE = ":rw"
_SHOWN_ROOTS = 5

Parts = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Root:
    """One allowed directory.

    Attributes
    ----------
    given
        Absolute, as the user wrote it; answers show paths below this name.
    real
        The same with every link resolved, when the server started.
    writable
        False for ``DIR:ro`` and where the whole server only reads.
    above, below
        For a root that a client narrowed: the root of the command line, and the way from there.
    """

    given: str
    real: str
    writable: bool = True
    above: Root | None = None
    below: Parts = ()

    @property
    def parts(self) -> Parts:
        """Components of `real`."""
        return parts_of(self.real)


@dataclass(frozen=True, slots=True)
class Spot:
    """A place that a path from outside names: below which root, and how; it may not exist.

    Attributes
    ----------
    parameter
        The argument that it came from, for messages.
    """

    roots: Roots
    root: Root
    parts: Parts
    parameter: str = "path"

    @property
    def path(self) -> str:
        """Absolute path, as bytes would have it (`os.fsdecode`)."""
        return "/".join((self.root.given.rstrip("/"), *self.parts)) or "/"

    @property
    def shown(self) -> str:
        """Absolute path for people and models; sent back it names the same place.

        A component that came as it was shown is not escaped once more.
        """
        if "\\" not in self.path:
            return shown_path(self.path)
        parts = [shown_name(meant_names(part)[0]) for part in self.parts]
        return "/".join((shown_path(self.root.given).rstrip("/"), *parts)) or "/"

    def child(self, name: str) -> Spot:
        """The place of an entry of this directory, by its name on disk."""
        # Components are looked up as text from outside is: a backslash of the name has to look like one.
        return Spot(self.roots, self.root, (*self.parts, shown_name(name) if "\\" in name else name), self.parameter)


@dataclass(frozen=True, slots=True)
class Roots:
    """All allowed directories, in the order of the command line."""

    roots: tuple[Root, ...]
    narrowed_from: Roots | None = field(default=None, compare=False)

    @classmethod
    def parse(cls, written: Sequence[str], *, read_only: bool = False) -> Roots:
        """Take the roots as they stand on a command line or in a profile.

        Raises
        ------
        ConfigError
            If there is none, or one is no directory.
        """
        found: dict[str, Root] = {}
        for text in written:
            path, writable = _rights(text)
            absolute = Path(os.path.normpath(Path(path).expanduser().absolute()))
            try:
                real = absolute.resolve(strict=True)
            except (OSError, RuntimeError) as exc:
                raise ConfigError(f"roots, {text}: cannot be used: {getattr(exc, 'strerror', exc)}") from exc
            if not real.is_dir():
                raise ConfigError(f"roots, {text}: is no directory")
            root = Root(str(absolute), str(real), writable and not read_only)
            known = found.get(root.real)
            found[root.real] = root if known is None or not root.writable else known
        if not found:
            raise ConfigError("no root: say which directories may be used, for example --root ~/projects")
        return cls(tuple(found.values()))

    def narrowed(self, uris: Iterable[str]) -> Roots:
        """Keep what lies in a client's roots too; where nothing does, the command line stands as it is.

        A client can only take away: what lies outside these roots is left out, and rights stay.
        """
        kept: dict[Parts, Root] = {}
        for wanted in filter(None, map(_file_path, uris)):
            theirs = parts_of(wanted)
            for root in self.roots:
                if _begins(root.parts, theirs):
                    kept.setdefault(root.parts, root)
                elif _begins(theirs, root.parts) and self._innermost(theirs) is root:
                    below = theirs[len(root.parts) :]
                    given = "/".join((root.given.rstrip("/"), *below))
                    kept.setdefault(theirs, Root(given, wanted, root.writable, root, below))
        if not kept:
            return self
        inner = [root for parts, root in kept.items() if not _covered(parts, root, kept)]
        return Roots(tuple(inner), narrowed_from=self)

    def locate(self, given: str, parameter: str = "path") -> Spot:
        """Find the root that a path belongs to; nothing is opened.

        Relative paths start at the first root, ``~`` is the home directory, ``..`` is taken literally before any
        link is followed.

        Raises
        ------
        InvalidRequest
            If it is empty, too long or holds a NUL.
        NotAllowed
            If it lies outside of every root.
        """
        _check_text(given, parameter)
        path = given
        if path == "~" or path.startswith("~/"):
            path = str(Path(path).expanduser())
        absolute = path if path.startswith("/") else f"{self.roots[0].given}/{path}"
        wanted = parts_of(os.path.normpath(absolute))
        best: tuple[int, Root, Parts] | None = None
        for root in self.roots:
            for own in (parts_of(root.given), root.parts):
                if _begins(wanted, own) and (best is None or len(own) > best[0]):
                    best = (len(own), root, wanted[len(own) :])
        if best is None:
            raise self.outside(given, parameter)
        for part in best[2]:
            if len(os.fsencode(part)) > LONGEST_NAME:
                raise InvalidRequest(f"{parameter}: a name may have {LONGEST_NAME} bytes, got {quoted(part, 40)}")
        return Spot(self, best[1], best[2], parameter)

    def holding(self, real: Parts) -> tuple[Root, Parts] | None:
        """Find the innermost root that holds a resolved absolute path, and the way from there."""
        root = self._innermost(real)
        return None if root is None else (root, real[len(root.parts) :])

    def at(self, real: Parts) -> Root | None:
        """Give the root that is this very directory."""
        return next((root for root in self.roots if root.parts == real), None)

    def towards(self, real: Parts) -> bool:
        """Tell whether a root lies below this directory."""
        return any(_begins(root.parts, real) for root in self.roots)

    def outside(self, given: str, parameter: str) -> NotAllowed:
        """Make the refusal of a path outside of every root."""
        return NotAllowed(f"{parameter} {quoted(given)} is outside the allowed directories", hint=f"a path in {self}")

    def __str__(self) -> str:
        """The roots in one line, for messages."""
        names = [shown_path(root.given) for root in self.roots]
        more = f" and {len(names) - _SHOWN_ROOTS} more" if len(names) > _SHOWN_ROOTS else ""
        return ", ".join(names[:_SHOWN_ROOTS]) + more

    def _innermost(self, real: Parts) -> Root | None:
        holding = [root for root in self.roots if _begins(real, root.parts)]
        return max(holding, key=lambda root: len(root.parts), default=None)


def parts_of(path: str) -> Parts:
    """Take a path apart; ``.`` and empty components say nothing."""
    return tuple(part for part in path.split("/") if part not in ("", "."))


def _begins(longer: Parts, shorter: Parts) -> bool:
    return longer[: len(shorter)] == shorter


def _covered(parts: Parts, root: Root, kept: dict[Parts, Root]) -> bool:
    """Tell whether the kept root right around this one has the same rights, so that this one says nothing new.

    Only the innermost counts: a read-only root in a writable one in a read-only one is not covered by the outermost.
    """
    around = [theirs for theirs in kept if len(theirs) < len(parts) and _begins(parts, theirs)]
    return bool(around) and kept[max(around, key=len)].writable == root.writable


def _rights(text: str) -> tuple[str, bool]:
    if text.endswith(_READ_ONLY) and len(text) > len(_READ_ONLY):
        return text.removesuffix(_READ_ONLY), False
    if text.endswith(_READ_WRITE) and len(text) > len(_READ_WRITE):
        return text.removesuffix(_READ_WRITE), True
    return text, True


def _check_text(given: str, parameter: str) -> None:
    if not given.strip():
        raise InvalidRequest(f"{parameter} must be a path, got {quoted(given)}")
    if "\0" in given:
        raise InvalidRequest(f"{parameter} must not hold a NUL character, got {quoted(given)}")
    if len(given) > LONGEST_PATH:
        raise InvalidRequest(f"{parameter} may have {LONGEST_PATH} characters, got {len(given)}")
    try:
        os.fsencode(given)
    except UnicodeEncodeError:
        raise InvalidRequest(f"{parameter} must be text, got a lone surrogate in {quoted(given)}") from None


def _file_path(uri: str) -> str | None:
    """Give the real path of a client's ``file:`` address; None if it is none on this machine."""
    try:
        taken = urlsplit(uri)
    except ValueError:
        return None
    path = unquote(taken.path)
    if taken.scheme != "file" or taken.netloc not in ("", "localhost") or not path.startswith("/") or "\0" in path:
        return None
    return os.path.realpath(path)
