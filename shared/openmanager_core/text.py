r"""Data that came from outside, made safe to print inside our own sentences.

A label, a commit message or a server's name may hold anything: line breaks that start a "sentence of
ours", terminal escapes, characters that turn the reading direction, letters that nobody can see.
`visible` shows such characters as escapes, `quoted` puts a fence around the rest, and `ident` leaves
plain names alone, in any script. Text stays text, only its tricks are shown.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

_SHORT = {"\n": r"\n", "\r": r"\r", "\t": r"\t"}
_TRICK_CATEGORIES = frozenset(("Cc", "Cf", "Cs", "Co", "Zl", "Zp"))
# Of a printable category, or of none yet, but without a picture of their own: Unicode's
# Default_Ignorable_Code_Point beyond the categories above, the blank braille cell, non-characters.
_BLANK = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2065\u2800\u3164\ufdd0-\ufdef\ufe00-\ufe0f\uffa0\ufff0-\ufff8"
    "\U000e0000-\U000e0fff" + "".join(f"{chr(p << 16 | 0xFFFE)}{chr(p << 16 | 0xFFFF)}" for p in range(17)) + "]"
)
# Runs that need no look at each character: printable ASCII, Hangul syllables, common ideographs, Cyrillic.
_STRETCH = re.compile("[ -~\uac00-\ud7a3\u4e00-\u9fa5\u0410-\u044f]+|.", re.DOTALL)
_COLOURED = "\ufe0f"  # chooses the coloured picture of the symbol before it: hearts stay hearts
_MARKUP = re.compile(r"[\\`*\[\]|~]")
_MAX_MARKS = 4
_MAX_NAME = 120
_NAME_SIGNS = frozenset("._:/-")
_FENCED = {"\\": "\\\\", '"': '\\"', "`": "\\x60"}


def _escape(char: str) -> str:
    """One character as Python would write it."""
    code = ord(char)
    if code < 0x100:
        return _SHORT.get(char) or f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def _pieces(untrusted: str) -> Iterator[tuple[str, str]]:
    """The text stretch by stretch, each as (as it came, as it is shown); only single characters differ."""
    before, marks = "", 0
    for match in _STRETCH.finditer(untrusted):
        raw = match.group()
        if len(raw) == 1 and not " " <= raw <= "~":
            category = unicodedata.category(raw)
            marks = marks + 1 if category[0] == "M" else 0
            styled = raw == _COLOURED and before != "" and unicodedata.category(before) in ("So", "Sm")
            if not styled and (
                category in _TRICK_CATEGORIES or _BLANK.match(raw) or (marks and (marks > _MAX_MARKS or not before))
            ):
                yield raw, _escape(raw)
                before = ""
                continue
        else:
            marks = 0
        yield raw, raw
        before = raw[-1]


def visible(untrusted: str) -> str:
    r"""Show what would be hidden or would break a line; everything readable stays as it is.

    Escaped, as Python writes it (``\n``, ``\x1b``, ``\u202e``): control and format characters, line and
    paragraph separators, lone surrogates, private-use characters, characters without a picture of their
    own, accents without a letter and beyond four on one letter. The result is one line that prints and
    encodes anywhere; showing it again changes nothing. Linear in the length.
    """
    if untrusted.isascii() and untrusted.isprintable():
        return untrusted
    return "".join(shown for _, shown in _pieces(untrusted))


def quoted(untrusted: str, limit: int = 200) -> str:
    r"""The text in double quotes, on one line, at most `limit` characters of it as shown.

    Quotes, backslashes and backticks inside are escaped, so that neither the quotes nor a Markdown fence
    around them can be closed from within. What was cut is counted behind the closing quote, where the
    text itself can not write: ``"aaaa…" [+996 characters]``.
    """
    out: list[str] = []
    used, room = 0, max(limit, 1)
    for raw, shown in _pieces(untrusted[:room]):
        for cell in [shown] if raw != shown else [_FENCED.get(char, char) for char in raw]:
            room -= len(cell)
            if room < 0:
                break
            out.append(cell)
            used += 1
        if room < 0:
            break
    left = len(untrusted) - used
    body = "".join(out)
    return f'"{body}"' if not left else f'"{body}…" [+{left} characters]'


def ident(untrusted: str) -> str:
    """A name as it is if it is one plain word of at most 120 characters, else quoted.

    Plain are letters and digits of any script with their accents, and ``. _ : / -``.
    """
    if 0 < len(untrusted) <= _MAX_NAME and visible(untrusted) == untrusted:
        bare = [c for c in untrusted if c not in _NAME_SIGNS]
        if bare and all(unicodedata.category(c)[0] in "LNM" for c in bare):
            return untrusted
    return quoted(untrusted, _MAX_NAME)


def code(untrusted: str, limit: int = 120) -> str:
    """The text as a Markdown code span that fits a table cell: no link, image, markup or row can come of it."""
    shown = visible(untrusted[:limit]).replace("`", "\\x60").replace("|", "\\x7c") or " "
    cut = len(untrusted) - limit
    return f"`{shown}`" if cut <= 0 else f"`{shown}…` [+{cut} characters]"


def prose(untrusted: str) -> str:
    """Text that may stand in a Markdown paragraph or table cell as plain words: no markup, no link comes of it."""
    shown = _MARKUP.sub(lambda match: "\\" + match.group(), visible(untrusted))
    return shown.replace("<", "&lt;").replace("://", ":\\//").replace("www.", "www\\.")


def many(count: int, one: str) -> str:
    """``1 thought``, ``2 thoughts``: a count and its word, whose plural takes an s (or es)."""
    if count == 1:
        return f"1 {one}"
    return f"{count} {one}{'es' if one.endswith(('s', 'x', 'ch', 'sh')) else 's'}"
