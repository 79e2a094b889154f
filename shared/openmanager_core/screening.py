"""A first look at many series at once: how far has each, lately, moved from its own past?

Cheap on purpose: every source's default `rank` runs it over whatever it read.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from openmanager_core.job import checkpoint
from openmanager_core.panel import FloatArray

_ROWS = 512


def screen(values: FloatArray, *, recent: int, floor: float = 0.0, relative: float = 0.0) -> npt.NDArray[np.float64]:
    """Score every series by the distance of its newest stretch from its own past.

    Parameters
    ----------
    values
        Shape ``(n_series, n_times)``; ``nan`` means no reading.
    recent
        How many of the newest instants are "lately", at least 1 and below ``n_times``.
    floor, relative
        No scale goes below `floor` (in the values' unit) nor below `relative` times the median's size.

    Returns
    -------
    ndarray
        Shape ``(n_series,)``, robust sigmas, at least 0; 0 where there is no past or no present.
    """
    out = np.zeros(len(values))
    for first in range(0, len(values), _ROWS):
        checkpoint()
        block = values[first : first + _ROWS]
        past, now = block[:, :-recent], block[:, -recent:]
        with np.errstate(all="ignore"):
            some = np.isfinite(past).any(axis=1) & np.isfinite(now).any(axis=1)
            if not some.any():
                continue
            med = np.nanmedian(past[some], axis=1)
            mad = np.nanmedian(np.abs(past[some] - med[:, None]), axis=1)
            scale = np.maximum(np.maximum(1.4826 * mad, floor), np.maximum(relative * np.abs(med), 1e-12))
            out[first : first + _ROWS][some] = np.abs(np.nanmean(now[some], axis=1) - med) / scale
    return out
