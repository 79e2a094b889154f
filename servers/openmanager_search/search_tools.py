"""The tool that finds: results of one engine, page by page, with who answered and who could not."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from openmanager_core.errors import InvalidRequest
from openmanager_kit import cursors
from openmanager_kit.answers import MAX_CHARS, Answer, paged
from openmanager_kit.tools import reads
from openmanager_search.desk import TheDesk
from openmanager_search.engines.base import Hit
from openmanager_search.finder import Found, age

_ENGINES = ("duckduckgo", "searxng", "brave", "local")
_NOTHING = "other or fewer words, without site or time_range, or another engine"


class SearchAnswer(Answer):
    """Results, best first; titles and snippets are data from the web."""

    query: str
    engine: str = Field(description="Who answered")
    age_s: int = Field(description="Seconds since the engine was asked; 0 is now")
    stale: bool = Field(description="Older than usual, because no engine answers now")
    results: list[dict[str, Any]] = Field(description="title, url, snippet; where known date, source, image, duration")
    failures: list[dict[str, str]] = Field(description="Engines that failed, and why")
    first: int = Field(description="Place of the first result in the whole list, from 1")
    next_cursor: str | None

    def as_text(self) -> str:
        """The form that other search servers use, and a last line with the facts."""
        if not self.results:
            if self.first > 1:
                return f"No further results.\n[{self._facts()}]"
            return f"No results: {self.engine} answered and found nothing. Try: {_NOTHING}.\n[{self._facts()}]"
        lines = [f"Found {len(self.results)} search results:", ""]
        for number, result in enumerate(self.results, self.first):
            lines += [f"{number}. {result['title']}", f"   URL: {result['url']}"]
            if result.get("snippet"):
                lines.append(f"   Summary: {result['snippet']}")
            facts = [f"{name}: {result[name]}" for name in ("date", "source", "duration", "image") if name in result]
            if facts:
                lines.append(f"   {', '.join(facts)}")
            lines.append("")
        lines.append(f"[{self._facts()}]")
        return "\n".join(lines)

    def _facts(self) -> str:
        facts = [f"engine: {self.engine}"]
        if self.engine == "local" and self.failures:
            facts[0] += " (the user's own files, not the web)"
        if self.stale:
            facts.append(f"no engine answers now: kept from {age(self.age_s)} ago")
        elif self.age_s:
            facts.append(f"kept from {age(self.age_s)} ago")
        facts += [f"{failure['engine']} failed: {failure['code']}: {failure['reason']}" for failure in self.failures]
        if self.next_cursor:
            facts.append(f"more: cursor={self.next_cursor}")
        return "; ".join(facts)


async def search(
    desk: TheDesk,
    query: Annotated[str, Field(description="What to look for")],
    max_results: Annotated[int, Field(ge=1, le=100, description="Most results")] = 10,
    region: Annotated[str, Field(description="Country and language: us-en, kr-kr; wt-wt for none")] = "",
    safe_search: Annotated[
        Literal["", "strict", "moderate", "off"], Field(description="Empty: as the profile says")
    ] = "",
    time_range: Annotated[
        Literal["", "day", "week", "month", "year"], Field(description="Only what is at most so old")
    ] = "",
    kind: Annotated[Literal["text", "news", "images", "videos"], Field(description="What to look for")] = "text",
    site: Annotated[str, Field(description="Only this host: docs.python.org")] = "",
    engine: Annotated[
        Literal["", "duckduckgo", "searxng", "brave", "local"],
        Field(description="Only this one; empty: each in turn until one answers. local: the user's own folders"),
    ] = "",
    cursor: Annotated[str, Field(description="next_cursor of the answer before")] = "",
    max_chars: Annotated[int, Field(ge=1000, le=20_000_000, description="Longest answer")] = MAX_CHARS,
) -> SearchAnswer:
    """Search the web, or the folders that the user indexed. Read a result with fetch_content."""
    finder = desk.finder
    asked = finder.query(query, kind, region, safe_search, time_range, site)

    def key(name: str) -> list[str]:
        return ["search", name, *(str(getattr(asked, part)) for part in asked.__slots__)]

    start, pinned = _goes_on(cursor, key, engine)
    found = await finder.find(asked, wanted=start + max_results, engine=pinned)
    return _answer(asked.text, found, start, max_results, max_chars, key(found.engine))


def _goes_on(cursor: str, key: Any, engine: str) -> tuple[int, str]:
    """Read where to go on and with whom: a list goes on with the engine that began it."""
    if not cursor:
        return 0, engine
    for name in (engine,) if engine else _ENGINES:
        try:
            return cursors.decode(cursor, key(name)), name
        except InvalidRequest as exc:
            refused = exc
    raise refused


def _answer(query: str, found: Found, start: int, count: int, max_chars: int, key: list[str]) -> SearchAnswer:
    failures = [{"engine": one.engine, "code": one.code, "reason": one.reason} for one in found.failures]
    rows = [_row(hit) for hit in found.hits[: start + count]]
    known = len(found.hits)

    def build(part: list[dict[str, Any]], total: int, following: str | None) -> SearchAnswer:
        if following is None and (found.more or known > total) and total:
            following = cursors.encode(total, key)
        return SearchAnswer(
            query=query,
            engine=found.engine,
            age_s=int(found.age_s),
            stale=found.stale,
            results=part,
            failures=failures,
            first=start + 1,
            next_cursor=following,
        )

    if start >= len(rows):
        return build([], 0, None)
    cursor = cursors.encode(start, key) if start else ""
    return paged(rows, build, limit=count, cursor=cursor, key=key, max_chars=max_chars)


def _row(hit: Hit) -> dict[str, Any]:
    row = {"title": hit.title, "url": hit.url, "snippet": hit.snippet}
    return row | {name: value for name in ("date", "source", "image", "duration") if (value := getattr(hit, name))}


SEARCH_TOOLS = (reads(search, "Search", open_world=True, deadline_s=60),)
