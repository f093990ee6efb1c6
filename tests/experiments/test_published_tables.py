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
    sensitivity,
)
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


def test_sensitivity_names_what_differs(runs, truth_file):
    truth = ntknas.load_truth(truth_file)
    table = sensitivity(runs, truth, resamples=0)
    alone = [f"seeds: 2, seed {seed} alone" for seed in (0, 1)]
    assert list(table["settings"].unique()) == ["attacked", "seeds: 2", *alone]
    assert set(table["n"]) == {len(set(runs[0].ids) & set(runs[1].ids))}
    clean = table.query("settings == 'seeds: 2'")["score"]
    assert set(clean) == {"lambda_min@clean", "cond@clean"}


def test_other_scores(runs, truth_file):
    truth = ntknas.load_truth(truth_file)
    scores = ("trace@robust:0.0313725", "live_params", "cond@clean+params")
    table = comparison(runs[0], truth, scores=scores, metrics=["pgd_8"], resamples=0)
    named = ["trace@robust:8/255", "live_params", "cond@clean+params"]
    assert list(table["score"]) == [*named, "params", "flops"]
    assert table["published"].isna().all()
    alone = sensitivity(runs[:1], truth, scores=scores, resamples=0)
    assert list(alone["score"]) == named
    assert list(alone["spearman"]) == pytest.approx(list(table["spearman"][:3]))
    with pytest.raises(ntknas.InputError, match="no score trace@twice:1/255 here"):
        sensitivity(runs[:1], truth, scores=["trace@twice:1/255"], resamples=0)


def test_other_images_are_named_in_words():
    changed = replace(SPEC, images_sha256="0" * 64, batch_size=SPEC.batch_size + 1)
    found = published_tables._changes(changed, SPEC)
    assert sorted(found) == [f"batch_size: {SPEC.batch_size + 1}", "other images"]


def test_another_dataset_is_one_setting():
    network = replace(SPEC.network, classes=100, mean=(0.5, 0.5, 0.5), cells=2)
    changed = replace(SPEC, dataset="cifar100", images_sha256="0" * 64, network=network)
    assert published_tables._changes(changed, SPEC) == ["dataset: cifar100", "network.cells: 2"]


def test_runs_that_differ_alike_are_told_apart(runs, truth_file):
    thrice = [runs[0], runs[1], ntknas.Run(runs[1].folder)]
    table = sensitivity(thrice, ntknas.load_truth(truth_file), resamples=0)
    settings = [s for s in table["settings"].unique() if "alone" not in s]
    assert settings == ["attacked", "seeds: 2", f"seeds: 2 ({runs[1].folder})"]


def test_each_seed_alone(runs, truth_file):
    truth = ntknas.load_truth(truth_file)
    found = sensitivity([runs[1]], truth, resamples=20).to_dict("records")
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
    text = report(PublishedTablesConfig((runs[1].folder,), truth_file, resamples=0))
    assert "| clean, seed 1 alone |" in text


def test_sensitivity_is_the_difference_on_the_same_resamples(runs, truth_file):
    truth = ntknas.load_truth(truth_file)
    rows = sensitivity(runs, truth, resamples=50).to_dict("records")
    found = {(row["settings"], row["score"]): row for row in rows}
    common = sorted(set(runs[0].ids) & set(runs[1].ids))
    for score in ("lambda_min@clean", "cond@clean"):
        scored = ntknas.correlate(
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


def test_report(runs, truth_file):
    folders = tuple(run.folder for run in runs)
    text = report(PublishedTablesConfig(folders, truth_file, metrics=("pgd_8",), resamples=0))
    assert "| cond@robust:8/255 | ours |" in text
    assert "| seeds: 2 |" in text
    assert re.search(r"\| seeds: 2 \| -?0\.\d{3}; [+-]0\.\d{3} \|", text)
    assert "6 cifar10 images, 1 seed, norm image, 1 cell a stage, pgd 3/255, 8/255, 2 steps" in text


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
