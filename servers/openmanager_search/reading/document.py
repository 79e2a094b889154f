"""A page as it was read: its text, and the facts that go with it."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Document:
    """What one address held when it was read.

    Attributes
    ----------
    url
        The address after redirects.
    text
        Markdown for HTML, plain text otherwise; hidden text is gone, nothing else of the page is.
    kind
        ``html``, ``pdf``, ``json``, ``text``, or ``raw`` for text that was not converted.
    media_type, encoding
        As served, and as decoded.
    read_at_s
        Unix seconds when it was downloaded.
    whole
        False if the page was cut (a limit of the parser).
    notes
        What the reader of the text should know: an application shell without text, lines that were hidden.
    """

    url: str
    text: str
    kind: str
    title: str = ""
    media_type: str = ""
    encoding: str = ""
    status: int = 200
    read_at_s: float = 0.0
    whole: bool = True
    notes: tuple[str, ...] = field(default=())


@dataclass(frozen=True, slots=True)
class Passages:
    """The parts of a text that answer a question.

    Attributes
    ----------
    found
        ``(start, score, words)``, in the order of the text; `start` in characters.
    matching
        How many parts match, shown or not.
    """

    found: tuple[tuple[int, float, str], ...]
    matching: int
