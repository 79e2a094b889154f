"""`openmanager rca`: rank root causes over a call graph, CSV and JSON in, JSON out."""

from __future__ import annotations

import argparse
import csv
import io
import json
import sys
from pathlib import Path
from typing import Any

from openmanager_core.errors import InsufficientData, InvalidRequest

_COLUMNS = ("timestamp", "node", "metric", "stat", "value")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the two files."""
    parser.add_argument(
        "--metrics", required=True, metavar="CSV", help="long table with header timestamp,node,metric,stat,value"
    )
    parser.add_argument(
        "--request", required=True, metavar="JSON", help="target, normal, anomalous, trigger, edges, top"
    )


def run(args: argparse.Namespace) -> int:
    """Write ``{"ranking": [...]}`` to stdout; rows left out are counted on stderr."""
    request = _read_request(Path(args.request))
    frame, broken = _read_frame(Path(args.metrics))
    from openmanager_core.analysis.causes import rca

    answer = rca(frame, request)
    if broken:
        sys.stderr.write(f"openmanager: {broken}\n")
    sys.stdout.write(json.dumps(answer, ensure_ascii=False, allow_nan=False) + "\n")
    return 0


def _text(path: Path, what: str) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except OSError as exc:
        raise InvalidRequest(f"{what} file {str(path)!r} cannot be read: {exc.strerror or exc}") from None
    except UnicodeDecodeError as exc:
        raise InvalidRequest(f"{what} file {str(path)!r} is not UTF-8 text: byte {exc.start}") from None


def _read_request(path: Path) -> dict[str, Any]:
    try:
        request = json.loads(_text(path, "request"))
    except (ValueError, RecursionError) as exc:
        raise InvalidRequest(f"request file {str(path)!r} is not JSON: {exc}") from None
    if not isinstance(request, dict):
        raise InvalidRequest(f"request file {str(path)!r} must hold one object, got {type(request).__name__}")
    return request


def _read_frame(path: Path) -> tuple[dict[str, Any], str]:
    """The five columns, and a sentence about the rows that could not be used (empty: none)."""
    from openmanager_core.analysis._fleet_rca_input import as_seconds

    rows = csv.reader(io.StringIO(_text(path, "metrics"), newline=""))
    header = [c.strip() for c in next(rows, [])]
    missing = [c for c in _COLUMNS if c not in header]
    if missing:
        raise InvalidRequest(
            f"metrics file {str(path)!r} lacks the column {', '.join(missing)}",
            hint=f"its first line is {','.join(_COLUMNS)}",
        )
    at = [header.index(c) for c in _COLUMNS]
    columns: dict[str, list[Any]] = {c: [] for c in _COLUMNS}
    seconds: dict[str, float] = {}
    broken, first = 0, ""
    try:
        for row in rows:
            if not row:
                continue
            try:
                when, node, metric, stat, value = (row[k] for k in at)
                if when not in seconds:
                    seconds[when] = as_seconds(when, "timestamp")
                number = float(value)
            except (ValueError, IndexError, InvalidRequest):
                broken += 1
                first = first or f"line {rows.line_num}"
                continue
            for name, cell in zip(_COLUMNS, (seconds[when], node, metric, stat, number), strict=True):
                columns[name].append(cell)
    except csv.Error as exc:
        raise InvalidRequest(f"metrics file {str(path)!r}, line {rows.line_num}: {exc}") from None
    used = len(columns["value"])
    if not used:
        raise InsufficientData(f"metrics file {str(path)!r} has no usable row; {broken} could not be read")
    said = f"{broken} of {broken + used} rows of {path.name} could not be read and were left out, first {first}"
    return columns, said if broken else ""
