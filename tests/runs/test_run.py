"""A run read back: its table, kernels, sweeps and averages; overflow and constant networks."""

import contextlib
import json
import shutil
import sqlite3

import jax
import numpy as np
import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

import ntknas
from ntknas.engine import branches
from ntknas.errors import InputError
from ntknas.evaluation import rank
from ntknas.images import ImageSet, batch_from_indices, load_images, scoring_batch
from ntknas.kernel import Batch, JointGram, KernelName
from ntknas.layers import Norm
from ntknas.network import Init, NetworkSpec
from ntknas.runs import GramRecord, Run, ScoringSpec, Store, score_rows
from ntknas.scores import (
    SCORES,
    ScoreKind,
    ScoreName,
    kernel_scores,
    register_score,
    score_names,
)
from ntknas.spaces.nasbench201 import Architecture, flops, num_parameters
from tests.engine.tiny import (
    CLEAN,
    CONSTANT,
    NOT_REPRESENTATIVE,
    REPRESENTATIVE,
    TINY,
    add_made_up,
    change_tables,
    programs,
)

RHOS = (3 / 255, 8 / 255)
KERNEL_SCORES = score_names(ScoreKind.KERNEL)
COUNTS = [*score_names(ScoreKind.GRAPH), *score_names(ScoreKind.SIZE)]
WITHOUT_PROXIES = [*KERNEL_SCORES, *COUNTS]


@pytest.fixture
def made_up(tmp_path):
    """A function that stores made-up kernels as a run."""

    def make(spec, ids):
        with Store.write(tmp_path) as store:
            batches = [(seed, "[0]", "[0, 1, 0, 1, 0, 1]") for seed in range(spec.seeds)]
            store.begin({"spec": spec.to_json(), "dtype": "float32"}, batches)
            for index in ids:
                add_made_up(store, spec, index)
        return Run(tmp_path)

    return make


def test_table_columns_and_rows(run):
    table = run.table()
    assert table.columns.tolist() == [
        *("id", "architecture", "seed", "kernel", "rho", "beta", "status"),
        *WITHOUT_PROXIES,
    ]
    rows = TINY.kernel_rows()
    assert len(table) == 20 * 2 * len(rows)
    assert table["id"].drop_duplicates().tolist() == run.ids == sorted(run.ids)
    for (_index, _seed), group in table.groupby(["id", "seed"]):
        assert group["kernel"].tolist() == [kernel for kernel, _, _ in rows]
        for column, values in (("rho", [r for _, r, _ in rows]), ("beta", [b for *_, b in rows])):
            np.testing.assert_array_equal(group[column], np.array(values, float))
    assert table[["rho", "beta", *KERNEL_SCORES]].dtypes.eq(float).all()


def test_table_names_and_sizes_architectures(run):
    for (index, string, params, operations), _ in run.table().groupby(
        ["id", "architecture", "params", "flops"]
    ):
        architecture = Architecture.from_string(string)
        assert architecture.id == index
        size = {"channels": 4, "cells": 1, "classes": 10}
        assert params == num_parameters(architecture, **size)
        assert operations == flops(architecture, **size, image_size=32)


def test_scores_in_the_table_are_those_of_the_stored_kernels(run):
    table = run.table()
    table = table[(table["id"] == NOT_REPRESENTATIVE) & (table["seed"] == 1)]
    for row in table.itertuples():
        rho = RHOS[0] if pd.isna(row.rho) else row.rho
        blocks = run.kernels(NOT_REPRESENTATIVE, rho=rho, seed=1)
        which = (KernelName(row.kernel), None if pd.isna(row.beta) else row.beta)
        scores, status = kernel_scores(
            blocks.kernel(*which),
            run.labels(1),
            epsilon=blocks.epsilon,
            layer_cosine=blocks.of_layer_cosine().kernel(*which),
        )
        assert str(status) == row.status
        for name in KERNEL_SCORES:
            # A stack of kernels and one kernel may be summed in another order.
            assert getattr(row, name) == pytest.approx(float(scores[name]), rel=1e-9, abs=1e-12)


def test_constant_architectures_say_so_and_have_every_score(run):
    table = run.table()
    constant = table["id"] == CONSTANT
    assert run.constant_ids() == [CONSTANT]
    assert (table.loc[constant, "status"] == "constant").all()
    assert (table.loc[~constant, "status"] == "ok").all()
    assert np.isfinite(table[WITHOUT_PROXIES].to_numpy(float)).all()
    assert (table.loc[constant, "lambda_min"] == 0).all()
    assert table.loc[constant, "cond"].min() > table.loc[~constant, "cond"].max()
    swept = run.sweep([0.3])
    assert set(swept.loc[swept["id"] == CONSTANT, "status"]) == {"constant"}


