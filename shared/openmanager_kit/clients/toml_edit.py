"""Puts a table ``[root.NAME]`` into a TOML text, changes or removes it; every other line stays as it is.

A header is told from a line inside of a long string by asking the parser whether the text before it is whole, so
only our own lines are ever rewritten (by tomlkit, which keeps the comments among them).
"""

from __future__ import annotations

import re
import tomllib
from typing import Any

from openmanager_kit.clients.jsonc import Unreadable

_PLACE = re.compile(r"\(at (?:line (\d+), column (\d+)|end of document)\)")
_HEADER = re.compile(r"^[ \t]*\[[^\r\n]*", re.MULTILINE)


def parse(text: str) -> dict[str, Any]:
    """Read the whole text.

    Raises
    ------
    Unreadable
        If it is no TOML; a table or key that is there twice is none.
    """
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as exc:
        found = _PLACE.search(str(exc))
        what = _PLACE.sub("", str(exc)).strip()
        failed = Unreadable(what, text, len(text))
        if found and found[1]:
            failed.line, failed.column = int(found[1]), int(found[2])
            failed.args = (f"line {failed.line}, column {failed.column}: {what}",)
        raise failed from None
    except RecursionError:
        raise Unreadable("nested too deeply", text, 0) from None


def put(text: str, root: str, name: str, values: dict[str, Any], gone: tuple[str, ...] = ()) -> str:
    """Set these keys of ``[root.name]`` and take the `gone` ones out; the table is added at the end if it is new."""
    import tomlkit

    nl = _newline(text)
    for key in gone:  # also where it is a table of its own below ours
        for start, end in reversed(_spans(text, root, name, key)):
            text = text[:start] + text[end:]
    spans = _spans(text, root, name, exactly=True)
    if not spans:
        if name in parse(text).get(root, {}):
            raise Unreadable(f"{root}.{name} must be a table of its own, [{root}.{name}]", text, 0)
        block = tomlkit.table()
        for key, value in values.items():
            block.add(key, value)
        header = f"[{root}.{_key(name)}]\n"
        added = (header + tomlkit.dumps(block)).rstrip("\n").replace("\n", nl)
        if not text:
            return added + nl
        return f"{text}{nl}{added}{nl}" if text.endswith("\n") else f"{text}{nl}{nl}{added}"
    start, end = spans[0]
    document = tomlkit.parse(text[start:end])
    table: Any = document
    for step in (root, name):
        table = table[step]
    for key in gone:
        table.pop(key, None)
    for key, value in values.items():
        table[key] = value
    written = re.sub(r"(?<!\r)\n", nl, tomlkit.dumps(document)) if nl == "\r\n" else tomlkit.dumps(document)
    if not text[start:end].endswith("\n") and end == len(text):
        written = written.rstrip("\r\n")
    return text[:start] + written + text[end:]


def remove(text: str, root: str, name: str) -> str:
    """Take ``[root.name]`` and the tables below it out, with the blank line before each."""
    for start, end in reversed(_spans(text, root, name)):
        before, after = text[:start], text[end:]
        nl = _newline(text)
        if before.endswith((nl + nl, nl)) and (before.endswith(nl + nl) or before == nl):
            before = before[: -len(nl)]
        if not after and not text.endswith("\n"):
            before = before.removesuffix(nl)
        text = before + after
    return text


def comments_outside(text: str, root: str, names: list[str]) -> list[str]:
    """Give the lines, without their blank ones, that belong to none of these tables."""
    for name in names:
        text = remove(text, root, name)
    return [line.strip() for line in text.splitlines() if line.strip()]


def _spans(text: str, *wanted: str, exactly: bool = False) -> list[tuple[int, int]]:
    """Find a table and those below it: from its header to behind its last line that is neither blank nor a comment."""
    headers: list[tuple[int, tuple[str, ...]]] = []
    for found in _HEADER.finditer(text):
        try:
            tomllib.loads(text[: found.start()])
            headers.append((found.start(), _path(tomllib.loads(found.group()))))
        except tomllib.TOMLDecodeError:
            continue  # a line inside of a string or a list
    spans = []
    for index, (start, path) in enumerate(headers):
        if path == wanted or (not exactly and path[: len(wanted)] == wanted):
            end = headers[index + 1][0] if index + 1 < len(headers) else len(text)
            spans.append((start, _body_end(text, start, end)))
    return spans


def _body_end(text: str, start: int, end: int) -> int:
    lines = text[start:end].splitlines(keepends=True)
    while len(lines) > 1 and (not lines[-1].strip() or lines[-1].lstrip().startswith("#")):
        lines.pop()
    return start + sum(map(len, lines))


def _path(value: Any) -> tuple[str, ...]:
    steps: list[str] = []
    while value:
        value = value[0] if isinstance(value, list) else value
        if not isinstance(value, dict) or not value:
            break
        step, value = next(iter(value.items()))
        steps.append(step)
    return tuple(steps)


def _key(name: str) -> str:
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _newline(text: str) -> str:
    first = text.find("\n")
    return "\r\n" if first > 0 and text[first - 1] == "\r" else "\n"
