"""A unified diff out of known changes: only the lines around them are looked at, whatever the size of the file."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher

from openmanager_core.job import checkpoint
from openmanager_filesystem.editing import Change

_CONTEXT = 3
_REFINED = 400
_PIECE_CHARS = 20_000
_FENCES = re.compile("`+")
_NO_END = "\\ No newline at end of file"


@dataclass(frozen=True, slots=True)
class _Block:
    """Lines from `first` (from 0) and character `start` of the old text have become those from `new_first`."""

    start: int
    first: int
    new_first: int
    old: list[str]
    new: list[str]

    @property
    def last(self) -> int:
        return self.first + len(self.old)

    @property
    def end(self) -> int:
        return self.start + sum(map(len, self.old))


class _Counter:
    """Counts lines of one text on the way from front to back."""

    def __init__(self, text: str) -> None:
        self._text, self._at, self._line = text, 0, 0

    def line(self, position: int) -> int:
        self._line += self._text.count("\n", self._at, position)
        self._at = position
        return self._line


def unified(old: str, new: str, changes: list[Change], name: str, most_chars: int) -> tuple[str, bool]:
    """Write the diff with its header; gives it with whether it had to be cut. What does not fit is not computed."""
    out = [f"Index: {name}", "=" * 67, f"--- {name}\toriginal", f"+++ {name}\tmodified"]
    used = sum(len(line) + 1 for line in out)
    for hunk in _hunks(old, new, changes, most_chars):
        for line in hunk:
            used += len(line) + 1
            if used > most_chars:
                return "\n".join(out), True
            out.append(line)
    return "\n".join(out), False


def fenced(diff: str) -> str:
    """Put a fence around a diff that nothing inside can close."""
    longest = max((len(run) for run in _FENCES.findall(diff)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}diff\n{diff}\n{fence}\n\n"


def _hunks(old: str, new: str, changes: list[Change], most_chars: int) -> Iterator[list[str]]:
    group: list[_Block] = []
    size = 0
    for block in _blocks(old, new, changes):
        if group and (block.first - group[-1].last > 2 * _CONTEXT or size > most_chars):
            yield _hunk(old, group)
            group = []
        group.append(block)
        size += sum(map(len, block.old)) + sum(map(len, block.new))
    if group:
        yield _hunk(old, group)


def _blocks(old: str, new: str, changes: list[Change]) -> Iterator[_Block]:
    """The changed lines of both texts; changes in one line, and in lines that touch, come as one."""
    counters = _Counter(old), _Counter(new)
    pending: tuple[int, int, int, int] | None = None
    for change in changes:
        checkpoint()
        spans = _widened(old, change.start, change.end, new, change.new_start, change.new_end)
        if pending is not None and (
            spans[0] < pending[1] or (spans[0] == pending[1] and pending[1] - pending[0] < _PIECE_CHARS)
        ):
            # The later change knows what all those before it have moved; the earlier reckons without it.
            new_end = spans[3] if spans[1] >= pending[1] else pending[3]
            pending = (pending[0], max(pending[1], spans[1]), pending[2], new_end)
            continue
        if pending is not None:
            yield from _refined(old, new, pending, counters)
        pending = spans
    if pending is not None:
        yield from _refined(old, new, pending, counters)


def _widened(old: str, start: int, end: int, new: str, new_start: int, new_end: int) -> tuple[int, int, int, int]:
    """Grow a change to whole lines in both texts, by the same characters on each side."""
    before = start - (old.rfind("\n", 0, start) + 1)
    if (start - before == end and new_start - before == new_end) or (
        old[end - 1 : end] == "\n" and new[new_end - 1 : new_end] == "\n"
    ):
        after = 0
    else:
        at = old.find("\n", end)
        after = (len(old) if at < 0 else at + 1) - end
    return start - before, end + after, new_start - before, new_end + after


def _refined(
    old: str, new: str, span: tuple[int, int, int, int], counters: tuple[_Counter, _Counter]
) -> Iterator[_Block]:
    """Leave out the lines of a stretch that are the same in both texts."""
    first, new_first = counters[0].line(span[0]), counters[1].line(span[2])
    ours, theirs = _lines(old[span[0] : span[1]]), _lines(new[span[2] : span[3]])
    same = 0
    while same < min(len(ours), len(theirs)) and ours[same] == theirs[same]:
        same += 1
    end = 0
    while end < min(len(ours), len(theirs)) - same and ours[-1 - end] == theirs[-1 - end]:
        end += 1
    a, b = ours[same : len(ours) - end], theirs[same : len(theirs) - end]
    at = span[0] + sum(map(len, ours[:same]))
    whole = [("replace", 0, len(a), 0, len(b))] if a or b else []
    codes = whole if len(a) + len(b) > _REFINED else SequenceMatcher(None, a, b, autojunk=False).get_opcodes()
    for tag, i1, i2, j1, j2 in codes:
        if tag != "equal":
            start = at + sum(map(len, a[:i1]))
            yield _Block(start, first + same + i1, new_first + same + j1, a[i1:i2], b[j1:j2])


def _lines(text: str) -> list[str]:
    lines = text.split("\n")
    ends = [line + "\n" for line in lines[:-1]]
    return [*ends, lines[-1]] if lines[-1] else ends


def _hunk(old: str, group: list[_Block]) -> list[str]:
    before = _above(old, group[0].start, _CONTEXT)
    out = [_shown(" ", line) for line in before]
    following: list[str] = []
    for index, block in enumerate(group):
        out += [_shown("-", line) for line in block.old] + [_shown("+", line) for line in block.new]
        room = group[index + 1].first - block.last if index + 1 < len(group) else _CONTEXT
        following = _below(old, block.end, room)
        out += [_shown(" ", line) for line in following]
    start, new_start = group[0].first - len(before), group[0].new_first - len(before)
    count = group[-1].last + len(following) - start
    new_count = group[-1].new_first + len(group[-1].new) + len(following) - new_start
    head = f"@@ -{start + (count > 0)},{count} +{new_start + (new_count > 0)},{new_count} @@"
    return [head, *(part for line in out for part in line.split("\n"))]


def _above(text: str, position: int, count: int) -> list[str]:
    at = position
    for _ in range(count):
        if at == 0:
            break
        at = text.rfind("\n", 0, at - 1) + 1
    return _lines(text[at:position])


def _below(text: str, position: int, count: int) -> list[str]:
    at = position
    for _ in range(count):
        found = text.find("\n", at)
        if found < 0:
            at = len(text)
            break
        at = found + 1
    return _lines(text[position:at])


def _shown(sign: str, line: str) -> str:
    if line.endswith("\n"):
        return sign + line[:-1].removesuffix("\r")
    return f"{sign}{line}\n{_NO_END}"
