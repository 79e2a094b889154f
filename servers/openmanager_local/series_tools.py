"""Use cases about values over time: readings, forecasts, capacity."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field

from openmanager_core import catalog
from openmanager_core.errors import InsufficientData, InvalidRequest
from openmanager_core.facts import fact
from openmanager_core.job import checkpoint, offload, part
from openmanager_core.text import ident
from openmanager_core.timespan import iso, parse_duration
from openmanager_core.wording import said_in
from openmanager_kit.answers import paged
from openmanager_local.answers.common import short
from openmanager_local.answers.series import CapacityAnswer, CapacityRow, ForecastAnswer, ReadingsAnswer, SeriesRow
from openmanager_local.finding_tools import scope
from openmanager_local.parameters import (
    Bench,
    Cluster,
    Cursor,
    End,
    Explain,
    Horizon,
    Limit,
    MaxChars,
    MetricName,
    ServerName,
    Servers,
    Start,
)
from openmanager_local.trail import trail
from openmanager_local.trail_steps import capacity_steps, forecast_steps
from openmanager_local.words import span_text

if TYPE_CHECKING:
    from openmanager_core.analysis.moved_load import MovedLoad
    from openmanager_core.fleet import Fleet
    from openmanager_core.panel import Panel

Aggregate = Literal["none", "mean", "min", "max", "p95", "sum"]
_SHOWN_STEPS = 48


async def query_metrics(
    analyst: Bench,
    metric: MetricName,
    servers: Servers = [],  # noqa: B006
    cluster: Cluster = "",
    start: Start = "now-1h",
    end: End = "now",
    step_s: Annotated[float, Field(ge=0, le=86400, description="Seconds per value; 0: about 60")] = 0,
    aggregate: Annotated[Aggregate, Field(description="Over servers; none: one each")] = "none",
    explain: Explain = False,
    limit: Limit = 20,
    cursor: Cursor = "",
    max_chars: MaxChars = 10_000,
) -> ReadingsAnswer:
    """Values of one metric over time, per server or aggregated, with statistics."""
    await analyst.metrics([metric])
    window = await analyst.window(start, end, step_s, points=60)
    hosts = await scope(analyst, servers, cluster)
    readings = await analyst.read_all([metric], window, hosts)
    panel = readings.panels.get(metric)
    rows = await offload(_rows, panel, aggregate) if panel is not None else []
    explanation = ""
    if panel is None:
        explanation = f"None of these servers has {metric}; it is on {', '.join(catalog.metric(metric).types)}."
    elif all(row.last is None and row.mean is None for row in rows):
        explanation = "No readings in this window. Try: a window that the source covers."
    how = fact("trail.as_read") if aggregate == "none" else fact("trail.over_servers", aggregate=aggregate)
    shown = await trail(analyst, [how], (window, readings)) if explain else []
    return paged(
        rows,
        lambda part, total, after: ReadingsAnswer(
            metric=metric,
            unit=catalog.metric(metric).unit,
            window=span_text(window),
            aggregate="per server" if aggregate == "none" else f"{aggregate} over servers",
            total=total,
            series=part,
            explanation=explanation,
            problems=readings.problems[:5],
            trail=shown,
            next_cursor=after,
        ).telling(window=lambda language: span_text(window, language)),
        limit=limit,
        cursor=cursor,
        max_chars=max_chars,
        key=f"query_metrics|{metric}|{servers}|{cluster}|{start}|{end}|{step_s}|{aggregate}",
    )


def _rows(panel: Panel, aggregate: Aggregate) -> list[SeriesRow]:
    import warnings

    import numpy as np

    values = np.asarray(panel.values, dtype=np.float64)
    names: Sequence[str] = panel.hosts
    step_s = float(panel.times_s[1] - panel.times_s[0]) if len(panel.times_s) > 1 else 0.0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        if aggregate != "none":
            over: dict[str, Any] = {
                "mean": np.nanmean,
                "min": np.nanmin,
                "max": np.nanmax,
                "p95": lambda v, axis: np.nanquantile(v, 0.95, axis=axis),
                "sum": np.nansum,
            }
            gone = ~np.isfinite(values).any(axis=0)
            values = np.where(gone, np.nan, over[aggregate](values, axis=0))[None, :]
            names = (f"{aggregate} of {len(panel.hosts)} servers",)
        out = []
        for host, row in zip(names, values, strict=True):
            seen = row[np.isfinite(row)]
            out.append(
                SeriesRow(
                    server=host,
                    start_s=float(panel.times_s[0]),
                    step_s=step_s,
                    values=[short(float(v)) for v in row],
                    mean=short(float(seen.mean())) if seen.size else None,
                    min=short(float(seen.min())) if seen.size else None,
                    max=short(float(seen.max())) if seen.size else None,
                    p95=short(float(np.quantile(seen, 0.95))) if seen.size else None,
                    last=short(float(row[-1])),
                    coverage=round(seen.size / max(1, row.size), 3),
                )
            )
    return out


async def forecast_metric(
    analyst: Bench,
    metric: MetricName,
    server: ServerName,
    horizon: Horizon = "24h",
    threshold: Annotated[float, Field(description="Level to watch; 0: the usual one")] = 0.0,
    history: Annotated[str, Field(description="Past used")] = "3d",
    explain: Explain = False,
) -> ForecastAnswer:
    """Where a metric is going, with an 80 % interval and the time at which it crosses a threshold."""
    from openmanager_core.analysis.forecast import forecast_series

    if not math.isfinite(threshold):
        raise InvalidRequest(f"threshold must be finite, got {threshold}", hint="0 for the metric's usual limit")
    ahead_s, back_s = parse_duration(horizon, name="horizon"), parse_duration(history, name="history")
    await analyst.metrics([metric])
    row = catalog.metric(metric)
    host = (await analyst.fleet()).server(server).id
    window = await analyst.window(f"now-{back_s:.0f}s", "now", points=1440)
    if ahead_s > 4 * window.duration_s:
        raise InvalidRequest(
            f"horizon must be at most four times the history, {4 * window.duration_s:.0f} s, got {ahead_s:.0f} s",
            hint="a longer history",
        )
    with part(0.0, 0.5):
        readings = await analyst.read_all([metric], window, [host])
    panel = readings.panels.get(metric)
    if panel is None:
        raise InvalidRequest(f"{ident(host)} has no {metric}", hint="list_metrics with this server")
    checkpoint(0.5, f"forecasting {metric} from {panel.values.size:,} readings")
    limit = threshold or usual_limit(row)
    made = await offload(forecast_series, panel.times_s, panel.values[0], row, host, ahead_s, limit)
    every = max(1, math.ceil(len(made.times_s) / _SHOWN_STEPS))
    step_s = float(made.times_s[1] - made.times_s[0]) if len(made.times_s) > 1 else ahead_s
    at = slice(every - 1, None, every)
    return ForecastAnswer(
        server=host,
        metric=metric,
        unit=row.unit,
        history=span_text(window),
        horizon=horizon,
        method=made.method,
        season_s=short(made.season_s, 6),
        start_s=float(made.times_s[at][0]),
        step_s=step_s * every,
        mean=[short(float(v)) for v in made.mean[at]],
        low=[short(float(v)) for v in made.low[at]],
        high=[short(float(v)) for v in made.high[at]],
        threshold=made.threshold,
        crosses_at=_when(made.crosses_at_s),
        crosses_earliest=_when(made.crosses_earliest_s),
        crosses_latest=_when(made.crosses_latest_s),
        confidence=round(made.confidence, 2),
        explanation=made.explanation,
        problems=readings.problems[:5],
        trail=await trail(analyst, forecast_steps(made, threshold), (window, readings)) if explain else [],
    ).telling(
        history=lambda language: span_text(window, language), method=lambda language: said_in(made.method, language)
    )


def usual_limit(metric: catalog.Metric) -> float | None:
    """The level people watch for metrics that have a natural bound; None for the others."""
    if metric.unit == "ratio" and metric.worse == "high":
        return 0.9 if metric.name in ("cpu_busy_ratio", "memory_used_ratio", "disk_used_ratio") else None
    return None


def _when(instant_s: float | None) -> str | None:
    return None if instant_s is None else iso(instant_s)


def _sides(fleet: Fleet, moved: MovedLoad) -> list[str]:
    """The servers that give or take load."""
    return [s.id for s in fleet.servers if {s.cluster, s.id} & {moved.source, moved.target}]


async def capacity_outlook(
    analyst: Bench,
    cluster: Cluster = "",
    horizon: Horizon = "7d",
    history: Annotated[str, Field(description="Past used")] = "3d",
    growth_ratio: Annotated[float, Field(ge=-0.9, le=10, description="What if load grows, 0.2: 20 % more")] = 0.0,
    lost_servers: Annotated[int, Field(ge=0, le=1000, description="What if each cluster loses so many")] = 0,
    moved_load: Annotated[str, Field(description="from->to:percent")] = "",
    explain: Explain = False,
    limit: Limit = 20,
    cursor: Cursor = "",
    max_chars: MaxChars = 10_000,
) -> CapacityAnswer:
    """Head-room per cluster, when it runs out, how many servers it needs; what if."""
    from openmanager_core.analysis.capacity import LIMITS
    from openmanager_core.analysis.capacity import capacity_outlook as outlook
    from openmanager_core.analysis.moved_load import parse_moved

    ahead_s, back_s = parse_duration(horizon, name="horizon"), parse_duration(history, name="history")
    moved = parse_moved(moved_load) if moved_load else None
    fleet = await analyst.fleet()
    hosts = await scope(analyst, [], cluster)
    if hosts is not None and moved is not None:
        hosts = list(dict.fromkeys(hosts + _sides(fleet, moved)))
    have = await analyst.metrics()
    count = len(hosts) if hosts is not None else len(fleet.servers)
    points = max(96, min(720, 2_000_000 // max(1, count)))
    window = await analyst.window(f"now-{back_s:.0f}s", "now", points=points)
    with part(0.0, 0.5):
        readings = await analyst.read_all([name for name in LIMITS if name in have], window, hosts)
    if not readings.panels:
        raise InsufficientData(
            "no resource metric has readings in this history", hint="a history that the source covers"
        )
    with part(0.5, 1.0):
        found = await offload(
            outlook,
            readings.panels,
            fleet,
            ahead_s,
            growth_ratio=growth_ratio,
            lost_servers=lost_servers,
            moved_load=moved,
        )
    rows = [c for c in found if not cluster or c.cluster == cluster]
    shown = await trail(analyst, capacity_steps(rows, LIMITS), (window, readings)) if explain else []
    return paged(
        rows,
        lambda part, total, after: CapacityAnswer(
            history=span_text(window),
            horizon=horizon,
            growth_ratio=growth_ratio,
            lost_servers=lost_servers,
            moved_load=moved_load,
            total=total,
            clusters=[
                CapacityRow(
                    cluster=c.cluster,
                    type=c.type,
                    servers=c.servers,
                    metric=c.metric,
                    used=short(c.used_ratio),
                    peak=short(c.peak_ratio),
                    limit=c.limit_ratio,
                    headroom=short(c.headroom_ratio),
                    exhausted=_when(c.exhausted_at_s),
                    earliest=_when(c.earliest_s),
                    latest=_when(c.latest_s),
                    servers_needed=c.servers_needed,
                    confidence=round(c.confidence, 2),
                    summary=c.summary,
                    used_before=short(c.before.used_ratio) if c.before else None,
                    peak_before=short(c.before.peak_ratio) if c.before else None,
                    exhausted_before=_when(c.before.exhausted_at_s) if c.before else None,
                )
                for c in part
            ],
            explanation="" if part else "No cluster has enough readings in this history. Try: a longer history.",
            problems=readings.problems[:5],
            trail=shown,
            next_cursor=after,
        ).telling(history=lambda language: span_text(window, language)),
        limit=limit,
        cursor=cursor,
        max_chars=max_chars,
        key=f"capacity_outlook|{cluster}|{horizon}|{history}|{growth_ratio}|{lost_servers}|{moved_load}",
    )
