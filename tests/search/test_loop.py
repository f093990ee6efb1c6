"""Searches on objectives whose best architecture is known."""

from typing import Any

import numpy as np
import pytest

from ntknas.errors import InputError
from ntknas.search import SEARCHES, search
from ntknas.spaces import NASBENCH201, Family
from ntknas.spaces.nasbench201 import num_parameters

SPACE = Family("grid", dict, {"x": range(8), "y": range(8)})


def hill(members):
    """One maximum, at (5, 2), which every step leads up to."""
    return [-abs(m.choices["x"] - 5) - abs(m.choices["y"] - 2) for m in members]


@pytest.mark.parametrize("algorithm", SEARCHES)
@pytest.mark.parametrize("batch", [1, 3])
def test_every_architecture_is_asked_for_once_and_the_best_is_found(algorithm, batch):
    history = search(algorithm, SPACE, hill, queries=1000, batch=batch)
    labels = [query.architecture.id for query in history]
    assert sorted(labels) == sorted(member.id for member in SPACE.parse("all"))
    assert max(history, key=lambda query: query.value).architecture.id == "x5_y2"


@pytest.mark.parametrize("algorithm", SEARCHES)
def test_a_seed_repeats_a_search(algorithm):
    one, same, other = (search(algorithm, SPACE, hill, queries=12, seed=seed) for seed in (0, 0, 1))
    assert one == same
    assert one != other


def test_local_search_climbs_where_random_search_gropes():
    def queries_until_best(algorithm, seed):
        history = search(algorithm, SPACE, hill, queries=64, seed=seed)
        return next(i for i, query in enumerate(history) if query.value == 0)

    counts = {
        algorithm: np.mean([queries_until_best(algorithm, seed) for seed in range(12)])
        for algorithm in ("random", "local")
    }
    assert counts["local"] < counts["random"]


def test_cells_that_compute_the_same_are_asked_for_once():
    def size(cells):
        return [num_parameters(cell) for cell in cells]

    history = search("local", NASBENCH201, size, queries=150)
    asked: list[Any] = [query.architecture for query in history]
    assert len({cell.id for cell in asked}) == 150
    assert all(NASBENCH201.representative(cell) == cell for cell in asked)
    assert history[-1].architecture in NASBENCH201.parse("all")
    assert max(query.value for query in history) == 1_531_546  # 3x3 convolutions everywhere


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"algorithm": "psychic"}, "expected search to be one of random, local, got 'psychic'"),
        ({"queries": 0}, "expected queries of at least 1, got 0"),
        ({"batch": 0}, "expected batch of at least 1, got 0"),
    ],
)
def test_bad_input_is_refused(arguments, message):
    given = {"algorithm": "random", "queries": 3, "batch": 1} | arguments
    with pytest.raises(InputError, match=message):
        search(given.pop("algorithm"), SPACE, hill, **given)
