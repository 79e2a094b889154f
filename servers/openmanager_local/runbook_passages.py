"""The passages of shipped runbooks and of the user's own folder that fit a question, as rows of an answer."""

from __future__ import annotations

from openmanager_core.errors import FleetError
from openmanager_core.job import offload
from openmanager_core.knowledge import Hit, Runbook, filled, search
from openmanager_core.knowledge.passages import Found, snippet
from openmanager_core.text import visible
from openmanager_local.analyst import Analyst
from openmanager_local.answers.asking import PassageRow
from openmanager_local.words import failure_note

_LEAST_SCORE = 0.12
"""Below it one common word met by accident."""
_RISKS = ("low", "medium", "high")


async def passages(analyst: Analyst, query: str, korean: bool, most: int) -> tuple[list[PassageRow], str, list[str]]:
    """The passages that fit, best first, what was searched, and what was wrong with the user's folder."""
    hits = await offload(search, query, most)
    rows = [_shipped(h, korean) for h in hits if h.score >= _LEAST_SCORE]
    problems: list[str] = []
    searched = "shipped runbooks"
    if analyst.runbooks is not None:
        searched = "shipped runbooks and your folder"
        try:
            own = await offload(analyst.runbooks.search, query, most)
            rows += [_own(f) for f in own if f.score >= _LEAST_SCORE]
            problems = list(analyst.runbooks.problems)
        except FleetError as exc:
            problems = [failure_note(exc)]
    # what somebody wrote about their own servers stands before the general case
    rows.sort(key=lambda r: (-r.score - (0.05 if r.source != "shipped" else 0.0), r.id))
    return rows, searched, problems


def _shipped(hit: Hit, korean: bool) -> PassageRow:
    book: Runbook = hit.runbook
    words = {"target": "해당 서버" if korean else "the server", "selector": "", "prometheus": ""}
    return PassageRow(
        source="shipped",
        id=book.id,
        title=f"{book.title_ko} ({book.title})" if korean else book.title,
        score=hit.score,
        snippet=(book.why_ko if korean else book.why) or book.why,
        risk=max((s.risk for s in book.steps), key=_RISKS.index),
        causes=list((book.likely_ko if korean else book.likely) or book.likely),
        diagnose=list(book.diagnose),
        remedies=[
            filled(_generic(s.action_ko) if korean and s.action_ko else s.action, words)
            + (f" — {s.command}" if s.command else "")
            for s in book.steps
        ],
        verify=filled((book.steps[0].verify_ko if korean else "") or book.steps[0].verify, words),
    )


def _generic(action_ko: str) -> str:
    """A step without a place: "해당 서버" says "서버" already."""
    return action_ko.replace("$target 서버", "$target")


def _own(found: Found) -> PassageRow:
    return PassageRow(
        source=visible(found.source),
        id=visible(found.source),
        title=visible(found.title)[:200],
        score=found.score,
        snippet=visible(snippet(found.body, found.terms, 500)),
        risk="",
        causes=[],
        diagnose=[],
        remedies=[],
        verify="",
    )
