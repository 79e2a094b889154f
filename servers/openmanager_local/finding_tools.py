"""Use cases about what is odd: anomalies, patterns, correlation, root cause, before and after."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from openmanager_core import catalog
from openmanager_core.errors import InvalidRequest
from openmanager_core.findings import SEVERITIES, Finding
from openmanager_core.job import checkpoint, offload, part
from openmanager_core.operations_log import LONGEST_LINE, changes_of
from openmanager_core.text import ident
from openmanager_core.timespan import iso, parse_duration
from openmanager_core.wording import said_in, sentence
from openmanager_kit.answers import paged
from openmanager_local.analyst import Analyst
from openmanager_local.answers.common import cause_row, finding_row, short
from openmanager_local.answers.findings import (
    AnomaliesAnswer,
    CorrelationsAnswer,
    DifferenceRow,
    DifferencesAnswer,
    PairRow,
    PatternRow,
    PatternsAnswer,
    RootCauseAnswer,
)
from openmanager_local.parameters import (
    Bench,
    Cluster,
    Cursor,
    End,
    Explain,
    Limit,
    MaxChars,
    MetricName,
    Metrics,
    Servers,
    Sigma,
    Start,
    TypeName,
)
from openmanager_local.survey import survey
from openmanager_local.trail import trail, trail_of
from openmanager_local.trail_steps import correlation_steps, difference_steps, pattern_steps
from openmanager_local.words import chance_text, change_text, span_text

if TYPE_CHECKING:
    from openmanager_core.analysis.compare import WindowDifference

_Q = 0.05
"""False-discovery rate of correlations."""
_LEVELS = {name: rank for rank, name in enumerate(SEVERITIES)}


async def scope(analyst: Analyst, servers: list[str], cluster: str = "", type: str = "") -> list[str] | None:
    """Ids of the servers that are meant; None for all of them."""
    if not (servers or cluster or type):
        return None
    return [s.id for s in (await analyst.fleet()).select(servers=servers, cluster=cluster, type=type)]


async def find_anomalies(
    analyst: Bench,
    metrics: Metrics = [],  # noqa: B006
    servers: Servers = [],  # noqa: B006
    cluster: Cluster = "",
    type: TypeName = "",
    start: Start = "now-1h",
    end: End = "now",
    min_sigma: Sigma = 4.0,
    severity: Annotated[Literal["info", "warning", "critical"], Field(description="Least severity")] = "info",
    explain: Explain = False,
    limit: Limit = 20,
    cursor: Cursor = "",
    max_chars: MaxChars = 10_000,
) -> AnomaliesAnswer:
    """Servers and metrics that left their own past or their peers, with evidence, strongest first."""
    from openmanager_core.analysis.rarity import bound

    window = await analyst.window(start, end)
    hosts = await scope(analyst, servers, cluster, type)
    seen = await survey(analyst, window, hosts=hosts, metrics=metrics, min_sigma=min_sigma, co_movement=True)
    found = [f for f in seen.findings if _LEVELS[f.severity] >= _LEVELS[severity] and f.score_sigma >= min_sigma]
    q_values = seen.q_values()
    told = bound([q_values[f.id] for f in found], seen.chance) if found else None
    quiet = sum(f.score_sigma < min_sigma for f in seen.findings)
    problems = list(seen.problems)
    if quiet:
        problems.append(sentence("problem.quieted", count=quiet, sigma=min_sigma))
    of_page = {f.id for f in found}
    belonging = [f"{i.id}: {i.title} ({i.state})" for i in seen.incidents if of_page & set(i.finding_ids)]
    shown = await trail_of(analyst, seen, min_sigma=min_sigma) if explain else []
    return paged(
        found,
        lambda part, total, after: AnomaliesAnswer(
            window=span_text(window),
            screened_series=seen.screened_series,
            method=seen.method,
            total=total,
            chance=chance_text(told),
            anomalies=[finding_row(f, q_values) for f in part],
            explanation="" if part else _why_no_anomaly(seen.screened_series, min_sigma, severity),
            incidents=belonging[:5],
            problems=problems[:10],
            trail=shown,
            next_cursor=after,
        ).telling(
            window=lambda language: span_text(window, language),
            chance=lambda language: chance_text(told, language),
            method=lambda language: said_in(seen.method, language),
        ),
        limit=limit,
        cursor=cursor,
        max_chars=max_chars,
        key=f"find_anomalies|{metrics}|{servers}|{cluster}|{type}|{start}|{end}|{min_sigma}|{severity}",
    )


def _why_no_anomaly(series: int, min_sigma: float, severity: str) -> str:
    if not series:
        return "No series has readings in this window. Try: a window that the source covers, or list_metrics."
    least = "" if severity == "info" else f" of at least severity {severity}"
    return (
        f"None of {series} series has a finding{least} of {min_sigma:g} sigma or more. "
        "Try: a lower min_sigma, a longer window, or find_patterns for what repeats."
    )


async def find_patterns(
    analyst: Bench,
    metric: MetricName = "cpu_busy_ratio",
    servers: Servers = [],  # noqa: B006
    cluster: Cluster = "",
    start: Start = "now-24h",
    end: End = "now",
    explain: Explain = False,
    limit: Limit = 20,
    cursor: Cursor = "",
    max_chars: MaxChars = 10_000,
) -> PatternsAnswer:
    """Seasons with their period, trends, leaks, regime switches, odd shapes and recurring spikes of one metric."""
    from openmanager_core.analysis.patterns import find_patterns as find

    await analyst.metrics([metric])
    window = await analyst.window(start, end, points=720)
    with part(0.0, 0.2):
        readings = await analyst.read_all([metric], window, await scope(analyst, servers, cluster))
    panel = readings.panels.get(metric)
    with part(0.2, 1.0):
        patterns = await offload(find, panel, await analyst.fleet()) if panel is not None else []
    shown = await trail(analyst, pattern_steps(panel, patterns), (window, readings)) if explain else []
    return paged(
        patterns,
        lambda part, total, after: PatternsAnswer(
            window=span_text(window),
            series=len(panel.hosts) if panel is not None else 0,
            total=total,
            patterns=[
                PatternRow(
                    kind=p.kind,
                    server=p.host,
                    metric=p.metric,
                    period_s=short(p.period_s),
                    strength=round(p.strength, 2),
                    confidence=round(p.confidence, 2),
                    start=iso(p.start_s),
                    end=None if p.end_s is None else iso(p.end_s),
                    summary=p.summary,
                ).telling(summary=p.summary_in)
                for p in part
            ],
            explanation=""
            if part
            else "No pattern is stronger than chance here. Try: a longer window, at least two periods long.",
            problems=readings.problems[:5],
            trail=shown,
            next_cursor=after,
        ).telling(window=lambda language: span_text(window, language)),
        limit=limit,
        cursor=cursor,
        max_chars=max_chars,
        key=f"find_patterns|{metric}|{servers}|{cluster}|{start}|{end}",
    )


async def correlate_metrics(
    analyst: Bench,
    metric: MetricName,
    server: Annotated[str, Field(description="Server of that metric; empty: all pairs")] = "",
    against: Metrics = [],  # noqa: B006
    cluster: Cluster = "",
    start: Start = "now-3h",
    end: End = "now",
    max_lag: Annotated[str, Field(description="Largest lag")] = "5m",
    min_abs_r: Annotated[float, Field(ge=0, le=1, description="Least |r|")] = 0.5,
    explain: Explain = False,
    limit: Limit = 20,
    cursor: Cursor = "",
    max_chars: MaxChars = 10_000,
) -> CorrelationsAnswer:
    """Series that move together, with the lag, corrected for autocorrelation and for the pairs tested."""
    from openmanager_core.analysis.correlation import correlate

    names = await analyst.metrics(list(dict.fromkeys([metric, *(against or [metric])])))
    window = await analyst.window(start, end, points=360)
    lag_s = parse_duration(max_lag, name="max_lag")
    if lag_s > window.duration_s / 4:
        raise InvalidRequest(
            f"max_lag must be at most a quarter of the window, {window.duration_s / 4:.0f} s, got {lag_s:.0f} s",
            hint="use a longer window",
        )
    hosts = await scope(analyst, [], cluster)
    target = None
    if server:
        target = ((await analyst.fleet()).server(server).id, metric)
        hosts = None if hosts is None else list(dict.fromkeys([target[0], *hosts]))
    with part(0.0, 0.4):
        readings = await analyst.read_all(names, window, hosts)
    panels = list(readings.panels.values())
    with part(0.4, 1.0):
        result = await offload(correlate, panels, target=target, max_lag_s=lag_s, min_abs_r=min_abs_r, q=_Q, top=200)
    shown = await trail(analyst, correlation_steps(result, min_abs_r, _Q), (window, readings)) if explain else []
    return paged(
        result.pairs,
        lambda part, total, after: CorrelationsAnswer(
            window=span_text(window),
            tested_pairs=result.tested_pairs,
            total=total,
            pairs=[
                PairRow(
                    server_a=p.host_a,
                    metric_a=p.metric_a,
                    server_b=p.host_b,
                    metric_b=p.metric_b,
                    r=round(p.r, 3),
                    lag_s=p.lag_s,
                    n_effective=round(p.n_effective, 1),
                    p_value=short(p.p_value, 3) or 0.0,
                    q_value=short(p.q_value, 3) or 0.0,
                )
                for p in part
            ],
            explanation=result.explanation,
            problems=readings.problems[:5],
            trail=shown,
            next_cursor=after,
        ).telling(window=lambda language: span_text(window, language)),
        limit=limit,
        cursor=cursor,
        max_chars=max_chars,
        key=f"correlate_metrics|{metric}|{server}|{against}|{cluster}|{start}|{end}|{max_lag}|{min_abs_r}",
    )


async def find_root_cause(
    analyst: Bench,
    target: Annotated[str, Field(description="Server or cluster; empty: all")] = "",
    start: Start = "now-1h",
    end: End = "now",
    changes: Annotated[
        list[Annotated[str, Field(max_length=LONGEST_LINE)]],
        Field(max_length=100, description="Done to the fleet: TIME PLACE commit TEXT"),
    ] = [],  # noqa: B006 - never changed
    limit: Annotated[int, Field(ge=1, le=20, description="Most causes")] = 5,
    explain: Explain = False,
) -> RootCauseAnswer:
    """Likely root causes, ranked over call graph, onset order and recent changes. Names none where nothing is wrong."""
    window = await analyst.window(start, end)
    fleet = await analyst.fleet()
    place = ""
    if target:
        place = target if target in fleet.cluster_by_id else fleet.server(target).cluster or fleet.server(target).id
    now_s = await analyst.now_s()
    told = [change for line in changes for change in changes_of(line, fleet, now_s)]
    seen = await survey(analyst, window, told=[change for change in told if change.at_s <= window.end_s])
    causes = [c for c in seen.causes if not place or _concerns(c.node, c.explains, place, fleet.by_id.get(c.node))]
    related = [f for f in seen.findings if not place or place in (f.cluster, f.host)] or list(seen.findings)
    ledger = await analyst.ledger()
    if ledger is not None:
        for incident in seen.incidents:
            mine = [c for c in seen.causes if c.node in incident.hosts or c.node in incident.clusters]
            if mine:
                await ledger.set_causes(incident.id, mine)
    explanation = ""
    if not causes:
        explanation = (
            f"No cause is named: {_why_no_cause(seen.findings)} in {span_text(window)}. "
            "Try: a window around the trouble, or find_anomalies with a lower min_sigma."
        )
    return RootCauseAnswer(
        window=span_text(window),
        causes=[cause_row(c) for c in causes[:limit]],
        findings_used=len(seen.findings),
        evidence=[finding_row(f, seen.q_values()) for f in related[:5]],
        recent_changes=[change_text(c) for c in seen.changes[-5:]],
        explanation=explanation,
        problems=list(seen.problems[:10]),
        trail=await trail_of(analyst, seen) if explain else [],
    ).telling(
        window=lambda language: span_text(window, language),
        recent_changes=lambda language: [change_text(c, language) for c in seen.changes[-5:]],
    )


def _concerns(node: str, explains: tuple[str, ...], place: str, server: object) -> bool:
    return place in (node, *explains, getattr(server, "cluster", ""))


def _why_no_cause(findings: tuple[Finding, ...]) -> str:
    if not findings:
        return "nothing is out of the ordinary"
    worst = findings[0]
    return f"the {len(findings)} findings (strongest: {worst.metric} on {ident(worst.host)}) do not point at one place"


async def compare_windows(
    analyst: Bench,
    metrics: Metrics = [],  # noqa: B006
    servers: Servers = [],  # noqa: B006
    cluster: Cluster = "",
    before_start: Start = "now-2h",
    before_end: End = "now-1h",
    start: Start = "now-1h",
    end: End = "now",
    explain: Explain = False,
    limit: Limit = 20,
    cursor: Cursor = "",
    max_chars: MaxChars = 10_000,
) -> DifferencesAnswer:
    """What changed between two windows, per server and metric, tested and corrected for the number of series."""
    from openmanager_core.analysis.compare import FALSE_DISCOVERY_RATE, corrected
    from openmanager_core.analysis.compare import compare_windows as compare

    names = list(await analyst.metrics(metrics))
    hosts = await scope(analyst, servers, cluster)
    fleet = await analyst.fleet()
    if not metrics and (len(hosts) if hosts is not None else len(fleet.servers)) > 300:
        names = [name for name in names if name in catalog.SCREENED]
    after_window = await analyst.window(start, end)
    before_window = await analyst.window(before_start, before_end, after_window.step_s)
    with part(0.0, 0.3):
        before = await analyst.read_all(names, before_window, hosts)
    with part(0.3, 0.6):
        after = await analyst.read_all(names, after_window, hosts)
    differences: list[WindowDifference] = []
    both = [name for name in before.panels if name in after.panels]
    for k, name in enumerate(both):
        differs = sum(d.changed for d in differences)
        note = f"comparing: {k} of {len(both)} metrics, {differs:,} of {len(differences):,} series changed so far"
        checkpoint(0.6 + 0.4 * k / len(both), note)
        differences += await offload(compare, before.panels[name], after.panels[name])
    differences = corrected(differences)
    shown = [d for d in differences if d.changed]
    way: list[str] = []
    if explain:
        steps = difference_steps(differences, sum(len(p.hosts) for p in before.panels.values()), FALSE_DISCOVERY_RATE)
        way = await trail(analyst, steps, (before_window, before), (after_window, after))
    return paged(
        shown,
        lambda part, total, following: DifferencesAnswer(
            before_window=span_text(before_window),
            after_window=span_text(after_window),
            series=len(differences),
            changed=len(shown),
            total=total,
            differences=[
                DifferenceRow(
                    server=d.host,
                    metric=d.metric,
                    before=short(d.before),
                    after=short(d.after),
                    change_ratio=short(d.change_ratio, 3),
                    effect_sigma=short(d.effect_sigma, 3),
                    q_value=short(d.q_value, 3) or 0.0,
                    changed=d.changed,
                )
                for d in part
            ],
            explanation="" if part else f"None of {len(differences)} series changed by more than chance explains.",
            problems=[*before.problems, *after.problems][:5],
            trail=way,
            next_cursor=following,
        ).telling(
            before_window=lambda language: span_text(before_window, language),
            after_window=lambda language: span_text(after_window, language),
        ),
        limit=limit,
        cursor=cursor,
        max_chars=max_chars,
        key=f"compare_windows|{metrics}|{servers}|{cluster}|{before_start}|{before_end}|{start}|{end}",
    )
