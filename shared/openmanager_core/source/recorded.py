"""A recording as a fleet: CSV (long or wide) and Parquet files, with an optional `fleet.json` beside them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import anyio
import numpy as np
import numpy.typing as npt

from openmanager_core import catalog
from openmanager_core.errors import ConfigError, FleetError, NotFound, SourceInvalid, SourceUnavailable
from openmanager_core.fleet import Change, Fleet
from openmanager_core.job import offload
from openmanager_core.panel import Panel, Window
from openmanager_core.source import _inventory
from openmanager_core.source._csv import read_csv
from openmanager_core.source._parquet import read_parquet, require_pyarrow
from openmanager_core.source._sidecar import Sidecar, read_sidecar
from openmanager_core.source._store import Builder, Recording
from openmanager_core.source.base import Ranking, SourceStatus
from openmanager_core.source.screened import read_and_rank, require_span
from openmanager_core.source.settings import SourceSettings
from openmanager_core.wording import sentence

MAX_BYTES = 200_000_000
MAX_FILES = 10_000
SIDECAR = "fleet.json"
_SUFFIXES = (".csv", ".tsv", ".parquet")
_STALE_CADENCES = 1.5
_BROKEN_RATIO = 0.01


class RecordedSource:
    """Reads a recording once, at the first question, and keeps it as columns of numbers.

    "Now" is the end of the recording. A reading counts until one and a half of its metric's usual
    interval has passed, or one step, whichever is longer; an empty cell is a gap at once.

    Parameters
    ----------
    path
        A CSV or Parquet file, or a folder of them.

    Raises
    ------
    ConfigError
        If there is nothing to read there, it is too large, or it is Parquet and pyarrow is missing.
    """

    kind = "recorded"

    def __init__(self, path: Path) -> None:
        self._path = path
        self._files = _files(path)
        self._lock = anyio.Lock()
        self._loaded: tuple[Recording, Fleet, Sidecar] | None = None

    @classmethod
    def from_settings(cls, settings: SourceSettings) -> RecordedSource:
        """The recording at ``source.path``.

        Raises
        ------
        ConfigError
            As the class does, and if no path is given.
        """
        if not settings.path:
            raise ConfigError("source.path must name a CSV or Parquet file, or a folder of them")
        return cls(Path(settings.path).expanduser())

    async def now_s(self) -> float:
        """Just after the newest reading, so that a window that ends now holds it."""
        recording, _, _ = await self._recording()
        return float(np.floor(recording.last_s) + 1.0)

    async def inventory(self) -> Fleet:
        """The servers of `fleet.json`, then those that only the data name."""
        return (await self._recording())[1]

    async def metrics(self) -> tuple[str, ...]:
        """Metrics with at least one reading, in catalogue order."""
        recording, _, _ = await self._recording()
        return tuple(m.name for m in catalog.METRICS if m.name in recording.samples)

    async def read(self, metric: str, window: Window, hosts: Sequence[str] | None = None) -> Panel:
        """The newest reading at each instant, as the class describes."""
        recording, names, rows = await self._rows(metric, hosts)
        at = window.times_s()
        stale_s = max(window.step_s, _STALE_CADENCES * recording.cadence_s[metric])
        values = await offload(_grid, recording, metric, rows, at, stale_s)
        return Panel(metric, names, at, values)

    async def latest(self, metric: str, at_s: float, over_s: float = 60.0) -> Panel:
        """Mean of the readings in ``(at_s - over_s, at_s]``, of the newest one if a recording is sparser than that."""
        require_span(over_s)
        recording, names, rows = await self._rows(metric, None)
        span_s = max(over_s, _STALE_CADENCES * recording.cadence_s[metric])
        values = await offload(_means, recording, metric, rows, at_s, over_s, span_s)
        return Panel(metric, names, np.array([at_s]), values[:, None])

    async def rank(self, metrics: Sequence[str], window: Window, k: int, hosts: Sequence[str] | None = None) -> Ranking:
        """By reading everything, which is in memory already."""
        return await read_and_rank(self, metrics, window, k, hosts)

    async def changes(self, window: Window) -> tuple[Change, ...]:
        """The changes of `fleet.json` inside the window."""
        _, _, sidecar = await self._recording()
        inside = (c for c in sidecar.changes if window.start_s <= c.at_s < window.end_s)
        return tuple(sorted(inside, key=lambda c: (c.at_s, c.target)))

    async def status(self) -> SourceStatus:
        """Ok once it could be read; degraded when more than one row in a hundred is broken."""
        try:
            recording, fleet, _ = await self._recording()
        except FleetError as exc:
            return SourceStatus(self.kind, "down", None, detail=exc.message)
        many = recording.broken > _BROKEN_RATIO * max(1, recording.rows)
        return SourceStatus(
            self.kind,
            "degraded" if many else "ok",
            recording.last_s,
            detail=sentence("origin.recorded", rows=recording.rows, servers=len(fleet.servers), files=len(self._files)),
            problems=recording.problems,
        )

    async def aclose(self) -> None:
        """Forget the recording; a later question reads it again."""
        self._loaded = None

    async def _recording(self) -> tuple[Recording, Fleet, Sidecar]:
        async with self._lock:
            if self._loaded is None:
                self._loaded = await offload(_load, self._path, self._files)
            return self._loaded

    async def _rows(
        self, metric: str, hosts: Sequence[str] | None
    ) -> tuple[Recording, tuple[str, ...], npt.NDArray[np.int64]]:
        """Names and series numbers of the servers asked for; -1 for one that has no reading at all."""
        recording, fleet, _ = await self._recording()
        name = catalog.metric(metric).name
        if name not in recording.samples:
            raise NotFound(f"no server here has {name}", hint=f"one of {', '.join(await self.metrics())}")
        series = {server: i for i, server in enumerate(recording.servers)}
        if hosts is None:
            holders = {recording.servers[i] for i in recording.holders(name)}
            names = tuple(s.id for s in fleet.servers if s.id in holders)
        else:
            names = tuple(hosts)
            for host in names:
                if host not in fleet.by_id:
                    raise NotFound.named("server", host, fleet.by_id, hint="list_servers shows them all")
        return recording, names, np.array([series.get(h, -1) for h in names], dtype=np.int64)


def _grid(
    recording: Recording, metric: str, rows: npt.NDArray[np.int64],
    at_s: npt.NDArray[np.float64], stale_s: float,
) -> npt.NDArray[np.float64]:  # fmt: skip
    out = np.full((len(rows), len(at_s)), np.nan)
    known = rows >= 0
    out[known] = recording.samples[metric].on_grid(rows[known], at_s, stale_s)
    return out


def _means(
    recording: Recording, metric: str, rows: npt.NDArray[np.int64],
    at_s: float, over_s: float, span_s: float,
) -> npt.NDArray[np.float64]:  # fmt: skip
    samples = recording.samples[metric]
    out = samples.mean_between(rows, at_s - over_s, at_s)
    if span_s > over_s:
        newest = samples.on_grid(rows, np.array([at_s]), span_s)[:, 0]
        out = np.where(np.isnan(out), newest, out)
    return out


def _files(path: Path) -> tuple[Path, ...]:
    """The files of a recording, in a stable order; sizes are looked at before anything is read."""
    try:
        if path.is_dir():
            found = tuple(sorted(p for p in path.iterdir() if p.suffix.lower() in _SUFFIXES and p.is_file()))
        else:
            found = (path,) if path.is_file() else ()
        size = sum(p.stat().st_size for p in found)
    except OSError as exc:
        raise ConfigError(f"source.path {str(path)!r} can not be read: {exc.strerror}") from exc
    if not found:
        what = "holds no .csv or .parquet file" if path.is_dir() else "is no file or folder"
        raise ConfigError(f"source.path {str(path)!r} {what}")
    if len(found) > MAX_FILES:
        raise ConfigError(f"source.path {str(path)!r} holds {len(found)} files, the most is {MAX_FILES}")
    if size > MAX_BYTES:
        raise ConfigError(
            f"source.path {str(path)!r} holds {size / 1e6:.0f} MB, the most is {MAX_BYTES / 1e6:.0f}: "
            "split it by time, or use Parquet or a Prometheus"
        )
    if any(p.suffix.lower() == ".parquet" for p in found):
        require_pyarrow()
    return found


def _load(path: Path, files: Sequence[Path]) -> tuple[Recording, Fleet, Sidecar]:
    """Read every file, then lay `fleet.json` over what they name."""
    builder = Builder()
    failures: list[SourceInvalid] = []
    try:
        for file in files:
            builder.file = file.name
            try:
                (read_parquet if file.suffix.lower() == ".parquet" else read_csv)(file, builder)
            except SourceInvalid as exc:
                failures.append(exc)
                builder.note(sentence("problem.left_out", reason=exc.message))
        if len(failures) == len(files):
            raise failures[0]
        sidecar = read_sidecar(path / SIDECAR) if path.is_dir() else Sidecar()
    except OSError as exc:
        raise SourceUnavailable(f"the recording can not be read: {exc.strerror}", hint="check source.path") from exc
    for problem in sidecar.problems:
        builder.note(problem)
    recording = builder.finish()
    stated = {s.id for s in sidecar.servers}
    others = tuple(_inventory.server(name, {}) for name in recording.servers if name not in stated)
    fleet, unknown = _inventory.fleet(
        (*sidecar.servers, *others), calls=sidecar.calls, clusters=sidecar.clusters, deployments=()
    )
    if unknown:
        note = (sentence("problem.calls_nowhere", file=SIDECAR, count=unknown),)
        recording = Recording(
            recording.servers, recording.samples, recording.cadence_s, recording.first_s, recording.last_s,
            recording.rows, recording.broken, recording.problems + note,
        )  # fmt: skip
    return recording, fleet, sidecar
