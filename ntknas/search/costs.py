"""What a network costs: a second objective of a search, which is minimised.

Parameters and multiply-accumulates are counted. The latency is measured on this machine
(`ntknas.search.latency`).
"""

from collections.abc import Callable, Sequence
from typing import Any

from ntknas.errors import InputError
from ntknas.images import dataset_info
from ntknas.registry import Registry
from ntknas.search.loop import Objective
from ntknas.spaces import Space

__all__ = ["COSTS", "Cost", "flops", "parameters", "with_costs"]

Cost = Callable[[Sequence[Any]], list[float]]
"""A function from architectures to one number per architecture; lower is better."""

COSTS: Registry[Callable[..., Cost]] = Registry(
    "cost",
    {
        "params": "ntknas.search.costs:parameters",
        "flops": "ntknas.search.costs:flops",
        "latency": "ntknas.search.latency:latency",
    },
)
"""Costs by name: functions of a space and the name of a data set, whose classes and image size the
network has."""


def parameters(space: Space[Any], dataset: str = "cifar10") -> Cost:
    """The number of parameters.

    Args:
        space: Space of the architectures.
        dataset: Data set whose number of classes the network has.

    Example:
        >>> from ntknas.spaces import NASBENCH201
        >>> parameters(NASBENCH201)(NASBENCH201.parse("code:333333"))
        [1531546.0]
    """
    return _count(space, "params", dataset)


def flops(space: Space[Any], dataset: str = "cifar10") -> Cost:
    """The number of multiply-accumulates of one image.

    Args:
        space: Space of the architectures.
        dataset: Data set whose number of classes and image size the network has.
    """
    return _count(space, "flops", dataset)


def _count(space: Space[Any], name: str, dataset: str) -> Cost:
    """A count that the space makes."""
    info = dataset_info(dataset)
    sizes = {"classes": info.classes, "image_size": info.image_size}

    def cost(architectures: Sequence[Any]) -> list[float]:
        counts = [space.counts(architecture, sizes) for architecture in architectures]
        if any(name not in each for each in counts):
            raise InputError(f"expected a space that counts {name}; {space.name} does not")
        return [float(each[name]) for each in counts]

    return cost


def with_costs(objective: Objective, *costs: Cost) -> Objective:
    """An objective with costs as further objectives, for a search of several.

    Args:
        objective: From architectures to values, or to tuples of values; higher is better.
        *costs: From architectures to numbers; lower is better.

    Returns:
        A function from architectures to tuples: the values, then every cost times -1.

    Example:
        >>> from ntknas.spaces import NASBENCH201
        >>> convolutions = lambda cells: [cell.code.count("3") for cell in cells]
        >>> both = with_costs(convolutions, parameters(NASBENCH201))
        >>> both(NASBENCH201.parse("code:333333"))
        [(6.0, -1531546.0)]
    """

    def several(architectures: Sequence[Any]) -> list[tuple[float, ...]]:
        values = [
            tuple(value) if isinstance(value, (tuple, list)) else (value,)
            for value in objective(architectures)
        ]
        prices = zip(*(cost(architectures) for cost in costs), strict=True)
        return [
            (*map(float, value), *(-float(price) for price in each))
            for value, each in zip(values, prices, strict=True)
        ]

    return several
