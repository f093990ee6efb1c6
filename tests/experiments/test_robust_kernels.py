"""Robust kernels against clean ones: figures, paired differences, bad input."""

import sys
from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import spearmanr

import ntknas
from experiments import robust_kernels
from experiments.robust_kernels import RobustKernelsConfig, gains, report
from tests.engine.tiny import CLEAN, TINY


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("robust")
    ntknas.score("random:12", out=folder / "attacked", spec=replace(TINY, seeds=1))
    ntknas.score("random:4", out=folder / "clean", spec=CLEAN)
    return folder / "attacked", folder / "clean"


@pytest.fixture
def truth_file(data_file):
    return data_file("robbench/NAS-RobBench-201_html.json")


def test_gains_are_differences_of_correlations(runs, truth_file):
    config = RobustKernelsConfig(runs[0], truth_file, ("cond", "trace"), resamples=30)
    run, truth = ntknas.Run(runs[0]), ntknas.load_truth(truth_file)
    table = gains(run, truth, config, "pgd_8", 1.0)
    attacked = ["robust:3/255", "robust:8/255", "twice:3/255", "twice:8/255"]
    assert list(table["kernel"]) == 2 * ["clean", *attacked]
    assert set(table["n"]) == {12}
    scores = run.scores()
    accuracy = truth.wide("cifar10")["pgd_8"][scores.index].round(6)
    constant = [i for i in scores.index if ntknas.Architecture.from_id(i).is_constant]
    of_clean = table.set_index(["score", "kernel"])["spearman"]
    for row in table.to_dict("records"):
        values = scores[f"{row['score']}@{row['kernel']}"].copy()
        values[constant] = np.inf if row["score"] == "cond" else -np.inf
        sign = -1 if row["score"] == "cond" else 1
        assert row["spearman"] == pytest.approx(sign * spearmanr(values, accuracy).statistic)
        assert row["gain"] == pytest.approx(row["spearman"] - of_clean[row["score"], "clean"])
        assert row["spearman_low"] <= row["spearman"] <= row["spearman_high"]
        assert row["gain_low"] <= row["gain"] <= row["gain_high"]
    # Paired with itself, the clean kernel gains nothing in any resample.
    clean = table[table["kernel"] == "clean"]
    assert (clean[["gain", "gain_low", "gain_high"]] == 0).all(axis=None)


def test_the_top_fraction_holds_the_best_accuracies(runs, truth_file):
    config = RobustKernelsConfig(runs[0], truth_file, ("cond",), resamples=5)
    run, truth = ntknas.Run(runs[0]), ntknas.load_truth(truth_file)
    table = gains(run, truth, config, "fgsm_3", 0.5)
    assert set(table["n"]) == {6}
    scores = run.scores()["cond@clean"]
    best = truth.wide("cifar10")["fgsm_3"][scores.index].nlargest(6)
    point = -spearmanr(scores[best.index], best.round(6)).statistic
    assert table["spearman"].iloc[0] == pytest.approx(point)


def test_the_page_has_a_table_per_accuracy_and_fraction(runs, truth_file):
    config = RobustKernelsConfig(
        runs[0], truth_file, ("cond",), metrics=("clean", "pgd_8"), resamples=5
    )
    titles = [line for line in report(config).splitlines() if line.endswith("architectures")]
    assert titles == [
        "clean, all, 12 architectures",
        "clean, best 0.1, 2 architectures",
        "pgd_8, all, 12 architectures",
        "pgd_8, best 0.1, 2 architectures",
    ]


@pytest.mark.parametrize(
    ("run", "options", "message"),
    [
        (1, ["--score", "cond"], "expected a run with cond of clean and of attacked kernels"),
        (0, ["--score", "cond.head"], "expected a run with cond.head of clean and of"),
        (0, ["--score", "cond", "--metrics", "speed"], "expected a metric of autoattack, clean"),
        (0, ["--score", "cond", "--top-fraction", "0"], "fractions above 0 and at most 1, got 0"),
        (0, ["--score", "cond", "--resamples", "0"], "at least one resample, got 0"),
    ],
)
def test_bad_input_is_one_line(monkeypatch, capsys, runs, truth_file, run, options, message):
    arguments = ["robust_kernels", str(runs[run]), "--truth", str(truth_file), *options]
    monkeypatch.setattr(sys, "argv", arguments)
    with pytest.raises(SystemExit) as error:
        robust_kernels.main()
    assert error.value.code == 2
    shown = capsys.readouterr().err
    assert message in shown
    assert shown.count("\n") == 1
