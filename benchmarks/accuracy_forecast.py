"""How far off are the forecasts, and does the 80 % interval hold 80 %? Measured against seasonal naive.

    python benchmarks/accuracy_forecast.py --data DIR [--season 288] [--horizon 288] [--half 0]

DIR holds public data: `.npz` files with an array `train` of shape (rows, metrics), or CSV files whose first
column is a time and whose others are metrics. Every metric is forecast from three cut points: one, two and
three horizons before its end, each time from the rows before the cut only.

MASE is the mean absolute error over the mean absolute step of one season in the past (Hyndman and Koehler,
International Journal of Forecasting 22(4), 2006); below that of seasonal naive is better. Without --data,
it forecasts series of its own making, with a day's rhythm, autocorrelated noise, outages and steps in level.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import statistics
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "shared"))

from openmanager_core.analysis.forecast import forecast

Float = npt.NDArray[np.float64]
CUTS = (3, 2, 1)
CAP = 3.0
"""A mean of capped errors says how the many fare: an outage that nobody could foresee is one of many."""


def read_npz(path: Path) -> Float:
    """The array `train`, else the first two-dimensional one."""
    with np.load(path) as arrays:
        names = [n for n in arrays.files if n == "train"] or [n for n in arrays.files if arrays[n].ndim == 2]
        if not names:
            raise SystemExit(f"{path} holds no array of two dimensions")
        return np.asarray(arrays[names[0]], dtype=np.float64)


def read_csv(path: Path) -> Float:
    """All columns but the first; what is no number is a gap."""

    def number(text: str) -> float:
        try:
            return float(text)
        except ValueError:
            return float("nan")

    with path.open(newline="", encoding="utf-8") as stream:
        rows = list(csv.reader(stream))[1:]
    width = max((len(r) for r in rows), default=1)
    return np.array([[number(r[k]) if k < len(r) else float("nan") for k in range(1, width)] for r in rows])


def half(name: str) -> int:
    """Which half a file is in, to choose on one and check on the other."""
    return hashlib.sha256(name.encode()).digest()[-1] % 2


def own_series(season: int, horizon: int) -> Iterator[tuple[str, Float]]:
    """Seeded service metrics: a day's rhythm of three tones, AR(1) noise, spikes, an outage, a step."""
    rng = np.random.default_rng(11)
    n = 14 * season + 3 * horizon
    t = 2 * np.pi * np.arange(n) / season
    for k in range(20):
        noise = rng.normal(size=n)
        for i in range(1, n):
            noise[i] += 0.8 * noise[i - 1]
        wave = sum(rng.normal() * np.sin(h * t + rng.uniform(0, 7)) / h for h in (1, 2, 3))
        x = 20 + 4 * wave + noise * rng.uniform(0.2, 1.5)
        x[rng.random(n) < 0.003] += 15
        first = int(rng.integers(0, n - season))
        x[first : first + season // 12] = 0
        x[int(rng.integers(n // 2, n)) :] += rng.normal() * 2
        yield f"own {k}", x[:, None]


def tables(folder: Path | None, season: int, horizon: int) -> Iterator[tuple[str, Float]]:
    """Name and (rows, metrics) of every file."""
    if folder is None:
        yield from own_series(season, horizon)
        return
    files = sorted([*folder.rglob("*.npz"), *folder.rglob("*.csv")])
    if not files:
        raise SystemExit(f"{folder} holds neither .npz nor .csv files")
    for path in files:
        yield path.stem, read_npz(path) if path.suffix == ".npz" else read_csv(path)


def grade(x: Float, season: int, horizon: int, cut: int) -> tuple[float, float, float, float, float] | None:
    """MASE, seasonal naive's MASE, coverage, width in units of the scale, seconds; None if it cannot be graded."""
    end = len(x) - cut * horizon
    past, truth = x[:end], x[end : end + horizon]
    if len(past) < 2 * season or not np.isfinite(past).any() or not np.isfinite(truth).any():
        return None
    steps = np.abs(past[season:] - past[:-season])
    scale = float(np.nanmean(steps)) if np.isfinite(steps).any() else 0.0
    if scale < 1e-12:
        return None
    start = time.perf_counter()
    answer = forecast(past, horizon, season)
    seconds = time.perf_counter() - start
    mean, low, high = (np.array(answer[k]) for k in ("mean", "low", "high"))
    known = np.isfinite(truth)
    naive = np.resize(past[-season:], horizon)
    both = known & np.isfinite(naive)
    if not both.any():
        return None
    return (
        float(np.mean(np.abs(mean - truth)[both])) / scale,
        float(np.mean(np.abs(naive - truth)[both])) / scale,
        float(np.mean((truth >= low)[known] & (truth <= high)[known])),
        float(np.mean(high - low)) / scale,
        seconds,
    )


def main() -> None:
    """Grade and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="folder with .npz or .csv files")
    parser.add_argument("--pattern", default="", help="only files whose name begins so")
    parser.add_argument("--half", type=int, choices=(0, 1), help="only files whose name hashes to this half")
    parser.add_argument("--season", type=int, default=288, help="rows of a season (default: a day of 5 minutes)")
    parser.add_argument("--horizon", type=int, default=288, help="rows ahead")
    args = parser.parse_args()
    grades = []
    for name, table in tables(args.data, args.season, args.horizon):
        if name.startswith(args.pattern) and args.half in (None, half(name)):
            for column in table.T:
                grades += [g for cut in CUTS if (g := grade(column, args.season, args.horizon, cut)) is not None]
    if not grades:
        raise SystemExit("no series is long enough: two seasons and three horizons are needed")
    ours, naive, cover, width, seconds = (list(v) for v in zip(*grades, strict=True))
    better = statistics.mean(a < b for a, b in zip(ours, naive, strict=True))
    sys.stdout.write(
        f"forecasts                  {len(ours)}, {args.horizon} rows ahead, season {args.season}\n"
        f"MASE                       {statistics.mean(ours):.3f} mean, {statistics.median(ours):.3f} median, "
        f"{statistics.mean(min(m, CAP) for m in ours):.4f} mean of each at most {CAP:g}\n"
        f"MASE of seasonal naive     {statistics.mean(naive):.3f} mean, {statistics.median(naive):.3f} median\n"
        f"better than seasonal naive {better:.1%}\n"
        f"80 % interval holds        {statistics.mean(cover):.1%}, {statistics.mean(width):.2f} scales wide\n"
        f"a forecast takes           {statistics.median(seconds) * 1e3:.1f} ms\n"
    )
    if args.data is None:
        assert statistics.mean(ours) < statistics.mean(naive), "worse than repeating yesterday"
        assert 0.7 < statistics.mean(cover) < 0.9, "the interval does not hold what it says"


if __name__ == "__main__":
    main()
