"""SearXNG, any instance, by its JSON interface."""

from __future__ import annotations

from typing import Any

from openmanager_core.errors import SourceInvalid, SourceUnavailable
from openmanager_core.text import visible
from openmanager_search.engines.asking import Asker, Refused
from openmanager_search.engines.base import Blocked, Hit, Page, Query, text_in

_CATEGORIES = {"text": "general", "news": "news", "images": "images", "videos": "videos"}
_SAFE = {"off": "0", "moderate": "1", "strict": "2"}
_FULL = 5  # a page with fewer is the last
_ADVICE = "check [search] searxng_url in the profile and that the instance runs, or another engine"


class SearXNG:
    """The engine; `url` is the instance's own address, with its path if it has one."""

    name = "searxng"
    kinds = frozenset(_CATEGORIES)
    kept = True

    def __init__(self, url: str, proxy: str = "", ca_file: str = "", timeout_s: float = 8.0) -> None:
        self._url = f"{url.rstrip('/')}/search"
        self._asker = Asker("searxng", proxy=proxy, ca_file=ca_file, timeout_s=timeout_s, advice=_ADVICE)

    async def search(self, query: Query, page: int) -> Page:
        """Ask the instance; see `base.Engine`."""
        params = {
            "q": query.words,
            "format": "json",
            "categories": _CATEGORIES[query.kind],
            "safesearch": _SAFE[query.safe_search],
            "pageno": str(page),
        }
        if query.time_range:
            params["time_range"] = query.time_range
        if query.language:
            country = query.country if query.country not in ("", "ALL") else ""
            params["language"] = f"{query.language}-{country}" if country else query.language
        try:
            said = await self._asker.get(self._url, params)
        except Refused as exc:
            raise _refusal(exc) from exc
        rows = said.get("results") if isinstance(said, dict) else None
        if not isinstance(rows, list):
            raise SourceInvalid("searxng answered with JSON that holds no list of results", hint=_ADVICE)
        hits = tuple(_hit(row) for row in rows if isinstance(row, dict))
        silent = _unresponsive(said.get("unresponsive_engines"))
        if not hits and silent:
            raise Blocked(f"none of searxng's own engines answered: {silent}", hint="again later, or another engine")
        return Page(hits, more=len(hits) >= _FULL)

    async def aclose(self) -> None:
        """Close the connections."""
        await self._asker.aclose()


def _refusal(refused: Refused) -> SourceUnavailable:
    if refused.status == 403:
        return SourceUnavailable(
            "searxng answered 403: this instance does not give JSON, or not to us",
            hint="add json to search.formats in the instance's settings.yml, or use an instance of your own",
        )
    return SourceUnavailable(f"searxng answered with status {refused.status}", hint=_ADVICE)


def _hit(row: dict[str, Any]) -> Hit:
    return Hit(
        title=text_in(row.get("title")),
        url=text_in(row.get("url")),
        snippet=text_in(row.get("content")),
        date=text_in(row.get("publishedDate")),
        source=text_in(row.get("engine")),
        image=text_in(row.get("img_src")) or text_in(row.get("thumbnail")),
        duration=text_in(row.get("length")),
    )


def _unresponsive(listed: object) -> str:
    """Name the instance's engines that failed, with its words for why."""
    if not isinstance(listed, list):
        return ""
    pairs = [pair for pair in listed[:8] if isinstance(pair, list) and pair]
    return ", ".join(visible(" ".join(text_in(part)[:60] for part in pair[:2])) for pair in pairs)
