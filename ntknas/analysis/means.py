"""Means with 95% intervals, of values that come in clusters."""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import t

from ntknas.errors import InputError

__all__ = ["Mean", "clustered_mean"]


class Mean(NamedTuple):
    """A mean with its interval.

    Attributes:
        n: Number of values.
        clusters: Number of clusters.
        mean: Mean of the values.
        low: Lower end of the 95% interval; NaN for a single cluster.
        high: Upper end.
    """

    n: int
    clusters: int
    mean: float
    low: float
    high: float


def clustered_mean(values: ArrayLike, clusters: ArrayLike | None = None) -> Mean:
    """The mean of values, with a 95% interval that takes each cluster as one draw.

    The mean is the ratio of the clusters' sums to their sizes, whose standard error is that of a
    ratio estimator (Cochran 1977, equation 6.13): with G clusters, residuals r_g = sum_g - mean
    size_g and the number of values n, it is sqrt(G / (G - 1) sum_g r_g^2) / n. The quantile is that
    of Student's t with G - 1 degrees of freedom. Without clusters this is the usual t-interval.

    Args:
        values: The values, at least one, all finite.
        clusters: Label of the cluster of each value, whole numbers; None means that each value is
            its own cluster.

    Raises:
        InputError: If there are no values, or they do not match the clusters.

    Example:
        >>> clustered_mean([1.0, 2.0, 3.0])[:3]
        (3, 3, 2.0)
        >>> clustered_mean([1.0, 1.0, 4.0], [7, 7, 9])[:3]
        (3, 2, 2.0)
    """
    x = np.asarray(values, float)
    labels = np.arange(len(x)) if clusters is None else np.asarray(clusters)
    if x.ndim != 1 or not len(x) or labels.shape != x.shape:
        raise InputError(
            f"expected one cluster for each of at least one value, got {x.shape} values and "
            f"{labels.shape} clusters"
        )
    _, group = np.unique(labels, return_inverse=True)
    sizes = np.bincount(group)
    mean = float(x.mean())
    count = len(sizes)
    if count < 2:
        return Mean(len(x), count, mean, np.nan, np.nan)
    residuals = np.bincount(group, x) - mean * sizes
    error = np.sqrt(count / (count - 1) * (residuals**2).sum()) / len(x)
    half = float(t.ppf(0.975, count - 1) * error)
    return Mean(len(x), count, mean, mean - half, mean + half)
