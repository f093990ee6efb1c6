"""Searches on objectives whose best architecture is known."""

from typing import Any

import numpy as np
import pytest

from ntknas.errors import InputError
from ntknas.search import SEARCHES, best, search
from ntknas.spaces import NASBENCH201, Family
from ntknas.spaces.nasbench201 import num_parameters

SPACE = Family("grid", dict, {"x": range(8), "y": range(8)})


def hill(members):
    """One maximum, at (5, 2), which every step leads up to."""
    return [-abs(m.choices["x"] - 5) - abs(m.choices["y"] - 2) for m in members]


def settings(algorithm) -> dict[str, Any]:
    """The settings that an algorithm cannot do without; skips where a library is missing."""
    if algorithm in ("tpe", "gp"):
        pytest.importorskip("optuna")
    if algorithm == "gp":
        pytest.importorskip("torch")
    needed: dict[str, dict[str, Any]] = {
        "guided": {"score": hill},
        "ranked": {"ranking": SPACE.parse("x1_y1,x3_y3")},
    }
    return needed.get(algorithm, {})


# A Gaussian process takes a tenth of a second per query.
@pytest.mark.parametrize("algorithm", [name for name in SEARCHES if name != "gp"])
@pytest.mark.parametrize("batch", [1, 3])
def test_every_architecture_is_asked_for_once_and_the_best_is_found(algorithm, batch):
    history = search(algorithm, SPACE, hill, queries=1000, batch=batch, **settings(algorithm))
    labels = [query.architecture.id for query in history]
    assert sorted(labels) == sorted(member.id for member in SPACE.parse("all"))
    assert max(history, key=lambda query: query.value).architecture.id == "x5_y2"


@pytest.mark.parametrize("algorithm", SEARCHES)
def test_a_seed_repeats_a_search(algorithm):
    one, same, other = (
        search(algorithm, SPACE, hill, queries=12, seed=seed, **settings(algorithm))
        for seed in (0, 0, 1)
    )
    assert one == same
    # Where a score or a ranking decides, the seed settles ties alone.
    assert one != other or algorithm == "guided"


@pytest.mark.parametrize("algorithm", SEARCHES)
def test_a_search_goes_on_where_it_was_stopped(algorithm):
    given = {"queries": 24, "batch": 2, **settings(algorithm)}
    whole = search(algorithm, SPACE, hill, **given)
    asked: list[Any] = []

    def counted(members):
        asked.extend(members)
        return hill(members)

    assert search(algorithm, SPACE, counted, history=whole[:15], **given) == whole
    assert asked == [query.architecture for query in whole[15:]]


@pytest.mark.parametrize("algorithm", SEARCHES)
def test_a_start_is_evaluated_first_and_never_again(algorithm):
    start = SPACE.parse("x5_y3,x0_y0,x5_y3")
    history = search(algorithm, SPACE, hill, queries=20, start=start, **settings(algorithm))
    labels = [query.architecture.id for query in history]
    assert labels[:2] == ["x5_y3", "x0_y0"]
    assert len(set(labels)) == 20


def test_local_search_climbs_from_its_start():
    history = search("local", SPACE, hill, queries=6, start=SPACE.parse("x5_y3"))
    steps = {member.id for member in SPACE.neighbours(SPACE.parse("x5_y3")[0])}
    assert history[1].architecture.id in steps


def test_a_history_of_another_search_is_refused():
    history = search("random", SPACE, hill, queries=9, seed=1)
    with pytest.raises(InputError, match="expected the history of this search: query 1 is"):
        search("random", SPACE, hill, queries=9, seed=0, history=history)


def test_time_ends_a_search():
    assert len(search("random", SPACE, hill, queries=9, batch=2, seconds=1e-9)) == 2
    with pytest.raises(InputError, match="expected seconds above 0, got 0.0"):
        search("random", SPACE, hill, queries=9, seconds=0.0)


def test_every_batch_is_reported():
    lengths: list[int] = []
    search("random", SPACE, hill, queries=5, batch=2, on_query=lambda all: lengths.append(len(all)))
    assert lengths == [2, 4, 5]


@pytest.mark.parametrize(
    ("objective", "message"),
    [
        (lambda members: [float("nan")] * len(members), "expected a number as the value of"),
        (lambda members: ["high"] * len(members), "got 'high'"),
        (lambda members: [], "expected 1 values of the objective, got 0"),
        (lambda members: [(1, 2)] * len(members), "expected one value per architecture for random"),
    ],
)
def test_values_that_cannot_be_compared_are_refused(objective, message):
    with pytest.raises(InputError, match=message):
        search("random", SPACE, objective, queries=3)


@pytest.mark.parametrize(
    ("algorithm", "given", "message"),
    [
        ("random", {"population": 3}, "expected a setting of random: repeats; got 'population'"),
        ("guided", {}, "expected score for the search guided, got none"),
        ("evolution", {"sample": 0}, "expected a sample of at least 1, got 0"),
        ("nsga2", {"population": 1}, "expected a population of at least 2, got 1"),
        ("bananas", {"ensemble": 0}, "expected ensemble of at least 1, got 0"),
    ],
)
def test_bad_settings_are_refused(algorithm, given, message):
    with pytest.raises(InputError, match=message):
        search(algorithm, SPACE, hill, queries=3, **given)


@pytest.mark.parametrize("algorithm", ["random", "evolution"])
def test_repeats_are_asked_for_only_if_wanted(algorithm):
    history = search(algorithm, SPACE, hill, queries=100, repeats=True)
    assert len(history) == 100
    assert len({query.architecture.id for query in history}) < 64
    assert best(history).value >= -2


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
        (
            {"algorithm": "psychic"},
            "expected search to be one of random, local, evolution, .*, got 'psychic'",
        ),
        ({"queries": 0}, "expected queries of at least 1, got 0"),
        ({"batch": 0}, "expected batch of at least 1, got 0"),
    ],
)
def test_bad_input_is_refused(arguments, message):
    given = {"algorithm": "random", "queries": 3, "batch": 1} | arguments
    with pytest.raises(InputError, match=message):
        search(given.pop("algorithm"), SPACE, hill, **given)