@pytest.mark.slow
def test_overflow_of_a_real_network_is_a_status():
    """Without normalisation, skips on every edge multiply by 4 per cell: 4^90 is beyond float32."""
    rng = np.random.default_rng(0)
    positions = np.arange(12)
    pixels = rng.integers(0, 256, (12, 16, 16, 3), np.uint8)
    images = ImageSet("imagenet16", pixels, positions, positions, "made here")
    network = NetworkSpec(channels=4, cells=30, norm=Norm.NONE, init=Init.KAIMING)
    spec = ScoringSpec(batch_size=6, batches=(Batch.CLEAN,), network=network)
    grows, identity = (Architecture.from_code(code) for code in ("111111", "000100"))
    run = ntknas.score([grows, identity, CONSTANT], spec=spec, images=images)
    table = run.table().set_index("id")
    assert table["status"].to_dict() == {
        grows.id: "nonfinite",
        identity.id: "ok",
        CONSTANT: "constant",
    }
    kernel_columns = list(KERNEL_SCORES)
    assert table.loc[grows.id, kernel_columns].isna().all()
    assert np.isfinite(table.drop(grows.id)[WITHOUT_PROXIES].to_numpy(float)).all()
    assert (table["params"] > 0).all()
    assert run.scores()["cond@clean"].isna().to_dict() == {
        index: index == grows.id for index in run.ids
    }


@pytest.mark.parametrize("constant", [False, True])
def test_overflow_in_one_block_spares_the_kernels_without_it(constant, tmp_path):
    arrays = {r: np.eye(18, dtype=np.float32) + np.float32(0.1) for r in RHOS}
    arrays[RHOS[1]][6, 6] = np.inf  # the robust kernel at the second radius
    grams = {rho: JointGram.from_array(array, TINY.batches) for rho, array in arrays.items()}
    rows = score_rows(TINY.kernel_rows(), grams, np.arange(6) % 2, constant=constant)
    hit = {(row.kernel, row.rho) for row in rows if row.status == "nonfinite"}
    # A weight of zero does not save a mixed kernel: 0 times infinity is undefined.
    assert hit == {(k, RHOS[1]) for k in ("robust", "mixed_clean", "mixed_robust")}
    other = {row.status for row in rows if (row.kernel, row.rho) not in hit}
    assert other == {"constant" if constant else "ok"}
    for row in rows:
        values = list(row.scores.values())
        assert np.isnan(values).all() == (row.status == "nonfinite")
        assert np.isfinite(values).all() == (row.status != "nonfinite")
    with Store.write(tmp_path) as store:
        store.begin({"spec": TINY.to_json(), "dtype": "float32"}, [(0, "[]", "[]")])
        stored = [GramRecord(0, r, array) for r, array in arrays.items()]
        add_made_up(store, TINY, 5, grams=stored, scores=[(0, rows)])
    table = Run(tmp_path).table()
    missing = table["status"] == "nonfinite"
    of_whole = [name for name in KERNEL_SCORES if not SCORES[name].of_layers]
    assert table.loc[missing, of_whole].isna().all(axis=None)
    assert table.loc[~missing, of_whole].notna().all(axis=None)


def test_kernels_by_id_string_and_architecture(run):
    architecture = Architecture.from_id(REPRESENTATIVE)
    by_id = run.kernels(REPRESENTATIVE, rho=RHOS[1])
    assert by_id.batches == tuple(Batch)
    assert by_id.gram.shape == (18, 18)
    assert by_id.epsilon == np.finfo(np.float32).eps
    np.testing.assert_array_equal(by_id.gram, by_id.gram.T)
    assert np.linalg.eigvalsh(by_id.gram)[0] > -1e-5 * np.linalg.eigvalsh(by_id.gram)[-1]
    for name in (architecture, architecture.string, np.int64(REPRESENTATIVE)):
        np.testing.assert_array_equal(run.kernels(name, rho=RHOS[1]).gram, by_id.gram)
    at_rhos = [run.kernels(REPRESENTATIVE, rho=rho) for rho in RHOS]
    np.testing.assert_array_equal(at_rhos[0].clean, at_rhos[1].clean)
    assert (at_rhos[0].robust != at_rhos[1].robust).any()


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        ({"architecture": 1, "rho": 8 / 255}, "does not hold architecture 1$"),
        ({"architecture": -1, "rho": 8 / 255}, "does not hold architecture -1$"),
        ({"architecture": REPRESENTATIVE}, "the run has several radii, choose one of"),
        ({"architecture": REPRESENTATIVE, "rho": 0.5}, "the run has radii .*, got 0.5$"),
        ({"architecture": REPRESENTATIVE, "rho": 8 / 255, "seed": 2}, "seeds 0..1, got 2$"),
        ({"architecture": REPRESENTATIVE, "rho": 8 / 255, "seed": -1}, "seeds 0..1, got -1$"),
        ({"architecture": "|skip~0|", "rho": 8 / 255}, "expected an architecture string"),
    ],
)
def test_kernels_that_the_run_does_not_hold(run, request_, message):
    with pytest.raises(InputError, match=message):
        run.kernels(**request_)


