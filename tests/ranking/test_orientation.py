"""Directions, constant networks in last place, and the refusal of unusable scores."""

import numpy as np
import pandas as pd
import pytest

from ntknas.errors import InputError
from ntknas.ranking import oriented
from ntknas.ranking.orientation import check_scores

SCORES = pd.DataFrame(
    {"cond": [9.0, np.nan, np.inf, 1.0], "params": [10, 20, 30, 40], "status": list("abcd")},
    index=pd.Index([4, 3, 2, 1], name="architecture"),
)
DIRECTIONS = {"cond": -1, "params": 1, "status": 1}


def test_turns_and_keeps_missing_scores():
    np.testing.assert_array_equal(
        oriented(SCORES, DIRECTIONS, "cond"), [-9.0, np.nan, -np.inf, -1.0]
    )


def test_constants_are_last_whatever_their_score():
    found = oriented(SCORES, DIRECTIONS, "cond", worst=[3, 1, 999])
    np.testing.assert_array_equal(found, [-9.0, -np.inf, -np.inf, -np.inf])
    assert SCORES.loc[1, "cond"] == 1.0  # the caller's frame is left alone


def test_counts_of_constants_stay():
    assert oriented(SCORES, DIRECTIONS, "params", worst=[1]).tolist() == [10, 20, 30, 40]
    assert oriented(SCORES, DIRECTIONS, "params", worst=[1], raw=()).iloc[-1] == -np.inf


def test_worst_takes_numpy_ids():
    assert oriented(SCORES, DIRECTIONS, "cond", worst=np.array([1])).iloc[-1] == -np.inf
    assert oriented(SCORES, DIRECTIONS, "cond", worst={np.int64(1)}).iloc[-1] == -np.inf


def test_names_are_compared_whole():
    """Nothing in this room splits a name: a sum of counts is a count only if it is said to be."""
    sums = SCORES.assign(**{"params+flops": [4.0, 3.0, 2.0, 1.0]})
    directions = {"params+flops": -1}
    turned = oriented(sums, directions, "params+flops", worst=[1])
    np.testing.assert_array_equal(turned, [-4, -3, -2, -np.inf])
    raw = oriented(sums, directions, "params+flops", worst=[1], raw=["params+flops"])
    np.testing.assert_array_equal(raw, [-4, -3, -2, -1])


def test_labels_may_be_texts():
    texts = SCORES.set_axis(list("abcd"))
    check_scores(texts)
    found = oriented(texts, DIRECTIONS, "cond", worst=["d", "elsewhere"])
    np.testing.assert_array_equal(found, [-9.0, np.nan, -np.inf, -np.inf])
    assert found.index.tolist() == list("abcd")


@pytest.mark.parametrize(
    ("name", "directions", "message"),
    [
        ("conf", DIRECTIONS, "unknown score 'conf'; available: cond, params, status"),
        ("cond", {}, "direction .* 'cond', got none"),
        ("cond", {"cond": 0}, "direction .* 'cond', got 0"),
        ("status", DIRECTIONS, "numbers in score 'status'"),
    ],
)
def test_refuses(name, directions, message):
    with pytest.raises(InputError, match=message):
        oriented(SCORES, directions, name)


@pytest.mark.parametrize(
    ("scores", "message"),
    [
        (pd.DataFrame(), "got 0 architectures and 0 scores"),
        (pd.DataFrame(index=[1, 2]), "got 2 architectures and 0 scores"),
        (SCORES.iloc[:0], "got 0 architectures and 3 scores"),
        (SCORES.set_axis([1, 2, 2, 3]), "each architecture once in scores, got 2"),
        (SCORES.set_axis(["a", "a", "b"], axis=1), "each score once in scores, got a"),
        (SCORES.set_axis([1.0, 2.0, 3.0, 4.0]), "all whole numbers or all texts, got float"),
        (SCORES.set_axis([1, "a", 2, "b"]), "all whole numbers or all texts, got int, str"),
        (SCORES.set_axis(["a", "b", "c", "b"]), "each architecture once in scores, got b"),
    ],
)
def test_refuses_frames(scores, message):
    with pytest.raises(InputError, match=message):
        check_scores(scores)
