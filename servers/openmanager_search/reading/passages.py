"""The parts of a text that answer a question: paragraphs under their headings, ranked by BM25, in any script.

Words of scripts that write with spaces are taken as words without their commonest English endings; runs of Hangul,
Han and Kana are taken as pairs of characters as well, because particles stick to words there. Runs in a worker.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from dataclasses import dataclass

_K1, _B = 1.2, 0.6
_LEAST, _MOST = 40, 1_200
_WORD = re.compile(
    r"[\uac00-\ud7a3\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]+|[^\W_\uac00-\ud7a3\u3040-\u30ff\u3400-\u9fff]+"
)
_PAIRED = re.compile("[\uac00-\ud7a3\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]")
_HEADING = re.compile(r"(#{1,6}) +(.+?)\s*#*$")
_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})")
_ENDINGS = re.compile(r"(?<=[a-z]{3})(?:ings?|edly|ed|es|s|ly)$")
_MOST_QUERY_TERMS = 64


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of a text.

    Attributes
    ----------
    start, end
        In characters of the whole text.
    headings
        Those that it stands under, outermost first.
    """

    start: int
    end: int
    text: str
    headings: tuple[str, ...]


def terms(text: str) -> list[str]:
    """Split into what is compared."""
    found: list[str] = []
    for word in _WORD.findall(text.casefold()):
        if not _PAIRED.match(word):
            found.append(_ENDINGS.sub("", word) if word.isascii() else word)
        elif len(word) == 1:
            found.append(word)
        else:
            found += [word[i : i + 2] for i in range(len(word) - 1)]
    return found


def pieces(text: str) -> list[Piece]:
    """Cut a Markdown text into paragraphs, tables, lists and whole code blocks, none much longer than 1,200."""
    found: list[Piece] = []
    path: list[tuple[int, str]] = []
    start, at, fence = 0, 0, ""

    def close(end: int) -> None:
        words = text[start:end].strip("\n")
        if words.strip():
            found.append(Piece(start, end, words, tuple(name for _, name in path)))

    for line in text.splitlines(keepends=True):
        marker = _FENCE.match(line)
        if fence:
            if marker and marker[1].startswith(fence) and not line.strip(" `~\n"):
                fence = ""
        elif marker:
            fence = marker[1]
        elif heading := _HEADING.match(line):
            close(at)
            level = len(heading[1])
            path = [*[(lv, name) for lv, name in path if lv < level], (level, heading[2])]
            start = at + len(line)
        elif not line.strip() and at - start >= _LEAST:
            close(at)
            start = at + len(line)
        at += len(line)
        if at - start > _MOST and (not fence or at - start > 4 * _MOST):
            close(at)
            start = at
    close(at)
    return found


def relevant(text: str, query: str, max_chars: int) -> tuple[list[tuple[int, float, str]], int]:
    """Find the best passages.

    Returns
    -------
    list, int
        ``(start, score, passage)`` in the order of the text, together at most `max_chars` long, each passage with
        the headings it stands under; and how many passages match at all.
    """
    wanted = list(dict.fromkeys(terms(query)))[:_MOST_QUERY_TERMS]
    parts = pieces(text)
    bags = [Counter(terms(part.text)) for part in parts]
    lengths = [sum(bag.values()) for bag in bags]
    mean = sum(lengths) / max(1, len(lengths)) or 1.0
    scores = [0.0] * len(parts)
    for term in wanted:
        holding = sum(term in bag for bag in bags)
        if not holding:
            continue
        weight = math.log(1 + (len(parts) - holding + 0.5) / (holding + 0.5))
        for number, bag in enumerate(bags):
            count = bag.get(term, 0)
            if count:
                norm = _K1 * (1 - _B + _B * lengths[number] / mean)
                scores[number] += weight * count * (_K1 + 1) / (count + norm)
    heads: dict[tuple[str, ...], set[str]] = {}
    for number, part in enumerate(parts):
        if part.headings not in heads:
            heads[part.headings] = set(terms(" ".join(part.headings)))
        shared = sum(term in heads[part.headings] for term in wanted)
        scores[number] *= 1 + 0.5 * shared / max(1, len(wanted))
        if shared and not scores[number]:
            scores[number] = 0.3 * shared / max(1, len(wanted))
    order = sorted((n for n in range(len(parts)) if scores[n] > 0), key=lambda n: (-scores[n], n))
    chosen: list[int] = []
    left = max_chars
    for number in order:
        size = len(_shown(parts[number])) + 2
        if size <= left:
            chosen.append(number)
            left -= size
        elif not chosen:
            part = parts[number]
            return [(part.start, scores[number], _shown(part)[:max_chars])], len(order)
        if left < _LEAST:
            break
    return [(parts[n].start, scores[n], _shown(parts[n])) for n in sorted(chosen)], len(order)


def _shown(part: Piece) -> str:
    return f"[{' > '.join(part.headings)}]\n{part.text}" if part.headings else part.text


def headings_of(text: str) -> list[tuple[int, str, int]]:
    """List the headings of a Markdown text as (level, words, start), those in code blocks aside."""
    found: list[tuple[int, str, int]] = []
    at, fence = 0, ""
    for line in text.splitlines(keepends=True):
        marker = _FENCE.match(line)
        if fence:
            if marker and marker[1].startswith(fence) and not line.strip(" `~\n"):
                fence = ""
        elif marker:
            fence = marker[1]
        elif heading := _HEADING.match(line):
            found.append((len(heading[1]), re.sub(r"\[([^\]]*)\]\([^)]*\)|[*`_]", r"\1", heading[2]).strip(), at))
        at += len(line)
    return found


def section_of(text: str, wanted: str) -> tuple[int, int] | list[str]:
    """Find the part under a heading as (start, end), up to the next of its level; else the headings."""
    heads = headings_of(text)
    plain = " ".join(wanted.strip("# ").split()).casefold()
    for test in (lambda name: name == plain, lambda name: name.startswith(plain), lambda name: plain in name):
        for number, (level, name, start) in enumerate(heads):
            if plain and test(" ".join(name.split()).casefold()):
                end = next((at for other, _, at in heads[number + 1 :] if other <= level), len(text))
                return start, end
    return [name for _, name, _ in heads]
