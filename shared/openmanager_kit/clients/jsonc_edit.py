"""Puts a member into a JSON text with comments, or takes one out, in the text's own style."""

from __future__ import annotations

import json
import re
from typing import Any

from openmanager_kit.clients import jsonc

_DEFAULT_INDENT = "  "
_BESIDE = re.compile(r"(?:[ \t]*(?:/\*[^\r\n]*?\*/|//[^\r\n]*))*")
"""Comments on the same line: they belong to what stands before them."""

Path = tuple[str | int, ...]


def value_at(text: str, path: Path) -> Any:
    """Give the value at a path of keys and positions; None where there is none."""
    value = jsonc.root(text).value
    for step in path:
        if isinstance(step, str):
            value = value.get(step) if isinstance(value, dict) else None
        else:
            value = value[step] if isinstance(value, list) and step < len(value) else None
    return value


def put(text: str, path: Path, value: Any) -> str:
    """Set the member at a path; objects that are missing on the way are made.

    Raises
    ------
    jsonc.Unreadable
        If the text cannot be read, or something on the way is no object.
    """
    part = jsonc.root(text)
    for depth, step in enumerate(path):
        if not isinstance(part.value, dict):
            raise jsonc.Unreadable("must be an object", text, part.at)
        held = jsonc.container(text, part)
        found = held.named(str(step))
        if found is None:
            for further in reversed(path[depth + 1 :]):
                value = {str(further): value}
            return _inserted(text, held, str(step), value)
        part = found
    nl, unit = _newline(text), _unit(text)
    inline = "\n" not in text[part.at : part.end] and isinstance(part.value, dict | list) and bool(part.value)
    line = _line_indent(text, part.start)
    return text[: part.at] + _dumped(value, "" if inline else unit, line, nl) + text[part.end :]


def append(text: str, path: Path, value: Any) -> str:
    """Add an item to the list at a path, which is there."""
    return _inserted(text, jsonc.container(text, _find(text, path)), "", value, keyed=False)


def remove(text: str, path: Path) -> str:
    """Take the member or item at a path out, with the comma that it needed."""
    held = jsonc.container(text, _find(text, path[:-1]))
    last = path[-1]
    index = last if isinstance(last, int) else next(i for i, part in enumerate(held.parts) if part.key == last)
    part = held.parts[index]
    start = len(text[: part.start].rstrip(" \t\r\n"))
    before, rest = text[:start], text[part.end :]
    if part.comma >= 0:  # a comment before the comma is not ours to delete
        rest = text[part.end : part.comma] + text[part.comma + 1 :]
    elif index:
        comma = held.parts[index - 1].comma
        before = text[:comma] + text[comma + 1 : start]
    gap = text[held.parts[index - 1].end if index else held.start + 1 : start]
    if jsonc.ends_in_line_comment(gap) and rest.lstrip(" \t")[:1] not in ("\r", "\n", ""):
        before += _newline(text)
    behind = len(text) - held.end + 1  # the closing bracket and what follows
    if len(held.parts) == 1 and not (before[held.start + 1 :] + rest[: len(rest) - behind]).strip():
        return text[: held.start + 1] + text[held.end - 1 :]
    return before + rest


def _find(text: str, path: Path) -> jsonc.Part:
    part = jsonc.root(text)
    for step in path:
        held = jsonc.container(text, part)
        found = held.parts[step] if isinstance(step, int) else held.named(step)
        assert found is not None
        part = found
    return part


def _inserted(text: str, held: jsonc.Container, key: str, value: Any, *, keyed: bool = True) -> str:
    nl, unit = _newline(text), _unit(text)
    name = f"{json.dumps(key, ensure_ascii=False)}: " if keyed else ""
    if not held.parts:
        inner = text[held.start + 1 : held.end - 1]
        if not inner.strip() and "\n" not in text.strip() and text.strip() not in ("{}", "[]"):
            return text[: held.start + 1] + name + _dumped(value, "", "", nl) + text[held.end - 1 :]
        closing = _line_indent(text, held.start)
        written = name + _dumped(value, unit, closing + unit, nl)
        return (
            f"{text[: held.start + 1]}{inner.rstrip()}{nl}{closing}{unit}{written}{nl}{closing}{text[held.end - 1 :]}"
        )
    last = held.parts[-1]
    end = last.comma + 1 if last.comma >= 0 else last.end
    trailing = "," if last.comma >= 0 else ""
    comma = "" if trailing else ","
    if "\n" not in text[held.start : held.parts[0].start]:  # all on one line
        written = name + _dumped(value, "", "", nl)
        return f"{text[:end]}{comma} {written}{trailing}{text[end:]}"
    beside = _BESIDE.match(text, end)
    at = beside.end() if beside else end
    if text[at : at + 1] not in ("\r", "\n"):
        at = end
    indent = _line_indent(text, last.start)
    written = name + _dumped(value, unit, indent, nl)
    return f"{text[:end]}{comma}{text[end:at]}{nl}{indent}{written}{trailing}{text[at:]}"


def _dumped(value: Any, unit: str, indent: str, nl: str) -> str:
    if not unit:
        return json.dumps(value, ensure_ascii=False)
    return json.dumps(value, ensure_ascii=False, indent=unit).replace("\n", nl + indent)


def _newline(text: str) -> str:
    first = text.find("\n")
    return "\r\n" if first > 0 and text[first - 1] == "\r" else "\n"


def _line_indent(text: str, at: int) -> str:
    line = text[text.rfind("\n", 0, at) + 1 : at]
    return line[: len(line) - len(line.lstrip(" \t"))]


def _unit(text: str) -> str:
    """Take the indentation of the first member of the whole, as the text's unit."""
    part = jsonc.root(text)
    if isinstance(part.value, dict | list) and part.value:
        first = jsonc.container(text, part).parts[0]
        if "\n" in text[part.at : first.start]:
            return _line_indent(text, first.start)[len(_line_indent(text, part.at)) :] or _DEFAULT_INDENT
    return _DEFAULT_INDENT
