"""What a search algorithm is: a Protocol (ask, tell), the registry, and the loop around them.

A search proposes architectures of a space and is told their values. Values are what is maximised;
a score whose direction is -1 is turned round before it is told.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np

from ntknas.errors import InputError
from ntknas.registry import Registry
from ntknas.spaces import Candidate, Space

__all__ = ["SEARCHES", "Evaluation", "Objective", "Search", "in_random_order", "search"]

Objective = Callable[[Sequence[Any]], Sequence[float]]
"""From architectures to one value per architecture; higher is better."""


class Evaluation(NamedTuple):
    """One query of a search.

    Attributes:
        architecture: The architecture.
        value: Its value; higher is better.
    """

    architecture: Candidate
    value: float


class Search(Protocol):
    """A search algorithm: one file, and an entry of `SEARCHES`.

    It is made from a space and a generator of random numbers, and never asks twice for
    architectures that compute the same.
    """

    def ask(self, count: int) -> list[Any]:
        """The next architectures to evaluate.

        Args:
            count: The most that are wanted.

        Returns:
            At most `count` architectures; none if the search has come to its end.
        """
        ...

    def tell(self, evaluations: Sequence[Evaluation]) -> None:
        """Take note of values.

        Args:
            evaluations: What was asked for, with its values.
        """
        ...


SEARCHES: Registry[Callable[[Space[Any], np.random.Generator], Search]] = Registry(
    "search",
    {
        "random": "ntknas.search.random_search:RandomSearch",
        "local": "ntknas.search.local_search:LocalSearch",
    },
)
"""Search algorithms by name."""


def in_random_order(space: Space[Any], rng: np.random.Generator) -> list[Any]:
    """Every architecture of a space in random order, once if several compute the same.

    Args:
        space: Search space.
        rng: Generator of the order.
    """
    representatives = [space.representative(architecture) for architecture in space.parse("all")]
    every = list({architecture.id: architecture for architecture in representatives}.values())
    return [every[position] for position in rng.permutation(len(every))]


def search(
    algorithm: str,
    space: Space[Any],
    objective: Objective,
    *,
    queries: int,
    seed: int = 0,
    batch: int = 1,
) -> list[Evaluation]:
    """Search a space for architectures of high value.

    Args:
        algorithm: Name of a member of `SEARCHES`.
        space: The space.
        objective: From architectures to values; higher is better.
        queries: The most architectures to evaluate.
        seed: Seed of the search.
        batch: The most architectures to ask for at a time.

    Returns:
        Every query in order; fewer than `queries` if the search came to its end before.

    Raises:
        InputError: For an unknown algorithm, or fewer than one query.

    Example:
        >>> from ntknas.spaces import Family
        >>> space = Family("numbers", dict, {"x": range(10)})
        >>> value = lambda members: [-abs(m.choices["x"] - 7) for m in members]
        >>> history = search("local", space, value, queries=10)
        >>> max(history, key=lambda query: query.value).architecture.id
        'x7'
    """
    for name, number in (("queries", queries), ("batch", batch)):
        if number < 1:
            raise InputError(f"expected {name} of at least 1, got {number}")
    searcher = SEARCHES[algorithm](space, np.random.default_rng(seed))
    history: list[Evaluation] = []
    while len(history) < queries:
        asked = searcher.ask(min(batch, queries - len(history)))
        if not asked:
            break
        values = [float(value) for value in objective(asked)]
        new = [Evaluation(a, value) for a, value in zip(asked, values, strict=True)]
        searcher.tell(new)
        history += new
    return history
