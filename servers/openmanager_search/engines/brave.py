"""Brave Search, by its API; needs a key, which comes from an environment variable."""

from __future__ import annotations

import os
from typing import Any

from openmanager_core.errors import InvalidRequest, SourceInvalid, SourceUnavailable
from openmanager_search.engines.asking import Asker, Refused
from openmanager_search.engines.base import Hit, Page, Query, text_in

ADDRESS = "https://api.search.brave.com/res/v1"
_PATHS = {"text": "web", "news": "news", "images": "images", "videos": "videos"}
_COUNTS = {"text": 20, "news": 50, "images": 100, "videos": 50}
_SPANS = {"day": "pd", "week": "pw", "month": "pm", "year": "py"}
_LAST_PAGE = 10
_FULL = 10  # a page with fewer is the last
_MOST_CHARS, _MOST_WORDS = 400, 50
# The API has codes of its own for these, and refuses the plain ones.
_LANGUAGES = {"ja": "jp", "zh": "zh-hans", "pt": "pt-pt"}


class Brave:
    """The engine; `key_env` names the variable that holds the key, which is read at each request."""

    name = "brave"
    kinds = frozenset(_PATHS)
    kept = True

    def __init__(self, key_env: str, proxy: str = "", ca_file: str = "", timeout_s: float = 8.0) -> None:
        self._key_env = key_env
        self._asker = Asker("brave", proxy=proxy, ca_file=ca_file, timeout_s=timeout_s)

    async def search(self, query: Query, page: int) -> Page:
        """Ask the API; see `base.Engine`."""
        key = os.environ.get(self._key_env, "").strip()
        if not key:
            raise SourceUnavailable(f"brave has no key: {self._key_env} is empty", hint=f"set {self._key_env}")
        if not key.isascii() or not key.isprintable():
            raise SourceUnavailable(f"the key in {self._key_env} holds characters that no key has")
        words = query.words
        if len(words) > _MOST_CHARS or len(words.split()) > _MOST_WORDS:
            raise InvalidRequest(f"brave takes queries of at most {_MOST_CHARS} characters and {_MOST_WORDS} words")
        paged = query.kind != "images"
        if page > (_LAST_PAGE if paged else 1):
            return Page(())
        params = {"q": words, "count": str(_COUNTS[query.kind]), "safesearch": _safe(query)}
        if paged:
            params["offset"] = str(page - 1)
            if query.time_range:
                params["freshness"] = _SPANS[query.time_range]
        if query.country:
            params["country"] = query.country
        if query.language:
            params["search_lang"] = _LANGUAGES.get(query.language, query.language)
        try:
            said = await self._asker.get(
                f"{ADDRESS}/{_PATHS[query.kind]}/search", params, {"X-Subscription-Token": key}
            )
        except Refused as exc:
            raise self._refusal(exc) from exc
        rows = _rows(said, query.kind)
        hits = tuple(_hit(row) for row in rows if isinstance(row, dict))
        told = said.get("query")
        more = told.get("more_results_available") if isinstance(told, dict) else None
        return Page(hits, more=paged and len(hits) >= _FULL and more is not False)

    async def aclose(self) -> None:
        """Close the connections."""
        await self._asker.aclose()

    def _refusal(self, refused: Refused) -> SourceUnavailable:
        if refused.status in (401, 403) or (refused.status == 422 and b"TOKEN" in refused.body):
            return SourceUnavailable(
                f"brave refused the key (status {refused.status})", hint=f"check the key in {self._key_env}"
            )
        if refused.status == 402:
            return SourceUnavailable("brave's plan for this key is used up", hint="another engine")
        return SourceUnavailable(f"brave refused the request with status {refused.status}", hint="another engine")


def _safe(query: Query) -> str:
    """Images know no moderate level: it becomes the strict one, never none."""
    return "strict" if query.kind == "images" and query.safe_search == "moderate" else query.safe_search


def _rows(said: Any, kind: str) -> list[Any]:
    if isinstance(said, dict):
        part = said.get("web", {"results": []}) if kind == "text" else said
        rows = part.get("results") if isinstance(part, dict) else None
        if isinstance(rows, list):
            return rows
    raise SourceInvalid("brave answered with JSON that holds no list of results", hint="another engine")


def _hit(row: dict[str, Any]) -> Hit:
    def inner(name: str, field: str) -> str:
        part = row.get(name)
        return text_in(part.get(field)) if isinstance(part, dict) else ""

    return Hit(
        title=text_in(row.get("title")),
        url=text_in(row.get("url")),
        snippet=text_in(row.get("description")),
        date=text_in(row.get("page_age")) or text_in(row.get("age")),
        source=text_in(row.get("source")) or inner("profile", "name") or inner("meta_url", "hostname"),
        image=inner("properties", "url") or inner("thumbnail", "src"),
        duration=inner("video", "duration"),
    )
