"""Reads series from CSV text: one value column for `detect` and `forecast`, many for `detect-multi`.

A row that can not be read is a gap: it is counted and named with its line number, and the rest is used.
"""

from __future__ import annotations

import csv
import math
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
import numpy.typing as npt

from openmanager_core.errors import InvalidRequest

MAX_ROWS = 2_000_000
"""Most rows one table may hold."""

_NAMED = 5
_GAP_WORDS = frozenset({"", "nan", "null", "none", "na", "n/a"})
_UTF8_MARK = "\ufeff"


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """A CSV as numbers.

    Attributes
    ----------
    names
        Names of the value columns.
    timestamps
        Unix seconds, shape ``(n_rows,)``; a row whose time is unreadable has its predecessor's.
    values
        Shape ``(n_rows, n_names)``, ``nan`` where there is no reading.
    problems
        What could not be read, counted, the first of them with their line numbers.
    """

    names: tuple[str, ...]
    timestamps: npt.NDArray[np.float64]
    values: npt.NDArray[np.float64]
    problems: tuple[str, ...]


def parse_time(text: str) -> float:
    """Unix seconds from a number or an ISO 8601 date and time (without a zone: UTC).

    Raises
    ------
    ValueError
        If it is neither.
    """
    text = text.strip()
    try:
        seconds = float(text)
    except ValueError:
        moment = datetime.fromisoformat(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    if not math.isfinite(seconds):
        raise ValueError(text)
    return seconds


def parse_value(text: str) -> float:
    """A finite number, or ``nan`` for an empty cell or one that says there is no reading.

    Raises
    ------
    ValueError
        If it is neither, or infinite.
    """
    text = text.strip()
    if text.lower() in _GAP_WORDS:
        return math.nan
    value = float(text)
    if not math.isfinite(value) or "_" in text:
        raise ValueError(text)
    return value


def read_series(stream: Iterable[str]) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """One series from CSV with the header ``timestamp,value``; what is broken is named on stderr.

    Parameters
    ----------
    stream
        Lines of text, such as ``sys.stdin``.

    Returns
    -------
    timestamps, values
        Shape ``(n_rows,)`` each, one entry per row of the input; Unix seconds, and ``nan`` for a gap.

    Raises
    ------
    InvalidRequest
        If a column is missing, no row can be read, or there are more than `MAX_ROWS`.
    """
    table = _read(stream, "value")
    tell(table.problems)
    return table.timestamps, table.values[:, 0]


def read_table(stream: Iterable[str]) -> Table:
    """Many series from wide CSV: the first column holds the times, every other one a metric.

    Raises
    ------
    InvalidRequest
        If there is no value column, no row can be read, or there are more than `MAX_ROWS`.
    """
    return _read(stream, None)


def tell(problems: Iterable[str], *, where: str = "input") -> None:
    """Name broken rows on stderr, one sentence a line."""
    for problem in problems:
        sys.stderr.write(f"openmanager: {where}: {problem}\n")


def _read(stream: Iterable[str], wanted: str | None) -> Table:
    rows = csv.reader(_without_nul(stream))
    try:
        header = [cell.strip().removeprefix(_UTF8_MARK) for cell in next(rows, [])]
        time_at, value_at = _columns(header, wanted)
        times: list[float] = []
        values: list[list[float]] = []
        broken: list[str] = []
        count = 0
        for row in rows:
            if not row:
                continue
            if len(times) >= MAX_ROWS:
                raise InvalidRequest(f"the input has more than {MAX_ROWS} rows", hint="send fewer, newer rows")
            when, numbers, why = _row(row, time_at, value_at)
            if why:
                count += 1
                if len(broken) < _NAMED:
                    broken.append(f"line {rows.line_num}: {why}")
            times.append(when)
            values.append(numbers)
    except csv.Error as exc:
        raise InvalidRequest(f"line {rows.line_num} is not CSV: {exc}") from None
    except UnicodeDecodeError as exc:
        raise InvalidRequest(f"the input is not UTF-8 text: {exc.reason}", hint="save the CSV as UTF-8") from None
    if times and count == len(times):
        raise InvalidRequest(
            f"none of the {count} rows can be read; {broken[0]}",
            hint="a time is Unix seconds or ISO 8601, a value a plain number or empty",
        )
    stamps = np.asarray(times, dtype=np.float64)
    _carry_forward(stamps)
    shaped = np.asarray(values, dtype=np.float64).reshape(len(times), len(value_at))
    problems = (f"{count} of {len(times)} rows are broken and count as gaps", *broken) if count else ()
    return Table(tuple(header[i] for i in value_at), stamps, shaped, problems)


def _without_nul(stream: Iterable[str]) -> Iterator[str]:
    for line in stream:
        yield line.replace("\0", "")


def _columns(header: list[str], wanted: str | None) -> tuple[int, list[int]]:
    lower = [name.lower() for name in header]
    if wanted is None:
        if len(header) < 2:
            raise InvalidRequest(
                "line 1 must name the time and at least one metric, got " + _shown(header),
                hint="start the CSV with a header such as timestamp,cpu,memory",
            )
        return 0, list(range(1, len(header)))
    missing = [name for name in ("timestamp", wanted) if name not in lower]
    if missing:
        raise InvalidRequest(
            f"line 1 must have the column {' and '.join(missing)}, got {_shown(header)}",
            hint=f"start the CSV with the header timestamp,{wanted}",
        )
    return lower.index("timestamp"), [lower.index(wanted)]


def _shown(header: list[str]) -> str:
    return repr(",".join(header)[:80]) if header else "no input at all"


def _row(row: list[str], time_at: int, value_at: list[int]) -> tuple[float, list[float], str]:
    why = ""
    when = math.nan
    if len(row) <= max(time_at, *value_at):
        why = f"has {len(row)} of {max(time_at, *value_at) + 1} columns"
    try:
        when = parse_time(row[time_at]) if time_at < len(row) else math.nan
    except (ValueError, OverflowError):
        why = f"time {row[time_at][:40]!r} is neither Unix seconds nor ISO 8601"
    numbers = []
    for at in value_at:
        number = math.nan
        if at < len(row) and not math.isnan(when):
            try:
                number = parse_value(row[at])
            except ValueError:
                why = why or f"value {row[at][:40]!r} is not a finite number"
        numbers.append(number)
    return when, numbers, why


def _carry_forward(stamps: npt.NDArray[np.float64]) -> None:
    """Give a row without a time its predecessor's; rows before the first time get that one."""
    known = np.flatnonzero(np.isfinite(stamps))
    if len(known) and len(known) < len(stamps):
        at = np.searchsorted(known, np.arange(len(stamps)), side="right") - 1
        stamps[:] = stamps[known[np.maximum(at, 0)]]
