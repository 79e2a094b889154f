"""The tree below a directory as JSON, level by level, as far as it fits.

The text is written here, node by node: `json.dumps` with an indent is ten times slower. Every directory is opened
relative to the first one and never through a link, so a tree as deep as one likes takes two descriptors.
"""

from __future__ import annotations

import os
import re
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from json.encoder import encode_basestring as quoted_name
from typing import cast

from openmanager_core.job import checkpoint
from openmanager_filesystem.find_parameters import FACTS, how_many, problems
from openmanager_filesystem.listing import by_name, kind_of, target
from openmanager_filesystem.trash import TRASH
from openmanager_kit.confined import walk
from openmanager_kit.confined.below import open_below
from openmanager_kit.confined.names import shown_name, shown_path
from openmanager_kit.confined.refusals import failures
from openmanager_kit.confined.roots import Parts, Spot

_BRACKETS = 48
"""Reserved for each directory: its ``children`` or its mark, beside the indent."""
_MISSES = 100
"""After so many directories that did not fit no more are looked at."""
_EVERY = 200


@dataclass(slots=True)
class _Folder:
    """A directory of the tree; a child is a folder, or a file's text as it will stand there; `flat` if all are that."""

    parts: Parts
    name: str
    depth: int
    cost: int = 0
    children: list[str | _Folder] | None = None
    entries: int = -1
    error: str = ""
    flat: bool = False


@dataclass(slots=True)
class Grown:
    """A tree in words; `shown` of the `total` entries of its first directory are in it or on an earlier page."""

    text: str
    shown: int
    total: int
    truncated: list[str] = field(default_factory=list)
    truncated_count: int = 0
    errors: list[tuple[str, str]] = field(default_factory=list)
    failed: int = 0
    trash: bool = False

    def facts(self) -> Iterator[str]:
        """Say what is not in it, and how to get it."""
        if self.truncated_count:
            yield (
                f"{how_many(self.truncated_count, 'directory', 'directories')} truncated, e.g. "
                f"{', '.join(self.truncated)[:300]}: ask for its path, or a larger max_chars"
            )
        yield problems(self.errors, self.failed)
        if self.trash:
            yield f"{TRASH} was left out"


def grow(spot: Spot, excluded: str, max_depth: int, start: int, max_chars: int) -> Grown:
    """Build the tree of a directory, beginning at entry `start` of it."""
    out = re.compile(excluded, re.DOTALL).fullmatch if excluded else None
    with walk.directory(spot) as fd, failures(spot):
        growth = _Growth(spot, fd, out, max_depth, max_chars - FACTS)
        return growth.run(start)


