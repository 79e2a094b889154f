"""What each analysis weighed and against which bounds, as facts from what it gave back."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from openmanager_core.facts import Fact, as_written, fact, fact_of

if TYPE_CHECKING:
    from openmanager_core.analysis.capacity import ClusterCapacity
    from openmanager_core.analysis.compare import WindowDifference
    from openmanager_core.analysis.correlation import CorrelationResult
    from openmanager_core.analysis.forecast import SeriesForecast
    from openmanager_core.analysis.patterns import Pattern
    from openmanager_core.findings import Finding, Recommendation
    from openmanager_core.fleet import Health
    from openmanager_core.panel import Panel
    from openmanager_core.storage.incident import Incident

_MOST_RULES = 8


def counted(words: Iterable[str]) -> tuple[tuple[str, int], ...]:
    """Each word and how often it comes, the most frequent first."""
    return tuple(Counter(words).most_common())


def _range(values: Sequence[float]) -> dict[str, float | None]:
    return {"low": min(values, default=None), "high": max(values, default=None)}


def forecast_steps(made: SeriesForecast, wanted: float | None) -> list[Fact]:
    """The method, what it was chosen over, the level watched, and how sure it is."""
    return [
        fact("trail.forecast", how=fact_of(made.method), season_s=made.season_s),
        *(fact("trail.considered", what=fact_of(text)) for text in made.considered),
        fact("trail.threshold", level=made.threshold, usual=made.threshold is not None and not wanted),
        fact("trail.confidence", value=made.confidence),
    ]


def capacity_steps(rows: Sequence[ClusterCapacity], limits: Mapping[str, float]) -> list[Fact]:
    """How each resource was forecast, the limits, and how sure that is."""
    ways = Counter(row.method for row in rows)
    far = ways.pop("", 0)
    ending = sum(row.exhausted_at_s is not None for row in rows)
    may = sum(row.exhausted_at_s is None and row.earliest_s is not None for row in rows)
    clusters = len({row.cluster for row in rows})
    return [
        fact("trail.resources", resources=len(rows), clusters=clusters, metrics=counted(row.metric for row in rows)),
        fact("trail.ways", ways=tuple((fact_of(way), n) for way, n in ways.most_common()), far=far),
        fact("trail.limits", limits=tuple(limits.items())),
        fact("trail.exhaustion", ending=ending, may=may),
        fact("trail.confidences", **_range([row.confidence for row in rows])),
    ]


def pattern_steps(panel: Panel | None, found: Sequence[Pattern]) -> list[Fact]:
    """Which kinds were looked for in how many series, and what was found."""
    from openmanager_core.analysis import patterns

    series = len(panel.hosts) if panel is not None else 0
    short = patterns.passed_over(panel) if panel is not None else 0
    return [
        fact("trail.pattern_kinds", kinds=patterns.PATTERN_KINDS, looked=series - short, series=series),
        fact("trail.pattern_bounds", readings=patterns.MIN_INSTANTS, short=short, p=patterns.MOST_P),
        fact("trail.patterns", kinds=counted(p.kind for p in found), series=len({p.host for p in found})),
        fact("trail.confidences", **_range([p.confidence for p in found])),
    ]


def correlation_steps(result: CorrelationResult, min_abs_r: float, q: float) -> list[Fact]:
    """How many pairs and lags were tried, and what the corrections left."""
    tried, q_values = result.tried, [p.q_value for p in result.pairs]
    return [
        fact(
            "trail.correlation", lags=tried.lags, pairs=result.tested_pairs, series=tried.series,
            instants=tried.instants,
        ),
        fact("trail.correlation_bounds", least=min_abs_r, rate=q),
        fact(
            "trail.pairs", reached=tried.reached, least=min_abs_r, median=tried.median_n_effective,
            significant=tried.significant,
        ),
        fact("trail.pair_q", **_range(q_values)) if q_values else fact("trail.no_pair"),
    ]  # fmt: skip


def difference_steps(differences: Sequence[WindowDifference], series: int, q: float) -> list[Fact]:
    """How many series were tested and what came closest without being called changed."""
    changed = [d for d in differences if d.changed]
    rest = [d for d in differences if not d.changed]
    next_best = min(rest, key=lambda d: (d.q_value, -abs(d.effect_sigma)), default=None)
    return [
        fact("trail.difference", tested=len(differences), left_out=series - len(differences)),
        fact("trail.difference_bounds", rate=q),
        fact("trail.changed", changed=len(changed), metrics=counted(d.metric for d in changed)),
        fact("trail.all_changed")
        if next_best is None
        else fact(
            "trail.nearest", metric=next_best.metric, host=next_best.host, sigma=next_best.effect_sigma,
            q=next_best.q_value,
        ),
        fact("trail.changed_q", high=max(d.q_value for d in changed)) if changed else fact("trail.none_changed"),
    ]  # fmt: skip


def action_steps(actions: Sequence[Recommendation], shown: int, findings: int, sick: int) -> list[Fact]:
    """What the actions were made from, and what they risk."""
    risks = counted(a.risk for a in actions)
    return [
        fact("trail.actions", findings=findings, sick=sick, actions=len(actions), risks=risks, shown=shown),
    ]


def health_steps(health: Mapping[str, Health], metrics: Sequence[str], now_s: float) -> list[Fact]:
    """From what, how and with which result health was scored."""
    from openmanager_core.analysis.health import RULES

    used = tuple(name for name in metrics if name in RULES)
    known = sum(h.status != "unknown" for h in health.values())
    return [
        fact("trail.newest_minute", metrics=len(metrics), at_s=now_s),
        fact("trail.judged", known=known, servers=len(health)),
        fact("trail.rules", rules=len(used), metrics=used[:_MOST_RULES], more=len(used) > _MOST_RULES),
        fact("trail.statuses", statuses=counted(h.status for h in health.values())),
    ]


def incident_steps(incident: Incident, findings: Sequence[Finding], actions: Sequence[Recommendation]) -> list[Fact]:
    """What the record holds and how its findings were found."""
    how = {f.evidence.method: f.evidence.how or as_written(f.evidence.method) for f in findings}
    ways = tuple((how[method], n) for method, n in counted(f.evidence.method for f in findings))
    of_findings = fact("trail.range", **_range([f.confidence for f in findings]))
    of_causes = fact("trail.range", **_range([c.confidence for c in incident.causes]))
    return [
        fact(
            "trail.record", id=incident.id, findings=len(findings), causes=len(incident.causes),
            opened_s=incident.opened_s, updated_s=incident.updated_s,
        ),
        fact("trail.record_methods", ways=ways),
        fact("trail.record_confidences", findings=of_findings, causes=of_causes),
        fact("trail.record_actions", actions=len(actions)),
    ]  # fmt: skip