def test_a_batch_is_rebuilt_from_its_indices(run):
    for seed in (0, 1):
        drawn = scoring_batch(load_images(), TINY.batch_size, seed=seed)
        rebuilt = batch_from_indices(load_images(), run.indices(seed))
        np.testing.assert_array_equal(rebuilt.pixels, drawn.pixels)
        np.testing.assert_array_equal(rebuilt.labels, run.labels(seed))
    with pytest.raises(InputError, match="seeds 0..1, got 2"):
        run.indices(2)
    with pytest.raises(InputError, match="seeds 0..1, got 2"):
        run.labels(2)


def test_sweep_at_the_betas_of_the_spec_is_the_table(run):
    table = run.table()
    mixed = table[table["beta"].notna()]
    order = ["id", "seed", "kernel", "rho", "beta"]
    swept = run.sweep(TINY.betas)
    assert swept.columns.tolist() == table.columns.tolist()
    assert_frame_equal(
        swept.sort_values(order, ignore_index=True),
        mixed.sort_values(order, ignore_index=True),
        check_exact=True,
    )


def test_sweep_touches_no_device(run, monkeypatch):
    monkeypatch.setattr(branches, "gram_of", None)
    betas = np.linspace(0, 1, 101)
    before = jax.live_arrays()  # held, so that garbage of other tests cannot go meanwhile
    with programs() as compiled, jax.transfer_guard("disallow_explicit"):
        swept = run.sweep(betas.tolist())
        run.table(), run.scores(swept), run.kernels(REPRESENTATIVE, rho=RHOS[0])
    assert compiled == []
    assert {id(array) for array in jax.live_arrays()} == {id(array) for array in before}
    assert len(swept) == 20 * 2 * 2 * 2 * 101
    assert sorted(swept["beta"].unique()) == betas.tolist()


def test_the_ends_of_a_sweep_are_the_unmixed_kernels(run):
    ends = run.sweep([0.0, 1.0])
    table = run.table()
    at = ["id", "seed", "rho"]

    def scores(frame, kernel, beta=None):
        frame = frame[frame["kernel"] == kernel]
        frame = frame if beta is None else frame[frame["beta"] == beta]
        return frame.set_index(at)[list(KERNEL_SCORES)].sort_index()

    robust = scores(table, "robust")
    assert_frame_equal(scores(ends, "mixed_clean", 1), robust, rtol=1e-9)
    assert_frame_equal(scores(ends, "mixed_robust", 0), robust, rtol=1e-9)
    assert_frame_equal(scores(ends, "mixed_robust", 1), scores(table, "twice"), rtol=1e-9)


@pytest.mark.parametrize("beta", [-0.1, 1.1, float("nan")])
def test_sweep_refuses_a_beta_outside(run, beta):
    with pytest.raises(InputError, match=r"^beta must lie in \[0, 1\], got "):
        run.sweep([0.5, beta])


def test_sweep_needs_a_beta(run):
    with pytest.raises(InputError, match="^expected at least one beta, got none$"):
        run.sweep([])


def test_sweep_needs_two_neighbouring_kernels(made_up):
    with pytest.raises(InputError, match="^mixed kernels need .*; the run has clean$"):
        made_up(CLEAN, [1]).sweep([0.5])


def test_scores_average_seeds_under_names_that_parse(run):
    scores, table = run.scores(), run.table()
    assert scores.index.tolist() == run.ids
    assert scores.index.name == "architecture"
    assert len(scores.columns) == 17 * len(KERNEL_SCORES) + len(COUNTS)
    assert scores.columns[-len(COUNTS) :].tolist() == COUNTS
    for name in scores.columns:
        assert str(ScoreName.parse(name)) == name
    rows = table[(table["kernel"] == "mixed_robust") & np.isclose(table["rho"], 8 / 255)]
    rows = rows[rows["beta"] == 0.5]
    expected = rows.groupby("id")["cond"].mean()
    np.testing.assert_array_equal(scores["cond@mixed_robust:8/255:0.5"], expected)
    assert scores["params"].to_dict() == table.groupby("id")["params"].first().to_dict()


