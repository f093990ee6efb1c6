"""Bootstrap replicates against scipy on resamples drawn out in full; intervals and their edges."""

import tracemalloc
import warnings

import numpy as np
import pytest
from scipy import stats

from ntknas.errors import InputError
from ntknas.ranking import (
    Intervals,
    bootstrap,
    correlations,
    default_resamples,
    replicates,
    resample_counts,
    spearman_interval,
)


def sample(kind, n=40):
    rng = np.random.default_rng(3)
    x, y = rng.normal(size=n), rng.normal(size=n)
    return {
        "continuous": (x, x + y),
        "ties": (np.round(2 * x), np.round(x + y)),
        "joint ties": (np.round(x), np.round(x)),
        "constants last": (np.where(x < -0.5, -np.inf, x), np.where(x < -0.5, 0.1, y)),
        "opposed": (x, -x),
        "binary": (1.0 * (x > 1), 1.0 * (y > 1)),
        "tiny differences": (x * 1e-300, 1 + y * 1e-15),
    }[kind]


@pytest.mark.parametrize(
    "kind",
    [
        *("continuous", "ties", "joint ties", "constants last", "opposed", "binary"),
        "tiny differences",
    ],
)
def test_replicates_equal_scipy_on_explicit_resamples(kind):
    x, y = sample(kind)
    counts = resample_counts(x.size, resamples=40, seed=5)
    found = replicates(x, y, counts)
    for b in range(counts.shape[1]):
        drawn = np.repeat(np.arange(x.size), counts[:, b])
        if np.ptp(stats.rankdata(x[drawn])) == 0 or np.ptp(stats.rankdata(y[drawn])) == 0:
            assert np.isnan(found[:, b]).all()
            continue
        expected = [f(x[drawn], y[drawn]).statistic for f in (stats.spearmanr, stats.kendalltau)]
        # scipy calls an infinite sum NaN in weightedtau; ranks carry the same order.
        ranks = stats.rankdata(x[drawn]), stats.rankdata(y[drawn])
        expected.append(stats.weightedtau(*ranks).statistic)
        np.testing.assert_allclose(found[:, b], expected, rtol=0, atol=1e-12)


def test_each_once_is_the_point_value():
    x, y = sample("ties", n=200)
    once = np.ones((200, 1), dtype=np.int32)
    np.testing.assert_allclose(replicates(x, y, once)[:, 0], correlations(x, y), atol=1e-13)


def test_blocks_do_not_matter(monkeypatch):
    x, y = sample("ties")
    expected = bootstrap(x, y, resamples=30, seed=1)
    monkeypatch.setattr("ntknas.ranking.intervals._BLOCK", 7 * 40)
    np.testing.assert_array_equal(
        np.concatenate(bootstrap(x, y, resamples=30, seed=1)[:3]), np.concatenate(expected[:3])
    )


def test_resamples_are_multinomial_and_seeded():
    counts = resample_counts(50, resamples=4000, seed=0)
    assert (counts.sum(axis=0) == 50).all()
    # Each count is Binomial(50, 1/50): mean 1, variance 0.98; counts of two correlate by -1/49.
    np.testing.assert_allclose(counts.mean(axis=1), 1, atol=5 * np.sqrt(0.98 / 4000))
    assert counts.var() == pytest.approx(0.98, rel=0.02)
    np.testing.assert_array_equal(counts, resample_counts(50, resamples=4000, seed=0))
    assert (counts != resample_counts(50, resamples=4000, seed=1)).any()


def test_intervals_are_percentiles_of_the_replicates():
    x, y = sample("continuous")
    result = bootstrap(x, y, resamples=333, seed=9, confidence=0.8)
    values = replicates(x, y, resample_counts(40, resamples=333, seed=9))
    np.testing.assert_allclose(result[:3], np.percentile(values, [10, 90], axis=1).T, atol=1e-14)
    assert result[3:] == (333, 0)


