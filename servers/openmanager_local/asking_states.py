"""Answers about how things are: overview, servers in danger, one server, incidents, what can be asked."""

from __future__ import annotations

from openmanager_core.findings import Finding
from openmanager_core.storage.incident import cause_line, title_of
from openmanager_core.text import ident, visible
from openmanager_core.wording import said, said_in
from openmanager_local.asking_runs import Run, wants
from openmanager_local.fleet_tools import describe_server, fleet_overview, list_metrics, list_servers, score_of
from openmanager_local.incident_tools import list_incidents, report_text
from openmanager_local.survey import survey

_EXAMPLES = (
    ("which servers are in danger right now?", "지금 위험한 서버는?"),
    ("why is api-03 slow since noon?", "api-03 12시부터 왜 느려?"),
    ("will any disk be full next week?", "다음 주에 디스크 꽉 차는 서버 있어?"),
    ("compare cpu of the web cluster today vs yesterday", "웹 클러스터 cpu 오늘이랑 어제 비교해줘"),
    ("what if traffic grows 30%?", "트래픽이 30% 늘면 버틸 수 있어?"),
    ("what should I do now?", "뭐부터 해야 돼?"),
    ("how do I fix a full disk?", "디스크 꽉 찼을 때 해결 방법"),
    ("list open incidents", "진행 중인 장애 있나요?"),
)


async def overview(run: Run) -> None:
    """The fleet at a glance; a part of it if one was named."""
    if run.clusters():
        await unhealthy(run)
        return
    made = await run.call(fleet_overview, **run.window(), top=run.shown)
    counted = ", ".join(f"{run.say.status(name)} {n}" for name, n in made.servers_by_status.items())
    score = "?" if made.health is None else f"{made.health:.0f}"
    run.tell(
        f"Fleet health is {score}/100 ({made.status}): {counted} of {made.servers} servers.",
        f"전체 상태 {score}/100점({run.say.status(made.status)}), 서버 {made.servers}대: {counted}.",
    )
    for c in made.worst_clusters[:3]:
        health = "?" if c.health is None else f"{c.health:.0f}"
        reasons = c.told("reasons", run.say.language)
        why = visible(reasons[-1]) if reasons else ""
        run.tell(
            f"{ident(c.id)} needs a look: {health}/100, {why}.",
            f"살펴볼 클러스터 {ident(c.id)}: {health}/100점, {why}.",
        )
    for cause in made.causes[:2]:
        run.tell(f"Likely cause: {run.say.cause(cause)}.", f"유력한 원인 — {run.say.cause(cause)}.")
    if made.anomalies:
        run.tell(
            f"{made.anomalies_total} anomalies; the strongest: {run.say.finding(made.anomalies[0])}.",
            f"이상 징후 {made.anomalies_total}건, 가장 강한 것 — {run.say.finding(made.anomalies[0])}.",
        )
    else:
        run.tell("Nothing stands out.", "눈에 띄는 이상은 없습니다.")
    if made.open_incidents:
        run.tell(f"{made.open_incidents} incidents are open.", f"진행 중인 장애 {made.open_incidents}건.")


async def unhealthy(run: Run) -> None:
    """Servers that are not well, the worst first, with the reasons."""
    plan, clusters = run.plan, run.clusters()
    asked = run.window()
    window = await run.analyst.window(asked["start"], asked["end"])
    hosts = [s.id for s in run.members()] if clusters else None
    run.calls.append(
        f"fleet_overview(start={asked['start']!r}) by server" + (f", {len(hosts)} servers" if hosts else "")
    )
    seen = await survey(run.analyst, window, hosts=hosts)
    run.problems += seen.problems[:5]
    how = said_in(seen.method, run.say.language)
    run.trail.append(
        run.say(
            f"survey: {seen.screened_series} series screened by {how}; {len(seen.findings)} findings",
            f"살핌: 시계열 {seen.screened_series}개, {how}; 이상 징후 {len(seen.findings)}건",
        )
    )
    sick = sorted(
        (h.score, name)
        for name, h in seen.servers.items()
        if h.status != "healthy" and (hosts is None or name in set(hosts))
    )
    if plan.count:
        sick = sick[: plan.count]
    strongest: dict[str, Finding] = {}
    for f in seen.findings:
        strongest.setdefault(f.host, f)
    total = len(hosts) if hosts else len(run.fleet.servers)
    if not sick:
        run.tell(
            f"None of {total} servers is in bad health now.", f"서버 {total}대 가운데 지금 상태가 나쁜 서버는 없습니다."
        )
        for f in seen.findings[:2]:
            shown = visible(said(f.fact, run.say.language))
            run.tell(f"Still, look at this: {shown}.", f"그래도 살펴볼 것: {shown}.")
        return
    run.tell(
        f"{len(sick)} of {total} servers are not well, the worst first:",
        f"서버 {total}대 가운데 {len(sick)}대가 좋지 않습니다. 나쁜 순서:",
    )
    for score, name in sick[: run.shown]:
        h = seen.servers[name]
        why = "; ".join(visible(r) for r in h.reasons_in(run.say.language)[:2])
        proof = f" ({visible(said(strongest[name].fact, run.say.language))})" if name in strongest else ""
        shown = "?" if score_of(h) is None else f"{score:.0f}"
        run.sentences.append(f"- {ident(name)}: {shown}/100 {run.say.status(h.status)} — {why}{proof}")


