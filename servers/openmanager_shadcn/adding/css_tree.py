"""CSS as a tree that writes itself back byte for byte, so that a change touches nothing but its own lines.

Understands structure only: comments, declarations, at-rules and rules, nested to any depth. Every character of the
source lies in exactly one place of the tree.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

from openmanager_core.job import checkpoint

_SPACE = re.compile(r"[\s\ufeff]*")
_CUSTOM = re.compile(r"--[^\s:;{}]*\s*:")
_AT_RULE = re.compile(r"@([^\s({\"';]+)")
_URL = re.compile(r"url\(\s*(?![\"'\s])", re.IGNORECASE)
_PLAIN = re.compile(r"[^\"'/\\(){}\[\];uU]+")
_PAIRS = {"(": ")", "[": "]", "{": "}"}
DEEPEST = 100

Kind = Literal["root", "comment", "decl", "at", "rule"]


class CssProblem(ValueError):
    """The text is no CSS that can be changed safely."""


@dataclass(slots=True, eq=False)
class Node:
    """One piece of a stylesheet.

    Attributes
    ----------
    before, text, end
        White space in front, the head as written (a whole declaration, a prelude, a comment), and ``;`` with what
        stands in front of it if there is one.
    children, after, closed
        What is between the braces, the white space before ``}``, and whether there are braces.
    """

    kind: Kind
    before: str = ""
    text: str = ""
    end: str = ""
    children: list[Node] = field(default_factory=list)
    after: str = ""
    closed: bool = False

    @property
    def name(self) -> str:
        """Property of a declaration, name of an at-rule."""
        if self.kind == "decl":
            return self.text.partition(":")[0].strip()
        match = _AT_RULE.match(self.text)
        return match.group(1) if match is not None else ""

    @property
    def value(self) -> str:
        """Value of a declaration, parameters of an at-rule, selector of a rule; white space made plain."""
        if self.kind == "decl":
            return plain(self.text.partition(":")[2])
        return plain(self.text[len(self.name) + 1 :] if self.kind == "at" else self.text)

    def __str__(self) -> str:
        """The source."""
        out: list[str] = []
        self._write(out)
        return "".join(out)

    def _write(self, out: list[str]) -> None:
        out += (self.before, self.text)
        if self.closed:
            out.append("{")
        for child in self.children:
            child._write(out)
        out.append(self.after)
        if self.closed:
            out.append("}")
        out.append(self.end)

    def walk(self) -> Iterator[Node]:
        """Every node below."""
        for child in self.children:
            yield child
            yield from child.walk()


def plain(text: str) -> str:
    """Make any white space one space."""
    return " ".join(text.split())


def parse(text: str) -> Node:
    """Read a stylesheet.

    Raises
    ------
    CssProblem
        If a bracket, a string or a comment is not closed; names the line.
    """
    return _Reader(text).sheet()


class _Reader:
    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0

    def sheet(self) -> Node:
        root = Node("root")
        self._fill(root, 0)
        if self._at < len(self._text):
            raise self._problem("a } too many")
        return root

    def _problem(self, what: str, at: int | None = None) -> CssProblem:
        line = self._text.count("\n", 0, self._at if at is None else at) + 1
        return CssProblem(f"{what} in line {line}")

    def _fill(self, parent: Node, depth: int) -> None:
        if depth > DEEPEST:
            raise self._problem(f"rules nested more than {DEEPEST} deep")
        while True:
            before = self._space()
            if self._at >= len(self._text) or self._text[self._at] == "}":
                parent.after = before
                return
            node = self._node(before, depth)
            parent.children.append(node)

    def _space(self) -> str:
        match = _SPACE.match(self._text, self._at)
        assert match is not None
        start, self._at = self._at, match.end()
        return self._text[start : self._at]

    def _node(self, before: str, depth: int) -> Node:
        checkpoint()
        start = self._at
        if self._text.startswith("/*", start):
            self._at = self._comment_end(start)
            return Node("comment", before, self._text[start : self._at])
        custom = _CUSTOM.match(self._text, start) is not None
        stop = self._scan(start, braces=custom)
        sign = self._text[stop : stop + 1]
        head = self._text[start:stop]
        if sign == "{":
            node = Node("at" if head.startswith("@") else "rule", before, head, closed=True)
            self._at = stop + 1
            self._fill(node, depth + 1)
            if self._at >= len(self._text):
                raise self._problem("a { is never closed", stop)
            self._at += 1
            return node
        kept = head.rstrip()
        at_rule = kept.startswith("@")
        if not at_rule and kept and ":" not in kept:
            raise self._problem("neither a rule nor a declaration", start)
        if sign == ";":
            self._at = stop + 1
            return Node("at" if at_rule else "decl", before, kept, head[len(kept) :] + ";")
        self._at = start + len(kept)
        return Node("at" if at_rule else "decl", before, kept)

    def _scan(self, at: int, *, braces: bool) -> int:
        """Find the ``;``, ``{`` or ``}`` that ends what begins at `at`."""
        text = self._text
        open_: list[tuple[str, int]] = []
        while at < len(text):
            if (match := _PLAIN.match(text, at)) is not None:
                at = match.end()
                continue
            char = text[at]
            if char == "\\":
                at += 2
            elif char in "\"'":
                at = self._string_end(at)
            elif char == "/" and text.startswith("/*", at):
                at = self._comment_end(at)
            elif char in "uU" and (url := _URL.match(text, at)) is not None and not _word(text[at - 1 : at]):
                at = self._url_end(url.end())
            elif open_ and char == open_[-1][0]:
                open_.pop()
                at += 1
            elif char in "([" or (char == "{" and (braces or open_)):
                open_.append((_PAIRS[char], at))
                at += 1
            elif char in ";{}" and not open_:
                return at
            elif char in ")]}":
                raise self._problem(f"a {char} too many", at)
            else:
                at += 1
        if open_:
            raise self._problem("a bracket is never closed", open_[-1][1])
        return at

    def _string_end(self, start: int) -> int:
        quote, at = self._text[start], start + 1
        while at < len(self._text):
            char = self._text[at]
            if char == quote:
                return at + 1
            if char == "\n":
                break
            at += 2 if char == "\\" else 1
        raise self._problem("a string is never closed", start)

    def _url_end(self, start: int) -> int:
        at = start
        while at < len(self._text):
            if self._text[at] == ")":
                return at + 1
            at += 2 if self._text[at] == "\\" else 1
        raise self._problem("a url( is never closed", start)

    def _comment_end(self, start: int) -> int:
        end = self._text.find("*/", start + 2)
        if end < 0:
            raise self._problem("a comment is never closed", start)
        return end + 2


def _word(char: str) -> bool:
    return char.isalnum() or char in ("-", "_")
