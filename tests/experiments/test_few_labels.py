"""The experiment on few labels, with made-up accuracies."""

import json

import pytest

from experiments import few_labels
from ntknas import InputError
from ntknas.spaces.nasbench201 import architectures, num_parameters

pytest.importorskip("sklearn")


@pytest.fixture(scope="module")
def config(tmp_path_factory):
    """Robust accuracy is the size."""
    rows = {str(c.id): [0.5, num_parameters(c) / 2e6] for c in architectures("random:200")}
    path = tmp_path_factory.mktemp("few") / "made_up.json"
    path.write_text(f"acc={json.dumps(rows | {'': ['cifar10#val_acc', 'cifar10#val_pgd_8_acc']})}")
    return few_labels.FewLabelsConfig(path, sizes=(16, 64), models=("forest",), seeds=2)


@pytest.fixture(scope="module")
def results(config):
    return few_labels.run(config)


def test_every_predictor_has_every_draw(results):
    assert len(results) == (2 + 3) * 2 * 2
    params = results[results["predictor"] == "params"]
    assert (params["spearman"] > 0.999).all()
    assert (params["regret"] == 0).all()
    forest = results[results["predictor"] == "forest"].groupby("n")["spearman"].mean()
    assert forest[64] > forest[16] > 0.5


def test_curves_and_crossings(results, tmp_path):
    table = few_labels.curves(results)
    assert len(table) == 5 * 2
    row = table.iloc[0]
    assert row["spearman_low"] <= row["spearman"] <= row["spearman_high"]
    lasting = few_labels.crossings(results).set_index(["predictor", "measure"])["n"]
    assert set(lasting.dropna()) <= {16, 64}
    few_labels.picture(table, tmp_path / "curves.png", title="made up")
    assert (tmp_path / "curves.png").stat().st_size > 1000


def test_bad_configurations(config):
    from dataclasses import replace

    with pytest.raises(InputError, match="got 'apgd'"):
        few_labels.run(replace(config, metric="apgd"))
    with pytest.raises(InputError, match="at most 100 labels, half of the networks, got 500"):
        few_labels.run(replace(config, sizes=(500,)))
