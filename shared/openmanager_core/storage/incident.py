"""What an incident is: findings that belong together over time and topology, and what was done about them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, get_args

from openmanager_core.facts import fact
from openmanager_core.findings import SEVERITIES, Cause, Finding, Severity
from openmanager_core.wording import Language, said

State = Literal["open", "acknowledged", "resolved"]
STATES: tuple[State, ...] = get_args(State)
EventKind = Literal["opened", "updated", "acknowledged", "resolved", "reopened", "cause", "feedback"]
Verdict = Literal["false_alarm", "confirmed"]
VERDICTS: tuple[Verdict, ...] = get_args(Verdict)


@dataclass(frozen=True, slots=True)
class IncidentEvent:
    """One line of an incident's timeline.

    Attributes
    ----------
    at_s
        When we wrote it down, Unix seconds of the source.
    note
        What a person said; outside text, to be quoted.
    severity
        The incident's severity from then on; empty if the event did not touch it.
    finding_ids
        The findings that came in with it.
    automatic
        Whether we did it ourselves, on what the findings said.
    """

    at_s: float
    kind: EventKind
    note: str = ""
    severity: str = ""
    finding_ids: tuple[str, ...] = ()
    automatic: bool = True


@dataclass(frozen=True, slots=True)
class Incident:
    """Findings that are one event, as far as time and topology tell.

    Attributes
    ----------
    id
        ``inc-0001`` and so on; never used twice in one Ledger.
    severity
        The highest of its findings so far.
    opened_s
        When the earliest of its findings began; the timeline says when it was noticed.
    updated_s
        When it last changed or was seen.
    resolved_s
        When it ended; None while it has not.
    root_cause
        The likeliest cause in one line, or empty.
    causes
        Candidates, best first.
    timeline
        Oldest first.
    """

    id: str
    title: str
    state: State
    severity: Severity
    opened_s: float
    updated_s: float
    resolved_s: float | None
    clusters: tuple[str, ...]
    hosts: tuple[str, ...]
    finding_ids: tuple[str, ...]
    root_cause: str = ""
    causes: tuple[Cause, ...] = ()
    timeline: tuple[IncidentEvent, ...] = field(default=())

    @property
    def active(self) -> bool:
        """Whether it still asks for somebody."""
        return self.state != "resolved"

    def duration_s(self, now_s: float) -> float:
        """Seconds from its beginning to its end, or to now."""
        return max(0.0, (self.resolved_s if self.resolved_s is not None else now_s) - self.opened_s)

    def as_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return asdict(self)


def severity_rank(severity: str) -> int:
    """0 for info, 1 for warning, 2 for critical."""
    return SEVERITIES.index(severity)


def worst_first(finding: Finding) -> tuple[int, float, float, str]:
    """Sort key: the most severe, then the farthest from normal, then the earliest."""
    return (-severity_rank(finding.severity), -finding.score_sigma, finding.start_s, finding.id)


def title_of(findings: Iterable[Finding], language: Language = "en") -> str:
    """One line that says what, on what, and how far it reaches."""
    ranked = sorted(findings, key=worst_first)
    worst = ranked[0]
    hosts, clusters = len({f.host for f in ranked}), len({f.cluster for f in ranked if f.cluster})
    place = {"metric": worst.metric, "host": worst.host}
    return said(fact("incident.title", kind=worst.kind, hosts=hosts, clusters=clusters, **place), language)


def cause_line(causes: Iterable[Cause], language: Language = "en") -> str:
    """The first cause in one line; empty if there is none."""
    for cause in causes:
        place = {"level": cause.level, "node": cause.node, "kind": cause.kind, "metric": cause.metric}
        return said(fact("incident.cause", confidence=cause.confidence, **place), language)
    return ""
