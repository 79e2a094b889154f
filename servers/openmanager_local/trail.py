"""How an analysis came about: what was read, how much of it was there, by which method, against which thresholds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from openmanager_local.analyst import Analyst
from openmanager_local.survey import USUAL_SIGMA, Survey
from openmanager_local.words import span_text, status_text

if TYPE_CHECKING:
    from openmanager_core.findings import Cause

_MOST_CAUSES = 5


async def trail_of(analyst: Analyst, seen: Survey, *, min_sigma: float = USUAL_SIGMA) -> list[str]:
    """The steps of one look at the fleet, each in a sentence."""
    out = [f"source: {status_text(await analyst.status())}"]
    panels = seen.panels
    series = sum(len(p.hosts) for p in panels.values())
    out.append(
        f"data: {len(panels)} metrics, {series} series read whole over {span_text(seen.window)}; "
        f"{seen.screened_series} series screened"
    )
    if panels:
        out.append(f"coverage: {_coverage(seen):.1%} of the readings are there")
    out.append(f"method: {seen.method}; a finding needs {min_sigma:g} sigma, an incident {USUAL_SIGMA:g}")
    kinds: dict[str, int] = {}
    for f in seen.findings:
        kinds[f.kind] = kinds.get(f.kind, 0) + 1
    counted = ", ".join(f"{n} {kind}" for kind, n in sorted(kinds.items(), key=lambda row: -row[1]))
    strongest = f", the strongest with confidence {seen.findings[0].confidence:.2f}" if seen.findings else ""
    out.append(f"found: {len(seen.findings)} findings ({counted or 'none'}){strongest}")
    out.append(causes_considered(seen.causes))
    out.append(f"changes considered: {len(seen.changes)}; incidents they belong to: {len(seen.incidents)}")
    return out


def causes_considered(causes: tuple[Cause, ...]) -> str:
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


def _coverage(seen: Survey) -> float:
    import numpy as np

    there = sum(int(np.isfinite(p.values).sum()) for p in seen.panels.values())
    return there / max(1, sum(p.values.size for p in seen.panels.values()))
