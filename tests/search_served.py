"""A search server over played engines, and the answers those give when all is well."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import quote

from engines_played import Played, Request, Response, json_of
from mcp.client import Client
from mcp_types import CallToolResult, TextContent

from openmanager_kit.registry import ServerSettings
from openmanager_kit.server import OpenManagerServer
from openmanager_search.server import Section, build


def server(home: Path, stage: Played | None = None, /, **section: Any) -> OpenManagerServer:
    """Our server, its engines sent to the players."""
    if stage is not None:
        section = {"proxy": stage.proxy, "ca_file": stage.ca_file, "engine_timeout_s": 2, **section}
    return build(ServerSettings(name="search", home=home, section=Section.model_validate(section)))


async def ask(client: Client, query: str, **arguments: Any) -> tuple[str, dict[str, Any], bool]:
    """Search: the text, the fields, and whether it was an error."""
    result = await client.call_tool("search", {"query": query, **arguments})
    assert isinstance(result, CallToolResult)
    text = "\n".join(block.text for block in result.content if isinstance(block, TextContent))
    return text, result.structured_content or {}, bool(result.is_error)


def addresses(fields: dict[str, Any]) -> list[str]:
    """The addresses of the results."""
    return [result["url"] for result in fields["results"]]


def ddg_page(rows: list[tuple[str, str, str]]) -> str:
    """A page of DuckDuckGo's HTML version: title, address and summary of each result, and an advertisement."""
    advertisement = ("Buy now", "https://duckduckgo.com/y.js?ad_domain=shop.example", "An advertisement")
    results = "".join(
        '<div class="result results_links results_links_deep web-result">'
        '<div class="links_main links_deep result__body">'
        f'<h2 class="result__title"><a rel="nofollow" class="result__a" href="{_wrapped(url)}">{title}</a></h2>'
        f'<a class="result__snippet" href="{_wrapped(url)}">{snippet}</a></div></div>'
        for title, url, snippet in (advertisement, *rows)
    )
    return f'<html><body><div id="links" class="results">{results}</div></body></html>'


def _wrapped(url: str) -> str:
    return url if "y.js" in url else f"//duckduckgo.com/l/?uddg={quote(url, safe='')}&amp;rut=0123456789abcdef"


DDG_NOTHING = (
    '<html><body><div id="links" class="results"><div class="no-results">No results.</div></div></body></html>'
)
DDG_PUZZLE = (
    '<html><body><form id="challenge-form" action="//duckduckgo.com/anomaly.js?sv=html" method="POST">'
    '<div class="anomaly-modal__title">Unfortunately, bots use DuckDuckGo too.</div></form></body></html>'
)


def ddg_ten_each(request: Request) -> Response:
    """Ten results on the first page, fifteen on the others, three pages in all."""
    start = int(request.fields.get("s", "0"))
    count = 15 if start else 10
    if start >= 40:
        return Response(DDG_NOTHING)
    rows = [
        (f"Title {n}", f"https://www.example.org/page/{n}?utm_source=x", f"About {request.fields['q']} {n}")
        for n in range(start, start + count)
    ]
    return Response(ddg_page(rows))


def ddg_media(rows: list[dict[str, Any]]) -> Any:
    """DuckDuckGo's two steps for news, pictures and videos: a token in a page, then JSON."""

    def play(request: Request) -> Response:
        if request.path in ("", "/"):
            return Response('<html><script>vqd="4-12345678901234567890";</script></html>')
        assert request.fields["vqd"] == "4-12345678901234567890"
        return json_of({"results": rows})

    return play


def searx_rows(count: int = 3, **more: Any) -> dict[str, Any]:
    """What SearXNG's JSON interface documents."""
    rows = [
        {
            "url": f"https://searched.example/{n}",
            "title": f"Found {n}",
            "content": f"Summary {n}",
            "engine": "wiki",
            "engines": ["wiki"],
            "score": 1.0,
            "category": "general",
            "publishedDate": None,
        }
        for n in range(count)
    ]
    return {"query": "q", "number_of_results": 0, "results": rows, "answers": [], "unresponsive_engines": [], **more}


def brave_rows(count: int = 3, more: bool = True) -> dict[str, Any]:
    """What Brave's web search documents."""
    rows = [
        {
            "type": "search_result",
            "title": f"Brave <strong>{n}</strong>",
            "url": f"https://brave-found.example/{n}",
            "description": f"About <strong>it</strong> &amp; {n}",
            "page_age": "2026-11-01T10:00:00",
            "profile": {"name": "Found Example"},
        }
        for n in range(count)
    ]
    return {
        "type": "search",
        "query": {"original": "q", "more_results_available": more},
        "web": {"type": "search", "results": rows},
    }
