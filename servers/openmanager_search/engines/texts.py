"""The text of a file for a local index: Markdown and plain text, HTML, JSON, PDF."""

from __future__ import annotations

import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import PurePosixPath

from openmanager_search.engines.local_index import Skip

_SILENT = frozenset(("script", "style", "noscript", "template", "head", "svg", "iframe", "object"))
_BLOCKS = ("p", "div", "li", "tr", "section", "article", "pre", "blockquote", "table", "ul", "ol", "dt", "dd", "main")
_BREAKS = frozenset((*_BLOCKS, "h1", "h2", "h3", "h4", "h5", "h6", "header", "br", "hr"))
_VOID = frozenset(
    ("area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr")
)
_HEADING = re.compile(r"^\s{0,3}#\s+(.+?)\s*#*$", re.MULTILINE)
_CHARSET = re.compile(rb"""<meta[^>]{0,200}charset\s*=\s*["']?([A-Za-z0-9_:-]{1,40})""", re.IGNORECASE)
_HIDDEN = re.compile(r"display\s*:\s*none|visibility\s*:\s*hidden", re.IGNORECASE)
_MOST_PAGES = 2000


def plain(data: bytes, name: str) -> tuple[str, str]:
    """Title and text of plain text or Markdown."""
    text = decoded(data)
    heading = _HEADING.search(text[:4000]) if name.endswith((".md", ".markdown")) else None
    return (heading[1] if heading else PurePosixPath(name).name), text


def page(data: bytes, name: str) -> tuple[str, str]:
    """Title and text of a saved page; what a reader would not see is left out."""
    found = _CHARSET.search(data[:2048])
    parser = _Page()
    parser.feed(decoded(data, found[1].decode("ascii") if found else ""))
    parser.close()
    text = re.sub(r"[ \t]+", " ", "".join(parser.words))
    return " ".join("".join(parser.title).split()) or PurePosixPath(name).name, re.sub(r"\s*\n\s*", "\n", text).strip()


def portable(data: bytes, name: str) -> tuple[str, str]:
    """Title and text of a PDF.

    Raises
    ------
    Skip
        If it cannot be read, or no PDF reader is installed.
    """
    try:
        import pypdfium2
    except ImportError as exc:
        raise Skip("no reader for PDF is installed") from exc
    try:
        document = pypdfium2.PdfDocument(data)
        try:
            parts = [
                document[number].get_textpage().get_text_range() for number in range(min(len(document), _MOST_PAGES))
            ]
            title = document.get_metadata_dict().get("Title", "")
        finally:
            document.close()
    except (pypdfium2.PdfiumError, ValueError) as exc:
        raise Skip("damaged or locked PDF") from exc
    return title or PurePosixPath(name).name, "\n".join(parts)


READERS: dict[str, Callable[[bytes, str], tuple[str, str]]] = {
    ".md": plain,
    ".markdown": plain,
    ".rst": plain,
    ".txt": plain,
    ".json": plain,
    ".html": page,
    ".htm": page,
    ".xhtml": page,
    ".pdf": portable,
}
"""By the end of a file's name."""


def decoded(data: bytes, said: str = "") -> str:
    """Decode by byte order mark, by what the file says, as UTF-8, as Korean; a file of another kind is refused.

    Raises
    ------
    Skip
        If it is no text.
    """
    for mark, encoding in ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16")):
        if data.startswith(mark):
            return data.decode(encoding, errors="replace")
    if b"\0" in data[:8192]:
        raise Skip("no text")
    for encoding in (said, "utf-8", "cp949"):
        try:
            if encoding:
                return data.decode(encoding)
        except (LookupError, UnicodeDecodeError):
            continue
    return data.decode("latin-1")


class _Page(HTMLParser):
    """Collects what a reader would see."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.words: list[str] = []
        self.title: list[str] = []
        self._in_title = False
        self._silent: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "title" and not self.title:
            self._in_title = True
        if tag in _BREAKS:
            self.words.append("\n")
        if tag in _VOID:
            return
        if self._silent:
            if tag == self._silent[-1]:
                self._silent.append(tag)
            return
        given = dict(attrs)
        if tag in _SILENT or "hidden" in given or _HIDDEN.search(given.get("style") or ""):
            self._silent.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag == "title":
            self._in_title = False
        if self._silent and tag == self._silent[-1]:
            self._silent.pop()
        elif tag in ("body", "html"):
            self._silent.clear()
        if tag in _BREAKS:
            self.words.append("\n")

    def handle_data(self, data: str) -> None:
        if self._in_title:
            self.title.append(data)
        elif not self._silent:
            self.words.append(data)
