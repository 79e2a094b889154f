"""How an answer came about: the engine, the data and how much of it was there, then the steps of the analysis.

Every line is a fact from what the analysis did or gave back, and is written in English with that fact, so that a Korean
answer can say it in Korean. The last one says whether the answer was made for the call; whoever gives it to somebody
else puts the truth in its place (`openmanager_kit.freshness`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from openmanager_core.facts import Fact, Sentence, fact, fact_of
from openmanager_core.text import visible
from openmanager_core.wording import Language, said, said_in
from openmanager_kit.freshness import MADE, MADE_IN
from openmanager_local.analyst import Analyst, Readings
from openmanager_local.survey import USUAL_SIGMA, Survey
from openmanager_local.trail_steps import counted

if TYPE_CHECKING:
    from openmanager_core.findings import Cause
    from openmanager_core.panel import Window

_MOST_CAUSES = 5
_MOST_METRICS = 4
_MOST_LINES = 16
_LONGEST = 320
_MISSED = 0.005
"""How far below the mean a metric's coverage is told of its own."""


async def trail(analyst: Analyst, steps: Sequence[Fact], *looks: tuple[Window, Readings]) -> list[str]:
    """The engine, each look at the data, the analysis' own steps and the cache, each in a line of bounded length."""
    lines = [await engine_line(analyst)]
    for window, readings in looks:
        lines += data_lines(window, readings)
    told = (Sentence(line_in(line, "en"), line) for line in [*lines, *steps][: _MOST_LINES - 1])
    return [*told, MADE]


def lines_in(trail: Sequence[str], language: Language) -> list[str]:
    """The lines in a language, each of bounded length."""
    return [MADE_IN[language] if line == MADE else _short(said_in(line, language)) for line in trail]


def line_in(what: Fact, language: Language) -> str:
    """One line in a language, of bounded length."""
    return _short(said(what, language))


def _short(line: str) -> str:
    text = visible(line)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."


async def engine_line(analyst: Analyst) -> Fact:
    """Which source answered, how it is, its breaker, and how old the inventory is."""
    status = await analyst.status()
    known = analyst.known_inventory()  # asking for it anew could fail, and would not be what the answer stands on
    return fact(
        "trail.engine", kind=status.kind, state=status.state, breaker=status.breaker, newest_s=status.newest_s,
        detail=fact_of(status.detail) if status.detail else None, servers=known and known[0], age_s=known and known[1],
    )  # fmt: skip


def data_lines(window: Window, readings: Readings) -> list[Fact]:
    """What was read, and how much of it the source had."""
    import numpy as np

    span = {"start_s": window.start_s, "end_s": window.end_s, "step_s": window.step_s}
    panels = readings.panels
    series = sum(len(p.hosts) for p in panels.values())
    if not series:
        return [fact("trail.no_data", **span)]
    cells = {name: p.values.size for name, p in panels.items()}
    there = {name: readings.present_ratio.get(name, 0.0) * cells[name] for name in panels}
    total = sum(cells.values())
    share = sum(there.values()) / max(1, total)
    bridged = round(sum(int(np.isfinite(p.values).sum()) for p in panels.values()) - sum(there.values()))
    worst = min(panels, key=lambda name: readings.present_ratio.get(name, 0.0))
    least = readings.present_ratio.get(worst, 0.0)
    apart = len(panels) > 1 and least < share - _MISSED
    some = tuple(panels)[:_MOST_METRICS]
    return [
        fact("trail.data", metrics=some, more=len(panels) - len(some), series=series, **span),
        fact(
            "trail.coverage", share=share, readings=total, worst=worst if apart else "", worst_share=least,
            bridged=max(0, bridged),
        ),
    ]  # fmt: skip


async def trail_of(
    analyst: Analyst, seen: Survey, *, min_sigma: float = USUAL_SIGMA, steps: Sequence[Fact] = ()
) -> list[str]:
    """The trail of one look at the fleet, and of what was made of it."""
    return await trail(analyst, [*survey_steps(seen, min_sigma), *steps], (seen.window, seen.readings))


def survey_steps(seen: Survey, min_sigma: float) -> list[Fact]:
    """How the look was taken, what it found, how chance was judged, and what was considered as a cause."""
    out = [
        fact("trail.screened", series=seen.screened_series, how=fact_of(seen.method)),
        fact("trail.thresholds", least=min_sigma, incident=USUAL_SIGMA),
    ]
    if seen.co_movements is not None:
        out.append(fact("trail.co_movement", count=seen.co_movements))
    strongest = seen.findings[0].confidence if seen.findings else None
    kinds = counted(f.kind for f in seen.findings)
    out.append(fact("trail.found", findings=len(seen.findings), kinds=kinds, confidence=strongest))
    out.append(chance_line(seen))
    out.append(causes_considered(seen.causes))
    out.append(fact("trail.changes", changes=len(seen.changes), incidents=len(seen.incidents)))
    return out


def chance_line(seen: Survey) -> Fact:
    """How chance was judged: the tests, what their tails stand on, and what chance alone shows."""
    chance = seen.chance
    least = min((q for q in chance.q_values if q is not None), default=1.0)
    return fact(
        "trail.chance", events=chance.events, tests=chance.tests, calm_series=chance.calm_series, above=chance.above,
        least=least, expected=chance.expected, beyond=bool(chance.beyond),
    )  # fmt: skip


def causes_considered(causes: Sequence[Cause]) -> Fact:
    """The candidates with their scores, so that the runner-up can be judged."""
    parts = tuple(
        fact("trail.cause", kind=c.kind, level=c.level, node=c.node, score=c.score, confidence=c.confidence)
        for c in causes[:_MOST_CAUSES]
    )
    return fact("trail.causes", parts=parts, more=len(causes) - len(parts))
