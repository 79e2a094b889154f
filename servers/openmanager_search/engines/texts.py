"""The text of a file for a local index, by the same means by which pages are read."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import PurePosixPath

from openmanager_search.engines.local_index import Skip

_HEADING = re.compile(r"^\s{0,3}#\s+(.+?)\s*#*$", re.MULTILINE)
_LOOKED_AT = 8192


def plain(data: bytes, name: str) -> tuple[str, str]:
    """Title and text of plain text or Markdown.

    Raises
    ------
    Skip
        If it is no text.
    """
    from openmanager_search.reading.charset import decoded

    if b"\0" in data[:_LOOKED_AT] and not data.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise Skip("no text")
    text, _ = decoded(data, markup=False)
    heading = _HEADING.search(text[:4000]) if name.endswith((".md", ".markdown")) else None
    return (heading[1] if heading else PurePosixPath(name).name), text


def page(data: bytes, name: str) -> tuple[str, str]:
    """Title and main part of a saved page, without what a reader would not see."""
    from openmanager_search.reading.charset import decoded
    from openmanager_search.reading.extract import extracted

    found = extracted(decoded(data)[0], f"file:///{name}", "main")
    return found["title"] or PurePosixPath(name).name, found["text"]


def portable(data: bytes, name: str) -> tuple[str, str]:
    """Title and text of a PDF.

    Raises
    ------
    Skip
        If none can be had from it.
    """
    from openmanager_search.reading.pdf import Unreadable, pdf_text

    try:
        found = pdf_text(data)
    except Unreadable as exc:
        raise Skip(str(exc).removeprefix("the ").replace("PDF is ", "PDF ")) from exc
    return found["title"] or PurePosixPath(name).name, found["text"]


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
