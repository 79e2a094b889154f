"""What each analysis weighed and against which bounds, told from what it gave back."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from openmanager_core.text import ident
from openmanager_core.timespan import iso

if TYPE_CHECKING:
    from openmanager_core.analysis.capacity import ClusterCapacity
    from openmanager_core.analysis.compare import WindowDifference
    from openmanager_core.analysis.correlation import CorrelationResult
    from openmanager_core.analysis.forecast import SeriesForecast
    from openmanager_core.analysis.patterns import Pattern
    from openmanager_core.findings import Cause, Finding, Recommendation
    from openmanager_core.fleet import Health
    from openmanager_core.panel import Panel
    from openmanager_core.storage.incident import Incident


def counted(words: Iterable[str]) -> str:
    """``3 leak, 1 trend``, the most frequent first; ``none`` if there is none."""
    return ", ".join(f"{n} {word}" for word, n in Counter(words).most_common()) or "none"


def _span(values: Sequence[float]) -> str:
    return f"{min(values):.2f} to {max(values):.2f}" if values else "none"


def forecast_steps(made: SeriesForecast, wanted: float | None) -> list[str]:
    """The method, what it was chosen over, the level watched, and how sure it is."""
    level = "none" if made.threshold is None else f"{made.threshold:g}"
    if made.threshold is not None and not wanted:
        level += ", the usual one of the metric"
    return [
        f"method: {made.method}; {'season ' + f'{made.season_s:g} s' if made.season_s else 'no season found'}",
        *(f"considered: {text}" for text in made.considered),
        f"threshold: {level}; 80 % interval",
        f"confidence: {made.confidence:.2f}",
    ]


def capacity_steps(rows: Sequence[ClusterCapacity], limits: Mapping[str, float]) -> list[str]:
    """How each resource was forecast, the limits, and how sure that is."""
    ways = Counter(row.method for row in rows)
    far = ways.pop("", 0)
    methods = ", ".join(f"{n} by {way}" for way, n in ways.most_common()) or "none"
    ending = sum(row.exhausted_at_s is not None for row in rows)
    may = sum(row.exhausted_at_s is None and row.earliest_s is not None for row in rows)
    return [
        f"considered: {len(rows)} resources of {len({row.cluster for row in rows})} clusters "
        f"({counted(row.metric for row in rows)})",
        f"method: {methods}; {far} not forecast, as they are far from their limit or have too few readings",
        f"thresholds: {', '.join(f'{name} {limit:g}' for name, limit in limits.items())}",
        f"found: {ending} reach their limit within the horizon, {may} more at the edge of the 80 % interval",
        f"confidence: {_span([row.confidence for row in rows])}",
    ]


def pattern_steps(panel: Panel | None, found: Sequence[Pattern]) -> list[str]:
    """Which kinds were looked for in how many series, and what was found."""
    from openmanager_core.analysis import patterns

    series = len(panel.hosts) if panel is not None else 0
    missing = patterns.passed_over(panel) if panel is not None else 0
    return [
        f"method: {', '.join(patterns.PATTERN_KINDS)} looked for in {series - missing} of {series} series",
        f"thresholds: {patterns.MIN_INSTANTS} readings and half of the window at least ({missing} series have "
        f"less); a drift needs p {patterns.MOST_P:g}",
        f"found: {counted(p.kind for p in found)} in {len({p.host for p in found})} series",
        f"confidence: {_span([p.confidence for p in found])}",
    ]


def correlation_steps(result: CorrelationResult, min_abs_r: float, q: float) -> list[str]:
    """How many pairs and lags were tried, and what the corrections left."""
    tried = result.tried
    return [
        f"method: Pearson's r at {tried.lags} lags of {result.tested_pairs} pairs of {tried.series} series over "
        f"{tried.instants} common instants; effective readings, Bonferroni over lags, Benjamini-Hochberg over pairs",
        f"thresholds: |r| {min_abs_r:g}, false-discovery rate {q:g}",
        f"considered: {tried.reached} pairs reach |r| {min_abs_r:g}, the median one worth "
        f"{tried.median_n_effective:.0f} independent readings; {tried.significant} are significant",
        f"confidence: q from {min(p.q_value for p in result.pairs):.2g} to {max(p.q_value for p in result.pairs):.2g}"
        if result.pairs
        else "confidence: no pair is significant",
    ]


def difference_steps(differences: Sequence[WindowDifference], series: int, q: float) -> list[str]:
    """How many series were tested and what came closest without being called changed."""
    changed = [d for d in differences if d.changed]
    rest = [d for d in differences if not d.changed]
    next_best = min(rest, key=lambda d: (d.q_value, -abs(d.effect_sigma)), default=None)
    return [
        f"method: Hodges-Lehmann shift, Mann-Whitney test corrected for autocorrelation, Benjamini-Hochberg over "
        f"{len(differences)} series tested; {series - len(differences)} left out for too few readings",
        f"thresholds: false-discovery rate {q:g}, and a change worth a thought for the metric",
        f"found: {len(changed)} changed ({counted(d.metric for d in changed)})",
        "considered: every series tested changed"
        if next_best is None
        else f"considered: the nearest not called changed is {next_best.metric} on {ident(next_best.host)}, "
        f"{next_best.effect_sigma:.1f} sigma at q {next_best.q_value:.2g}",
        f"confidence: q up to {max(d.q_value for d in changed):.2g}"
        if changed
        else "confidence: nothing to be sure of",
    ]


def action_steps(actions: Sequence[Recommendation], shown: int, findings: int, sick: int) -> list[str]:
    """What the actions were made from, and what they risk."""
    return [
        f"recommended: from the causes above, {findings} findings and {sick} critical or silent servers; "
        f"{len(actions)} actions ({counted(a.risk + ' risk' for a in actions)}), {shown} concern what was asked",
    ]


def health_steps(health: Mapping[str, Health], metrics: Sequence[str], now_s: float) -> list[str]:
    """From what, how and with which result health was scored."""
    from openmanager_core.analysis.health import RULES

    used = [name for name in metrics if name in RULES]
    named = ", ".join(used[:8]) + (" and more" if len(used) > 8 else "")
    known = sum(h.status != "unknown" for h in health.values())
    return [
        f"data: the newest minute of {len(metrics)} metrics, to {iso(now_s)}",
        f"coverage: {known} of {len(health)} servers have a reading that health is judged by",
        f"method: 100 less the points of {len(used)} rules ({named})",
        f"found: {counted(h.status for h in health.values())}",
    ]


def incident_steps(incident: Incident, findings: Sequence[Finding], actions: Sequence[Recommendation]) -> list[str]:
    """What the record holds and how its findings were found."""
    causes: Sequence[Cause] = incident.causes
    return [
        f"data: the Ledger's record of {incident.id}: {len(findings)} findings, {len(causes)} causes, "
        f"opened {iso(incident.opened_s)}, last changed {iso(incident.updated_s)}",
        f"method: findings by {counted(f.evidence.method for f in findings)}",
        f"confidence: findings {_span([f.confidence for f in findings])}, "
        f"causes {_span([c.confidence for c in causes])}",
        f"recommended: {len(actions)} actions from the recorded findings and causes",
    ]
