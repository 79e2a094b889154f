"""Use cases about what to do and what has happened: actions, incidents, faults to practise on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from openmanager_core.catalog import FaultKind
from openmanager_core.job import checkpoint, offload, part
from openmanager_core.text import ident, visible
from openmanager_core.timespan import iso, parse_duration, span
from openmanager_kit.answers import paged
from openmanager_local.answers.common import action_row
from openmanager_local.answers.incidents import (
    ActionsAnswer,
    FaultRow,
    FaultsAnswer,
    IncidentRow,
    IncidentsAnswer,
    UpdateAnswer,
)
from openmanager_local.parameters import Bench, Cluster, Cursor, End, Explain, Language, Limit, MaxChars, Start
from openmanager_local.survey import survey
from openmanager_local.trail import causes_considered, lines_in, trail, trail_of
from openmanager_local.trail_steps import action_steps, incident_steps
from openmanager_local.words import span_text

if TYPE_CHECKING:
    from openmanager_core.simulator.faults import Fault
    from openmanager_core.storage.incident import Incident

State = Literal["", "open", "acknowledged", "resolved"]
Step = Literal["acknowledge", "resolve", "reopen", "false_alarm", "confirmed"]


async def recommend_actions(
    analyst: Bench,
    cluster: Cluster = "",
    start: Start = "now-1h",
    end: End = "now",
    explain: Explain = False,
    limit: Limit = 10,
    cursor: Cursor = "",
    max_chars: MaxChars = 10_000,
) -> ActionsAnswer:
    """What to do, each with reason, effect, risk, and the query or command that verifies it."""
    from openmanager_core.analysis.recommend import recommend

    window = await analyst.window(start, end)
    fleet = await analyst.fleet()
    if cluster:
        fleet.cluster(cluster)
    with part(0.0, 0.95):
        seen = await survey(analyst, window)
    checkpoint(0.95, f"recommending for {len(seen.causes)} causes and {len(seen.findings)} findings")
    every = await offload(recommend, seen.findings, seen.causes, seen.servers, fleet)
    actions = every
    if cluster:
        places = {cluster, *fleet.cluster_by_id[cluster].members}
        actions = [a for a in every if a.target in places]
    shown: list[str] = []
    if explain:
        sick = sum(h.status in ("critical", "unknown") for h in seen.servers.values())
        steps = action_steps(every, len(actions), len(seen.findings), sick)
        shown = await trail_of(analyst, seen, steps=steps)
    return paged(
        actions,
        lambda part, total, after: ActionsAnswer(
            window=span_text(window),
            total=total,
            actions=[action_row(a) for a in part],
            explanation=""
            if part
            else f"Nothing needs doing: {len(seen.findings)} findings, none with a known remedy.",
            problems=list(seen.problems[:5]),
            trail=shown,
            next_cursor=after,
        ).telling(window=lambda language: span_text(window, language)),
        limit=limit,
        cursor=cursor,
        max_chars=max_chars,
        key=f"recommend_actions|{cluster}|{start}|{end}",
    )


async def list_incidents(
    analyst: Bench,
    state: Annotated[State, Field(description="Empty: all")] = "",
    limit: Limit = 20,
    cursor: Cursor = "",
    max_chars: MaxChars = 10_000,
) -> IncidentsAnswer:
    """Incidents kept so far, newest first. Each look at the fleet keeps them up to date."""
    ledger = await analyst.require_ledger()
    found = await ledger.incidents(state=state, limit=500, offset=0)
    return paged(
        found,
        lambda part, total, after: IncidentsAnswer(
            total=total,
            incidents=[incident_row(i) for i in part],
            explanation="" if part else "No incident is on record. Try: find_anomalies, which opens them.",
            next_cursor=after,
        ),
        limit=limit,
        cursor=cursor,
        max_chars=max_chars,
        key=f"list_incidents|{state}",
    )


def incident_row(incident: Incident) -> IncidentRow:
    """The row of one incident."""
    return IncidentRow(
        id=incident.id,
        title=incident.title,
        state=incident.state,
        severity=incident.severity,
        opened=iso(incident.opened_s),
        updated=iso(incident.updated_s),
        resolved=None if incident.resolved_s is None else iso(incident.resolved_s),
        servers=[visible(h) for h in incident.hosts[:10]],
        clusters=[visible(c) for c in incident.clusters[:10]],
        findings=len(incident.finding_ids),
        root_cause=incident.root_cause,
    )


async def incident_report(
    analyst: Bench,
    incident_id: Annotated[str, Field(description="Id from list_incidents")],
    language: Annotated[Language, Field(description="Of the report")] = "en",
    explain: Explain = False,
) -> str:
    """Post-mortem of one incident in Markdown: impact, timeline, evidence, cause, actions."""
    return await report_text(analyst, incident_id, language, explain)


async def report_text(analyst: Bench, incident_id: str, language: Language, explain: bool = False) -> str:
    """The post-mortem, for the tool and the resource."""
    from openmanager_core.analysis.recommend import recommend
    from openmanager_core.postmortem import incident_markdown

    ledger = await analyst.require_ledger()
    incident = await ledger.incident(incident_id)
    findings = await ledger.findings(incident=incident.id)
    actions = await offload(recommend, findings, incident.causes, {}, await analyst.fleet())
    text = await offload(incident_markdown, incident, findings, incident.causes, actions, language=language)
    if not explain:
        return text
    steps = [*incident_steps(incident, findings, actions), causes_considered(incident.causes)]
    lines = "\n".join(f"- {line}" for line in lines_in(await trail(analyst, steps), language))
    return f"{text.rstrip()}\n\n## {'분석 과정' if language == 'ko' else 'Trail'}\n\n{lines}\n"


async def update_incident(
    analyst: Bench,
    action: Annotated[Step, Field(description="The last two judge a finding")],
    id: Annotated[str, Field(description="Incident id; to judge: finding id or server|metric|kind")],
    note: Annotated[str, Field(description="Kept with it")] = "",
) -> UpdateAnswer:
    """Move an incident on, or judge a finding: false_alarm lowers the score of that pattern on that server."""
    ledger, now_s = await analyst.require_ledger(), await analyst.now_s()
    if action == "false_alarm" or action == "confirmed":
        factor = await ledger.feedback(id, action, note, at_s=now_s)
        return UpdateAnswer(
            message=f"Kept: {action} for {ident(id)}. Scores of this pattern there now count {factor:g} times.",
            incidents=[],
        )
    move = {"acknowledge": ledger.acknowledge, "resolve": ledger.resolve, "reopen": ledger.reopen}[action]
    incident = await move(id, note, at_s=now_s)
    lasted = span(incident.duration_s(now_s))
    return UpdateAnswer(
        message=f"{incident.id} is {incident.state}, {lasted} after it began: {incident.title}.",
        incidents=[incident_row(incident)],
    )


async def inject_fault(
    analyst: Bench,
    kind: Annotated[FaultKind, Field(description="What goes wrong")],
    target: Annotated[str, Field(description="Server or cluster id")],
    severity: Annotated[float, Field(ge=0.05, le=1, description="0.05 to 1")] = 0.8,
    started: Annotated[str, Field(description="e.g. now-20m")] = "now-10m",
    duration: Annotated[str, Field(description="Length")] = "2h",
) -> FaultsAnswer:
    """Make a fault in the simulated fleet, to practise on."""
    from openmanager_core.simulator.faults import Fault
    from openmanager_core.timespan import parse_instant

    simulator = await analyst.simulator()
    start_s = parse_instant(started, await simulator.now_s(), name="started")
    end_s = start_s + parse_duration(duration, name="duration")
    made = await offload(simulator.inject, Fault("", kind, (target,), start_s, end_s, severity))
    return FaultsAnswer(
        message=f"Injected {made.kind} on {ident(target)} as {made.id}. Try: fleet_overview, then find_root_cause.",
        faults=[fault_row(f) for f in simulator.active()],
    )


async def clear_faults(
    analyst: Bench, fault_id: Annotated[str, Field(description="Id from inject_fault; empty: all")] = ""
) -> FaultsAnswer:
    """End faults in the simulated fleet now; what they did stays in its past."""
    simulator = await analyst.simulator()
    gone = await offload(simulator.clear, [fault_id] if fault_id else ())
    return FaultsAnswer(
        message=f"Ended {gone} fault{'' if gone == 1 else 's'}.", faults=[fault_row(f) for f in simulator.active()]
    )


def fault_row(fault: Fault) -> FaultRow:
    """The row of one fault."""
    return FaultRow(
        id=fault.id,
        kind=fault.kind,
        targets=list(fault.targets),
        severity=fault.severity,
        start=iso(fault.start_s),
        end="until cleared" if fault.end_s is None else iso(fault.end_s),
    )
