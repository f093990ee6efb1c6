"""The table that comes with the package is what scoring under its preset gives."""

import hashlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from pandas.testing import assert_frame_equal

import ntknas
from experiments import precompute
from ntknas.engine import fit_spec
from ntknas.errors import InputError
from ntknas.evaluation import correlate, default_ranking, rank, ranks_by_draw
from ntknas.images import load_images
from ntknas.runs import PRESETS, load_precomputed
from ntknas.runs.precomputed import PRECOMPUTED, Precomputed, write_precomputed
from ntknas.scores import ScoreKind, score_names
from ntknas.spaces.nasbench201 import Architecture
from ntknas.spaces.nasbench201.listing import representatives
from tests.engine.tiny import CLEAN

# Rounding may put an activation on ReLU's other side on another machine, which moves entries of a
# kernel by up to a hundredth; the smallest eigenvalue feels it most.
ROUNDING = 0.03


PROXIES = list(score_names(ScoreKind.PROXY))


def test_it_holds_the_whole_space_in_ten_megabytes():
    table = load_precomputed()
    assert table.scores().index.tolist() == sorted(set(representatives()))
    assert not table.scores().isna().any(axis=None)
    assert PRECOMPUTED.stat().st_size < 10e6
    assert table.spec == fit_spec(PRESETS["standard"], load_images())
    draws = table.scores_by_draw()
    assert len(draws) == table.spec.seeds == 3
    kernels = [draw.drop(columns=PROXIES) for draw in draws]
    mean = (kernels[0] + kernels[1] + kernels[2]) / 3
    expected = table.scores().drop(columns=PROXIES)
    assert_frame_equal(mean, expected, rtol=1e-9, check_dtype=False)
    assert not kernels[0].equals(kernels[1])
    # The zero-cost proxies are those of the first draw.
    assert_frame_equal(draws[0][PROXIES], table.scores()[PROXIES])
    assert draws[1][PROXIES].isna().all(axis=None)
    assert draws[2][PROXIES].isna().all(axis=None)
    assert {"ntknas", "jax", "device", "images", "dtype"} <= set(table.meta)
    assert table.space == table.scores().attrs["space"] == "nasbench201"
    assert table.ids == table.scores().index.tolist()
    assert table.constant_ids() == [i for i in table.ids if Architecture.from_id(i).is_constant]
    assert table.strings[9930] == Architecture.from_id(9930).string


def test_its_card_is_of_this_file():
    card = (Path(ntknas.__file__).parents[1] / "docs/reference/precomputed_table.md").read_text()
    content = PRECOMPUTED.read_bytes()
    assert hashlib.sha256(content).hexdigest() in card
    assert f"{len(content):,} bytes" in card
    table = load_precomputed()
    assert f"{sum(map(len, table.scores_by_draw())):,}" in card
    kernels = [name for name in map(str, table.scores()) if "@" in name]
    assert len([name for name in kernels if "." not in name]) == 18
    assert len([name for name in kernels if "." in name]) == 14 * 7
    assert f"{len(PROXIES)} zero-cost proxies" in card


@pytest.mark.slow
def test_a_random_handful_is_what_scoring_gives(tmp_path):
    rng = np.random.default_rng(2026)
    ids = sorted(int(i) for i in rng.choice(sorted(set(representatives())), 4, replace=False))
    fresh = ntknas.score(ids, out=tmp_path / "run", spec=PRESETS["standard"]).scores()
    every = load_precomputed().scores().loc[ids]
    stored = every.drop(columns=PROXIES)
    assert list(fresh.columns) == list(stored.columns)
    kernel = [name for name in map(str, fresh) if "@" in name]
    assert_frame_equal(fresh[kernel], stored[kernel], rtol=ROUNDING)
    assert_frame_equal(fresh.drop(columns=kernel), stored.drop(columns=kernel), check_exact=True)
    spec = replace(PRESETS["standard"], seeds=1, parts="none", zero_cost=True)
    proxies = ntknas.score(ids, out=tmp_path / "proxies", spec=spec).scores()
    # Of ZiCo's quotients the largest decide, whose denominators are differences of gradients.
    steady = [name for name in PROXIES if name != "zico"]
    assert_frame_equal(proxies[steady], every[steady], rtol=ROUNDING)
    # The tolerance tells architectures apart.
    whole = [f"{score}@clean" for score in score_names(ScoreKind.KERNEL)]
    others = load_precomputed().scores()[whole].drop(ids)
    for values in fresh[whole].to_numpy():
        close = np.isclose(others, values, rtol=ROUNDING).all(axis=1)
        assert close.mean() < 0.01


