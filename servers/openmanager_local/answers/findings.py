"""Answers about what is odd: anomalies, patterns, correlations, causes, differences."""

from __future__ import annotations

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


class AnomaliesAnswer(Telling, Answer):
    """A page of anomalies, strongest first, or why there are none."""

    window: str
    screened_series: int
    method: str
    total: int
    chance: str
    anomalies: list[FindingRow]
    explanation: str
    incidents: list[str]
    problems: Lines
    trail: Lines
    next_cursor: str | None

    def as_text(self) -> str:
        """The findings, then what they belong to."""
        return joined(
            block(
                f"{len(self.anomalies)} of {self.total} anomalies in {self.window}; "
                f"{self.screened_series} series screened by {self.method}",
                [row.as_text() for row in self.anomalies],
                self.explanation,
            ),
            self.chance,
            block("Incidents they belong to", [f"- {text}" for text in self.incidents]),
            trail_block(self.trail),
            notes(self.problems),
            more(self.next_cursor),
        )


class PatternRow(Telling, Row):
    """A pattern in one series."""

    kind: str
    server: str
    metric: str
    period_s: float | None
    strength: float
    confidence: float
    start: str
    end: str | None
    summary: str


class PatternsAnswer(Telling, Answer):
    """A page of patterns, strongest first, or why there are none."""

    window: str
    series: int
    total: int
    patterns: list[PatternRow]
    explanation: str
    problems: Lines
    trail: Lines
    next_cursor: str | None

    def as_text(self) -> str:
        """One line a pattern."""
        rows = [
            f"- {p.kind} of {p.metric} on {ident(p.server)}: {p.summary} "
            f"(strength {p.strength:.2f}, confidence {p.confidence:.2f}, from {p.start} to {p.end or 'now'})"
            for p in self.patterns
        ]
        head = f"{len(self.patterns)} of {self.total} patterns in {self.series} series over {self.window}"
        return joined(
            block(head, rows, self.explanation), trail_block(self.trail), notes(self.problems), more(self.next_cursor)
        )


class PairRow(Row):
    """Two series that move together; a positive lag means a moves first."""

    server_a: str
    metric_a: str
    server_b: str
    metric_b: str
    r: float
    lag_s: float
    n_effective: float
    p_value: float
    q_value: float


class CorrelationsAnswer(Telling, Answer):
    """A page of correlated pairs, strongest first, or why there are none."""

    window: str
    tested_pairs: int
    total: int
    pairs: list[PairRow]
    explanation: str
    problems: Lines
    trail: Lines
    next_cursor: str | None

    def as_text(self) -> str:
        """One line a pair."""
        rows = []
        for p in self.pairs:
            a, b = f"{ident(p.server_a)} {p.metric_a}", f"{ident(p.server_b)} {p.metric_b}"
            order = "at the same time" if p.lag_s == 0 else f"{a if p.lag_s > 0 else b} leads by {abs(p.lag_s):g} s"
            rows.append(f"- r={p.r:+.2f} {a} with {b}, {order} (q={p.q_value:.2g}, n_eff={p.n_effective:.0f})")
        head = (
            f"{len(self.pairs)} of {self.total} correlated pairs over {self.window}, {self.tested_pairs} pairs tested"
        )
        return joined(
            block(head, rows, self.explanation), trail_block(self.trail), notes(self.problems), more(self.next_cursor)
        )


class RootCauseAnswer(Telling, Answer):
    """Causes, best first, or why none is named."""

    window: str
    causes: list[CauseRow]
    findings_used: int
    evidence: list[FindingRow]
    recent_changes: list[str]
    explanation: str
    problems: Lines
    trail: Lines

    def as_text(self) -> str:
        """The ranking with its evidence."""
        return joined(
            block(
                f"Root causes in {self.window}, from {self.findings_used} findings",
                [row.as_text() for row in self.causes],
                self.explanation,
            ),
            block("Strongest findings", [row.as_text() for row in self.evidence]),
            block("Recent changes", [f"- {text}" for text in self.recent_changes]),
            trail_block(self.trail),
            notes(self.problems),
        )


class DifferenceRow(Row):
    """One series in two windows, in the metric's unit; q_value is corrected for the number of series."""

    server: str
    metric: str
    before: float | None
    after: float | None
    change_ratio: float | None
    effect_sigma: float | None
    q_value: float
    changed: bool


class DifferencesAnswer(Telling, Answer):
    """A page of differences between two windows, largest first."""

    before_window: str
    after_window: str
    series: int
    changed: int
    total: int
    differences: list[DifferenceRow]
    explanation: str
    problems: Lines
    trail: Lines
    next_cursor: str | None

    def as_text(self) -> str:
        """One line a series."""
        rows = []
        for d in self.differences:
            ratio = "" if d.change_ratio is None else f" ({100 * d.change_ratio:+.0f} %)"
            size = "" if d.effect_sigma is None else f", {d.effect_sigma:+.1f} sigma"
            rows.append(
                f"- {ident(d.server)} {d.metric}: {amount(d.before, d.metric)} -> {amount(d.after, d.metric)}{ratio}"
                f"{size}, q={d.q_value:.2g}"
            )
        head = f"{self.changed} of {self.series} series changed between {self.before_window} and {self.after_window}"
        return joined(
            block(head, rows, self.explanation), trail_block(self.trail), notes(self.problems), more(self.next_cursor)
        )
