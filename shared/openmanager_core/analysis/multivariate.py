"""One server, many metrics: how far is a row from the way they move together, and which metric is to blame?"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from openmanager_core.analysis._surprise import recent_mean
from openmanager_core.errors import InsufficientData, InvalidRequest
from openmanager_core.job import checkpoint

Array = npt.NDArray[np.float64]

ROWS_TOGETHER = 2
"""The newest rows that are judged as one point: a metric must also follow from where it just was."""

_RIDGE = 0.01
_CLIP = 50.0
_FIRST_MOVE = 10.0
"""Sigmas of the largest move so far of a metric that never moved in train: there is no other unit for it."""
_SMOOTHING = (1, 3, 10, 30)
_LEVEL_ROWS = 1000
"""The recent level is a mean over so many rows, ..."""
_LEVEL_AGE = 300
"""... the newest of which is older than this, so that a fault does not become the level while it lasts."""
_LEVEL_WEIGHT = 2.0
_BEFORE = (2, 10, 50)
"""A row departs from the means of so many rows before it."""
_SHARE = 0.01
"""What a part of a distance counts for the blame, beside a squared departure."""
_FEWEST_ROWS = 8
_BLOCK = 1024
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
        is to blame for the row. A metric without a reading in a row, or none in `train`, adds nothing.

    Raises
    ------
    InvalidRequest
        If the two are not tables with the same number of metrics.
    InsufficientData
        If `train` has fewer than 8 rows.

    Notes
    -----
    A fault is where the metrics do not go together, and where they change. So three things count:

    - the squared Mahalanobis distance of the newest two rows, less the mean of the rows 300 to 1,300 before them,
      because servers drift away from what they were in `train`. Time-delay stacking turns the static statistic into
      a dynamic one [1]_;
    - the same distance of the departures: each metric less its means over the 2, the 10 and the 50 rows before;
    - the departures by themselves, each in units of its root mean square in `train`.

    Distances are under the ridge-regularised covariance of `train`, of values standardised and clipped at 50 sigma. A
    metric that never moved in `train` has no sigma: its largest move so far is ten, if over a hundredth of its size.
    Each thing counts by its logarithm and by twice the mean logarithm of what it is metric by metric, of a distance
    what each value differs from its prediction by all the others: a fault of many metrics is worth more than a
    wild one. The first counts twice. All is averaged over the newest 1, 3, 10 and 30 rows, because faults last.

    Blamed is who departs, since experts name the metrics that are seen to change, and a hundredth as much who has a
    part in the two distances: value times precision-weighted value. The blame is in units of what is usual: 1, which
    is train's mean of a squared departure, and the mean blame of the rows 300 to 1,300 before. A metric that jumps all
    the time is no news.

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
    level, scale, still = _level_and_scale(known)
    usual, point = _standard(known, level, scale, still), _standard(fresh, level, scale, still)
    together = _moving(usual)
    spread, leaving = _departing(usual)
    before = _sums(point)
    above = point - _recent_level(point, before)
    strange, contributions = np.zeros(len(point)), np.zeros(point.shape)
    for first in range(0, len(point), _BLOCK):
        checkpoint()
        rows = slice(first, min(len(point), first + _BLOCK))
        far, blame = _distance(_stacked(above, rows), together, point.shape[1])
        departed = _departures(point, before, rows)
        departed *= 1.0 / spread
        np.clip(departed, -_CLIP, _CLIP, out=departed)
        farther, more = _distance(departed, leaving, point.shape[1])
        departed *= departed
        alone = departed.reshape(len(departed), len(_BEFORE), -1).sum(axis=1) / len(_BEFORE)
        strange[rows] = _LEVEL_WEIGHT * far + farther + _logarithms(alone.sum(axis=1), alone)
        contributions[rows] = alone + _SHARE * (blame + more)
    contributions[~np.isfinite(fresh)] = 0.0
    contributions -= 1.0
    usual_blame = _recent_level(contributions, _sums(contributions)) + 2.0
    contributions += 1.0
    contributions /= usual_blame
    smooth = sum((recent_mean(strange, rows) for rows in _SMOOTHING), np.zeros(len(strange))) / len(_SMOOTHING)
    return {"scores": np.maximum(smooth, 0.0).tolist(), "contributions": contributions.tolist()}


def _table(given: npt.ArrayLike, name: str) -> Array:
    values = np.asarray(given, dtype=np.float64)
    if values.ndim != 2 or values.shape[1] == 0:
        raise InvalidRequest(f"{name} must be a table of rows and at least one metric, got shape {values.shape}")
    return np.where(np.isfinite(values), np.clip(values, -_LARGEST, _LARGEST), np.nan)


def _level_and_scale(known: Array) -> tuple[Array, Array, npt.NDArray[np.bool_]]:
    """Mean of the readings, ``nan`` without any; standard deviation, a thousandth of the size where a metric never
    moves; and where it does not."""
    seen = np.isfinite(known)
    count = np.count_nonzero(seen, axis=0)
    deviation = np.where(seen, known, 0.0)
    level = np.divide(deviation.sum(axis=0), count, out=np.full(len(count), np.nan), where=count > 0)
    deviation -= level
    deviation[~seen] = 0.0
    spread, size = np.sqrt(np.einsum("rm,rm->m", deviation, deviation) / np.maximum(count, 1)), np.abs(level)
    still = ~(spread > 1e-6 * size)
    return level, np.where(still, 1e-3 * size, spread), still


def _standard(values: Array, level: Array, scale: Array, still: npt.NDArray[np.bool_]) -> Array:
    """Standardised and clipped. A metric that was still in train has no spread: its largest move so far is 10 sigma.

    A missing reading is taken to be the last one, so that a gap is no change; before the first one, to be ordinary.
    """
    out = np.asarray(values - level)
    if still.any():
        farthest = np.maximum.accumulate(np.abs(np.nan_to_num(out[:, still])), axis=0)
        unit = np.maximum(scale[still], farthest / _FIRST_MOVE)
        out[:, still] /= np.where(unit > 0, unit, 1.0)
    out /= np.where(still, 1.0, scale)
    np.clip(out, -_CLIP, _CLIP, out=out)
    missing = np.isnan(out)
    if missing.any():
        last = np.maximum.accumulate(np.where(missing, 0, np.arange(len(out))[:, None]), axis=0)
        out = np.nan_to_num(np.take_along_axis(out, last, axis=0), nan=0.0)
    return out


def _sums(x: Array) -> Array:
    """Sum of the rows before each row, and of all. Shape ``(n + 1, n_metrics)``."""
    total = np.zeros((len(x) + 1, x.shape[1]))
    np.cumsum(x, axis=0, out=total[1:])
    return total


def _stacked(point: Array, rows: slice) -> Array:
    """Each of the rows beside the one before it; before the first row there is the first row."""
    return np.hstack([_earlier(point, rows, lag) for lag in range(ROWS_TOGETHER)])


def _earlier(x: Array, rows: slice, lag: int) -> Array:
    """The rows `lag` before the given ones, the first row where there is none."""
    if rows.start >= lag:
        return x[rows.start - lag : rows.stop - lag]
    return np.asarray(x[np.maximum(np.arange(rows.start, rows.stop) - lag, 0)])


def _departures(point: Array, before: Array, rows: slice) -> Array:
    """Each of the rows less the means of the 2, the 10 and the 50 rows before it, side by side; 0 in the first."""
    n, metrics = rows.stop - rows.start, point.shape[1]
    out = np.empty((n, len(_BEFORE), metrics))
    for k, count in enumerate(_BEFORE):
        mean = before[rows] - _earlier(before, rows, count)
        if rows.start >= count:
            mean *= 1.0 / count
        else:
            mean *= 1.0 / np.clip(np.arange(rows.start, rows.stop), 1, count)[:, None]
        np.subtract(point[rows], mean, out=out[:, k])
    if rows.start == 0:
        out[0] = 0.0
    return out.reshape(n, -1)


def _moving(point: Array) -> Array:
    """Precision of two rows side by side, as `_stacked` puts them."""
    first, last = np.outer(point[0], point[0]), np.outer(point[-1], point[-1])
    same, next_to = point.T @ point, point[1:].T @ point[:-1] + first
    checkpoint()
    return _precision(np.block([[same, next_to], [next_to.T, same - last + first]]) / len(point))


def _departing(point: Array) -> tuple[Array, Array]:
    """Root mean square of the departures, 1 where there are none, and their precision in units of it."""
    before, covariance = _sums(point), np.zeros((len(_BEFORE) * point.shape[1],) * 2)
    for first in range(0, len(point), _BLOCK):
        checkpoint()
        departed = _departures(point, before, slice(first, min(len(point), first + _BLOCK)))
        covariance += departed.T @ departed
    covariance /= len(point)
    spread = np.sqrt(np.diag(covariance))
    spread = np.where(spread > 1e-6, spread, 1.0)
    return spread, _precision(covariance / np.outer(spread, spread))


def _precision(covariance: Array) -> Array:
    return np.asarray(np.linalg.inv(covariance + _RIDGE * np.eye(len(covariance))))


def _recent_level(point: Array, before: Array) -> Array:
    """Mean of the `_LEVEL_ROWS` rows that ended `_LEVEL_AGE` rows ago; rows before the first count as 0."""
    level = np.zeros(point.shape)
    level[_LEVEL_AGE:] = before[: max(len(point) - _LEVEL_AGE, 0)]
    level[_LEVEL_AGE + _LEVEL_ROWS :] -= before[: max(len(point) - _LEVEL_AGE - _LEVEL_ROWS, 0)]
    level /= _LEVEL_ROWS
    return level


def _distance(vectors: Array, precision: Array, metrics: int) -> tuple[Array, Array]:
    """How strange each vector is, and the size of each metric's part of its squared distance."""
    parts, apart = _parts(vectors, precision, metrics)
    return _logarithms(parts.sum(axis=1), apart), np.abs(parts)


def _logarithms(whole: Array, each: Array) -> Array:
    """Of the whole, and twice the mean of those of each metric: a fault of many is worth more than a wild one."""
    return np.asarray(np.log1p(np.maximum(whole, 0.0)) + 2.0 * np.log1p(each).mean(axis=1))


def _parts(vectors: Array, precision: Array, metrics: int) -> tuple[Array, Array]:
    """Per vector and metric: its part of the squared distance (may be below 0), and its squared distance from what all
    the other values predict, in their own variance. Shapes ``(n_vectors, n_metrics)``."""
    shape = (len(vectors), -1, metrics)
    weighed = vectors @ precision
    parts = np.einsum("vkm,vkm->vm", weighed.reshape(shape), vectors.reshape(shape))
    weighed *= weighed
    weighed *= 1.0 / np.diag(precision)
    return np.asarray(parts), np.asarray(weighed.reshape(shape).sum(axis=1))
