"""How an answer came about: the engine, the data and how much of it was there, then the steps of the analysis.

Every line is written from what the analysis did or gave back. The last one says whether the answer was made for the
call; whoever gives it to somebody else puts the truth in its place (`openmanager_kit.freshness`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from openmanager_core.text import visible
from openmanager_core.timespan import iso
from openmanager_kit.freshness import MADE
from openmanager_local.analyst import Analyst, Readings
from openmanager_local.survey import USUAL_SIGMA, Survey
from openmanager_local.words import span_text

if TYPE_CHECKING:
    from openmanager_core.findings import Cause
    from openmanager_core.panel import Window

_MOST_CAUSES = 5
_MOST_LINES = 16
_LONGEST = 320


async def trail(analyst: Analyst, steps: Sequence[str], *looks: tuple[Window, Readings]) -> list[str]:
    """The engine, each look at the data, the analysis' own steps and the cache, each in a line of bounded length."""
    lines = [await engine_line(analyst)]
    for window, readings in looks:
        lines += data_lines(window, readings)
    return [*(_short(line) for line in [*lines, *steps][: _MOST_LINES - 1]), MADE]


def _short(line: str) -> str:
    text = visible(line)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."


async def engine_line(analyst: Analyst) -> str:
    """Which source answered, how it is, its breaker, and how old the inventory is."""
    status = await analyst.status()
    known = analyst.known_inventory()  # asking for it anew could fail, and would not be what the answer stands on
    inventory = "" if known is None else f"; inventory of {known[0]} servers, {known[1]:.0f} s old"
    newest = "no readings yet" if status.newest_s is None else f"newest reading {iso(status.newest_s)}"
    detail = f" ({visible(status.detail)[:120]})" if status.detail else ""
    return f"engine: {status.kind} {status.state}, breaker {status.breaker}, {newest}{detail}{inventory}"


def data_lines(window: Window, readings: Readings) -> list[str]:
    """What was read, and how much of it the source had."""
    import numpy as np

    panels = readings.panels
    series = sum(len(p.hosts) for p in panels.values())
    if not series:
        return [f"data: no series over {span_text(window)}"]
    named = ", ".join(list(panels)[:4]) + (f" and {len(panels) - 4} more metrics" if len(panels) > 4 else "")
    cells = {name: p.values.size for name, p in panels.items()}
    there = {name: readings.present_ratio.get(name, 0.0) * cells[name] for name in panels}
    total = sum(cells.values())
    bridged = round(sum(int(np.isfinite(p.values).sum()) for p in panels.values()) - sum(there.values()))
    worst = min(panels, key=lambda name: readings.present_ratio.get(name, 0.0))
    coverage = f"coverage: {sum(there.values()) / max(1, total):.1%} of {total} readings are there"
    if len(panels) > 1 and readings.present_ratio.get(worst, 0.0) < sum(there.values()) / max(1, total) - 0.005:
        coverage += f", of {worst} {readings.present_ratio.get(worst, 0.0):.1%}"
    if bridged > 0:
        coverage += f"; {bridged} in short gaps were bridged by a straight line"
    return [f"data: {named}; {series} series read over {span_text(window)}", coverage]


async def trail_of(
    analyst: Analyst, seen: Survey, *, min_sigma: float = USUAL_SIGMA, steps: Sequence[str] = ()
) -> list[str]:
    """The trail of one look at the fleet, and of what was made of it."""
    out = [
        f"screened: {seen.screened_series} series by {seen.method}",
        f"thresholds: a finding needs {min_sigma:g} sigma, an incident {USUAL_SIGMA:g}",
    ]
    if seen.co_movements is not None:
        out.append(
            f"co-movement: {seen.co_movements} servers with their peers and pairs of metrics moved together before; "
            "Fisher's z of the newest quarter to half of the window against the rest"
        )
    kinds: dict[str, int] = {}
    for f in seen.findings:
        kinds[f.kind] = kinds.get(f.kind, 0) + 1
    counted = ", ".join(f"{n} {kind}" for kind, n in sorted(kinds.items(), key=lambda row: -row[1]))
    strongest = f", the strongest with confidence {seen.findings[0].confidence:.2f}" if seen.findings else ""
    out.append(f"found: {len(seen.findings)} findings ({counted or 'none'}){strongest}")
    out.append(chance_line(seen))
    out.append(causes_considered(seen.causes))
    out.append(f"changes considered: {len(seen.changes)}; incidents they belong to: {len(seen.incidents)}")
    return await trail(analyst, [*out, *steps], (seen.window, seen.readings))


def chance_line(seen: Survey) -> str:
    """How chance was judged: the tests, what their tails stand on, and what chance alone shows."""
    chance = seen.chance
    least = min((q for q in chance.q_values if q is not None), default=1.0)
    return (
        f"chance: {chance.events} events in {chance.tests} series tested, tails of {chance.calm_series:,} calm "
        f"simulated series, Benjamini-Hochberg; {chance.above} findings at q 5 % or less, smallest q {least:.2g}; a "
        f"calm fleet shows about {chance.expected:.2g} events"
        + ("; beyond what calm series showed the tail is extrapolated" * chance.beyond)
    )


def causes_considered(causes: Sequence[Cause]) -> str:
    """The candidates with their scores, so that the runner-up can be judged."""
    if not causes:
        return "causes considered: none points at one place"
    shown = "; ".join(
        f"{c.kind} at {c.level} {c.node!r} score {c.score:.2f} confidence {c.confidence:.2f}"
        for c in causes[:_MOST_CAUSES]
    )
    return f"causes considered: {shown}" + (
        f"; and {len(causes) - _MOST_CAUSES} more" if len(causes) > _MOST_CAUSES else ""
    )
