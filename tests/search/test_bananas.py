"""BANANAS: its encoding, its ensemble, and that nothing is compiled twice."""

from typing import Any

import numpy as np
import pytest

from ntknas.search import Pool, pool_of, search
from ntknas.search.bananas import _predict, _standardised, encode
from ntknas.spaces import NASBENCH201, Architecture, Family
from ntknas.spaces.nasbench201 import live_paths, num_parameters


@pytest.mark.parametrize("code", ["333333", "300432", "000200", "131313"])
def test_paths_are_those_of_the_cell(code):
    cell = Architecture.from_code(code).representative
    pool = pool_of(NASBENCH201)
    # Different edges with the same operations are one path of the encoding.
    assert encode(pool)[pool.position(cell)].sum() == len(set(live_paths(cell)))


def test_other_spaces_are_one_hot():
    space = Family("pairs", dict, {"x": (1, 2), "y": (1, 2, 3)})
    encoded = encode(Pool(space))
    np.testing.assert_array_equal(encoded[5], [0, 1, 0, 0, 1])
    np.testing.assert_array_equal(encoded.sum(1), 2)


def test_it_beats_random_search_and_compiles_once():
    def size(cells):
        return [num_parameters(cell) ** 0.5 for cell in cells]

    search("bananas", NASBENCH201, size, queries=25)
    program: Any = _predict  # jax.jit's cache is not in its published type
    before = program._cache_size()
    found = search("bananas", NASBENCH201, size, queries=60, seed=1)
    assert program._cache_size() == before
    random = search("random", NASBENCH201, size, queries=60, seed=1)
    assert max(q.value for q in found) > max(q.value for q in random)


def test_infinite_and_equal_values_are_standardised():
    np.testing.assert_array_equal(_standardised(np.array([1.0, 1.0])), [0, 0])
    np.testing.assert_array_equal(_standardised(np.array([-np.inf, -np.inf])), [0, 0])
    np.testing.assert_array_equal(_standardised(np.array([-np.inf, 0.0, 2.0, 0.0]))[0], -1 / 3**0.5)
