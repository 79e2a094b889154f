"""What every source promises.

All speak the catalogue's metric names and SI units. Reading never invents: where there is no reading
there is ``nan``. Sources are opened lazily and closed once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, Protocol, runtime_checkable

from openmanager_core.fleet import Change, Fleet

if TYPE_CHECKING:
    from openmanager_core.panel import Panel, Window


@dataclass(frozen=True, slots=True)
class SourceStatus:
    """How the source is.

    Attributes
    ----------
    state
        ``ok``, ``degraded`` (answers, but old or partial) or ``down``.
    newest_s
        Unix seconds of the newest reading; None if there is none.
    breaker
        ``closed``, ``half_open`` or ``open``; a source without a breaker is always ``closed``.
    detail
        One sentence for a person; never a credential.
    problems
        What was wrong with the data so far: broken rows and the like, counted and named.
    """

    kind: str
    state: Literal["ok", "degraded", "down"]
    newest_s: float | None
    breaker: Literal["closed", "half_open", "open"] = "closed"
    detail: str = ""
    problems: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Suspect:
    """A series worth a closer look."""

    host: str
    metric: str
    score: float


@dataclass(frozen=True, slots=True)
class Ranking:
    """The answer of a screening.

    Attributes
    ----------
    suspects
        Strangest first; `score` is in robust sigmas of the series' own past.
    screened_series
        How many series were looked at.
    method
        How, in one sentence.
    """

    suspects: tuple[Suspect, ...]
    screened_series: int
    method: str
    problems: tuple[str, ...] = field(default=())


@runtime_checkable
class Source(Protocol):
    """Where a fleet's numbers come from."""

    kind: str

    async def now_s(self) -> float:
        """The instant that "now" means here: the wall clock, or the end of a recording."""
        ...

    async def inventory(self) -> Fleet:
        """Who is there. Cheap to call again."""
        ...

    async def metrics(self) -> tuple[str, ...]:
        """Names of the catalogue's metrics that at least one server has here."""
        ...

    async def read(self, metric: str, window: Window, hosts: Sequence[str] | None = None) -> Panel:
        """One metric of some hosts (None: all that have it) on the window's grid.

        The value at an instant is the newest reading not older than the larger of the step and the
        source's own staleness bound; ``nan`` where there is none. Rows come in the order of `hosts`,
        else in the inventory's order. Reading the future gives ``nan``.

        Raises
        ------
        NotFound
            For a metric that is not in the catalogue or that no server has, or an unknown host.
        SourceUnavailable, SourceInvalid
            If the source does not answer, or answers nonsense.
        """
        ...

    async def latest(self, metric: str, at_s: float, over_s: float = 60.0) -> Panel:
        """Mean of the readings in ``(at_s - over_s, at_s]`` of every host that has the metric: one column."""
        ...

    async def rank(self, metrics: Sequence[str], window: Window, k: int, hosts: Sequence[str] | None = None) -> Ranking:
        """The `k` series that differ most, lately, from their own past within the window.

        Pushed down into the engine where there is one, so that only suspects travel.
        """
        ...

    async def changes(self, window: Window) -> tuple[Change, ...]:
        """Deployments, restarts and the like inside the window, oldest first; empty if unknown."""
        ...

    async def status(self) -> SourceStatus:
        """How the source is, without raising."""
        ...

    async def aclose(self) -> None:
        """Let go of connections and files. Safe to call twice."""
        ...
