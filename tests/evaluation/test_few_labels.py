"""Predictors that learn from few accuracies."""

import builtins

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from ntknas.errors import InputError
from ntknas.evaluation import cell_features, fitted, predict_rest, spearman
from ntknas.spaces import Architecture, architectures
from ntknas.spaces.nasbench201 import live_operations, num_parameters

pytest.importorskip("sklearn")

CELLS = architectures("random:60")
LABELS = {cell.id: num_parameters(cell) / 1e6 + 0.001 * (cell.id % 7) for cell in CELLS}


def test_features_are_those_of_the_class():
    cell = Architecture.from_id(1651)  # all none, represented by 10
    np.testing.assert_array_equal(cell_features([cell]), cell_features([cell.representative]))
    row = cell_features([Architecture.from_code("333123")])[0]
    grid = row[:30].reshape(6, 5)
    assert grid.argmax(1).tolist() == [3, 3, 3, 1, 2, 3]
    assert grid.sum() == 6
    dead = cell_features([Architecture.from_code("300030")])[0][:30].reshape(6, 5)
    assert dead.sum(1).tolist() == [op > 0 for op in live_operations("code:300030")]


@pytest.mark.parametrize("model", ["forest", pytest.param("boosting", marks=pytest.mark.slow)])
def test_a_model_learns_what_is_in_the_features(model):
    found = predict_rest(LABELS, model=model)
    assert len(found.ranking) == 6466 - 60
    assert not set(found.ranking["id"]) & set(LABELS)
    assert found.ranking["predicted"].is_monotonic_decreasing
    sizes = [num_parameters(int(index)) for index in found.ranking["id"]]
    assert spearman(found.ranking["predicted"].to_numpy(), np.array(sizes)) > 0.9
    errors = found.errors.set_index("predictor")
    assert errors.index.tolist() == [f"{model}, 5-fold cross-validation", "params"]
    assert (errors["n"] == 60).all()
    assert errors["spearman"].min() > 0.9
    assert 0 < errors["mae"].iloc[0] < 0.1
    assert errors["spearman_low"].iloc[0] < errors["spearman"].iloc[0]


@pytest.mark.slow
def test_labels_without_a_pattern_have_no_agreement():
    """Cells of one class are in one part: their common features would give the labels away."""
    rng = np.random.default_rng(0)
    classes = [c for c in architectures("every") if c.class_size == 3][:60]
    noise: dict[int, float] = {}
    values = {c.id: noise.setdefault(c.representative.id, rng.normal()) for c in classes}
    errors = predict_rest(values, model="forest").errors
    assert abs(errors["spearman"].iloc[0]) < 0.5


@pytest.mark.slow
def test_scores_are_features_too():
    """With a random score as the label, the score is all there is to learn from."""
    cells = architectures("all")
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"trace@clean": rng.normal(size=len(cells))}, index=[c.id for c in cells])
    frame.attrs["space"] = "nasbench201"
    labels = frame.loc[[c.id for c in CELLS], "trace@clean"].to_dict()
    assert predict_rest(labels, scores=frame).errors["spearman"].iloc[0] > 0.5
    part = frame.iloc[:5]
    part.attrs["space"] = "nasbench201"
    with pytest.raises(InputError, match="expected scores of architecture"):
        predict_rest(labels, scores=part)


def test_spearman_is_scipys():
    rng = np.random.default_rng(0)
    x, y = rng.integers(0, 5, 40), rng.random(40)
    assert spearman(x, y) == pytest.approx(stats.spearmanr(x, y).statistic)
    assert np.isnan(spearman(x, np.ones(40)))


def test_bad_input_is_refused(monkeypatch):
    few = dict(list(LABELS.items())[:9])
    with pytest.raises(InputError, match="at least 10 different classes, got 9"):
        predict_rest(few)
    with pytest.raises(InputError, match="finite accuracies, got nan"):
        predict_rest(LABELS | {CELLS[0].id: float("nan")})
    with pytest.raises(InputError, match="model to be one of forest, boosting, got 'oracle'"):
        predict_rest(LABELS, model="oracle")
    everything = {cell.id: 0.1 for cell in architectures("all")}
    with pytest.raises(InputError, match="without an accuracy to rank, got none"):
        predict_rest(everything)
    found = builtins.__import__

    def without(name, *args, **kwargs):
        if name.startswith("sklearn"):
            raise ImportError(name)
        return found(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(InputError, match=r"scikit-learn: pip install 'ntknas\[search\]'"):
        fitted("forest", np.ones((3, 2)), np.ones(3))
