"""Diffs as text in pages: file by file, bounded in memory whatever the files are, cut between lines."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from openmanager_core.errors import InvalidRequest, NotAllowed
from openmanager_core.job import checkpoint
from openmanager_core.text import quoted
from openmanager_git.known import Plain
from openmanager_git.patches import Patches
from openmanager_git.raw import decoded
from openmanager_git.repository import Place
from openmanager_kit.confined.names import meant_names, shown_path

if TYPE_CHECKING:
    import pygit2

LARGEST = 2 * 1024 * 1024
"""Bytes of a file on either side of a diff; libgit2 takes whole files into memory."""
_LINE_BITS = 24
_MOST_RENAME_CANDIDATES = 1000
_BAR = 40


def only_path(place: Place, given: str, parameter: str = "path") -> str:
    """Give a path from a caller as Git writes it: relative to the top of the work tree."""
    if not given:
        return ""
    if "\0" in given or len(given) > 4096:
        raise InvalidRequest(f"{parameter} must be a path of at most 4096 characters, got {quoted(given, 80)}")
    tops = (place.path, place.work_tree)
    for top in tops:
        if given.startswith("/") and top and (given + "/").startswith(top.rstrip("/") + "/"):
            given = given[len(top.rstrip("/")) :]
            break
    else:
        if given.startswith("/"):
            raise NotAllowed(
                f"{parameter} {quoted(given, 200)} is outside the repository", hint=f"a path in {place.path}"
            )
    normal = os.path.normpath(given.lstrip("/") or ".")
    if normal == ".." or normal.startswith("../"):
        raise NotAllowed(f"{parameter} {quoted(given, 200)} is outside the repository", hint=f"a path in {place.path}")
    if "\\" in normal:
        normal = "/".join(meant_names(part)[0] for part in normal.split("/"))
    return "" if normal == "." else normal


def in_path(path: str, only: str) -> bool:
    """Tell whether a path is the one asked for, or below it."""
    return not only or path == only or path.startswith(only + "/")


@dataclass
class Changes:
    """A diff, and where the sizes of its two sides come from."""

    repo: pygit2.Repository
    place: Place
    diff: pygit2.Diff
    work_tree: bool
    plain: Plain | None = None
    context_lines: int = 3
    picked: list[int] = field(default_factory=list)
    deltas: list[Any] = field(default_factory=list)

    def pick(self, only: str) -> Changes:
        """Find renames, and keep the files at or below a path."""
        self._renames()
        self.deltas = list(self.diff.deltas)
        for number, delta in enumerate(self.deltas):
            if number % 256 == 0:
                checkpoint()
            if not only or in_path(path_of(delta.new_file), only) or in_path(path_of(delta.old_file), only):
                self.picked.append(number)
        return self

    def _renames(self) -> None:
        from pygit2.enums import DeltaStatus, DiffFind

        added, deleted, large = 0, 0, False
        for delta in self.diff.deltas:
            if delta.status in (DeltaStatus.ADDED, DeltaStatus.DELETED):
                added += delta.status == DeltaStatus.ADDED
                deleted += delta.status == DeltaStatus.DELETED
                if added + deleted > _MOST_RENAME_CANDIDATES:
                    break
                large = large or max(self.sizes(delta)) > LARGEST
        if added and deleted:
            # Likeness is judged by content, which libgit2 would load: among large or many files only equal ones count.
            exact = large or added + deleted > _MOST_RENAME_CANDIDATES
            flags = DiffFind.FIND_RENAMES | (DiffFind.FIND_EXACT_MATCH_ONLY if exact else DiffFind(0))
            self.diff.find_similar(flags)

    @cached_property
    def patches(self) -> Patches:
        """Makes the patches of ordinary files."""
        return Patches(self.repo, self.place, self.plain, work_tree=self.work_tree, most_bytes=LARGEST)

    def sizes(self, delta: Any) -> tuple[int, int]:
        """Bytes of both sides, without loading them."""
        return self._size(delta.old_file, old=True), self._size(delta.new_file, old=False)

    def _size(self, side: Any, *, old: bool) -> int:
        mode = int(side.mode)
        if mode in (0, 0o160000):
            return 0
        if self.work_tree and not old:
            try:
                return os.lstat(os.fsencode(self.place.work_tree) + b"/" + side.raw_path).st_size
            except OSError:
                return 0
        try:
            return int(self.repo.odb.read_header(side.id)[1])
        except (KeyError, ValueError, TypeError):
            return 0


def path_of(side: Any) -> str:
    """The path of one side, bytes that are not UTF-8 as `os.fsdecode` has them."""
    return os.fsdecode(side.raw_path or b"")


def patch_text(changes: Changes, number: int, facts: list[str], *, plain: bool) -> str:
    """Write the patch of one file; `plain` without Git's own header lines, as git_show has it."""
    delta = changes.deltas[number]
    data = changes.patches.of(delta, changes.context_lines)
    if data is None:
        old, new = changes.sizes(delta)
        if max(old, new) > LARGEST:
            name = shown_path(path_of(delta.new_file))
            lead = f"\n--- a/{name}\n+++ b/{name}\n" if plain else f"diff --git a/{name} b/{name}\n"
            return f"{lead}Large or binary files differ ({old} bytes before, {new} bytes now)\n"
        patch = changes.diff[number]
        if patch is None:
            return ""
        data = patch.data
    text, encoding = decoded(data)
    if encoding:
        facts.append(f"{quoted(shown_path(path_of(delta.new_file)), 60)} is not UTF-8, read as {encoding}")
    text = _with_readable_names(text)
    return _plain(text, delta) if plain else text