def test_writing_and_reading_again(tmp_path, monkeypatch):
    out = tmp_path / "table.parquet"
    monkeypatch.setitem(PRESETS, "standard", CLEAN)
    precompute.run(tmp_path / "run", out, archs="random:3")
    run = ntknas.Run(tmp_path / "run")
    monkeypatch.setattr("ntknas.runs.precomputed.PRECOMPUTED", out)
    table = load_precomputed()
    assert_frame_equal(table.scores(), run.scores(), rtol=1e-6)
    assert table.spec == run.spec
    changed = table.scores()
    changed["params"] = 0
    assert_frame_equal(table.scores(), run.scores(), rtol=1e-6)
    write_precomputed(run, tmp_path / "again.parquet")
    assert (tmp_path / "again.parquet").read_bytes() == out.read_bytes()


def test_proxies_of_one_draw_stand_beside_kernels_of_two(tmp_path, monkeypatch):
    out = tmp_path / "table.parquet"
    kernels = ntknas.score("random:4", out=tmp_path / "run", spec=replace(CLEAN, seeds=2))
    proxies = ntknas.score(
        "random:4", out=tmp_path / "proxies", spec=replace(CLEAN, zero_cost=("swap", "naswot"))
    )
    write_precomputed(kernels, out, proxies=proxies)
    monkeypatch.setattr("ntknas.runs.precomputed.PRECOMPUTED", out)
    table = load_precomputed()
    names = ["naswot", "swap"]
    assert_frame_equal(table.scores()[names], proxies.scores()[names], rtol=1e-6)
    first, second = table.scores_by_draw()
    assert_frame_equal(first[names], proxies.scores()[names], rtol=1e-6)
    assert second[names].isna().all(axis=None)
    assert_frame_equal(table.scores()[kernels.scores().columns], kernels.scores(), rtol=1e-6)
    # Proxies of another run take the place of these, and the kernels stay as they are.
    others = ntknas.score(
        "random:4", out=tmp_path / "others", spec=replace(CLEAN, zero_cost=("swap",))
    )
    write_precomputed(table, tmp_path / "again.parquet", proxies=others)
    monkeypatch.setattr("ntknas.runs.precomputed.PRECOMPUTED", tmp_path / "again.parquet")
    again = load_precomputed()
    assert (again.spec, again.meta) == (table.spec, table.meta)
    assert_frame_equal(again.scores(), table.scores().drop(columns="naswot"))
    # Only scores that several draws have say how far ranks differ between draws.
    assert list(ranks_by_draw(table, "cond@clean")) == [0, 1]
    assert ranks_by_draw(table, "cond@clean+swap").empty
    assert "rank_low" in rank(table, "cond@clean")
    assert "rank_low" not in rank(table, "swap")


def test_proxies_of_other_networks_are_refused(tmp_path):
    kernels = ntknas.score([0, 1], out=tmp_path / "run", spec=CLEAN)
    other = replace(CLEAN, batch_size=5, zero_cost=("swap",))
    proxies = ntknas.score([0], out=tmp_path / "proxies", spec=other)
    with pytest.raises(InputError, match="batch_size: 6 / 5; architectures: 2 / 1"):
        write_precomputed(kernels, tmp_path / "table.parquet", proxies=proxies)
    assert not (tmp_path / "table.parquet").exists()


def test_it_ranks_and_correlates(data_file):
    table = load_precomputed()
    assert isinstance(table, Precomputed)
    best = rank(table, top=10)["id"].tolist()
    truth = ntknas.load_truth(data_file("robbench/NAS-RobBench-201_html.json"))
    accuracy = truth.wide("cifar10")["pgd_8"]
    assert accuracy[best].max() >= accuracy.max() - 0.005
    found = correlate(
        table, truth, metrics=["pgd_8"], names=["default"], top_fraction=0.1, resamples=0
    )
    numbers = found.set_index(["score", "subset"])["spearman"]
    default = default_ranking(table)
    assert default == default_ranking(table.scores())
    assert numbers[default, "all"] == pytest.approx(0.93, abs=0.015)
    assert numbers[default, "all"] > numbers["params", "all"] + 0.09
    assert numbers[default, "top 10%"] > numbers["params", "top 10%"] + 0.2
