"""CSV from a pipe: what is readable is read, what is not is named."""

from __future__ import annotations

import io
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from openmanager_core.errors import InvalidRequest
from openmanager_kit.cli import csv_input
from openmanager_kit.cli.csv_input import read_series, read_table


def test_epoch_and_iso_times_are_both_understood_and_an_empty_value_is_a_gap() -> None:
    times, values = read_series(io.StringIO("timestamp,value\n60,1.5\n1970-01-01T00:02:00Z,\n1970-01-01 00:03:00,2\n"))
    np.testing.assert_array_equal(times, [60.0, 120.0, 180.0])
    np.testing.assert_array_equal(values, [1.5, math.nan, 2.0])


def test_a_header_alone_is_an_empty_series() -> None:
    times, values = read_series(["timestamp,value\n"])
    assert times.shape == values.shape == (0,)


def test_columns_are_found_by_name_whatever_their_order_or_case() -> None:
    times, values = read_series(io.StringIO("\ufeffhost,Value,Timestamp\na,7,3\n"))
    assert (times[0], values[0]) == (3.0, 7.0)


def test_broken_rows_keep_their_place_and_are_named_with_their_line(capsys: pytest.CaptureFixture[str]) -> None:
    text = "timestamp,value\n1,1\n2,abc\nyesterday,3\n4\n5,inf\n6,6\n"
    times, values = read_series(io.StringIO(text))
    np.testing.assert_array_equal(times, [1, 2, 2, 4, 5, 6])
    np.testing.assert_array_equal(np.isfinite(values), [True, False, False, False, False, True])
    said = capsys.readouterr()
    assert said.out == ""
    assert "4 of 6 rows are broken" in said.err
    assert "line 3: value 'abc'" in said.err
    assert "line 4: time 'yesterday'" in said.err
    assert "line 5: has 1 of 2 columns" in said.err


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "got no input at all"),
        ("time,value\n1,2\n", "column timestamp, got 'time,value'"),
        ("timestamp,load\n1,2\n", "column value"),
        ("timestamp,value\nx,y\n", "none of the 1 rows"),
    ],
)
def test_what_is_no_series_is_refused_with_the_reason(text: str, says: str) -> None:
    with pytest.raises(InvalidRequest, match=says):
        read_series(io.StringIO(text))


def test_more_rows_than_the_limit_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csv_input, "MAX_ROWS", 2)
    with pytest.raises(InvalidRequest, match="more than 2 rows"):
        read_series(io.StringIO("timestamp,value\n1,1\n2,2\n3,3\n"))


def test_a_wide_table_takes_every_column_after_the_first() -> None:
    table = read_table(io.StringIO("when,cpu,mem\n1,0.5,\n2,x,0.25\n"))
    assert table.names == ("cpu", "mem")
    np.testing.assert_array_equal(table.values, [[0.5, math.nan], [math.nan, 0.25]])
    assert "line 3" in table.problems[1]


@given(st.text(alphabet=st.characters(codec="utf-8"), max_size=200))
def test_any_text_is_either_read_or_refused_clearly(text: str) -> None:
    try:
        times, values = read_series(io.StringIO("timestamp,value\n" + text))
    except InvalidRequest:
        return
    assert times.shape == values.shape
    assert not np.isinf(values).any()
    assert np.isfinite(times).all()
