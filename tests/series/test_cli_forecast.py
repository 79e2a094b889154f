"""`openmanager forecast` as a user types it: CSV in, JSON out, nothing else on stdout."""

from __future__ import annotations

import io
import json
import math

import numpy as np
import pytest

from openmanager_core.analysis.forecast import forecast
from openmanager_kit.cli.main import main


def _run(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], text: str, *options: str
) -> tuple[int, str, str]:
    monkeypatch.setattr("sys.stdin", io.StringIO(text))
    code = main(["forecast", *options])
    out = capsys.readouterr()
    return code, out.out, out.err


def _csv(values: list[float], step: float = 300.0) -> str:
    rows = [f"{step * k},{'' if math.isnan(v) else repr(v)}" for k, v in enumerate(values)]
    return "timestamp,value\n" + "\n".join(rows) + "\n"


def test_the_command_prints_what_the_function_returns(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    values = np.random.default_rng(1).normal(size=200).tolist()
    code, out, err = _run(monkeypatch, capsys, _csv(values), "--horizon", "12", "--season", "24")
    assert (code, err) == (0, "")
    assert json.loads(out) == forecast(values, 12, 24)


def test_season_0_finds_the_season_out(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    values = [math.sin(2 * math.pi * k / 36) + 0.01 * (k % 7) for k in range(400)]
    _, out, _ = _run(monkeypatch, capsys, _csv(values), "--horizon", "36")
    assert json.loads(out) == forecast(values, 36, 36)


def test_gaps_missing_rows_and_disorder_are_taken_in_stride(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    values = [float(k % 12) for k in range(120)]
    whole = _csv(values).splitlines()
    broken = [whole[0], *reversed(whole[1:40]), *whole[43:], whole[50], "nonsense,7"]
    code, out, err = _run(monkeypatch, capsys, "\n".join(broken), "--horizon", "12", "--season", "12")
    assert code == 0
    np.testing.assert_allclose(json.loads(out)["mean"], values[:12], atol=0.01)
    assert "broken" in err


def test_no_reading_is_explained_on_stderr(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = _run(monkeypatch, capsys, "timestamp,value\n1,\n", "--horizon", "3")
    assert (code, out) == (1, "")
    assert "insufficient_data" in err


@pytest.mark.parametrize("options", [("--horizon", "0"), ("--horizon", "5", "--season", "-2")])
def test_an_option_out_of_range_is_explained(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], options: tuple[str, ...]
) -> None:
    code, out, err = _run(monkeypatch, capsys, _csv([1.0, 2.0, 3.0]), *options)
    assert (code, out) == (1, "")
    assert "invalid_request" in err
