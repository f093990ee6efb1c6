"""NSGA-II: evolution towards the Pareto front of several objectives.

Parents are chosen by binary tournaments: the lower front wins, then the larger crowding distance. A
child takes each choice from one of two parents with equal chance (uniform crossover), and one
choice is mutated. When a generation has been told, the best members of parents and children
together are kept, whole fronts first, then those of the largest crowding distance.

The paper's algorithm is for real or binary numbers; crossover and mutation here are those of
choices. A child that computes the same as an architecture that was asked for is drawn again.

References:
    Deb et al., NSGA-II, IEEE Transactions on Evolutionary Computation, 2002.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ntknas.errors import InputError
from ntknas.search.loop import Evaluation
from ntknas.search.pool import Unasked, pool_of
from ntknas.spaces import Space

__all__ = ["NSGA2", "crowding_distances", "fronts", "pareto_front"]

_TRIES = 20
_CROSSOVER = 0.9  # the paper's probability


def fronts(values: NDArray[np.floating]) -> NDArray[np.intp]:
    """The front of each point: 0 if no point dominates it, 1 if only points of front 0 do, ...

    A point dominates another if it is nowhere lower and somewhere higher.

    Args:
        values: Objectives `[points, objectives]`; higher is better.

    Returns:
        One number per point.

    Example:
        >>> fronts(np.array([[1.0, 1.0], [2.0, 0.0], [0.0, 0.0], [1.0, 1.0]]))
        array([0, 0, 1, 0])
    """
    not_lower = (values[:, None] >= values[None]).all(-1)
    dominates = not_lower & (values[:, None] > values[None]).any(-1)
    front = np.full(len(values), -1)
    level = 0
    while (front < 0).any():
        rest = front < 0
        first = rest & ~(dominates & rest[:, None]).any(0)
        front[first] = level
        level += 1
    return front


def crowding_distances(values: NDArray[np.floating]) -> NDArray[np.floating]:
    """The crowding distance of each point of one front.

    It is the sum over objectives of the distance between the two neighbours in the order of that
    objective, divided by the range; the ends have an infinite distance. An objective whose values
    are all equal adds nothing.

    Args:
        values: Objectives `[points, objectives]`.

    Example:
        >>> crowding_distances(np.array([[0.0, 4.0], [1.0, 2.0], [4.0, 0.0]]))
        array([inf,  2., inf])
    """
    distances = np.zeros(len(values))
    for column in values.T:
        order = np.argsort(column, kind="stable")
        spread = column[order[-1]] - column[order[0]]
        distances[order[[0, -1]]] = np.inf
        if spread > 0 and np.isfinite(spread):
            distances[order[1:-1]] += (column[order[2:]] - column[order[:-2]]) / spread
    return distances


def pareto_front(history: Sequence[Evaluation]) -> list[Evaluation]:
    """The queries that no other query dominates, by falling value of the first objective.

    Args:
        history: Queries of a search, with one or several objectives.

    Example:
        >>> from ntknas.spaces import Family
        >>> a, b, c = Family("numbers", dict, {"x": range(3)}).parse("all")
        >>> history = [Evaluation(a, 1.0, (1.0, 0.0)), Evaluation(b, 0.0, (0.0, 0.0))]
        >>> [query.architecture.id for query in pareto_front([*history, Evaluation(c, 0, (0, 2))])]
        ['x0', 'x2']
    """
    if not history:
        return []
    chosen = np.flatnonzero(fronts(_objectives(history)) == 0).tolist()
    return sorted((history[i] for i in chosen), key=lambda query: -query.value)


class NSGA2:
    """NSGA-II; see `ntknas.search.Search`.

    Args:
        space: The space.
        rng: Generator of all draws.
        population: Number of members of the population.

    Raises:
        InputError: If `population` is below 2.
    """

    several = True

    def __init__(self, space: Space[Any], rng: np.random.Generator, *, population: int = 20):
        if population < 2:
            raise InputError(f"expected a population of at least 2, got {population}")
        self._pool = pool_of(space)
        self._rng = rng
        self._unasked = Unasked(len(self._pool), rng)
        self._size = population
        self._parents: list[Evaluation] = []
        self._children: list[Evaluation] = []
        self._order: list[tuple[int, float]] = []  # front and negative crowding of each parent

    def ask(self, count: int) -> list[Any]:
        """Random architectures for the first generation, then children."""
        asked: list[Any] = []
        while len(asked) < count:
            position = self._child() if self._parents else self._unasked.draw()
            if position is None:
                break
            self._unasked.discard(position)
            asked.append(self._pool.members[position])
        return asked

    def tell(self, evaluations: Sequence[Evaluation]) -> None:
        """Add children; a full generation is joined with its parents."""
        for evaluation in evaluations:
            self._unasked.discard(self._pool.position(evaluation.architecture))
            self._children.append(evaluation)
            if len(self._children) == self._size:
                self._select()

    def _select(self) -> None:
        """Keep the best of parents and children."""
        everyone = self._parents + self._children
        values = _objectives(everyone)
        front = fronts(values)
        crowding = np.zeros(len(everyone))
        for level in range(front.max() + 1):
            crowding[front == level] = crowding_distances(values[front == level])
        kept = np.lexsort((-crowding, front))[: self._size]
        self._parents = [everyone[i] for i in kept]
        self._order = [(int(front[i]), -float(crowding[i])) for i in kept]
        self._children = []

    def _child(self) -> int | None:
        for _ in range(_TRIES):
            one, other = (self._pool.digits[self._winner()] for _ in range(2))
            child = one.copy()
            if self._rng.random() < _CROSSOVER:
                from_other = self._rng.random(len(child)) < 0.5
                child[from_other] = other[from_other]
            position = self._pool.by_digits.get(tuple(child.tolist()))
            if position is None:
                continue
            steps = self._pool.steps(position)
            if steps:
                position = steps[int(self._rng.integers(len(steps)))]
            if position in self._unasked:
                return position
        return self._unasked.draw()

    def _winner(self) -> int:
        """The class that wins a binary tournament."""
        one, other = self._rng.integers(len(self._parents), size=2).tolist()
        winner = one if self._order[one] <= self._order[other] else other
        return self._pool.position(self._parents[winner].architecture)


def _objectives(evaluations: Sequence[Evaluation]) -> NDArray[np.floating]:
    """The objectives `[queries, objectives]`."""
    return np.array([query.values or (query.value,) for query in evaluations], float)
