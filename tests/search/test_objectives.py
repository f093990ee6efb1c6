"""What a search can maximise."""

import pandas as pd
import pytest

from ntknas import truth_from_frame
from ntknas.errors import InputError
from ntknas.runs import load_precomputed
from ntknas.search import ranked_architectures, search, stored_score, true_values
from ntknas.spaces import NASBENCH201, Architecture

CELLS = [Architecture.from_id(index) for index in (0, 5, 10)]


@pytest.fixture
def accuracies():
    frame = pd.DataFrame({"clean": [0.5, 0.7], "robust": [0.4, 0.2]}, index=[0, 5])
    return truth_from_frame(frame)


def test_accuracies_are_looked_up(accuracies):
    assert true_values(accuracies, "clean")(CELLS[:2]) == [0.5, 0.7]
    assert true_values(accuracies, ["clean", "robust"])(CELLS[:1]) == [(0.5, 0.4)]


def test_missing_accuracies_are_refused(accuracies):
    with pytest.raises(InputError, match="expected an accuracy of architecture 10"):
        true_values(accuracies, "clean")(CELLS)
    with pytest.raises(InputError, match="expected a metric of cifar10: clean, robust; got 'apgd'"):
        true_values(accuracies, "apgd")
    with pytest.raises(InputError, match="at least one metric"):
        true_values(accuracies, [])


def test_a_ranking_is_an_objective_and_a_start():
    scores = load_precomputed()
    first, second = ranked_architectures(scores, space=NASBENCH201, top=2)
    value = stored_score(scores, space=NASBENCH201)
    assert value([first, second]) == [-1, -2]
    assert value([Architecture.from_id(1651)]) == value([Architecture.from_id(10)])
    assert min(value(CELLS)) == value(CELLS)[2]  # the constant network
    ranked = search("ranked", NASBENCH201, value, queries=2, ranking=[first, second])
    assert [query.architecture for query in ranked] == [first, second]
    guided = search("guided", NASBENCH201, value, queries=20, score=value)
    assert [q.value for q in guided] == sorted((q.value for q in guided), reverse=True)
