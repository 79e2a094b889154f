"""Root causes of one symptom in a call graph: who does the work that was not there before?

The method is excess work. Time that callers wait, or requests that fail, beyond what is normal is an
amount (seconds, requests) that can be added up and passed along calls: what a node loses on behalf of
its callees is theirs, what remains is its own.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from openmanager_core.analysis._fleet_rca_input import (
    Question,
    Table,
    read_frame,
    read_question,
    target_table,
    volume_table,
)
from openmanager_core.errors import InsufficientData

_MOVED_SIGMA = 4.0
"""A node below this has not moved; 4 robust sigmas is one false alarm in some ten thousand normal rows."""
_GATE_WITH_WITNESS_SIGMA = 2.5
"""The target may have moved only this far if another node that it calls moved far and explains it."""
_WITNESS_SIGMA = 12.0
_FEWEST_NORMAL = 5
_FEWEST_FAILED = 3.0
"""Fewer failed requests than this since the trigger are chance, however flat the availability was."""
_FAILED = "failed requests"
_LEAST_FELT = 0.1
"""A node whose callers do not wait for it can hardly hurt the target, but call graphs have gaps."""
_FELT_POWER = 1.5
"""Above 1, so that of two nodes that could each explain the target the one whose excess fits ranks first."""
_LEARNED_R = 0.3
_CONTAINS = 1.5
"""Without a graph, a caller must have clearly more work than what it is said to contain."""

_DOWN_IS_BAD = re.compile(r"avail|success|hit_ratio|goodput|uptime", re.IGNORECASE)
_COUNTED = re.compile(r"error|fail|fault|5xx|4xx", re.IGNORECASE)
_TIMED = re.compile(r"latenc|duration|time|delay", re.IGNORECASE)
_VIEW = re.compile(
    r"(?:^|[^a-z0-9])(?:elb|alb|nlb|lb|loadbalancer|load_balancer|remote|client|proxy|vip)(?:$|[^a-z0-9])", re.I
)
"""Names that mean a caller's view of somebody else: load-balancer addresses, unresolved remotes, client sides."""

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class _Losses:
    """Per node: robust distance, normal level, worst value since the trigger, excess work, normal work per row."""

    sigma: Floats
    base: Floats
    worst: Floats
    excess: Floats
    work: Floats
    unit: str


def rca(frame: Mapping[str, Any], request: Mapping[str, Any]) -> dict[str, Any]:
    """Rank the nodes that may have caused the target's trouble.

    Parameters
    ----------
    frame
        Five equally long columns ``timestamp`` (Unix seconds or ISO 8601), ``node``, ``metric``, ``stat``,
        ``value``; rows without a finite value are left out.
    request
        ``target`` (``node``, ``metric``, ``stat``), ``normal`` and ``anomalous`` windows ``[start, end]``,
        ``trigger`` (when the symptom was noticed), ``edges`` ``[[caller, callee], ...]`` or None, ``top``.

    Returns
    -------
    dict
        ``{"ranking": [{"node", "metric", "score", "evidence"}, ...]}``, best first. `score` is excess work
        of the node's own since the trigger: seconds waited, or failed requests (without request volumes:
        the same per request). Empty when the target itself shows nothing wrong, or nobody moved.

    Raises
    ------
    InvalidRequest
        If the request is malformed, a window is reversed, or the target is not in the frame.
    InsufficientData
        If there is no usable row, fewer than 5 normal rows of the target, or none since the trigger.

    Notes
    -----
    ``excess = sum over rows since the trigger of (value - normal median) * requests`` for nodes at least 4
    robust sigmas away; ``own = excess - excess of callees``. Three kinds of edges need care: a callee whose
    trouble its callers do not show is not waited for (asynchronous) and counts by the share they show; a
    leaf that is only a caller's view (a load balancer's address) gives up what moved beside it, and what moved
    without any caller in the graph is taken to stand behind it; without
    edges an order is learned from the co-movement of work in normal time.
    Availability that never moves has no spread: 0.1 points are one sigma there.

    The target must have moved at least 4 sigmas, or 2.5 with a callee at 12 that explains half of it.
    """
    question = read_question(request)
    rows = read_frame(frame)
    table = target_table(rows, question)
    volume = volume_table(rows, table)
    normal, since = _spans(table, question)
    target = table.nodes.index(question.node)
    losses = _losses(table, volume, question, normal, since)
    given = _graph(table, question)
    learned = given is None
    moved = losses.sigma >= _MOVED_SIGMA
    calls = _learned(table, losses, normal, target) if given is None else _behind(table, given, moved, target)
    own = _own(table, losses, calls, moved, learned)
    felt = np.ones(len(own)) if learned else np.maximum(_felt(calls, losses, target), _LEAST_FELT)
    score = own * felt**_FELT_POWER
    if not _something_wrong(losses, moved, score, target, learned):
        return {"ranking": []}
    order = [int(i) for i in np.lexsort((-losses.sigma, -losses.excess, -score)) if moved[i] and i != target]
    return {
        "ranking": [
            {
                "node": table.nodes[i],
                "metric": question.metric,
                "score": float(score[i]),
                "evidence": _evidence(table, losses, question, i, float(own[i]), float(felt[i]), learned),
            }
            for i in order[: question.top]
        ]
    }


