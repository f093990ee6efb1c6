"""Ranks of single draws, and how well draws agree."""

import numpy as np
import pandas as pd
import pytest

from ntknas.evaluation import draw_agreement, rank, ranks_by_draw
from ntknas.runs import ScoringSpec
from ntknas.spaces import NASBENCH201
from tests.evaluation.made_up import make_run


def test_each_draw_is_ranked_alone(tmp_path):
    spec = ScoringSpec(batch_size=6, seeds=3, rhos=(8 / 255,))
    run = make_run(tmp_path / "run", NASBENCH201.sample(7, 0), spec)
    ranks = ranks_by_draw(run, "cond@clean")
    assert ranks.columns.tolist() == [0, 1, 2]
    assert ranks.index.tolist() == run.ids
    for seed in ranks:
        rows = run.table().query("seed == @seed and kernel == 'clean'").set_index("id")
        alone = rows["cond"].rank(method="min")  # lower is better
        assert ranks[seed].to_dict() == alone.to_dict()
    assert not ranks[0].equals(ranks[1])
    name = "cond@clean+params"
    one = make_run(tmp_path / "one", NASBENCH201.sample(7, 0))
    whole = rank(one, name).set_index("id")["rank"].astype(float)
    assert ranks_by_draw(one, name)[0].to_dict() == whole.to_dict()


def test_agreement_by_hand():
    ranks = pd.DataFrame({0: [1.0, 2.0, 3.0], 1: [1.0, 2.0, 3.0], 2: [3.0, 2.0, 1.0]})
    assert draw_agreement(ranks) == pytest.approx((1 - 1 - 1) / 3)
    assert np.isnan(draw_agreement(ranks[[0]]))
