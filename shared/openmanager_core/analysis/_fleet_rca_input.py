"""What a root-cause question is: reads and refuses the request and the long frame of `causes.rca`."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
import numpy.typing as npt

from openmanager_core.errors import InsufficientData, InvalidRequest
from openmanager_core.near import nearest

COLUMNS = ("timestamp", "node", "metric", "stat", "value")
_MOST_TOP = 1000
_MOST_CELLS = 200_000_000

Times = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Question:
    """One root-cause question, checked: times in Unix seconds, `edges` None where no topology is known."""

    node: str
    metric: str
    stat: str
    normal: tuple[float, float]
    anomalous: tuple[float, float]
    trigger: float
    edges: tuple[tuple[str, str], ...] | None
    top: int


@dataclass(frozen=True, slots=True)
class Frame:
    """The long table as five equally long columns, unusable rows left out."""

    timestamp: Times
    node: npt.NDArray[Any]
    metric: npt.NDArray[Any]
    stat: npt.NDArray[Any]
    value: Times


def as_seconds(given: object, name: str) -> float:
    """One instant, epoch seconds or ISO 8601 (without an offset: UTC), as Unix seconds.

    Raises
    ------
    InvalidRequest
        If it is neither, or not finite.
    """
    if isinstance(given, (int, float, np.integer, np.floating)) and not isinstance(given, bool):
        at_s = float(given)
    else:
        text = str(given).strip()
        try:
            at_s = float(text)
        except ValueError:
            try:
                when = datetime.fromisoformat(text)
                at_s = (when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp()
            except (ValueError, OverflowError):
                raise InvalidRequest(f"{name} must be epoch seconds or an ISO 8601 time, got {text[:60]!r}") from None
    if not math.isfinite(at_s):
        raise InvalidRequest(f"{name} must be finite, got {at_s}")
    return at_s


def read_question(request: Mapping[str, Any]) -> Question:
    """Check a request as `contracts` lays it down.

    Raises
    ------
    InvalidRequest
        If a field is missing, of the wrong form, or a window is reversed.
    """
    if not isinstance(request, Mapping):
        raise InvalidRequest(f"request must be an object, got {type(request).__name__}")
    target = request.get("target")
    if not isinstance(target, Mapping) or not all(isinstance(target.get(k), str) for k in ("node", "metric", "stat")):
        raise InvalidRequest(
            "request.target must name node, metric and stat",
            hint='"target": {"node": "api", "metric": "latency", "stat": "Average"}',
        )
    normal, anomalous = _pair(request, "normal"), _pair(request, "anomalous")
    trigger = request.get("trigger")
    trigger_s = anomalous[0] if trigger is None else as_seconds(trigger, "request.trigger")
    if trigger_s > anomalous[1]:
        raise InvalidRequest(
            f"request.trigger must not be after the anomalous window, got {trigger_s:.0f} and end {anomalous[1]:.0f}"
        )
    top = request.get("top", 5)
    if not isinstance(top, int) or isinstance(top, bool) or not 1 <= top <= _MOST_TOP:
        raise InvalidRequest(f"request.top must be a whole number from 1 to {_MOST_TOP}, got {str(top)[:40]!r}")
    return Question(
        target["node"], target["metric"], target["stat"], normal, anomalous, trigger_s, _edges(request), top
    )


def _pair(request: Mapping[str, Any], name: str) -> tuple[float, float]:
    given = request.get(name)
    if not isinstance(given, Sequence) or isinstance(given, (str, bytes)) or len(given) != 2:
        raise InvalidRequest(f"request.{name} must be [start, end], got {str(given)[:60]}")
    start_s, end_s = (as_seconds(v, f"request.{name}") for v in given)
    if end_s < start_s:
        raise InvalidRequest(
            f"request.{name} must end after it starts, got start {start_s:.0f} and end {end_s:.0f}",
            hint="swap the two",
        )
    return start_s, end_s


def _edges(request: Mapping[str, Any]) -> tuple[tuple[str, str], ...] | None:
    given = request.get("edges")
    if given is None:
        return None
    if not isinstance(given, Sequence) or isinstance(given, (str, bytes)):
        raise InvalidRequest("request.edges must be a list of [caller, callee] or null")
    for k, pair in enumerate(given):
        if not isinstance(pair, Sequence) or isinstance(pair, (str, bytes)) or len(pair) != 2:
            raise InvalidRequest(f"request.edges[{k}] must be [caller, callee], got {str(pair)[:60]}")
    return tuple((str(a), str(b)) for a, b in given)


def read_frame(frame: Mapping[str, Any]) -> Frame:
    """The five columns as arrays of one length; rows without a finite time and value are left out.

    Raises
    ------
    InvalidRequest
        If a column is missing, the lengths differ, or times or values are not numbers.
    InsufficientData
        If no usable row remains.
    """
    missing = [c for c in COLUMNS if c not in frame]
    if missing:
        raise InvalidRequest(
            f"the metrics table lacks {', '.join(missing)}", hint=f"its columns are {','.join(COLUMNS)}"
        )
    columns = {c: np.asarray(frame[c]) for c in COLUMNS}
    lengths = {c: a.shape for c, a in columns.items()}
    if len(set(lengths.values())) != 1 or any(len(s) != 1 for s in lengths.values()):
        raise InvalidRequest(f"the columns of the metrics table must be equally long, got {lengths}")
    try:
        value = columns["value"].astype(np.float64)
    except (ValueError, TypeError):
        raise InvalidRequest("the metrics table's value column must hold numbers") from None
    when = columns["timestamp"]
    if when.dtype.kind in "iuf":
        timestamp = when.astype(np.float64)
    elif when.dtype.kind == "M":
        timestamp = when.astype("datetime64[ns]").astype(np.float64) / 1e9
    else:
        names, back = np.unique(when.astype(str), return_inverse=True)
        timestamp = np.array([as_seconds(n, "timestamp") for n in names])[back] if len(names) else np.empty(0)
    usable = np.isfinite(timestamp) & np.isfinite(value)
    if not usable.any():
        raise InsufficientData(f"the metrics table has no usable row, {len(value)} were given")
    node, metric, stat = (columns[c].astype(str)[usable] for c in ("node", "metric", "stat"))
    return Frame(timestamp[usable], node, metric, stat, value[usable])


@dataclass(frozen=True, slots=True)
class Table:
    """One metric of every node: `values` has shape ``(n_nodes, n_times)``, ``nan`` where nothing was measured."""

    nodes: tuple[str, ...]
    times_s: Times
    values: Times


def table(frame: Frame, chosen: npt.NDArray[np.bool_]) -> Table:
    """Pivot the chosen rows; of two readings of one node at one instant the later row counts.

    Raises
    ------
    InvalidRequest
        If the table would not fit in memory.
    """
    nodes, at_node = np.unique(frame.node[chosen], return_inverse=True)
    times_s, at_time = np.unique(frame.timestamp[chosen], return_inverse=True)
    if len(nodes) * len(times_s) > _MOST_CELLS:
        raise InvalidRequest(
            f"{len(nodes)} nodes x {len(times_s)} instants are too many, the most is {_MOST_CELLS} cells",
            hint="use one time grid for all nodes, or fewer rows",
        )
    values = np.full((len(nodes), len(times_s)), np.nan)
    values[at_node, at_time] = frame.value[chosen]
    return Table(tuple(str(n) for n in nodes), times_s, values)


def target_table(frame: Frame, question: Question) -> Table:
    """The target's metric and statistic of every node.

    Raises
    ------
    InvalidRequest
        If the metric, the statistic or the target node is not in the table; the nearest names are given.
    """
    for what, column, wanted in (
        ("node", frame.node, question.node),
        ("metric", frame.metric, question.metric),
        ("stat", frame.stat, question.stat),
    ):
        if not (column == wanted).any():
            known = [str(n) for n in np.unique(column)]
            near = nearest(wanted, known, cutoff=0.3) or known[:5]
            raise InvalidRequest(
                f"the metrics table has no target {what} {wanted[:80]!r}", hint=f"one of {', '.join(near)}"
            )
    found = table(frame, (frame.metric == question.metric) & (frame.stat == question.stat))
    if question.node not in found.nodes:
        raise InvalidRequest(
            f"the metrics table has no {question.metric}/{question.stat} of the target node {question.node[:80]!r}"
        )
    return found


_VOLUME_NAMES = ("requests", "request", "calls", "throughput", "count", "requests_per_s", "invocations")


def volume_table(frame: Frame, like: Table) -> Times | None:
    """Requests of each node at each instant of `like` (0 where unknown); None where no volume is measured."""
    names = {str(m).casefold(): m for m in np.unique(frame.metric)}
    name = next((names[n] for n in _VOLUME_NAMES if n in names), None)
    if name is None:
        return None
    rows = frame.metric == name
    stats = [str(s) for s in np.unique(frame.stat[rows])]
    stat = next((s for s in stats if s.casefold() == "sum"), stats[0])
    found = table(frame, rows & (frame.stat == stat))
    out = np.zeros(like.values.shape)
    at_node = {n: i for i, n in enumerate(found.nodes)}
    shared, from_col, to_col = np.intersect1d(found.times_s, like.times_s, return_indices=True)
    if len(shared):
        for row, node in enumerate(like.nodes):
            if node in at_node:
                out[row, to_col] = np.nan_to_num(found.values[at_node[node], from_col])
    return out
