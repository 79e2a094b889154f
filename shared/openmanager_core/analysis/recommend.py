"""What to do next: picks runbook steps for causes, findings, sick servers and capacity, and fills in the evidence."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import Literal, Protocol

from openmanager_core.analysis.recommend_words import tell
from openmanager_core.catalog import BY_NAME
from openmanager_core.facts import Fact, as_written, fact, paired
from openmanager_core.findings import Cause, Finding, Recommendation
from openmanager_core.fleet import Fleet, Health
from openmanager_core.job import checkpoint
from openmanager_core.knowledge import Runbook, Step, for_cause, for_finding, runbook

_MOST_FINDINGS = 10
_MOST_SICK = 5
_MOST_CAPACITY = 10
_NAME_LENGTH = 80
_SEVERITY_RANK = {"critical": 0, "warning": 1, "info": 2}

Level = Literal["server", "cluster"]


class CapacityItem(Protocol):
    """What is asked of an item of a capacity outlook."""

    @property
    def cluster(self) -> str:
        """The cluster."""
        ...

    @property
    def metric(self) -> str:
        """What runs out there."""
        ...

    @property
    def headroom_ratio(self) -> float:
        """Share of the limit that is left at the peak; below 0 the limit is passed."""
        ...

    @property
    def exhausted_at_s(self) -> float | None:
        """When the limit is reached, Unix seconds; None if not within the horizon."""
        ...

    @property
    def servers_needed(self) -> int:
        """Servers needed at the horizon."""
        ...

    @property
    def servers(self) -> int:
        """Servers there are."""
        ...

    @property
    def summary(self) -> str:
        """One sentence."""
        ...

    @property
    def fact(self) -> Fact | None:
        """What the summary says, for every language."""
        ...


def recommend(
    findings: Sequence[Finding],
    causes: Sequence[Cause],
    health: Mapping[str, Health],
    fleet: Fleet,
    *,
    capacity: Sequence[CapacityItem] = (),
) -> list[Recommendation]:
    """Say what to do, most urgent first.

    Parameters
    ----------
    findings
        What is unusual; the ten worst that no cause explains get an action each.
    causes
        Ranked causes; their runbooks' steps come first, with the evidence of the cause as the reason.
    health
        Server id to health; critical servers that neither a cause nor a finding names get an action too.
    fleet
        Says what a server is.
    capacity
        Items of a capacity outlook; those that run out are named with their date.

    Returns
    -------
    list of Recommendation
        `priority` counts from 1; empty when there is nothing to do. Names that come from the fleet are
        quoted in sentences and escaped in queries.
    """
    out: list[Recommendation] = []
    done: set[tuple[str, str]] = set()

    def add(
        book: Runbook, step: Step, target: str, level: Level, metric: str, reason: Fact, ids: tuple[str, ...]
    ) -> None:
        key = (target, step.action)
        if key in done:
            return
        done.add(key)
        out.append(_filled(book, step, _words(target, level, metric), target, reason, len(out) + 1, ids))

    covered: set[str] = set()
    late: list[tuple[Runbook, Step, Cause, tuple[str, ...]]] = []
    for cause in causes:
        checkpoint()
        book = for_cause(cause.kind)
        places = {cause.node, *cause.explains, *_members(cause, fleet)}
        ids = tuple(f.id for f in findings if f.host in places or f.cluster == cause.node)
        covered |= places
        steps = book.steps
        if cause.change and cause.kind != "bad_deployment":
            steps = (*steps, runbook("bad_deployment").steps[0])
        add(book, steps[0], cause.node, cause.level, cause.metric, _cause_reason(cause), ids)
        late += [(book, step, cause, ids) for step in steps[1:]]
    for book, step, cause, ids in late:
        add(book, step, cause.node, cause.level, cause.metric, _cause_reason(cause), ids)
    open_findings = [f for f in findings if f.host not in covered and (f.cluster not in covered or not f.cluster)]
    open_findings.sort(key=lambda f: (_SEVERITY_RANK[f.severity], -f.confidence * f.score_sigma))
    for finding in [f for f in open_findings if f.severity != "info"][:_MOST_FINDINGS]:
        kind = fleet.by_id[finding.host].type if finding.host in fleet.by_id else ""
        book = for_finding(finding.kind, finding.metric, server_type=kind, direction=finding.direction)
        add(book, book.steps[0], finding.host, "server", finding.metric, finding.fact, (finding.id,))
        covered.add(finding.host)
    sick = sorted((h.score, name) for name, h in health.items() if h.status in ("critical", "unknown"))
    for _, name in [s for s in sick if s[1] in fleet.by_id and s[1] not in covered][:_MOST_SICK]:
        state = health[name]
        book = runbook("missing_data") if state.status == "unknown" else _book_for_reason(state)
        reason = (*paired(state.reasons, state.facts), fact("health.status", status=state.status))[0]
        add(book, book.steps[0], name, "server", book.metrics[0] if book.metrics else "", reason, ())
    short = sorted(filter(_runs_out, capacity), key=lambda c: (c.exhausted_at_s or math.inf, c.headroom_ratio))
    for item in short[:_MOST_CAPACITY]:
        book = runbook("capacity")
        add(book, book.steps[0], item.cluster, "cluster", item.metric, _capacity_reason(item), ())
    return out


def _members(cause: Cause, fleet: Fleet) -> tuple[str, ...]:
    if cause.level == "cluster" and cause.node in fleet.cluster_by_id:
        return fleet.cluster_by_id[cause.node].members
    return ()


def _cause_reason(cause: Cause) -> Fact:
    """Why this cause, with its values; a change at the same place is named first."""
    parts = list(paired(cause.evidence, cause.facts)[:2])
    if cause.change:
        parts.insert(0, cause.change_fact or as_written(cause.change))
    return fact("reason.cause", parts=tuple(parts), kind=cause.kind, confidence=cause.confidence)


def _book_for_reason(state: Health) -> Runbook:
    """The runbook for the largest loss of a sick server, found by the metric its reason begins with."""
    first = (state.reasons[0] if state.reasons else "").split(" ", 1)[0]
    by_first_word = {"errors": "errors_per_s", "queue": "queue_depth_messages", "clock": "clock_offset_s"}
    return for_finding("level_shift", by_first_word.get(first, first), direction="up")


def _runs_out(item: CapacityItem) -> bool:
    return item.exhausted_at_s is not None or item.headroom_ratio <= 0 or item.servers_needed > item.servers


def _capacity_reason(item: CapacityItem) -> Fact:
    return fact(
        "reason.capacity",
        summary=item.fact or as_written(item.summary),
        at_s=item.exhausted_at_s,
        needed=item.servers_needed,
        servers=item.servers,
    )


def as_data(name: str) -> str:
    """A name from outside, quoted and without control characters, so that it reads as data and nothing else."""
    kept = "".join(c if c.isprintable() else " " for c in name)
    return json.dumps(kept[:_NAME_LENGTH] + ("..." if len(kept) > _NAME_LENGTH else ""), ensure_ascii=False)


def selector(target: str, level: Level) -> str:
    """The PromQL label matcher of a server or cluster, its value escaped as PromQL asks."""
    return f'{{{level}="{"".join(map(_escaped, target))}"}}'


def _escaped(c: str) -> str:
    """One character inside a PromQL string; what cannot be printed is spelled out."""
    if c in '\\"':
        return f"\\{c}"
    if c.isprintable():
        return c
    return f"\\u{ord(c):04x}" if ord(c) < 0x10000 else f"\\U{ord(c):08x}"


def _words(target: str, level: Level, metric: str) -> dict[str, str]:
    """What the blanks of a step are filled with."""
    found = BY_NAME.get(metric)
    return {
        "target": as_data(target),
        "selector": selector(target, level),
        "prometheus": found.prometheus if found else "openmanager_cpu_busy_ratio",
    }


def _filled(
    book: Runbook, step: Step, words: dict[str, str], target: str, reason: Fact, priority: int, ids: tuple[str, ...]
) -> Recommendation:
    told = tell(book, step, words, reason, "en")
    # a step of another book stands in a cause's list too: what is kept is where it is from
    home = book if step in book.steps else runbook("bad_deployment")
    return Recommendation(
        action=told.action,
        target=target,
        reason=told.reason,
        expected_effect=told.expected_effect,
        risk=step.risk,
        verify=told.verify,
        priority=priority,
        finding_ids=ids[:50],
        step=(home.id, home.steps.index(step)),
        book=book.id,
        words=tuple(words.items()),
        because=reason,
    )
