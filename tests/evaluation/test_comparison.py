"""Runs side by side: what differs between them, and by how much it moves a correlation."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy.stats import spearmanr

from ntknas.errors import InputError
from ntknas.evaluation import (
    changed_settings,
    compare_runs,
    correlate,
    turned,
    unmixed_names,
)
from ntknas.kernel import Batch
from ntknas.layers import Norm
from ntknas.runs import Run, ScoringSpec
from ntknas.scores import RankSum
from ntknas.spaces import architectures
from ntknas.truth import truth_from_frame
from tests.evaluation.conftest import MEMBER
from tests.evaluation.made_up import IMAGES, SPEC, make_run

CLEAN = ScoringSpec(batch_size=IMAGES, batches=(Batch.CLEAN,), seeds=2)


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Twelve architectures with attacked kernels; sixteen with clean ones, of two seeds."""
    folder = tmp_path_factory.mktemp("comparison")
    return [
        make_run(folder / "attacked", architectures("random:12"), SPEC),
        make_run(folder / "clean", architectures("random:16"), CLEAN),
    ]


def test_turned_scores(run):
    scores = run.scores().drop(columns="trace@clean")
    table = turned(scores)
    assert list(table.columns) == list(scores.columns)
    assert (table["cond@clean"].drop(MEMBER) == -scores["cond@clean"].drop(MEMBER)).all()
    assert table["lambda_min@clean"][MEMBER] == table["cond@clean"][MEMBER] == -np.inf
    pd.testing.assert_series_equal(table["params"], scores["params"].astype(float))
    broken = scores.copy()
    broken.iloc[3, 0] = np.nan
    assert turned(broken).iloc[3, 0] == -np.inf


def test_turned_sums(run):
    scores = run.scores()
    turned_size = RankSum.parse("-params")
    names: list[str | RankSum]
    names = ["cond@robust:0.0313725-params", turned_size, "params+flops", "default"]
    table = turned(scores, names)
    assert list(table.columns)[:3] == ["cond@robust:8/255-params", "-params", "params+flops"]
    cond = scores["cond@robust:8/255"].where(scores.index != MEMBER, np.inf)
    expected = -(cond.rank() + scores["params"].rank()) / len(scores)
    expected[MEMBER] = -np.inf
    np.testing.assert_allclose(table["cond@robust:8/255-params"], expected)
    pd.testing.assert_series_equal(
        table["-params"].rank(), (-scores["params"]).rank(), check_names=False
    )
    # Counts alone say nothing about a kernel: a constant network keeps its place.
    assert np.isfinite(table[["-params", "params+flops"]]).all(axis=None)
    assert table.iloc[:, 3][MEMBER] == -np.inf


def test_turned_scores_of_ones_own():
    frame = pd.DataFrame({"cond@clean": [3.0, np.nan]}, index=["a", "b"])
    assert turned(frame)["cond@clean"].tolist() == [-3.0, -np.inf]
    with pytest.raises(InputError, match="unknown score 'banana'"):
        turned(frame, ["banana"])


def test_unmixed_names(runs):
    kernels = ("clean", "robust:3/255", "robust:8/255", "twice:3/255", "twice:8/255")
    assert unmixed_names(runs[0].scores()) == [
        f"{score}@{kernel}" for score in ("lambda_min", "cond") for kernel in kernels
    ]


def test_it_names_what_differs(runs, truth):
    table = compare_runs(runs, truth, resamples=0)
    alone = [f"seeds: 2, seed {seed} alone" for seed in (0, 1)]
    assert list(table["settings"].unique()) == ["attacked", "seeds: 2", *alone]
    assert set(table["n"]) == {len(set(runs[0].ids) & set(runs[1].ids))} == {12}
    clean = table.query("settings == 'seeds: 2'")["score"]
    assert set(clean) == {"lambda_min@clean", "cond@clean"}
    assert list(table["score"].unique()) == unmixed_names(runs[0].scores())
    assert table[["spearman_low", "difference_high"]].isna().all(axis=None)


def test_other_scores(runs, truth):
    names = ("trace@robust:0.0313725", "live_params", "cond@clean+params", "cond@clean-params")
    table = correlate(runs[0], truth, names=names, metrics=["pgd_8"], resamples=0)
    alone = compare_runs(runs[:1], truth, names=names, resamples=0)
    assert list(alone["score"]) == ["trace@robust:8/255", *names[1:]]
    assert list(alone["spearman"]) == pytest.approx(list(table["spearman"][:4]))
    with pytest.raises(InputError, match="no score trace@twice:1/255 here"):
        compare_runs(runs[:1], truth, names=["trace@twice:1/255"], resamples=0)


def test_a_sum_is_of_the_ranks_among_the_common_architectures(runs, truth):
    """Ranks among all sixteen of the second run would order sums otherwise."""
    common = runs[0].ids
    table = compare_runs(runs, truth, names=["cond@clean+params"], resamples=0)
    scores = runs[1].scores().loc[common]
    constant = scores.index.isin(runs[1].constant_ids())
    sums = scores["cond@clean"].where(~constant, np.inf).rank() + (-scores["params"]).rank()
    sums[constant] = np.inf
    accuracy = truth.wide("cifar10")["pgd_8"][common].round(6)
    row = table.query("settings == 'seeds: 2'").iloc[0]
    expected = spearmanr((-sums).rank(), accuracy).statistic
    assert row["spearman"] == pytest.approx(expected)


def test_other_images_are_named_in_words():
    changed = replace(SPEC, images_sha256="0" * 64, batch_size=IMAGES + 1)
    assert sorted(changed_settings(changed, SPEC)) == [f"batch_size: {IMAGES + 1}", "other images"]


