"""Where each member of a JSON text with comments stands, so that one can be changed and the rest stays as it is.

Comments and trailing commas are read as VS Code reads them. Values without either go through the C decoder, so a
configuration of megabytes costs milliseconds; only objects on the way to a change are walked here.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NoReturn

_TRIVIA = re.compile(r"(?:[ \t\r\n]+|//[^\r\n]*|/\*.*?\*/)*", re.DOTALL)
_COMMENT = re.compile(r"//[^\r\n]*|/\*.*?\*/", re.DOTALL)
_STRING_OR_COMMENT = re.compile(r'"(?:[^"\\]|\\.)*"|//[^\r\n]*|/\*.*?\*/', re.DOTALL)
_DEEPEST = 100
_OPEN_CLOSE = {"{": "}", "[": "]"}


class Unreadable(ValueError):
    """The text is not what it should be.

    Attributes
    ----------
    line, column
        Where, counted from 1.
    """

    def __init__(self, what: str, text: str, at: int) -> None:
        self.what = what
        self.line = text.count("\n", 0, at) + 1
        self.column = at - text.rfind("\n", 0, at)
        super().__init__(f"line {self.line}, column {self.column}: {what}")


@dataclass(frozen=True, slots=True)
class Part:
    """One value, and as a member of an object its key.

    Attributes
    ----------
    start, end
        Of the member with its key, or of the value where there is none.
    at
        Where the value itself begins.
    comma
        Where the comma behind it stands, -1 for none.
    """

    key: str
    start: int
    at: int
    end: int
    value: Any
    comma: int = -1


@dataclass(frozen=True, slots=True)
class Container:
    """An object or a list with its parts; `end` is behind its closing bracket."""

    start: int
    end: int
    parts: tuple[Part, ...]

    def named(self, key: str) -> Part | None:
        """Find the member with this key."""
        return next((part for part in self.parts if part.key == key), None)


@lru_cache(maxsize=1)
def root(text: str) -> Part:
    """Read a whole text, which holds one value; nobody may change the value, since the last text's is kept.

    Raises
    ------
    Unreadable
        If it is no JSON even with comments and trailing commas, or an object has a key twice.
    """
    at = _skip(text, 0)
    part = _value(text, at, 0)
    rest = _skip(text, part.end)
    if rest < len(text):
        raise Unreadable("nothing may follow the value", text, rest)
    return part


def container(text: str, part: Part) -> Container:
    """Walk an object or a list that was read before."""
    return _walk(text, part.at, 0)


def comments(text: str) -> list[str]:
    """Give the comments of a readable text in their order."""
    return [found.group() for found in _STRING_OR_COMMENT.finditer(text) if found.group()[0] == "/"]


def ends_in_line_comment(gap: str) -> bool:
    """Say whether a stretch of white space, commas and comments ends inside a comment that a line break ends."""
    found = list(_COMMENT.finditer(gap))
    return bool(found) and found[-1].group().startswith("//") and found[-1].end() == len(gap)


def _skip(text: str, at: int) -> int:
    found = _TRIVIA.match(text, at)
    return found.end() if found else at


def _fail(what: str, text: str, at: int) -> NoReturn:
    if at >= len(text):
        raise Unreadable(f"the text ends, expected {what}", text, len(text))
    if text.startswith("/*", at):
        raise Unreadable("this comment is never closed", text, at)
    raise Unreadable(f"expected {what}, found {text[at]!r}", text, at)


class _Twice(Exception):
    """A key that an object has twice; found by the C decoder, which knows no place."""


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise _Twice
    return made


def _no_constant(name: str) -> NoReturn:
    raise ValueError(name)


_DECODER = json.JSONDecoder(object_pairs_hook=_pairs, parse_constant=_no_constant)


def _value(text: str, at: int, depth: int) -> Part:
    sign = text[at : at + 1]
    if depth > _DEEPEST:
        raise Unreadable(f"nested deeper than {_DEEPEST}", text, at)
    try:
        # Most values are plain: the C decoder reads them whole.
        value, end = _DECODER.raw_decode(text, at)
    except RecursionError:
        raise Unreadable(f"nested deeper than {_DEEPEST}", text, at) from None
    except (_Twice, ValueError):
        if sign in _OPEN_CLOSE and sign:
            held = _walk(text, at, depth)
            made = {p.key: p.value for p in held.parts} if sign == "{" else [p.value for p in held.parts]
            return Part("", at, at, held.end, made)
        if sign == '"':
            _string(text, at)
        _fail("a value", text, at)
    return Part("", at, at, end, value)


def _string(text: str, at: int) -> tuple[str, int]:
    if text[at : at + 1] != '"':
        _fail('a key in double quotes (")', text, at)
    try:
        key, end = _DECODER.raw_decode(text, at)
    except json.JSONDecodeError as exc:
        raise Unreadable(exc.msg[:1].lower() + exc.msg[1:], text, exc.pos) from None
    return str(key), end


def _walk(text: str, start: int, depth: int) -> Container:
    closing = _OPEN_CLOSE[text[start]]
    parts: list[Part] = []
    keys: set[str] = set()
    at = _skip(text, start + 1)
    while text[at : at + 1] != closing:
        if parts and parts[-1].comma < 0:
            _fail(f"',' or '{closing}'", text, at)
        first, key = at, ""
        if closing == "}":
            key, at = _string(text, at)
            if key in keys:
                raise Unreadable(f"the key {key!r} is there twice", text, first)
            keys.add(key)
            at = _skip(text, at)
            if text[at : at + 1] != ":":
                _fail("':'", text, at)
            at = _skip(text, at + 1)
        value = _value(text, at, depth + 1)
        begins, at = at, _skip(text, value.end)
        comma = at if text[at : at + 1] == "," else -1
        parts.append(Part(key, first, begins, value.end, value.value, comma))
        if comma >= 0:
            at = _skip(text, comma + 1)
    return Container(start, at + 1, tuple(parts))
