"""`openmanager detect` and `detect-multi`, as typed: JSON alone on stdout, reasons on stderr."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pytest

from openmanager_core.analysis import detect, detect_multi
from openmanager_kit.cli.main import main


def csv_of(values: list[str]) -> str:
    return "timestamp,value\n" + "".join(f"{1_700_000_000 + 60 * i},{v}\n" for i, v in enumerate(values))


def type_in(monkeypatch: pytest.MonkeyPatch, text: str, *words: str) -> int:
    monkeypatch.setattr("sys.stdin", io.StringIO(text))
    return main(list(words))


def test_detect_answers_what_the_function_answers(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    values = np.round(np.random.default_rng(1).normal(size=200), 3)
    values[150] = 40
    words = [str(v) for v in values]
    words[20] = ""
    assert type_in(monkeypatch, csv_of(words), "detect") == 0
    said = capsys.readouterr()
    values[20] = np.nan
    assert json.loads(said.out) == detect(1_700_000_000 + 60.0 * np.arange(200), values)
    assert json.loads(said.out)["alerts"] == [150]
    assert said.err == ""


def test_broken_rows_are_named_on_stderr_and_the_rest_is_answered(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert type_in(monkeypatch, csv_of(["1"] * 30 + ["broken"]), "detect") == 0
    said = capsys.readouterr()
    assert len(json.loads(said.out)["scores"]) == 31
    assert "line 32: value 'broken' is not a finite number" in said.err


def test_what_is_no_series_exits_one_with_a_hint(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert type_in(monkeypatch, "when,what\n1,2\n", "detect") == 1
    said = capsys.readouterr()
    assert said.out == ""
    assert "Try: start the CSV with the header timestamp,value." in said.err


def test_an_unknown_flag_is_a_usage_error(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SystemExit) as caught:
        type_in(monkeypatch, "", "detect", "--format", "xml")
    assert caught.value.code == 2


def test_text_is_for_people(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert type_in(monkeypatch, csv_of(["1", "2"] * 60 + ["90"]), "detect", "--format", "text") == 0
    said = capsys.readouterr().out
    assert said.startswith("1 alerts in 121 rows")
    assert "row 120  2023-11-15T00:13:20Z  value 90" in said


def wide(path: Path, table: np.ndarray, names: str) -> str:
    rows = "".join(f"{i}," + ",".join(map(str, row)) + "\n" for i, row in enumerate(table))
    path.write_text(f"timestamp,{names}\n{rows}", encoding="utf-8")
    return str(path)


def test_detect_multi_matches_columns_by_name(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rng = np.random.default_rng(2)
    train, test = np.round(rng.normal(size=(50, 2)), 3), np.round(rng.normal(size=(30, 2)), 3)
    a = wide(tmp_path / "a.csv", train, "cpu,mem")
    b = wide(tmp_path / "b.csv", test[:, ::-1], "mem,cpu")
    assert main(["detect-multi", "--train", a, "--test", b]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer == detect_multi(train, test) | {"metrics": ["cpu", "mem"]}
    assert main(["detect-multi", "--train", a, "--test", b, "--format", "text"]) == 0
    assert capsys.readouterr().out.startswith("30 rows, the strangest first\nrow ")


def test_detect_multi_says_which_file_or_column_is_wrong(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    a = wide(tmp_path / "a.csv", np.ones((20, 2)), "cpu,mem")
    b = wide(tmp_path / "b.csv", np.ones((20, 1)), "cpu")
    assert main(["detect-multi", "--train", a, "--test", str(tmp_path / "none.csv")]) == 1
    assert "none.csv' does not exist" in capsys.readouterr().err
    assert main(["detect-multi", "--train", a, "--test", b]) == 1
    assert "lacks the column 'mem'" in capsys.readouterr().err
    assert main(["detect-multi", "--train", a, "--test", str(tmp_path)]) == 1
    assert "can not be read" in capsys.readouterr().err
