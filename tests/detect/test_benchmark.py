"""The benchmark's scoring is NAB's, on cases small enough to work out by hand."""

from __future__ import annotations

import importlib.util
import json
import math
import sys
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

FILE = Path(__file__).resolve().parents[2] / "benchmarks" / "accuracy_detect.py"


@pytest.fixture(scope="module")
def bench() -> ModuleType:
    spec = importlib.util.spec_from_file_location("accuracy_detect", FILE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["accuracy_detect"] = module
    spec.loader.exec_module(module)
    return module


def labelled(bench: ModuleType, n: int = 1000, windows: tuple[tuple[int, int], ...] = ((400, 499),)) -> object:
    return bench.Labelled("one", np.arange(float(n)), np.zeros(n), windows)


def test_silence_is_0_and_an_alert_on_the_first_row_of_every_window_100(bench: ModuleType) -> None:
    corpus = [labelled(bench)]
    assert bench.nab_score(corpus, {"one": []}, "standard") == 0
    assert bench.nab_score(corpus, {"one": [400]}, "standard") == pytest.approx(100)


def test_late_alerts_earn_less_and_only_the_earliest_counts(bench: ModuleType) -> None:
    corpus = [labelled(bench)]
    late = bench.nab_score(corpus, {"one": [499]}, "standard")
    assert 50 < late < 60
    assert bench.nab_score(corpus, {"one": [450, 499]}, "standard") == bench.nab_score(
        corpus, {"one": [450]}, "standard"
    )


def test_a_false_alert_costs_less_close_behind_a_window_and_nothing_in_probation(bench: ModuleType) -> None:
    corpus = [labelled(bench)]
    assert bench.nab_score(corpus, {"one": [149]}, "standard") == 0
    far = bench.nab_score(corpus, {"one": [900]}, "standard")
    assert far == pytest.approx(-100 * 0.11 / 2)
    assert far < bench.nab_score(corpus, {"one": [505]}, "standard") < 0
    assert bench.nab_score(corpus, {"one": [900]}, "low FP") == pytest.approx(2 * far)


def test_events_are_counted_with_one_page_for_a_hundredth_of_the_file(bench: ModuleType) -> None:
    series = labelled(bench, windows=((20, 40), (400, 499), (700, 720)))
    assert bench.count_events(series, [410, 600, 605, 612, 900]) == (1, 1, 3)


def test_a_folder_is_graded_from_end_to_end(
    bench: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    values = np.random.default_rng(1).normal(size=1200)
    values[800:830] += 12
    stamps = [datetime.fromtimestamp(1_700_000_000 + 300 * i, UTC).strftime("%Y-%m-%d %H:%M:%S") for i in range(1200)]
    (tmp_path / "data" / "real").mkdir(parents=True)
    (tmp_path / "labels").mkdir()
    rows = "".join(f"{t},{v}\n" for t, v in zip(stamps, values, strict=True))
    (tmp_path / "data" / "real" / "a.csv").write_text("timestamp,value\n" + rows, encoding="utf-8")
    windows = {"real/a.csv": [[stamps[790] + ".000000", stamps[850] + ".000000"]], "real/absent.csv": []}
    (tmp_path / "labels" / "combined_windows.json").write_text(json.dumps(windows), encoding="utf-8")
    assert bench.main(["--nab", str(tmp_path), "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert (result["files"], result["windows"], result["found"]) == (1, 1, 1)
    assert math.isfinite(result["standard"])
    assert bench.main(["--nab", str(tmp_path)]) == 0
    assert "real/a.csv" in capsys.readouterr().out