def test_another_dataset_is_one_setting():
    network = replace(SPEC.network, classes=100, mean=(0.5, 0.5, 0.5), cells=2)
    changed = replace(SPEC, dataset="cifar100", images_sha256="0" * 64, network=network)
    assert changed_settings(changed, SPEC) == ["dataset: cifar100", "network.cells: 2"]


def test_which_kernels_there_are_is_no_setting():
    for changes in ({"batches": (Batch.CLEAN,)}, {"rhos": (1 / 255,)}, {"betas": (0.25,)}):
        assert changed_settings(replace(SPEC, **changes), SPEC) == []
    attack = replace(SPEC.attack, steps=3)
    assert changed_settings(replace(SPEC, attack=attack), SPEC) == ["attack.steps: 3"]


def test_the_attacked_network_is_a_setting_where_it_is_another(runs):
    image = replace(SPEC.network, norm=Norm.IMAGE)
    # The attacked network is normalised as the network is, unless something else is said.
    changed = replace(SPEC, network=image, attack_norm=None)
    assert changed_settings(changed, SPEC) == ["network.norm: image"]
    other = replace(SPEC, attack_norm=Norm.IMAGE)
    assert changed_settings(other, SPEC) == ["attack_norm: image"]


def test_settings_of_ones_own_networks():
    own = ScoringSpec(space="cnn", network=None, coupled=False, batches=(Batch.CLEAN,))
    assert changed_settings(replace(own, coupled=True, seeds=3), own) == [
        "seeds: 3",
        "coupled: True",
    ]


def test_runs_that_differ_alike_are_told_apart(runs, truth):
    thrice = [runs[0], runs[1], Run(runs[1].folder)]
    table = compare_runs(thrice, truth, resamples=0)
    settings = [s for s in table["settings"].unique() if "alone" not in s]
    assert settings == ["attacked", "seeds: 2", f"seeds: 2 ({runs[1].folder})"]


def test_each_seed_alone(runs, truth):
    found = compare_runs([runs[1]], truth, resamples=20).to_dict("records")
    rows = {(row["settings"], row["score"]): row for row in found}
    assert {settings for settings, _ in rows} == {
        "clean",
        "clean, seed 0 alone",
        "clean, seed 1 alone",
    }
    accuracy = truth.wide("cifar10")["pgd_8"][runs[1].ids].round(6)
    table = runs[1].table()
    for seed in (0, 1):
        values = table[table["seed"] == seed].set_index("id")["lambda_min"][runs[1].ids]
        values[runs[1].constant_ids()] = -np.inf
        row = rows[f"clean, seed {seed} alone", "lambda_min@clean"]
        assert row["spearman"] == pytest.approx(spearmanr(values, accuracy).statistic)
        mean = rows["clean", "lambda_min@clean"]
        assert row["difference"] == row["spearman"] - mean["spearman"]
        assert row["difference_low"] <= row["difference"] <= row["difference_high"]


def test_the_difference_is_on_the_same_resamples(runs, truth):
    rows = compare_runs(runs, truth, resamples=50).to_dict("records")
    found = {(row["settings"], row["score"]): row for row in rows}
    common = sorted(set(runs[0].ids) & set(runs[1].ids))
    for score in ("lambda_min@clean", "cond@clean"):
        scored = correlate(
            runs[1].scores().loc[common], truth, names=[score], dataset="cifar10", resamples=50
        ).query("score == @score and metric == 'pgd_8'")
        (expected,) = scored.to_dict("records")
        first, second = found["attacked", score], found["seeds: 2", score]
        for column in ("spearman", "spearman_low", "spearman_high"):
            assert second[column] == pytest.approx(expected[column])
        assert second["difference"] == second["spearman"] - first["spearman"]
        assert second["difference_low"] <= second["difference"] <= second["difference_high"]
        # Paired: narrower than the two intervals together.
        width = second["difference_high"] - second["difference_low"]
        assert 0 < width < sum(r["spearman_high"] - r["spearman_low"] for r in (first, second))
        assert all(first[f"difference{end}"] == 0 for end in ("", "_low", "_high"))
    # Attacked kernels are the first run's alone.
    assert ("seeds: 2", "cond@robust:8/255") not in found


def test_pairing_makes_the_interval_narrower(runs, truth):
    """The same scores in two runs have no difference, whatever their intervals."""
    table = compare_runs([runs[1], Run(runs[1].folder)], truth, resamples=50)
    again = table[table["settings"] == f"clean ({runs[1].folder})"]
    assert len(again) == 2
    assert (again[["difference", "difference_low", "difference_high"]] == 0).all(axis=None)
    assert (again["spearman_low"] < again["spearman_high"]).all()


def test_runs_of_ones_own(texts):
    accuracy = np.linspace(0.2, 0.9, 12)
    truth = truth_from_frame(pd.DataFrame({"accuracy": accuracy}, index=texts.ids))
    table = compare_runs([texts], truth, metric="accuracy", names=["params", "cond@clean"])
    scores = texts.scores()
    expected = [
        spearmanr(scores["params"], accuracy).statistic,
        spearmanr(-scores["cond@clean"], accuracy).statistic,
    ]
    assert table["spearman"].tolist() == pytest.approx(expected)


def test_refusals(runs, texts, truth):
    with pytest.raises(InputError, match="share architectures, got 0 in common"):
        compare_runs([runs[0], texts], truth)
    with pytest.raises(InputError, match="metric of cifar10: clean, pgd_8; got 'apgd'"):
        compare_runs(runs, truth, metric="apgd")
    one = truth_from_frame(pd.DataFrame({"pgd_8": [0.5]}, index=runs[0].ids[:1]))
    with pytest.raises(InputError, match="accuracies of two architectures or more, got 1"):
        compare_runs(runs, one)
