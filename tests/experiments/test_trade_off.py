"""Correlation against cost, on tiny networks."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import spearmanr

import ntknas
from experiments import trade_off
from experiments.trade_off import SETTINGS, TradeOffConfig, picture, run
from ntknas.engine import run_cost
from ntknas.evaluation import in_development
from ntknas.runs import PRESETS
from tests.engine.tiny import CLEAN

# The engine's tests compile the same program.
TINY_SETTINGS = {"image_n6_cells1": CLEAN, "image_n6_cells1_seeds2": replace(CLEAN, seeds=2)}


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    from tests.conftest import real_data

    truth = real_data("robbench/NAS-RobBench-201_html.json")
    config = TradeOffConfig(truth, tmp_path_factory.mktemp("trade_off"), count=30, resamples=50)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(trade_off, "SETTINGS", TINY_SETTINGS)
        return config, run(config)


def test_cheapest_first_with_every_setting(found):
    _, table = found
    assert set(table["setting"]) == set(TINY_SETTINGS)
    assert table["gflop"].is_monotonic_increasing
    assert (table["n"] == 30).all()
    cost = table.set_index("setting")["gflop"]
    assert cost["image_n6_cells1_seeds2"] == pytest.approx(2 * cost["image_n6_cells1"])


def test_a_row_is_what_the_run_says(found):
    config, table = found
    folder = config.out / "image_n6_cells1"
    scores = ntknas.Run(folder).scores()
    assert all(map(in_development, scores.index))
    flops = [run_cost(ntknas.Architecture.from_id(i), CLEAN).flops for i in scores.index]
    row = table.set_index("setting").loc["image_n6_cells1"]
    assert row["gflop"] == pytest.approx(np.mean(flops) / 1e9)
    accuracy = ntknas.load_truth(config.truth).wide("cifar10")["pgd_8"][scores.index].round(6)
    expected = spearmanr(scores["sphericity@clean"], accuracy).statistic
    assert row["sphericity"] == pytest.approx(expected)
    best = accuracy.nlargest(3).index
    within = spearmanr(scores.loc[best, "layer_cosine_lambda_min@clean"], accuracy[best]).statistic
    assert row["layer_cosine_lambda_min_top"] == pytest.approx(within)
    assert row["default_low"] <= row["default"] <= row["default_high"]


def test_picture(found, tmp_path):
    _, table = found
    picture(table, tmp_path / "picture.png", title="tiny")
    assert (tmp_path / "picture.png").stat().st_size > 10_000


def test_the_presets_are_among_the_settings():
    assert PRESETS["fast"] == SETTINGS["image_n8_cells2"]
    standard = replace(SETTINGS["image_n16_cells1_seeds3"], parts="groups")
    assert PRESETS["standard"] == standard
