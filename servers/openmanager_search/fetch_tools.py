"""The tools that read pages: `fetch_content`, `fetch`, and `search_and_read`; with the prompt `fetch`."""

from __future__ import annotations

from typing import Annotated, Literal

import anyio
from mcp.server.mcpserver import Context
from mcp_types import CallToolResult
from pydantic import Field

from openmanager_core.errors import FleetError, NotFound, SourceUnavailable
from openmanager_core.text import quoted
from openmanager_kit.server import OpenManagerServer
from openmanager_kit.tools import Tool, reads
from openmanager_search.desk import Desk, TheDesk, the_desk
from openmanager_search.reading.document import Document
from openmanager_search.reading.finding import Hit
from openmanager_search.reading.reader import Reader
from openmanager_search.reading.showing import facts_of, fenced, listed, shown, window

MOST_CHARS = 999_999
_PAGE_S = 15.0
_PROMPT_CHARS = 100_000
_JOIN = "\n\n[...]\n\n"
_CURL = "backend curl (posing as a browser) does not exist here: read as what we are"

Url = Annotated[str, Field(description="http or https address")]
StartIndex = Annotated[int, Field(ge=0, description="Character to start at; the last answer says where to go on")]


async def fetch_content(
    desk: TheDesk,
    url: Url,
    start_index: StartIndex = 0,
    max_length: Annotated[int, Field(ge=1, le=MOST_CHARS, description="Most characters to return")] = 8000,
    section: Annotated[str, Field(max_length=500, description="Only the part under this heading")] = "",
    query: Annotated[str, Field(max_length=1000, description="Only the passages that answer this")] = "",
    parse_mode: Annotated[
        Literal["markdown", "main", "text"],
        Field(description="markdown: main content; main: the same as plain text; text: the whole page"),
    ] = "markdown",
    backend: Annotated[Literal["auto", "httpx", "curl"], Field(description="Leave as it is")] = "auto",
) -> CallToolResult:
    """Read a web page, PDF, JSON or text; of a long page a section, or the passages that answer a query."""
    document = await desk.read(url, mode=parse_mode)
    text, facts = document.text, [_CURL] if backend == "curl" else []
    if section:
        text, facts = await _section(desk.reader, document, section), [f"section {quoted(section, 80)}", *facts]
    if not text.strip():
        raise _empty(document)
    if query:
        part, found = await passages(desk.reader, text, query, max_length)
        return shown(part, facts_of(document, found, *facts))
    part, where = window(text, start_index, max_length, "the section" if section else "the page")
    return shown(part, facts_of(document, where, *facts))


async def fetch(
    desk: TheDesk,
    url: Url,
    max_length: Annotated[int, Field(ge=1, le=MOST_CHARS, description="Most characters to return")] = 5000,
    start_index: StartIndex = 0,
    raw: Annotated[bool, Field(description="The page as it was sent, not as Markdown")] = False,
) -> CallToolResult:
    """Fetch an address from the Internet, as Markdown unless raw."""
    document = await desk.reader.read(url, raw=raw)
    if not document.text.strip():
        raise _empty(document)
    part, where = window(document.text, start_index, max_length)
    return shown(part, facts_of(document, where))


