"""How noisy is a series, apart from its steps and slopes, and how much do neighbouring samples share?"""

from __future__ import annotations

import numpy as np

from openmanager_core.analysis._order import median, quantiles
from openmanager_core.analysis._steps import MAD_TO_SIGMA, Array

_DECILES_APART = 2.563
_ENOUGH_FOR_DECILES = 40


def long_run_sigma(x: Array) -> tuple[float, float]:
    """Standard deviation of one sample, and the one that a mean of many samples behaves as if it had.

    Parameters
    ----------
    x
        Shape ``(n,)``, finite, at least four samples; steps and slopes may be in it.

    Returns
    -------
    sigma, long_run
        `long_run` is at least `sigma`; their squared ratio is the number of samples that count as one.

    Notes
    -----
    Both come from differences, about their median, so that a trend cancels and a few steps do not matter. The
    differences over 1, 2, 4, 8 and 16 samples give autoregressions of order one; differences of neighbouring block
    means catch slower noise [1]_. The larger long-run value is taken.

    References
    ----------
    .. [1] W. B. Wu and Z. Zhao, Inference of trends in time series, J. R. Stat. Soc. B 69(3), 2007, section 4.1.
       doi:10.1111/j.1467-9868.2007.00594.x
    """
    n = len(x)
    one = _variance_of_differences(x, 1)
    if one <= 0:
        spread = float(np.std(np.diff(x))) / np.sqrt(2.0)
        return spread, spread
    sigma = long_run = np.sqrt(one)
    for lag in (1, 2, 4, 8):
        if n < 25 * lag:
            break
        near, far = _variance_of_differences(x, lag), _variance_of_differences(x, 2 * lag)
        # Less than its own sampling error is no autocorrelation.
        shared = far / near - 1.0 - (0.0 if lag == 1 else 2.3 * np.sqrt(lag / n)) if near > 0 else 0.0
        r = float(np.clip(shared, 0.0, 1.0 - lag / n)) ** (1.0 / lag)
        own = np.sqrt(near / (1.0 - r**lag))
        sigma, long_run = max(sigma, own), max(long_run, own * np.sqrt((1.0 + r) / (1.0 - r)))
    span = max(4, round(n ** (1.0 / 3.0)) + 2)
    if n >= 8 * span:
        means = x[n - span * (n // span) :].reshape(-1, span).mean(axis=1)
        long_run = max(long_run, np.sqrt(span * _variance_of_differences(means, 1)))
    return float(sigma), float(max(long_run, sigma))


def _variance_of_differences(x: Array, lag: int) -> float:
    """Half the robust variance of ``x[t + lag] - x[t]``; the deciles count too, for values that often repeat."""
    d = x[lag:] - x[:-lag]
    low, middle, high = quantiles(d, 0.1, 0.5, 0.9)
    spread, wide = MAD_TO_SIGMA * median(np.abs(d - middle)), (high - low) / _DECILES_APART
    spread = wide if spread < 0.5 * wide and len(d) >= _ENOUGH_FOR_DECILES else spread
    return 0.5 * spread * spread
