"""One server, many metrics: how far is a row from the way they move together, and which metric is to blame?"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from openmanager_core.analysis._surprise import recent_mean
from openmanager_core.errors import InsufficientData, InvalidRequest
from openmanager_core.job import checkpoint

Array = npt.NDArray[np.float64]

ROWS_TOGETHER = 3
"""The newest rows that are judged as one point: a metric must also follow from where it just was."""

_RIDGE = 0.003
_CLIP = 20.0
_SMOOTHING = (1, 5, 20)
_FEWEST_ROWS = 8
_BLOCK = 4096
_LARGEST = 1e100


def detect_multi(train: npt.ArrayLike, test: npt.ArrayLike) -> dict[str, Any]:
    """Score every row of `test` by its distance from how the metrics move together in `train`.

    Parameters
    ----------
    train
        Shape ``(n_train, n_metrics)``, ordinary operation, at least 8 rows. ``nan``: no reading.
    test
        Shape ``(n_test, n_metrics)``, the same metrics and the same interval between rows.

    Returns
    -------
    dict
        ``scores``: a list of n_test floats, at least 0, higher is stranger; row t uses `train` and
        ``test[:t + 1]``. ``contributions``: n_test lists of n_metrics floats, at least 0: how much each metric
        adds to the row's distance. A metric without a reading in a row, or none in `train`, adds nothing.

    Raises
    ------
    InvalidRequest
        If the two are not tables with the same number of metrics.
    InsufficientData
        If `train` has fewer than 8 rows.

    Notes
    -----
    Squared Mahalanobis distance of the newest three rows, standardised and clipped at 20 sigma, under the
    ridge-regularised covariance of `train`; its logarithm is averaged over the newest 1, 5 and 20 rows, because
    faults last. The distance is the sum over metrics of value times precision-weighted value, which gives each
    metric its share. Time-delay stacking turns the static statistic into a dynamic one [1]_.

    References
    ----------
    .. [1] W. Ku, R. H. Storer and C. Georgakis, Chemometr. Intell. Lab. Syst. 30(1), 1995, section 3.
       doi:10.1016/0169-7439(95)00076-3
    """
    known, fresh = _table(train, "train"), _table(test, "test")
    if known.shape[1] != fresh.shape[1]:
        raise InvalidRequest(f"test must have train's {known.shape[1]} metrics, got {fresh.shape[1]}")
    if len(known) < _FEWEST_ROWS:
        raise InsufficientData(
            f"train must have at least {_FEWEST_ROWS} rows, got {len(known)}", hint="record a longer ordinary stretch"
        )
    level, scale = _level_and_scale(known)
    precision = _precision(_stacked(_standard(known, level, scale)))
    point = _standard(fresh, level, scale)
    parts = _parts(point, precision)
    strange = np.log1p(np.maximum(parts.sum(axis=1), 0.0))
    contributions = np.where(np.isfinite(fresh), np.abs(parts), 0.0)
    smooth = sum((recent_mean(strange, rows) for rows in _SMOOTHING), np.zeros(len(strange))) / len(_SMOOTHING)
    return {"scores": np.maximum(smooth, 0.0).tolist(), "contributions": contributions.tolist()}


def _table(given: npt.ArrayLike, name: str) -> Array:
    values = np.asarray(given, dtype=np.float64)
    if values.ndim != 2 or values.shape[1] == 0:
        raise InvalidRequest(f"{name} must be a table of rows and at least one metric, got shape {values.shape}")
    return np.where(np.isfinite(values), np.clip(values, -_LARGEST, _LARGEST), np.nan)


def _level_and_scale(known: Array) -> tuple[Array, Array]:
    """Mean and standard deviation of the readings; a metric that never moves in train is judged by its size."""
    seen = np.isfinite(known)
    count = np.maximum(seen.sum(axis=0), 1)
    level = np.where(seen, known / count, 0.0).sum(axis=0)
    size = np.abs(level)
    # Deviations are scaled before they are squared: a reading may be as large as 1e100.
    reach = np.where(seen, np.abs(known - level), 0.0).max(axis=0)
    unit = np.where(reach > 0, reach, 1.0)
    spread = unit * np.sqrt(np.where(seen, np.square((known - level) / unit), 0.0).sum(axis=0) / count)
    return level, np.where(spread > 1e-6 * (size + 1.0), spread, np.maximum(1e-3 * size, 1.0))


def _standard(values: Array, level: Array, scale: Array) -> Array:
    """Standardised and clipped; a missing reading is taken to be ordinary."""
    return np.asarray(np.nan_to_num(np.clip((values - level) / scale, -_CLIP, _CLIP), nan=0.0))


def _stacked(point: Array) -> Array:
    """Each row beside the two before it; before the first row there is the first row."""
    n = len(point)
    i = np.arange(n)
    return np.hstack([point[np.maximum(i - lag, 0)] for lag in range(ROWS_TOGETHER)])


def _precision(stacked: Array) -> Array:
    checkpoint()
    covariance = stacked.T @ stacked / len(stacked)
    return np.asarray(np.linalg.inv(covariance + _RIDGE * np.eye(len(covariance))))


def _parts(point: Array, precision: Array) -> Array:
    """Each metric's part of the squared distance, shape ``(n_rows, n_metrics)``; a part may be below 0."""
    n, metrics = point.shape
    out = np.zeros((n, metrics))
    for first in range(0, n, _BLOCK):
        checkpoint()
        last = min(n, first + _BLOCK)
        start = max(0, first - ROWS_TOGETHER + 1)
        rows = _stacked(point[start:last])[first - start :]
        parts = (rows @ precision) * rows
        out[first:last] = parts.reshape(len(rows), ROWS_TOGETHER, metrics).sum(axis=1)
    return out
