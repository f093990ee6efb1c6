"""Evolution on a score that needs no training; accuracies are asked for the best by score alone.

Regularised evolution maximises the score, which costs no query. Then the architectures that it saw
are asked for in the order of their scores. When all of them were asked for, evolution goes on.

References:
    Real et al., Regularized evolution for image classifier architecture search, AAAI 2019.
"""

import heapq
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ntknas.errors import InputError
from ntknas.search.evolution import Evolution
from ntknas.search.loop import Evaluation
from ntknas.search.pool import Unasked, pool_of
from ntknas.spaces import Space

__all__ = ["Guided"]


class Guided:
    """Evolution on a score; see `ntknas.search.Search`.

    Args:
        space: The space.
        rng: Generator of all draws.
        score: Function from architectures to scores, one per architecture; higher is better.
        evaluations: Number of architectures that are scored before the first is asked for.
        population: Number of members of the population.
        sample: Number of members that compete to be the parent.

    Raises:
        InputError: If a number is below 1.
    """

    def __init__(
        self,
        space: Space[Any],
        rng: np.random.Generator,
        *,
        score: Callable[[Sequence[Any]], Sequence[float]],
        evaluations: int = 500,
        population: int = 10,
        sample: int = 3,
    ):
        if evaluations < 1:
            raise InputError(f"expected evaluations of at least 1, got {evaluations}")
        self._pool = pool_of(space)
        self._evolution = Evolution(space, rng, population=population, sample=sample)
        self._unasked = Unasked(len(self._pool), rng)
        self._score = score
        self._evaluations = evaluations
        self._heap: list[tuple[float, int]] = []  # minus the score, and the class

    def ask(self, count: int) -> list[Any]:
        """The best by score of those that evolution saw and that were not asked for."""
        asked: list[Any] = []
        while len(asked) < count:
            if not self._heap and not self._evolve(self._evaluations):
                break
            _, position = heapq.heappop(self._heap)
            if position in self._unasked:
                self._unasked.discard(position)
                asked.append(self._pool.members[position])
        return asked

    def tell(self, evaluations: Sequence[Evaluation]) -> None:
        """Note what was evaluated; the order follows the score alone."""
        for evaluation in evaluations:
            self._unasked.discard(self._pool.position(evaluation.architecture))

    def _evolve(self, count: int) -> int:
        """Score more architectures; the number of new ones."""
        new = 0
        while new < count:
            asked = self._evolution.ask(1)
            if not asked:
                break
            value = float(self._score(asked)[0])
            self._evolution.tell([Evaluation(asked[0], value)])
            heapq.heappush(self._heap, (-value, self._pool.position(asked[0])))
            new += 1
        return new
