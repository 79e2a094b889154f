"""`rank` and `latest` for sources without an engine: read, then screen with numpy."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from functools import partial

import numpy as np
import numpy.typing as npt

from openmanager_core import catalog
from openmanager_core.errors import InsufficientData, InvalidRequest, NotFound
from openmanager_core.job import checkpoint, offload
from openmanager_core.panel import Panel, Window
from openmanager_core.screening import UNUSUAL_SIGMA, screen
from openmanager_core.source._together import together
from openmanager_core.source.base import Ranking, Source, Suspect
from openmanager_core.wording import sentence

_AT_ONCE = 4
_RECENT_RATIO = 0.1
_RECENT_MOST_S = 1800.0
_FEWEST_INSTANTS = 4
_SURELY = 4.0


def recent_instants(window: Window) -> int:
    """How many of a window's newest instants are "lately": a tenth, at least 1, at most half an hour.

    Raises
    ------
    InsufficientData
        If the window is too short to hold both a past and a present.
    """
    if window.n_times < _FEWEST_INSTANTS:
        raise InsufficientData(
            f"ranking needs at least {_FEWEST_INSTANTS} instants, the window holds {window.n_times}",
            hint="use a longer window or a smaller step_s",
        )
    most = max(1, int(_RECENT_MOST_S / window.step_s))
    return max(1, min(round(_RECENT_RATIO * window.n_times), most))


async def rankable(source: Source, metrics: Sequence[str], k: int) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The metrics that some server here has, and a note about the others.

    Raises
    ------
    InvalidRequest
        If `k` is below 1 or no metric is given.
    NotFound
        If a name is not in the catalogue, or no server has any of them.
    """
    if k < 1:
        raise InvalidRequest(f"k must be at least 1, got {k}")
    if not metrics:
        raise InvalidRequest("metrics must name at least one metric", hint="list_metrics shows them all")
    wanted = tuple(dict.fromkeys(catalog.metric(name).name for name in metrics))
    here = set(await source.metrics())
    found = tuple(name for name in wanted if name in here)
    if not found:
        raise NotFound(
            f"no server here has {', '.join(wanted[:5])}",
            hint=f"one of {', '.join(sorted(here)[:8])}" if here else "check that the source has data",
        )
    missing = tuple(name for name in wanted if name not in here)
    return found, (sentence("problem.no_server_has", metrics=missing),) if missing else ()


def strongest(suspects: list[Suspect], k: int) -> tuple[Suspect, ...]:
    """The `k` suspects worth a closer look, strangest first.

    Half of the places are shared evenly among the metrics, for their own strangest of at least four sigmas;
    the others go to the highest scores. Metrics have tails of very different weight: by score alone the
    bursts of one (failed requests) would hide the one full disk of a large fleet. Ties are broken by name, so that
    the same data give the same answer.
    """
    ordered = sorted(suspects, key=lambda s: (-s.score, s.host, s.metric))
    share = k // 2 // max(1, len({s.metric for s in suspects}))
    taken: Counter[str] = Counter()
    reserved: set[int] = set()
    for at, suspect in enumerate(ordered):
        if suspect.score < _SURELY:
            break
        if taken[suspect.metric] < share:
            taken[suspect.metric] += 1
            reserved.add(at)
    others = [at for at in range(len(ordered)) if at not in reserved][: k - len(reserved)]
    return tuple(ordered[at] for at in sorted([*reserved, *others]))


class Progress:
    """Tells how far a screening by metric is; of one metric, at most the `k` strangest are counted as unusual."""

    def __init__(self, metrics: int) -> None:
        self._metrics, self._done, self._series, self._unusual = metrics, 0, 0, 0

    def add(self, series: int, unusual: int) -> None:
        """One more metric was screened."""
        self._done, self._series, self._unusual = self._done + 1, self._series + series, self._unusual + unusual
        checkpoint(
            self._done / self._metrics,
            f"screening: {self._done} of {self._metrics} metrics, {self._series:,} series, "
            f"{self._unusual:,} unusual so far",
        )


async def read_and_rank(
    source: Source, metrics: Sequence[str], window: Window, k: int, hosts: Sequence[str] | None = None
) -> Ranking:
    """Rank by reading everything: the default of sources that have no engine to ask.

    Parameters
    ----------
    source
        Whose `read` is used, a few metrics at once, so that memory stays bounded.
    metrics
        Catalogue names; those that no server here has are left out and named in `problems`.
    window
        At least four instants: "lately" is its newest tenth, at most half an hour.
    k
        How many suspects, at least 1.

    Returns
    -------
    Ranking
        `screened_series` counts the series with readings both lately and before.

    Raises
    ------
    InvalidRequest, InsufficientData, NotFound
        For arguments that allow no ranking.
    """
    names, problems = await rankable(source, metrics, k)
    recent = recent_instants(window)
    if hosts is not None and not hosts:
        raise InvalidRequest("hosts must name at least one server, or be left out")

    seen = Progress(len(names))

    async def one(name: str) -> tuple[list[Suspect], int]:
        panel = await source.read(name, window, hosts)
        found, count = await offload(_screen, panel, recent, k)
        seen.add(count, sum(s.score >= UNUSUAL_SIGMA for s in found))
        return found, count

    answers = await together([partial(one, name) for name in names], at_once=_AT_ONCE)
    suspects = [suspect for found, _ in answers for suspect in found]
    return Ranking(
        strongest(suspects, k),
        sum(count for _, count in answers),
        sentence("how.newest_mean", seconds=recent * window.step_s),
        problems,
    )


def _screen(panel: Panel, recent: int, k: int) -> tuple[list[Suspect], int]:
    """The strangest rows of one panel, and how many rows had both a past and a present."""
    row = catalog.metric(panel.metric)
    scores = screen(panel.values, recent=recent, floor=row.floor, relative=row.relative)
    finite = np.isfinite(panel.values)
    count = int(np.count_nonzero(finite[:, :-recent].any(axis=1) & finite[:, -recent:].any(axis=1)))
    top = np.argsort(-scores, kind="stable")[:k]
    return [Suspect(panel.hosts[i], panel.metric, float(scores[i])) for i in top if scores[i] > 0], count


async def read_and_average(
    source: Source, metric: str, at_s: float, over_s: float = 60.0, *, step_s: float | None = None
) -> Panel:
    """Mean of the readings in ``(at_s - over_s, at_s]`` by reading a fine grid: the default `latest`.

    Parameters
    ----------
    over_s
        Seconds, above 0.
    step_s
        Of the grid; a twelfth of `over_s` but at least a second if not given.

    Raises
    ------
    InvalidRequest
        If `over_s` is not above 0.
    """
    require_span(over_s)
    step = min(over_s, step_s or max(1.0, over_s / 12))
    n = max(1, int(over_s / step + 1e-9))
    panel = await source.read(metric, Window(at_s - (n - 1) * step, at_s + step / 2, step))
    return Panel(metric, panel.hosts, np.array([at_s]), row_means(panel.values)[:, None])


def require_span(over_s: float) -> None:
    """Refuse a span to average over that is not above 0.

    Raises
    ------
    InvalidRequest
        If it is not.
    """
    if not 0 < over_s < float("inf"):
        raise InvalidRequest(f"over_s must be above 0 and finite, got {over_s:g}")


def row_means(
    values: npt.NDArray[np.floating],
) -> npt.NDArray[np.float64]:
    """Mean of each row's readings, ``nan`` for rows without any."""
    finite = np.isfinite(values)
    n = finite.sum(axis=1)
    total = np.where(finite, values, 0.0).sum(axis=1, dtype=np.float64)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(np.where(n > 0, total / n, np.nan))
