"""Answers about what to do and what has happened: actions, incidents, faults."""

from __future__ import annotations

from openmanager_core.text import ident
from openmanager_kit.answers import Answer
from openmanager_local.answers.common import ActionRow, Lines, Row, Telling, block, joined, more, notes, trail_block


class ActionsAnswer(Telling, Answer):
    """A page of actions, most urgent first, or why there are none."""

    window: str
    total: int
    actions: list[ActionRow]
    explanation: str
    problems: Lines
    trail: Lines
    next_cursor: str | None

    def as_text(self) -> str:
        """A numbered list."""
        head = f"{len(self.actions)} of {self.total} actions for {self.window}"
        return joined(
            block(head, [row.as_text() for row in self.actions], self.explanation),
            trail_block(self.trail),
            notes(self.problems),
            more(self.next_cursor),
        )


class IncidentRow(Row):
    """An incident in a list."""

    id: str
    title: str
    state: str
    severity: str
    opened: str
    updated: str
    resolved: str | None
    servers: list[str]
    clusters: list[str]
    findings: int
    root_cause: str


class IncidentsAnswer(Answer):
    """A page of incidents, newest first."""

    total: int
    incidents: list[IncidentRow]
    explanation: str
    next_cursor: str | None

    def as_text(self) -> str:
        """Two lines an incident."""
        rows = [
            f"- {i.id} [{i.severity}, {i.state}] {i.title}\n"
            f"  opened {i.opened}, updated {i.updated}{f', resolved {i.resolved}' if i.resolved else ''}; "
            f"{i.findings} findings on {', '.join(map(ident, i.servers[:6])) or 'no server'}; "
            f"likely cause: {i.root_cause or 'not known'}"
            for i in self.incidents
        ]
        return joined(
            block(f"{len(self.incidents)} of {self.total} incidents", rows, self.explanation), more(self.next_cursor)
        )


class UpdateAnswer(Answer):
    """What was written down, and the incident as it is now, if it was about one."""

    message: str
    incidents: list[IncidentRow]

    def as_text(self) -> str:
        """The sentence says it all."""
        return self.message


class FaultRow(Row):
    """A fault that the simulator was told to make."""

    id: str
    kind: str
    targets: list[str]
    severity: float
    start: str
    end: str


class FaultsAnswer(Answer):
    """The faults after the change."""

    message: str
    faults: list[FaultRow]

    def as_text(self) -> str:
        """What was done, and what is in force."""
        rows = [
            f"- {f.id}: {f.kind} on {', '.join(map(ident, f.targets))}, severity {f.severity:g}, {f.start} to {f.end}"
            for f in self.faults
        ]
        return joined(self.message, block("Faults in force", rows, "None."))
