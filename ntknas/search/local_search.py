"""Local search: evaluate all neighbours of the best, move to a better one, else start anew.

References:
    White et al., Exploring the loss landscape in neural architecture search, UAI 2021.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from ntknas.search.loop import Evaluation, in_random_order
from ntknas.spaces import Space

__all__ = ["LocalSearch"]


class LocalSearch:
    """Hill climbing with restarts at random; see `ntknas.search.Search`.

    Args:
        space: The space.
        rng: Generator of the starts and of the order of neighbours.
    """

    def __init__(self, space: Space[Any], rng: np.random.Generator):
        self._space = space
        self._rng = rng
        self._starts = in_random_order(space, rng)
        self._asked: set[Any] = set()
        self._best: Evaluation | None = None
        self._waiting: list[Any] = []

    def ask(self, count: int) -> list[Any]:
        """Neighbours of the best architecture of this climb, or the start of a new climb."""
        if not self._waiting:
            # No neighbour was better: the climb is over.
            self._best = None
            while self._starts and self._starts[-1].id in self._asked:
                self._starts.pop()
            self._waiting = [self._starts.pop()] if self._starts else []
        asked, self._waiting = self._waiting[:count], self._waiting[count:]
        self._asked |= {architecture.id for architecture in asked}
        return asked

    def tell(self, evaluations: Sequence[Evaluation]) -> None:
        """Move to a better architecture as soon as one is found."""
        for evaluation in evaluations:
            if self._best is None or evaluation.value > self._best.value:
                self._best = evaluation
                self._waiting = self._new_neighbours(evaluation.architecture)

    def _new_neighbours(self, architecture: Any) -> list[Any]:
        found = {}
        for neighbour in self._space.neighbours(architecture):
            unique = self._space.representative(neighbour)
            if unique.id not in self._asked:
                found[unique.id] = unique
        listed = list(found.values())
        return [listed[position] for position in self._rng.permutation(len(listed))]
