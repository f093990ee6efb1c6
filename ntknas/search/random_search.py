"""Random search: architectures in random order, each class once."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from ntknas.search.loop import Evaluation
from ntknas.search.pool import Unasked, pool_of
from ntknas.spaces import Space

__all__ = ["RandomSearch"]


class RandomSearch:
    """Architectures in random order; see `ntknas.search.Search`.

    Args:
        space: The space.
        rng: Generator of the order.
        repeats: Whether architectures are drawn with replacement.
    """

    def __init__(self, space: Space[Any], rng: np.random.Generator, *, repeats: bool = False):
        self._pool = pool_of(space)
        self._rng = rng
        self._unasked = Unasked(len(self._pool), rng)
        self._repeats = repeats

    def ask(self, count: int) -> list[Any]:
        """The next architectures of the order."""
        if self._repeats:
            drawn: list[Any] = self._rng.integers(len(self._pool), size=count).tolist()
        else:
            drawn = [self._unasked.draw() for _ in range(count)]
        return [self._pool.members[position] for position in drawn if position is not None]

    def tell(self, evaluations: Sequence[Evaluation]) -> None:
        """Note what was evaluated; nothing else is learnt."""
        for evaluation in evaluations:
            self._unasked.discard(self._pool.position(evaluation.architecture))
