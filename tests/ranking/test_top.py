"""The top k by score judged by the truth."""

import numpy as np
import pytest

from ntknas.errors import InputError
from ntknas.ranking import best_of_top, top_k_overlap


def test_perfect_score():
    truth = np.random.default_rng(0).normal(size=30)
    for k in (1, 7, 30):
        assert top_k_overlap(np.exp(truth), truth, k) == 1
        assert best_of_top(np.exp(truth), truth, k) == (truth.max(), 0)


def test_reversed_score():
    truth = np.arange(10.0)
    assert top_k_overlap(-truth, truth, 4) == 0
    assert top_k_overlap(-truth, truth, 7) == 4 / 7
    assert best_of_top(-truth, truth, 4) == (3, 6)


def test_regret_never_grows_with_k():
    score, truth = np.random.default_rng(1).normal(size=(2, 50))
    regrets = [best_of_top(score, truth, k).regret for k in range(1, 51)]
    assert (np.diff(regrets) <= 0).all()
    assert regrets[-1] == 0


def test_ties_go_to_the_earlier():
    assert best_of_top([1, 1, 1], [0.1, 0.5, 0.9], 2).best == 0.5
    assert best_of_top([-np.inf, 0, -np.inf], [0.3, 0.1, 0.9], 2).best == 0.3


@pytest.mark.parametrize(
    ("scores", "truth", "k", "message"),
    [
        ([1, 2], [1, 2], 0, "between 1 and 2, got 0"),
        ([1, 2], [1, 2], 3, "between 1 and 2, got 3"),
        ([], [], 1, "got 1"),
        ([1, 2], [1], 1, "equal length"),
        ([1, np.nan], [1, 2], 1, "NaN"),
    ],
)
def test_refuses(scores, truth, k, message):
    for function in (top_k_overlap, best_of_top):
        with pytest.raises(InputError, match=message):
            function(scores, truth, k)