def _spans(table: Table, question: Question) -> tuple[Flags, Flags]:
    times_s = table.times_s
    normal = (times_s >= question.normal[0]) & (times_s <= question.normal[1])
    since = (times_s >= question.trigger) & (times_s >= question.anomalous[0]) & (times_s <= question.anomalous[1])
    row = table.values[table.nodes.index(question.node)]
    had, has = int(np.isfinite(row[normal]).sum()), int(np.isfinite(row[since]).sum())
    if had < _FEWEST_NORMAL:
        raise InsufficientData(
            f"the target has {had} readings in the normal window, at least {_FEWEST_NORMAL} are needed",
            hint="a longer normal window",
        )
    if not has:
        raise InsufficientData(
            "the target has no reading since the trigger inside the anomalous window", hint="an earlier trigger"
        )
    return normal, since


def _losses(table: Table, volume: Floats | None, question: Question, normal: Flags, since: Flags) -> _Losses:
    """How far each node moved for the worse since the trigger and how much work that cost."""
    values = table.values
    downward = bool(_DOWN_IS_BAD.search(question.metric))
    bad = -1.0 if downward else 1.0
    before, now = values[:, normal], values[:, since]
    enough = np.isfinite(before).sum(axis=1) >= _FEWEST_NORMAL
    earlier = values[:, (table.times_s >= question.anomalous[0]) & (table.times_s < question.trigger)]
    base, spread = np.full(len(values), np.nan), np.zeros(len(values))
    for i in range(len(values)):
        past = before[i] if enough[i] else earlier[i]
        past = past[np.isfinite(past)]
        if len(past):
            base[i] = np.median(past)
            spread[i] = 1.4826 * np.median(np.abs(past - base[i]))
    if downward:
        floor = 0.001 * np.where(np.nan_to_num(np.abs(base)) > 1.5, 100.0, 1.0)
    else:
        floor = 0.01 * np.abs(np.nan_to_num(base))
    scale = np.maximum(np.maximum(spread, floor), 1e-9)
    gap = bad * (now - base[:, None])
    finite = np.isfinite(gap)
    sigma = np.where(finite, gap, -np.inf).max(axis=1, initial=-np.inf) / scale
    sigma = np.where(np.isfinite(sigma), sigma, 0.0)
    at = np.where(finite, gap, -np.inf).argmax(axis=1) if gap.shape[1] else np.zeros(len(values), int)
    worst = now[np.arange(len(values)), at]
    counted = volume is not None and (downward or not _COUNTED.search(question.metric) or "ratio" in question.metric)
    weight = volume[:, since] if volume is not None and counted else np.ones_like(now)
    # a percentage of the requests, or seconds for each of them
    percent = downward and float(np.nanmax(np.abs(base), initial=0.0)) > 1.5
    gain = 0.01 if percent else 1.0
    excess = np.maximum(0.0, gain * np.where(finite, gap * weight, 0.0).sum(axis=1))
    normal_weight = np.median(volume[:, normal], axis=1) if volume is not None and counted else np.ones(len(values))
    unit = _FAILED if downward or _COUNTED.search(question.metric) else "s waited"
    if not (downward or _COUNTED.search(question.metric) or _TIMED.search(question.metric)):
        unit = f"excess {question.metric}"
    return _Losses(sigma, base, worst, excess, np.nan_to_num(base) * normal_weight, unit)


def _graph(table: Table, question: Question) -> Flags | None:
    """Calls as a square matrix [caller, callee]; nodes without data pass their callees on to their callers."""
    if question.edges is None:
        return None
    names = list(table.nodes)
    names += sorted({n for edge in question.edges for n in edge} - set(names))
    at = {n: i for i, n in enumerate(names)}
    calls = np.zeros((len(names), len(names)), bool)
    for caller, callee in question.edges:
        if caller != callee:
            calls[at[caller], at[callee]] = True
    for hidden in range(len(table.nodes), len(names)):
        calls |= calls[:, hidden][:, None] & calls[hidden][None, :]
    np.fill_diagonal(calls, False)
    return calls[: len(table.nodes), : len(table.nodes)]


