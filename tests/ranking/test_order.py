"""Sums of ranks and rankings: hand values, invariances, ties and constant networks."""

import numpy as np
import pandas as pd
import pytest

from ntknas.errors import InputError
from ntknas.ranking import combine, log_ranks, rank

DIRECTIONS = {"cond@robust:8/255": -1, "params": 1, "lambda_min": 1}


def frame(n=60, seed=0):
    rng = np.random.default_rng(seed)
    columns = {
        "cond@robust:8/255": np.exp(rng.normal(size=n)),
        "params": rng.integers(0, 8, n),
        "lambda_min": rng.normal(size=n),
    }
    return pd.DataFrame(columns, index=pd.Index(rng.permutation(1000)[:n], name="architecture"))


def test_combine_by_hand():
    scores = pd.DataFrame(
        {"cond": [1.0, 2.0, 3.0, 4.0], "params": [5, 5, 9, 1]}, index=[3, 5, 7, 9]
    )
    found = combine(scores, {"cond": -1, "params": 1}, ["cond", "params"])
    # Ranks 1 2 3 4, and 2.5 2.5 1 4 with the tie shared.
    assert found.to_dict() == {3: 3.5 / 4, 5: 4.5 / 4, 7: 4 / 4, 9: 8 / 4}
    assert found.name == "cond+params"


def test_log_ranks_by_hand():
    scores = pd.DataFrame(
        {"cond": [1.0, 2.0, 3.0, 4.0], "params": [5, 5, 9, 1]}, index=[3, 5, 7, 9]
    )
    found = log_ranks(scores, {"cond": -1, "params": 1}, ["cond", "params"])
    # The best has rank 4: 4 3 2 1, and 2.5 2.5 4 1 with the tie shared.
    expected = np.log(np.array([4, 3, 2, 1]) / 4) + np.log(np.array([2.5, 2.5, 4, 1]) / 4)
    np.testing.assert_allclose(found, expected)
    assert found.index.tolist() == [3, 5, 7, 9]


def test_log_ranks_favour_what_no_score_ranks_low():
    """The sum of ranks ties them; the sum of logarithms prefers the even one."""
    scores = pd.DataFrame({"a": [1, 2, 3], "b": [3, 2, 1]}, index=[0, 1, 2])
    directions = {"a": 1, "b": 1}
    assert combine(scores, directions, ["a", "b"]).nunique() == 1
    assert log_ranks(scores, directions, ["a", "b"]).idxmax() == 1


def test_log_ranks_put_constant_networks_last_and_leave_out_what_lacks_a_score():
    scores = pd.DataFrame({"a": [9.0, 2.0, 3.0, np.nan], "params": [9, 2, 3, 4]})
    found = log_ranks(scores, {"a": 1, "params": 1}, ["a", "params"], worst=[0])
    assert np.isnan(found[3])
    np.testing.assert_allclose(found[[0, 1, 2]], np.log([1 / 3 * 3 / 3, 2 / 9, 3 / 3 * 2 / 3]))
    with pytest.raises(InputError, match="unknown scores b"):
        log_ranks(scores, {"b": 1}, ["b"])


def test_combine_is_in_its_range_and_sums_in_any_order():
    scores = frame()
    names = list(DIRECTIONS)
    found = combine(scores, DIRECTIONS, names)
    assert found.name == "cond@robust:8/255+params+lambda_min"
    assert found.between(0, 3, inclusive="right").all()
    pd.testing.assert_series_equal(
        found, combine(scores, DIRECTIONS, names[::-1]), check_names=False, check_exact=True
    )


def test_combine_knows_only_the_order_of_scores():
    scores = frame()
    mapped = scores.assign(params=scores["params"] ** 3, lambda_min=np.exp(scores["lambda_min"]))
    shuffled = mapped.sample(frac=1, random_state=0)
    pd.testing.assert_series_equal(
        combine(scores, DIRECTIONS, list(DIRECTIONS)).sort_index(),
        combine(shuffled, DIRECTIONS, list(DIRECTIONS)).sort_index(),
    )


def test_combine_leaves_out_architectures_without_a_score():
    scores = frame()
    scores.iloc[3, 0] = np.nan
    names = ["cond@robust:8/255", "params"]
    found = combine(scores, DIRECTIONS, names)
    assert found.isna().to_numpy().nonzero()[0].tolist() == [3]
    rest = combine(scores.drop(scores.index[3]), DIRECTIONS, names)
    pd.testing.assert_series_equal(found.dropna(), rest)


def test_combine_ties_constants_last_in_kernel_scores_only():
    scores = pd.DataFrame({"cond": [1.0, np.nan, np.nan, 4.0], "params": [1, 2, 3, 4]})
    found = combine(scores, {"cond": -1, "params": 1}, ["cond", "params"], worst=[1, 2])
    assert found.tolist() == [(1 + 4) / 4, (3.5 + 3) / 4, (3.5 + 2) / 4, (2 + 1) / 4]


