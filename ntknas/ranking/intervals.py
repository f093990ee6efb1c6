"""Percentile bootstrap intervals of rank correlations, through multiplicities.

A resample of n architectures is a vector c of multiplicities (how often each one was drawn).
Correlations are computed from c directly, so that no resample has to be built and sorted:

* Spearman is the Pearson correlation, weighted with c, of mid-ranks taken from cumulative counts.
* With A_ij = sign(x_i - x_j) sign(y_i - y_j) and S = A c, a Kendall tau with pair weights
  w_i + w_j is sum_i w_i S_i / sqrt(D_x D_y), D_x = sum_i w_i (n - copies tied with i in x).
  Tau-b has w = c.
* Vigna's additive hyperbolic weighting gives rank slot r (from 0) the weight 1 / (r + 1). The
  copies of i fill slots R_i .. R_i + c_i - 1, so that w_i = H(R_i + c_i) - H(R_i) with harmonic
  numbers H. Ranks are taken in descending order of (x, y), then of (y, x), and the two taus are
  averaged.

One matrix product A c thus gives both taus of all resamples. Its entries are sums of at most n
ones, so that float32 is exact; everything else is float64.

References:
    Efron (1979), "Bootstrap methods: another look at the jackknife".
    Vigna (2015), "A weighted correlation index for rankings with ties".
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int
from numpy.typing import ArrayLike

from ntknas.errors import InputError
from ntknas.ranking.correlation import paired_ranks

__all__ = [
    "Interval",
    "Intervals",
    "bootstrap",
    "default_resamples",
    "replicates",
    "resample_counts",
    "spearman_interval",
]

# Number of elements of the largest temporary array, so that a float64 one takes 16 MB.
_BLOCK = 2_000_000


class Interval(NamedTuple):
    """The two ends of an interval; NaN means undefined."""

    low: float
    high: float


class Intervals(NamedTuple):
    """Bootstrap intervals of the three correlations.

    Attributes:
        spearman: Interval of Spearman's rho.
        kendall: Interval of Kendall's tau-b.
        weighted_kendall: Interval of the weighted tau.
        resamples: Number of resamples drawn.
        undefined: Number of resamples that were dropped because a variable was constant in them.
    """

    spearman: Interval
    kendall: Interval
    weighted_kendall: Interval
    resamples: int
    undefined: int


def default_resamples(n: int) -> int:
    """Number of resamples for n architectures: 1000 up to n = 1000, 200 beyond.

    Intervals of more architectures are narrow, so that fewer resamples are enough.
    """
    return 1000 if n <= 1000 else 200


def resample_counts(n: int, *, resamples: int, seed: int) -> Int[np.ndarray, "n b"]:
    """Multiplicities of n architectures in each of b resamples with replacement.

    The same arguments give the same resamples. All scores of the same architectures therefore use
    the same resamples (common random numbers), which makes differences between scores comparable.

    Args:
        n: Number of architectures.
        resamples: Number b of resamples.
        seed: Seed of the draws.

    Returns:
        Multiplicities `[n, b]`; each column sums to n.

    Raises:
        InputError: If the number of resamples is negative.
    """
    if resamples < 0:
        raise InputError(f"expected 0 resamples or more, got {resamples}")
    drawn = np.random.default_rng(seed).integers(max(n, 1), size=(n, resamples))
    flat = (drawn * resamples + np.arange(resamples)).ravel()
    return np.bincount(flat, minlength=n * resamples).reshape(n, resamples).astype(np.int32)


def replicates(x: ArrayLike, y: ArrayLike, counts: Int[np.ndarray, "n b"]) -> np.ndarray:
    """The three correlations in every resample.

    Args:
        x: First variable, n values; infinities are allowed, NaN is not.
        y: Second variable, n values paired with `x`.
        counts: Multiplicities of the n pairs in each of b resamples.

    Returns:
        Spearman, tau-b and weighted tau of each resample, float64 `[3, b]`. They equal
        `correlations` of the resampled pairs. They are NaN where a variable is constant in a
        resample.

    Raises:
        InputError: If the variables are not two vectors of equal length, or a value is NaN.
    """
    x, y = paired_ranks(x, y)
    total = counts.sum(axis=0)
    x_below, x_upto = _cumulative(x, counts)
    y_below, y_upto = _cumulative(y, counts)
    x_untied, y_untied = total - (x_upto - x_below), total - (y_upto - y_below)
    agreement = _agreement(x, y, counts)
    harmonic = np.concatenate([[0.0], np.cumsum(1.0 / np.arange(1, total.max(initial=0) + 1))])

    def ratio(weights: np.ndarray, inner: np.ndarray, xs: np.ndarray, ys: np.ndarray) -> np.ndarray:
        """A Kendall tau with these weights."""
        return _sum(weights, inner) / np.sqrt(_sum(weights, xs) * _sum(weights, ys))

    with np.errstate(invalid="ignore"):  # 0 / 0 where a variable is constant gives NaN
        spearman = _spearman(counts, x_below + x_upto - total, y_below + y_upto - total)
        kendall = ratio(counts, agreement, x_untied, y_untied)
        by_x, by_y = (
            ratio(_hyperbolic(*keys, counts, harmonic), agreement, x_untied, y_untied)
            for keys in ((x, y), (y, x))
        )
    return np.stack([spearman, kendall, (by_x + by_y) / 2])


def bootstrap(
    x: ArrayLike,
    y: ArrayLike,
    *,
    resamples: int | None = None,
    seed: int,
    confidence: float = 0.95,
) -> Intervals:
    """Percentile bootstrap intervals over pairs resampled with replacement.

    A resample in which a variable is constant has no correlation and is dropped. If more than half
    of the resamples are dropped, or there are no resamples, the intervals are undefined (NaN).

    Memory: about 20 arrays of at most 16 MB, for any number of resamples, and the multiplicities.
    Time: 2 n^2 operations of a matrix product per resample.

    Args:
        x: First variable, n values, one per architecture; infinities are allowed, NaN is not.
        y: Second variable, n values paired with `x`.
        resamples: Number of resamples; None means `default_resamples`, 0 means no intervals.
        seed: Seed of the resamples; the same n and seed give the same resamples.
        confidence: Probability mass inside the interval, in (0, 1).

    Returns:
        The intervals, and the number of resamples that they are computed from.

    Raises:
        InputError: If an argument is out of range, the variables are not two vectors of equal
            length, or a value is NaN.

    Example:
        >>> x = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]
        >>> bootstrap(x, x, resamples=100, seed=0).kendall
        Interval(low=1.0, high=1.0)
    """
    x, y = paired_ranks(x, y)
    resamples = default_resamples(x.size) if resamples is None else resamples
    if resamples < 0:
        raise InputError(f"the number of resamples must be 0 or more, got {resamples}")
    if seed < 0:
        raise InputError(f"the seed must be 0 or more, got {seed}")
    if not 0 < confidence < 1:
        raise InputError(f"confidence must be between 0 and 1, got {confidence}")
    counts = resample_counts(x.size, resamples=resamples, seed=seed)
    step = max(1, _BLOCK // max(x.size, 1))
    parts = [replicates(x, y, counts[:, i : i + step]) for i in range(0, resamples, step)]
    values = np.concatenate([np.empty((3, 0)), *parts], axis=1)
    defined = values[:, ~np.isnan(values).any(axis=0)]
    spearman, kendall, weighted = (_interval(row, resamples, confidence) for row in defined)
    return Intervals(spearman, kendall, weighted, resamples, resamples - defined.shape[1])


def spearman_interval(
    x: ArrayLike, y: ArrayLike, *, resamples: int, seed: int, confidence: float = 0.95
) -> Interval:
    """The interval of Spearman's rho alone: that of `bootstrap`, without the cost of Kendall's tau.

    Args:
        x: First variable, n values, one per architecture; infinities are allowed, NaN is not.
        y: Second variable, n values paired with `x`.
        resamples: Number of resamples; 0 means no interval.
        seed: Seed of the resamples.
        confidence: Probability mass inside the interval, in (0, 1).

    Returns:
        The interval; NaN if there are no resamples or a variable is constant in most of them.

    Example:
        >>> spearman_interval([1.0, 2.0, 3.0], [1.0, 3.0, 2.0], resamples=50, seed=0).high
        1.0
    """
    x, y = paired_ranks(x, y)
    counts = resample_counts(x.size, resamples=resamples, seed=seed)
    total = counts.sum(axis=0)
    values = np.empty(0)
    step = max(1, _BLOCK // max(x.size, 1))
    for i in range(0, resamples, step):
        part = counts[:, i : i + step]
        ranks = (sum(_cumulative(v, part)) - total[i : i + step] for v in (x, y))
        with np.errstate(invalid="ignore"):
            values = np.append(values, _spearman(part, *ranks))
    return _interval(values[~np.isnan(values)], resamples, confidence)


def _interval(defined: np.ndarray, resamples: int, confidence: float) -> Interval:
    """The percentiles of the values that are defined; NaN if most resamples have none."""
    if 2 * len(defined) < max(resamples, 1):
        return Interval(np.nan, np.nan)
    tail = 50.0 * (1.0 - confidence)
    low, high = np.percentile(defined, [tail, 100.0 - tail])
    return Interval(float(low), float(high))


def _spearman(counts: np.ndarray, x_rank: np.ndarray, y_rank: np.ndarray) -> np.ndarray:
    """Spearman's rho of each resample; ranks are mid-ranks minus their mean, times two."""
    return _sum(counts * x_rank, y_rank) / np.sqrt(
        _sum(counts * x_rank, x_rank) * _sum(counts * y_rank, y_rank)
    )


