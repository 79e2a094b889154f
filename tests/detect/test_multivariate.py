"""Many metrics of one server: broken co-movement is found and the right metric blamed."""

from __future__ import annotations

import naive_detect
import numpy as np
import pytest
from detect.series import Array, autoregressive
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from openmanager_core.analysis import detect_multi
from openmanager_core.errors import InsufficientData, InvalidRequest

TABLE = st.tuples(st.integers(8, 12), st.just(3))
CELLS = st.one_of(st.floats(-1e12, 1e12), st.just(float("nan")), st.just(0.0))


def together(seed: int, n: int, metrics: int = 6) -> Array:
    """Metrics that follow one load, with a little noise each."""
    rng = np.random.default_rng(seed)
    load = autoregressive(rng, 0.95, 1, n)[0]
    return np.outer(load, np.linspace(1, 2, metrics)) + 0.1 * rng.normal(size=(n, metrics)) + 5.0


def test_a_metric_that_leaves_the_others_is_found_and_blamed() -> None:
    train, test = together(1, 3000), together(2, 600)
    test[300:330, 4] += 1.0
    answer = detect_multi(train, test)
    scores, blame = np.asarray(answer["scores"]), np.asarray(answer["contributions"])
    assert 300 <= int(np.argmax(scores)) <= 340
    assert scores[300:330].max() > 1.4 * np.delete(scores, np.s_[295:360]).max()
    assert int(np.argmax(blame[300:330].mean(axis=0))) == 4


def test_row_t_uses_only_the_rows_up_to_t() -> None:
    train, test = together(1, 500), together(2, 300)
    whole = detect_multi(train, test)
    for cut in (1, 2, 3, 150, 299):
        part = detect_multi(train, test[:cut])
        np.testing.assert_allclose(part["scores"], whole["scores"][:cut], rtol=1e-9)
        np.testing.assert_allclose(part["contributions"], whole["contributions"][:cut], rtol=1e-6, atol=1e-9)


def test_units_do_not_matter() -> None:
    train, test = together(1, 500), together(2, 100)
    units = np.array([1e-3, 1.0, 1e6, 1e9, 1.0, 1.0])
    np.testing.assert_allclose(
        detect_multi(train * units, test * units)["scores"], detect_multi(train, test)["scores"], rtol=1e-6
    )


def test_constant_and_missing_metrics_are_no_obstacle() -> None:
    train, test = together(1, 500), together(2, 100)
    train[:, 0], test[:, 0] = 3.0, 3.0
    train[:, 1] = np.nan
    test[40:60, 2] = np.nan
    answer = detect_multi(train, test)
    blame = np.asarray(answer["contributions"])
    assert np.isfinite(answer["scores"]).all()
    assert not blame[40:60, 2].any()
    np.testing.assert_allclose(blame[:, 0], 0.0, atol=1e-9)


@given(arrays(np.float64, TABLE, elements=CELLS), arrays(np.float64, TABLE, elements=CELLS))
def test_any_two_tables_give_finite_answers(train: Array, test: Array) -> None:
    answer = detect_multi(train, test)
    assert np.isfinite(answer["scores"]).all()
    assert np.isfinite(answer["contributions"]).all()
    assert min(answer["scores"]) >= 0


def test_scores_and_blame_match_the_definition_row_by_row() -> None:
    train, test = together(1, 60, 3), together(2, 340, 3)
    test[80:95, 1] += 1.0
    answer = detect_multi(train, test)
    scores, contributions = naive_detect.together(train, test)
    np.testing.assert_allclose(answer["scores"], scores, rtol=1e-9)
    np.testing.assert_allclose(answer["contributions"], contributions, rtol=1e-6, atol=1e-9)


def test_long_tables_match_the_definition_where_one_block_of_rows_meets_the_next() -> None:
    train, test = together(1, 1100, 2), together(2, 1400, 2)
    answer = detect_multi(train, test)
    scores, contributions = naive_detect.together(train, test)
    near = slice(1000, None)
    np.testing.assert_allclose(answer["scores"][near], scores[near], rtol=1e-9)
    np.testing.assert_allclose(answer["contributions"][near], contributions[near], rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize(("size", "unit"), [(3.0, 1.0), (3.0, 1e-9), (0.0, 1.0), (0.0, 1e9)])
def test_a_metric_that_never_moved_in_train_is_news_when_it_moves_in_any_unit(size: float, unit: float) -> None:
    train, test = together(1, 1000), together(2, 300)
    train[:, 0] = test[:, 0] = size * unit
    quiet = np.asarray(detect_multi(train, test)["scores"])
    test[150:160, 0] += 0.5 * unit
    answer = detect_multi(train, test)
    assert int(np.argmax(np.asarray(answer["contributions"])[150:160].mean(axis=0))) == 0
    assert np.asarray(answer["scores"])[150:160].max() > quiet.max()
    np.testing.assert_allclose(answer["scores"][:150], quiet[:150], rtol=1e-9)


def test_neither_a_gap_nor_its_end_is_a_change() -> None:
    train, test = together(1, 2000), together(2, 300)
    test[:, 3] += 20.0
    gap = test.copy()
    gap[150:160, 3] = np.nan
    whole, cut = (np.asarray(detect_multi(train, table)["contributions"]) for table in (test, gap))
    assert not cut[150:160, 3].any()
    # Somewhat: the load moved while the reading was away.
    assert cut[160:, 3].max() < 3.0 * whole[100:, 3].max()


def test_a_metric_that_train_never_saw_adds_nothing() -> None:
    train, test = together(1, 500), together(2, 100)
    train[:, 1] = np.nan
    answer, other = detect_multi(train, test), test.copy()
    other[:, 1] = 1e6
    assert not np.asarray(answer["contributions"])[:, 1].any()
    assert detect_multi(train, other) == answer


def test_a_server_that_has_drifted_for_long_is_less_strange_than_one_that_just_moved() -> None:
    train, test = together(1, 2000), together(2, 3000)
    test[500:, 3] += 1.0
    scores = np.asarray(detect_multi(train, test)["scores"])
    assert np.median(scores[2000:]) < 0.8 * np.median(scores[570:800])


def test_tables_that_do_not_match_are_refused() -> None:
    with pytest.raises(InvalidRequest, match="test must have train's 6 metrics, got 5"):
        detect_multi(together(1, 50), together(1, 50, 5))
    with pytest.raises(InvalidRequest, match="train must be a table"):
        detect_multi([1.0, 2.0], [[1.0]])
    with pytest.raises(InsufficientData, match="at least 8 rows, got 7"):
        detect_multi(together(1, 7), together(1, 50))


def test_an_empty_test_has_an_empty_answer() -> None:
    assert detect_multi(together(1, 50), np.empty((0, 6))) == {"scores": [], "contributions": []}
