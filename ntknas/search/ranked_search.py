"""The top of a ranking: architectures in an order that is given, best first.

With a ranking that needs no training, the first architecture costs no query of an accuracy, and the
best of the first k costs k.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from ntknas.search.loop import Evaluation
from ntknas.search.pool import Unasked, pool_of
from ntknas.spaces import Space

__all__ = ["RankedSearch"]


class RankedSearch:
    """Architectures in a given order; see `ntknas.search.Search`.

    Args:
        space: The space.
        rng: Generator of the order of the architectures that the ranking lacks; they come last.
        ranking: Architectures, best first.
    """

    def __init__(self, space: Space[Any], rng: np.random.Generator, *, ranking: Sequence[Any]):
        self._pool = pool_of(space)
        self._unasked = Unasked(len(self._pool), rng)
        self._ranking = [self._pool.position(architecture) for architecture in ranking][::-1]

    def ask(self, count: int) -> list[Any]:
        """The next architectures of the ranking."""
        asked: list[Any] = []
        while len(asked) < count:
            if self._ranking:
                position = self._ranking.pop()
                if position not in self._unasked:
                    continue
                self._unasked.discard(position)
            else:
                drawn = self._unasked.draw()
                if drawn is None:
                    break
                position = drawn
            asked.append(self._pool.members[position])
        return asked

    def tell(self, evaluations: Sequence[Evaluation]) -> None:
        """Note what was evaluated; nothing else is learnt."""
        for evaluation in evaluations:
            self._unasked.discard(self._pool.position(evaluation.architecture))
