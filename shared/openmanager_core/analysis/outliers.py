"""Servers unlike their peers: robust distance from hosts of the same type and cluster, sustained and bounded."""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from openmanager_core.catalog import Metric, metric
from openmanager_core.errors import InsufficientData, InvalidRequest
from openmanager_core.facts import fact
from openmanager_core.findings import Evidence, Finding, Severity, summed_up
from openmanager_core.fleet import Fleet
from openmanager_core.job import checkpoint
from openmanager_core.panel import FloatArray, Panel
from openmanager_core.wording import said

MIN_PEERS = 5
"""Fewest hosts for which a median across them says anything about one of them."""
_RECENT_SHARE = 0.1
_FALSE_DISCOVERIES = 0.05
_CRITICAL_SIGMA = 10.0
_SUSTAINED = 0.6
"""Share of the recent instants at which the host must stand apart on the same side."""
_MEAN_DEVIATION = math.sqrt(math.pi / 2)

Column = npt.NDArray[np.float64]


def peer_scores(
    values: FloatArray, *, min_hosts: int = MIN_PEERS, floor: float = 0.0, relative: float = 0.0
) -> npt.NDArray[np.float64]:
    """Score each host by its signed robust distance from its peers at each instant.

    Parameters
    ----------
    values
        Shape ``(n_hosts, n_times)``, any one unit; ``nan`` means no reading.
    min_hosts
        Fewest hosts for which a median says anything, at least 3. An instant with fewer readings scores ``nan``.
    floor, relative
        No scale goes below `floor` (in the values' unit) nor below `relative` times the median's size.

    Returns
    -------
    ndarray
        Shape ``(n_hosts, n_times)``, multiples of sigma, positive above the peers; ``nan`` where the input is,
        ``0`` where every reading is equal.

    Raises
    ------
    InvalidRequest
        If `min_hosts` is below 3.
    InsufficientData
        If there are fewer than `min_hosts` rows.

    Notes
    -----
    Median and MAD across hosts: up to half of them may misbehave before the yardstick moves [1]_. If more
    than half agree exactly the MAD is 0, and the mean absolute deviation takes its place (times
    ``sqrt(pi / 2)``, which makes it the standard deviation of normal data).

    References
    ----------
    .. [1] P. J. Rousseeuw and C. Croux, "Alternatives to the Median Absolute Deviation", section 1,
       JASA 88(424), 1993. doi:10.1080/01621459.1993.10476408
    """
    if min_hosts < 3:
        raise InvalidRequest(f"min_hosts must be at least 3, got {min_hosts}")
    if len(values) < min_hosts:
        raise InsufficientData(
            f"a comparison with peers needs at least {min_hosts} hosts, got {len(values)}",
            hint="compare each host with its own past for small groups",
        )
    data = np.where(np.isfinite(values), values, np.nan).astype(np.float64)
    count = np.isfinite(data).sum(axis=0)
    middle = _column_median(data, count)
    away = data - middle
    spread = 1.4826 * _column_median(np.abs(away), count)
    tied = (spread == 0) & (count > 0)
    if tied.any():
        mean = np.where(np.isfinite(away), np.abs(away), 0).sum(axis=0)
        spread = np.where(tied, _MEAN_DEVIATION * mean / np.maximum(count, 1), spread)
    scale = np.maximum(spread, np.maximum(floor, relative * np.abs(np.nan_to_num(middle))))
    score = np.divide(away, scale, out=np.zeros_like(away), where=scale > 0)
    score[~np.isfinite(data)] = np.nan
    score[:, count < min_hosts] = np.nan
    return score


