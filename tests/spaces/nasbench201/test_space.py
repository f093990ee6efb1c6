"""NAS-Bench-201 as a search space."""

import numpy as np
import pytest

from ntknas.errors import InputError
from ntknas.network import NetworkSpec
from ntknas.network.build import CellNetwork
from ntknas.spaces import NASBENCH201, SPACES, Architecture, Candidate, architectures
from ntknas.spaces.nasbench201 import flops, neighbours, num_parameters, structure

CELL = Architecture.from_code("304123")


def test_the_registry_has_it():
    assert SPACES["nasbench201"] is NASBENCH201
    assert NASBENCH201.name == "nasbench201"
    assert isinstance(CELL, Candidate)


def test_parsing_is_that_of_selections():
    assert NASBENCH201.parse("random:3:1") == architectures("random:3:1")
    assert NASBENCH201.parse([5, CELL]) == [Architecture.from_id(5), CELL]


def test_a_sample_is_what_a_random_selection_draws():
    drawn = NASBENCH201.sample(30, 7)
    assert drawn == architectures("random:30:7")
    assert drawn[:4] == NASBENCH201.sample(4, 7) != NASBENCH201.sample(4, 8)
    for count in (0, 6467):
        with pytest.raises(InputError, match=f"expected 1 to 6466 .* got {count}"):
            NASBENCH201.sample(count, 0)


def test_representatives_and_neighbours_are_those_of_the_cell():
    constant = Architecture.from_code("000000")
    assert NASBENCH201.representative(constant) == constant.representative != constant
    assert NASBENCH201.neighbours(CELL) == neighbours(CELL)


def test_counts_are_of_the_graph_and_of_the_network_around_it():
    sizes = {"channels": 4, "cells": 1, "classes": 3, "image_size": 16}
    counts = NASBENCH201.counts(CELL, sizes)
    small = {name: sizes[name] for name in ("channels", "cells", "classes")}
    expected = {"params": num_parameters(CELL, **small), "flops": flops(CELL, **sizes)}
    assert counts == structure(CELL) | expected
    default = NASBENCH201.counts(CELL, {})
    assert (default["params"], default["flops"]) == (num_parameters(CELL), flops(CELL))


def test_networks_are_those_of_the_room_of_networks():
    spec = NetworkSpec(channels=2, cells=1)
    network = NASBENCH201.build(CELL, spec)
    assert network == CellNetwork(CELL, spec)
    assert NASBENCH201.build(CELL) == CellNetwork(CELL, NetworkSpec())
    parameters = network.init(0)["params"]["stage_0"]
    assert all(np.shape(leaf["kernel"])[0] == 1 for leaf in parameters.values())
    assert len(parameters) == 3  # the convolutions of the cell alone