async def servers(run: Run) -> None:
    """How many servers, and which."""
    plan = run.plan
    where = {
        k: v
        for k, v in (
            ("type", plan.type),
            ("cluster", plan.cluster),
            ("region", plan.region),
            ("environment", plan.environment),
        )
        if v
    }
    made = await run.call(list_servers, **where, limit=_MOST_NAMES)
    names = ", ".join(ident(s.id) for s in made.servers)
    kind = " ".join(where.values())
    run.tell(
        f"There are {made.total} {kind + ' ' if kind else ''}servers.",
        f"{kind + ' ' if kind else ''}서버는 모두 {made.total}대입니다.",
    )
    more = made.total - len(made.servers)
    run.sentences.append(names + (run.say(f", and {more} more", f" 외 {more}대") if more > 0 else ""))


_MOST_NAMES = 30


async def describe(run: Run) -> None:
    """One server, with what is odd about it."""
    if not run.plan.servers:
        await unhealthy(run)
        return
    made = await run.call(describe_server, server=run.plan.servers[0], **run.window())
    health = "?" if made.health is None else f"{made.health:.0f}"
    name = ident(made.id)
    run.tell(
        f"{name} ({made.type}, {made.environment}, {made.region}, cluster {ident(made.cluster)}) is {made.status}, {health}/100.",
        f"{name} ({made.type}, {made.environment}, {made.region}, 클러스터 {ident(made.cluster)}): {run.say.status(made.status)}, {health}/100점.",
    )
    for reason in made.told("reasons", run.say.language)[:3]:
        run.sentences.append(f"- {visible(reason)}")
    keys = ("cpu_busy_ratio", "memory_used_ratio", "disk_used_ratio", "latency_p95_s", "errors_per_s", "requests_per_s")
    shown = [
        f"{run.say.metric(r.metric)} {run.say.amount(r.value, r.metric)}" for r in made.readings if r.metric in keys
    ]
    run.tell(f"Now: {', '.join(shown)}.", f"현재 값: {', '.join(shown)}.")
    if made.anomalies:
        for row in made.anomalies[:3]:
            run.sentences.append(f"- {run.say.finding(row)}")
    else:
        run.tell("Nothing about it is odd in this window.", "이 구간에서 이상 징후는 없습니다.")
    for change in made.told("recent_changes", run.say.language)[-1:]:
        run.tell(f"Recent change: {change}.", f"최근 변경: {change}.")


async def incidents(run: Run) -> None:
    """Incidents on record; the newest one's report if a report was asked for."""
    made = await run.call(list_incidents, state=run.plan.state, limit=run.shown)
    if not made.incidents:
        run.tell("No such incident is on record.", "기록된 해당 장애가 없습니다.")
        return
    if wants(r"post-?mortem|report|포스트모템|보고서|사후", run.plan.question):
        newest = made.incidents[0].id
        run.calls.append(f"incident_report(incident_id={newest!r}, language={run.say.language!r})")
        run.sentences.append(await report_text(run.analyst, newest, run.say.language))
        return
    run.tell(f"{made.total} incidents on record, newest first:", f"장애 {made.total}건, 최근 순서:")
    ledger = await run.analyst.require_ledger()
    for i in made.incidents:
        title, cause = i.title, i.root_cause
        if run.say.ko:
            found, kept = await ledger.findings(incident=i.id), await ledger.incident(i.id)
            title = title_of(found, "ko") if found else title
            cause = cause_line(kept.causes, "ko")
        cause = cause or run.say("not known", "미상")
        run.tell(
            f"- {i.id} [{i.severity}, {i.state}] {title}; opened {i.opened}; likely cause: {cause}",
            f"- {i.id} [{run.say.term(i.severity)}, {run.say.term(i.state)}] {title}; 시작 {i.opened}; 유력한 원인: {cause}",
        )


async def metrics(run: Run) -> None:
    """What is measured here."""
    made = await run.call(list_metrics, server=run.plan.servers[0] if run.plan.servers else "")
    run.tell(f"{made.total} metrics can be asked for:", f"조회할 수 있는 지표는 {made.total}개입니다:")
    run.sentences += [
        f"- {m.name} [{m.unit}]: {run.say.metric(m.name) if run.say.ko else m.description}" for m in made.metrics
    ]


async def show_help(run: Run) -> None:
    """What can be asked, with examples."""
    run.tell(
        "Ask in English or Korean about health, causes, anomalies, forecasts, capacity, comparisons, incidents and remedies. For example:",
        "상태, 원인, 이상 징후, 예측, 용량, 비교, 장애 이력, 조치를 한국어나 영어로 물어보세요. 예:",
    )
    run.sentences += [f"- {run.say(en, ko)}" for en, ko in _EXAMPLES]
