"""NSGA-II on two objectives whose Pareto front is known."""

import numpy as np
from hypothesis import given, strategies as st

from ntknas.search import crowding_distances, fronts, pareto_front, search
from ntknas.spaces import Family

SPACE = Family("grid", dict, {"x": range(20), "y": range(20)})


def conflict(members):
    """Larger x is better for the first, smaller for the second; y = 0 is better for both."""
    return [(m.choices["x"] - m.choices["y"], -m.choices["x"] - m.choices["y"]) for m in members]


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=1, max_size=12))
def test_fronts_are_those_of_a_loop(points):
    values = np.array(points, float)
    rest, level = set(range(len(points))), 0
    expected: dict[int, int] = {}
    while rest:
        first = {
            i
            for i in rest
            if not any(
                (values[j] >= values[i]).all() and (values[j] > values[i]).any() for j in rest
            )
        }
        expected |= dict.fromkeys(first, level)
        rest -= first
        level += 1
    assert fronts(values).tolist() == [expected[i] for i in range(len(points))]


def test_crowding_of_equal_points():
    np.testing.assert_array_equal(crowding_distances(np.ones((3, 2))), [np.inf, 0, np.inf])


def test_the_front_is_found():
    history = search("nsga2", SPACE, conflict, queries=200)
    found = pareto_front(history)
    on_front = [q for q in found if q.architecture.choices["y"] == 0]  # type: ignore[attr-defined]
    drawn = SPACE.sample(200, seed=0)
    of_random = [member for member in drawn if member.choices["y"] == 0]
    assert len(on_front) >= 17 > len(of_random)
    assert [q.value for q in found] == sorted((q.value for q in found), reverse=True)


def test_no_history_has_no_front():
    assert pareto_front([]) == []
