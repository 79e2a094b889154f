"""Globs as regular expressions that match in linear time, with the meaning that the reference server gives them.

A pattern is matched against the path relative to where the search begins: ``*`` and ``?`` stay within one name,
``**`` alone in a component is any number of directories, ``{a,b}`` and ``{1..3}`` are alternatives, ``[a-c]`` and
``[!a-c]`` one character, a leading ``!`` turns the pattern round, a leading ``#`` makes it match nothing. Hidden
names match like all others. Every star but the last takes the first place that fits and never comes back
(atomic groups): for stars between fixed texts that finds a match wherever there is one.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise

from openmanager_core.errors import InvalidRequest
from openmanager_core.text import quoted

LONGEST = 500
_MOST_BRACES = 30
_MOST_ALTERNATIVES = 200
_MOST_RANGE = 100
_NEVER = "(?!)"
_CLASSES = {
    "alpha": r"^\W\d_",
    "digit": "0-9",
    "alnum": r"^\W_",
    "lower": "a-z",
    "upper": "A-Z",
    "space": r"\s",
    "word": r"\w",
    "xdigit": "0-9a-fA-F",
}
_RANGE = re.compile(r"(?:(-?\d{1,6})\.\.(-?\d{1,6})|([A-Za-z])\.\.([A-Za-z]))")


def expression(pattern: str, parameter: str = "pattern") -> str:
    """Translate one glob into an expression for `re.fullmatch`.

    Raises
    ------
    InvalidRequest
        If it is too long or has too many alternatives.
    """
    if len(pattern) > LONGEST:
        raise InvalidRequest(f"{parameter} may have {LONGEST} characters, got {len(pattern)}")
    if pattern.count("{") > _MOST_BRACES:
        raise InvalidRequest(f"{parameter} may have {_MOST_BRACES} braces, got {pattern.count('{')}")
    if pattern.startswith("#"):
        return _NEVER
    body = pattern.lstrip("!")
    one_of = "|".join(dict.fromkeys(_path(one) for one in _alternatives(body, parameter)))
    return f"(?!(?:{one_of})\\Z).*" if (len(pattern) - len(body)) % 2 else f"(?:{one_of})"


def excluding(patterns: Sequence[str], *, anywhere: bool) -> str:
    """Translate exclude patterns into one expression; "" if there are none.

    `anywhere` is the rule of `directory_tree`: a pattern without a star excludes that name at every depth.
    """
    found = []
    for pattern in patterns:
        found.append(expression(pattern, "excludePatterns"))
        if anywhere and "*" not in pattern:
            found += [expression(f"**/{pattern}", "excludePatterns"), expression(f"**/{pattern}/**", "excludePatterns")]
    return "|".join(found)


def deepest(pattern: str) -> int:
    """Say how many directories deep a match can lie; 0 if there is no bound."""
    if "**" in pattern or pattern.startswith("!"):
        return 0
    return pattern.count("/") + 1


def only_a_name(pattern: str) -> str:
    """Give the expression for the last name alone if the pattern is ``**/NAME``; "" otherwise."""
    name = pattern.removeprefix("**/")
    if name == pattern or "/" in name or "**" in name or not name:
        return ""
    return expression(name) if not name.startswith(("!", "#")) else ""


def _path(pattern: str) -> str:
    """Translate a pattern without alternatives."""
    parts = [part for i, part in enumerate(pattern.split("/")) if part or i == 0]
    if pattern.endswith("/") and len(parts) > 0:
        return _NEVER  # only a path with a slash at its end could match, and there is none
    runs: list[list[str]] = [[]]
    for part in parts:
        if part == "**":
            runs.append([])
        else:
            runs[-1].append(_name(part))
    first, *rest = runs
    if not rest:
        return "/".join(first)
    out = "".join(f"{name}/" for name in first)
    middle, last = rest[:-1], rest[-1]
    for run in middle:
        if run:
            out += "(?>(?:[^/]+/)*?" + "".join(f"{name}/" for name in run) + ")"
    if last:
        return f"{out}(?:[^/]+/)*{'/'.join(last)}"
    return f"{out}.+"


def _name(part: str) -> str:
    """Translate one component."""
    chunks: list[str] = [""]
    i = 0
    while i < len(part):
        char = part[i]
        i += 1
        if char == "*":
            if len(chunks) == 1 or chunks[-1]:
                chunks.append("")
        elif char == "?":
            chunks[-1] += "[^/]"
        elif char == "[" and (closed := _class(part, i)):
            text, i = closed
            chunks[-1] += text
        elif char == "\\" and i < len(part):
            chunks[-1] += re.escape(part[i])
            i += 1
        else:
            chunks[-1] += re.escape(char)
    first, *rest = chunks
    if not rest:
        return first
    if chunks == ["", ""]:
        return "[^/]+"
    middle = "".join(f"(?>[^/]*?{chunk})" for chunk in rest[:-1])
    return f"{first}{middle}[^/]*{rest[-1]}"


def _class(part: str, at: int) -> tuple[str, int] | None:
    """Translate ``[...]`` whose inside begins at `at`; None if it is never closed."""
    negated = part[at : at + 1] in ("!", "^")
    i = start = at + 1 if negated else at
    items: list[str] = []
    while i < len(part):
        if part[i] == "]" and i > start:
            inside = "|".join(items) or _NEVER
            return (f"(?!{inside})[^/]" if negated else f"(?:{inside})"), i + 1
        named = re.match(r"\[:(\w+):\]", part[i:])
        if named and named.group(1) in _CLASSES:
            items.append(f"[{_CLASSES[named.group(1)]}]")
            i += named.end()
            continue
        low, i = _letter(part, i)
        if part[i : i + 1] == "-" and part[i + 1 : i + 2] not in ("", "]"):
            high, i = _letter(part, i + 1)
            if low <= high:
                items.append(f"[{re.escape(low)}-{re.escape(high)}]")
        else:
            items.append(re.escape(low))
    return None


def _letter(part: str, i: int) -> tuple[str, int]:
    return (part[i + 1], i + 2) if part[i] == "\\" and i + 1 < len(part) else (part[i], i + 1)


def _alternatives(pattern: str, parameter: str) -> list[str]:
    """Write out the braces of a pattern, the innermost last."""
    done: list[str] = []
    ahead = [("", pattern)]
    while ahead:
        before, rest = ahead.pop()
        opened = _braces(rest)
        if opened is None:
            done.append(before + rest)
        else:
            start, end, options = opened
            ahead += [(before + rest[:start], option + rest[end:]) for option in reversed(options)]
        if len(done) + len(ahead) > _MOST_ALTERNATIVES:
            raise InvalidRequest(
                f"{parameter} {quoted(pattern, 60)} has more than {_MOST_ALTERNATIVES} alternatives",
                hint="several searches, or a * in place of the braces",
            )
    return done


def _braces(text: str) -> tuple[int, int, list[str]] | None:
    """Find the first ``{...}`` with alternatives in it: where it begins and ends, and what they are."""
    for start in (i for i, char in enumerate(text) if char == "{" and text[i - 1 : i] != "\\"):
        depth, commas = 0, []
        for i in range(start, len(text)):
            if text[i - 1 : i] == "\\":
                continue
            if text[i] == "{":
                depth += 1
            elif text[i] == "," and depth == 1:
                commas.append(i)
            elif text[i] == "}":
                depth -= 1
                if depth == 0:
                    options = _options(text[start + 1 : i], [at - start - 1 for at in commas])
                    if options:
                        return start, i + 1, options
                    break
    return None


def _options(inside: str, commas: list[int]) -> list[str]:
    if commas:
        edges = [-1, *commas, len(inside)]
        return [inside[a + 1 : b] for a, b in pairwise(edges)]
    ranged = _RANGE.fullmatch(inside)
    if not ranged:
        return []
    low, high, first, last = ranged.groups()
    a, b = (int(low), int(high)) if low is not None else (ord(first), ord(last))
    step = 1 if a <= b else -1
    values = list(range(a, b + step, step))[:_MOST_RANGE]
    if low is None:
        return [chr(value) for value in values]
    width = max(len(low), len(high)) if any(n.lstrip("-").startswith("0") and len(n) > 1 for n in (low, high)) else 0
    return [f"{value:0{width}d}" for value in values]
