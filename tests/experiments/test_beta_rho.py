"""Preferences of beta and rho, on a tiny network."""

import sys
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy.stats import spearmanr

import ntknas
from experiments import beta_rho
from experiments.beta_rho import BetaRhoConfig, run
from tests.engine.tiny import CONSTANT, TINY

TRUTH = "robbench/NAS-RobBench-201_html.json"
# The engine's tests compile the same program.
SPEC = replace(TINY, seeds=1, rhos=(0.0, 8 / 255))


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    from tests.conftest import real_data

    folder = tmp_path_factory.mktemp("beta_rho") / "run"
    ntknas.score(["random:23", CONSTANT], out=folder, spec=SPEC)
    config = BetaRhoConfig(
        folder,
        real_data(TRUTH),
        metrics=("clean", "pgd_8"),
        scores=("cond", "sphericity"),
        betas=(0.0, 0.5, 1.0),
        resamples=40,
    )
    return config, *run(config)


def test_the_grid_holds_the_correlations_of_a_sweep(found):
    config, grid, _ = found
    assert len(grid) == 2 * 2 * 2 * 2 * 3
    scored = ntknas.Run(config.folder)
    values = scored.scores(scored.sweep([0.5]))["cond@mixed_robust:8/255:0.5"]
    constant = [i for i in values.index if ntknas.Architecture.from_id(i).is_constant]
    values[constant] = np.inf
    accuracy = ntknas.load_truth(config.truth).wide("cifar10")["pgd_8"][values.index].round(6)
    row = grid.query("score == 'cond' and kernel == 'mixed_robust' and metric == 'pgd_8'")
    row = row[(row["beta"] == 0.5) & (row["rho"] > 0)].iloc[0]
    assert row["spearman"] == pytest.approx(-spearmanr(values, accuracy).statistic)


def test_no_attack_and_beta_0_are_the_clean_kernel(found):
    _, grid, preferences = found
    # At radius 0 all batches are the clean one, at beta 0 the mixed clean kernel is.
    same = grid[(grid["kernel"] == "mixed_clean") & ((grid["rho"] == 0) | (grid["beta"] == 0))]
    clean = preferences.set_index(["score", "kernel", "metric"])["clean"]
    for row in same.to_dict(orient="records"):
        expected = clean[row["score"], "mixed_clean", row["metric"]]
        assert row["spearman"] == pytest.approx(expected, abs=0.02)  # rounding may swap two


def test_the_preferred_pair_is_the_best_of_its_grid(found):
    _, grid, preferences = found
    assert len(preferences) == 2 * 2 * 2
    for row in preferences.to_dict(orient="records"):
        keys = ["score", "kernel", "metric"]
        part = grid[(grid[keys] == [row[key] for key in keys]).all(axis=1)]
        assert row["spearman"] == part["spearman"].max()
        assert part["share"].sum() == pytest.approx(1)
        assert row["beta_low"] <= row["beta_high"]
        assert row["rho_low"] <= row["rho_high"]
        assert row["gain_low"] <= row["gain"] <= row["gain_high"]


def test_table_and_pictures_are_written(found, tmp_path, monkeypatch, capsys):
    config, grid, preferences = found
    argv = ["beta_rho", str(config.folder), "--truth", str(config.truth), "--out", str(tmp_path)]
    argv += ["--metrics", *config.metrics, "--scores", *config.scores, "--resamples", "2"]
    monkeypatch.setattr(sys, "argv", argv)
    beta_rho.main()
    for score in config.scores:
        assert (tmp_path / f"{score}.png").stat().st_size > 10_000
    text = (tmp_path / "table.md").read_text()
    assert text == capsys.readouterr().out
    assert len(text.splitlines()) == 2 + len(preferences)
    written = pd.read_csv(tmp_path / "grid.csv")
    assert set(written["beta"]) == set(beta_rho.BetaRhoConfig.betas)
    best = grid.groupby(["score", "kernel", "metric"])["spearman"].max()
    assert (written.groupby(["score", "kernel", "metric"])["spearman"].max() >= best - 1e-12).all()


def test_bad_input_is_one_line(monkeypatch, capsys, found):
    config, *_ = found
    argv = ["beta_rho", str(config.folder), "--truth", str(config.truth), "--metrics", "banana"]
    monkeypatch.setattr(sys, "argv", argv)
    with pytest.raises(SystemExit) as stop:
        beta_rho.main()
    assert stop.value.code == 2
    assert "banana" in capsys.readouterr().err
    with pytest.raises(ntknas.InputError, match="expected scores of"):
        run(replace(config, scores=("banana",)))
