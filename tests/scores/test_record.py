"""What a score may be."""

from copy import copy

import pytest

from ntknas.errors import InputError
from ntknas.scores import Score, ScoreKind


@pytest.mark.parametrize("name", ["a", "lambda_min", "depth_3x3", "A1", "edge", "x1f", "one_e"])
def test_names(name):
    assert Score(name, "f", -1, "here").name == name


# The last two would swallow the sign of a rank sum, as in 1e-params.
@pytest.mark.parametrize(
    "name", ["", "3x3", "_a", "a b", "a+b", "a-b", "a@b", "a:b", "a\n", "é", "x1e", "depth_3E"]
)
def test_names_that_a_rank_sum_could_not_hold(name):
    with pytest.raises(InputError, match="expected a score's name of letters, digits and"):
        Score(name, "f", 1, "here")


@pytest.mark.parametrize("direction", [0, 2, -2])
def test_directions(direction):
    with pytest.raises(InputError, match=rf"direction of \+1 or -1 for score a, got {direction}"):
        Score("a", "f", direction, "here")


def test_a_score_is_of_a_kernel_unless_it_says_otherwise():
    score = Score("a", "f", 1, "here")
    assert (score.kind, score.function) == (ScoreKind.KERNEL, None)
    assert score == copy(score) != Score("a", "f", 1, "here", ScoreKind.SIZE)