def _column_median(data: Column, count: npt.NDArray[np.int64]) -> Column:
    """Median over the readings of each column; ``nan`` where there is none. Sorting puts the gaps last."""
    order = np.sort(data, axis=0)
    at = np.arange(data.shape[1])
    low = np.maximum(count - 1, 0) // 2
    high = np.minimum(count // 2, len(data) - 1)
    middle: Column = (order[low, at] + order[high, at]) / 2
    return middle


@dataclass(frozen=True, slots=True)
class PeerGroups:
    """How a fleet was split into peers.

    Attributes
    ----------
    groups
        (name, rows of the panel, which of those are judged by it) per group large enough.
    skipped
        Hosts in no group that is large enough.
    explanation
        One sentence about the skipped hosts; empty if there are none.
    """

    groups: tuple[tuple[str, npt.NDArray[np.intp], npt.NDArray[np.bool_]], ...]
    skipped: tuple[str, ...]
    explanation: str


def peer_groups(hosts: tuple[str, ...], fleet: Fleet, *, min_hosts: int = MIN_PEERS) -> PeerGroups:
    """Split hosts into peers: the cluster where it is large enough, else type, environment and region.

    Never across regions: they have their own hours, and on a quiet fleet one in twelve looks found what was only that.
    """
    by_cluster: dict[str, list[int]] = defaultdict(list)
    by_type: dict[str, list[int]] = defaultdict(list)
    for row, host in enumerate(hosts):
        server = fleet.by_id.get(host)
        if server is None:
            continue
        if server.cluster:
            by_cluster[server.cluster].append(row)
        place = f" in {server.region}" if server.region else ""
        by_type[f"{server.environment} {server.type} servers{place}"].append(row)
    groups = []
    placed: set[int] = set()
    clusters = [(f"cluster {name}", rows) for name, rows in by_cluster.items()]
    for name, rows in (*clusters, *by_type.items()):
        # the yardstick uses all of the type, but only hosts without a nearer group are judged by it
        judged = np.array([row not in placed for row in rows])
        if len(rows) >= min_hosts and judged.any():
            groups.append((name, np.array(rows, np.intp), judged))
            placed.update(rows)
    skipped = tuple(h for row, h in enumerate(hosts) if row not in placed)
    said = ""
    if skipped:
        said = (
            f"{len(skipped)} of {len(hosts)} hosts have fewer than {min_hosts} peers and were not compared with any, "
            f"{skipped[0]} for one"
        )
    return PeerGroups(tuple(groups), skipped, said)


def peer_outliers(panel: Panel, fleet: Fleet, *, min_sigma: float = 4.0) -> list[Finding]:
    """Servers that lately stand apart from their peers, strongest first.

    Parameters
    ----------
    panel
        One metric of many hosts; only metrics of one level per type make sense across hosts.
    fleet
        Says who is whose peer: the cluster, else hosts of the same type, environment and region. Hosts with fewer
        than 5 peers are left out (`peer_groups` says which).
    min_sigma
        Least distance, sustained over the newest tenth of the window, above 0.

    Returns
    -------
    list of Finding
        Of kind ``peer_outlier``.

    Raises
    ------
    InvalidRequest
        If `min_sigma` is not above 0.

    Notes
    -----
    A host's distance from its peers is compared with the distance it had earlier in the window, if that was
    smaller: a server that always differs (a leader, a larger machine) is no news. Each comparison gives a
    p-value from a Student t tail with 8 degrees of freedom (peers are heavy-tailed); of all hosts compared,
    those are kept that pass Benjamini-Hochberg at 5 % [1]_ and `min_sigma`.

    References
    ----------
    .. [1] Y. Benjamini and Y. Hochberg, J. R. Stat. Soc. B 57(1), 1995, theorem 1.
       doi:10.1111/j.2517-6161.1995.tb02031.x
    """
    if not min_sigma > 0:
        raise InvalidRequest(f"min_sigma must be above 0, got {min_sigma:g}")
    row_of = metric(panel.metric)
    n_times = len(panel.times_s)
    recent = max(1, round(_RECENT_SHARE * n_times))
    rows, names, apart, since, middles, spreads, nows = [], [], [], [], [], [], []
    for name, members, judged in peer_groups(panel.hosts, fleet).groups:
        checkpoint()
        values = panel.values[members]
        scores = peer_scores(values, floor=row_of.floor, relative=row_of.relative)
        late = scores[:, -recent:]
        with np.errstate(all="ignore"):
            count = np.isfinite(late).sum(axis=1)
            mean = np.where(np.isfinite(late), late, 0).sum(axis=1) / np.maximum(count, 1)
            same = (np.sign(late) == np.sign(mean)[:, None]) & (np.abs(late) >= 0.5 * min_sigma)
            held = same.sum(axis=1) >= _SUSTAINED * recent
            always = _typical(scores[:, :-recent])
        moved = np.where(np.abs(mean - always) < np.abs(mean), mean - always, mean)
        # the smaller of the two distances: apart from the peers now, and not just as it always was
        distance = np.where(held, np.minimum(np.abs(mean), np.abs(moved)) * np.sign(mean), 0.0)
        level, now, spread = _levels(values[:, -recent:])
        for k in np.flatnonzero(judged):
            rows.append(int(members[k]))
            names.append(name)
            apart.append(float(distance[k]))
            since.append(_since(scores[k], min_sigma, float(np.sign(mean[k]))))
            middles.append(level)
            spreads.append(max(spread, row_of.floor, row_of.relative * abs(level)))
            nows.append(float(now[k]))
    if not rows:
        return []
    distance = np.abs(np.array(apart))
    passing = (distance >= min_sigma) & false_discovery(_tail(distance), _FALSE_DISCOVERIES)
    found = [
        _finding(panel, fleet, row_of, rows[k], names[k], apart[k], since[k], recent, nows[k], middles[k], spreads[k])
        for k in np.flatnonzero(passing)
    ]
    return sorted(found, key=lambda f: -f.score_sigma)


def false_discovery(p_values: Column, q: float) -> npt.NDArray[np.bool_]:
    """Which hypotheses Benjamini and Hochberg's step-up procedure rejects at rate `q`."""
    n = len(p_values)
    order = np.argsort(p_values)
    under = p_values[order] <= q * np.arange(1, n + 1) / max(n, 1)
    keep = np.zeros(n, bool)
    if under.any():
        keep[order[: int(np.flatnonzero(under)[-1]) + 1]] = True
    return keep


def _tail(distance: Column) -> Column:
    """Two-sided tail of Student's t with 8 degrees of freedom, in closed form."""
    angle = np.arctan(distance / math.sqrt(8))
    c2 = np.cos(angle) ** 2
    inside = np.sin(angle) * (1 + c2 / 2 + 3 * c2**2 / 8 + 15 * c2**3 / 48)
    return np.clip(1 - inside, 0, 1)


def _typical(scores: Column) -> Column:
    """Median distance of each host before the recent part; 0 where there was none."""
    if not scores.shape[1]:
        return np.zeros(len(scores))
    return np.nan_to_num(_column_median(scores.T.copy(), np.isfinite(scores).sum(axis=1)))


def _levels(late: FloatArray) -> tuple[float, Column, float]:
    """Level and spread of the group lately, and each member's own mean."""
    there = np.isfinite(late)
    count = there.sum(axis=1)
    now = np.where(there, late, 0).sum(axis=1, dtype=np.float64) / np.maximum(count, 1)
    seen = now[count > 0]
    level = float(np.median(seen)) if len(seen) else float("nan")
    spread = float(1.4826 * np.median(np.abs(seen - level))) if len(seen) else float("nan")
    return level, np.where(count > 0, now, np.nan), spread


def _since(scores: Column, min_sigma: float, side: float) -> int:
    """First instant of the stretch, reaching to the end, in which the host stays apart (gaps of one allowed)."""
    apart = scores * side >= 0.5 * min_sigma
    inside = np.flatnonzero(~(apart | np.isnan(scores)))
    if not len(inside):
        return 0
    last_two = inside[-1]
    # one instant back among the peers does not end the event
    if len(inside) > 1 and inside[-1] - inside[-2] > 2 and len(scores) - inside[-1] <= 3:
        last_two = inside[-2]
    return min(int(last_two) + 1, len(scores) - 1)


def _finding(
    panel: Panel, fleet: Fleet, about: Metric, row: int, group: str, signed: float, since: int, recent: int,
    now: float, level: float, spread: float,
) -> Finding:  # fmt: skip
    host = panel.hosts[row]
    server = fleet.by_id.get(host)
    up = signed > 0
    hurts = about.worse == "both" or (about.worse == "high") == up
    severity: Severity = "info"
    if hurts:
        severity = "critical" if abs(signed) >= _CRITICAL_SIGMA else "warning"
    times_s = panel.times_s
    step_s = float(times_s[1] - times_s[0]) if len(times_s) > 1 else 0.0
    end_s = float(times_s[-1]) + step_s
    start_s = float(times_s[since])
    how = fact("method.peers")
    found = Finding(
        kind="peer_outlier",
        host=host,
        cluster=server.cluster if server else "",
        metric=panel.metric,
        start_s=start_s,
        end_s=None,
        score_sigma=abs(signed),
        confidence=float(np.clip(1 - 2 / (abs(signed) + 1), 0.05, 0.99)),
        severity=severity,
        direction="up" if up else "down",
        summary="",
        evidence=Evidence(
            metric=panel.metric,
            unit=about.unit,
            observed=now,
            baseline=level,
            spread=spread,
            window_s=(float(times_s[-recent]), end_s),
            baseline_window_s=(float(times_s[0]), end_s),
            method=said(how),
            note=f"peers: {group}",
            how=how,
        ),
    )
    return summed_up(found)
