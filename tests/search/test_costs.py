"""Costs as further objectives."""

import pytest

from ntknas.errors import InputError
from ntknas.search import COSTS, pareto_front, search, with_costs
from ntknas.spaces import NASBENCH201, Family, architectures
from ntknas.spaces.nasbench201 import flops, num_parameters

CELLS = architectures("0,5,9930")


def test_counts_are_those_of_the_data_sets_network():
    for dataset, sizes in {"cifar10": {}, "imagenet16": {"classes": 120}}.items():
        counted = COSTS["params"](NASBENCH201, dataset)(CELLS)
        assert counted == [num_parameters(cell, **sizes) for cell in CELLS]
    counted = COSTS["flops"](NASBENCH201, "imagenet16")(CELLS)
    assert counted == [flops(cell, classes=120, image_size=16) for cell in CELLS]


def test_costs_come_behind_the_values_turned_round():
    cost = COSTS["params"](NASBENCH201)
    twice = with_costs(lambda cells: [(1.0, 2.0) for _ in cells], cost, cost)
    (value,) = twice(CELLS[:1])
    assert value == (1.0, 2.0, -num_parameters(0), -num_parameters(0))


def test_a_search_finds_the_front():
    """Value rises with the cost up to a member, and falls beyond it."""
    space = Family("numbers", dict, {"x": range(12)})
    value = with_costs(
        lambda members: [float(min(m.choices["x"], 14 - m.choices["x"])) for m in members],
        lambda members: [float(m.choices["x"]) for m in members],
    )
    history = search("nsga2", space, value, queries=12, population=4)
    front = [query.architecture.id for query in pareto_front(history)]
    assert front == ["x7", "x6", "x5", "x4", "x3", "x2", "x1", "x0"]


def test_bad_input_is_refused():
    with pytest.raises(InputError, match="unknown dataset 'svhn'"):
        COSTS["params"](NASBENCH201, "svhn")
    space = Family("numbers", dict, {"x": range(2)})
    with pytest.raises(InputError, match="a space that counts params; numbers does not"):
        COSTS["params"](space)(space.parse("all"))
    with pytest.raises(InputError, match="expected cost to be one of params, flops, latency"):
        COSTS["carbon"]
