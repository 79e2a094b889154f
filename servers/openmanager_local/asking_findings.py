"""Answers about what is odd, why, and what to do: anomalies, patterns, correlation, causes, comparison, actions."""

from __future__ import annotations

from typing import Any

from openmanager_core.text import ident, visible
from openmanager_core.timespan import iso
from openmanager_local.asking_runs import Run
from openmanager_local.finding_tools import (
    compare_windows,
    correlate_metrics,
    find_anomalies,
    find_patterns,
    find_root_cause,
)
from openmanager_local.incident_tools import recommend_actions


async def anomalies(run: Run) -> None:
    """What left its past or its peers."""
    place = run.place()
    arguments: dict[str, Any] = {**place, **run.window(), "limit": run.shown}
    if run.plan.metrics:
        arguments["metrics"] = list(run.plan.metrics)
    made = await run.call(find_anomalies, **arguments)
    if not made.anomalies:
        run.tell(
            f"Nothing odd: {made.explanation}",
            f"이상 징후가 없습니다(시계열 {made.screened_series}개 확인, 구간 {run.say.window(made)}).",
        )
        return
    run.tell(
        f"{made.total} anomalies in {made.window}, those above the line of chance first:",
        f"{run.say.window(made)} 구간에서 이상 징후 {made.total}건, 우연의 기준선을 넘은 것부터:",
    )
    run.sentences += [f"- {run.say.finding(row)}" for row in made.anomalies]
    run.sentences.append(made.told("chance", run.say.language))


async def patterns(run: Run) -> None:
    """What repeats, drifts or leaks."""
    metric = run.plan.metrics[0]
    made = await run.call(find_patterns, metric=metric, **run.place(), **run.window("now-24h"), limit=run.shown)
    if not made.patterns:
        run.tell(
            f"No pattern in {metric} is stronger than chance: {made.explanation}",
            f"{run.say.metric(metric)}: 우연보다 뚜렷한 패턴이 없습니다(시계열 {made.series}개, 구간 {run.say.window(made)}).",
        )
        return
    run.tell(
        f"{made.total} patterns of {metric} over {made.window}:",
        f"{run.say.window(made)} 구간 {run.say.metric(metric)} 패턴 {made.total}건:",
    )
    for p in made.patterns:
        period = f", {run.say('every', '주기')} {run.say.length(p.period_s)}" if p.period_s else ""
        run.sentences.append(
            f"- {run.say.pattern(p.kind)}{period}: {visible(p.told('summary', run.say.language))} "
            f"({run.say('strength', '세기')} {p.strength:.2f}, {run.say('confidence', '신뢰도')} {p.confidence:.2f})"
        )


async def correlation(run: Run) -> None:
    """What moves together."""
    metrics = list(run.plan.metrics)
    usual = [
        "cpu_busy_ratio",
        "memory_used_ratio",
        "requests_per_s",
        "errors_per_s",
        "latency_p95_s",
        "connections_active",
    ]
    have = await run.analyst.metrics()
    against = metrics[1:] or [m for m in usual if m != metrics[0] and m in have]
    if len(metrics) < 2:
        run.assume(
            "No second metric was named: the usual six were compared.",
            "비교할 다른 지표를 말하지 않아 주요 지표와 비교했습니다.",
        )
    window = run.window("now-3h")
    if run.plan.start_s is not None and (run.plan.end_s or run.now_s) - run.plan.start_s < 1800:
        window = {"start": "now-3h", "end": "now"}
        run.assume("The window was widened to three hours.", "상관 분석에는 구간이 짧아 3시간으로 넓혔습니다.")
    server = run.plan.servers[0] if run.plan.servers else ""
    made = await run.call(
        correlate_metrics,
        metric=metrics[0],
        server=server,
        against=against,
        cluster=run.cluster(),
        **window,
        limit=run.shown,
    )
    pairs = [p for p in made.pairs if p.metric_a != p.metric_b or len(metrics) < 2]
    if not pairs:
        run.tell(
            f"No pair moves together more than chance explains ({made.tested_pairs} tested).",
            f"우연으로 설명되지 않는 상관이 없습니다(쌍 {made.tested_pairs}개 검정).",
        )
        return
    run.tell(
        f"{made.total} of {made.tested_pairs} pairs move together, strongest first:",
        f"검정한 {made.tested_pairs}쌍 가운데 {made.total}쌍이 함께 움직입니다:",
    )
    for p in pairs:
        a, b = f"{ident(p.server_a)} {run.say.metric(p.metric_a)}", f"{ident(p.server_b)} {run.say.metric(p.metric_b)}"
        first = a if p.lag_s > 0 else b
        order = (
            run.say("at the same time", "동시에")
            if p.lag_s == 0
            else run.say(f"{first} leads by {abs(p.lag_s):g} s", f"{first} 쪽이 {abs(p.lag_s):g}초 먼저")
        )
        run.sentences.append(f"- r={p.r:+.2f}: {a} / {b}, {order} (q={p.q_value:.2g})")


