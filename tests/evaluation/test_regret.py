"""What is lost by training only the first of a ranking; the Gram matrices are made up."""

import numpy as np
import pandas as pd
import pytest

from ntknas.errors import InputError
from ntknas.evaluation import rank, regret_of_top
from ntknas.truth import truth_from_frame
from tests.evaluation.made_up import SPEC, make_run


def test_by_hand(run, truth):
    table = regret_of_top(run, truth, "cond@clean", counts=(1, 4, 1000))
    assert table["first"].tolist() == [1, 4]  # no thousand architectures
    order = rank(run, "cond@clean")["id"]
    values = [truth.value(truth.representative_of[i], "cifar10", "pgd_8") for i in order]
    flops = run.scores()["flops"].reindex(order).to_numpy()
    for _, row in table.iterrows():
        first = int(row["first"])
        assert row["best"] == pytest.approx(max(values[:first]), abs=1e-6)
        assert row["regret"] == pytest.approx(max(values) - max(values[:first]), abs=2e-6)
        assert row["flops_share"] == pytest.approx(flops[:first].sum() / flops.sum())
    assert table[["regret_low", "regret_high"]].isna().all(axis=None)  # one draw


def test_ranges_over_draws(tmp_path, run, truth):
    from dataclasses import replace

    from ntknas.spaces.nasbench201 import architectures

    several = make_run(
        tmp_path / "run", architectures(",".join(map(str, run.ids))), replace(SPEC, seeds=3)
    )
    (row,) = regret_of_top(several, truth, "cond@clean", counts=(2,)).to_dict("records")
    of_draws = [
        regret_of_top(scores, truth, "cond@clean", dataset="cifar10", counts=(2,))["regret"].item()
        for scores in several.scores_by_draw()
    ]
    assert (row["regret_low"], row["regret_high"]) == (min(of_draws), max(of_draws))


def test_without_flops_and_refusals(run, truth):
    scores = pd.DataFrame({"cond@clean": [9.0, np.nan, 7.0]}, index=["a", "b", "c"])
    own = truth_from_frame(pd.DataFrame({"accuracy": [0.6, 0.9, 0.5]}, index=["a", "b", "c"]))
    table = regret_of_top(scores, own, "cond@clean", metric="accuracy", counts=(1, 2, 3))
    np.testing.assert_allclose(table["regret"], [0.4, 0.3, 0.0])  # b has no score: last
    assert table["flops_share"].isna().all()
    with pytest.raises(InputError, match="a metric of .*pgd_8.*, got 'banana'"):
        regret_of_top(run, truth, metric="banana")
    with pytest.raises(InputError, match="at least 1, got 0"):
        regret_of_top(run, truth, counts=(0, 1))


def test_draws_without_the_score_are_no_rankings(truth):
    """Proxies have one draw in the precomputed table, so that there is no range over draws."""
    from ntknas import load_precomputed

    table = regret_of_top(load_precomputed(), truth, "synflow", counts=(1,))
    assert table[["regret_low", "regret_high"]].isna().all(axis=None)


def test_ties_are_taken_in_the_order_that_rank_lists():
    labels = ["d", "c", "b", "a"]
    scores = pd.DataFrame({"snip": [1.0, 1.0, 1.0, 1.0]}, index=labels)
    own = truth_from_frame(pd.DataFrame({"accuracy": [0.9, 0.6, 0.7, 0.3]}, index=labels))
    first = rank(scores, "snip")["architecture"].iloc[0]
    table = regret_of_top(scores, own, "snip", metric="accuracy", counts=(1,))
    assert table["best"].item() == own.value(first, own.datasets[0], "accuracy")


def test_a_data_set_of_the_truth_is_not_mixed_with_another():
    frame = pd.DataFrame(
        {
            "architecture": ["a", "c", "b"],
            "dataset": ["cifar10", "cifar10", "cifar100"],
            "accuracy": [0.9, 0.8, 0.6],
        }
    )
    own = truth_from_frame(frame)
    scores = pd.DataFrame({"snip": [1.0, 3.0, 2.0]}, index=["a", "b", "c"])
    table = regret_of_top(scores, own, "snip", metric="accuracy", counts=(1,))
    assert (table["best"].item(), table["regret"].item()) == (0.8, pytest.approx(0.1))
