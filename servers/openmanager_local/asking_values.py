"""Answers about values and what is to come: readings, forecasts of one server or of the whole fleet, capacity."""

from __future__ import annotations

from typing import Any

from openmanager_core import catalog
from openmanager_core.errors import FleetError
from openmanager_core.job import checkpoint
from openmanager_core.text import ident
from openmanager_core.wording import sentence
from openmanager_core.wording.particles import with_particle
from openmanager_local.asking_runs import Run, wants
from openmanager_local.series_tools import capacity_outlook, forecast_metric, query_metrics
from openmanager_local.words import failure_note

_MOST_FORECASTS = 5
_MOST_SERVERS = 500


async def query(run: Run) -> None:
    """Values of each metric that was named, the highest first."""
    place = run.place()
    question = run.plan.question
    for metric in run.plan.metrics[:3]:
        how = "mean" if wants(r"average|\bavg\b|\bmean\b|overall|평균", question) else "none"
        if (
            how == "none"
            and not place
            and not run.plan.threshold
            and metric in ("requests_per_s", "errors_per_s")
            and not wants(r"server|서버|who|which|top|제일|가장", question)
        ):
            how = "sum"
        made = await run.call(
            query_metrics, metric=metric, **place, **run.window(), aggregate=how, limit=_MOST_SERVERS, max_chars=200_000
        )
        if made.explanation:
            run.tell(made.explanation, f"{run.say.metric(metric)}: 이 구간에 측정값이 없습니다.")
            continue
        low = wants(r"lowest|least|bottom|below|under|낮은|최저|최소|미만|이하", question)
        by = (
            "max"
            if wants(r"\bmax|peak|최대|최고", question)
            else "min"
            if wants(r"\bmin\b|minimum|최소|최저", question)
            else "last"
        )
        rows = [s for s in made.series if getattr(s, by) is not None]
        rows.sort(key=lambda s: getattr(s, by), reverse=not low)
        if run.plan.threshold is not None:
            limit = run.plan.threshold
            rows = [s for s in rows if (getattr(s, by) < limit if low else getattr(s, by) > limit)]
            side = run.say("below" if low else "above", "미만" if low else "초과")
            run.tell(
                f"{len(rows)} of {made.total} servers have {metric} {side} {run.say.amount(limit, metric)}.",
                f"{run.say.metric(metric)} {run.say.amount(limit, metric)} {side} 서버: {made.total}대 중 {len(rows)}대.",
            )
        elif len(rows) > 1:
            run.tell(
                f"{metric} over {made.window}, {'lowest' if low else 'highest'} first ({made.total} series):",
                f"{run.say.window(made)} 구간 {run.say.metric(metric)}, {'낮은' if low else '높은'} 순서({made.total}개):",
            )
        for s in rows[: run.shown]:
            a = {k: run.say.amount(getattr(s, k), metric) for k in ("last", "mean", "min", "max", "p95")}
            run.tell(
                f"- {ident(s.server)}: {metric} now {a['last']}, mean {a['mean']}, min {a['min']}, max {a['max']}",
                f"- {ident(s.server)}: {run.say.metric(metric)} 현재 {a['last']}, 평균 {a['mean']}, 최소 {a['min']}, 최대 {a['max']}",
            )


async def forecast(run: Run) -> None:
    """Where a metric goes: one server, or the servers of the fleet that come nearest to the limit."""
    metric = run.plan.metrics[0]
    horizon_s = run.plan.horizon_s or (7 * 86_400.0 if metric == "disk_used_ratio" else 86_400.0)
    horizon_s = min(horizon_s, 12 * 86_400.0)
    if run.plan.horizon_s is not None and run.plan.horizon_s > horizon_s:
        run.assume(
            "The forecast goes twelve days ahead: four times the history read.",
            "예측은 읽은 과거의 네 배인 12일까지만 합니다.",
        )
    elif run.plan.horizon_s is None:
        run.assume(
            f"No horizon was named: {horizon_s / 86_400:g} days.",
            f"기간을 말하지 않아 앞으로 {horizon_s / 86_400:g}일을 보았습니다.",
        )
    names = list(run.plan.servers[:3]) or await _nearest_to_limit(run, metric, horizon_s)
    crossing = 0
    lines: list[tuple[str, str]] = []
    for k, server in enumerate(names):
        checkpoint(1 - 0.5 ** len(run.calls) + 1e-3, f"forecast {k + 1} of {len(names)}, {crossing} crossing so far")
        try:
            made = await run.call(
                forecast_metric,
                metric=metric,
                server=server,
                horizon=f"{horizon_s:.0f}s",
                threshold=run.plan.threshold or 0.0,
            )
        except FleetError as exc:
            lines.append((f"- {ident(server)}: {exc.message}", f"- {ident(server)}: {run.say.failure(exc)}"))
            why = failure_note(exc).fact
            run.problems += [sentence("problem.failure_of", name=server, failure=why)] if run.say.ko else []
            continue
        ends = [(m, lo, hi) for m, lo, hi in zip(made.mean, made.low, made.high, strict=True) if m is not None]
        last = ends[-1] if ends else (None, None, None)
        reach = (
            f"{run.say.amount(last[0], metric)} ({run.say.amount(last[1], metric)} – {run.say.amount(last[2], metric)})"
        )
        at_end = (f"at the end {reach}, 80 % interval", f"구간 끝 {reach}, 80 % 구간")
        limit = run.say.amount(made.threshold, metric) if made.threshold is not None else ""
        if made.crosses_at:
            crossing += 1
            lines.append((
                f"- {ident(server)}: reaches {limit} about {made.crosses_at} (80 %: {made.crosses_earliest or 'now'} to {made.crosses_latest or 'beyond the horizon'}); {at_end[0]}.",
                f"- {ident(server)}: {made.crosses_at} 무렵 {limit}에 도달(80 % 구간 {made.crosses_earliest or '지금'} ~ {made.crosses_latest or '예측 기간 밖'}); {at_end[1]}.",
            ))  # fmt: skip
        elif made.crosses_earliest:
            lines.append(
                (
                    f"- {ident(server)}: may reach {limit} from {made.crosses_earliest}, not on average; {at_end[0]}.",
                    f"- {ident(server)}: 빠르면 {made.crosses_earliest} {limit}에 도달 가능, 평균으로는 아님; {at_end[1]}.",
                )
            )
        else:
            stays = (f"does not reach {limit}; " if limit else "", f"{limit}에 도달하지 않음; " if limit else "")
            lines.append((f"- {ident(server)}: {stays[0]}{at_end[0]}.", f"- {ident(server)}: {stays[1]}{at_end[1]}."))
    if not run.plan.servers:
        run.tell(
            f"{crossing} of the {len(names)} servers whose {metric} comes nearest to the limit reach it within {run.say.length(horizon_s)}.",
            f"{run.say.metric(metric)} 한계에 가장 가까운 서버 {len(names)}대 가운데 {crossing}대가 {run.say.length(horizon_s)} 안에 한계에 도달합니다.",
        )
    for en, ko in lines:
        run.tell(en, ko)


