"""One accuracy of every cell."""

import numpy as np
import pandas as pd
import pytest

from ntknas.analysis import cell_truth
from ntknas.analysis.cells import codes
from ntknas.errors import InputError
from ntknas.spaces.nasbench201 import Architecture
from ntknas.truth import truth_from_frame


def test_members_of_a_class_share_its_accuracy(by_class, published):
    assert len(by_class.trained) == 6466
    wide = published.wide("any")["robust"]
    for index in (0, 1651, 15624):
        representative = Architecture.from_id(index).representative.id
        assert by_class.network[index] == representative
        assert by_class.values[index] == wide[representative]


def test_cells_without_accuracy_are_left_out():
    frame = pd.DataFrame({"robust": np.arange(12.0)}, index=range(100, 112))
    frame.loc[111] = np.nan
    cells = cell_truth(truth_from_frame(frame), "robust")
    assert cells.trained.tolist() == list(range(100, 111))
    assert np.isnan(cells.values[111])
    assert cells.network[111] == -1


def test_the_best_networks(noisy):
    values = noisy.values
    best = noisy.top(0.01)
    assert len(best) == 156
    assert best[0] == np.argmax(values)
    assert values[best].min() >= np.sort(values)[-156]
    assert noisy.top(1e-9).tolist() == [np.argmax(values)]
    with pytest.raises(InputError, match=r"fraction in \(0, 1\]"):
        noisy.top(0.0)


def test_constant_networks_do_not_vary(by_class):
    constant = sorted(set(by_class.trained.tolist()) - set(by_class.varying.tolist()))
    assert constant == [10, 12, 74, 172, 879]


def test_codes_are_those_of_the_ids():
    assert codes().shape == (15625, 6)
    assert codes()[13714].tolist() == [3, 3, 3, 1, 2, 3]


def test_bad_tables_are_refused(truth):
    with pytest.raises(InputError, match="a metric of cifar10: clean, robust; got 'apgd'"):
        cell_truth(truth, "apgd")
    few = truth_from_frame(pd.DataFrame({"robust": [0.1, 0.2]}, index=[0, 5]))
    with pytest.raises(InputError, match="at least 10 architectures .* got 2"):
        cell_truth(few, "robust")
    constant = [index for index in range(1000) if Architecture.from_id(index).is_constant]
    same = truth_from_frame(pd.DataFrame({"robust": 0.1}, index=constant))
    with pytest.raises(InputError, match="whose output depends on the input in .* got none"):
        cell_truth(same, "robust")
    texts = truth_from_frame(pd.DataFrame({"robust": [0.1]}, index=["small"]))
    with pytest.raises(InputError, match="ids of NAS-Bench-201 .* got 'small'"):
        cell_truth(texts, "robust")
