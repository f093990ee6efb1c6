"""The picture of a search."""

import numpy as np
import pytest

from ntknas.errors import InputError
from ntknas.report import search_curve


def test_infinite_values_are_left_out(tmp_path):
    search_curve([-np.inf, 0.2, 0.1], tmp_path / "curve.svg", label="pgd_8", optimum=0.3)
    assert "best so far" in (tmp_path / "curve.svg").read_text()


def test_a_search_without_queries_has_no_picture(tmp_path):
    with pytest.raises(InputError, match="at least one query to draw"):
        search_curve([], tmp_path / "curve.png", label="pgd_8")
