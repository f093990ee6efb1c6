"""Regularised evolution: the best of a sample has a child, the oldest dies.

The population starts with random architectures. Then each step draws a sample from the population
with replacement, copies the best of it, changes one choice at random, and adds the child. The
oldest member is removed, however good it is (Algorithm 1 of the paper).

The defaults, a population of 10 and a sample of 3, are those of the released searches of
NAS-Bench-201. The paper itself has 100 and 25, for 20,000 queries. One thing differs unless
`repeats` is set: a child that computes the same as an architecture that was asked for is not
evaluated again; another child is drawn. The cell that mutates is the representative of its class.

References:
    Real et al., Regularized evolution for image classifier architecture search, AAAI 2019.
    Dong & Yang, NAS-Bench-201, ICLR 2020.
"""

from collections import deque
from collections.abc import Sequence
from typing import Any

import numpy as np

from ntknas.errors import InputError
from ntknas.search.loop import Evaluation
from ntknas.search.pool import Unasked, pool_of
from ntknas.spaces import Space

__all__ = ["Evolution"]

_TRIES = 50  # children that are drawn before a random architecture takes their place


class Evolution:
    """Regularised evolution; see `ntknas.search.Search`.

    Args:
        space: The space.
        rng: Generator of all draws.
        population: Number of members of the population.
        sample: Number of members that compete to be the parent.
        repeats: Whether a child may be asked for again, as in the paper.

    Raises:
        InputError: If `population` or `sample` is below 1.
    """

    def __init__(
        self,
        space: Space[Any],
        rng: np.random.Generator,
        *,
        population: int = 10,
        sample: int = 3,
        repeats: bool = False,
    ):
        for name, number in (("population", population), ("sample", sample)):
            if number < 1:
                raise InputError(f"expected a {name} of at least 1, got {number}")
        self._pool = pool_of(space)
        self._rng = rng
        self._unasked = Unasked(len(self._pool), rng)
        self._population: deque[tuple[float, int]] = deque(maxlen=population)
        self._waiting_for = 0  # asked for and not told yet
        self._sample = sample
        self._repeats = repeats

    def ask(self, count: int) -> list[Any]:
        """Random architectures until the population is full, then children."""
        asked: list[Any] = []
        while len(asked) < count:
            position = self._next()
            if position is None:
                break
            self._unasked.discard(position)
            self._waiting_for += 1
            asked.append(self._pool.members[position])
        return asked

    def tell(self, evaluations: Sequence[Evaluation]) -> None:
        """Add members; the oldest ones leave."""
        for evaluation in evaluations:
            position = self._pool.position(evaluation.architecture)
            self._unasked.discard(position)
            self._population.append((evaluation.value, position))
            self._waiting_for = max(0, self._waiting_for - 1)

    def _next(self) -> int | None:
        members = self._population
        if not members or len(members) + self._waiting_for < (members.maxlen or 0):
            return self._random()
        for _ in range(_TRIES):
            drawn = self._rng.integers(len(members), size=self._sample).tolist()
            # Of equal members the one that was drawn first.
            _, parent = max((members[at] for at in drawn), key=lambda member: member[0])
            steps = self._pool.steps(parent)
            if not steps:
                break
            child = steps[int(self._rng.integers(len(steps)))]
            if self._repeats or child in self._unasked:
                return child
        return self._random()

    def _random(self) -> int | None:
        """A random architecture; with repeats, one that may have been asked for."""
        if self._repeats:
            return int(self._rng.integers(len(self._pool)))
        return self._unasked.draw()