def test_scores_of_a_sweep(run):
    scores = run.scores(run.sweep([0.25]))
    assert "lambda_min@mixed_clean:3/255:0.25" in scores
    assert not any("@clean" in name for name in scores)


def test_a_run_shows_where_it_is(run):
    assert repr(run) == f"Run({str(run.folder)!r}, 20 architectures)"
    assert Run(str(run.folder)).ids == run.ids


@pytest.fixture
def old_copy(run, tmp_path):
    """A copy of the run from before there was the score sphericity."""
    folder = tmp_path / "old"
    shutil.copytree(run.folder, folder)
    change_tables(folder, "ALTER TABLE score DROP COLUMN sphericity")
    return folder


def columns_of(folder):
    with contextlib.closing(sqlite3.connect(folder / "run.sqlite")) as connection:
        return [row[1] for row in connection.execute("PRAGMA table_info(score)")]


def test_a_run_from_before_a_score_was_added_has_it_and_can_grow(run, old_copy):
    """What the stored Gram matrices give is what scoring stored."""
    assert_frame_equal(Run(old_copy).table(), run.table(), check_exact=True)
    assert "sphericity" not in columns_of(old_copy)
    ntknas.score(run.ids[:3], out=old_copy, spec=TINY)
    assert "sphericity" in columns_of(old_copy)
    assert_frame_equal(Run(old_copy).table(), run.table(), check_exact=True)


def test_such_a_run_is_read_while_it_is_written(run, old_copy, monkeypatch):
    reading, before = Run(old_copy), run.table()
    rows = Store.score_rows

    def score_rows_then_another(store):
        found = rows(store)
        with Store.write(old_copy) as writer:
            if 7 not in writer.done():
                add_made_up(writer, TINY, 7)
        return found

    monkeypatch.setattr(Store, "score_rows", score_rows_then_another)
    assert_frame_equal(reading.table(), before, check_exact=True)
    assert 7 in reading.ids


@pytest.fixture
def gap():
    """A score of one's own, registered for the test."""

    def largest_minus_smallest(stack):
        return stack.eigenvalues[..., -1] - stack.eigenvalues[..., 0]

    yield register_score("gap", direction=-1, formula="l_n - l_1")(largest_minus_smallest)
    SCORES.remove("gap")


def test_a_score_of_ones_own_stands_in_runs(run, tmp_path, gap):
    """In runs made before, from their matrices; in others' hands, by name and direction."""
    folder = tmp_path / "run"
    shutil.copytree(run.folder, folder)
    table = Run(folder).table()
    assert table.columns.tolist()[:7] == run.table().columns.tolist()[:7]
    regular = table[table["status"] == "ok"]
    np.testing.assert_allclose(regular["gap"], regular["lambda_max"] - regular["lambda_min"])
    ntknas.score(run.ids, out=folder, spec=TINY)
    assert columns_of(folder)[-1] == "gap"
    assert_frame_equal(Run(folder).table(), table, check_exact=True)

    SCORES.remove("gap")  # as in the process of somebody who has the folder alone
    other = Run(folder)
    assert (SCORES["gap"].direction, SCORES["gap"].function) == (-1, None)
    assert_frame_equal(other.table()[table.columns], table, check_exact=True)
    best = table[table["kernel"] == "clean"].groupby("id")["gap"].mean()
    ranked = rank(other, "gap@clean")["id"].tolist()
    assert ranked == [*best.drop(CONSTANT).sort_values().index, CONSTANT]
    grown = ntknas.score(7, out=folder, spec=TINY).table()
    assert grown.loc[grown["id"] == 7, "gap"].isna().all()
    kept = grown[grown["id"] != 7].reset_index(drop=True)
    assert_frame_equal(kept[table.columns], table, check_exact=True)


@pytest.mark.slow
def test_a_run_made_with_a_score_of_ones_own_says_what_it_is(tmp_path, gap):
    run = ntknas.score(5, out=tmp_path, spec=CLEAN)
    assert json.loads(run.meta["scores"]) == {
        "gap": {"formula": "l_n - l_1", "direction": -1, "source": "registered by the user"}
    }
    values = run.scores().loc[5]
    assert values["gap@clean"] == values["lambda_max@clean"] - values["lambda_min@clean"]
