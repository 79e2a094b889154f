"""Our own medians, quantiles and runs are numpy's and the obvious ones, to the last bit."""

from __future__ import annotations

import math

import numpy as np
from detect.series import Array
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from openmanager_core.analysis._order import median, quantiles
from openmanager_core.analysis._readings import runs_of

NUMBERS = st.one_of(st.floats(-1e300, 1e300), st.sampled_from([0.0, -0.0, 0.5, 1.0]))
SERIES = arrays(np.float64, st.integers(1, 60), elements=NUMBERS)


@given(SERIES)
def test_the_median_is_numpys(values: Array) -> None:
    assert median(values) == float(np.median(values))


def test_the_median_of_nothing_is_no_number() -> None:
    assert math.isnan(median(np.array([])))


@given(SERIES, st.lists(st.floats(0.0, 1.0), min_size=1, max_size=4))
def test_quantiles_are_numpys(values: Array, qs: list[float]) -> None:
    assert quantiles(values, *qs) == np.quantile(values, qs).tolist()


@given(arrays(np.bool_, st.integers(0, 40)))
def test_runs_are_what_counting_finds(mask: np.typing.NDArray[np.bool_]) -> None:
    runs: list[list[int]] = []
    for i, inside in enumerate(mask.tolist()):
        if inside and runs and runs[-1][1] == i:
            runs[-1][1] = i + 1
        elif inside:
            runs.append([i, i + 1])
    assert runs_of(mask).tolist() == runs
