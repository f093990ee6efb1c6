"""The benchmark of our own: which cells, and what the report says."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import spearmanr

import ntknas
from experiments.mini_benchmark import (
    MiniBenchmarkConfig,
    chosen_architectures,
    picture,
    report,
    run,
)
from ntknas.spaces.nasbench201 import num_parameters
from ntknas.training import Recipe, TrainingSettings
from ntknas.truth import recipe_file
from tests.conftest import real_data


def test_cells_are_spread_over_the_sizes():
    chosen = chosen_architectures(48)
    assert len({a.id for a in chosen}) == 48
    assert not any(a.is_constant for a in chosen)
    assert [a.id for a in chosen] == [a.id for a in chosen_architectures(48)]
    all_sizes = np.array([num_parameters(a) for a in ntknas.architectures("all")])
    # Sizes are tied: a cell stands in the middle of those of its size.
    places = sorted(
        ((all_sizes < size).mean() + (all_sizes <= size).mean()) / 2
        for size in map(num_parameters, chosen)
    )
    assert np.abs(np.array(places) - (np.arange(48) + 0.5) / 48).max() < 0.1


METRICS = ("clean", "fgsm_3", "pgd_3", "fgsm_8", "pgd_8")


@pytest.fixture
def config(tmp_path):
    truth = real_data("robbench/NAS-RobBench-201_html.json")
    return MiniBenchmarkConfig(Path("unused"), truth, tmp_path, resamples=50)


def made_up(ids, truth):
    """Accuracies of seed 0 that are the published ones, and of seed 1 turned around."""
    published = ntknas.load_truth(truth).wide("cifar10")
    rows = []
    for label in ids:
        for seed, sign in ((0, 1), (1, -1)):
            values = {metric: sign * published.loc[label, metric] for metric in METRICS}
            rows.append({"architecture": label, "dataset": "cifar10", "seed": seed, **values})
    return pd.DataFrame(rows)


def test_the_report_compares_over_the_same_cells(config):
    ids = [a.id for a in chosen_architectures(20)]
    rows = report(made_up(ids, config.truth), config)

    def row(metric, x, y):
        return rows[(rows["metric"] == metric) & (rows["x"] == x) & (rows["y"] == y)].iloc[0]

    for metric in METRICS:
        same = row(metric, "mini benchmark", "NAS-RobBench-201")
        assert (same["n"], same["spearman"]) == (20, pytest.approx(1))
        assert row(metric, "seed 0", "seed 1")["spearman"] == pytest.approx(-1)
    published = ntknas.load_truth(config.truth).wide("cifar10")["pgd_8"].loc[ids]
    params = ntknas.load_precomputed().scores().loc[ids, "params"]
    expected = spearmanr(params, published).statistic
    of_params = row("pgd_8", "params", "NAS-RobBench-201")
    assert of_params["spearman"] == pytest.approx(expected)
    assert of_params["low"] <= of_params["spearman"] <= of_params["high"]
    assert row("pgd_8", "default ranking", "NAS-RobBench-201")["spearman"] > 0.3


def test_the_picture_has_both_seeds_and_the_correlations(config, monkeypatch):
    drawn = []
    monkeypatch.setattr("experiments.mini_benchmark.save_picture", lambda *what: drawn.append(what))
    results = made_up([a.id for a in chosen_architectures(8)], config.truth)
    table = report(results, config)
    picture(results, table, config)
    ((figure, path),) = drawn
    assert path == config.out / "accuracies.png"
    clean, *_ = figure.axes
    assert [len(line.get_xdata()) for line in clean.lines] == [8, 8]
    np.testing.assert_allclose(clean.lines[0].get_xdata(), clean.lines[0].get_ydata())
    assert clean.get_title() == "clean\nSpearman 1.00 [1.00, 1.00]"


def test_the_table_of_the_documents_is_that_of_the_defaults():
    file = Path(__file__).parents[2] / "docs/results/mini_benchmark.csv"
    table = pd.read_csv(file)
    ids = [a.id for a in chosen_architectures(48)]
    assert set(table.loc[table["seed"] == 0, "architecture"]) == set(ids)
    assert set(table.loc[table["seed"] == 1, "architecture"]) == set(ids[::3])
    settings = TrainingSettings.from_json(recipe_file(file).read_text())
    defaults = MiniBenchmarkConfig(Path("unused"), Path("unused"))
    assert settings.recipe == defaults.recipe
    assert (settings.network.channels, settings.network.cells) == (8, 3)
    truth = ntknas.load_truth(file)
    assert list(truth.wide("cifar10").columns) == list(METRICS)
    assert "trained on 5000 images for 30 epochs" in " ".join(truth.notes)


@pytest.mark.slow
def test_run_trains_and_resumes(config):
    data = real_data("cifar10/cifar10_subset.npz")
    attack = ntknas.AttackSpec(steps=1, step_size=8 / 255)
    tiny = replace(
        config,
        data=data,
        count=3,
        train_images=40,
        test_images=20,
        channels=4,
        recipe=Recipe(epochs=1, batch_size=40, attack=attack),
    )
    table = run(tiny)
    assert set(table["n"]) == {1, 3}
    truth = ntknas.load_truth(config.out / "truth.csv")
    assert set(truth.wide("cifar10").columns) == set(METRICS)
    pd.testing.assert_frame_equal(run(tiny), table)
    elsewhere = replace(tiny, out=config.out / "elsewhere", table=config.out / "truth.csv")
    pd.testing.assert_frame_equal(run(elsewhere), table)
    assert not list((elsewhere.out / "trainings").glob("*/*/result.json"))
