"""`openmanager forecast`: one series as CSV on stdin, its future with an 80 % interval as JSON on stdout."""

from __future__ import annotations

import argparse
import json
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--horizon", type=int, required=True, metavar="N", help="rows ahead to forecast")
    parser.add_argument(
        "--season",
        type=int,
        default=0,
        metavar="N",
        help="rows after which the series repeats; 0 finds it out, 1 says there is none (default: 0)",
    )


def run(args: argparse.Namespace) -> int:
    """Read, forecast, write.

    Raises
    ------
    InvalidRequest
        If an option or the input can not be used.
    InsufficientData
        If the input holds no reading.
    """
    from openmanager_core.analysis.forecast import forecast
    from openmanager_core.analysis.seasonality import likely_season
    from openmanager_kit.cli.csv_input import read_series

    timestamps, values = read_series(sys.stdin)
    values, step_s = _even(timestamps, values)
    season = args.season if args.season else likely_season(values, step_s)
    json.dump(forecast(values, args.horizon, season), sys.stdout)
    sys.stdout.write("\n")
    return 0


def _even(
    timestamps: npt.NDArray[np.float64], values: npt.NDArray[np.float64]
) -> tuple[npt.NDArray[np.float64], float]:
    """Rows in order of time on an even grid, a missing row being a gap, and the step in seconds.

    Of rows with one time the last reading counts. Without at least two times the rows stand as they are.
    """
    import numpy as np

    from openmanager_core.analysis._series_prepare import on_grid

    read = np.isfinite(timestamps)
    order = np.argsort(timestamps[read], kind="stable")
    times, kept = timestamps[read][order], values[read][order]
    if len(times) < 2 or times[0] == times[-1]:
        return values, 1.0
    # A gap must not hide the reading that shares its time.
    order = np.lexsort((np.arange(len(times)), np.isfinite(kept), times))
    times, kept = times[order], kept[order]
    last = np.append(np.diff(times) > 0, True)
    _, even, step_s = on_grid(times[last], kept[last])
    return even, step_s
