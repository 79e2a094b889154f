"""CSV recordings, long or wide, read in blocks: broken rows are counted and named, the rest is used."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import numpy.typing as npt

from openmanager_core.catalog import METRICS
from openmanager_core.errors import SourceInvalid
from openmanager_core.facts import Fact, fact
from openmanager_core.job import checkpoint
from openmanager_core.source._store import Builder

BY_ANY_NAME: dict[str, str] = {m.name: m.name for m in METRICS} | {m.prometheus: m.name for m in METRICS}
"""Catalogue names and our exposition's names to catalogue names."""

TIME_NAMES = ("timestamp", "time", "ts", "datetime", "date", "at")
SERVER_NAMES = ("server", "host", "instance", "node", "hostname", "machine")
METRIC_NAMES = ("metric", "metric_name", "name", "__name__")
VALUE_NAMES = ("value", "val", "reading")
_EMPTY = frozenset({"", "null", "none", "na", "n/a", "-", "nan"})
_BLOCK_BYTES = 1 << 21
_LONGEST_LINE = 1 << 20
# Above these sizes a number can not be seconds (year 5138), milliseconds or microseconds of our time.
_SECONDS, _MILLIS, _MICROS, _NANOS = 1e11, 1e14, 1e17, 1e20


def parse_time(text: str) -> float:
    """Unix seconds from an epoch number (s, ms, us or ns by its size) or ISO 8601 (without a zone: UTC).

    Raises
    ------
    ValueError
        If it is neither.
    """
    text = text.strip()
    try:
        number = float(text)
    except ValueError:
        at = datetime.fromisoformat(text)
        return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()
    return epoch_seconds(number)


def epoch_seconds(number: float) -> float:
    """Unix seconds from an epoch in s, ms, us or ns, told apart by its size.

    Raises
    ------
    ValueError
        If it is not finite or too large for any of them.
    """
    size = abs(number)
    if not size < _NANOS:
        raise ValueError("not a time")
    if size < _SECONDS:
        return number
    return number / (1e3 if size < _MILLIS else 1e6 if size < _MICROS else 1e9)


def read_csv(path: Path, into: Builder) -> None:
    """Add one file's readings; which shape it has is told from its header.

    Raises
    ------
    SourceInvalid
        If the header has no time column, or nothing that could be a reading.
    """
    with path.open(encoding="utf-8-sig", errors="replace", newline=None) as handle:
        first = handle.readline(_LONGEST_LINE)
        line_number = 1
        while first and not first.strip():
            first = handle.readline(_LONGEST_LINE)
            line_number += 1
        delimiter = max(",;\t", key=first.count)
        header = [name.strip() for name in _split(first.rstrip("\n"), delimiter) or []]
        layout = plan(header, path.stem, path.name)
        while lines := handle.readlines(_BLOCK_BYTES):
            checkpoint()
            into.saw(len(lines))
            layout.add(list(_rows(lines, delimiter, len(header), line_number, into)), into)
            line_number += len(lines)


def _rows(lines: list[str], delimiter: str, width: int, before: int, into: Builder) -> Iterator[tuple[int, list[str]]]:
    """Line number and fields of every line that has the right number of fields."""
    for number, raw in enumerate(lines, before + 1):
        line = raw.rstrip("\n")
        if not line or line.isspace():
            continue
        fields = _split(line, delimiter) if len(line) <= _LONGEST_LINE else None
        if fields is None:
            into.broken(number, fact("problem.quotes" if len(line) <= _LONGEST_LINE else "problem.long_line"))
        elif len(fields) != width:
            into.broken(number, fact("problem.fields", count=len(fields), width=width))
        else:
            yield number, fields


def _split(line: str, delimiter: str) -> list[str] | None:
    """Fields of one line, None if it can not be split.

    A line is a row: a quote that is never closed breaks its own row only, not the file.
    """
    if '"' not in line:
        return line.split(delimiter)
    try:
        return next(csv.reader([line], delimiter=delimiter, strict=True))
    except csv.Error:
        return None


def plan(header: Sequence[str], stem: str, name: str) -> Long | Wide:
    """Long or wide, by the names in the header.

    Raises
    ------
    SourceInvalid
        If it is neither.
    """
    words = [h.casefold() for h in header]
    when = _find(words, TIME_NAMES)
    value, metric, server = (_find(words, names) for names in (VALUE_NAMES, METRIC_NAMES, SERVER_NAMES))
    if when is not None and value is not None and metric is not None:
        return Long(when, server, metric, value, stem)
    if len(header) < 2:
        raise SourceInvalid(
            f"{name!r} is not a recording: its first line has {len(header)} column",
            hint="a header such as timestamp,server,metric,value, or timestamp followed by metric names",
        )
    return Wide(0 if when is None else when, header, stem, name)


def _find(words: Sequence[str], names: Sequence[str]) -> int | None:
    return next((words.index(n) for n in names if n in words), None)


