"""The module names in a source, its directives, and the tags of one component: where each of them stands."""

from __future__ import annotations

from dataclasses import dataclass

from openmanager_shadcn.adding.scanner import Lost, Scanner, Tag, Token

__all__ = ["Lost", "Specifier", "directives", "specifiers", "tags"]


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


def tags(source: str, name: str) -> list[Tag]:
    """Find the opening tags of one component.

    Raises
    ------
    Lost
        If the source could not be read with certainty.
    """
    scanner = Scanner(source, jsx=True)
    scanner.wanted = name
    scanner.run()
    return scanner.tags


def specifiers(source: str, *, jsx: bool = True) -> list[Specifier]:
    """Find the module names of imports, exports, ``import()``, ``import("x").T`` and ``require()``.

    Raises
    ------
    Lost
        If a string, template or element is never closed.
    """
    tokens = Scanner(source, jsx=jsx).run()
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
    tokens = Scanner(source, jsx=jsx).run()
    for index, token in enumerate(tokens):
        if token.kind == "sign" and token.text == ";":
            continue
        after = tokens[index + 1] if index + 1 < len(tokens) else None
        ends = after is None or after.text == ";" or "\n" in source[token.end + 1 : after.start]
        if token.kind != "string" or not ends:
            break
        found.append(token)
    return found
