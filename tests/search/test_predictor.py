"""The interface of NASLib's predictors."""

import numpy as np
import pytest

from ntknas import Predictor
from ntknas.errors import InputError
from ntknas.evaluation import rank
from ntknas.runs import load_precomputed
from ntknas.search import stored_score
from ntknas.spaces import NASBENCH201, Architecture, architectures

CELLS = architectures("random:40")


class Graph:
    """A stand-in for a graph of NASLib."""

    def __init__(self, cell):
        self.cell = cell

    def get_op_indices(self):
        return list(self.cell.naslib)


def size(cells):
    """A score: the number of 3x3 convolutions and, in fractions, of 1x1 convolutions."""
    return [cell.code.count("3") + cell.code.count("2") / 10 for cell in cells]


def test_the_default_ranking_is_queried():
    values = Predictor().query([Graph(cell) for cell in CELLS])
    places = rank(load_precomputed()).set_index("id")["rank"]
    np.testing.assert_array_equal(values, [-places[cell.id] for cell in CELLS])


@pytest.mark.parametrize(
    "form", [Graph, lambda c: c.naslib, lambda c: np.array(c.naslib), lambda c: c, str]
)
def test_every_form_of_an_architecture(form):
    predictor = Predictor(size)
    values = predictor.query([form(cell) for cell in CELLS])
    np.testing.assert_array_equal(values, size(CELLS))
    assert Predictor(size).query([int(CELLS[0].id)] * 2).tolist() == size(CELLS[:1]) * 2


def test_a_single_architecture_has_a_number():
    for one in (Graph(CELLS[0]), CELLS[0], CELLS[0].string):
        value = Predictor(size).query(one, info=None)
        assert isinstance(value, float)
        assert value == size(CELLS[:1])[0]


def test_labels_set_the_scale_and_never_the_order():
    predictor = Predictor(size)
    before = predictor.query(CELLS)
    rng = np.random.default_rng(0)
    for labels in (rng.normal(70, 5, 40), -before):
        predictor.fit(CELLS, labels, [{}] * 40)
        after = predictor.query(CELLS)
        np.testing.assert_allclose(after.mean(), labels.mean())
        np.testing.assert_allclose(after.std(), labels.std())
        np.testing.assert_array_equal(np.argsort(after), np.argsort(before))


@pytest.mark.parametrize("labels", [[], [70.0], [70.0, 70.0]])
def test_too_few_labels_change_nothing(labels):
    predictor = Predictor(size)
    predictor.fit(CELLS[: len(labels)], labels)
    np.testing.assert_array_equal(predictor.query(CELLS), size(CELLS))


def test_unknown_architectures_stay_last():
    few = load_precomputed().scores().iloc[:50]
    few.attrs["space"] = "nasbench201"
    predictor = Predictor(stored_score(few, "params", space=NASBENCH201))
    held = [Architecture.from_id(label) for label in few.index]
    unknown = Architecture.from_id(9930)
    predictor.fit([*held, unknown], [*range(50), 7])
    assert np.isfinite(predictor.query(held)).all()
    assert predictor.query([unknown]).tolist() == [-np.inf]


def test_what_naslib_asks_for():
    predictor = Predictor(size)
    predictor.set_ss_type("nasbench201")
    predictor.pre_process()
    assert not predictor.get_data_reqs()["requires_partial_lc"]
    with pytest.raises(InputError, match="search space nasbench201, got 'darts'"):
        predictor.set_ss_type("darts")


def test_bad_input_is_refused():
    predictor = Predictor(size)
    for labels in ([1.0], [1.0, np.nan], ["a", "b"], None):
        with pytest.raises(InputError, match="one finite accuracy for each of 2"):
            predictor.fit(CELLS[:2], labels)
    with pytest.raises(InputError, match="six numbers 0..4, which may be one"):
        predictor.query((4, 3, 3, 0, 0, 0))
    with pytest.raises(InputError, match="6 op indices of NASLib"):
        predictor.query([(4, 3)])