class _Growth:
    def __init__(
        self, spot: Spot, fd: int, excluded: Callable[[str], object] | None, max_depth: int, room: int
    ) -> None:
        self._spot, self._fd, self._excluded = spot, fd, excluded
        self._max_depth, self._room = max_depth, room
        self._queue: deque[_Folder] = deque()
        self._grown = Grown("", 0, 0)

    def run(self, start: int) -> Grown:
        top = _Folder((), "", 0)
        children, cost = self._read(self._fd, top)
        grown = self._grown
        grown.total = len(children)
        page = children[start:]
        if start or cost > self._room:
            page, cost = self._as_fits(page)
        self._take(top, page, cost)
        grown.shown = min(start, grown.total) + len(page)
        misses = 0
        steps = 0
        while self._queue:
            folder = self._queue.popleft()
            steps += 1
            if steps % _EVERY == 0:
                checkpoint()
            if misses < _MISSES and self._room > 0 and not (self._max_depth and folder.depth >= self._max_depth):
                misses += not self._open(folder)
            if folder.children is None and not folder.error:
                self._note(folder)
        grown.text = _written(top)
        return grown

    def _open(self, folder: _Folder) -> bool:
        """Read a directory into the tree; false if it does not fit."""
        try:
            fd = open_below(self._fd, folder.parts)
            try:
                children, cost = self._read(fd, folder)
            finally:
                os.close(fd)
        except OSError as exc:
            folder.error = (exc.strerror or "cannot be read").lower()
            self._grown.failed += 1
            if len(self._grown.errors) < 3:
                self._grown.errors.append((shown_path("/".join(folder.parts)), folder.error))
            return True
        if cost > self._room:
            folder.entries = len(children)
            return False
        self._take(folder, children, cost)
        return True

    def _as_fits(self, children: list[str | _Folder]) -> tuple[list[str | _Folder], int]:
        """Take the first entries that fit, one at least."""
        total = 0
        for i, child in enumerate(children):
            cost = len(child) + 2 if isinstance(child, str) else child.cost
            if i and total + cost > self._room:
                return children[:i], total
            total += cost
        return children, total

    def _take(self, folder: _Folder, children: list[str | _Folder], cost: int) -> None:
        self._room -= cost
        folder.children = children
        self._queue.extend(child for child in children if not isinstance(child, str))

    def _read(self, fd: int, folder: _Folder) -> tuple[list[str | _Folder], int]:
        """List an open directory as children, and say how many characters they take."""
        children: list[str | _Folder] = []
        total = 0
        depth = folder.depth + 1
        pad = " " * (4 * depth - 2)
        head, middle = f'{pad}{{\n{pad}  "name": ', f',\n{pad}  "type": "'
        plain = f'{middle}file"\n{pad}}}'
        fixed = len(head) + len(middle) + len(plain) + _BRACKETS
        above = "/".join(folder.parts) + "/" if folder.parts else ""
        with os.scandir(fd) as found:
            entries = list(found)
        names = [entry.name for entry in entries]
        # One look at all names of a directory: mostly none needs an escape.
        together = "/".join(names)
        plain_names = together.isascii() and together.isprintable() and "\\" not in together and '"' not in together
        if plain_names and self._excluded is None and all(one.is_file(follow_symlinks=False) for one in entries):
            names.sort()
            head, plain = head + '"', '"' + plain
            children += [head + name + plain for name in names]
            folder.flat = True
            return children, len(together) + len(names) * (len(head) + len(plain) + 2) - max(0, len(names) - 1)
        entries.sort(key=by_name)
        for entry in entries:
            name = entry.name
            if self._excluded is not None and self._excluded(above + name):
                continue
            shown = f'"{name}"' if plain_names else quoted_name(shown_name(name))
            if entry.is_file(follow_symlinks=False):
                text = head + shown + plain
                children.append(text)
                total += len(text) + 2
                continue
            kind = kind_of(entry, fd)
            if kind == "directory":
                if name == TRASH and TRASH not in self._spot.parts:
                    self._grown.trash = True
                    continue
                cost = fixed + len(shown) + 2 * len(pad)
                children.append(_Folder((*folder.parts, name), shown, depth, cost))
                total += cost
            else:
                more = f',\n{pad}  "target": {quoted_name(target(name, fd))}' if kind == "link" else ""
                text = f'{head}{shown}{middle}{kind}"{more}\n{pad}}}'
                children.append(text)
                total += len(text) + 2
        return children, total

    def _note(self, folder: _Folder) -> None:
        grown = self._grown
        grown.truncated_count += 1
        if len(grown.truncated) < 3:
            grown.truncated.append(self._spot.shown.rstrip("/") + "/" + shown_path("/".join(folder.parts)))


def _written(top: _Folder) -> str:
    """Write the tree as ``JSON.stringify(tree, null, 2)`` would; no recursion, trees may be deep."""
    if not top.children:
        return "[]"
    out = ["[\n"]
    levels: list[tuple[Iterator[str | _Folder], str]] = [(iter(top.children), "\n]")]
    first = True
    while levels:
        children, end = levels[-1]
        child = next(children, None)
        if child is None:
            out.append(end)
            levels.pop()
            first = False
            continue
        if not first:
            out.append(",\n")
        first = False
        if isinstance(child, str):
            out.append(child)
            continue
        pad = " " * (4 * child.depth - 2)
        out.append(f'{pad}{{\n{pad}  "name": {child.name},\n{pad}  "type": "directory",\n{pad}  ')
        if child.children and child.flat:
            out += ('"children": [\n', ",\n".join(cast(list[str], child.children)), f"\n{pad}  ]\n{pad}}}")
        elif child.children:
            out.append('"children": [\n')
            levels.append((iter(child.children), f"\n{pad}  ]\n{pad}}}"))
            first = True
        elif child.children is not None:
            out.append(f'"children": []\n{pad}}}')
        elif child.error:
            out.append(f'"error": {quoted_name(child.error)}\n{pad}}}')
        else:
            count = f',\n{pad}  "entries": {child.entries}' if child.entries >= 0 else ""
            out.append(f'"truncated": true{count}\n{pad}}}')
    return "".join(out)