async def search_and_read(
    desk: TheDesk,
    query: Annotated[str, Field(min_length=1, max_length=1000, description="What to look for")],
    max_pages: Annotated[int, Field(ge=1, le=8, description="How many of the first results to read")] = 3,
    max_length: Annotated[int, Field(ge=500, le=MOST_CHARS, description="Most characters of passages")] = 8000,
    region: Annotated[str, Field(max_length=20, description="Such as kr-kr; empty for any")] = "",
    time_range: Annotated[Literal["", "day", "week", "month", "year"], Field(description="How recent")] = "",
    site: Annotated[str, Field(max_length=253, description="Only from this domain")] = "",
) -> CallToolResult:
    """Search the web, read the first results at once, and return the passages that answer, with their addresses."""
    hits = await desk.finder.search(query, max_results=max_pages, region=region, time_range=time_range, site=site)
    chosen = list(hits.hits)[:max_pages]
    if not chosen:
        raise NotFound(f"{hits.engine} found nothing for {quoted(query, 100)}", hint="fewer or other words")
    outcomes: list[tuple[str, str]] = [("", "")] * len(chosen)
    share = max_length // len(chosen)

    async def one(number: int, hit: Hit) -> None:
        outcomes[number] = await _read_hit(desk, hit, query, share)

    async with anyio.create_task_group() as group:
        for number, hit in enumerate(chosen):
            group.start_soon(one, number, hit)
    if not any(text for text, _ in outcomes):
        raise SourceUnavailable(
            "none of the results could be read: " + "; ".join(fact for _, fact in outcomes),
            hint="search alone gives the engines' own extracts",
        )
    body = "\n\n".join(f"# Result {n}: {hit.url}\n\n{outcomes[n - 1][0]}" for n, hit in enumerate(chosen, 1)
                       if outcomes[n - 1][0])  # fmt: skip
    facts = [f"Found by {hits.engine}", *([hits.notes] if hits.notes else [])]
    facts += [f"{number}. {fact}" for number, (_, fact) in enumerate(outcomes, 1)]
    return shown(body, "[" + "\n".join(facts) + "]")


async def passages(reader: Reader, text: str, query: str, max_chars: int) -> tuple[str, str]:
    """Give the passages of a text that answer a query, joined, and in words what was found.

    Raises
    ------
    NotFound
        If none does.
    """
    found = await reader.passages(text, query, max_chars)
    if not found.found:
        raise NotFound(
            f"no passage of the page holds a word of query {quoted(query, 100)}",
            hint="other words, or an empty query to read from the start",
        )
    joined, starts = "", []
    for start, _, words in found.found:
        if joined and len(joined) + len(_JOIN) + len(words) > max_chars:
            break
        joined = f"{joined}{_JOIN}{words}" if joined else words
        starts.append(str(start))
    count = f"{len(starts)} of {found.matching} passages that match, from characters {', '.join(starts)}"
    return joined, f"{count} of {len(text)}"


async def _section(reader: Reader, document: Document, section: str) -> str:
    found = await reader.section(document.text, section)
    if isinstance(found, tuple):
        return document.text[found[0] : found[1]]
    raise NotFound(
        f"the page has no heading like section {quoted(section, 80)}",
        hint=f"one of {listed(found)}" if found else "no section: the page has no headings",
    )


def _empty(document: Document) -> NotFound:
    notes = "; ".join(document.notes)
    return NotFound(
        f"the page has no text{f' ({notes})' if notes else ''}", hint="fetch with raw=true, or another page"
    )


async def _read_hit(desk: Desk, hit: Hit, query: str, share: int) -> tuple[str, str]:
    """Read one result: its passages and what to say of it; the engine's extract if it can not be read."""
    try:
        with anyio.fail_after(_PAGE_S):
            document = await desk.read(hit.url)
            text, found = await passages(desk.reader, document.text, query, share)
            return text, facts_of(document, found)
    except TimeoutError:
        why = f"did not come within {_PAGE_S:g} s"
    except FleetError as exc:
        why = str(exc)
    snippet = hit.snippet.strip()
    said = f"{quoted(hit.url, 300)} was not read: {why}"
    return (f"(the engine's extract) {snippet[:share]}", said) if snippet else ("", said)


async def fetch_prompt(url: Annotated[str, Field(description="Address to fetch")], ctx: Context) -> str:
    """Fetch a URL and extract its contents as markdown"""
    # A person asked, so robots.txt is not consulted; and a person reads the failure.
    try:
        document = await the_desk(ctx).reader.read(url, by_user=True)
    except FleetError as exc:
        return f"The page could not be read. {exc}"
    part, where = window(document.text, 0, _PROMPT_CHARS)
    return f"{fenced(part)}\n{facts_of(document, where)}"


def add_prompts(server: OpenManagerServer) -> None:
    """Offer the prompt `fetch`."""
    server.prompt(name="fetch", title="Fetch a page")(fetch_prompt)


FETCH_TOOLS: tuple[Tool, ...] = (
    reads(fetch_content, "Read a page", open_world=True),
    reads(fetch, "Fetch an address", open_world=True),
    reads(search_and_read, "Search and read", open_world=True, deadline_s=45.0),
)
