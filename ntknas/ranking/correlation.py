"""Rank correlations of two variables: Spearman's rho, Kendall's tau-b and Vigna's weighted tau.

All three handle ties, such as constant networks that are tied in last place. The weighted tau has
additive hyperbolic weights and is averaged over the rankings by either variable: agreement at the
top of the ranking counts most.

References:
    Kendall (1945), "The treatment of ties in ranking problems".
    Vigna (2015), "A weighted correlation index for rankings with ties".
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike
from scipy import stats

from ntknas.errors import InputError

__all__ = ["Correlations", "correlations", "mid_ranks", "paired_ranks", "rank_correlation"]


class Correlations(NamedTuple):
    """Three rank correlations in [-1, 1]; NaN means undefined.

    Attributes:
        spearman: Spearman's rho, which is Pearson's correlation of the mid-ranks.
        kendall: Kendall's tau-b.
        weighted_kendall: Vigna's weighted tau with additive hyperbolic weights.
    """

    spearman: float
    kendall: float
    weighted_kendall: float


def paired_ranks(
    x: ArrayLike, y: ArrayLike
) -> tuple[Float[np.ndarray, " n"], Float[np.ndarray, " n"]]:
    """The mid-ranks of two paired variables, on which every rank correlation depends alone.

    Ranks are finite even where values are infinite, so that no difference of infinities is taken.

    Args:
        x: First variable, n values; infinities are allowed, NaN is not.
        y: Second variable, n values paired with `x`.

    Returns:
        Two float64 arrays of mid-ranks 1..n, ascending with the values.

    Raises:
        InputError: If the variables are not two vectors of equal length, or a value is NaN.
    """
    pair = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
    if pair[0].ndim != 1 or pair[0].shape != pair[1].shape:
        raise InputError(
            "a rank correlation needs two vectors of equal length, "
            f"got shapes {pair[0].shape} and {pair[1].shape}"
        )
    missing = int(np.sum(np.isnan(pair[0]) | np.isnan(pair[1])))
    if missing:
        raise InputError(f"a rank correlation needs values, got NaN in {missing} pairs: drop them")
    return stats.rankdata(pair[0]), stats.rankdata(pair[1])


def correlations(x: ArrayLike, y: ArrayLike) -> Correlations:
    """Spearman's rho, Kendall's tau-b and the weighted tau of two paired variables.

    They equal `scipy.stats.spearmanr`, `kendalltau` and `weightedtau`, the last with its default
    additive hyperbolic weights and `rank=True`.

    Args:
        x: First variable, n values, higher is better; infinities are allowed, NaN is not.
        y: Second variable, n values paired with `x`.

    Returns:
        The correlations. With fewer than two pairs, or if a variable is constant, they are
        undefined: all three are NaN, and no warning is given.

    Raises:
        InputError: If the variables are not two vectors of equal length, or a value is NaN.

    Example:
        >>> correlations([1, 2, 3, 4], [1, 2, 4, 3]).spearman.round(3)
        np.float64(0.8)
    """
    x, y = paired_ranks(x, y)
    if x.size < 2 or np.ptp(x) == 0 or np.ptp(y) == 0:
        return Correlations(np.nan, np.nan, np.nan)
    return Correlations(
        stats.spearmanr(x, y).statistic,
        stats.kendalltau(x, y).statistic,
        stats.weightedtau(x, y).statistic,
    )


def mid_ranks(values: ArrayLike) -> Float[np.ndarray, "*s n"]:
    """The mid-ranks 1..n along the last axis, ascending with the values.

    Args:
        values: Values `[..., n]`; infinities are allowed, NaN is not.

    Example:
        >>> mid_ranks([3.0, 1.0, 3.0])
        array([2.5, 1. , 2.5])
    """
    return stats.rankdata(values, axis=-1)


def rank_correlation(
    ranks: Float[np.ndarray, "k n"], target: Float[np.ndarray, " n"]
) -> Float[np.ndarray, " k"]:
    """Spearman's rho between each of k variables and one target, from their mid-ranks.

    Args:
        ranks: Mid-ranks of k variables `[k, n]`.
        target: Mid-ranks of the variable that they are compared with `[n]`.

    Returns:
        One correlation per row of `ranks`; 0 where a variable is constant.

    Example:
        >>> ranks = np.array([[1.0, 2.0, 3.0], [2.0, 2.0, 2.0]])
        >>> rank_correlation(ranks, np.array([1.0, 2.0, 3.0]))
        array([1., 0.])
    """
    centred = ranks - ranks.mean(axis=1, keepdims=True)
    other = target - target.mean()
    norms = np.linalg.norm(centred, axis=1) * np.linalg.norm(other)
    return np.divide(centred @ other, norms, out=np.zeros(len(ranks)), where=norms > 0)
