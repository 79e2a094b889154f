"""Screening inside the engine: one expression per question, so that only suspects travel."""

from __future__ import annotations

from openmanager_core import catalog
from openmanager_core.panel import Window
from openmanager_core.source.prometheus.directory import Group
from openmanager_core.source.prometheus.promql import duration
from openmanager_core.source.screened import recent_instants

DRIFTING = ("memory_used_ratio", "disk_used_ratio", "queue_depth_messages", "clock_offset_s")
"""Metrics that fail by creeping: a steady slope is news even while "lately" looks like its past."""
_POINTS = 60


class Screen:
    """The expressions that screen one group of series over one window.

    Parameters
    ----------
    interval_s
        Seconds between two samples, for the resolution of sub-queries.
    """

    def __init__(self, group: Group, window: Window, interval_s: float) -> None:
        self._group = group
        self._row = catalog.metric(group.candidate.metric)
        self._interval_s = interval_s
        self.at_s = float(window.times_s()[-1])
        recent = recent_instants(window)
        self._recent_s = recent * window.step_s
        # The older half: what went wrong twenty minutes ago must not widen the yardstick it is measured with.
        # (Screening in numpy has the median for that; here it would cost a sort per series and selector.)
        base = max(1, window.n_times // 2)
        self._base_s = base * window.step_s
        self._all_s = window.n_times * window.step_s
        self._ago_s = self._all_s - self._base_s
        self._step_s = window.step_s

    def shift(self, matchers: list[str], k: int) -> str:
        """The `k` series whose recent mean is farthest from the mean of the window's older half, in its sigmas.

        Notes
        -----
        ``|now - base| / sqrt(var + floor^2 + (relative * base)^2)``: the floors of the catalogue enter as
        further variances, which is never more than a factor sqrt(3) from the larger-of that screening in
        numpy uses, and needs no comparison of vectors.
        """
        now = f"avg_over_time({self._over(matchers, self._recent_s)})"
        base = f"avg_over_time({self._over(matchers, self._base_s, self._ago_s)})"
        variance = f"stdvar_over_time({self._over(matchers, self._base_s, self._ago_s)}) + {self._row.floor**2:.9g}"
        if self._row.relative:
            variance += f" + ({self._row.relative:.9g} * {base}) ^ 2"
        return f"topk({k}, abs({now} - {base}) / sqrt({variance}) > 0)"

    def drift(self, matchers: list[str], k: int) -> str:
        """The `k` series that moved farthest along a straight line, in sigmas of the distance from that line.

        Notes
        -----
        A line of slope `b` over `T` seconds has variance ``(b T)^2 / 12``; what the variance of the series
        has beyond that is its distance from the line. Half of `b T` is how far "lately" lies from the middle.
        """
        slope = f"deriv({self._over(matchers, self._all_s)})"
        total = f"stdvar_over_time({self._over(matchers, self._all_s)})"
        line = f"{self._all_s**2 / 12:.9g} * {slope} ^ 2"
        noise = f"sqrt(clamp_min({total} - {line}, 0) + {self._row.floor**2:.9g})"
        # Only where the line explains most of the variance: noise has a slope as well.
        gate = f"{line} > 0.8 * {total}"
        return f"topk({k}, (abs({slope}) * {self._all_s / 2:.9g} / {noise} > 0) and ({gate}))"

    def count(self, matchers: list[str]) -> str:
        """How many series have readings both lately and before."""
        now = f"last_over_time({self._over(matchers, self._recent_s)})"
        before = f"last_over_time({self._over(matchers, self._base_s, self._ago_s)})"
        return f"count({now} and {before})"

    def _over(self, matchers: list[str], span_s: float, ago_s: float = 0.0) -> str:
        """The readings of a stretch of time as a range: the samples themselves, or a sub-query of an expression."""
        template = self._group.candidate.template
        offset = f" offset {duration(ago_s)}" if ago_s else ""
        look_back_s = max(self._step_s, 4 * self._interval_s)
        if template.plain:
            return f"{template.expand(matchers, look_back_s)}[{duration(span_s)}]{offset}"
        resolution_s = min(span_s, max(self._step_s, self._interval_s, self._all_s / _POINTS))
        return f"({template.expand(matchers, look_back_s)})[{duration(span_s)}:{duration(resolution_s)}]{offset}"
