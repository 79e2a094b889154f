r"""File names as bytes on disk and as text that a model reads and sends back.

A name on disk may be anything but ``/`` and NUL: bytes that are not UTF-8, line breaks, terminal escapes,
characters that turn the reading direction. Shown, each is one line of valid text, and what was shown finds the
very same entry again:

* a name without anything to hide is shown as it is, a lone backslash included;
* otherwise every unreadable byte or character is an escape (``\xff``, ``\n``, ``\u202e``) and every backslash is
  doubled. A name that happens to look like such an escape has its backslashes doubled too.
"""

from __future__ import annotations

import re

from openmanager_core.text import visible

_ESCAPE = re.compile(r"\\(?:x([0-9a-f]{2})|u([0-9a-f]{4})|U([0-9a-f]{8})|([nrt\\]))")
_SHORT = {"n": "\n", "r": "\r", "t": "\t", "\\": "\\"}
_LATIN = re.compile(r"\\x([89a-f][0-9a-f])")
_BYTES = 0xDC80, 0xDCFF


def shown_name(name: str) -> str:
    """Show one name (as `os.fsdecode` gives it, so with surrogates for bytes that are not UTF-8)."""
    if name.isascii() and name.isprintable() and "\\" not in name:
        return name
    escaped = "".join(_shown_char(part) for part in re.split(r"(\\|[\ud800-\udfff])", name))
    plain = escaped.replace("\\\\", "\\")
    return name if plain == name and not _ESCAPE.search(name) else escaped


def _shown_char(part: str) -> str:
    if part == "\\":
        return "\\\\"
    if len(part) == 1 and _BYTES[0] <= ord(part) <= _BYTES[1]:
        return f"\\x{ord(part) - 0xDC00:02x}"
    # Two digits are for bytes that are no character; U+0080 to U+00FF take four.
    return _LATIN.sub(r"\\u00\1", visible(part))


def meant_names(given: str) -> list[str]:
    """Name the entries that `given` may stand for, the likeliest first: what it was shown for, then its own letters."""
    if "\\" not in given:
        return [given]
    unescaped = _ESCAPE.sub(_unescaped, given)
    if unescaped != given and "/" not in unescaped and "\0" not in unescaped and shown_name(unescaped) == given:
        return [unescaped, given]
    return [given]


def _unescaped(match: re.Match[str]) -> str:
    byte, short, long, letter = match.groups()
    if byte is not None:
        code = int(byte, 16)
        return chr(0xDC00 + code) if code >= 0x80 else chr(code)
    if letter is not None:
        return _SHORT[letter]
    code = int(short or long, 16)
    return chr(code) if code < 0x110000 else match.group()


def shown_path(path: str) -> str:
    """Show a whole path, component by component."""
    if path.isascii() and path.isprintable() and "\\" not in path:
        return path
    return "/".join(shown_name(part) for part in path.split("/"))
