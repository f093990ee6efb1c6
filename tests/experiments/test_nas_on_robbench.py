"""The experiment on searches, with made-up accuracies."""

import json
from dataclasses import replace

import numpy as np
import pytest

from experiments import nas_on_robbench as nas
from experiments.nas_tables import load_found
from ntknas import InputError, load_truth
from ntknas.spaces.nasbench201 import architectures, num_parameters

METHODS = ("random", "evolution", "nsga2", "guided", "warm_local", "default")


@pytest.fixture(scope="module")
def truth(tmp_path_factory):
    """Robust accuracy grows with the size, clean accuracy falls beyond a size."""
    rows = {}
    for cell in architectures("all"):
        size = num_parameters(cell) / 1_531_546
        rows[str(cell.id)] = [0.9 - abs(size - 0.5), size / 2]
    path = tmp_path_factory.mktemp("nas") / "made_up.json"
    labels = ["cifar10#val_acc", "cifar10#val_pgd_8_acc"]
    path.write_text(f"acc={json.dumps(rows | {'': labels})}")
    return path


@pytest.fixture(scope="module")
def config(truth, tmp_path_factory):
    return nas.SearchesConfig(
        truth=(truth,),
        out=tmp_path_factory.mktemp("out"),
        methods=METHODS,
        queries=40,
        budgets=(1, 40),
        seeds=3,
        workers=1,
    )


@pytest.fixture(scope="module")
def found(config):
    return nas.run(config)


@pytest.fixture(scope="module")
def accuracies(truth):
    return {truth.name: load_truth(truth).wide("cifar10")}


def test_regret_falls_and_belongs_to_the_best_cell(found):
    for one in found:
        assert one.best.shape == one.regret.shape == (1 if one.method == "default" else 3, 40)
        assert (np.diff(one.regret) <= 0).all()
        assert (one.regret >= 0).all()
        if one.objective == "pgd_8":
            sizes = [num_parameters(int(label)) / 1_531_546 for label in one.best[:, -1]]
            np.testing.assert_allclose(one.regret[:, -1], 0.5 - np.array(sizes) / 2)


def test_tables_hold_every_method(found, accuracies, config):
    table = nas.found_table(found, accuracies, config.budgets)
    assert set(table["method"]) == set(METHODS)
    own = table[(table["metric"] == table["objective"]) & (table["budget"] == 40)]
    np.testing.assert_allclose(own["optimum"] - own["mean"], own["regret"])
    reached = nas.reached_table(found, config.within)
    assert ((reached["median"] >= 1) & (reached["reached"] <= 1)).all()


def test_robust_objectives_pay_where_accuracies_conflict(found, accuracies, config):
    paired = nas.paired_table(found, accuracies, config.budgets)
    assert set(paired["objective"]) == {"pgd_8"}
    last = paired[(paired["budget"] == 40) & (paired["method"] == "evolution")].iloc[0]
    assert last["difference"] > 0.1
    assert last["better"] == 1.0


def test_pictures_and_tables_are_written(found, config, capsys):
    nas._write(found, config)
    for name in (
        "found.csv",
        "reached.csv",
        "paired.csv",
        "tables.md",
        "made_up.png",
        "made_up_rankings.png",
    ):
        assert (config.out / name).stat().st_size > 100


def test_searches_are_kept_and_other_methods_are_added(found, config, monkeypatch):
    def fail(*_, **__):
        raise AssertionError("it searched again")

    monkeypatch.setattr(nas, "search", fail)
    for one, other in zip(found, nas.run(config), strict=True):
        assert one[:3] == other[:3]
        np.testing.assert_array_equal(one.best, other.best)
        np.testing.assert_array_equal(one.regret, other.regret)
    alone = replace(config, methods=("evolution",))
    assert len(nas.run(alone)) == 2
    assert len(nas.stored(alone)) == len(found)
    with pytest.raises(AssertionError, match="searched again"):
        nas.run(replace(alone, queries=41))


def test_another_table_of_the_same_name_is_searched_anew(config, truth, tmp_path):
    alone = replace(config, methods=("default",))
    nas.run(alone)
    other = tmp_path / truth.name
    other.write_text(truth.read_text().replace("[0.", "[0.0"))
    changed = replace(alone, truth=(other,))
    clean = nas.stored(changed)
    assert {one.objective for one in clean} == {"pgd_8"}  # the first column has other values
    values = load_truth(other).wide("cifar10")["clean"]
    (again,) = nas.run(replace(changed, metrics=("clean",)))
    assert again.regret[0, -1] == values.max() - values[again.best[0, -1]]


def test_a_damaged_file_is_named(found, config, tmp_path):
    whole = nas._file(config, config.truth[0], "clean", "evolution")
    for content in (b"", b"no archive", whole.read_bytes()[:-100]):
        damaged = tmp_path / "damaged.npz"
        damaged.write_bytes(content)
        with pytest.raises(InputError, match="damaged.npz, which cannot be read: remove it"):
            load_found(damaged)


def test_an_unknown_method_is_refused(truth):
    with pytest.raises(InputError, match="expected methods of random, local"):
        nas.run(nas.SearchesConfig(truth=(truth,), methods=("psychic",)))
    with pytest.raises(InputError, match="expected some of the metrics clean, pgd_8, got nope"):
        nas.run(nas.SearchesConfig(truth=(truth,), metrics=("nope",)))
