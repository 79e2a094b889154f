"""Use cases about what there is and how it is: overview, servers, metrics."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Annotated

from pydantic import Field

from openmanager_core import catalog
from openmanager_core.facts import fact
from openmanager_core.fleet import Health
from openmanager_core.job import offload
from openmanager_core.wording import Language
from openmanager_kit.answers import paged
from openmanager_local.analyst import Analyst
from openmanager_local.answers.common import cause_row, finding_row, short
from openmanager_local.answers.inventory import (
    ClusterRow,
    MetricRow,
    MetricsAnswer,
    OverviewAnswer,
    ReadingRow,
    ServerAnswer,
    ServerRow,
    ServersAnswer,
)
from openmanager_local.parameters import (
    Bench,
    Cluster,
    Cursor,
    End,
    Explain,
    Limit,
    MaxChars,
    ServerName,
    Start,
    TypeName,
)
from openmanager_local.survey import survey
from openmanager_local.trail import trail, trail_of
from openmanager_local.trail_steps import health_steps
from openmanager_local.words import change_text, span_text, status_text

_UNKNOWN = Health(0.0, "unknown")


async def fleet_overview(
    analyst: Bench,
    start: Start = "now-1h",
    end: End = "now",
    top: Annotated[int, Field(ge=1, le=20, description="Rows per section")] = 5,
    explain: Explain = False,
) -> OverviewAnswer:
    """Health of the whole fleet with its worst clusters, strongest anomalies and likely causes. Start here."""
    window = await analyst.window(start, end)
    seen = await survey(analyst, window)
    fleet, status = await analyst.fleet(), await analyst.status()
    q_values = seen.q_values()
    worst = sorted(
        (c for c in fleet.clusters if seen.clusters.get(c.id, _UNKNOWN).status != "healthy"),
        key=lambda c: (seen.clusters.get(c.id, _UNKNOWN).score, c.id),
    )
    return OverviewAnswer(
        window=span_text(window),
        source=status_text(status),
        health=score_of(seen.fleet),
        status=seen.fleet.status,
        reasons=list(seen.fleet.reasons[:top]),
        servers=len(fleet.servers),
        servers_by_status=dict(Counter(h.status for h in seen.servers.values()).most_common()),
        servers_by_type=dict(Counter(s.type for s in fleet.servers).most_common()),
        screened_series=seen.screened_series,
        worst_clusters=[
            ClusterRow(
                id=c.id,
                type=c.type,
                environment=c.environment,
                region=c.region,
                servers=len(c.members),
                health=score_of(seen.clusters.get(c.id, _UNKNOWN)),
                status=seen.clusters.get(c.id, _UNKNOWN).status,
                reasons=list(seen.clusters.get(c.id, _UNKNOWN).reasons[:3]),
            ).telling(reasons=_first_reasons(seen.clusters.get(c.id, _UNKNOWN), 3))
            for c in worst[:top]
        ],
        anomalies=[finding_row(f, q_values) for f in seen.findings[:top]],
        anomalies_total=len(seen.findings),
        above_line=seen.chance.above,
        causes=[cause_row(c) for c in seen.causes[: min(top, 3)]],
        open_incidents=sum(i.active for i in seen.incidents),
        problems=list(seen.problems[:10]),
        next_steps=_next_steps(bool(seen.findings), bool(seen.causes)),
        trail=await trail_of(analyst, seen) if explain else [],
    ).telling(
        window=lambda language: span_text(window, language), source=lambda language: status_text(status, language)
    )


def _next_steps(findings: bool, causes: bool) -> list[str]:
    if causes:
        return ["find_root_cause for the evidence in full", "recommend_actions for what to do", "list_incidents"]
    if findings:
        return ["find_anomalies for all of them", "describe_server for one server", "compare_windows with a good hour"]
    return ["capacity_outlook for what will run out", "find_patterns over a longer window"]


async def list_servers(
    analyst: Bench,
    type: TypeName = "",
    cluster: Cluster = "",
    region: Annotated[str, Field(description="Region; empty: all")] = "",
    environment: Annotated[str, Field(description="e.g. production; empty: all")] = "",
    status: Annotated[str, Field(description="e.g. degraded; empty: all")] = "",
    explain: Explain = False,
    limit: Limit = 50,
    cursor: Cursor = "",
    max_chars: MaxChars = 10_000,
) -> ServersAnswer:
    """Servers with their place and health, the least healthy first."""
    fleet = await analyst.fleet()
    chosen = fleet.select(cluster=cluster, type=type, region=region, environment=environment)
    health, problems, at_s = await health_now(analyst)
    shown = await trail(analyst, health_steps(health, await analyst.metrics(), at_s)) if explain else []
    if status:
        chosen = tuple(s for s in chosen if health.get(s.id, _UNKNOWN).status == status)
    ordered = sorted(chosen, key=lambda s: (health.get(s.id, _UNKNOWN).score, s.id))
    return paged(
        ordered,
        lambda part, total, after: ServersAnswer(
            total=total,
            servers=[
                ServerRow(
                    id=s.id,
                    type=s.type,
                    environment=s.environment,
                    region=s.region,
                    cluster=s.cluster,
                    architecture=s.architecture,
                    health=score_of(health.get(s.id, _UNKNOWN)),
                    status=health.get(s.id, _UNKNOWN).status,
                )
                for s in part
            ],
            problems=problems[:5],
            trail=shown,
            next_cursor=after,
        ),
        limit=limit,
        cursor=cursor,
        max_chars=max_chars,
        key=f"list_servers|{type}|{cluster}|{region}|{environment}|{status}",
    )


async def health_now(analyst: Analyst) -> tuple[dict[str, Health], list[str], float]:
    """Health of every server from its newest minute of readings, what was wrong with them, and when that was."""
    from openmanager_core.analysis.health import server_health

    source = await analyst.source()
    now_s = await source.now_s()
    panels = {name: await source.latest(name, now_s) for name in await source.metrics()}
    health = await offload(server_health, panels, await analyst.fleet())
    return health, list((await source.status()).problems), now_s


async def describe_server(
    analyst: Bench, server: ServerName, start: Start = "now-1h", end: End = "now", explain: Explain = False
) -> ServerAnswer:
    """One server: place, specification, health with reasons, newest readings, anomalies, changes."""
    import numpy as np

    fleet = await analyst.fleet()
    found = fleet.server(server)
    window = await analyst.window(start, end)
    peers = [s.id for s in fleet.servers if s.type == found.type][:200]
    seen = await survey(analyst, window, hosts=list(dict.fromkeys([found.id, *peers])), co_movement=True)
    source = await analyst.source()
    readings = []
    for name in (m for m in await source.metrics() if found.type in catalog.metric(m).types):
        panel = await source.latest(name, window.end_s)
        row = panel.hosts.index(found.id) if found.id in panel.hosts else -1
        others = [panel.values[i, -1] for i, host in enumerate(panel.hosts) if host in peers and host != found.id]
        finite = [float(v) for v in others if np.isfinite(v)]
        readings.append(
            ReadingRow(
                metric=name,
                value=short(float(panel.values[row, -1])) if row >= 0 else None,
                unit=catalog.metric(name).unit,
                peers_median=short(float(np.median(finite))) if finite else None,
            )
        )
    health = seen.servers.get(found.id, _UNKNOWN)
    cluster = fleet.cluster_by_id.get(found.cluster)
    balancer = cluster.load_balancer if cluster else None
    scaling = cluster.scaling_policy if cluster else None
    places = {found.id, found.cluster}
    mine = [c for c in seen.changes if places & set(c.target.split(","))][-5:]
    return ServerAnswer(
        id=found.id,
        name=found.name,
        type=found.type,
        role=found.role,
        environment=found.environment,
        region=found.region,
        architecture=found.architecture,
        cluster=found.cluster,
        cpu_cores=found.spec.cpu_cores,
        memory_bytes=found.spec.memory_bytes,
        disk_bytes=found.spec.disk_bytes,
        health=score_of(health),
        status=health.status,
        reasons=list(health.reasons),
        load_balancer=f"{balancer.name} ({balancer.algorithm})" if balancer else "",
        scaling=f"{scaling.min_servers} to {scaling.max_servers} servers at {scaling.target_cpu_ratio:.0%} CPU"
        if scaling
        else "",
        calls=list(fleet.callees(found.cluster)),
        called_by=list(fleet.callers(found.cluster)),
        application=next((a.name for a in fleet.applications if found.cluster in a.clusters), ""),
        readings=readings,
        anomalies=[finding_row(f, seen.q_values()) for f in seen.findings if f.host == found.id][:10],
        recent_changes=[change_text(c) for c in mine],
        window=span_text(window),
        problems=list(seen.problems[:5]),
        trail=await trail_of(analyst, seen, steps=[fact("trail.peers", servers=len(peers), type=found.type)])
        if explain
        else [],
    ).telling(
        window=lambda language: span_text(window, language),
        reasons=_first_reasons(health, len(health.reasons)),
        recent_changes=lambda language: [change_text(c, language) for c in mine],
    )


def _first_reasons(health: Health, most: int) -> Callable[[Language], list[str]]:
    return lambda language: list(health.reasons_in(language)[:most])


async def list_metrics(
    analyst: Bench, server: Annotated[str, Field(description="Server id; empty: all")] = ""
) -> MetricsAnswer:
    """Metrics that can be asked for, with unit and meaning."""
    have = set(await (await analyst.source()).metrics())
    if server:
        have &= set(catalog.metrics_of((await analyst.fleet()).server(server).type))
    return MetricsAnswer(
        total=len(have),
        metrics=[
            MetricRow(name=m.name, unit=m.unit, worse=m.worse, types=list(m.types), description=m.description)
            for m in catalog.METRICS
            if m.name in have
        ],
        not_reported=[m.name for m in catalog.METRICS if m.name not in have],
    )


def score_of(health: Health) -> float | None:
    """The score to one decimal; None where nothing was measured."""
    return None if health.status == "unknown" else round(health.score, 1)
