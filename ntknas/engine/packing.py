"""Which architectures share a bundle: first fit under fixed capacities of every edge."""

import math
from collections.abc import Sequence
from functools import cache

import numpy as np

from ntknas.errors import InputError
from ntknas.network import Capacities
from ntknas.spaces.nasbench201 import OPERATIONS, Ops, architectures, live_operations

__all__ = ["bundle_capacities", "pack", "power_of_two"]

_GATHERED = tuple(map(OPERATIONS.index, ("nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3")))
_SLACK = 1.05


@cache
def _frequencies() -> np.ndarray:
    """Shares [edge, operation] of the gathered operations among the live edges of the space."""
    codes = np.array([live_operations(cell) for cell in architectures("all")])
    return np.stack([(codes == op).mean(0) for op in _GATHERED], axis=1)


def bundle_capacities(size: int) -> Capacities:
    """Capacities of the edges that bundles of the whole space fill nearly to the last place.

    They are 1.05 times the mean count of each operation, rounded up to a multiple of an eighth of
    the size. Convolutions then have two distinct sizes, so that few have to be compiled.

    Args:
        size: Number of architectures of a bundle.

    Raises:
        InputError: For a size below 1.

    Example:
        >>> bundle_capacities(1)
        ((1, 1, 1), (1, 1, 1), (1, 1, 1), (1, 1, 1), (1, 1, 1), (1, 1, 1))
        >>> bundle_capacities(32)[0]
        (12, 12, 12)
    """
    if size < 1:
        raise InputError(f"expected bundles of at least 1 architecture, got {size}")
    multiple = max(1, size // 8)
    wanted = np.ceil(_SLACK * size * _frequencies() / multiple) * multiple
    return tuple((int(a), int(b), int(p)) for a, b, p in np.minimum(wanted, size))


def pack(cells: Sequence[Ops], size: int, capacities: Capacities) -> list[list[int]]:
    """Positions of the architectures of each bundle, by first fit.

    Every architecture goes into the first bundle that has a place for each of its operations.

    Args:
        cells: Operation codes of the architectures.
        size: Most architectures of a bundle.
        capacities: Most architectures with an operation on an edge; each at least 1.

    Returns:
        The bundles, each with the positions of its architectures in ascending order.

    Example:
        >>> pack([(3,) * 6, (3,) * 6, (1,) * 6], 2, ((1, 1, 1),) * 6)
        [[0, 2], [1]]
    """
    limits = np.array(capacities)
    bundles: list[list[int]] = []
    loads: list[np.ndarray] = []
    first_open = 0
    for position, ops in enumerate(cells):
        need = np.array([[op == gathered for gathered in _GATHERED] for op in ops], int)
        for place in range(first_open, len(bundles)):
            if len(bundles[place]) < size and (loads[place] + need <= limits).all():
                break
        else:
            place = len(bundles)
            bundles.append([])
            loads.append(np.zeros_like(limits))
        bundles[place].append(position)
        loads[place] += need
        while first_open < len(bundles) and len(bundles[first_open]) == size:
            first_open += 1
    return bundles


def power_of_two(most: float) -> int:
    """The largest power of two that is at most `most`, and at least 1.

    Args:
        most: Upper limit.

    Example:
        >>> power_of_two(100.0), power_of_two(0.3)
        (64, 1)
    """
    return 2 ** max(0, math.floor(math.log2(max(most, 1))))
