"""The text of a PDF, page by page; runs in a worker process only, where a deadline ends it."""

from __future__ import annotations

import io
import logging
import re
from typing import Any

from openmanager_search.reading.hidden import without_invisible

_MOST_PAGES, _MOST_CHARS = 2_000, 20_000_000
_HYPHENS = re.compile(r"(?<=[a-z])-\n(?=[a-z])")


class Unreadable(Exception):
    """No text can be had from this file; the message says why."""


def pdf_text(body: bytes) -> dict[str, Any]:
    """Give ``text``, ``title`` and ``notes`` of a PDF.

    Raises
    ------
    Unreadable
        If it is damaged, encrypted or holds only pictures.
    """
    from pypdf import PdfReader
    from pypdf.errors import PyPdfError

    logging.getLogger("pypdf").setLevel(logging.CRITICAL)
    notes, pages, chars = [], [], 0
    try:
        reader = PdfReader(io.BytesIO(body), strict=False)
        if reader.is_encrypted and not reader.decrypt(""):
            raise Unreadable("the PDF is encrypted")
        total = len(reader.pages)
        title = str(reader.metadata.title or "") if reader.metadata is not None else ""
        for number, page in enumerate(reader.pages, 1):
            words = _HYPHENS.sub("", page.extract_text() or "").strip()
            if words:
                pages.append(f"## Page {number}\n\n{words}")
                chars += len(words)
            if number >= _MOST_PAGES or chars > _MOST_CHARS:
                notes.append(f"only the first {number} of {total} pages were read")
                break
    except (PyPdfError, ValueError, KeyError, TypeError, IndexError, AttributeError, RecursionError, OSError) as exc:
        raise Unreadable("the PDF is damaged") from exc
    except (NotImplementedError, ImportError) as exc:
        raise Unreadable("the PDF is encrypted") from exc
    if not pages:
        raise Unreadable("the PDF holds no text, only pictures")
    return {"text": without_invisible("\n\n".join(pages)), "title": without_invisible(title)[:300], "notes": notes}
