"""PromQL from parsed parts: matchers with escaped values, durations, and templates with two placeholders."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from openmanager_core.errors import ConfigError, InvalidRequest

_LABEL = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
_NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
_PLAIN = re.compile(r"\s*[a-zA-Z_:][a-zA-Z0-9_:]*\s*\{[^{}\[\]()]*\}\s*")
_PLACEHOLDER = re.compile(r"\$(?:\{(\w*)\}|([A-Za-z_]\w*))")
_REGEX_META = re.compile(r"[\\.+*?()|\[\]{}^$]")
_ESCAPES = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t"}


def quote(text: str) -> str:
    """A PromQL string literal that means exactly `text`.

    Raises
    ------
    InvalidRequest
        If the text can not be written as UTF-8 (a lone surrogate).
    """
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        raise InvalidRequest(f"{text[:80]!r} is not valid Unicode text") from None
    return '"' + "".join(_ESCAPES.get(c) or (c if c.isprintable() else _escaped(c)) for c in text) + '"'


def _escaped(char: str) -> str:
    code = ord(char)
    return f"\\x{code:02x}" if code < 0x80 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def equals(label: str, value: str) -> str:
    """The matcher ``label="value"``; an empty value matches series without the label."""
    return f"{_label(label)}={quote(value)}"


def differs(label: str, value: str) -> str:
    """The matcher ``label!="value"``."""
    return f"{_label(label)}!={quote(value)}"


def one_of(label: str, values: Sequence[str]) -> str:
    """The matcher for any of these values, every one taken literally."""
    if len(values) == 1:
        return equals(label, values[0])
    return f"{_label(label)}=~{quote('|'.join(_REGEX_META.sub(_backslashed, v) for v in values))}"


def _backslashed(found: re.Match[str]) -> str:
    return "\\" + found.group()


def _label(label: str) -> str:
    if not _LABEL.fullmatch(label):
        raise InvalidRequest(f"{label[:80]!r} is not a label name")
    return label


def selector(name: str, matchers: Sequence[str] = ()) -> str:
    """The series of one metric that meet every matcher."""
    if not _NAME.fullmatch(name):
        raise InvalidRequest(f"{name[:80]!r} is not a metric name")
    return f"{name}{{{','.join(matchers)}}}"


def duration(seconds: float) -> str:
    """A PromQL duration, at least a millisecond."""
    return f"{max(1, round(seconds * 1000))}ms"


@dataclass(frozen=True, slots=True)
class Template:
    """PromQL with ``$selector`` (inside braces) and ``$range`` (inside brackets).

    Attributes
    ----------
    parts
        Text and the two placeholders, in order.
    plain
        Whether it is one selector, so that a range can be put behind it without a sub-query.
    """

    parts: tuple[str, ...]
    plain: bool

    @property
    def name(self) -> str:
        """The metric's name of a plain template; empty for an expression."""
        return self.parts[0].split("{")[0].strip() if self.plain else ""

    @classmethod
    def parse(cls, text: str, *, where: str = "mapping") -> Template:
        """Take a template apart.

        Raises
        ------
        ConfigError
            If a placeholder is unknown, stands where it can not, or ``$selector`` is missing.
        """
        parts = tuple(_parts(text, where))
        if "$selector" not in parts:
            raise ConfigError(
                f"{where} must hold $selector inside the braces of every metric, as in my_metric{{$selector}}, "
                f"got {text[:120]!r}"
            )
        plain = "$range" not in parts and _PLAIN.fullmatch("".join(p for p in parts if p != "$selector")) is not None
        return cls(parts, plain)

    def expand(self, matchers: Sequence[str], range_s: float) -> str:
        """The expression for these series; rates look back over `range_s` seconds."""
        chosen = ",".join(matchers)
        out = ""
        selected = False
        for part in self.parts:
            if part == "$range":
                out += duration(range_s)
            elif part == "$selector":
                # Between two commas, or after a brace: matchers are joined whatever the author wrote around them.
                out = out.rstrip().removesuffix(",").rstrip()
                out += ("," if chosen and not out.endswith("{") else "") + chosen
                selected = True
            else:
                if selected:
                    part = _continued(out, part)
                    selected = False
                out += part
        return out


def _continued(before: str, after: str) -> str:
    """The text behind a selector, with exactly one comma if another matcher follows."""
    after = after.lstrip().removeprefix(",").lstrip()
    return after if after.startswith("}") or before.endswith("{") else f",{after}"


def _parts(text: str, where: str) -> Iterator[str]:
    """Walk the expression once, keeping track of strings, comments, braces and brackets."""
    done = at = 0
    braces = brackets = 0
    while at < len(text):
        char = text[at]
        if char in "\"'`":
            end = _string_end(text, at, where)
            inside = _PLACEHOLDER.search(text, at, end)
            if inside and (inside.group(1) or inside.group(2)) in ("selector", "range"):
                raise ConfigError(f"{where}: {inside.group()} stands inside a string in {text[:120]!r}")
            at = end
            continue
        if char == "#":
            raise ConfigError(f"{where} must not hold a comment, got {text[:120]!r}")
        if char == "$":
            found = _PLACEHOLDER.match(text, at)
            name = (found.group(1) or found.group(2)) if found else ""
            if name not in ("selector", "range"):
                raise ConfigError(f"{where}: only $selector and $range can be filled in, got {text[at : at + 20]!r}")
            if (braces if name == "selector" else brackets) == 0:
                place = "braces, as in m{$selector}" if name == "selector" else "brackets, as in m{$selector}[$range]"
                raise ConfigError(f"{where}: ${name} must stand inside {place}, got {text[:120]!r}")
            assert found is not None
            if at > done:
                yield text[done:at]
            yield f"${name}"
            at = done = found.end()
            continue
        braces += (char == "{") - (char == "}")
        brackets += (char == "[") - (char == "]")
        at += 1
    if braces or brackets:
        raise ConfigError(f"{where}: braces or brackets do not match in {text[:120]!r}")
    if done < len(text):
        yield text[done:]


def _string_end(text: str, at: int, where: str) -> int:
    mark, at = text[at], at + 1
    while at < len(text):
        if text[at] == "\\" and mark != "`":
            at += 2
            continue
        if text[at] == mark:
            return at + 1
        at += 1
    raise ConfigError(f"{where}: a string is not closed in {text[:120]!r}")
