"""Random search: architectures in random order, each class once."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from ntknas.search.loop import Evaluation, in_random_order
from ntknas.spaces import Space

__all__ = ["RandomSearch"]


class RandomSearch:
    """Architectures in random order; see `ntknas.search.Search`.

    Args:
        space: The space.
        rng: Generator of the order.
    """

    def __init__(self, space: Space[Any], rng: np.random.Generator):
        self._waiting = in_random_order(space, rng)

    def ask(self, count: int) -> list[Any]:
        """The next architectures of the order."""
        asked, self._waiting = self._waiting[:count], self._waiting[count:]
        return asked

    def tell(self, evaluations: Sequence[Evaluation]) -> None:
        """Nothing is learnt."""