def test_combine_of_nothing_scored_is_missing():
    scores = pd.DataFrame({"cond": [np.nan, np.nan]})
    assert combine(scores, {"cond": -1}, ["cond"]).isna().all()


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["cond", "nope", "no"], "unknown scores nope, no; available: cond, params"),
        ([], "got none; available: cond, params"),
    ],
)
def test_combine_refuses(names, message):
    scores = pd.DataFrame({"cond": [1.0], "params": [2]})
    with pytest.raises(InputError, match=message):
        combine(scores, {"cond": -1, "params": 1}, names)


def test_rank_by_hand():
    scores = pd.DataFrame(
        {"cond": [7.0, 2.0, np.nan, 0.5, 2.0, np.inf]},
        index=pd.Index([30, 20, 60, 50, 10, 40], name="architecture"),
    )
    found = rank(scores, {"cond": -1}, ["cond"], worst=[50])
    assert found.columns.tolist() == ["rank", "architecture", "score"]
    assert found["architecture"].tolist() == [10, 20, 30, 40, 50, 60]
    assert found["rank"].tolist()[:5] == [1, 1, 3, 4, 4]
    assert found["rank"].isna().tolist() == [False] * 5 + [True]
    assert found["score"].tolist()[:5] == [2, 2, 7, np.inf, 0.5]


def test_rank_of_a_combination():
    scores = frame()
    names = ["cond@robust:8/255", "params"]
    combined = combine(scores, DIRECTIONS, names)
    found = rank(scores, DIRECTIONS, names)
    assert found["score"].is_monotonic_increasing
    assert found["score"].tolist() == combined.loc[found["architecture"]].tolist()
    stored = scores.assign(stored=combined)
    pd.testing.assert_frame_equal(rank(stored, DIRECTIONS | {"stored": -1}, ["stored"]), found)


def test_rank_puts_constants_last_in_a_combination():
    scores = pd.DataFrame({"cond": [1.0, 2.0, 3.0, 4.0], "params": [99, 3, 2, 1]})
    directions = {"cond": -1, "params": 1}
    assert rank(scores, directions, ["cond", "params"], worst=[0])["architecture"].iloc[-1] == 0


def test_a_combination_of_counts_leaves_constants_alone():
    scores = pd.DataFrame({"params": [99, 3, 2, 1], "flops": [9, 8, 7, 6]})
    directions = {"params": 1, "flops": 1}
    for names in (["params", "params"], ["params", "flops"]):
        assert rank(scores, directions, names, worst=[0])["architecture"].iloc[0] == 0
        assert rank(scores, directions, names, worst=[0], raw=())["architecture"].iloc[-1] == 0


def test_rank_does_not_depend_on_the_order_of_input():
    scores = frame()
    for names in [*([name] for name in DIRECTIONS), ["params", "lambda_min"]]:
        shuffled = scores.sample(frac=1, random_state=1)
        pd.testing.assert_frame_equal(
            rank(scores, DIRECTIONS, names), rank(shuffled, DIRECTIONS, names)
        )


def test_a_direction_turned_round_ranks_in_the_opposite_order():
    scores = pd.DataFrame({"cond": [5.0, 2.0, 9.0, 7.0]}, index=[3, 5, 7, 9])
    assert rank(scores, {"cond": -1}, ["cond"])["architecture"].tolist() == [5, 3, 9, 7]
    assert rank(scores, {"cond": 1}, ["cond"])["architecture"].tolist() == [7, 9, 3, 5]
    assert rank(scores, {"cond": 1}, ["cond"])["score"].tolist() == [9, 7, 5, 2]
    np.testing.assert_allclose(
        combine(scores, {"cond": 1}, ["cond"]), 5 / 4 - combine(scores, {"cond": -1}, ["cond"])
    )


def test_rank_knows_nothing_of_signs_in_names():
    """What a column is called is not read: `a-b` is a column like any other."""
    scores = pd.DataFrame({"a-b": [1.0, 3.0], "a+b": [2.0, 0.0]}, index=[1, 2])
    directions = {"a-b": 1, "a+b": 1}
    assert rank(scores, directions, ["a-b"])["architecture"].tolist() == [2, 1]
    assert rank(scores, directions, ["a+b"])["architecture"].tolist() == [1, 2]


def test_labels_may_be_texts():
    scores = pd.DataFrame(
        {"cond": [7.0, 2.0, 2.0], "params": [1, 3, 3]}, index=["wide", "small", "deep"]
    )
    directions = {"cond": -1, "params": 1}
    found = rank(scores, directions, ["cond", "params"], worst=["wide", "other"])
    assert found["architecture"].tolist() == ["deep", "small", "wide"]
    assert found["rank"].tolist() == [1, 1, 3]
    last = rank(scores, directions, ["cond"], worst=["deep"])
    assert last["architecture"].tolist() == ["small", "wide", "deep"]


def test_rank_refuses_unknown_scores():
    with pytest.raises(
        InputError, match="unknown scores kond; available: cond@robust:8/255, params"
    ):
        rank(frame(), DIRECTIONS, ["params", "kond"])
    with pytest.raises(
        InputError, match="unknown score 'kond'; available: cond@robust:8/255, params"
    ):
        rank(frame(), DIRECTIONS, ["kond"])
    with pytest.raises(InputError, match="got none; available: cond@robust:8/255"):
        rank(frame(), DIRECTIONS, [])
