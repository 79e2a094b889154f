"""What a series does again and again, where it drifts, and what it did only once."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt

from openmanager_core.analysis._series_prepare import block_means, fill_gaps
from openmanager_core.analysis._series_shapes import (
    MAX_PROFILE_ROWS,
    find_ceiling,
    find_discord,
    find_regimes,
    find_spikes,
)
from openmanager_core.analysis.forecast import GROWING
from openmanager_core.analysis.seasonality import Period, decompose, find_periods, snap_s
from openmanager_core.analysis.trend import MIN_READINGS, fit_trend, last_bend
from openmanager_core.catalog import Metric, metric
from openmanager_core.errors import InsufficientData
from openmanager_core.facts import Fact, fact
from openmanager_core.findings import Evidence
from openmanager_core.fleet import Fleet
from openmanager_core.job import checkpoint
from openmanager_core.panel import Panel
from openmanager_core.wording import Language, said

Float = npt.NDArray[np.float64]

PatternKind = Literal["seasonality", "trend", "leak", "saturation", "regime_switch", "discord", "recurring_spike"]
PATTERN_KINDS: tuple[str, ...] = get_args(PatternKind)
MIN_INSTANTS = 24
"""Fewest instants a pattern is looked for in."""
CEILINGS = {"cpu_busy_ratio": 0.95, "memory_used_ratio": 0.95, "disk_used_ratio": 0.95}
"""Levels at which a resource is as good as exhausted."""
MOST_P = 1e-3
"""A drift that chance explains more often than that is none."""
_RISE_SIGMA = 4.0
_CEILING_ROWS = 3


@dataclass(frozen=True, slots=True)
class Pattern:
    """One thing a series does.

    Attributes
    ----------
    period_s
        Of a habit or of spikes that come back; else None.
    strength
        0 to 1: how much of the series it accounts for.
    start_s, end_s
        When it began and ended, Unix seconds; None: it goes on.
    confidence
        0 to 1.
    """

    kind: PatternKind
    host: str
    metric: str
    period_s: float | None
    strength: float
    start_s: float
    end_s: float | None
    confidence: float
    summary: str
    evidence: Evidence | None
    fact: Fact | None = None

    def summary_in(self, language: Language) -> str:
        """The summary in a language."""
        return self.summary if self.fact is None else said(self.fact, language)


def find_patterns(panel: Panel, fleet: Fleet) -> list[Pattern]:
    """Find habits, drifts, switches, returning spikes and one-off stretches in every series of a panel.

    Parameters
    ----------
    panel
        One metric; rows with fewer than `MIN_INSTANTS` readings, or less than half, are passed over.
    fleet
        Names servers in the summaries; hosts it does not know keep their id.

    Returns
    -------
    list of Pattern
        Most confident first.

    Raises
    ------
    InsufficientData
        If the panel has fewer than `MIN_INSTANTS` instants.

    Notes
    -----
    On series without any pattern (white noise and AR(1) up to 0.9) at most one series in a hundred yields
    one, of random walks about one in ten; tests hold both.
    """
    if len(panel.times_s) < MIN_INSTANTS:
        raise InsufficientData(
            f"patterns need at least {MIN_INSTANTS} instants, got {len(panel.times_s)}",
            hint="use a longer window or a smaller step",
        )
    meta = metric(panel.metric)
    found: list[Pattern] = []
    for row, host in enumerate(panel.hosts):
        note = f"patterns of {panel.metric}: {row:,} of {len(panel.hosts):,} series, {len(found):,} found so far"
        checkpoint(row / len(panel.hosts), note)
        raw = np.asarray(panel.values[row], dtype=np.float64)
        if not _enough(raw):
            continue
        server = fleet.by_id.get(host)
        found.extend(_Series(server.name if server else host, host, meta, panel.times_s, raw).patterns())
    return sorted(found, key=lambda p: (-p.confidence, -p.strength, p.host, p.kind))


def passed_over(panel: Panel) -> int:
    """How many series have too few readings for `find_patterns` to look at."""
    return sum(not _enough(row) for row in panel.values)


def _enough(row: npt.NDArray[np.floating]) -> bool:
    known = np.isfinite(row)
    return bool(known.sum() >= MIN_INSTANTS and known.mean() >= 0.5)


class _Series:
    """One series and what is known about it so far; each method finds one kind."""

    def __init__(self, name: str, host: str, meta: Metric, times_s: Float, raw: Float) -> None:
        self.name, self.host, self.meta, self.t, self.raw = name, host, meta, times_s, raw
        self.x, self.known = fill_gaps(raw)
        self.step_s = float(np.median(np.diff(times_s)))
        middle = float(np.median(self.x))
        self.middle = middle
        self.floor = max(meta.floor, meta.relative * abs(middle))
        self.moves = float(np.ptp(self.x)) > self.floor

    def patterns(self) -> Iterator[Pattern]:
        yield from self._saturation()
        if not self.moves:
            return
        spikes = list(self._spikes())
        regimes = list(self._regimes())
        periods = find_periods(self.raw)
        yield from spikes
        yield from regimes
        for period in periods:
            habit = self._habit(period)
            same = [
                p for p in spikes if p.period_s and habit and habit.period_s and _whole(p.period_s / habit.period_s)
            ]
            # Few irregular switches always look a little like a cycle.
            chance = bool(regimes) and period.strength < 0.8
            if habit is not None and not same and not chance:
                yield habit
        season = round(periods[0].rows) if periods else 0
        parts = decompose(self.raw, season)
        if not regimes:
            yield from self._drift(self.raw - parts.seasonal, bool(season))
        if season:
            yield from self._discord(season)

    def _pattern(
        self, kind: PatternKind, first: int, last: int | None, *, strength: float, confidence: float,
        facts: dict[str, Any], observed: float, baseline: float, spread: float, method: str,
        period_s: float | None = None,
    ) -> Pattern:  # fmt: skip
        start, end = float(self.t[first]), float(self.t[-1] if last is None else self.t[last])
        what = fact(f"pattern.{kind}", host=self.name, metric=self.meta.name, unit=self.meta.unit, **facts)
        return Pattern(
            kind=kind,
            host=self.host,
            metric=self.meta.name,
            period_s=period_s,
            strength=round(float(np.clip(strength, 0, 1)), 3),
            start_s=start,
            end_s=None if last is None else end,
            confidence=round(float(np.clip(confidence, 0, 0.99)), 3),
            summary=said(what),
            evidence=Evidence(
                metric=self.meta.name,
                unit=self.meta.unit,
                observed=float(observed),
                baseline=float(baseline),
                spread=float(max(spread, 0.0)),
                window_s=(start, end),
                baseline_window_s=(float(self.t[0]), float(self.t[-1])),
                method=method,
            ),
            fact=what,
        )

    def _saturation(self) -> Iterator[Pattern]:
        limit = CEILINGS.get(self.meta.name)
        since = find_ceiling(self.x, limit, _CEILING_ROWS) if limit is not None else None
        if limit is None or since is None:
            return
        rows = len(self.x) - since
        level = float(np.median(self.x[since:]))
        before = float(np.median(self.x[:since])) if since else level
        yield self._pattern(
            "saturation",
            since,
            None,
            strength=level / self.meta.high,
            confidence=1 - 0.5 ** (rows / _CEILING_ROWS + 1),
            facts={"limit": limit, "length_s": rows * self.step_s, "now": level},
            observed=level,
            baseline=before,
            spread=1.4826 * float(np.median(np.abs(self.x - self.middle))),
            method="level at the resource's limit",
        )

    def _habit(self, period: Period) -> Pattern | None:
        parts = decompose(self.raw, round(period.rows))
        swing = float(np.ptp(parts.seasonal))
        if swing < 2 * self.floor:
            return None
        period_s = snap_s(period.rows * self.step_s)
        cycles = len(self.x) / period.rows
        return self._pattern(
            "seasonality",
            0,
            None,
            strength=period.strength,
            confidence=(1 - 1 / cycles) * (0.6 + 0.4 * period.strength),
            facts={"period_s": period_s, "swing": swing, "share": period.strength, "cycles": cycles},
            observed=swing,
            baseline=0.0,
            spread=1.4826 * float(np.nanmedian(np.abs(parts.remainder))),
            method="periodogram against red noise, confirmed by the autocorrelation",
            period_s=period_s,
        )

    def _drift(self, flat: Float, seasonal: bool) -> Iterator[Pattern]:
        first = self._after_restart(flat)
        first += last_bend(self.t[first:], flat[first:])
        part = flat[first:]
        if np.isfinite(part).sum() < max(MIN_READINGS, 12):
            return
        drift = fit_trend(self.t[first:], part)
        span_s = float(self.t[-1] - self.t[first])
        rise = drift.slope_per_s * span_s
        steady = drift.slope_low_per_s * drift.slope_high_per_s > 0
        if drift.p_value > MOST_P or not steady or abs(rise) < max(_RISE_SIGMA * drift.spread, 3 * self.floor):
            return
        leak = self.meta.name in GROWING and rise > 0 and _climbs(part)
        # The line may pass the bound that the readings stopped at.
        level = float(np.clip(drift.level, self.meta.low, self.meta.high))
        share = 1 - min(1.0, (drift.spread / max(abs(rise) / math.sqrt(12), 1e-300)) ** 2)
        yield self._pattern(
            "leak" if leak else "trend",
            first,
            None,
            strength=share,
            confidence=(0.5 + 0.5 * share) * min(1.0, drift.n_effective / 20) ** 0.5 * abs(drift.tau) ** 0.5,
            facts={"per_hour": drift.slope_per_s * 3600, "length_s": span_s, "now": level},
            observed=level,
            baseline=drift.level - rise,
            spread=drift.spread,
            method="Theil-Sen slope, Mann-Kendall test with autocorrelation" + (", season removed" if seasonal else ""),
        )

    def _after_restart(self, flat: Float) -> int:
        """Row after the last great fall: a leak begins anew with every restart."""
        if self.meta.name not in GROWING:
            return 0
        steps = np.diff(np.where(np.isfinite(flat), flat, self.x))
        usual = 1.4826 * float(np.median(np.abs(steps - np.median(steps))))
        falls = np.flatnonzero(steps < -max(8 * usual, 0.3 * float(np.ptp(self.x)), 3 * self.floor))
        return int(falls[-1]) + 1 if len(falls) else 0

    def _regimes(self) -> Iterator[Pattern]:
        found = find_regimes(self.x, 4 * self.floor)
        if found is None:
            return
        level = found.high if found.now_high else found.low
        since_s = float(self.t[-1] - self.t[found.switches[-1]]) + self.step_s
        yield self._pattern(
            "regime_switch",
            found.switches[0],
            None,
            strength=1 - 1 / found.separation,
            confidence=1 - 0.5 ** min(found.separation / 5 + len(found.switches) / 2 - 1, 8),
            facts={
                "low": found.low,
                "high": found.high,
                "switches": len(found.switches),
                "now": level,
                "length_s": since_s,
            },
            observed=level,
            baseline=found.low if found.now_high else found.high,
            spread=(found.high - found.low) / found.separation,
            method="two levels by Otsu's split with an empty gap",
        )

    def _spikes(self) -> Iterator[Pattern]:
        found = find_spikes(self.x, self.floor)
        if found is None:
            return
        period_s = snap_s(found.period_rows * self.step_s)
        yield self._pattern(
            "recurring_spike",
            found.rows[0],
            None,
            strength=found.kept,
            confidence=found.kept * (1 - 0.5 ** (len(found.rows) - 2)),
            facts={"height": found.height, "period_s": period_s, "count": len(found.rows)},
            observed=self.middle + found.height,
            baseline=self.middle,
            spread=found.sigma,
            method="intervals between excursions of 6 sigma",
            period_s=period_s,
        )

    def _discord(self, season: int) -> Iterator[Pattern]:
        factor = -(-len(self.x) // MAX_PROFILE_ROWS)
        x, width = block_means(self.x, factor), season // factor
        found = find_discord(x, width, 0.5 * self.floor)
        if found is None:
            return
        at, z, alike = found
        skip = len(self.x) - len(x) * factor
        first, last = skip + at * factor, min(skip + (at + width) * factor, len(self.x) - 1)
        yield self._pattern(
            "discord",
            first,
            last,
            strength=1 - 6 / (6 + z),
            confidence=alike * (1 - 3 / z),
            facts={"length_s": width * factor * self.step_s, "z": z},
            observed=float(np.median(self.x[first:last])),
            baseline=self.middle,
            spread=1.4826 * float(np.median(np.abs(self.x - self.middle))),
            method="matrix profile",
        )


def _climbs(part: Float) -> bool:
    """Whether each quarter lies above the one before."""
    quarters = [float(np.nanmedian(q)) for q in np.array_split(part, 4) if np.isfinite(q).any()]
    return len(quarters) == 4 and all(a < b for a, b in pairwise(quarters))


def _whole(ratio: float) -> bool:
    """Whether two periods are one and the same habit: their ratio is a whole number, either way."""
    ratio = max(ratio, 1 / ratio)
    return abs(ratio - round(ratio)) < 0.05 * ratio
