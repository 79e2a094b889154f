"""From events in samples to findings in words: kind, severity, confidence, evidence."""

from __future__ import annotations

import math
from typing import Literal

import numpy as np

from openmanager_core.analysis._drift import Drift
from openmanager_core.analysis._events import Event
from openmanager_core.analysis._order import median
from openmanager_core.analysis._peers import Peers, PeerView
from openmanager_core.analysis._readings import Stretch
from openmanager_core.analysis._seasonal import DAY_S
from openmanager_core.analysis._steps import Array
from openmanager_core.analysis._swings import Swing
from openmanager_core.catalog import Metric
from openmanager_core.facts import Fact, fact
from openmanager_core.findings import SEVERITIES, Evidence, Finding, FindingKind, Severity, summed_up
from openmanager_core.fleet import Fleet
from openmanager_core.panel import BoolArray
from openmanager_core.wording import said

GROWING_RESOURCES = frozenset({"memory_used_ratio", "disk_used_ratio", "queue_depth_messages", "connections_active"})
LOAD_DRIVEN = frozenset({"queue_depth_messages", "connections_active"})
SATURATION_RATIO = 0.95

_NO_PEERS = PeerView(0, 0.0, 0.0)


class Judge:
    """Knows the metric, the grid and the peers, and words the findings of one panel."""

    def __init__(self, metric: Metric, fleet: Fleet, times_s: Array, peers: Peers | None, min_sigma: float) -> None:
        self.metric = metric
        self.min_sigma = min_sigma
        self._fleet = fleet
        self._times_s = times_s
        self._peers = peers
        self._step_s = median(np.diff(times_s)) if len(times_s) > 1 else 0.0

    @property
    def limit(self) -> float | None:
        """Where saturation begins, or None for a metric without a bound that hurts."""
        finite = math.isfinite(self.metric.high) and self.metric.worse == "high"
        return SATURATION_RATIO * self.metric.high if finite else None

    def event(self, host: str, event: Event, *, saturated: bool) -> list[Finding]:
        """A step with what followed: spike, level shift, trend or leak, or saturation where it met the bound."""
        n = len(self._times_s)
        change = event.observed - event.baseline
        ongoing = event.end >= n
        view = self._view(host, (event.start, event.end), event.before, change, event.baseline)
        kind: FindingKind = "level_shift"
        if saturated:
            kind = "saturation"
        elif event.growing and ongoing:
            leaking = self.metric.name in GROWING_RESOURCES and change > 0
            kind = "leak" if leaking else "trend"
        elif (not ongoing and event.end - event.start <= max(3, n // 6)) or event.end - event.start < 3:
            kind = "spike"
        size = abs(change) / event.spread
        confidence = self._confidence(
            min(size, event.score), event.end - event.start, event.before[1] - event.before[0]
        )
        return [
            self._finding(
                kind, host, event.start, None if ongoing else event.end, size, confidence, change,
                (event.observed, event.baseline, event.spread), event.before, view, fact("method.steps"),
            )
        ]  # fmt: skip

    def drift(self, host: str, drift: Drift, n: int) -> list[Finding]:
        """A slow growth, where it cannot be the daily rhythm or what everybody does."""
        name = self.metric.name
        leaking = name in GROWING_RESOURCES and drift.change > 0
        size = abs(drift.change) / drift.spread
        view = self._view(host, (max(drift.start, n - n // 8), n), (0, max(1, n // 8)), drift.change, drift.baseline)
        alone = view.peers > 0 and view.share < 0.34
        long_enough = (self._times_s[-1] - self._times_s[0]) >= 2 * DAY_S
        # Within a day a load-driven metric climbs every morning: only peers, or a level stretch before, tell.
        trusted = alone or long_enough or (leaking and (name not in LOAD_DRIVEN or drift.hinged))
        # Still stretches before a growth vouch for it; without one it has to be larger.
        least = 5 if leaking and drift.hinged else 10
        large = abs(drift.change) >= least * max(self.metric.floor, self.metric.relative * abs(drift.baseline))
        if not trusted or not large or size < self.min_sigma or (view.peers and view.share >= 0.5):
            return []
        confidence = self._confidence(min(size, drift.score), n - drift.start, n)
        if not alone:
            confidence *= 0.8
        before = (0, drift.start) if drift.hinged else (0, max(1, n // 16))
        return [
            self._finding(
                "leak" if leaking else "trend", host, drift.start, None, size, confidence, drift.change,
                (drift.observed, drift.baseline, drift.spread), before, view,
                fact("method.drift"),
            )
        ]  # fmt: skip

    def saturated(self, host: str, x: Array, start: int, end: int) -> list[Finding]:
        """A stretch at the bound that no step explains: it was there before, or crept up."""
        limit = self.limit
        assert limit is not None
        n = len(x)
        before = (0, start) if start >= 5 else (start, end)
        base = median(x[before[0] : before[1]])
        rest = x[before[0] : before[1]]
        spread = max(1.4826 * median(np.abs(rest - base)), self.metric.floor)
        observed = median(x[start:end])
        size = max(self.min_sigma, abs(observed - base) / spread)
        confidence = 0.9 * min(1.0, (end - start) / 20.0) if start >= 5 else 0.6
        return [
            self._finding(
                "saturation", host, start, None if end >= n else end, size, max(0.2, confidence), 1.0,
                (observed, base, spread), before, _NO_PEERS,
                fact("method.limit", limit=limit, samples=int(end - start)),
            )
        ]  # fmt: skip

    def flat(self, host: str, x: Array, flat: Stretch) -> list[Finding]:
        """A reading that repeats itself; at its harmless bound that is rest, not a fault."""
        value = float(x[flat.start])
        at_rest = (self.metric.worse == "high" and value == self.metric.low) or (
            self.metric.worse == "low" and value == self.metric.high
        )
        if at_rest:
            return []
        length = flat.end - flat.start
        rest = np.delete(x, np.s_[flat.start : flat.end])
        moves = np.abs(np.diff(rest))
        spread = max(float(np.mean(moves)) if len(moves) else 0.0, self.metric.floor)
        size = self.min_sigma + math.log(length / (flat.ordinary + 1.0))
        before = (0, flat.start) if flat.start > 0 else (flat.end, len(x))
        confidence = self._confidence(size + 2.0, length, len(rest))
        return [
            self._finding(
                "flatline", host, flat.start, None if flat.end >= len(x) else flat.end, size, confidence, 0.0,
                (value, median(rest), spread), before, _NO_PEERS,
                fact("method.run", samples=int(length), ordinary=int(flat.ordinary)),
            )
        ]  # fmt: skip

    def gap(self, host: str, gap: Stretch, known: BoolArray) -> Finding:
        """Readings that stopped, came back, or began late."""
        n = len(known)
        begins_late, goes_on = gap.start == 0, gap.end >= n
        length = gap.end - gap.start
        size = self.min_sigma + math.log(length / (gap.ordinary + 1.0))
        confidence = (0.4 if begins_late else 0.6) + 0.35 * min(1.0, length / 20.0)
        before = (gap.end, n) if begins_late else (0, gap.start)
        share = float(known[before[0] : before[1]].mean())
        return self._finding(
            "missing_data", host, gap.start, None if goes_on else gap.end, size, confidence, 0.0,
            (0.0, share, 0.0), before, _NO_PEERS,
            fact("method.gap", samples=int(length)),
        )  # fmt: skip

    def swing(self, host: str, swing: Swing, n: int) -> list[Finding]:
        """A change in how much the series moves from sample to sample."""
        confidence = self._confidence(swing.score, swing.end - swing.start, swing.start)
        return [
            self._finding(
                "variance", host, swing.start, None if swing.end >= n else swing.end, swing.score, confidence,
                swing.after - swing.before, (swing.after, swing.before, max(self.metric.floor, 1e-12)),
                (0, max(1, swing.start)), _NO_PEERS, fact("method.moves"),
            )
        ]  # fmt: skip

    def _view(
        self, host: str, event: tuple[int, int], before: tuple[int, int], change: float, level: float
    ) -> PeerView:
        return self._peers.view(host, event, before, change, level) if self._peers else _NO_PEERS

    def _confidence(self, sigma: float, length: int, past: int) -> float:
        """More with size, with length, and with the amount of past it is judged by."""
        size = 1.0 - math.exp(-max(0.0, sigma - 0.5 * self.min_sigma) / self.min_sigma)
        return size * (0.7 + 0.3 * min(1.0, length / 8.0)) * (0.5 + 0.5 * min(1.0, past / 60.0))

    def _severity(self, kind: FindingKind, change: float, observed: float, size: float, ongoing: bool) -> Severity:
        worse = self.metric.worse
        if kind == "saturation":
            return "critical" if ongoing else "warning"
        if kind in ("missing_data", "flatline", "variance"):
            return "warning" if ongoing and kind != "variance" else "info"
        hurts = worse == "both" or (change > 0) == (worse == "high")
        if not hurts:
            return "info"
        bound = self.metric.high if worse != "low" else self.metric.low
        near = (
            math.isfinite(bound) and math.isfinite(self.metric.high) and abs(observed - bound) <= 0.1 * self.metric.high
        )
        if ongoing and (near or (size >= 5 * self.min_sigma and kind != "spike" and worse != "both")):
            return "critical"
        return "warning"

    def _finding(
        self, kind: FindingKind, host: str, start: int, end: int | None, size: float, confidence: float,
        change: float, seen: tuple[float, float, float], before: tuple[int, int], view: PeerView, how: Fact,
    ) -> Finding:  # fmt: skip
        at, n = self._times_s, len(self._times_s)
        severity = self._severity(kind, change, seen[0], size, end is None)
        note = ""
        if view.peers:
            note = f"{view.share:.0%} of {view.peers} peers moved alike"
            if view.share >= 0.5:
                confidence *= 0.4
                severity = SEVERITIES[max(0, SEVERITIES.index(severity) - 1)]
            elif view.share >= 0.25:
                confidence *= 0.7
            elif view.share == 0 and view.largest < 0.5:
                confidence = 1.0 - 0.6 * (1.0 - confidence)
        start_s = float(at[start])
        stop_s = float(at[-1]) + self._step_s if end is None else float(at[min(end, n - 1)])
        direction: Literal["up", "down", "none"] = "up" if change > 0 else "down" if change < 0 else "none"
        server = self._fleet.by_id.get(host)
        observed, baseline, spread = (float(np.clip(v, -1e300, 1e300)) for v in seen)
        evidence = Evidence(
            metric=self.metric.name, unit=self.metric.unit, observed=observed, baseline=baseline, spread=spread,
            window_s=(start_s, stop_s),
            baseline_window_s=(float(at[before[0]]), float(at[min(before[1], n) - 1]) + self._step_s),
            method=said(how), note=note, how=how,
        )  # fmt: skip
        found = Finding(
            kind=kind, host=host, cluster=server.cluster if server else "", metric=self.metric.name,
            start_s=start_s, end_s=None if end is None else stop_s, score_sigma=float(min(size, 1e6)),
            confidence=float(np.clip(confidence, 0.0, 0.99)), severity=severity, direction=direction,
            summary="", evidence=evidence,
        )  # fmt: skip
        return summed_up(found)
