"""Did the peers make the same move? What all of them share is the fleet's doing, not one host's."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from openmanager_core.analysis._steps import Array
from openmanager_core.panel import Panel

_FEWEST = 3


@dataclass(frozen=True, slots=True)
class PeerView:
    """How many peers were compared, the share of them that moved alike, and the largest similar move.

    Attributes
    ----------
    largest
        The largest move of a peer in the same direction, as a multiple of the host's own; 0 if none.
    """

    peers: int
    share: float
    largest: float


class Peers:
    """Peers of one type on the panel's own grid."""

    def __init__(self, panel: Panel, peers: Panel, *, proportional: bool, floor: float) -> None:
        self._hosts = peers.hosts
        at = np.searchsorted(peers.times_s, panel.times_s + 1e-6, side="right") - 1
        gap = float(np.median(np.diff(peers.times_s))) if len(peers.times_s) > 1 else np.inf
        values = np.asarray(peers.values[:, np.maximum(at, 0)], dtype=np.float64) if len(peers.times_s) else None
        self._values = np.full((len(peers.hosts), len(panel.times_s)), np.nan) if values is None else values
        if values is not None:
            stale = (at < 0) | (panel.times_s - peers.times_s[np.maximum(at, 0)] > 2 * gap)
            self._values[:, stale] = np.nan
        self._proportional = proportional
        self._floor = floor

    @property
    def alive(self) -> np.typing.NDArray[np.bool_]:
        """At which instants at least one peer has a reading."""
        return np.asarray(np.isfinite(self._values).any(axis=0))

    def view(self, host: str, event: tuple[int, int], before: tuple[int, int], change: float, level: float) -> PeerView:
        """Compare a host's `change` from its own `level` with its peers' change over the same stretches.

        Metrics without a natural size are compared in proportion to each host's own level.
        """
        rows = [i for i, h in enumerate(self._hosts) if h != host]
        if len(rows) < _FEWEST:
            return PeerView(0, 0.0, 0.0)
        now, was = (
            _row_median(self._values[rows, event[0] : event[1]]),
            _row_median(self._values[rows, before[0] : before[1]]),
        )
        if self._proportional:
            moved = (now - was) / np.maximum(np.abs(was), self._floor)
            own = change / max(abs(level), self._floor)
        else:
            moved, own = now - was, change
        moved = moved[np.isfinite(moved)]
        if len(moved) < _FEWEST or own == 0:
            return PeerView(0, 0.0, 0.0)
        ratio = moved / own
        return PeerView(len(moved), float(np.mean(ratio >= 0.5)), max(0.0, float(ratio.max())))


def _row_median(values: Array) -> Array:
    """Median of each row's readings, ``nan`` where it has none."""
    ordered = np.sort(values, axis=1)
    count = np.isfinite(ordered).sum(axis=1)
    rows = np.arange(len(values))
    middle = 0.5 * (ordered[rows, np.maximum((count - 1) // 2, 0)] + ordered[rows, np.maximum(count // 2, 0)])
    return np.where(count > 0, middle, np.nan) if values.shape[1] else np.full(len(values), np.nan)