def _sum(a: np.ndarray, b: np.ndarray) -> Float[np.ndarray, " b"]:
    """The inner product over architectures, for each resample, in float64."""
    return np.einsum("ib,ib->b", a, b, dtype=np.float64)


def _running(counts: Int[np.ndarray, "n b"]) -> np.ndarray:
    """Number of copies in the rows before each row `[n + 1, b]`."""
    running = np.zeros((counts.shape[0] + 1, counts.shape[1]), dtype=np.int32)
    np.cumsum(counts, axis=0, out=running[1:])
    return running


def _cumulative(
    values: Float[np.ndarray, " n"], counts: Int[np.ndarray, "n b"]
) -> tuple[Float[np.ndarray, "n b"], Float[np.ndarray, "n b"]]:
    """Number of copies strictly below each value, and number of copies up to and including it."""
    order = np.argsort(values, kind="stable")
    ascending = values[order]
    running = _running(counts[order]).astype(np.float64)
    return (
        running[np.searchsorted(ascending, values, side="left")],
        running[np.searchsorted(ascending, values, side="right")],
    )


def _hyperbolic(
    first: Float[np.ndarray, " n"],
    second: Float[np.ndarray, " n"],
    counts: Int[np.ndarray, "n b"],
    harmonic: Float[np.ndarray, " slots"],
) -> Float[np.ndarray, "n b"]:
    """Total weight of each element's copies, ranked in descending order by (`first`, `second`)."""
    order = np.lexsort((second, first))[::-1]
    weights = np.empty(counts.shape)
    weights[order] = np.diff(harmonic[_running(counts[order])], axis=0)
    return weights


def _agreement(
    x: Float[np.ndarray, " n"], y: Float[np.ndarray, " n"], counts: Int[np.ndarray, "n b"]
) -> Float[np.ndarray, "n b"]:
    """S = A c: concordant minus discordant copies for each element, by blocks of rows of A."""
    a, b, c = (v.astype(np.float32) for v in (x, y, counts))
    out = np.empty(counts.shape, dtype=np.float32)
    step = max(1, _BLOCK // max(x.size, 1))
    for i in range(0, x.size, step):
        block = np.subtract.outer(a[i : i + step], a)
        # Differences of mid-ranks are 0 or at least 1/2: their product cannot underflow.
        block *= np.subtract.outer(b[i : i + step], b)
        np.sign(block, out=block)
        np.matmul(block, c, out=out[i : i + step])
    return out
