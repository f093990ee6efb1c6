"""Means of clustered values."""

import numpy as np
import pytest
from scipy import stats

from ntknas.analysis import clustered_mean
from ntknas.errors import InputError


def test_without_clusters_it_is_the_t_interval():
    x = np.random.default_rng(0).normal(size=12)
    low, high = stats.t.interval(0.95, 11, x.mean(), stats.sem(x))
    np.testing.assert_allclose(clustered_mean(x), (12, 12, x.mean(), low, high))


def test_copies_in_a_cluster_add_no_certainty():
    x = np.random.default_rng(1).normal(size=9)
    once = clustered_mean(x)
    twice = clustered_mean(np.repeat(x, 5), np.repeat(np.arange(9), 5))
    np.testing.assert_allclose(twice[1:], once[1:])
    assert twice.n == 45


def test_the_interval_covers_the_mean_of_unequal_clusters():
    rng = np.random.default_rng(2)
    sizes = np.resize([1, 1, 2, 7], 60)
    covered = 0
    for _ in range(400):
        x = np.repeat(rng.normal(size=60), sizes)
        found = clustered_mean(x, np.repeat(np.arange(60), sizes))
        covered += found.low <= 0 <= found.high
    assert 0.90 <= covered / 400 <= 0.98


def test_labels_of_clusters_do_not_matter():
    x, clusters = [1.0, 2.0, 4.0, 8.0], np.array([3, 3, 900, -1])
    np.testing.assert_allclose(clustered_mean(x, clusters), clustered_mean(x, [0, 0, 1, 2]))


def test_edges():
    alone = clustered_mean([2.0, 4.0], [5, 5])
    assert alone[:3] == (2, 1, 3.0)
    assert np.isnan(alone.low)
    assert np.isnan(alone.high)
    for bad in (([], None), ([1.0], [1, 2]), ([[1.0]], None)):
        with pytest.raises(InputError, match="one cluster for each"):
            clustered_mean(*bad)