def test_intervals_cover_the_truth():
    rho, n, trials = 0.6, 80, 200
    rng = np.random.default_rng(12)
    true = 6 / np.pi * np.arcsin(rho / 2), 2 / np.pi * np.arcsin(rho)  # bivariate normal
    hits = np.zeros(2)
    for trial in range(trials):
        x, noise = rng.normal(size=(2, n))
        y = rho * x + np.sqrt(1 - rho**2) * noise
        found = bootstrap(x, y, resamples=200, seed=trial)
        hits += [i.low <= t <= i.high for i, t in zip(found[:2], true, strict=True)]
    # Nominal 0.95; the binomial scatter of 200 trials is 0.015.
    assert (hits / trials >= 0.90).all(), hits / trials
    assert (hits / trials <= 0.99).all(), hits / trials


def test_monotone_maps_and_sign():
    x, y = sample("continuous")
    expected = bootstrap(x, y, resamples=200, seed=2)
    assert bootstrap(np.exp(x), y**3, resamples=200, seed=2) == expected
    turned = bootstrap(-x, y, resamples=200, seed=2)
    for found, other in zip(turned[:2], expected[:2], strict=True):
        assert found == pytest.approx((-other.high, -other.low))


def test_common_resamples_make_differences_sharp():
    rng = np.random.default_rng(4)
    x, y = rng.normal(size=(2, 200))
    counts = resample_counts(200, resamples=300, seed=0)
    close = x + 0.05 * rng.normal(size=200)
    first, second = replicates(x, x + y, counts)[0], replicates(close, x + y, counts)[0]
    assert np.std(first - second) < np.std(first) / 4


def test_default_number_of_resamples():
    assert (default_resamples(1000), default_resamples(1001)) == (1000, 200)
    assert bootstrap([1, 2, 3], [1, 3, 2], seed=0).resamples == 1000


@pytest.mark.parametrize("n", [0, 1, 5])
def test_undefined_is_nan_without_a_warning(n):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        result = bootstrap(np.ones(n), np.arange(n), resamples=20, seed=0)
    assert isinstance(result, Intervals)
    assert np.isnan(np.concatenate(result[:3])).all()
    assert result[3:] == (20, 20)


def test_a_few_undefined_resamples_are_dropped():
    # x is constant where element 0 was not drawn: (4/5)^5 = 33% of the resamples.
    result = bootstrap([1, 0, 0, 0, 0], [5, 1, 2, 3, 4], resamples=500, seed=0)
    assert 100 < result.undefined < 250
    assert np.isfinite(np.concatenate(result[:3])).all()


def test_no_resamples_no_intervals():
    result = bootstrap([1, 2, 3], [1, 3, 2], resamples=0, seed=0)
    assert np.isnan(np.concatenate(result[:3])).all()
    assert result[3:] == (0, 0)


@pytest.mark.parametrize(
    "options", [{"resamples": -1}, {"confidence": 0.0}, {"confidence": 95.0}, {"seed": -1}]
)
def test_refuses(options):
    with pytest.raises(InputError, match="got"):
        bootstrap([1, 2, 3], [1, 3, 2], **({"seed": 0} | options))


def test_memory_of_the_whole_space():
    x, y = np.random.default_rng(0).normal(size=(2, 6466))
    tracemalloc.start()
    bootstrap(x, y, resamples=8, seed=0)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 60e6  # the full sign matrix would take 167 MB


@pytest.mark.parametrize("ties", [False, True])
def test_spearmans_interval_alone_is_that_of_all_three(ties):
    rng = np.random.default_rng(3)
    x, y = rng.normal(size=(2, 40))
    y = np.round(x + y) if ties else x + y
    alone = spearman_interval(x, y, resamples=60, seed=5)
    np.testing.assert_allclose(alone, bootstrap(x, y, resamples=60, seed=5).spearman, rtol=1e-12)
    assert np.isnan(spearman_interval(x, np.ones(40), resamples=60, seed=5)).all()
