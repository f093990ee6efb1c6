"""What a search that trusts a score would find: the top k by score, judged by the truth.

Both arguments are oriented: higher is better. Ties at the edge of the top k are cut by position,
the earlier element first; sort by architecture id to make the cut independent of the input's order.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from ntknas.errors import InputError

__all__ = ["BestOfTop", "best_of_top", "top_k_overlap"]


class BestOfTop(NamedTuple):
    """The best true value among the top k by score.

    Attributes:
        best: That value, in the unit of the truth.
        regret: The best value of the whole space minus `best`; 0 is perfect.
    """

    best: float
    regret: float


def top_k_overlap(scores_oriented: ArrayLike, truth_values: ArrayLike, k: int) -> float:
    """Share of the top k by score that is also in the top k by truth.

    Args:
        scores_oriented: n scores, higher is better.
        truth_values: n true values, higher is better.
        k: Size of both tops, 1..n.

    Returns:
        A share in [0, 1]; k / n is chance.

    Raises:
        InputError: k is out of range, the lengths differ, or a value is NaN.

    Example:
        >>> top_k_overlap([4, 3, 2, 1], [0.9, 0.1, 0.8, 0.7], 2)
        0.5
    """
    scores, truth = _pair(scores_oriented, truth_values, k)
    return float(np.isin(_top(scores, k), _top(truth, k)).mean())


def best_of_top(scores_oriented: ArrayLike, truth_values: ArrayLike, k: int) -> BestOfTop:
    """The best true value among the top k by score, and the regret of stopping there.

    Args:
        scores_oriented: n scores, higher is better.
        truth_values: n true values, higher is better.
        k: How many of the best scores are tried, 1..n.

    Returns:
        The value found and its regret.

    Raises:
        InputError: k is out of range, the lengths differ, or a value is NaN.

    Example:
        >>> best_of_top([4, 3, 2, 1], [0.5, 0.25, 0.75, 0.0], 2)
        BestOfTop(best=0.5, regret=0.25)
    """
    scores, truth = _pair(scores_oriented, truth_values, k)
    best = truth[_top(scores, k)].max()
    return BestOfTop(float(best), float(truth.max() - best))


def _top(values: np.ndarray, k: int) -> np.ndarray:
    return np.argsort(-values, kind="stable")[:k]


def _pair(scores: ArrayLike, truth: ArrayLike, k: int) -> tuple[np.ndarray, np.ndarray]:
    pair = np.asarray(scores, dtype=np.float64), np.asarray(truth, dtype=np.float64)
    if pair[0].ndim != 1 or pair[0].shape != pair[1].shape:
        raise InputError(
            "expected scores and truth as two vectors of one length, "
            f"got shapes {pair[0].shape} and {pair[1].shape}"
        )
    if np.isnan(pair).any():
        raise InputError("expected a score and a true value of every architecture, got NaN")
    if not 1 <= k <= pair[0].size:
        raise InputError(f"expected k between 1 and {pair[0].size}, got {k}")
    return pair
