"""Regularised evolution, held to the algorithm of its paper."""

from collections import deque

import numpy as np

from ntknas.search import pool_of, search
from ntknas.spaces import Family

SPACE = Family("grid", dict, {"x": range(6), "y": range(6)})


def value(members):
    return [m.choices["x"] * 7 + m.choices["y"] for m in members]


def test_it_is_algorithm_1_of_the_paper():
    """Children come from the best of a sample; the oldest member leaves (repeats as published)."""
    population, sample, seed = 5, 2, 3
    got = search(
        "evolution",
        SPACE,
        value,
        queries=40,
        seed=seed,
        population=population,
        sample=sample,
        repeats=True,
    )
    pool, rng = pool_of(SPACE), np.random.default_rng(seed)
    rng.permutation(len(pool))  # the order in which a search without repeats would draw
    values = value(pool.members)
    alive: deque[int] = deque()
    history = []
    while len(alive) < population:
        alive.append(int(rng.integers(len(pool))))
        history.append(alive[-1])
    while len(history) < 40:
        drawn = [alive[i] for i in rng.integers(population, size=sample)]
        parent = max(drawn, key=lambda member: values[member])
        steps = [pool.position(other) for other in SPACE.neighbours(pool.members[parent])]
        alive.append(steps[int(rng.integers(len(steps)))])
        history.append(alive[-1])
        alive.popleft()
    assert [pool.position(query.architecture) for query in got] == history


def test_it_finds_the_best_sooner_than_random_search():
    space = Family("cube", dict, {name: range(5) for name in "abcd"})

    def total(members):
        return [sum(m.choices.values()) for m in members]

    reached = {
        algorithm: np.mean(
            [
                max(q.value for q in search(algorithm, space, total, queries=60, seed=seed))
                for seed in range(10)
            ]
        )
        for algorithm in ("random", "evolution")
    }
    assert reached["evolution"] > reached["random"] + 0.5
