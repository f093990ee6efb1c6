"""Zero-cost proxies in a run: stored, resumed, tabulated, ranked; and runs without them."""

import sqlite3
from dataclasses import replace

import numpy as np
import pytest
from pandas.testing import assert_frame_equal

import ntknas
from ntknas.engine import scoring
from ntknas.errors import InputError
from ntknas.evaluation import correlate, rank
from ntknas.runs import Run, ScoringSpec
from ntknas.runs.store import Store, ZeroCostRecord
from ntknas.scores import KERNEL_SCORES, SCORES, SIZE_SCORES, STRUCTURE_SCORES, ZERO_COST_SCORES
from ntknas.spaces.nasbench201 import Architecture, live_operations
from tests.engine.tiny import CLEAN, CONSTANT, TINY, architecture_records

SPEC = replace(TINY, zero_cost=True)
IDS = [3, 5, CONSTANT]


def made_up(index, seed):
    """One number a proxy, all different."""
    return tuple(index + 100.0 * seed + place / 8 for place in range(len(ZERO_COST_SCORES)))


@pytest.fixture
def folder(tmp_path):
    """A run of three architectures, one constant, with made-up kernels and proxies."""
    with Store.write(tmp_path) as store:
        batches = [(seed, "[0, 1, 2, 3, 4, 5]", "[0, 1, 0, 1, 0, 1]") for seed in range(2)]
        store.begin({"spec": SPEC.to_json(), "dtype": "float32"}, batches)
        for index in IDS:
            proxies = [ZeroCostRecord(seed, made_up(index, seed)) for seed in range(2)]
            store.add(index, 0.5, *architecture_records(SPEC, index), proxies)
    return tmp_path


def test_every_row_of_the_table_holds_the_proxies_of_its_seed(folder):
    table = Run(folder).table()
    assert list(table.columns[-len(SCORES) :]) == list(SCORES)
    for (index, seed), rows in table.groupby(["id", "seed"]):
        expected = np.broadcast_to(made_up(index, seed), (len(rows), len(ZERO_COST_SCORES)))
        np.testing.assert_array_equal(rows[list(ZERO_COST_SCORES)], expected)


def test_scores_are_means_over_seeds(folder):
    scores = Run(folder).scores()
    last = [*ZERO_COST_SCORES, *STRUCTURE_SCORES, *SIZE_SCORES]
    assert list(scores.columns[-len(last) :]) == last
    for index in IDS:
        expected = np.mean([made_up(index, seed) for seed in range(2)], axis=0)
        np.testing.assert_allclose(scores.loc[index, list(ZERO_COST_SCORES)], expected)


@pytest.mark.parametrize("name", ["synflow", "jacobian_norm"])
def test_rankings_turn_a_proxy_by_its_direction_and_put_constants_last(folder, name):
    best = list(rank(Run(folder), name)["id"])
    assert best == ([5, 3, CONSTANT] if SCORES[name].direction > 0 else [3, 5, CONSTANT])


def test_a_run_without_proxies_says_so(folder, tmp_path_factory):
    without = tmp_path_factory.mktemp("without")
    with Store.write(without) as store:
        store.begin({"spec": TINY.to_json(), "dtype": "float32"}, [])
        for index in IDS:
            store.add(index, 0.5, *architecture_records(TINY, index))
    run = Run(without)
    assert not set(ZERO_COST_SCORES) & set(run.table().columns)
    kept = Run(folder).table().drop(columns=list(ZERO_COST_SCORES))
    assert_frame_equal(run.table(), kept, check_exact=True)
    with pytest.raises(InputError, match="made without zero-cost proxies"):
        rank(run, "synflow")


def test_runs_made_before_there_were_proxies_open_and_grow(tmp_path):
    """Their spec does not mention proxies and their database has no table of them."""
    assert "zero_cost" not in TINY.to_json()
    assert ScoringSpec.from_json(TINY.to_json()) == TINY
    with Store.write(tmp_path) as store:
        store.begin({"spec": TINY.to_json(), "dtype": "float32"}, [])
        store.add(3, 0.5, *architecture_records(TINY, 3))
    with sqlite3.connect(tmp_path / "run.sqlite") as connection:
        connection.execute("DROP TABLE zero_cost")
    connection.close()
    with Store.write(tmp_path) as store:
        store.add(5, 0.5, *architecture_records(TINY, 5))
    run = Run(tmp_path)
    assert run.ids == [3, 5]
    last = [*KERNEL_SCORES, *STRUCTURE_SCORES, *SIZE_SCORES]
    assert list(run.table().columns[-len(last) :]) == last


def test_spec_with_proxies_is_another_run_but_not_another_kernel_program():
    assert SPEC != TINY
    assert TINY.differences(SPEC) == ["zero_cost: False / True"]
    assert ScoringSpec.from_json(SPEC.to_json()) == SPEC
    assert SPEC.compiled == TINY.compiled


@pytest.fixture
def counted(monkeypatch):
    """Proxies that need no network; the operations they were asked for."""
    asked = []

    def scores(network, ops, inputs):
        asked.append(tuple(np.asarray(ops).tolist()))
        return {name: sum(asked[-1]) + place for place, name in enumerate(ZERO_COST_SCORES)}

    monkeypatch.setattr(scoring, "zero_cost_scores", scores)
    return asked


def test_a_run_with_proxies_resumes_and_refuses_to_mix(counted, tmp_path):
    spec = replace(CLEAN, zero_cost=True)
    whole = ntknas.score(IDS, spec=spec)
    live = [tuple(live_operations(Architecture.from_id(i)).tolist()) for i in IDS]
    assert sorted(counted) == sorted(live)  # several are in flight at once
    counted.clear()
    ntknas.score(IDS[:1], out=tmp_path, spec=spec)
    run = ntknas.score(IDS, out=tmp_path, spec=spec)
    assert len(counted) == len(IDS)  # none twice
    assert_frame_equal(run.table(), whole.table(), check_exact=True)
    with pytest.raises(InputError, match="zero_cost: True / False|zero_cost: False / True"):
        ntknas.score(IDS, out=tmp_path, spec=CLEAN)
    without = ntknas.score(IDS, spec=CLEAN).table()
    assert_frame_equal(run.table()[without.columns], without, check_exact=True)


def test_proxies_can_be_held_against_accuracies(folder, tmp_path_factory):
    from ntknas.truth import load_truth
    from tests.cli.conftest import write_truth

    path = tmp_path_factory.mktemp("truth") / "truth.json"
    values = {3: [0.3, 0.2], 5: [0.5, 0.4], CONSTANT: [0.1, 0.1]}
    truth = load_truth(write_truth(path, values, ["cifar10#val_acc", "cifar10#val_pgd_8_acc"]))
    table = correlate(Run(folder), truth, names=["snip", "hessian"], resamples=0)
    found = table[table["metric"] == "pgd_8"].set_index("score")["spearman"]
    assert found["snip"] == pytest.approx(1.0)
    assert found["hessian"] == pytest.approx(0.5)  # of 5 and 3, turned, the wrong one is first
