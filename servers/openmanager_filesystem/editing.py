"""Edits of a text: where the text to replace stands, what comes in its place, and which stretches changed.

Matching ignores whether a line ends with CRLF or LF; what is put in takes the line ends of where it comes to stand.
Everything outside of a match stays as it is.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from dataclasses import dataclass
from difflib import SequenceMatcher

from openmanager_core.errors import InvalidRequest, NotFound
from openmanager_core.job import checkpoint
from openmanager_core.text import quoted

_SHOWN_LINES = 20
_MOST_MATCHES = 200_000
_NEAR_LINES = 2000
_NEAR_CHARS = 200


@dataclass(frozen=True, slots=True)
class Edit:
    """Replace `old` by `new`: its only place, the `occurrence`-th (from 1), or `everywhere`."""

    old: str
    new: str
    occurrence: int = 0
    everywhere: bool = False


@dataclass(frozen=True, slots=True)
class Change:
    """Characters `start` to `end` of the old text have become `new_start` to `new_end` of the new one."""

    start: int
    end: int
    new_start: int
    new_end: int


class _Unified:
    """A text with LF line ends, and the way back to the positions of the text as it is."""

    def __init__(self, text: str) -> None:
        self.text = text.replace("\r\n", "\n") if "\r" in text else text
        self._crlf = len(text) - len(self.text)
        self._pure = self._crlf > 0 and self._crlf == self.text.count("\n")
        self._places: list[int] | None = None
        self._original = text

    def back(self, position: int) -> int:
        if not self._crlf:
            return position
        if self._pure:
            return position + self.text.count("\n", 0, position)
        if self._places is None:
            self._places = [m.start() - i for i, m in enumerate(re.finditer("\r\n", self._original))]
        return position + bisect_left(self._places, position)

    def back_all(self, positions: list[int]) -> list[int]:
        """The same for many positions in order, in one pass."""
        if not self._crlf or not self._pure:
            return [self.back(position) for position in positions]
        found, count, before = [], 0, 0
        for position in positions:
            count += self.text.count("\n", before, position)
            before = position
            found.append(position + count)
        return found


def apply(text: str, edits: list[Edit]) -> tuple[str, list[Change]]:
    """Make all edits, one after the other, or none.

    Raises
    ------
    NotFound
        If a text to replace is not there; names the nearest lines.
    InvalidRequest
        If it is there more than once and the edit does not say which is meant; names their lines.
    """
    changes: list[Change] = []
    for number, edit in enumerate(edits):
        checkpoint()
        text, made = _apply(text, edit, f"edits[{number}]")
        changes = _composed(changes, made) if changes else made
    return text, changes


def _apply(text: str, edit: Edit, where: str) -> tuple[str, list[Change]]:
    if not edit.old:
        raise InvalidRequest(f"{where}.oldText must not be empty", hint="insert_lines, append_file or write_file")
    if edit.everywhere and edit.occurrence:
        raise InvalidRequest(f"{where}: occurrence and replaceAll cannot be given both", hint="one of them")
    unified = _Unified(text)
    old, new = edit.old.replace("\r\n", "\n"), edit.new.replace("\r\n", "\n")
    count = unified.text.count(old)
    if count > _MOST_MATCHES:
        raise InvalidRequest(f"{where}.oldText is there {count:,} times, the most is {_MOST_MATCHES:,}")
    if count:
        spans = _chosen(unified.text, old, count, edit, where)
        pairs = [(start, start + len(old), new) for start in spans]
    else:
        pairs = [_by_lines(unified.text, old, new, where)]
    starts = unified.back_all([start for start, _, _ in pairs])
    ends = unified.back_all([end for _, end, _ in pairs])
    pieces, changes, before, shift = [], [], 0, 0
    for start, end, (_, _, put) in zip(starts, ends, pairs, strict=True):
        if "\n" in put and _ends_crlf(text, start, end):
            put = put.replace("\n", "\r\n")
        pieces += [text[before:start], put]
        changes.append(Change(start, end, start + shift, start + shift + len(put)))
        shift += len(put) - (end - start)
        before = end
    return "".join([*pieces, text[before:]]), changes


def _chosen(text: str, old: str, count: int, edit: Edit, where: str) -> list[int]:
    if edit.occurrence > count:
        raise NotFound(f"{where}.occurrence is {edit.occurrence}, oldText is there {count} time{'s' * (count != 1)}")
    if count > 1 and not edit.everywhere and not edit.occurrence:
        shown = ", ".join(f"{line:,}" for line in _lines_of(text, old, _SHOWN_LINES))
        more = f" and {count - _SHOWN_LINES:,} more" if count > _SHOWN_LINES else ""
        raise InvalidRequest(
            f"{where}.oldText is there {count:,} times: lines {shown}{more}",
            hint="more lines around it, occurrence (from 1), or replaceAll",
        )
    found: list[int] = []
    position = 0
    for _ in range(edit.occurrence or count):
        position = text.index(old, position)
        found.append(position)
        position += len(old)
    return found[-1:] if edit.occurrence else found


def _lines_of(text: str, old: str, most: int) -> list[int]:
    found: list[int] = []
    position, line, counted = text.find(old), 1, 0
    while position >= 0 and len(found) < most:
        line += text.count("\n", counted, position)
        counted = position
        found.append(line)
        position = text.find(old, position + len(old))
    return found


def _ends_crlf(text: str, start: int, end: int) -> bool:
    """Tell which line end belongs to a stretch: the first in it, else the next, else the one before."""
    for at in (text.find("\n", start, end), text.find("\n", end), text.rfind("\n", 0, start)):
        if at >= 0:
            return at > 0 and text[at - 1] == "\r"
    return False


def _by_lines(text: str, old: str, new: str, where: str) -> tuple[int, int, str]:
    """Find the only lines that are the same but for white space at their ends; the indentation there is kept."""
    wanted_lines = old.removesuffix("\n").split("\n")
    wanted = [line.strip() for line in wanted_lines]
    lines = text.split("\n")
    stripped = [line.strip() for line in lines]
    found: list[int] = []
    at = -1
    while any(wanted) and len(found) <= _SHOWN_LINES:
        try:
            at = stripped.index(wanted[0], at + 1)
        except ValueError:
            break
        if stripped[at : at + len(wanted)] == wanted:
            found.append(at)
    if not found:
        raise NotFound(f"{where}.oldText {quoted(old, 120)} is not in the file", hint=_nearest(wanted, lines, stripped))
    if len(found) > 1:
        raise InvalidRequest(
            f"{where}.oldText is there only with other white space, and more than once: "
            f"lines {', '.join(str(line + 1) for line in found[:_SHOWN_LINES])}",
            hint="the text exactly as it stands in the file",
        )
    first = found[0]
    start = sum(map(len, lines[:first])) + first
    end = start + len("\n".join(lines[first : first + len(wanted)]))
    if new.endswith("\n") and old.endswith("\n"):
        new = new[:-1]
    if not new and old.endswith("\n") and end < len(text):
        end += 1
    return start, end, _indented(new, _indent(wanted_lines[0]), _indent(lines[first]))


def _indent(line: str) -> str:
    return line[: len(line) - len(line.lstrip())]


def _indented(new: str, given: str, there: str) -> str:
    """Move lines from the indentation that they were given with to the one of the place."""
    moved = []
    for line in new.split("\n"):
        if not line.strip():
            moved.append(line)
        elif line.startswith(given):
            moved.append(there + line[len(given) :])
        else:
            moved.append(there + line.lstrip())
    return "\n".join(moved)


def _nearest(wanted: list[str], lines: list[str], stripped: list[str]) -> str:
    """Name the lines that are most like the first line that was looked for; looks at a bounded number of them."""
    first = next((line for line in wanted if line), "")[:_NEAR_CHARS]
    if not first:
        return "the text exactly as it stands in the file"
    words = set(re.findall(r"\w+", first)[:8])
    among = [i for i, line in enumerate(stripped) if any(word in line for word in words)][:_NEAR_LINES]
    matcher = SequenceMatcher(b=first, autojunk=False)
    rated = []
    for count, index in enumerate(among):
        if count % 50 == 0:
            checkpoint()
        matcher.set_seq1(stripped[index][:_NEAR_CHARS])
        if matcher.real_quick_ratio() > 0.5 and matcher.quick_ratio() > 0.5:
            rated.append((matcher.ratio(), index))
    best = [index for ratio, index in sorted(rated, key=lambda pair: (-pair[0], pair[1]))[:3] if ratio > 0.5]
    if not best:
        return "read the file again: no line of it is like it"
    return "the nearest lines: " + ", ".join(f"{index + 1}: {quoted(lines[index], 100)}" for index in best)


def _composed(first: list[Change], second: list[Change]) -> list[Change]:
    """Put two rounds of changes together; what touches becomes one."""
    events = sorted(
        [(c.new_start, c.new_end, 0, c) for c in first] + [(c.start, c.end, 1, c) for c in second],
        key=lambda event: (event[0], event[1], event[2]),
    )
    composed: list[Change] = []
    shifts = [0, 0]  # middle to old, middle to new, behind everything so far
    index = 0
    while index < len(events):
        low, high = events[index][0], events[index][1]
        before = tuple(shifts)
        while index < len(events) and events[index][0] <= high:
            _, end, which, change = events[index]
            high = max(high, end)
            grown = (change.new_end - change.new_start) - (change.end - change.start)
            shifts[which] += grown if which else -grown
            index += 1
        composed.append(Change(low + before[0], high + shifts[0], low + before[1], high + shifts[1]))
    return composed