async def _nearest_to_limit(run: Run, metric: str, horizon_s: float) -> list[str]:
    """The servers worth a forecast: a straight line through the last day comes highest at the end of the horizon."""
    made = await run.call(
        query_metrics, metric=metric, **run.place(), start="now-1d", end="now", limit=_MOST_SERVERS, max_chars=200_000
    )
    worse_low = catalog.metric(metric).worse == "low"
    reached: list[tuple[float, str]] = []
    for row in made.series:
        seen = [(k, v) for k, v in enumerate(row.values) if v is not None]
        if len(seen) < 2:
            continue
        (k0, first), (k1, last) = seen[0], seen[-1]
        slope = (last - first) / ((k1 - k0) * row.step_s)
        end = last + slope * horizon_s
        reached.append((end if worse_low else -end, row.server))
    return [name for _, name in sorted(reached)[:_MOST_FORECASTS]]


async def capacity(run: Run) -> None:
    """Head-room, when it runs out, and what if."""
    plan, clusters = run.plan, run.clusters()
    arguments: dict[str, Any] = {"horizon": f"{min(plan.horizon_s or 7 * 86_400.0, 30 * 86_400.0):.0f}s"}
    if len(clusters) == 1:
        arguments["cluster"] = next(iter(clusters))
    if plan.growth_ratio:
        arguments["growth_ratio"] = plan.growth_ratio
    if plan.lost_servers:
        arguments["lost_servers"] = plan.lost_servers
    cases, move = [arguments], plan.moved_load
    if move is not None:
        clusters, text = {move.source, move.target}, f"{move.source}->{move.target}:{100 * move.share:g}"
        cases = [arguments | {"moved_load": text, "cluster": side} for side in (move.target, move.source)]
    rows = []
    for case in cases:
        made = await run.call(capacity_outlook, **case, limit=50, max_chars=50_000)
        rows += [c for c in made.clusters if not clusters or c.cluster in clusters]
    short = [
        c for c in rows if c.servers_needed > c.servers or (c.headroom is not None and c.headroom <= 0) or c.exhausted
    ]
    what_if = []
    if plan.growth_ratio:
        what_if.append(run.say(f"with {plan.growth_ratio:+.0%} load", f"부하 {plan.growth_ratio:+.0%} 가정"))
    if plan.lost_servers:
        what_if.append(
            run.say(
                f"with {plan.lost_servers} servers lost per cluster", f"클러스터당 서버 {plan.lost_servers}대 손실 가정"
            )
        )
    if move is not None:
        source, target, share = ident(move.source), ident(move.target), f"{100 * move.share:g} %"
        what_if.append(
            run.say(
                f"with {share} of {source}'s load moved to {target}",
                f"{source} 부하의 {share}를 {with_particle(target, '으로/로')} 옮긴다고 가정",
            )
        )
    said = f" ({', '.join(what_if)})" if what_if else ""
    if not rows:
        run.tell(
            f"No cluster has enough readings. {made.explanation}", "판단할 만큼 측정값이 있는 클러스터가 없습니다."
        )
        return
    seen, pressed = (len({c.cluster for c in some}) for some in (rows, short))
    if short:
        run.tell(
            f"{pressed} of {seen} clusters do not hold{said}:",
            f"클러스터 {seen}개 가운데 {pressed}개가 버티지 못합니다{said}:",
        )
    else:
        run.tell(
            f"All {seen} clusters hold{said}; the tightest:",
            f"클러스터 {seen}개 모두 버팁니다{said}. 가장 빠듯한 곳:",
        )
    for c in (short or rows)[: run.shown]:
        when = f"; {run.say('exhausted', '고갈')} {c.exhausted}" if c.exhausted else ""
        if c.peak_before is not None:
            peak = run.say.amount(c.peak_before, c.metric)
            when += run.say(f"; before the move: peak {peak}", f"; 이동 전 최고 {peak}")
        run.tell(
            f"- {ident(c.cluster)} {c.metric}: peak {run.say.amount(c.peak, c.metric)} of limit {run.say.amount(c.limit, c.metric)}, {c.servers} servers, needs {c.servers_needed}{when}",
            f"- {ident(c.cluster)} {run.say.metric(c.metric)}: 최고 {run.say.amount(c.peak, c.metric)} / 한계 {run.say.amount(c.limit, c.metric)}, 서버 {c.servers}대, 필요 {c.servers_needed}대{when}",
        )
