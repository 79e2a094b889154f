"""`openmanager detect`: one series from standard input, its scores and alerts to standard output."""

from __future__ import annotations

import argparse
import sys
from datetime import UTC, datetime
from typing import Any

import numpy as np
import numpy.typing as npt
import orjson

from openmanager_kit.cli.csv_input import read_series


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags."""
    parser.add_argument(
        "--format",
        choices=("json", "text"),
        default="json",
        help="json: the whole answer; text: the alerts, for people",
    )


def run(args: argparse.Namespace) -> int:
    """Read CSV with the header timestamp,value (an empty value is a gap) and answer."""
    from openmanager_core.analysis import detect

    timestamps, values = read_series(sys.stdin)
    answer = detect(timestamps, values)
    if args.format == "text":
        sys.stdout.write(as_text(answer, timestamps, values))
    else:
        sys.stdout.write(orjson.dumps(answer).decode() + "\n")
    return 0


def as_text(answer: dict[str, Any], timestamps: npt.NDArray[np.float64], values: npt.NDArray[np.float64]) -> str:
    """The alerts, one a line, under a sentence that says how many rows were looked at."""
    alerts, scores = answer["alerts"], answer["scores"]
    readings = int(np.isfinite(values).sum())
    lines = [
        f"{len(alerts)} alerts in {len(values)} rows ({readings} with a reading); "
        f"an alert is a score of {answer['threshold']:g} or more"
    ]
    for row in alerts:
        lines.append(f"row {row}  {_clock(timestamps[row])}  value {values[row]:.6g}  score {scores[row]:.2f}")
    if not alerts and scores:
        top = int(np.argmax(scores))
        lines.append(f"the strangest row is {top} at {_clock(timestamps[top])}, score {scores[top]:.2f}")
    return "\n".join(lines) + "\n"


def _clock(at_s: float) -> str:
    try:
        return datetime.fromtimestamp(float(at_s), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    except (OverflowError, OSError, ValueError):
        return f"{at_s:.0f} s"
