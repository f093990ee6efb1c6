"""The published tables beside ours, on tiny networks: rows, figures, settings that differ."""

import re
import sys
from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import spearmanr

import ntknas
from experiments import published_tables
from experiments.published_tables import (
    PUBLISHED,
    PublishedTablesConfig,
    comparison,
    report,
)
from ntknas.evaluation import compare_runs
from tests.engine.tiny import CLEAN, TINY

# The engine's tests compile the same programs.
SPEC = replace(TINY, seeds=1)


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("published")
    ntknas.score("random:12", out=folder / "attacked", spec=SPEC)
    ntknas.score("random:16", out=folder / "clean", spec=replace(CLEAN, seeds=2))
    return [ntknas.Run(folder / name) for name in ("attacked", "clean")]


@pytest.fixture
def truth_file(data_file):
    return data_file("robbench/NAS-RobBench-201_html.json")


def test_comparison(runs, truth_file):
    truth = ntknas.load_truth(truth_file)
    table = comparison(runs[0], truth, resamples=20)
    kernels = ("clean", "robust:3/255", "robust:8/255", "twice:3/255", "twice:8/255")
    scores = [f"{score}@{kernel}" for score in ("lambda_min", "cond") for kernel in kernels]
    assert list(table["score"].unique()) == [*scores, "params", "flops"]
    row = table.query("score == 'cond@robust:8/255' and metric == 'pgd_8'").iloc[0]
    assert row["published"] == 0.753
    assert row["difference"] == row["spearman"] - 0.753
    values = runs[0].scores()["cond@robust:8/255"]
    values[[i for i in values.index if ntknas.Architecture.from_id(i).is_constant]] = np.inf
    accuracy = truth.wide("cifar10")["pgd_8"][values.index].round(6)
    assert row["spearman"] == pytest.approx(-spearmanr(values, accuracy).statistic)
    assert row["spearman_low"] <= row["spearman"] <= row["spearman_high"]


def test_only_the_publications_own_truth_has_published_figures(runs, truth_file, data_file):
    truth = ntknas.load_truth(truth_file)
    other = ntknas.load_truth(data_file("robbench/acc.json"))
    for chosen, dataset in ((truth, "cifar100"), (other, "cifar10")):
        table = comparison(runs[1], chosen, dataset=dataset, metrics=["clean"], resamples=0)
        assert table["published"].isna().all()


def test_other_scores(runs, truth_file):
    truth = ntknas.load_truth(truth_file)
    scores = ("trace@robust:0.0313725", "live_params", "cond@clean+params")
    table = comparison(runs[0], truth, scores=scores, metrics=["pgd_8"], resamples=0)
    named = ["trace@robust:8/255", "live_params", "cond@clean+params"]
    assert list(table["score"]) == [*named, "params", "flops"]
    assert table["published"].isna().all()
    alone = compare_runs(runs[:1], truth, names=scores, resamples=0)
    assert list(alone["score"]) == named
    assert list(alone["spearman"]) == pytest.approx(list(table["spearman"][:3]))
    with pytest.raises(ntknas.InputError, match="no score trace@twice:1/255 here"):
        comparison(runs[0], truth, scores=["trace@twice:1/255"], resamples=0)


def test_report(runs, truth_file):
    folders = tuple(run.folder for run in runs)
    text = report(PublishedTablesConfig(folders, truth_file, metrics=("pgd_8",), resamples=0))
    assert "| cond@robust:8/255 | ours |" in text
    assert "| seeds: 2 |" in text
    assert re.search(r"\| seeds: 2 \| -?0\.\d{3}; [+-]0\.\d{3} \|", text)
    assert (
        "6 cifar10 images, 1 seed, norm image, 1 cell per stage, pgd 3/255, 8/255, 2 steps" in text
    )


def test_report_of_one_run(runs, truth_file):
    """Side by side only where there is something beside it: here the seeds, each alone."""
    text = report(PublishedTablesConfig((runs[1].folder,), truth_file, resamples=0))
    assert "| clean |" in text
    assert "| clean, seed 1 alone |" in text
    text = report(PublishedTablesConfig((runs[0].folder,), truth_file, resamples=0))
    assert "Side by side" not in text


def test_report_holds_the_numbers_of_the_comparison(runs, truth_file):
    folders = tuple(run.folder for run in runs)
    names = ("cond@clean", "cond@clean-params")
    text = report(PublishedTablesConfig(folders, truth_file, scores=names, resamples=20))
    table = compare_runs(runs, ntknas.load_truth(truth_file), names=names, resamples=20)
    for settings in table["settings"].unique():
        (line,) = [line for line in text.splitlines() if line.startswith(f"| {settings} |")]
        rows = table[table["settings"] == settings]
        assert re.findall(r"\| (-?\d\.\d{3})", line) == [f"{v:.3f}" for v in rows["spearman"]]
        signed = [f"{v:+.3f}" for v in rows["difference"]]
        assert re.findall(r"; ([+-]\d\.\d{3})", line) == (signed if settings != "attacked" else [])


def test_published_figures():
    assert PUBLISHED["lambda_min@twice:8/255"]["fgsm_8"] == 0.622
    assert PUBLISHED["cond@clean"]["apgd_8"] == 0.748
    assert len(PUBLISHED) == 10


def test_bad_input_is_one_line(monkeypatch, capsys, tmp_path, truth_file):
    argv = ["published_tables", str(tmp_path / "nothing"), "--truth", str(truth_file)]
    monkeypatch.setattr(sys, "argv", argv)
    with pytest.raises(SystemExit) as stop:
        published_tables.main()
    assert stop.value.code == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    assert "no run in" in lines[0]
