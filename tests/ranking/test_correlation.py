"""Point values against scipy, invariances of rank correlations, and their edges."""

import warnings

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings, strategies as st
from scipy import stats

from ntknas.errors import InputError
from ntknas.ranking import correlations, mid_ranks, rank_correlation

# Few distinct values, so that ties in x, in y and in both are common.
pairs = st.integers(2, 25).flatmap(
    lambda n: st.tuples(*[st.lists(st.integers(-4, 4), min_size=n, max_size=n)] * 2)
)


def scipy_correlations(x, y):
    return (
        stats.spearmanr(x, y).statistic,
        stats.kendalltau(x, y).statistic,
        stats.weightedtau(x, y).statistic,
    )


@settings(max_examples=100, deadline=None, derandomize=True)
@given(pairs)
def test_equals_scipy(pair):
    x, y = pair
    if len(set(x)) > 1 and len(set(y)) > 1:
        np.testing.assert_allclose(correlations(x, y), scipy_correlations(x, y), rtol=0, atol=1e-14)
    else:
        assert np.isnan(correlations(x, y)).all()


def test_hand_values():
    # Ranks differ by one swap: 1 - 6 * 2 / (4 * 15), and (5 - 1) / 6.
    result = correlations([1, 2, 3, 4], [1, 2, 4, 3])
    assert result.spearman == pytest.approx(0.8)
    assert result.kendall == pytest.approx(2 / 3)
    # Weights 1, 1/2, 1/3, 1/4: each tau is 1 - 2 (w_1 + w_2) / (3 * sum), twice the same swap.
    assert result.weighted_kendall == pytest.approx(1 - 2 * 1.5 / (3 * (25 / 12)))


def test_only_the_order_matters():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(2, 50))
    order = rng.permutation(50)
    expected = correlations(x, y)
    np.testing.assert_allclose(correlations(np.exp(x), y**3), expected, atol=1e-14)
    np.testing.assert_allclose(correlations(x[order], y[order]), expected, atol=1e-14)
    np.testing.assert_allclose(correlations(y, x), expected, atol=1e-14)
    assert correlations(-x, y)[:2] == pytest.approx([-v for v in expected[:2]])


def test_infinities_are_ordinary_extremes():
    x, y = [-np.inf, -np.inf, 0.0, 5.0, np.inf], [1.0, 2.0, 3.0, -np.inf, 5.0]
    assert correlations(x, y) == correlations([-1, -1, 0, 5, 9], [1, 2, 3, -9, 5])


@pytest.mark.parametrize(
    ("x", "y"), [([], []), ([1.0], [2.0]), ([1, 1, 1], [1, 2, 3]), ([1, 2], [np.inf, np.inf])]
)
def test_undefined_is_nan_without_a_warning(x, y):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert np.isnan(correlations(x, y)).all()


@pytest.mark.parametrize(
    ("x", "y", "message"),
    [
        ([1, np.nan, 3], [np.nan, 2, 3], "NaN in 2 pairs"),
        ([1, 2], [1, 2, 3], r"shapes \(2,\) and \(3,\)"),
        ([[1, 2]], [[1, 2]], "two vectors"),
    ],
)
def test_refuses(x, y, message):
    with pytest.raises(InputError, match=message):
        correlations(x, y)


def test_takes_series():
    assert correlations(pd.Series([1, 2, 3]), pd.Series([1.0, 2.0, 3.0], index=[7, 8, 9])) == (
        1,
        1,
        1,
    )


def test_mid_ranks_are_scipys_along_the_last_axis():
    values = np.random.default_rng(2).integers(0, 4, (3, 2, 12)).astype(float)
    values[0, 0, 3], values[1, 1, 5] = np.inf, -np.inf
    found = mid_ranks(values)
    for place in np.ndindex(3, 2):
        np.testing.assert_array_equal(found[place], stats.rankdata(values[place]))


def test_rank_correlation_of_many_rankings_is_spearmans():
    rng = np.random.default_rng(3)
    values, target = rng.integers(0, 6, (20, 30)), rng.integers(0, 6, 30)
    expected = [stats.spearmanr(row, target).statistic for row in values]
    found = rank_correlation(mid_ranks(values), mid_ranks(target))
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-14)
    np.testing.assert_allclose(
        rank_correlation(mid_ranks(-values), mid_ranks(target)), -found, rtol=0, atol=1e-14
    )


def test_rank_correlation_with_a_constant_is_0():
    ranks = np.array([[1.0, 2.0, 3.0], [2.0, 2.0, 2.0]])
    assert rank_correlation(ranks, ranks[1]).tolist() == [0, 0]
    np.testing.assert_allclose(rank_correlation(ranks, ranks[0]), [1, 0], atol=1e-15)
