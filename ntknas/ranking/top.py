"""The top k architectures by score, judged by their true accuracies.

Both arguments are oriented so that higher is better. Among ties at the edge of the top k, the
earlier elements are taken. Sort by architecture to make the result independent of the order of the
input.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from ntknas.errors import InputError

__all__ = ["BestOfTop", "best_of_top", "top_k_overlap"]


class BestOfTop(NamedTuple):
    """The best true value among the top k by score.

    Attributes:
        best: Best true value among the top k, in the unit of the truth.
        regret: Best true value of all architectures minus `best`; 0 is perfect.
    """

    best: float
    regret: float


def top_k_overlap(scores_oriented: ArrayLike, truth_values: ArrayLike, k: int) -> float:
    """Share of the top k by score that is also in the top k by truth.

    Args:
        scores_oriented: Scores of n architectures, higher is better.
        truth_values: True values of the n architectures, higher is better.
        k: Number of architectures in both tops, 1..n.

    Returns:
        A share in [0, 1]; a random score has k / n on average.

    Raises:
        InputError: If k is out of range, the lengths differ, or a value is NaN.

    Example:
        >>> top_k_overlap([4, 3, 2, 1], [0.9, 0.1, 0.8, 0.7], 2)
        0.5
    """
    scores, truth = _pair(scores_oriented, truth_values, k)
    return float(np.isin(_top(scores, k), _top(truth, k)).mean())


def best_of_top(scores_oriented: ArrayLike, truth_values: ArrayLike, k: int) -> BestOfTop:
    """The best true value among the top k by score, and its regret.

    Args:
        scores_oriented: Scores of n architectures, higher is better.
        truth_values: True values of the n architectures, higher is better.
        k: Number of architectures with the best scores to try, 1..n.

    Returns:
        The best true value and its regret.

    Raises:
        InputError: If k is out of range, the lengths differ, or a value is NaN.

    Example:
        >>> best_of_top([4, 3, 2, 1], [0.5, 0.25, 0.75, 0.0], 2)
        BestOfTop(best=0.5, regret=0.25)
    """
    scores, truth = _pair(scores_oriented, truth_values, k)
    best = truth[_top(scores, k)].max()
    return BestOfTop(float(best), float(truth.max() - best))


def _top(values: np.ndarray, k: int) -> np.ndarray:
    """Positions of the k largest values; of ties, the earlier ones."""
    return np.argsort(-values, kind="stable")[:k]


def _pair(scores: ArrayLike, truth: ArrayLike, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Scores and true values as checked float64 vectors."""
    pair = np.asarray(scores, dtype=np.float64), np.asarray(truth, dtype=np.float64)
    if pair[0].ndim != 1 or pair[0].shape != pair[1].shape:
        raise InputError(
            "expected scores and truth as two vectors of equal length, "
            f"got shapes {pair[0].shape} and {pair[1].shape}"
        )
    if np.isnan(pair).any():
        raise InputError("expected a score and a true value for every architecture, got NaN")
    if not 1 <= k <= pair[0].size:
        raise InputError(f"expected k between 1 and {pair[0].size}, got {k}")
    return pair
