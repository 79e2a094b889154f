"""The arithmetic of lagged correlation: r over the overlap, effective readings, p and q."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from openmanager_core.analysis._series_matrix import Single

Float = npt.NDArray[np.float64]
Int = npt.NDArray[np.int64]

_LEAST_EFFECTIVE = 4.0


def lagged_r(rows: Single, target: Single, lags: Int) -> Float:
    """Pearson's correlation of every row with one series at every lag, over their overlap.

    Parameters
    ----------
    rows
        Shape ``(n, n_times)``, no ``nan``.
    target
        Shape ``(n_times,)``.
    lags
        Shape ``(m,)``, in steps; positive: the target leads, the row follows.

    Returns
    -------
    Float
        Shape ``(n, m)``; 0 where the overlap of either does not move.
    """
    length = rows.shape[1]
    shifted = np.zeros((length, len(lags)), dtype=rows.dtype)
    for k, lag in enumerate(lags):
        if lag >= 0:
            shifted[lag:, k] = target[: length - lag]
        else:
            shifted[:lag, k] = target[-lag:]
    cross = (rows @ shifted).astype(np.float64)
    n = (length - np.abs(lags)).astype(np.float64)
    t = target.astype(np.float64)
    t_sum, t_square = _overlap_sums(t[None, :], -lags)
    r_sum, r_square = _overlap_sums(rows, lags)
    top = cross - r_sum * t_sum / n
    spread = np.maximum(r_square - r_sum**2 / n, 0) * np.maximum(t_square - t_sum**2 / n, 0)
    still = spread <= 1e-10 * n**2
    return np.asarray(np.where(still, 0.0, np.clip(top / np.sqrt(np.where(still, 1.0, spread)), -1.0, 1.0)))


def _overlap_sums(rows: Single | Float, lags: Int) -> tuple[Float, Float]:
    """Sums and sums of squares of each row over the part that overlaps at each lag.

    A positive lag drops the first `lag` readings of the row, a negative one the last.
    """
    widest = int(np.abs(lags).max()) if len(lags) else 0
    outs = []
    for power in (1, 2):
        total = (rows.astype(np.float64).sum(axis=1) if power == 1 else np.einsum("ij,ij->i", rows, rows))[:, None]
        head = np.cumsum(rows[:, :widest].astype(np.float64) ** power, axis=1)
        tail = np.cumsum(rows[:, ::-1][:, :widest].astype(np.float64) ** power, axis=1)
        cut = np.zeros((len(rows), len(lags)))
        first, last = lags > 0, lags < 0
        if first.any():
            cut[:, first] = head[:, lags[first] - 1]
        if last.any():
            cut[:, last] = tail[:, -lags[last] - 1]
        outs.append(total - cut)
    return outs[0], outs[1]


def autocorrelations(rows: Single, most: int) -> Float:
    """Autocorrelation of each row at lags ``1 .. most``, divided by n (so that it tapers), by FFT."""
    n = rows.shape[1]
    size = 1 << (n + most).bit_length()
    y = rows - rows.mean(axis=1, keepdims=True)
    acf = np.fft.irfft(np.abs(np.fft.rfft(y, size, axis=1)) ** 2, size, axis=1)[:, : most + 1]
    return np.asarray(acf[:, 1:] / np.maximum(acf[:, :1], 1e-30), dtype=np.float64)


def effective_size(acf_a: Float, acf_b: Float, n: Float) -> Float:
    """Independent readings that `n` autocorrelated pairs are worth.

    Parameters
    ----------
    acf_a, acf_b
        Shape ``(pairs, lags)``, autocorrelations at lags 1 and on.
    n
        Shape ``(pairs,)``, readings in the overlap.

    Notes
    -----
    ``1/n* = 1/n + 2/n sum (1 - j/n) rho_a(j) rho_b(j)``: Bartlett's formula in the form of [1]_
    (equation 1). Noise in the far lags must not add up: the sum stops at the first lag where the
    product is not above 0, as for an initial positive sequence. Never above `n`, never below 3.

    References
    ----------
    .. [1] B. J. Pyper and R. M. Peterman, Canadian Journal of Fisheries and Aquatic Sciences 55, 1998.
       doi:10.1139/f98-104
    """
    product = acf_a * acf_b
    lag = np.arange(1, product.shape[1] + 1)
    going = np.cumprod(product > 0, axis=1)
    total = (product * going * np.maximum(0, 1 - lag / n[:, None])).sum(axis=1)
    return np.asarray(np.clip(n / (1 + 2 * total), 3.0, n))


def two_sided_p(r: Float, n_effective: Float) -> Float:
    """Two-sided p of Fisher's z; 1 where there are too few independent readings."""
    z = np.arctanh(np.clip(np.abs(r), 0, 1 - 1e-12)) * np.sqrt(np.maximum(n_effective - 3, 0))
    p = np.array([math.erfc(v / math.sqrt(2)) for v in z.tolist()])
    return np.where(n_effective > _LEAST_EFFECTIVE, p, 1.0)


def false_discovery(p: Float, tests: int) -> Float:
    """Benjamini-Hochberg q-values when only the smallest of `tests` p-values are at hand.

    The ones not given count as larger, which can only raise a q-value. Pairs that share a series are
    positively dependent, the case the method is proven for (Benjamini and Yekutieli, 2001,
    doi:10.1214/aos/1013699998, theorem 1.2).
    """
    order = np.argsort(p)
    q = p[order] * tests / np.arange(1, len(p) + 1)
    out = np.empty(len(p))
    out[order] = np.minimum(np.minimum.accumulate(q[::-1])[::-1], 1.0)
    return out
