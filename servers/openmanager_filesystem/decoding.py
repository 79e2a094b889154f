"""Which encoding a file's bytes are in, and text in it and back: nothing is ever replaced silently."""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass

from openmanager_core.errors import InvalidRequest
from openmanager_core.text import quoted

SAMPLE_BYTES = 64 * 1024
_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_CONTROLS = bytes((*range(0x01, 0x07), *range(0x0E, 0x1B), *range(0x1C, 0x20), 0x7F))
_MOST_CONTROLS = 0.02
_STRANGE = re.compile("[\udc80-\udcff]")
_HANGUL = re.compile("[\x00-\x7f\uac00-\ud7a3]*")
_ENDLESS = frozenset(("idna", "punycode", "undefined", "unicode_escape", "raw_unicode_escape", "mbcs", "oem"))


@dataclass(frozen=True, slots=True)
class Coding:
    """An encoding, and the byte order mark that the file begins with.

    Attributes
    ----------
    guessed
        True if the bytes do not prove it: no BOM, not UTF-8, and nobody named it.
    """

    name: str
    bom: bytes = b""
    guessed: bool = False

    @property
    def by_lines(self) -> bool:
        """Whether a line feed is the byte 0x0A and that byte is nothing else, so that lines can be cut undecoded."""
        return not self.name.startswith(("utf-16", "utf-32")) and _plain_ascii(self.name)

    def decode(self, data: bytes) -> str:
        """Read bytes without the BOM; ones that do not belong become lone surrogates, for `encode` to turn back."""
        return data.decode(self.name, "surrogateescape")

    def encode(self, text: str) -> bytes:
        """Write what `decode` gave."""
        return text.encode(self.name, "surrogateescape")

    def __str__(self) -> str:
        """For the facts below an answer."""
        return f"{self.name}{' with BOM' if self.bom else ''}{' (guessed)' if self.guessed else ''}"


def _plain_ascii(name: str) -> bool:
    sample = "Az09 \r\n"
    if name.startswith(("iso2022", "hz", "utf-7", "utf_7")):
        return False
    try:
        return sample.encode(name) == sample.encode("ascii")
    except UnicodeError:
        return False


def named(encoding: str) -> str:
    """Give the usual name of a text encoding that a caller wrote.

    Raises
    ------
    InvalidRequest
        If there is no such text encoding.
    """
    try:
        found = codecs.lookup(encoding.strip())
        if found._is_text_encoding and found.name not in _ENDLESS:
            return found.name
    except (LookupError, ValueError, UnicodeError):
        pass
    raise InvalidRequest(
        f"encoding {quoted(encoding, 40)} is no text encoding",
        hint="utf-8, utf-16, latin-1, cp1252, cp949 or shift_jis",
    )


def coding_of(data: bytes, encoding: str = "", *, whole: bool = True) -> Coding | None:
    """Find out the encoding of a file from its beginning; None if it is not text.

    Parameters
    ----------
    data
        The file's first bytes, all of them if `whole`; else the last character may be cut.
    encoding
        What the caller says it is; taken at its word.
    """
    if encoding:
        return _as_told(data, named(encoding))
    for bom, name in _BOMS:
        if data.startswith(bom):
            return Coding(name, bom)
    if b"\0" in data:
        return None
    if data.isascii() or _decodes(data, "utf-8", whole):
        return Coding("utf-8") if _printable(data) else None
    if not _printable(data):
        return None
    if _decodes(data, "cp949", whole) and _HANGUL.fullmatch(data.decode("cp949", "ignore")):
        return Coding("cp949", guessed=True)
    return Coding("cp1252" if _decodes(data, "cp1252", whole) else "iso8859-1", guessed=True)


def _as_told(data: bytes, name: str) -> Coding:
    """A byte order mark belongs to the file, whichever way its encoding was written."""
    family = "utf-8" if name == "utf-8-sig" else name
    for bom, exact in _BOMS:
        if data.startswith(bom) and exact.startswith(family):
            return Coding(exact, bom)
    return Coding({"utf-16": "utf-16-le", "utf-32": "utf-32-le"}.get(family, family))


def for_new(encoding: str) -> Coding:
    """Give the encoding in which a whole new content is written: utf-16 and utf-8-sig with their BOM."""
    name = named(encoding or "utf-8")
    marks = {"utf-8-sig": _BOMS[0], "utf-16": _BOMS[3], "utf-32": _BOMS[1]}
    if name in marks:
        bom, exact = marks[name]
        return Coding(exact, bom)
    return Coding(name)


def _printable(data: bytes) -> bool:
    sample = data[:SAMPLE_BYTES]
    return len(sample) - len(sample.translate(None, _CONTROLS)) <= _MOST_CONTROLS * len(sample)


def _decodes(data: bytes, name: str, whole: bool) -> bool:
    try:
        codecs.getincrementaldecoder(name)().decode(data, whole)
    except UnicodeDecodeError:
        return False
    return True


def written(text: str, coding: Coding, parameter: str) -> bytes:
    """Encode text that a caller gave.

    Raises
    ------
    InvalidRequest
        If the encoding has no such character; names it.
    """
    try:
        return text.encode(coding.name)
    except UnicodeEncodeError as exc:
        char = text[exc.start]
        where = f"{quoted(char)} (U+{ord(char):04X})"
        raise InvalidRequest(
            f"{parameter} holds {where} at character {exc.start + 1}, which {coding.name} cannot express",
            hint="another character, or write_file the whole in encoding utf-8",
        ) from None


def plain(text: str) -> bool:
    """Tell whether decoded text holds no byte that is not text."""
    return text.isascii() or not _STRANGE.search(text)


def shown(text: str) -> tuple[str, int]:
    r"""Make decoded text valid: what is not text becomes ``\xff``; also gives how many bytes those are."""
    if plain(text):
        return text, 0
    return _STRANGE.subn(lambda match: f"\\x{ord(match.group()) - 0xDC00:02x}", text)


def line_end(text: str) -> str:
    """Name the line ends of a text for the facts; empty for plain LF."""
    if "\r" not in text:  # much faster than counting pairs
        return ""
    windows = text.count("\r\n")
    if not windows:
        return ""
    return "CRLF" if windows == text.count("\n") else "mixed CRLF and LF"
