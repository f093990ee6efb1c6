"""Rankings with names."""

from dataclasses import replace

import pytest

from ntknas.errors import InputError
from ntknas.evaluation import RANKINGS, Ranking, rank, ranks_by_draw, score_table
from ntknas.runs import load_precomputed
from ntknas.scores import RankSum
from ntknas.spaces import architectures
from tests.evaluation.made_up import IMAGES, SPEC, make_run


def test_every_ranking_ranks_the_precomputed_table():
    table = score_table(load_precomputed())
    for name, ranking in RANKINGS.items():
        assert table.resolve(name) == ranking.formula
        assert ranking.aim


def test_a_released_formula_is_not_changed():
    assert str(RANKINGS["default_1"].formula) == (
        "sphericity@clean+live_params+mean_depth+depth_3x3+plain_depth_3x3+direct+pool_paths"
    )


def test_the_ranking_of_version_0_1_where_the_scores_of_the_new_one_are_missing(run):
    scores = run.scores()
    old = scores[[name for name in scores if "layer_cosine" not in name]]
    old.attrs["space"] = "nasbench201"
    assert score_table(old).default == RANKINGS["default_1"].formula
    with pytest.raises(InputError, match="no score layer_cosine_lambda_min@clean here"):
        rank(old, "kernel_only")


def test_a_ranking_of_ones_own(run, monkeypatch):
    monkeypatch.setattr(RANKINGS, "_members", dict(RANKINGS._members))
    RANKINGS.register("mine", Ranking(RankSum.parse("params-depth"), "to test"))
    assert rank(run, "mine")["id"].tolist() == rank(run, "params-depth")["id"].tolist()


def test_ranks_of_single_draws(tmp_path):

    spec = replace(SPEC, seeds=3, batch_size=IMAGES)
    run = make_run(tmp_path / "run", architectures("random:12"), spec)
    ranks = ranks_by_draw(run, "cond@clean")
    table = run.table()
    for draw in range(3):
        scores = run.scores(table[table["seed"] == draw])["cond@clean"]
        assert ranks[draw].to_dict() == scores.rank().to_dict()
    ranked = rank(run, "cond@clean").set_index("id")
    assert ranked["rank_low"].to_dict() == ranks.min(axis=1).to_dict()
    assert ranked["rank_high"].to_dict() == ranks.max(axis=1).to_dict()
    single = make_run(tmp_path / "single", architectures("random:3"), SPEC)
    assert ranks_by_draw(single).columns.empty
    assert "rank_low" not in rank(single)
