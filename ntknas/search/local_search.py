"""Local search: evaluate all neighbours of the best, move to a better one, else start anew.

References:
    White et al., Exploring the loss landscape in neural architecture search, UAI 2021.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from ntknas.search.loop import Evaluation
from ntknas.search.pool import Unasked, pool_of
from ntknas.spaces import Space

__all__ = ["LocalSearch"]


class LocalSearch:
    """Hill climbing with restarts at random; see `ntknas.search.Search`.

    As soon as a neighbour is better, the climb goes on from there. The first climb starts at the
    best architecture that the search was told before it was asked, if there is one.

    Args:
        space: The space.
        rng: Generator of the starts and of the order of neighbours.
    """

    def __init__(self, space: Space[Any], rng: np.random.Generator):
        self._pool = pool_of(space)
        self._rng = rng
        self._unasked = Unasked(len(self._pool), rng)
        self._best: Evaluation | None = None
        self._waiting: list[int] = []

    def ask(self, count: int) -> list[Any]:
        """Neighbours of the best architecture of this climb, or the start of a new climb."""
        if not self._waiting:
            # No neighbour was better: the climb is over.
            self._best = None
            start = self._unasked.draw()
            self._waiting = [] if start is None else [start]
        asked, self._waiting = self._waiting[:count], self._waiting[count:]
        for position in asked:
            self._unasked.discard(position)
        return [self._pool.members[position] for position in asked]

    def tell(self, evaluations: Sequence[Evaluation]) -> None:
        """Move to a better architecture as soon as one is found."""
        better = None
        for evaluation in evaluations:
            position = self._pool.position(evaluation.architecture)
            self._unasked.discard(position)
            if self._best is None or evaluation.value > self._best.value:
                self._best, better = evaluation, position
        if better is not None:
            rest = [other for other in self._pool.neighbours(better) if other in self._unasked]
            self._waiting = [rest[at] for at in self._rng.permutation(len(rest))]
