"""The reader: one download per page however many ask, kept parsed for a while, read by the site's rules."""

from __future__ import annotations

import json
import time
from typing import Any, Literal

from openmanager_core.errors import InvalidRequest, Unsupported
from openmanager_core.text import quoted
from openmanager_kit.registry import ServerSettings
from openmanager_kit.web import Page, WebClient, WebLimits, WebPolicy
from openmanager_kit.web.policy import target_of
from openmanager_search.reading.document import Document, Passages
from openmanager_search.reading.keeping import Kept
from openmanager_search.reading.robots import Robots
from openmanager_search.reading.settings import ReadingSection
from openmanager_search.reading.workers import Workers

Mode = Literal["markdown", "main", "text", "raw"]
_ACCEPT = {
    "accept": "text/html,application/xhtml+xml,text/markdown;q=0.9,text/plain;q=0.9,application/json;q=0.9,"
    "application/pdf;q=0.8,*/*;q=0.5"
}
_HTML = ("text/html", "application/xhtml+xml")
_PARSE_SHARE = 0.6


class Reader:
    """Fetches and parses pages; one per server, shared by all calls.

    Parameters
    ----------
    client
        Replaces the one that the section describes.
    """

    def __init__(self, section: ReadingSection, *, client: WebClient | None = None) -> None:
        self._section = section
        limits = WebLimits(wire_bytes=section.page_bytes, body_bytes=2 * section.page_bytes, total_s=section.deadline_s)
        self.client = client or WebClient(
            WebPolicy(
                allow_private=section.allow_private, ports=section.allow_ports, proxy=section.proxy,
                ca_file=section.ca_file, user_agent=section.user_agent, limits=limits,
            )
        )  # fmt: skip
        self._robots = Robots(self.client, section.user_agent)
        self._workers = Workers(section.deadline_s * _PARSE_SHARE)
        half = section.keep_bytes // 2
        self._pages: Kept[tuple[Page, float]] = Kept(half, section.keep_s, lambda kept: len(kept[0].body) + 1000)
        self._documents: Kept[Document] = Kept(half, section.keep_s, lambda document: 2 * len(document.text) + 1000)

    async def read(self, url: str, *, raw: bool = False, by_user: bool = False, mode: Mode = "markdown") -> Document:
        """Give the text of a page.

        Parameters
        ----------
        raw
            Do not convert it; the same as mode ``raw``.
        by_user
            A person asked for it, so robots.txt is not consulted.
        mode
            ``markdown``: the main part as Markdown; ``main``: the same as plain text; ``text``: the whole page as
            plain text; ``raw``: as it was sent.

        Raises
        ------
        FleetError
            If it could not be read: refused address, blocked, rate limited, timed out, too large, malformed.
        """
        mode = "raw" if raw else mode
        target = target_of(url)
        free = by_user or self._section.ignore_robots_txt
        # A page that a person fetched is no page that a robot may read.
        return await self._documents.get((target.url, mode, free), lambda: self._read(target.url, mode, free))

    async def passages(self, text: str, query: str, max_chars: int) -> Passages:
        """Give the parts of a text that answer `query`, best ones first chosen, in the order of the text.

        Raises
        ------
        InvalidRequest
            If `query` holds no word.
        """
        if not any(char.isalnum() for char in query):
            raise InvalidRequest(f"query must hold a word, got {quoted(query, 60)}", hint="the words to look for")
        facts, found = await self._workers.run(
            {"do": "passages", "query": query[:1000], "max_chars": max_chars}, text.encode("utf-8", "replace")
        )
        return Passages(tuple((start, score, words) for start, score, words in json.loads(found)), facts["matching"])

    async def section(self, text: str, wanted: str) -> tuple[int, int] | list[str]:
        """Find the part under a heading as (start, end); the headings there are, if none is like it."""
        facts, _ = await self._workers.run({"do": "section", "wanted": wanted[:500]}, text.encode("utf-8", "replace"))
        span = facts.get("span")
        return (span[0], span[1]) if span is not None else list(facts["headings"])

    async def aclose(self) -> None:
        """Close the connections and end the workers."""
        await self._documents.aclose()
        await self._pages.aclose()
        await self._workers.aclose()
        await self.client.aclose()

    async def _read(self, url: str, mode: Mode, free: bool) -> Document:
        self._workers.warm()
        page, read_at_s = await self._pages.get((url, free), lambda: self._fetched(url, free))
        media_type = page.headers.get("content-type", "").partition(";")[0].strip().lower()
        kind = _kind(media_type, page.body)
        job: dict[str, Any] = {
            "do": "parse", "kind": kind, "mode": mode, "url": page.url,
            "content_type": page.headers.get("content-type", "")[:200],
        }  # fmt: skip
        facts, text = await self._workers.run(job, page.body)
        return Document(
            url=page.url,
            text=text,
            kind="raw" if mode == "raw" and kind == "html" else kind,
            title=facts["title"],
            media_type=media_type[:100],
            encoding=facts.get("encoding", ""),
            status=page.status,
            read_at_s=read_at_s,
            notes=tuple(facts["notes"]),
        )

    async def _fetched(self, url: str, free: bool) -> tuple[Page, float]:
        page = await self.client.get(url, headers=_ACCEPT, before=None if free else self._robots.check)
        page.ensure_ok()
        return page, time.time()


def _kind(media_type: str, body: bytes) -> str:
    """Tell how a body is to be read.

    Raises
    ------
    Unsupported
        If it is no text.
    """
    start = body[:1024].lstrip(b"\xef\xbb\xbf \t\r\n")
    if body.startswith(b"%PDF-") or media_type == "application/pdf":
        return "pdf"
    opening = start[:200].lower()
    looks_html = opening.startswith((b"<!doctype html", b"<html", b"<head", b"<body"))
    if media_type in _HTML or (looks_html and media_type in ("", "text/plain", "application/octet-stream", "text/xml")):
        return "html"
    if media_type == "application/json" or media_type.endswith("+json"):
        return "json"
    if media_type.startswith("text/") or media_type.endswith(
        ("+xml", "/xml", "javascript", "/yaml", "/x-yaml", "toml")
    ):
        return "text"
    wide = start[:2] in (b"\xff\xfe", b"\xfe\xff")
    if media_type in ("", "application/octet-stream", "application/x-sh", "application/sql", "application/x-ndjson"):
        if wide or b"\0" not in body[:8192]:
            return "html" if looks_html else "text"
        media_type = media_type or "an unnamed type"
    raise Unsupported(
        f"the address holds {quoted(media_type, 80)}, which is no text", hint="a page, a text, JSON or a PDF"
    )


def reading_state(settings: ServerSettings) -> Reader:
    """Make the reader of a server; it opens and starts nothing before its first page."""
    section = settings.section
    return Reader(section if isinstance(section, ReadingSection) else ReadingSection.model_validate({}))
