"""A TypeScript or JavaScript source taken apart far enough to tell code from what only looks like it.

A scanner, not a parser: it knows comments, strings, templates, regular expressions and JSX. Where it loses its way it
says so instead of guessing.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from openmanager_core.job import checkpoint

_WORD = re.compile(r"[A-Za-z_$\u0080-\uffff][\w$\u0080-\uffff]*")
_NUMBER = re.compile(r"\d[\w.]*")
_SPACE = re.compile(r"\s+")
_JSX_NAME = re.compile(r"[A-Za-z_$][\w$.:-]*")
_BEFORE_VALUE = frozenset(
    (
        "return",
        "typeof",
        "instanceof",
        "in",
        "of",
        "new",
        "delete",
        "void",
        "throw",
        "case",
        "do",
        "else",
        "yield",
        "await",
        "default",
        "extends",
    )
)
_MOST_DEEP = 150


class Lost(ValueError):
    """The source could not be read with certainty."""


@dataclass(frozen=True, slots=True)
class Token:
    """A word, a sign or a string; strings without their quotes by `start` and `end`."""

    kind: str
    text: str
    start: int
    end: int
    depth: int = 0


@dataclass(frozen=True, slots=True)
class Tag:
    """An opening tag from ``<`` to ``>``; its attributes as written, each from its name to the end of its value."""

    start: int
    end: int
    closed: bool
    attributes: tuple[tuple[str, str], ...]


class Scanner:
    """Reads one source once; `tokens` hold its code, `tags` the opening tags of the component that is `wanted`."""

    def __init__(self, source: str, *, jsx: bool) -> None:
        self._source = source
        self._jsx = jsx
        self._at = 0
        self._deep = 0
        self.tokens: list[Token] = []
        self.tags: list[Tag] = []
        self.wanted = ""

    def run(self) -> list[Token]:
        """Read everything.

        Raises
        ------
        Lost
            If something is never closed.
        """
        if self._source.startswith("#!"):
            self._at = max(self._source.find("\n"), 0)
        self._code(until="")
        return self.tokens

    def _add(self, kind: str, start: int, end: int) -> None:
        if len(self.tokens) % 256 == 0:
            checkpoint()
        self.tokens.append(Token(kind, self._source[start:end], start, end))

    def _enter(self) -> None:
        self._deep += 1
        if self._deep > _MOST_DEEP:
            raise Lost("nested too deep")

    def _code(self, until: str) -> None:
        """Read code up to the closing brace `until`, or to the end."""
        source, depth = self._source, 0
        self._enter()
        while self._at < len(source):
            at = self._at
            char = source[at]
            if (match := _SPACE.match(source, at)) is not None or (match := _NUMBER.match(source, at)) is not None:
                self._at = match.end()
                if not char.isspace():
                    self._add("number", at, self._at)
            elif (match := _WORD.match(source, at)) is not None:
                self._at = match.end()
                self._add("word", at, self._at)
            elif source.startswith("//", at):
                end = source.find("\n", at)
                self._at = len(source) if end < 0 else end
            elif source.startswith("/*", at):
                self._at = self._find("*/", at + 2, "a comment") + 2
            elif char in "\"'":
                end = self._string_end(at)
                self._add("string", at + 1, end)
                self._at = end + 1
            elif char == "`":
                self._template()
            elif char == "/" and self._value_next():
                self._regex()
            elif char == "<" and self._jsx and self._value_next() and self._element_here():
                self._element()
                self._add("value", self._at, self._at)
            else:
                if char == "{":
                    depth += 1
                elif char == "}":
                    if depth == 0:
                        if until != "}":
                            raise Lost(f"a }} too many at character {at}")
                        self._at += 1
                        self._deep -= 1
                        return
                    depth -= 1
                width = 2 if source.startswith(("?.", "=>", "++", "--"), at) else 1
                self._add("sign", at, at + width)
                self._at += width
        if until or depth:
            raise Lost("a brace is never closed")
        self._deep -= 1

    def _find(self, what: str, start: int, name: str) -> int:
        end = self._source.find(what, start)
        if end < 0:
            raise Lost(f"{name} is never closed")
        return end

    def _string_end(self, start: int) -> int:
        quote, at = self._source[start], start + 1
        while at < len(self._source):
            char = self._source[at]
            if char == quote:
                return at
            if char == "\n":
                break
            at += 2 if char == "\\" else 1
        raise Lost(f"a string is never closed, at character {start}")

    def _value_next(self) -> bool:
        """Tell whether a value may begin here, so that ``/`` or ``<`` is no operator."""
        if not self.tokens:
            return True
        last = self.tokens[-1]
        if last.kind == "sign":
            return last.text not in (")", "]", "}", "++", "--") or (last.text == "}" and self._source[self._at] == "<")
        return last.kind == "word" and last.text in _BEFORE_VALUE

    def _regex(self) -> None:
        start, at, inside = self._at, self._at + 1, False
        while at < len(self._source) and self._source[at] != "\n":
            char = self._source[at]
            if char == "\\":
                at += 1
            elif char == "[":
                inside = True
            elif char == "]":
                inside = False
            elif char == "/" and not inside:
                match = _WORD.match(self._source, at + 1)
                self._at = at + 1 if match is None else match.end()
                self._add("value", start, self._at)
                return
            at += 1
        raise Lost(f"a regular expression is never closed, at character {start}")

    def _template(self) -> None:
        start = self._at
        first = len(self.tokens)
        self._at += 1
        while self._at < len(self._source):
            char = self._source[self._at]
            if char == "`":
                self._at += 1
                if len(self.tokens) == first and "${" not in self._source[start : self._at]:
                    # One without a hole may name a module in import().
                    kind = "string" if self.tokens and self.tokens[-1].text == "(" else "value"
                    self._add(kind, start + 1, self._at - 1)
                else:
                    self._add("value", start, self._at)
                return
            if self._source.startswith("${", self._at):
                self._at += 2
                self._add("sign", self._at - 1, self._at)
                self._code(until="}")
            else:
                self._at += 2 if char == "\\" else 1
        raise Lost("a template is never closed")

    def _element_here(self) -> bool:
        """Tell an element from a generic arrow function: ``<T,>() =>`` and ``<T extends X>() =>``."""
        source, at = self._source, self._at + 1
        if source.startswith(">", at):
            return True
        match = _JSX_NAME.match(source, at)
        if match is None:
            return False
        rest = source[match.end() : match.end() + 40].lstrip()
        if match.group() == "const" or rest.startswith((",", "=")) or re.match(r"extends\b(?!\s*=)", rest):
            return False
        return not (rest.startswith(">") and re.match(r">\s*\([^)]*\)\s*(:[^=\n]*)?=>", source[match.end() :]))

    def _element(self) -> None:
        """Read one element or fragment with everything in it."""
        self._enter()
        start = self._at
        self._at += 1
        match = _JSX_NAME.match(self._source, self._at)
        self._at = self._at if match is None else match.end()
        parts: list[tuple[str, str]] = []
        closed = self._attributes(parts)
        if match is not None and match.group() == self.wanted:
            self.tags.append(Tag(start, self._at, closed, tuple(parts)))
        if not closed:
            self._children()
        self._deep -= 1

    def _attributes(self, parts: list[tuple[str, str]]) -> bool:
        """Read up to the end of an opening tag; True if the element ends with it."""
        source = self._source
        while self._at < len(source):
            char = source[self._at]
            if (match := _JSX_NAME.match(source, self._at)) is not None:
                self._at = match.end()
                parts.append((match.group(), match.group()))
                continue
            before = self._at
            if char == ">":
                self._at += 1
                return False
            if source.startswith("/>", self._at):
                self._at += 2
                return True
            if char in "\"'":  # no escapes, and line breaks are allowed
                self._at = self._find(char, self._at + 1, "an attribute") + 1
                _valued(parts, source, before, self._at)
            elif char == "{":
                self._hole()
                _valued(parts, source, before, self._at)
            elif char == "<":
                self._type_arguments_or_element()
            elif source.startswith("//", self._at):
                self._at = self._find("\n", self._at, "a tag")
            elif source.startswith("/*", self._at):
                self._at = self._find("*/", self._at + 2, "a comment") + 2
            else:
                self._at += 1
        raise Lost("a tag is never closed")

    def _type_arguments_or_element(self) -> None:
        if self._source[self._at - 1] == "=":
            self._element()
            return
        depth = 0
        while self._at < len(self._source):
            char = self._source[self._at]
            depth += (char == "<") - (char == ">")
            self._at += 1
            if depth == 0:
                return
        raise Lost("type arguments are never closed")

    def _hole(self) -> None:
        self._add("sign", self._at, self._at + 1)
        self._at += 1
        self._code(until="}")
        self._add("value", self._at, self._at)

    def _children(self) -> None:
        source = self._source
        while self._at < len(source):
            char = source[self._at]
            if char == "{":
                self._hole()
            elif source.startswith("</", self._at):
                self._at = self._find(">", self._at, "a closing tag") + 1
                return
            elif char == "<":
                self._element()
            else:
                self._at += 1
        raise Lost("an element is never closed")


def _valued(parts: list[tuple[str, str]], source: str, start: int, end: int) -> None:
    """Put a value behind the name that it belongs to; a spread stands for itself."""
    if source[max(0, start - 200) : start].rstrip().endswith("=") and parts:
        name = parts[-1][0]
        parts[-1] = name, f"{name}={source[start:end]}"
    else:
        parts.append(("", source[start:end]))
