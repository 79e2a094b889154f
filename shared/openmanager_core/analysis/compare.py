"""Two windows of the same hosts: which of them changed, by how much, and how sure is that?"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from openmanager_core.analysis._memory import memory, two_sided_t
from openmanager_core.analysis._steps import MAD_TO_SIGMA, Array
from openmanager_core.catalog import Metric
from openmanager_core.catalog import metric as metric_named
from openmanager_core.errors import InsufficientData, InvalidRequest
from openmanager_core.job import checkpoint
from openmanager_core.panel import Panel

FALSE_DISCOVERY_RATE = 0.05
"""Share of the hosts called changed that may be so by chance."""

_FEWEST = 5
_PAIRED = 128
_FREEDOM = 0.5
_LEAST_FREEDOM = 0.75


@dataclass(frozen=True, slots=True)
class WindowDifference:
    """How one host's metric differs between two windows.

    Attributes
    ----------
    before, after
        Medians, in the metric's unit.
    change
        Hodges-Lehmann estimate of the shift: the median of all differences between the two windows.
    change_ratio
        `change` over the size of `before`; None where that is 0.
    effect_sigma
        `change` in robust sigmas of the noise within the windows, with its sign.
    p_value, q_value
        Of a Mann-Whitney test that allows for autocorrelation; adjusted for the number of hosts, and by `corrected`
        for the number of metrics.
    changed
        Whether `q_value` is at most 0.05 and the change is larger than the metric's smallest change worth a thought.
    """

    host: str
    metric: str
    before: float
    after: float
    change: float
    change_ratio: float | None
    effect_sigma: float
    p_value: float
    q_value: float
    changed: bool


def compare_windows(before: Panel, after: Panel) -> list[WindowDifference]:
    """Compare every host that both windows hold.

    Parameters
    ----------
    before, after
        The same metric; ``nan`` means no reading. The grids may differ. A host with fewer than five readings in
        either window is left out.

    Returns
    -------
    list of WindowDifference
        Changed hosts first, then by the size of the effect.

    Raises
    ------
    InvalidRequest
        If the two hold different metrics.
    InsufficientData
        If no host has enough readings in both.

    Notes
    -----
    Shift by Hodges and Lehmann [1]_, test by Mann and Whitney with ties, its variance enlarged by the ratio of the
    number of samples to the number of independent ones (`_memory`); q-values by Benjamini and Hochberg [2]_. What
    wanders more slowly than the window before shows is a change: its level did differ.

    References
    ----------
    .. [1] J. L. Hodges and E. L. Lehmann, Ann. Math. Statist. 34(2), 1963, section 4. doi:10.1214/aoms/1177704172
    .. [2] Y. Benjamini and Y. Hochberg, J. R. Stat. Soc. B 57(1), 1995, section 3.
    """
    if before.metric != after.metric:
        raise InvalidRequest(f"both windows must hold one metric, got {before.metric} and {after.metric}")
    metric = metric_named(before.metric)
    at = {host: i for i, host in enumerate(after.hosts)}
    rows: list[tuple[str, float, float, float, float, float]] = []
    for i, host in enumerate(before.hosts):
        if i % 64 == 0:
            checkpoint()
        if host not in at:
            continue
        a, b = _readings(before.values[i]), _readings(after.values[at[host]])
        if len(a) < _FEWEST or len(b) < _FEWEST:
            continue
        rows.append((host, float(np.median(a)), float(np.median(b)), shift(a, b), _noise(a, b), rank_test(a, b)))
    if not rows:
        raise InsufficientData(
            f"no host has {_FEWEST} readings of {metric.name} in both windows",
            hint="use longer windows or a smaller step",
        )
    out = []
    for host, was, now, change, noise, p in rows:
        sigma = max(noise, _worth(metric, was))
        out.append(
            WindowDifference(
                host, metric.name, was, now, change, change / abs(was) if was != 0 else None,
                float(np.clip(change / sigma, -1e6, 1e6)), p, 1.0, False,
            )
        )  # fmt: skip
    return corrected(out)


def corrected(differences: Sequence[WindowDifference]) -> list[WindowDifference]:
    """Correct for all of these being tested, of one metric or of many; changed first, then by the size of the effect.

    What `compare_windows` gives for several metrics has to pass through here together: five in a hundred of each
    metric's chance findings are many in all.
    """
    q_values = adjusted(np.array([d.p_value for d in differences]))
    out = [
        replace(
            d,
            q_value=float(q),
            changed=bool(q <= FALSE_DISCOVERY_RATE and abs(d.change) >= _worth(metric_named(d.metric), d.before)),
        )
        for d, q in zip(differences, q_values, strict=True)
    ]
    return sorted(out, key=lambda d: (not d.changed, -abs(d.effect_sigma), d.host, d.metric))


def _worth(metric: Metric, before: float) -> float:
    """The smallest change of a metric that is worth a thought."""
    return max(metric.floor, metric.relative * abs(before), 1e-12)


def shift(a: Array, b: Array) -> float:
    """Median of the differences of all pairs, b less a; of 128 evenly spaced order statistics where there are more."""
    u, v = _thinned(np.sort(a)), _thinned(np.sort(b))
    return float(np.median(v[:, None] - u[None, :]))


def rank_test(a: Array, b: Array) -> float:
    """Two-sided p-value of the Mann-Whitney test of `b` after `a`, with ties, corrected for autocorrelation.

    The memory is that of `a`, for both: a change that begins inside of the window after looks like memory there, and
    would hide itself. The variance is estimated, so the tail is Student's t, with half a degree of freedom for each
    independent reading of `a` but one (calibrated on autoregressive noise).
    """
    m, k = len(a), len(b)
    n = m + k
    both = np.concatenate((a, b))
    _, inverse, counts = np.unique(both, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    ranks = (last - 0.5 * (counts - 1.0))[inverse]
    wins = float(ranks[:m].sum()) - m * (m + 1) / 2.0
    ties = float((counts.astype(np.float64) ** 3 - counts).sum())
    variance = m * k / 12.0 * (n + 1 - ties / (n * (n - 1.0)))
    if variance <= 0:
        return 1.0
    each = memory(ranks[:m])
    freedom = _FREEDOM * (m / each - 1.0)
    if freedom < _LEAST_FREEDOM:
        return 1.0
    return two_sided_t(max(0.0, abs(wins - m * k / 2.0) - 0.5) / math.sqrt(variance * each), freedom)


def adjusted(p_values: Array) -> Array:
    """Benjamini and Hochberg's q-values, in the order of the p-values."""
    n = len(p_values)
    order = np.argsort(p_values)[::-1]
    raised = p_values[order] * n / np.arange(n, 0, -1)
    out = np.empty(n)
    out[order] = np.minimum(np.minimum.accumulate(raised), 1.0)
    return out


def _readings(row: np.typing.NDArray[np.floating]) -> Array:
    values = np.asarray(row, dtype=np.float64)
    return np.asarray(values[np.isfinite(values)])


def _thinned(ordered: Array) -> Array:
    n = len(ordered)
    if n <= _PAIRED:
        return ordered
    return np.asarray(ordered[((np.arange(_PAIRED) + 0.5) * n / _PAIRED).astype(int)])


def _noise(a: Array, b: Array) -> float:
    """Robust sigma within the windows, each about its own median."""
    return MAD_TO_SIGMA * float(np.median(np.abs(np.concatenate((a - np.median(a), b - np.median(b))))))
