"""`Pool`: the classes of a space as whole numbers, which searches work on.

A class is a set of architectures that compute the same function; its representative stands for it.
Neighbours and representatives are looked up once per class and kept, so that a search in a table
costs microseconds per query.
"""

from collections import OrderedDict
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ntknas.errors import InputError
from ntknas.spaces import NASBENCH201, Space

__all__ = ["Pool", "Unasked", "pool_of"]

_KEPT = 4
_pools: "OrderedDict[int, Pool]" = OrderedDict()


class Pool:
    """The classes of a space, numbered from 0 in the order of the space.

    Args:
        space: The space.

    Attributes:
        space: The space.
        members: Representative of each class.

    Example:
        >>> pool = Pool(NASBENCH201)
        >>> len(pool), len(pool.steps(0)), len(pool.neighbours(0))
        (6466, 24, 22)
    """

    def __init__(self, space: Space[Any]):
        self.space = space
        unique = [space.representative(architecture) for architecture in space.parse("all")]
        found = {architecture.id: architecture for architecture in unique}
        self.members: list[Any] = list(found.values())
        self._position = {label: position for position, label in enumerate(found)}
        self._steps: dict[int, tuple[int, ...]] = {}
        self._neighbours: dict[int, tuple[int, ...]] = {}

    def __len__(self) -> int:
        return len(self.members)

    def position(self, architecture: Any) -> int:
        """The number of the class of an architecture.

        Args:
            architecture: Architecture of the space.

        Raises:
            InputError: If the space has no such architecture.
        """
        position = self._position.get(architecture.id)
        if position is None:
            position = self._position.get(self.space.representative(architecture).id)
        if position is None:
            raise InputError(
                f"expected an architecture of {self.space.name}, got {architecture.id!r}"
            )
        return position

    def steps(self, position: int) -> tuple[int, ...]:
        """The classes one step away from a representative: one entry per neighbouring architecture.

        A class occurs as often as it has neighbouring architectures, and the class itself may
        occur.

        Args:
            position: Number of a class.
        """
        if position not in self._steps:
            around = self.space.neighbours(self.members[position])
            self._steps[position] = tuple(self.position(neighbour) for neighbour in around)
        return self._steps[position]

    def neighbours(self, position: int) -> tuple[int, ...]:
        """The other classes one step away from a representative, each once.

        Args:
            position: Number of a class.
        """
        if position not in self._neighbours:
            others = [other for other in self.steps(position) if other != position]
            self._neighbours[position] = tuple(dict.fromkeys(others))
        return self._neighbours[position]

    @cached_property
    def digits(self) -> NDArray[np.intp]:
        """The choices of each representative as numbers, `[classes, choices]`.

        They are the op codes of a cell of NAS-Bench-201 and the positions of the chosen values of a
        member of a `Family`. An architecture of another space is one choice, its own label.
        """
        return np.array([self._digits_of(member) for member in self.members])

    @cached_property
    def sizes(self) -> tuple[int, ...]:
        """The number of values of each choice."""
        return tuple(len(values) for values in self._values)

    @cached_property
    def by_digits(self) -> dict[tuple[int, ...], int]:
        """The class of each combination of choices that the space has."""
        every = "every" if self.space.name == NASBENCH201.name else "all"
        return {self._digits_of(a): self.position(a) for a in self.space.parse(every)}

    @cached_property
    def _values(self) -> list[dict[Any, int]]:
        """The values of each choice, numbered in the order in which the space lists them."""
        if self.space.name == NASBENCH201.name:
            return [{op: op for op in range(5)} for _ in range(6)]
        rows = [_choices(architecture) for architecture in self.space.parse("all")]
        columns = zip(*rows, strict=True)
        return [
            {value: number for number, value in enumerate(dict.fromkeys(column))}
            for column in columns
        ]

    def _digits_of(self, architecture: Any) -> tuple[int, ...]:
        chosen = _choices(architecture)
        return tuple(known[value] for known, value in zip(self._values, chosen, strict=True))


class Unasked:
    """The classes that were not asked for yet, in random order.

    Args:
        count: Number of classes.
        rng: Generator of the order.

    Example:
        >>> rest = Unasked(3, np.random.default_rng(0))
        >>> rest.discard(1)
        >>> sorted([rest.draw(), rest.draw()]), rest.draw()
        ([0, 2], None)
    """

    def __init__(self, count: int, rng: np.random.Generator):
        self._order: list[int] = rng.permutation(count).tolist()
        self._gone = bytearray(count)

    def __contains__(self, position: int) -> bool:
        return not self._gone[position]

    def discard(self, position: int) -> None:
        """Note that a class was asked for."""
        self._gone[position] = 1

    def draw(self) -> int | None:
        """The next class of the order, which counts as asked for; None if none is left."""
        while self._order:
            position = self._order.pop()
            if not self._gone[position]:
                self._gone[position] = 1
                return position
        return None


def pool_of(space: Space[Any]) -> Pool:
    """The pool of a space; those of the last few spaces are kept.

    Args:
        space: The space.
    """
    key = id(space)
    if key not in _pools or _pools[key].space is not space:
        _pools[key] = Pool(space)
        while len(_pools) > _KEPT:
            _pools.popitem(last=False)
    return _pools[key]


def _choices(architecture: Any) -> tuple[Any, ...]:
    """The choices that make an architecture."""
    if hasattr(architecture, "ops"):
        return tuple(architecture.ops)
    if hasattr(architecture, "choices"):
        return tuple(architecture.choices.values())
    return (architecture.id,)
