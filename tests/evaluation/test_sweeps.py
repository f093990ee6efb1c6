"""Sweeps of mixed kernels over beta; the Gram matrices are made up."""

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from ntknas.errors import InputError
from ntknas.evaluation import (
    beta_grid,
    correlate,
    sweep_correlations,
    sweep_medians,
    sweeps,
    turned,
)
from ntknas.ranking import correlations
from ntknas.spaces import architectures
from ntknas.truth import truth_from_frame
from tests.evaluation.made_up import SPEC, make_run


def test_grid_has_round_numbers_and_both_ends():
    assert beta_grid("0:1:0.1") == [0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0]
    assert beta_grid("0.5:0.5:1") == [0.5]
    assert beta_grid("0:1:0.4") == [0.0, 0.4, 0.8]
    assert beta_grid("1, 0, 1/2, 1") == [0.0, 0.5, 1.0]


@pytest.mark.parametrize("text", ["0:1", "0:1:0", "1:0:0.1", "0:1:1e-9", "x", "", "0:1:0.1:2"])
def test_bad_grid(text):
    with pytest.raises(InputError):
        beta_grid(text)


def test_medians_by_hand_and_ends_are_pure_kernels(run):
    table = sweep_medians(run, [0.0, 0.3, 1.0], ["cond", "lambda_min"])
    assert len(table) == 2 * 2 * 2 * 3
    assert list(table["score"].unique()) == ["cond", "lambda_min"]  # in the order wanted
    scores = run.scores()
    pure = {
        ("mixed_clean", 0.0): "clean",
        ("mixed_clean", 1.0): "robust:8/255",
        ("mixed_robust", 1.0): "twice:8/255",
    }
    for (kernel, beta), name in pure.items():
        rows = table[(table["kernel"] == kernel) & (table["beta"] == beta)]
        row = rows[(rows["score"] == "lambda_min") & (rows["rho"] == 8 / 255)].iloc[0]
        known = scores[f"lambda_min@{name}"]
        assert row["n"] == len(known)
        expected = known.quantile([0.25, 0.5, 0.75])
        found = row[["value_low", "value", "value_high"]].to_numpy(float)
        np.testing.assert_allclose(found, expected, rtol=1e-9)


def test_parts_of_the_kernels_have_curves_of_their_own(tmp_path, truth):
    spec = replace(SPEC, parts="groups", rhos=(8 / 255,))
    run = make_run(tmp_path / "run", architectures("random:8"), spec)
    stored = run.scores()
    table = sweep_medians(run, [0.0, 1.0], ["cond", "cond.head"])
    assert table["score"].tolist() == ["cond"] * 4 + ["cond.head"] * 4
    for score, part in (("cond", ""), ("cond.head", ".head")):
        rows = table[(table["score"] == score) & (table["kernel"] == "mixed_clean")]
        ends = [stored[f"cond@{kernel}"] for kernel in (f"clean{part}", f"robust{part}:8/255")]
        assert rows["value"].tolist() == pytest.approx([end.median() for end in ends])
    curves = sweep_correlations(run, [0.0, 1.0], truth, ["cond.stem"], resamples=5)
    assert set(curves["score"]) == {"cond.stem"}
    assert len(curves) == 4


@pytest.mark.parametrize(
    ("score", "message"),
    [
        ("cond.tail", "no part 'tail' of cond: the run keeps stem, head"),
        ("layer_cosine_cond.head", "expected layer_cosine_cond without a part"),
        ("cnd.head", "expected a score without its kernel"),
    ],
)
def test_a_part_that_is_none_is_one_line(score, message, tmp_path):
    spec = replace(SPEC, parts="groups", rhos=(8 / 255,))
    run = make_run(tmp_path / "run", architectures("random:2"), spec)
    with pytest.raises(InputError, match=message):
        sweep_medians(run, [0.0], [score])


def test_correlations_are_those_of_the_swept_scores(run, truth):
    options: dict[str, Any] = {"resamples": 20, "seed": 2}
    table = sweep_correlations(
        run, [0.25, 0.75], truth, ["cond", "lambda_min"], metric="clean", **options
    )
    assert len(table) == 2 * 2 * 2 * 2
    assert list(table.columns[:6]) == ["score", "kernel", "rho", "beta", "dataset", "metric"]
    swept = run.scores(run.sweep([0.25, 0.75]))
    for row in table.to_dict("records"):
        radius = round(255 * row["rho"])
        name = f"{row['score']}@{row['kernel']}:{radius}/255:{row['beta']}"
        expected = correlate(
            swept, truth, dataset="cifar10", names=[name], metrics=["clean"], **options
        ).iloc[0]
        for column in ("n", "spearman", "spearman_low", "kendall_high", "weighted_kendall"):
            assert row[column] == expected[column]


