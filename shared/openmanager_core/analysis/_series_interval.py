"""How far off a forecast may be: an 80 % interval from its own errors in the past."""

from __future__ import annotations

import numpy as np

from openmanager_core.analysis._series_candidates import Float, Int

_SHARE = 0.8
_NEAR = 12
"""Errors up to this many rows away speak for a row too; fewer would be too few to take a quantile of."""
_SHRINK = 0.15
"""Weight of the quantile over all leads, which steadies the local one."""
_NEWEST = 7
"""Older errors tell of a system that has changed since."""
_WIDEN = 1.05
"""The weights were chosen on the same past that the errors come from, so these are a little too small."""
_Z80 = 1.2816


def half_width(errors: Float, lead: Int, x: Float, season: int) -> Float:
    """Half the width of the 80 % interval at each lead.

    Parameters
    ----------
    errors
        Backtest errors, shape ``(origins, backtest_horizon)``; may be empty.
    lead
        Rows ahead, ascending.
    x
        The past without gaps; used when there are too few errors.
    season
        In rows, or 0.

    Returns
    -------
    Float
        One per lead, at least 0.

    Notes
    -----
    A split-conformal quantile [1]_ of absolute errors, pooled over neighbouring leads. Beyond the
    backtest it grows with the power of the lead that the errors themselves show, between 0.1 and 1.

    References
    ----------
    .. [1] J. Lei, M. G'Sell, A. Rinaldo, R. Tibshirani and L. Wasserman, JASA 113(523), 2018,
       section 2.2. doi:10.1080/01621459.2017.1307116
    """
    size = np.abs(errors[: max(_NEWEST, len(errors) * _NEWEST // 8)])
    size = size[np.isfinite(size).any(axis=1)] if len(size) else size
    if len(size) < 2:
        return _from_steps(x, lead, season)
    look = size.shape[1]
    near = min(_NEAR, look - 1)
    padded = np.pad(size, ((0, 0), (near, near)), mode="reflect")
    around = np.lib.stride_tricks.sliding_window_view(padded, 2 * near + 1, axis=1)
    pooled = np.moveaxis(around, 1, 0).reshape(look, -1)
    everywhere = float(np.nanquantile(size, _SHARE))
    if np.isnan(pooled).any():
        with np.errstate(all="ignore"):
            empty = ~np.isfinite(pooled).any(axis=1)
            pooled[empty] = everywhere
            local = np.nanquantile(pooled, _SHARE, axis=1)
    else:
        local = np.quantile(pooled, _SHARE, axis=1)
    width = _WIDEN * ((1 - _SHRINK) * local + _SHRINK * everywhere)
    if not season:
        width = np.maximum.accumulate(width)
    half = max(1, look // 2)
    early, late = _mean(size[:, :half]), _mean(size[:, half:])
    steps = np.log2(late / early) if early > 0 and late > 0 else 0.5
    power = float(np.clip(steps, 0.1, 1.0))
    out = width[np.minimum(lead, look) - 1]
    far = lead > look
    out[far] = (np.median(width[-season:]) if season else width[-1]) * (lead[far] / look) ** power
    return np.asarray(out)


def _mean(size: Float) -> float:
    known = size[np.isfinite(size)]
    return float(known.mean()) if len(known) else 0.0


def _from_steps(x: Float, lead: Int, season: int) -> Float:
    """Without a backtest: steps of the past as a random walk, or as seasons that differ."""
    if len(x) < 3:
        # One or two readings hold no spread; as wide as the value itself says so.
        return np.full(len(lead), float(np.abs(x).max()))
    if season:
        spread = float(np.quantile(np.abs(x[season:] - x[:-season]), _SHARE))
        return np.asarray(_WIDEN * spread * np.sqrt((lead - 1) // season + 1.0))
    spread = max(float(np.quantile(np.abs(np.diff(x)), _SHARE)), float(np.std(np.diff(x))) * _Z80)
    return np.asarray(_WIDEN * np.minimum(spread * np.sqrt(lead), max(spread, 2 * float(np.ptp(x)))))
