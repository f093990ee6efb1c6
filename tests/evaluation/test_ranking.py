"""Architectures from best to worst; the Gram matrices are made up."""

import numpy as np
import pandas as pd
import pytest

import ntknas
from ntknas.errors import InputError
from ntknas.evaluation import RANKINGS, default_ranking, draw_agreement, rank
from ntknas.kernel import Batch
from ntknas.runs import ScoringSpec
from ntknas.scores import RankSum
from ntknas.spaces import Architecture, architectures
from tests.evaluation.conftest import MEMBER
from tests.evaluation.made_up import IMAGES, make_run

DEFAULT = RANKINGS["default"].formula


def test_rank_by_default_and_by_one_score(run):
    table = rank(run)
    assert list(table.columns) == ["id", "architecture", "score", "rank"]
    assert table["id"].iloc[-1] == MEMBER
    assert sorted(table["id"]) == run.ids
    pd.testing.assert_frame_equal(rank(run, DEFAULT), table)
    pd.testing.assert_frame_equal(rank(run, str(DEFAULT)), table)
    pd.testing.assert_frame_equal(rank(run, top=4), table.head(4))
    best = run.scores()["lambda_min@clean"].drop(MEMBER).idxmax()
    row = rank(run, "lambda_min@clean", top=1).iloc[0]
    assert (row["rank"], row["id"]) == (1, best)
    assert row["architecture"] == Architecture.from_id(best).string


def test_rank_refuses(run):
    with pytest.raises(InputError, match="at least 1"):
        rank(run, top=0)
    with pytest.raises(InputError, match="banana"):
        rank(run, "banana")


def test_ranking_by_default_without_a_clean_kernel(tmp_path):
    spec = ScoringSpec(batch_size=IMAGES, batches=(Batch.ATTACKED,))
    robust = make_run(tmp_path / "run", architectures("0,1"), spec)
    expected = str(DEFAULT).replace("@clean", "@robust:3/255")
    assert default_ranking(robust.scores()) == expected
    assert rank(robust)["rank"].tolist()[0] == 1


def test_no_score_to_rank_by():
    frame = pd.DataFrame({"lambda_min@clean": [1.0, 2.0]}, index=[0, 1])
    for space in (None, "nasbench201"):
        with pytest.raises(InputError, match="expected a score to rank by.* lambda_min@clean"):
            rank(frame, space=space)


def test_a_minus_sign_ranks_in_the_opposite_order(run):
    scores = run.scores().drop(MEMBER)
    best_first = rank(scores, "cond@clean")
    turned = rank(scores, "-cond@clean")
    assert turned["id"].tolist() == best_first["id"].tolist()[::-1]
    # A score that is turned round is still shown as it is.
    assert turned["score"].tolist() == sorted(scores["cond@clean"], reverse=True)
    assert rank(run, "-cond@clean")["id"].iloc[-1] == MEMBER  # constant: last in any case


def test_a_minus_sign_in_a_sum(run):
    scores = run.scores()
    cond = scores["cond@clean"].copy()
    cond[MEMBER] = np.inf
    for sign in (1, -1):
        sums = (cond.rank() + (-sign * scores["params"]).rank()) / len(scores)
        name = f"cond@clean{'+' if sign > 0 else '-'}params"
        table = rank(run, name).set_index("id")
        np.testing.assert_allclose(table["score"].loc[run.ids], sums)
        sums[MEMBER] = np.inf  # constant: last in any sum with a kernel
        assert table["rank"].loc[run.ids].tolist() == sums.rank(method="min").tolist()
        pd.testing.assert_frame_equal(rank(run, RankSum.parse(name)), rank(run, name))


def test_turning_all_of_a_sum_round_reverses_it(run):
    scores = run.scores().drop(MEMBER)
    forth = rank(scores, "sphericity@clean+params").set_index("id")["score"]
    back = rank(scores, "-sphericity@clean-params").set_index("id")["score"]
    np.testing.assert_allclose(back.loc[forth.index], 2 * (len(scores) + 1) / len(scores) - forth)


def test_architectures_of_ones_own_have_their_own_labels():
    frame = pd.DataFrame({"cond@clean": np.arange(12.0)}, index=range(1, 13))
    table = rank(frame, "cond@clean")
    assert table["id"].tolist() == list(range(1, 13))
    assert table["architecture"].tolist() == [str(i) for i in range(1, 13)]
    # Of NAS-Bench-201, 12 is a constant network and goes last whatever its score.
    first = frame[::-1].set_axis(range(1, 13))
    assert rank(first, "cond@clean")["id"].iloc[0] == 12
    named = rank(first, "cond@clean", space="nasbench201")
    assert named["id"].iloc[-1] == 12
    assert named["architecture"].iloc[-1] == Architecture.from_id(12).string


def test_labels_that_are_texts():
    frame = pd.DataFrame(
        {"cond@clean": [5.0, 2.0, np.nan, 2.0], "params": [4, 1, 3, 2]},
        index=["wide", "small", "broken", "deep"],
    )
    table = rank(frame, "cond@clean")
    assert table["id"].tolist() == ["deep", "small", "wide", "broken"]
    assert table["architecture"].tolist() == table["id"].tolist()
    assert table["rank"].tolist()[:3] == [1, 1, 3]
    assert pd.isna(table["rank"].iloc[3])
    assert rank(frame, "cond@clean+params", top=2)["id"].tolist() == ["deep", "wide"]
    assert ntknas.rank(frame, "params", top=1)["id"].tolist() == ["wide"]


def test_a_run_of_ones_own(texts):
    table = rank(texts)
    assert sorted(table["id"]) == texts.ids == [f"net_{i:02}" for i in range(12)]
    pd.testing.assert_frame_equal(rank(texts, "layer_cosine_lambda_min@clean+params"), table)
    pd.testing.assert_frame_equal(rank(texts.scores()), table)
    scores = texts.scores()["lambda_min@robust:8/255"]
    ranked = rank(texts, "lambda_min@robust:0.0313725")
    assert ranked["id"].tolist() == scores.sort_values(ascending=False).index.tolist()


def test_agreement_by_hand():
    ranks = pd.DataFrame({0: [1.0, 2.0, 3.0], 1: [1.0, 2.0, 3.0], 2: [3.0, 2.0, 1.0]})
    assert draw_agreement(ranks) == pytest.approx((1 - 1 - 1) / 3)
    assert np.isnan(draw_agreement(ranks[[0]]))
