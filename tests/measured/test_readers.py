"""The published folders are read as their authors lay them out, and the yardsticks measure what they say."""

from __future__ import annotations

import importlib
import json
import pickle
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

BENCHMARKS = str(Path(__file__).resolve().parents[2] / "benchmarks")


@pytest.fixture(scope="module")
def bench() -> dict[str, ModuleType]:
    sys.path.insert(0, BENCHMARKS)
    try:
        names = ("accuracy", "accuracy_data", "accuracy_multi")
        return {name: importlib.import_module(name) for name in names}
    finally:
        sys.path.remove(BENCHMARKS)


def write_table(path: Path, table: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savetxt(path, table, delimiter=",", fmt="%.6g")


def write_microsoft(root: Path) -> None:
    folder = root / "cloud" / "data" / "rates"
    folder.mkdir(parents=True)
    rng = np.random.default_rng(1)
    rows = ["TimeStamp,Value,Label"]
    for k in range(300):
        high = 200 <= k < 206
        rows.append(f'"2018-07-{1 + k // 24:02d} {k % 24:02d}:00:00",{rng.normal() + 30 * high:.4f},{int(high)}')
    (folder / "one.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    (folder / "one.csv-metadata.json").write_text("{}", encoding="utf-8")


def write_machines(root: Path) -> None:
    rng = np.random.default_rng(2)
    train, test = rng.normal(size=(400, 3)), rng.normal(size=(300, 3))
    test[100:120, 1] += 8
    label = np.zeros((300, 1))
    label[100:120] = 1
    for base, part in ((root / "omni" / "ServerMachineDataset", "machine-9-9.txt"),):
        for name, table in (("train", train), ("test", test), ("test_label", label)):
            write_table(base / name / part, table)
        (base / "interpretation_label").mkdir()
        (base / "interpretation_label" / part).write_text("100-119:2\n", encoding="utf-8")
    for name, table in (("train", train), ("test", test), ("test_label", label)):
        write_table(root / "jump" / "Dataset2" / name / "service3.csv", table)
    processed = root / "inter" / "data" / "processed"
    processed.mkdir(parents=True)
    (processed.parent / "interpretation_label").mkdir()
    (processed.parent / "interpretation_label" / "omi-99.txt").write_text("100-119:2,3\n", encoding="utf-8")
    for name, table in (("train", train), ("test", test), ("test_label", label.ravel())):
        (processed / f"omi-99_{name}.pkl").write_bytes(pickle.dumps(table.astype(np.float32)))


def test_every_published_layout_is_found_below_one_folder(bench: dict[str, ModuleType], tmp_path: Path) -> None:
    write_microsoft(tmp_path)
    write_machines(tmp_path)
    series = bench["accuracy_data"].all_microsoft(tmp_path)
    assert [(s.name, s.windows) for s in series] == [("rates/one.csv", ((200, 205),))]
    assert np.diff(series[0].times_s).tolist() == [3600.0] * 299
    machines = {m.group: m for m in bench["accuracy_data"].all_machines(tmp_path)}
    assert sorted(machines) == ["asd", "js2", "smd"]
    assert machines["smd"].blamed == ((100, 119, frozenset({1})),)
    assert machines["asd"].blamed == ((100, 119, frozenset({1, 2})),)
    for machine in machines.values():
        assert (machine.train.shape, machine.test.shape, int(machine.label.sum())) == ((400, 3), (300, 3), 20)


def test_one_command_measures_all_that_is_there_and_names_what_is_not(
    bench: dict[str, ModuleType], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_microsoft(tmp_path)
    write_machines(tmp_path)
    assert bench["accuracy"].main(["--data", str(tmp_path), "--json"]) == 0
    said = capsys.readouterr()
    figures = {(f["method"], f["measure"], f["on"].split(",")[0]): f for f in map(json.loads, said.out.splitlines())}
    assert figures["detect", "event F1", "Microsoft"]["value"] == 1.0
    assert figures["detect_multi", "VUS-PR", "smd"]["value"] > 0.8
    assert figures["detect_multi", "HitRate of the blamed metrics", "smd"]["value"] == 1.0
    # Of the two blamed metrics only one moved: the failure is named.
    assert figures["detect_multi", "HitRate of the blamed metrics", "asd"]["failures"] in (
        [],
        ["omi-99: 0.50 of the blamed metrics"],
    )
    assert "rca: no data set for it" in said.err
    assert bench["accuracy"].main(["--data", str(tmp_path), "--failures"]) == 0
    assert "event F1" in capsys.readouterr().out


def test_an_empty_folder_is_a_failure(bench: dict[str, ModuleType], tmp_path: Path) -> None:
    assert bench["accuracy"].main(["--data", str(tmp_path)]) == 1


def test_a_pickle_that_names_a_function_is_refused(bench: dict[str, ModuleType], tmp_path: Path) -> None:
    path = tmp_path / "bad.pkl"
    path.write_bytes(pickle.dumps(print))
    with pytest.raises(pickle.UnpicklingError, match="more than an array"):
        bench["accuracy_data"].read_pickled_array(path)
    path.write_bytes(pickle.dumps({"a": 1}))
    with pytest.raises(pickle.UnpicklingError, match="holds a dict"):
        bench["accuracy_data"].read_pickled_array(path)


def test_the_surface_is_near_1_for_a_perfect_score_and_near_the_share_for_noise(bench: dict[str, ModuleType]) -> None:
    label = np.zeros(4000, bool)
    label[1000:1200] = label[3000:3200] = True
    surface = bench["accuracy_multi"].vus_pr
    assert surface(label, label.astype(float), 0) == pytest.approx(1.0)
    assert surface(label, label.astype(float), 20) > 0.95
    assert surface(label, np.random.default_rng(5).random(4000), 20) < 0.2
    assert surface(label, np.roll(label, 5).astype(float), 20) > surface(label, np.roll(label, 40).astype(float), 20)
    assert np.isnan(surface(np.zeros(100, bool), np.zeros(100), 5))


def test_without_a_buffer_the_surface_is_the_average_precision_with_touched_events(
    bench: dict[str, ModuleType],
) -> None:
    rng = np.random.default_rng(6)
    label = np.zeros(250, bool)
    label[40:60] = label[200:230] = True
    score = rng.permutation(250).astype(float) + 60.0 * label
    expected, before = 0.0, 0.0
    for level in np.sort(score)[::-1]:
        hit = score >= level
        touched = np.mean([hit[40:60].any(), hit[200:230].any()])
        recall = (hit & label).sum() / label.sum() * touched
        expected += (recall - before) * (hit & label).sum() / hit.sum()
        before = recall
    assert bench["accuracy_multi"].vus_pr(label, score, 0) == pytest.approx(expected)


def test_the_period_of_a_wave_is_found(bench: dict[str, ModuleType]) -> None:
    wave = np.sin(2 * np.pi * np.arange(5000) / 48)
    assert abs(bench["accuracy_multi"].period_of(wave) - 48) <= 3
    assert bench["accuracy_multi"].period_of(np.ones(500)) == 125