def test_differences_from_beta_0_are_paired(run, truth):
    """By hand: resample architectures, rank anew, and compare both betas on each resample."""
    options: dict[str, Any] = {"metric": "pgd_8", "resamples": 30, "seed": 3}
    table = sweep_correlations(run, [0.0, 0.5], truth, ["cond"], **options)
    assert (table.loc[table["beta"] == 0, "difference"] == 0).all()
    names = ["cond@mixed_robust:8/255:0", "cond@mixed_robust:8/255:0.5"]
    scores = turned(run.scores(run.sweep([0.0, 0.5])), names)
    accuracy = np.array(
        [truth.value(truth.representative_of[i], "cifar10", "pgd_8") for i in scores.index]
    ).round(6)
    draws = np.random.default_rng(3).integers(len(scores), size=(30, len(scores)))
    by_hand = [
        correlations(scores[names[1]].to_numpy()[draw], accuracy[draw]).spearman
        - correlations(scores[names[0]].to_numpy()[draw], accuracy[draw]).spearman
        for draw in draws
    ]
    row = table[(table["kernel"] == "mixed_robust") & (table["rho"] == 8 / 255)].iloc[1]
    ends = np.quantile(by_hand, [0.025, 0.975])
    np.testing.assert_allclose(row[["difference_low", "difference_high"]].astype(float), ends)
    assert row["difference"] == pytest.approx(
        correlations(scores[names[1]], accuracy).spearman
        - correlations(scores[names[0]], accuracy).spearman
    )
    alone = sweep_correlations(run, [0.5], truth, ["cond"], **options)
    pd.testing.assert_frame_equal(alone, table[table["beta"] > 0].reset_index(drop=True))


def test_differences_are_over_the_architectures_that_have_both_scores(run, truth, monkeypatch):
    """A network without a score at beta 1/2 counts neither there nor at beta 0."""
    mixed = ["cond@mixed_robust:8/255:0", "cond@mixed_robust:8/255:0.5"]
    whole = run.scores(run.sweep([0.0, 0.5]))[mixed]
    lacking = whole.copy()
    lacking.attrs = whole.attrs
    lacking.loc[lacking.index[:2], mixed[1]] = np.nan
    monkeypatch.setattr(sweeps, "_swept", lambda *_: lacking)
    options: dict[str, Any] = {"metric": "pgd_8", "resamples": 50}
    found = sweep_correlations(run, [0.0, 0.5], truth, ["cond"], **options).iloc[1]
    rest = whole.iloc[2:]
    rest.attrs = whole.attrs
    monkeypatch.setattr(sweeps, "_swept", lambda *_: rest)
    expected = sweep_correlations(run, [0.0, 0.5], truth, ["cond"], **options).iloc[1]
    columns = ["difference", "difference_low", "difference_high"]
    np.testing.assert_allclose(found[columns].astype(float), expected[columns].astype(float))


def test_differences_are_undefined_where_accuracies_are_equal(run):
    same = truth_from_frame(pd.DataFrame({"pgd_8": 0.5}, index=run.ids))
    table = sweep_correlations(run, [0.0, 0.5], same, ["cond"], metric="pgd_8", resamples=20)
    assert table[["difference", "difference_low", "difference_high"]].isna().all(axis=None)


def test_constant_networks_are_last_in_a_sweep(run, truth):
    """The ends of a sweep are kernels of the run, whose constant network is last."""
    table = sweep_correlations(run, [0.0], truth, ["lambda_min"], resamples=0)
    expected = correlate(run, truth, names=["lambda_min@clean"], metrics=["pgd_8"], resamples=0)
    found = table[(table["kernel"] == "mixed_clean") & (table["rho"] == 8 / 255)]
    assert found["spearman"].tolist() == pytest.approx([expected["spearman"][0]])


def test_dataset_and_metric_by_default(run, truth):
    table = sweep_correlations(run, [0.5], truth, resamples=0)
    assert table[["score", "dataset", "metric"]].drop_duplicates().to_numpy().tolist() == [
        ["lambda_min", "cifar10", "pgd_8"]
    ]
    other = sweep_correlations(run, [0.5], truth, dataset="cifar100", metric="clean", resamples=0)
    assert set(other["dataset"]) == {"cifar100"}
    with pytest.raises(InputError, match="choose a metric of made-here.json: clean"):
        sweep_correlations(run, [0.5], truth, dataset="cifar100")


def test_a_sweep_of_ones_own(texts):
    truth = truth_from_frame(pd.DataFrame({"accuracy": np.arange(12.0)}, index=texts.ids))
    table = sweep_correlations(texts, [0.0, 1.0], truth, metric="accuracy", resamples=0)
    assert table[["kernel", "beta", "n"]].to_numpy().tolist() == [
        ["mixed_clean", 0.0, 12],
        ["mixed_clean", 1.0, 12],
    ]
    expected = correlate(
        texts, truth, names=["lambda_min@clean", "lambda_min@robust:8/255"], resamples=0
    )
    assert table["spearman"].tolist() == pytest.approx(expected["spearman"][:2].tolist())
    assert (sweep_medians(texts, [0.5])["n"] == 12).all()


@pytest.mark.parametrize(
    ("betas", "scores", "complaint"),
    [
        ([0.0, 2.0], ["cond"], r"\[0, 1\], got 2"),
        ([], ["cond"], "at least one beta"),
        ([0.5], ["cond@clean"], "without its kernel"),
        ([0.5], ["params"], "without its kernel: lambda_min, .* got 'params'"),
    ],
)
def test_refusals(run, truth, betas, scores, complaint):
    with pytest.raises(InputError, match=complaint):
        sweep_medians(run, betas, scores)
    with pytest.raises(InputError, match=complaint):
        sweep_correlations(run, betas, truth, scores)