async def root_cause(run: Run) -> None:
    """Why, and what else it explains; the server's own findings where no cause is named."""
    clusters = run.clusters()
    target = run.plan.servers[0] if run.plan.servers else run.plan.cluster
    made = await run.call(find_root_cause, target=target, **run.window(), limit=5)
    causes = made.causes
    if clusters and not target:
        mine = [c for c in causes if {c.node, *c.explains} & (clusters | {s.id for s in run.members()})]
        if causes and not mine:
            run.tell(
                "No cause points at what was named; elsewhere in the fleet:",
                "말한 대상의 원인은 찾지 못했습니다. 다른 곳의 원인:",
            )
        causes = mine or causes
    if not causes:
        run.tell(
            f"No cause is named. {made.explanation}",
            f"원인을 지목할 수 없습니다(구간 {run.say.window(made)}, 이상 징후 {made.findings_used}건 검토).",
        )
        if target:
            seen = await run.call(
                find_anomalies,
                servers=[target] if run.plan.servers else [],
                cluster="" if run.plan.servers else target,
                **run.window(),
                limit=3,
            )
            run.sentences += [f"- {run.say.finding(row)}" for row in seen.anomalies]
            if not seen.anomalies:
                run.tell(
                    f"{ident(target)} itself shows nothing odd in this window.",
                    f"{ident(target)} 자체에도 이 구간에 이상 징후가 없습니다.",
                )
        return
    run.tell(
        "Most likely cause: " + run.say.cause(causes[0]) + ".", "가장 유력한 원인 — " + run.say.cause(causes[0]) + "."
    )
    for other in causes[1:3]:
        run.tell("Also possible: " + run.say.cause(other) + ".", "다른 가능성 — " + run.say.cause(other) + ".")
    for change in made.told("recent_changes", run.say.language)[-2:]:
        run.tell(f"Recent change: {change}.", f"최근 변경: {change}.")


async def compare(run: Run) -> None:
    """What changed between two windows; around the last deployment if one was meant."""
    plan = run.plan
    windows: dict[str, str] = {}
    if plan.since_deploy:
        past = await run.analyst.window("now-7d", "now", points=1000)
        deploys = [c for c in (await run.analyst.changes(past))[0] if c.kind == "deployment"]
        if deploys:
            last = max(deploys, key=lambda c: c.at_s)
            at = last.at_s
            run.tell(
                f"Last deployment: {iso(at)} at {ident(last.target)}.", f"마지막 배포: {iso(at)}, {ident(last.target)}."
            )
            end_s = min(run.now_s, at + 3600)
            if end_s - at >= 600:
                windows = {"before_start": iso(at - 3600), "before_end": iso(at), "start": iso(at), "end": iso(end_s)}
        else:
            run.assume(
                "No deployment of the last seven days is on record: the last hour was compared with the one before.",
                "최근 7일 배포 기록이 없어 최근 1시간과 그 전 1시간을 비교했습니다.",
            )
    if not windows and plan.before_start_s is not None and plan.before_end_s is not None:
        after = run.window()
        windows = {"before_start": iso(plan.before_start_s), "before_end": iso(plan.before_end_s), **after}
    if not windows:
        windows = {"before_start": "now-2h", "before_end": "now-1h", "start": "now-1h", "end": "now"}
        run.assume("Compared: the last hour with the hour before.", "최근 1시간과 그 전 1시간을 비교했습니다.")
    arguments = {**run.place(), **windows, "limit": run.shown}
    if plan.metrics:
        arguments["metrics"] = list(plan.metrics)
    made = await run.call(compare_windows, **arguments)
    run.tell(
        f"{made.changed} of {made.series} series changed between {made.before_window} and {made.after_window}.",
        f"시계열 {made.series}개 가운데 {made.changed}개가 달라졌습니다(이전 {run.say.window(made, 'before_window')}, 이후 {run.say.window(made, 'after_window')}).",
    )
    for d in made.differences:
        ratio = "" if d.change_ratio is None else f" ({100 * d.change_ratio:+.0f} %)"
        run.sentences.append(
            f"- {ident(d.server)} {run.say.metric(d.metric)}: {run.say.amount(d.before, d.metric)} → {run.say.amount(d.after, d.metric)}{ratio}, q={d.q_value:.2g}"
        )


async def recommend(run: Run) -> None:
    """What to do, most urgent first."""
    cluster = run.cluster() if run.clusters() else ""
    made = await run.call(
        recommend_actions, **({"cluster": cluster} if cluster else {}), **run.window(), limit=run.shown
    )
    if not made.actions:
        run.tell(f"Nothing needs doing now: {made.explanation}", "지금 꼭 해야 할 조치는 없습니다.")
        return
    run.tell(f"{made.total} actions, most urgent first:", f"조치 {made.total}건, 급한 순서:")
    for row in made.actions:
        action, reason, effect, verify = (
            row.told(field, run.say.language) for field in ("action", "reason", "expected_effect", "verify")
        )
        run.tell(
            f"{row.priority}. {action} (risk {row.risk})\n   why: {reason}\n   effect: {effect}\n   verify: {verify}",
            f"{row.priority}. {ident(row.target)}: {action} (위험 {run.say.term(row.risk)})\n   근거: {reason}\n   기대 효과: {effect}\n   확인: {verify}",
        )