def _behind(table: Table, calls: Flags, moved: Flags, target: int) -> Flags:
    """The graph, in which an address that nothing lies behind calls the nodes that nobody is said to call."""
    views = _views(table)
    addresses = moved & views & ~calls.any(axis=1)
    uncalled = moved & ~views & ~calls.any(axis=0)
    uncalled[target] = False
    return calls | (addresses[:, None] & uncalled[None, :])


def _views(table: Table) -> Flags:
    return np.array([bool(_VIEW.search(n)) for n in table.nodes])


def _learned(table: Table, losses: _Losses, normal: Flags, target: int) -> Flags:
    """A probable order of calls where none is given: the larger work that moves with the smaller contains it."""
    # values, not work: shared traffic makes all volumes move together and says nothing about calls
    steps = np.diff(table.values[:, normal], axis=1)
    usable = np.isfinite(steps).mean(axis=1) > 0.5 if steps.shape[1] else np.zeros(len(steps), bool)
    calls = np.zeros((len(steps), len(steps)), bool)
    calls[target] = True
    candidates = np.flatnonzero(usable & (losses.sigma >= _MOVED_SIGMA))
    if len(candidates):
        # ranks: one burst in normal time must not decide who moves with whom
        ranked = np.argsort(np.argsort(np.nan_to_num(steps[candidates]), axis=1), axis=1).astype(float)
        ranked -= ranked.mean(axis=1, keepdims=True)
        ranked /= np.maximum(np.sqrt((ranked**2).sum(axis=1, keepdims=True)), 1e-12)
        together = ranked @ ranked.T >= _LEARNED_R
        contains = losses.work[candidates][:, None] > _CONTAINS * losses.work[candidates][None, :]
        calls[np.ix_(candidates, candidates)] |= together & contains
    np.fill_diagonal(calls, False)
    return calls


def _felt(calls: Flags, losses: _Losses, target: int) -> Floats:
    """Share of each node's excess that its callers show too, along the best chain up to the target.

    A caller that does not wait for a callee does not show its excess, whatever the arrow in the graph
    says: so much for queues, step functions and other asynchronous work.
    """
    felt = np.zeros(len(calls))
    felt[target] = 1.0
    excess = losses.excess
    for _ in range(len(calls)):
        shown = (calls * (felt * excess)[:, None]).sum(axis=0)
        new = np.where(excess > 0, np.minimum(1.0, shown / np.maximum(excess, 1e-12)), 0.0)
        new[target] = 1.0
        if np.allclose(new, felt, atol=1e-6):
            break
        felt = new
    return felt


def _something_wrong(losses: _Losses, moved: Flags, score: Floats, target: int, learned: bool) -> bool:
    """Whether the target is in trouble: far from normal by itself, or less far with a clear explanation."""
    lost = losses.excess[target]
    if lost <= 0 or (losses.unit == _FAILED and lost < _FEWEST_FAILED):
        return False
    if losses.sigma[target] >= _MOVED_SIGMA:
        return True
    if learned or losses.sigma[target] < _GATE_WITH_WITNESS_SIGMA:
        return False
    witness = moved & (losses.sigma >= _WITNESS_SIGMA) & (score >= 0.5 * lost)
    witness[target] = False
    return bool(witness.any())


def _own(table: Table, losses: _Losses, calls: Flags, moved: Flags, learned: bool) -> Floats:
    """Excess work less what was lost waiting for callees, and for views less what moved beside them."""
    excess = np.where(moved, losses.excess, 0.0)
    # a learned order repeats itself along a chain, so only the largest callee is taken off there
    passed = np.where(calls, excess[None, :], 0.0).max(axis=1, initial=0.0) if learned else calls @ excess
    own: Floats = np.maximum(0.0, excess - passed)
    views = _views(table)
    for i in np.flatnonzero(moved & ~calls.any(axis=1) & views):
        beside = np.ones(len(calls), bool) if learned else calls[calls[:, i]].any(axis=0)
        beside &= ~calls[:, i] & ~views
        own[i] = max(0.0, own[i] - float(np.where(beside, excess, 0.0).max(initial=0.0)))
    return own


def _evidence(
    table: Table, losses: _Losses, question: Question, i: int, own: float, felt: float, learned: bool
) -> list[str]:
    """Sentences with values, windows and baseline, for a person or a model."""
    said = [
        f"{question.metric} {losses.worst[i]:.4g} against a normal {losses.base[i]:.4g} "
        f"({losses.sigma[i]:.1f} robust sigmas) since {question.trigger:.0f}",
        f"excess {losses.excess[i]:.4g} {losses.unit} until {question.anomalous[1]:.0f}, of its own {own:.4g}",
    ]
    if learned:
        said.append("no call graph was given: the order was learned from co-movement in the normal window")
    elif felt < 0.5:
        said.append(f"its callers up to the target show only {felt:.0%} of it, so it counts less")
    return said
