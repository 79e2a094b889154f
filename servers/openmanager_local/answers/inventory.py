"""Answers about what there is: overview, servers, metrics."""

from __future__ import annotations

from pydantic import Field

from openmanager_core.text import ident
from openmanager_kit.answers import Answer
from openmanager_local.answers.common import (
    CauseRow,
    FindingRow,
    Lines,
    Row,
    Telling,
    amount,
    block,
    joined,
    more,
    notes,
    trail_block,
)


class ClusterRow(Telling, Row):
    """A cluster and how it is (100 is well)."""

    id: str
    type: str
    environment: str
    region: str
    servers: int
    health: float | None
    status: str
    reasons: list[str]


class OverviewAnswer(Telling, Answer):
    """The whole fleet at a glance."""

    window: str
    source: str
    health: float | None
    status: str
    reasons: list[str]
    servers: int
    servers_by_status: dict[str, int]
    servers_by_type: dict[str, int]
    screened_series: int
    worst_clusters: list[ClusterRow]
    anomalies: list[FindingRow]
    anomalies_total: int
    above_line: int
    causes: list[CauseRow]
    open_incidents: int
    problems: Lines
    next_steps: list[str]
    trail: Lines

    def as_text(self) -> str:
        """The overview in paragraphs, worst first."""
        score = "unknown" if self.health is None else f"{self.health:.0f}/100"
        counted = ", ".join(f"{n} {name}" for name, n in self.servers_by_status.items())
        types = ", ".join(f"{n} {name}" for name, n in self.servers_by_type.items())
        head = (
            f"Fleet health {score} ({self.status}); {self.servers} servers: {counted}; {types}.\n"
            f"Window {self.window}; source {self.source}; {self.screened_series} series screened; "
            f"{self.open_incidents} open incidents."
        )
        clusters = [
            f"- {ident(c.id)} ({c.type}, {c.environment}, {c.servers} servers): "
            f"{'unknown' if c.health is None else f'{c.health:.0f}/100'} {c.status}"
            + (f": {'; '.join(c.reasons)}" if c.reasons else "")
            for c in self.worst_clusters
        ]
        return joined(
            head,
            block("Why", [f"- {text}" for text in self.reasons]),
            block("Clusters that need a look", clusters),
            block(
                f"Anomalies ({len(self.anomalies)} of {self.anomalies_total}, "
                f"{self.above_line} of these above the line of chance)",
                [row.as_text() for row in self.anomalies],
                "None above the threshold.",
            ),
            block("Likely causes", [row.as_text() for row in self.causes], "None: nothing points at a cause."),
            notes(self.problems),
            block("Next", [f"- {text}" for text in self.next_steps]),
            trail_block(self.trail),
        )


class ServerRow(Row):
    """A server in a list."""

    id: str
    type: str
    environment: str
    region: str
    cluster: str
    architecture: str
    health: float | None
    status: str


class ServersAnswer(Answer):
    """A page of servers, the least healthy first."""

    total: int
    servers: list[ServerRow]
    problems: Lines
    trail: Lines
    next_cursor: str | None

    def as_text(self) -> str:
        """One line a server."""
        rows = [
            f"- {ident(s.id)}: {s.type}, {s.environment}, {s.region}, {s.architecture}, cluster {ident(s.cluster)}, "
            f"health {'unknown' if s.health is None else f'{s.health:.0f}'} {s.status}"
            for s in self.servers
        ]
        return joined(
            block(f"{len(self.servers)} of {self.total} servers, least healthy first", rows, "No server matches."),
            trail_block(self.trail),
            notes(self.problems),
            more(self.next_cursor),
        )


class ReadingRow(Row):
    """A metric now; null: no reading."""

    metric: str
    value: float | None
    unit: str
    peers_median: float | None


class ServerAnswer(Telling, Answer):
    """Everything about one server."""

    id: str
    name: str
    type: str
    role: str
    environment: str
    region: str
    architecture: str
    cluster: str
    cpu_cores: int
    memory_bytes: int
    disk_bytes: int
    health: float | None
    status: str
    reasons: list[str]
    load_balancer: str
    scaling: str
    calls: list[str] = Field(description="Clusters its cluster calls")
    called_by: list[str]
    application: str
    readings: list[ReadingRow]
    anomalies: list[FindingRow]
    recent_changes: list[str]
    window: str
    problems: Lines
    trail: Lines

    def as_text(self) -> str:
        """Who it is, how it is, what stands out."""
        spec = f"{self.cpu_cores} cores, {amount(self.memory_bytes, 'disk_io_bytes_per_s').removesuffix('/s')} memory, "
        spec += f"{amount(self.disk_bytes, 'disk_io_bytes_per_s').removesuffix('/s')} disk"
        readings = [
            f"- {r.metric}: {amount(r.value, r.metric)} (peers' median {amount(r.peers_median, r.metric)})"
            for r in self.readings
        ]
        place = [
            f"Server {ident(self.id)}: {self.type}, {self.role or 'no role'}, {self.environment}, {self.region}, "
            f"{self.architecture}; {spec}.",
            f"Cluster {ident(self.cluster)}; load balancer {self.load_balancer or 'none'}; "
            f"scaling {self.scaling or 'none'}; "
            f"application {ident(self.application) if self.application else 'unknown'}.",
            f"Its cluster calls {', '.join(map(ident, self.calls)) or 'nobody'}; "
            f"called by {', '.join(map(ident, self.called_by)) or 'nobody'}.",
            f"Health {'unknown' if self.health is None else f'{self.health:.0f}/100'} ({self.status}).",
        ]
        return joined(
            "\n".join(place),
            block("Why", [f"- {text}" for text in self.reasons]),
            block("Readings, newest minute", readings, "No metric has a reading."),
            block(f"Anomalies in {self.window}", [row.as_text() for row in self.anomalies], "None."),
            block("Changes", [f"- {text}" for text in self.recent_changes]),
            trail_block(self.trail),
            notes(self.problems),
        )


class MetricRow(Row):
    """A metric of the catalogue."""

    name: str
    unit: str
    worse: str
    types: list[str]
    description: str


class MetricsAnswer(Answer):
    """The metrics that servers here report."""

    total: int
    metrics: list[MetricRow]
    not_reported: list[str]

    def as_text(self) -> str:
        """One line a metric."""
        rows = [
            f"- {m.name} [{m.unit}], worse when {m.worse}, on {', '.join(m.types)}: {m.description}"
            for m in self.metrics
        ]
        return joined(
            block(f"{self.total} metrics", rows, "No metric is reported."),
            f"In the catalogue but not reported here: {', '.join(self.not_reported)}" if self.not_reported else "",
        )
