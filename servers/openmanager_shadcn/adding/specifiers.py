"""The module names in a TypeScript or JavaScript source: where each stands, and nowhere else.

A scanner, not a parser: it knows comments, strings, templates, regular expressions and JSX, so that what merely looks
like an import in one of them is left alone. Where it loses its way it says so instead of guessing.
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
class Specifier:
    """A module name between `start` and `end`.

    Attributes
    ----------
    names
        What a static import takes by name, as it is called there.
    """

    start: int
    end: int
    value: str
    names: tuple[str, ...] = ()


def specifiers(source: str, *, jsx: bool = True) -> list[Specifier]:
    """Find the module names of imports, exports, ``import()``, ``import("x").T`` and ``require()``.

    Raises
    ------
    Lost
        If a string, template or element is never closed.
    """
    tokens = _Scanner(source, jsx=jsx).run()
    found = []
    for index, token in enumerate(tokens):
        if token.kind != "string" or "\\" in token.text:
            continue
        before = tokens[index - 1] if index else None
        if before is None:
            continue
        two = tokens[index - 2] if index > 1 else None
        three = tokens[index - 3] if index > 2 else None
        called = before.text == "(" and two is not None and two.kind == "word" and two.text in ("import", "require")
        bare = before.kind == "word" and before.text == "import" and (two is None or two.text != ".")
        if bare or (called and (three is None or three.text not in (".", "?."))):
            found.append(Specifier(token.start, token.end, token.text))
        elif before.kind == "word" and before.text == "from":
            names = _clause(tokens, index - 2)
            if names is not None:
                found.append(Specifier(token.start, token.end, token.text, names))
    return found


def _clause(tokens: list[Token], at: int) -> tuple[str, ...] | None:
    """Go back from ``from`` to its ``import`` or ``export``; None if there is none."""
    names: list[str] = []
    depth = 0
    for index in range(at, max(at - 4000, -1), -1):
        token = tokens[index]
        if token.kind == "sign" and token.text == "}":
            depth += 1
        elif token.kind == "sign" and token.text == "{":
            depth -= 1
            if depth < 0:
                return None
        elif token.kind == "word" and token.text in ("import", "export") and depth == 0:
            before = tokens[index - 1] if index else None
            return None if before is not None and before.text == "." else tuple(names)
        elif token.kind == "word":
            before, after = tokens[index - 1] if index else None, tokens[index + 1]
            renamed = before is not None and before.text == "as"
            if depth > 0 and token.text != "as" and not renamed and after.text in (",", "}", "as"):
                names.append(token.text)
        elif token.kind == "string" and depth > 0:  # import { "a name" as b }
            continue
        elif token.kind != "sign" or token.text not in (",", "*"):
            return None
    return None


def directives(source: str, *, jsx: bool = True) -> list[Token]:
    """Find the directives at the head of a source, such as ``"use client"``."""
    found = []
    tokens = _Scanner(source, jsx=jsx).run()
    for index, token in enumerate(tokens):
        if token.kind == "sign" and token.text == ";":
            continue
        after = tokens[index + 1] if index + 1 < len(tokens) else None
        ends = after is None or after.text == ";" or "\n" in source[token.end + 1 : after.start]
        if token.kind != "string" or not ends:
            break
        found.append(token)
    return found


class _Scanner:
    def __init__(self, source: str, *, jsx: bool) -> None:
        self._source = source
        self._jsx = jsx
        self._at = 0
        self._deep = 0
        self.tokens: list[Token] = []

    def run(self) -> list[Token]:
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
        self._at += 1
        match = _JSX_NAME.match(self._source, self._at)
        self._at = self._at if match is None else match.end()
        if not self._attributes():
            self._children()
        self._deep -= 1

    def _attributes(self) -> bool:
        """Read up to the end of an opening tag; True if the element ends with it."""
        source = self._source
        while self._at < len(source):
            char = source[self._at]
            if char == ">":
                self._at += 1
                return False
            if source.startswith("/>", self._at):
                self._at += 2
                return True
            if char in "\"'":  # no escapes, and line breaks are allowed
                self._at = self._find(char, self._at + 1, "an attribute") + 1
            elif char == "{":
                self._hole()
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
