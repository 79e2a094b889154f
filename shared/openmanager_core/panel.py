"""The shapes that travel: a window of time, and one metric of many hosts over it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from openmanager_core.errors import InvalidRequest

FloatArray = npt.NDArray[np.floating]
IntArray = npt.NDArray[np.integer]
BoolArray = npt.NDArray[np.bool_]

MAX_INSTANTS = 100_000
"""Most instants a window may hold: 3 days at 3 s, 69 days at one minute."""


@dataclass(frozen=True, slots=True)
class Window:
    """A half-open span of time on a regular grid.

    The instants are ``start_s + k * step_s`` for ``k = 0, 1, ...`` while they are below `end_s`.

    Raises
    ------
    InvalidRequest
        If a bound is not finite, the window is reversed or empty, the step is not above zero, or
        there are more than `MAX_INSTANTS` instants.
    """

    start_s: float
    end_s: float
    step_s: float

    def __post_init__(self) -> None:
        """Refuse what cannot be read."""
        for name in ("start_s", "end_s", "step_s"):
            if not math.isfinite(getattr(self, name)):
                raise InvalidRequest(f"window {name} must be finite, got {getattr(self, name)}")
        if self.step_s <= 0:
            raise InvalidRequest(f"window step_s must be above 0, got {self.step_s:g}")
        if self.end_s <= self.start_s:
            raise InvalidRequest(
                f"window must end after it starts, got start {self.start_s:.0f} and end {self.end_s:.0f}",
                hint="swap start and end, or use start='now-1h' and end='now'",
            )
        if (self.end_s - self.start_s) / self.step_s > MAX_INSTANTS:
            raise InvalidRequest(
                f"window holds {(self.end_s - self.start_s) / self.step_s:.0f} instants, the most is {MAX_INSTANTS}",
                hint="use a shorter window or a larger step_s",
            )

    @property
    def n_times(self) -> int:
        """How many instants the grid holds."""
        return max(1, math.ceil((self.end_s - self.start_s) / self.step_s - 1e-9))

    @property
    def duration_s(self) -> float:
        """Length of the window in seconds."""
        return self.end_s - self.start_s

    def times_s(self) -> npt.NDArray[np.float64]:
        """The instants, Unix seconds, shape ``(n_times,)``."""
        return self.start_s + self.step_s * np.arange(self.n_times, dtype=np.float64)


@dataclass(frozen=True, slots=True, eq=False)
class Panel:
    """One metric of many hosts over time.

    Attributes
    ----------
    metric
        A name of the catalogue; it fixes the unit.
    hosts
        Server ids, one per row.
    times_s
        Instants in Unix seconds, ascending, shape ``(n_times,)``.
    values
        Shape ``(n_hosts, n_times)``, float32 or float64, ``nan`` where there is no reading.
    """

    metric: str
    hosts: tuple[str, ...]
    times_s: npt.NDArray[np.float64]
    values: FloatArray

    def __post_init__(self) -> None:
        """The shapes must agree; a disagreement is our bug, never the caller's."""
        if self.values.shape != (len(self.hosts), len(self.times_s)):
            raise ValueError(f"values have shape {self.values.shape}, expected {(len(self.hosts), len(self.times_s))}")

    def take(self, hosts: Sequence[str]) -> Panel:
        """The same panel with these hosts only, in this order; unknown hosts become rows of ``nan``."""
        at = {h: i for i, h in enumerate(self.hosts)}
        out = np.full((len(hosts), len(self.times_s)), np.nan, self.values.dtype)
        for row, host in enumerate(hosts):
            if host in at:
                out[row] = self.values[at[host]]
        return Panel(self.metric, tuple(hosts), self.times_s, out)
