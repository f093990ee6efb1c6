"""Every table at once."""

import numpy as np
import pandas as pd
import pytest

from ntknas.analysis import TABLES, analyse, by_size, cell_truth, operation_effects
from ntknas.errors import InputError


def test_tables_are_those_of_the_functions(part):
    found = analyse(part, "robust", resamples=0)
    assert list(found.tables) == list(TABLES)
    assert found.clean is not None
    assert (found.cells.metric, found.clean.metric) == ("robust", "clean")
    cells = cell_truth(part, "robust")
    pd.testing.assert_frame_equal(found.tables["effects"], operation_effects(cells))
    pd.testing.assert_frame_equal(found.tables["sizes"], by_size(cells))


def test_the_metric_that_is_explained(part):
    """The usual robust metric, or the last one; the first one has nothing to be compared with."""
    assert analyse(part, resamples=0).cells.metric == "robust"
    found = analyse(part, "clean")
    assert found.clean is None
    assert list(found.tables) == [name for name in TABLES if name not in ("ranks", "shifts")]


def test_bad_input_is_refused(part):
    for fraction in (0.0, 1.0, 2.0, np.nan):
        with pytest.raises(InputError, match="top fraction between 0 and 1"):
            analyse(part, "robust", top_fraction=fraction)
    with pytest.raises(InputError, match="got 'apgd'"):
        analyse(part, "robust", clean="apgd")