_QUOTED = re.compile(r'"((?:[^"\\\n]|\\.)+)"')
_OCTAL = re.compile(rb'\\([0-7]{3}|[abtnvfr"\\])')
_LETTERS = dict(zip(b"abtnvfr", b"\a\b\t\n\v\f\r", strict=True))


def _with_readable_names(text: str) -> str:
    """Show the names in the head of a patch as they are: Git puts them in quotes and writes octal numbers."""
    end = text.find("\n@@ ")
    head = text if end < 0 else text[: end + 1]
    return text if '"' not in head else _QUOTED.sub(_readable, head) + text[len(head) :]


def _readable(match: re.Match[str]) -> str:
    name = _OCTAL.sub(_byte, match[1].encode("utf-8", "surrogateescape"))
    return shown_path(os.fsdecode(name))


def _byte(match: re.Match[bytes]) -> bytes:
    code = match[1]
    if len(code) == 3:
        return bytes([int(code, 8) & 0xFF])
    return bytes([_LETTERS.get(code[0], code[0])])


def _plain(text: str, delta: Any) -> str:
    lines = text.splitlines(keepends=True)
    head = 0
    kept: list[str] = []
    while head < len(lines) and not lines[head].startswith(("--- ", "@@ ", "Binary files ", "GIT binary")):
        if not lines[head].startswith(("diff --git ", "index ", "new file ", "deleted file ")):
            kept.append(lines[head])
        head += 1
    rest = lines[head:]
    if not rest or not rest[0].startswith("--- "):
        old, new = shown_path(path_of(delta.old_file)), shown_path(path_of(delta.new_file))
        names = [
            "--- /dev/null\n" if delta.status_char() == "A" else f"--- a/{old}\n",
            "+++ /dev/null\n" if delta.status_char() == "D" else f"+++ b/{new}\n",
        ]
        rest = names + rest
    return "\n" + "".join(kept) + "".join(rest)


@dataclass(frozen=True, slots=True)
class Page:
    """A part of a diff.

    Attributes
    ----------
    after
        Where it goes on; 0 at the end.
    """

    text: str
    after: int
    facts: list[str]


def page(changes: Changes, start: int, most_chars: int, *, plain: bool = False) -> Page:
    """Write as much of a diff as fits, from a position that an earlier page gave."""
    first, skip = start >> _LINE_BITS, start & ((1 << _LINE_BITS) - 1)
    if start and first >= len(changes.picked):
        raise InvalidRequest("cursor points past the end: the diff has become shorter", hint="leave cursor empty")
    out: list[str] = []
    used, facts = 0, list[str]()
    for position in range(first, len(changes.picked)):
        checkpoint()
        text = patch_text(changes, changes.picked[position], facts, plain=plain)
        if not skip and used + len(text) <= most_chars:
            out.append(text)
            used += len(text)
            continue
        for number, line in enumerate(_lines(text)):
            if number < skip:
                continue
            if used + len(line) > most_chars:
                if used:
                    return Page("".join(out), position << _LINE_BITS | number, facts)
                facts.append(f"a line of {len(line)} characters was cut")
                line = line[: max(most_chars - 1, 0)] + "\n"
            out.append(line)
            used += len(line)
        skip = 0
    return Page("".join(out), 0, facts)


def _lines(text: str) -> Iterator[str]:
    """Split at line feeds only: other separators belong to a file's text."""
    at = 0
    while at < len(text):
        end = text.find("\n", at) + 1 or len(text)
        yield text[at:end]
        at = end


def stat(changes: Changes, start: int, most_chars: int) -> Page:
    """Write names and line counts, with the sum of all at the end."""
    added = deleted = used = after = 0
    out: list[str] = []
    for position, number in enumerate(changes.picked):
        checkpoint()
        delta = changes.deltas[number]
        old, new = changes.sizes(delta)
        name = shown_path(path_of(delta.new_file))
        if path_of(delta.old_file) != path_of(delta.new_file):
            name = f"{shown_path(path_of(delta.old_file))} => {name}"
        patch = changes.diff[number] if max(old, new) <= LARGEST else None
        if patch is None or patch.delta.is_binary:
            line = f" {name} | Bin {old} -> {new} bytes\n"
        else:
            _, plus, minus = patch.line_stats
            added, deleted = added + plus, deleted + minus
            whole = max(plus + minus, 1)
            scale = min(1.0, _BAR / whole)
            line = f" {name} | {plus + minus} {'+' * round(plus * scale)}{'-' * round(minus * scale)}".rstrip() + "\n"
        if position >= start and not after:
            if used + len(line) > most_chars - 120 and out:
                after = position
            else:
                out.append(line)
                used += len(line)
    total = f" {len(changes.picked)} files changed, {added} insertions(+), {deleted} deletions(-)\n"
    return Page("".join(out) + total, after, [])
