"""Answers about values over time: readings, forecasts, capacity."""

from __future__ import annotations

from openmanager_core.text import ident, quoted
from openmanager_core.timespan import iso
from openmanager_kit.answers import Answer
from openmanager_local.answers.common import Lines, Row, Telling, amount, block, joined, more, notes, trail_block


class SeriesRow(Row):
    """One series; values in the metric's unit at start + k x step; null: no reading."""

    server: str
    start_s: float
    step_s: float
    values: list[float | None]
    mean: float | None
    min: float | None
    max: float | None
    p95: float | None
    last: float | None
    coverage: float


class ReadingsAnswer(Telling, Answer):
    """A page of series of one metric."""

    metric: str
    unit: str
    window: str
    aggregate: str
    total: int
    series: list[SeriesRow]
    explanation: str
    problems: Lines
    trail: Lines
    next_cursor: str | None

    def as_text(self) -> str:
        """A summary line a series, then its values."""
        rows = []
        for s in self.series:
            a = {name: amount(getattr(s, name), self.metric) for name in ("mean", "min", "max", "p95", "last")}
            rows.append(
                f"- {ident(s.server)}: mean {a['mean']}, min {a['min']}, max {a['max']}, p95 {a['p95']}, "
                f"last {a['last']}, {100 * s.coverage:.0f} % of readings there\n"
                f"  from {iso(s.start_s)} every {s.step_s:g} s: "
                + " ".join("-" if v is None else f"{v:g}" for v in s.values)
            )
        shown = f"{len(self.series)} of {self.total} series over {self.window}"
        head = f"{self.metric} [{self.unit}], {self.aggregate}, {shown}"
        return joined(
            block(head, rows, self.explanation), trail_block(self.trail), notes(self.problems), more(self.next_cursor)
        )


class ForecastAnswer(Telling, Answer):
    """A forecast with its 80 % interval, and when a threshold is crossed; null: not within the horizon."""

    server: str
    metric: str
    unit: str
    history: str
    horizon: str
    method: str
    season_s: float | None
    start_s: float
    step_s: float
    mean: list[float | None]
    low: list[float | None]
    high: list[float | None]
    threshold: float | None
    crosses_at: str | None
    crosses_earliest: str | None
    crosses_latest: str | None
    confidence: float
    explanation: str
    problems: Lines
    trail: Lines

    def as_text(self) -> str:
        """The crossing first, then the numbers."""
        season = f", season {self.season_s:g} s" if self.season_s else ", no season"
        head = (
            f"Forecast of {self.metric} on {ident(self.server)}, {self.horizon} ahead from {self.history} "
            f"({self.method}{season})"
        )
        crossing = ""
        if self.threshold is not None:
            limit = amount(self.threshold, self.metric)
            if self.crosses_at:
                crossing = (
                    f"It crosses {limit} about {self.crosses_at} (80 %: {self.crosses_earliest or 'before the horizon'}"
                    f" to {self.crosses_latest or 'after the horizon'})."
                )
            elif self.crosses_earliest:
                crossing = (
                    f"It may cross {limit} from {self.crosses_earliest} (edge of the 80 % interval), not on average."
                )
            else:
                crossing = f"It does not cross {limit} within the horizon."
        rows = [
            f"- {iso(self.start_s + k * self.step_s)}: {amount(m, self.metric)} "
            f"({amount(lo, self.metric)} to {amount(hi, self.metric)})"
            for k, (m, lo, hi) in enumerate(zip(self.mean, self.low, self.high, strict=True))
        ]
        return joined(
            head,
            crossing,
            f"{self.explanation} Confidence {self.confidence:.2f}.".strip(),
            block("Mean (80 % interval)", rows),
            trail_block(self.trail),
            notes(self.problems),
        )


class CapacityRow(Row):
    """A cluster's tightest resource; before: without the moved load, null where none moves."""

    cluster: str
    type: str
    servers: int
    metric: str
    used: float | None
    peak: float | None
    limit: float
    headroom: float | None
    exhausted: str | None
    earliest: str | None
    latest: str | None
    servers_needed: int
    confidence: float
    summary: str
    used_before: float | None
    peak_before: float | None
    exhausted_before: str | None


class CapacityAnswer(Telling, Answer):
    """A page of clusters, most urgent first."""

    history: str
    horizon: str
    growth_ratio: float
    lost_servers: int
    moved_load: str
    total: int
    clusters: list[CapacityRow]
    explanation: str
    problems: Lines
    trail: Lines
    next_cursor: str | None

    def as_text(self) -> str:
        """One paragraph a cluster."""
        rows = [
            f"- {ident(c.cluster)} ({_servers(c.servers, c.type)}), {c.metric}: used {amount(c.used, c.metric)}, "
            f"peak {amount(c.peak, c.metric)}, limit {amount(c.limit, c.metric)}; "
            + _running_out(c)
            + f"needs {_servers(c.servers_needed)}; {c.summary} (confidence {c.confidence:.2f})"
            for c in self.clusters
        ]
        what_if = f"growth {100 * self.growth_ratio:+.0f} %, {_servers(self.lost_servers)} lost per cluster"
        if self.moved_load:
            what_if += f", moved load {quoted(self.moved_load)}"
        head = f"{len(self.clusters)} of {self.total} clusters, {self.horizon} ahead from {self.history}; {what_if}"
        return joined(
            block(head, rows, self.explanation), trail_block(self.trail), notes(self.problems), more(self.next_cursor)
        )


def _running_out(c: CapacityRow) -> str:
    if c.used is not None and c.used >= c.limit:
        return "over its limit now; "
    if not c.exhausted:
        return ""
    return f"exhausted {c.exhausted} (80 %: {c.earliest or 'now'} to {c.latest or 'after the horizon'}); "


def _servers(count: int, kind: str = "") -> str:
    return f"{count} {kind + ' ' if kind else ''}server{'' if count == 1 else 's'}"
