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

_RIDGE = 0.01
_CLIP = 50.0
_SMOOTHING = (1, 5, 20, 60)
_LEVEL_ROWS = 1000
"""The recent level is a mean over so many rows, ..."""
_LEVEL_AGE = 300
"""... the newest of which is older than this, so that a fault does not become the level while it lasts."""
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
    Squared Mahalanobis distance of the newest three rows, standardised and clipped at 50 sigma, under the
    ridge-regularised covariance of `train`. Time-delay stacking turns the static statistic into a dynamic one [1]_.
    The distance is the sum over metrics of value times precision-weighted value, which gives each metric its share.

    Servers drift away from what they were in `train`. So each row is judged twice, as it is and less the mean of
    the rows 300 to 1,300 before it, and must be strange both ways to score high. Beside the logarithm of the
    distance counts the mean logarithm of what each value differs from its prediction by all the others: a
    fault of many metrics is worth more than a wild one. Both are averaged over the newest 1, 5, 20 and 60 rows,
    because faults last.

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
    contributions = np.zeros(point.shape)
    strange = np.zeros(len(point))
    for seen in (point, point - _recent_level(point)):
        parts, apart = _parts(seen, precision)
        strange += np.log1p(np.maximum(parts.sum(axis=1), 0.0)) + 2.0 * np.log1p(apart).mean(axis=1)
        contributions += np.abs(parts)
    contributions[~np.isfinite(fresh)] = 0.0
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


def _recent_level(point: Array) -> Array:
    """Mean of the `_LEVEL_ROWS` rows that ended `_LEVEL_AGE` rows ago; rows before the first count as train's mean."""
    n = len(point)
    total = np.concatenate((np.zeros((1, point.shape[1])), np.cumsum(point, axis=0)))
    end = np.maximum(np.arange(n) - _LEVEL_AGE, 0)
    return np.asarray((total[end] - total[np.maximum(end - _LEVEL_ROWS, 0)]) / _LEVEL_ROWS)


def _parts(point: Array, precision: Array) -> tuple[Array, Array]:
    """Per row and metric: its part of the squared distance (may be below 0), and its squared distance from what all
    the other values predict, in their own variance. Shapes ``(n_rows, n_metrics)``."""
    n, metrics = point.shape
    out, apart = np.zeros((n, metrics)), np.zeros((n, metrics))
    variance = 1.0 / np.diag(precision)
    for first in range(0, n, _BLOCK):
        checkpoint()
        last = min(n, first + _BLOCK)
        start = max(0, first - ROWS_TOGETHER + 1)
        rows = _stacked(point[start:last])[first - start :]
        weighed = rows @ precision
        shape = (len(rows), ROWS_TOGETHER, metrics)
        out[first:last] = (weighed * rows).reshape(shape).sum(axis=1)
        apart[first:last] = (weighed * weighed * variance).reshape(shape).sum(axis=1)
    return out, apart
