"""Zero-cost proxies in a run: stored, resumed, tabulated, ranked; and runs without them."""

from dataclasses import replace

import numpy as np
import pytest
from pandas.testing import assert_frame_equal

import ntknas
from ntknas.engine import branches
from ntknas.errors import InputError
from ntknas.evaluation import correlate, rank
from ntknas.runs import Run, ScoringSpec, Store
from ntknas.scores import SCORES, ScoreKind, score_names
from ntknas.spaces.nasbench201 import Architecture, live_operations
from tests.engine.tiny import CLEAN, CONSTANT, TINY, add_made_up

SPEC = replace(TINY, zero_cost=True)
IDS = [3, 5, CONSTANT]
PROXIES = list(score_names(ScoreKind.PROXY))
COUNTS = [*score_names(ScoreKind.GRAPH), *score_names(ScoreKind.SIZE)]


def made_up(index, seed):
    """One number per proxy, all different."""
    return [index + 100.0 * seed + place / 8 for place in range(len(PROXIES))]


@pytest.fixture
def folder(tmp_path):
    """A run of three architectures, one constant, with made-up kernels and proxies."""
    with Store.write(tmp_path) as store:
        batches = [(seed, "[0, 1, 2, 3, 4, 5]", "[0, 1, 0, 1, 0, 1]") for seed in range(2)]
        store.begin({"spec": SPEC.to_json(), "dtype": "float32"}, batches)
        for index in IDS:
            proxies = [
                (seed, dict(zip(PROXIES, made_up(index, seed), strict=True))) for seed in range(2)
            ]
            add_made_up(store, SPEC, index, proxies=proxies)
    return tmp_path


def test_every_row_of_the_table_holds_the_proxies_of_its_seed(folder):
    table = Run(folder).table()
    listed = [name for name in SCORES if not SCORES[name].of_layers]  # made-up kernels have none
    assert list(table.columns[-len(listed) :]) == listed
    for (index, seed), rows in table.groupby(["id", "seed"]):
        expected = np.broadcast_to(made_up(index, seed), (len(rows), len(PROXIES)))
        np.testing.assert_array_equal(rows[PROXIES], expected)


def test_scores_are_means_over_seeds(folder):
    scores = Run(folder).scores()
    last = [*PROXIES, *COUNTS]
    assert list(scores.columns[-len(last) :]) == last
    for index in IDS:
        expected = np.mean([made_up(index, seed) for seed in range(2)], axis=0)
        np.testing.assert_allclose(scores.loc[index, PROXIES], expected)


@pytest.mark.parametrize("name", ["synflow", "jacobian_norm"])
def test_rankings_turn_a_proxy_by_its_direction_and_put_constants_last(folder, name):
    best = list(rank(Run(folder), name)["id"])
    assert best == ([5, 3, CONSTANT] if SCORES[name].direction > 0 else [3, 5, CONSTANT])


def test_a_run_without_proxies_says_so(folder, tmp_path_factory):
    without = tmp_path_factory.mktemp("without")
    with Store.write(without) as store:
        store.begin({"spec": TINY.to_json(), "dtype": "float32"}, [])
        for index in IDS:
            add_made_up(store, TINY, index)
    run = Run(without)
    assert not set(PROXIES) & set(run.table().columns)
    kept = Run(folder).table().drop(columns=PROXIES)
    assert_frame_equal(run.table(), kept, check_exact=True)
    with pytest.raises(InputError, match="made without zero-cost proxies"):
        rank(run, "synflow")


def test_spec_with_proxies_is_another_run_but_not_another_kernel_program():
    assert SPEC != TINY
    assert TINY.differences(SPEC) == ["zero_cost: False / True"]
    assert ScoringSpec.from_json(SPEC.to_json()) == SPEC
    assert SPEC.compiled == TINY.compiled


@pytest.fixture
def counted(monkeypatch):
    """Proxies that need no network; the operations they were asked for."""
    asked = []

    def scores(network, ops, inputs, names):
        asked.append(tuple(np.asarray(ops).tolist()))
        return {name: float(sum(asked[-1]) + PROXIES.index(name)) for name in names}

    monkeypatch.setattr(branches, "proxy_scores", scores)
    return asked


def test_a_run_with_proxies_resumes_and_refuses_to_mix(counted, tmp_path):
    spec = replace(CLEAN, zero_cost=True)
    whole = ntknas.score(IDS, spec=spec)
    live = [live_operations(Architecture.from_id(i)) for i in IDS]
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


def test_a_run_of_some_proxies_holds_these_alone(counted, tmp_path):
    """Stored, resumed, tabulated, ranked; a run of all proxies has other settings."""
    some = replace(CLEAN, zero_cost=("naswot", "snip"))
    ntknas.score(IDS[:1], out=tmp_path, spec=some)
    run = ntknas.score(IDS, out=tmp_path, spec=some)
    assert len(counted) == len(IDS)
    whole = ntknas.score(IDS, spec=replace(CLEAN, zero_cost=True))
    columns = [name for name in whole.table() if name not in PROXIES or name in some.proxies]
    assert_frame_equal(run.table(), whole.table()[columns], check_exact=True)
    assert [name for name in run.scores() if name in PROXIES] == ["snip", "naswot"]
    assert len(rank(run, "naswot")) == len(IDS)
    with pytest.raises(InputError, match="has only the zero-cost proxies snip, naswot$"):
        rank(run, "synflow")
    with pytest.raises(InputError, match="zero_cost: snip,naswot / True|True / snip,naswot"):
        ntknas.score(IDS, out=tmp_path, spec=replace(CLEAN, zero_cost=True))


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
