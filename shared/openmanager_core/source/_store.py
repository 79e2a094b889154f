"""What a recording holds, by metric: columns of numbers, never rows of objects."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from openmanager_core.catalog import METRICS
from openmanager_core.errors import SourceInvalid
from openmanager_core.facts import Fact, fact
from openmanager_core.job import checkpoint
from openmanager_core.source._grid import Float64, Samples
from openmanager_core.wording import sentence

MAX_READINGS = 20_000_000
MAX_SERVERS = 100_000
_NAMED = 5
_LONGEST_NAME = 256
_ORDER = {m.name: i for i, m in enumerate(METRICS)}


@dataclass(frozen=True, slots=True, eq=False)
class Recording:
    """A whole recording, ready to be read.

    Attributes
    ----------
    servers
        Ids in the order they first appeared.
    samples
        Metric name to its readings; series `i` is server `i`.
    cadence_s
        Metric name to the median time between two readings of one server.
    first_s, last_s
        The instants of the oldest and the newest reading.
    rows, broken
        How many readings were seen, and how many rows could not be used.
    """

    servers: tuple[str, ...]
    samples: dict[str, Samples]
    cadence_s: dict[str, float]
    first_s: float
    last_s: float
    rows: int
    broken: int
    problems: tuple[str, ...]

    def holders(self, metric: str) -> npt.NDArray[np.int64]:
        """Which servers have that metric at all."""
        return np.flatnonzero(np.diff(self.samples[metric].starts) > 0)


@dataclass
class Builder:
    """Collects blocks of readings, and what was wrong with them."""

    file: str = ""
    _servers: dict[str, int] = field(default_factory=dict)
    _blocks: dict[int, list[tuple[npt.NDArray[np.int32], Float64, Float64]]] = field(default_factory=dict)
    _reasons: list[Fact] = field(default_factory=list)
    _unknown: Counter[str] = field(default_factory=Counter)
    _unknown_rows: int = 0
    _broken: int = 0
    _infinite: int = 0
    _rows: int = 0
    _readings: int = 0
    _notes: list[str] = field(default_factory=list)

    def server(self, name: str) -> int:
        """A number for a server; -1 if it has no name.

        Raises
        ------
        SourceInvalid
            If there are more servers than `MAX_SERVERS`.
        """
        code = self._servers.get(name)
        if code is None:
            if not name or len(name) > _LONGEST_NAME:
                return -1
            if len(self._servers) >= MAX_SERVERS:
                raise SourceInvalid(
                    f"the recording names more than {MAX_SERVERS} servers",
                    hint="check that the server column is not a time or a value",
                )
            code = self._servers[name] = len(self._servers)
        return code

    def metric(self, name: str | None) -> int:
        """A number for a metric of the catalogue; -1 for None."""
        return -1 if name is None else _ORDER[name]

    def broken(self, line: int, why: Fact) -> None:
        """One row that can not be used."""
        self._broken += 1
        if len(self._reasons) < _NAMED:
            self._reasons.append(fact("problem.row", file=self.file, line=line, why=why))

    def unknown(self, name: str) -> None:
        """One row, or column, of a metric that the catalogue does not have."""
        self._unknown_rows += 1
        if name in self._unknown or len(self._unknown) < 1000:
            self._unknown[name] += 1

    def infinite(self, count: int) -> None:
        """Readings that are infinite and count as gaps."""
        self._infinite += count

    def note(self, text: str) -> None:
        """Anything else worth telling."""
        if len(self._notes) < 20:
            self._notes.append(text)

    def saw(self, rows: int) -> None:
        """Rows of a file, broken ones included."""
        self._rows += rows

    def add(self, metric: int, servers: npt.NDArray[np.integer], times_s: Float64, values: Float64) -> None:
        """Readings of one metric.

        Raises
        ------
        SourceInvalid
            If there are more readings than `MAX_READINGS`: they would not fit into memory.
        """
        self._readings += len(times_s)
        if self._readings > MAX_READINGS:
            raise SourceInvalid(
                f"the recording has more than {MAX_READINGS / 1e6:g} million readings",
                hint="split it, or record with a larger step",
            )
        if len(times_s):
            self._blocks.setdefault(metric, []).append((servers.astype(np.int32), times_s, values))

    def finish(self) -> Recording:
        """Sort everything; the builder is empty afterwards.

        Raises
        ------
        SourceInvalid
            If there is not one usable reading.
        """
        samples: dict[str, Samples] = {}
        cadence: dict[str, float] = {}
        twice = 0
        for code in sorted(self._blocks):
            checkpoint()
            parts = self._blocks.pop(code)
            series, times, values = (np.concatenate(column) for column in zip(*parts, strict=True))
            del parts
            series, times, values = _without_padding(series, times, values, len(self._servers))
            found, lost = Samples.sorted_from(series, times, values, len(self._servers))
            twice += lost
            samples[METRICS[code].name] = found
            cadence[METRICS[code].name] = _cadence_s(found)
        filled = [s for s in samples.values() if len(s.times_s)]
        problems = self._problems(twice)
        if not filled or not any(np.isfinite(s.values).any() for s in filled):
            what = "; ".join(problems) or "it is empty"
            raise SourceInvalid(
                f"the recording holds no usable reading: {what}",
                hint="a header such as timestamp,server,metric,value, or timestamp followed by metric names",
            )
        return Recording(
            tuple(self._servers),
            samples,
            cadence,
            min(float(s.times_s.min()) for s in filled),
            max(float(s.times_s.max()) for s in filled),
            self._rows,
            self._broken,
            tuple(problems),
        )

    def _problems(self, twice: int) -> list[str]:
        found = list(self._notes)
        if self._broken:
            more = self._broken - len(self._reasons)
            found.append(sentence("problem.rows_broken", count=self._broken, rows=tuple(self._reasons), more=more))
        if self._unknown_rows:
            names = tuple(n[:60] for n, _ in self._unknown.most_common(_NAMED))
            found.append(sentence("problem.unknown_metrics", rows=self._unknown_rows, names=names))
        if self._infinite:
            found.append(sentence("problem.infinite_gaps", count=self._infinite))
        if twice:
            found.append(sentence("problem.repeated", count=twice))
        return found


def _without_padding(
    series: npt.NDArray[np.int32], times: Float64, values: Float64, n_series: int
) -> tuple[npt.NDArray[np.int32], Float64, Float64]:
    """Drop the empty cells of series that are mostly empty.

    A wide file joins the instants of all its servers: where they were not scraped together, most cells of
    a column are padding, not gaps that somebody meant.
    """
    empty = np.isnan(values)
    if not empty.any():
        return series, times, values
    n = np.bincount(series, minlength=n_series)
    share = np.bincount(series[empty], minlength=n_series) / np.maximum(n, 1)
    keep = ~(empty & (share > 0.5)[series])
    return series[keep], times[keep], values[keep]


def _cadence_s(samples: Samples) -> float:
    """Median time between two readings of one series, seconds; 0 when no series has two."""
    steps = np.diff(samples.times_s)
    ends = samples.starts[1:-1] - 1
    inside = np.ones(len(steps), dtype=bool)
    inside[ends[(ends >= 0) & (ends < len(steps))]] = False
    steps = steps[inside]
    return float(np.median(steps)) if len(steps) else 0.0