def split_column(column: str, stem: str) -> tuple[str, str]:
    """Server and metric a wide column speaks of: ``server:metric``, ``server/metric``, or the metric of its file."""
    if column in BY_ANY_NAME:
        return stem, column
    for separator in (":", "/"):
        server, found, metric = column.rpartition(separator)
        if found and server and metric in BY_ANY_NAME:
            return server, metric
    return stem, column


class Times:
    """Parses texts to times, each distinct text once: a tick's text repeats for every server and metric."""

    def __init__(self) -> None:
        self._known: dict[str, float] = {}

    def of(self, text: str) -> float:
        """Unix seconds, ``nan`` where the text is no time."""
        at = self._known.get(text)
        if at is None:
            if len(self._known) > 200_000:
                self._known.clear()
            try:
                at = parse_time(text)
            except (ValueError, OverflowError):
                at = math.nan
            self._known[text] = at
        return at


class Long:
    """One reading per row: time, server, metric, value."""

    def __init__(self, when: int, server: int | None, metric: int, value: int, stem: str) -> None:
        self.when, self.server, self.metric, self.value, self.stem = when, server, metric, value, stem
        self._times = Times()

    def add(self, rows: list[tuple[int, list[str]]], into: Builder) -> None:
        """Add a block of rows."""
        n = len(rows)
        times = np.fromiter((self._times.of(r[self.when]) for _, r in rows), np.float64, n)
        values, wrong = numbers([r[self.value] for _, r in rows], into)
        metrics = np.fromiter((into.metric(BY_ANY_NAME.get(r[self.metric].strip())) for _, r in rows), np.int64, n)
        if self.server is None:
            servers = np.full(n, into.server(self.stem))
        else:
            servers = np.fromiter((into.server(r[self.server].strip()) for _, r in rows), np.int64, n)
        bad = np.isnan(times) | wrong | (servers < 0)
        for i in np.flatnonzero(bad):
            number, row = rows[i]
            into.broken(number, _reason(row[self.when], row[self.value], np.isnan(times[i]), bool(wrong[i])))
        for i in np.flatnonzero(~bad & (metrics < 0)):
            into.unknown(rows[i][1][self.metric].strip())
        keep = ~bad & (metrics >= 0)
        for code in np.unique(metrics[keep]):
            mine = keep & (metrics == code)
            into.add(int(code), servers[mine], times[mine], values[mine])


class Wide:
    """One row per instant: the time, then a column per metric, or per server and metric."""

    def __init__(self, when: int, header: Sequence[str], stem: str, name: str) -> None:
        self.when = when
        self.columns: list[tuple[int, str, str]] = []
        self._unknown: list[str] = []
        self._times = Times()
        for at, column in enumerate(header):
            server, metric = split_column(column, stem)
            if at == when:
                continue
            if metric in BY_ANY_NAME:
                self.columns.append((at, server, BY_ANY_NAME[metric]))
            else:
                self._unknown.append(column)
        if not self.columns:
            known = ", ".join(m.name for m in METRICS[:4])
            raise SourceInvalid(
                f"{name!r} has no column this project knows: {', '.join(repr(c[:40]) for c in self._unknown[:5])}",
                hint=f"name the columns as the catalogue does ({known}, ...) or server:metric",
            )

    def report(self, into: Builder) -> None:
        """Name the columns that are left out, once."""
        while self._unknown:
            into.unknown(self._unknown.pop(0))

    def add(self, rows: list[tuple[int, list[str]]], into: Builder) -> None:
        """Add a block of rows."""
        self.report(into)
        times = np.fromiter((self._times.of(r[self.when]) for _, r in rows), np.float64, len(rows))
        for i in np.flatnonzero(np.isnan(times)):
            into.broken(rows[i][0], fact("problem.bad_time", value=rows[i][1][self.when][:40]))
        good = ~np.isnan(times)
        for at, server, metric in self.columns:
            values, wrong = numbers([r[at] for _, r in rows], into)
            for i in np.flatnonzero(wrong & good):
                into.broken(rows[i][0], fact("problem.bad_value", value=rows[i][1][at][:40]))
            keep = good & ~wrong
            codes = np.full(int(keep.sum()), into.server(server))
            into.add(into.metric(metric), codes, times[keep], values[keep])


def numbers(texts: list[str], into: Builder) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.bool_]]:
    """Values of a column, ``nan`` for gaps, and which texts are no number at all."""
    wrong = np.zeros(len(texts), dtype=bool)
    try:
        values = np.fromiter((float(t) if t else math.nan for t in texts), np.float64, len(texts))
    except ValueError:
        values = np.full(len(texts), np.nan)
        for i, text in enumerate(texts):
            try:
                values[i] = math.nan if text.strip().casefold() in _EMPTY else float(text)
            except ValueError:
                wrong[i] = True
    infinite = np.isinf(values)
    if infinite.any():
        into.infinite(int(infinite.sum()))
        values[infinite] = np.nan
    return values, wrong


def _reason(when: str, value: str, no_time: bool, no_number: bool) -> Fact:
    if no_time:
        return fact("problem.bad_time", value=when[:40])
    return fact("problem.bad_value", value=value[:40]) if no_number else fact("problem.no_name")
