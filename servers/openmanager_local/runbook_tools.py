"""Use case of looking up what to do: the shipped runbooks and the user's own folder of Markdown."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from openmanager_core.errors import InvalidRequest
from openmanager_kit.answers import paged
from openmanager_local.answers.asking import RunbooksAnswer
from openmanager_local.parameters import Bench, Cursor, Limit, MaxChars

Spoken = Literal["auto", "en", "ko"]
_MOST_QUERY = 500
_MOST_HITS = 50


async def search_runbooks(
    analyst: Bench,
    query: Annotated[str, Field(description="Symptom or problem")],
    language: Annotated[Spoken, Field(description="Of the answer")] = "auto",
    limit: Limit = 5,
    cursor: Cursor = "",
    max_chars: MaxChars = 10_000,
) -> RunbooksAnswer:
    """Runbooks for a problem, shipped and your own: causes, diagnosis, remedies, risk."""
    from openmanager_core.knowledge.asking.hangul import language_of
    from openmanager_core.knowledge.terms import terms
    from openmanager_local.runbook_passages import passages

    if len(query) > _MOST_QUERY:
        raise InvalidRequest(f"query must be at most {_MOST_QUERY} characters, got {len(query)}", hint="a few words")
    if not terms(query):
        raise InvalidRequest("query holds no word to search for", hint="words such as 'memory leak' or '디스크'")
    spoken = language_of(query) if language == "auto" else language
    rows, searched, problems = await passages(analyst, query, spoken == "ko", _MOST_HITS)
    return paged(
        rows,
        lambda part, total, after: RunbooksAnswer(
            query=query,
            searched=searched,
            total=total,
            runbooks=part,
            explanation=""
            if part
            else "No word of the query occurs in any runbook. Try: a symptom, such as 'disk full'.",
            problems=problems,
            next_cursor=after,
        ),
        limit=limit,
        cursor=cursor,
        max_chars=max_chars,
        key=f"search_runbooks|{query}|{language}",
    )
