"""Decoding range answers: the fast way agrees with the slow one, and nothing malformed passes."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from openmanager_core.errors import SourceInvalid
from openmanager_core.source.prometheus import decode

LABELS = st.dictionaries(st.sampled_from(["server", "job", "values"]), st.text(max_size=20) | st.just('"values":[['))
VALUES = st.floats(allow_nan=True, allow_infinity=True)


def spelled(value: float) -> str:
    return "NaN" if value != value else {np.inf: "+Inf", -np.inf: "-Inf"}.get(value, repr(value))


@given(st.lists(st.tuples(LABELS, st.lists(VALUES, max_size=6)), max_size=5), st.booleans())
def test_every_series_reads_back_as_it_was_sent(series: list[tuple[dict[str, str], list[float]]], spaces: bool) -> None:
    rows = [
        {"metric": labels, "values": [[1_790_000_000.5 + 15 * i, spelled(v)] for i, v in enumerate(values)]}
        for labels, values in series
    ]
    answer = {"status": "success", "data": {"resultType": "matrix", "result": rows}, "warnings": ["w"]}
    body = json.dumps(answer, ensure_ascii=False, separators=None if spaces else (",", ":"))
    found, warnings = decode.matrix(body.encode("utf-8", "surrogatepass"), "the engine")
    assert warnings == ("w",)
    expected = [(labels, values) for labels, values in series if values]
    assert [f.labels for f in found] == [labels for labels, _ in expected]
    for one, (_, values) in zip(found, expected, strict=True):
        np.testing.assert_array_equal(one.values, values)
        np.testing.assert_allclose(one.times_s, 1_790_000_000.5 + 15 * np.arange(len(values)))


ROW = '{"metric":{},"values":[[%s]]}'


@pytest.mark.parametrize(
    "row",
    [
        ROW % '1,"2"],[1',
        ROW % '1,"x"',
        ROW % '1,"2"],[0,"3"',
        ROW % 'NaN,"2"',
        ROW % "",
        '{"metric":{},"values":[[1,"2"',
        '{"metric":{},"values":3}',
        '{"metric":{},"values":[[1,"2"]]},{"values":[[1,"2"]]}',
    ],
)
def test_samples_that_are_no_pairs_of_time_and_number_are_refused(row: str) -> None:
    body = f'{{"status":"success","data":{{"resultType":"matrix","result":[{row}]}}}}'
    with pytest.raises(SourceInvalid):
        decode.matrix(body.encode(), "the engine")


@given(st.binary(max_size=200))
def test_no_bytes_crash_the_decoder(junk: bytes) -> None:
    body = b'{"status":"success","data":{"resultType":"matrix","result":[{"metric":{},"values":[[' + junk
    for read in (decode.matrix, decode.vector, decode.texts, decode.label_sets):
        with pytest.raises(SourceInvalid):
            read(body, "the engine")


def test_a_series_of_native_histograms_only_is_left_out() -> None:
    row = b'{"metric":{"server":"a"},"histograms":[[1,{}]]}'
    body = b'{"status":"success","data":{"resultType":"matrix","result":[' + row + b"]}}"
    assert decode.matrix(body, "the engine") == ([], ())
