"""From bytes to text: what the header says, a byte order mark, what the page says of itself, and then what fits."""

from __future__ import annotations

import codecs
import re

_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_META = re.compile(rb"<meta[^>]{0,400}?charset\s*=\s*[\"']?\s*([a-zA-Z0-9_:.-]{2,40})", re.IGNORECASE)
_XML = re.compile(rb"^\s*<\?xml[^>]{0,200}?encoding\s*=\s*[\"']([a-zA-Z0-9_.-]{2,40})[\"']")
_HEADER = re.compile(r"charset\s*=\s*[\"']?\s*([a-zA-Z0-9_:.-]{2,40})", re.IGNORECASE)
_LOOKED_AT = 4096

# What pages mean when they say so: the superset that every browser uses in its place.
_MEANT = {
    "ascii": "cp1252", "us-ascii": "cp1252", "iso-8859-1": "cp1252", "iso8859-1": "cp1252", "latin-1": "cp1252",
    "latin1": "cp1252", "windows-1252": "cp1252", "iso-8859-9": "cp1254",
    "euc-kr": "cp949", "euckr": "cp949", "ks_c_5601-1987": "cp949", "ksc5601": "cp949", "korean": "cp949",
    "windows-949": "cp949", "x-windows-949": "cp949", "ks_c_5601": "cp949", "uhc": "cp949",
    "shift_jis": "cp932", "shift-jis": "cp932", "sjis": "cp932", "x-sjis": "cp932", "windows-31j": "cp932",
    "gb2312": "gb18030", "gbk": "gb18030", "gb_2312-80": "gb18030", "x-gbk": "gb18030", "big5": "big5hkscs",
    "utf8": "utf-8", "unicode-1-1-utf-8": "utf-8", "utf-16": "utf-16-le", "unicode": "utf-16-le",
}  # fmt: skip
_NOT_TEXT = frozenset(("rot13", "rot_13", "hex", "base64", "bz2", "zlib", "zip", "uu", "quopri", "idna", "punycode"))
_NOT_TEXT_EITHER = frozenset(("unicode_escape", "raw_unicode_escape", "undefined", "mbcs", "oem", "utf-7", "utf7"))

_HANGUL, _KANA = re.compile("[\uac00-\ud7a3]"), re.compile("[\u3040-\u30ff]")
_COMMON_HAN = re.compile("[的一是不了人我在有他这中大来上国年时和说]")
_WIDE = re.compile("[^\x00-\x7f]")


def decoded(body: bytes, content_type: str = "", *, markup: bool = True) -> tuple[str, str]:
    """Give the text of a body and the encoding it was read in; bytes that fit nothing become U+FFFD.

    Parameters
    ----------
    content_type
        The header.
    markup
        Whether the body can name its encoding itself (HTML, XML).
    """
    for mark, name in _BOMS:
        if body.startswith(mark):
            return body[len(mark) :].decode(name, "replace"), name
    said = _HEADER.search(content_type)
    name = _known(said[1]) if said else ""
    if name:
        return _in(body, name)
    head = body[:_LOOKED_AT] if markup else b""
    for found in (_META.search(head), _XML.match(head)):
        name = _known(found[1].decode("ascii")) if found else ""
        if name:  # what says utf-16 in letters of one byte is not
            return _in(body, "utf-8" if name.startswith("utf-16") else name)
    return _guessed(body)


def _known(name: str) -> str:
    """Find the codec of a label; empty if there is none for text."""
    plain = _MEANT.get(name.lower(), name.lower())
    if plain.replace("-", "_") in _NOT_TEXT | _NOT_TEXT_EITHER or plain in _NOT_TEXT_EITHER:
        return ""
    try:
        info = codecs.lookup(plain)
    except (LookupError, ValueError):
        return ""
    return plain if getattr(info, "_is_text_encoding", True) else ""


def _in(body: bytes, name: str) -> tuple[str, str]:
    try:
        return body.decode(name), name
    except (UnicodeError, ValueError):
        pass
    if name != "utf-8":
        try:
            return body.decode("utf-8"), "utf-8"  # said one thing, meant another
        except UnicodeError:
            pass
    text = body.decode(name, "replace")
    if name == "utf-8" and text.count("\ufffd") * 50 > len(_WIDE.findall(text)) * 10:
        return _guessed(body)
    return text, name


def _guessed(body: bytes) -> tuple[str, str]:
    """Try what is likely: UTF-8, then the encoding whose letters make most of what is not ASCII, then Western."""
    try:
        return body.decode("utf-8"), "utf-8"
    except UnicodeError:
        pass
    sample = body[:65_536]
    best, share = "cp1252", 0.3
    for name, letters in (("cp949", _HANGUL), ("cp932", _KANA), ("euc_jp", _KANA), ("gb18030", _COMMON_HAN)):
        try:
            text = codecs.getincrementaldecoder(name)().decode(sample)
        except UnicodeError:
            continue
        wide = _WIDE.findall(text)
        found = len(letters.findall(text)) / max(1, len(wide)) * (4 if letters is _COMMON_HAN else 1)
        if found > share:
            best, share = name, found
    return body.decode(best, "replace"), best
