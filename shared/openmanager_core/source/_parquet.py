"""Parquet recordings, in the same shapes as CSV; needs pyarrow (the extra ``parquet``)."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from openmanager_core.errors import ConfigError, SourceInvalid
from openmanager_core.facts import fact
from openmanager_core.job import checkpoint
from openmanager_core.source._csv import BY_ANY_NAME, Long, epoch_seconds, numbers, parse_time, plan
from openmanager_core.source._grid import Float64
from openmanager_core.source._store import Builder

_ROWS = 262_144


def require_pyarrow() -> None:
    """Refuse Parquet where nothing can read it.

    Raises
    ------
    ConfigError
        If pyarrow is not installed; names the extra that brings it.
    """
    if find_spec("pyarrow") is None:
        raise ConfigError("Parquet needs pyarrow: pip install 'openmanager-mcp[parquet]', or convert the file to CSV")


def read_parquet(path: Path, into: Builder) -> None:
    """Add one file's readings, batch by batch.

    Raises
    ------
    SourceInvalid
        If it is not Parquet, or has neither of the two shapes.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            header = list(file.schema_arrow.names)
            layout = plan(header, path.stem, path.name)
            done = 0
            for batch in file.iter_batches(batch_size=_ROWS):
                checkpoint()
                into.saw(batch.num_rows)
                if isinstance(layout, Long):
                    _add_long(batch, layout, done, into)
                else:
                    _add_wide(batch, layout, done, into)
                done += batch.num_rows
    except (pa.ArrowException, OSError) as exc:
        raise SourceInvalid(
            f"{path.name!r} can not be read as Parquet ({type(exc).__name__})", hint="write it again, or use CSV"
        ) from exc


def _add_long(batch: Any, layout: Long, done: int, into: Builder) -> None:
    times, values = _times(batch.column(layout.when)), _values(batch.column(layout.value), into)
    metrics = _codes(batch.column(layout.metric), lambda name: into.metric(BY_ANY_NAME.get(name)))
    if layout.server is None:
        servers = np.full(batch.num_rows, into.server(layout.stem))
    else:
        servers = _codes(batch.column(layout.server), into.server)
    bad = np.isnan(times) | (servers < 0)
    for i in np.flatnonzero(bad):
        into.broken(done + int(i) + 1, fact("problem.no_time" if np.isnan(times[i]) else "problem.no_name"))
    unknown = np.flatnonzero(~bad & (metrics < 0))
    if len(unknown):
        for name in batch.column(layout.metric).take(unknown).cast("string").to_pylist():
            into.unknown(name or "")
    keep = ~bad & (metrics >= 0)
    for code in np.unique(metrics[keep]):
        mine = keep & (metrics == code)
        into.add(int(code), servers[mine], times[mine], values[mine])


def _add_wide(batch: Any, layout: Any, done: int, into: Builder) -> None:
    layout.report(into)
    times = _times(batch.column(layout.when))
    good = ~np.isnan(times)
    for i in np.flatnonzero(~good):
        into.broken(done + int(i) + 1, fact("problem.no_time"))
    for at, server, metric in layout.columns:
        values = _values(batch.column(at), into)
        codes = np.full(int(good.sum()), into.server(server))
        into.add(into.metric(metric), codes, times[good], values[good])


def _times(column: Any) -> Float64:
    """Unix seconds of a timestamp, date, number or text column; ``nan`` where there is none."""
    import pyarrow as pa

    kind = column.type
    if pa.types.is_timestamp(kind) or pa.types.is_date(kind):
        micros = column.cast(pa.timestamp("us", getattr(kind, "tz", None)), safe=False).cast("int64")
        return np.asarray(micros.to_numpy(zero_copy_only=False), dtype=np.float64) / 1e6
    if pa.types.is_integer(kind) or pa.types.is_floating(kind):
        raw = np.asarray(column.to_numpy(zero_copy_only=False), dtype=np.float64)
        return np.fromiter((_epoch_or_nan(v) for v in raw), np.float64, len(raw))
    return _by_distinct(column, _time_or_nan)


def _epoch_or_nan(value: float) -> float:
    try:
        return epoch_seconds(value)
    except ValueError:
        return np.nan


def _time_or_nan(text: str) -> float:
    try:
        return parse_time(text)
    except (ValueError, OverflowError):
        return np.nan


def _values(column: Any, into: Builder) -> Float64:
    """A column as numbers; null, text that is no number, and infinities are gaps."""
    import pyarrow as pa

    if pa.types.is_integer(column.type) or pa.types.is_floating(column.type) or pa.types.is_decimal(column.type):
        values = np.array(column.cast("float64", safe=False).to_numpy(zero_copy_only=False), dtype=np.float64)
        infinite = np.isinf(values)
        if infinite.any():
            into.infinite(int(infinite.sum()))
            values[infinite] = np.nan
        return values
    return numbers([str(v) if v is not None else "" for v in column.to_pylist()], into)[0]


def _codes(column: Any, code: Any) -> npt.NDArray[np.int64]:
    return _by_distinct(column, lambda text: code(text.strip())).astype(np.int64)


def _by_distinct(column: Any, of: Any) -> Float64:
    """Apply a function to each distinct text once; nulls count as the empty text."""
    encoded = column.cast("string").fill_null("").dictionary_encode()
    table = np.fromiter((of(t) for t in encoded.dictionary.to_pylist()), np.float64, len(encoded.dictionary))
    return np.asarray(table[encoded.indices.to_numpy(zero_copy_only=False)], dtype=np.float64)
