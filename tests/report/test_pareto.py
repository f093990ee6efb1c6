"""The picture of two objectives."""

import numpy as np
import pytest

from ntknas.errors import InputError
from ntknas.report import pareto_picture
from ntknas.report.pareto import front_of
from ntknas.search import fronts


@pytest.mark.parametrize("cheaper", [True, False])
def test_the_front_is_that_of_the_searches(cheaper):
    rng = np.random.default_rng(0)
    points = rng.integers(0, 12, (60, 2)).astype(float)
    sign = -1 if cheaper else 1
    expected = points[fronts(points * [1, sign]) == 0]
    drawn = front_of(points, cheaper=cheaper)
    assert {tuple(p) for p in drawn} == {tuple(p) for p in expected}
    assert (np.diff(drawn[:, 1]) > 0).all()


def test_what_is_drawn_is_counted(tmp_path):
    pairs = [(0.4, 1e5), (0.5, 2e5), (0.3, 3e5), (-np.inf, 1.0)]
    space = [*pairs, (0.6, 4e5)]
    labels = ("pgd_8", "number of parameters")
    path = tmp_path / "front.svg"
    pareto_picture(pairs, path, labels=labels, cheaper=True, space=space, title="nsga2")
    drawn = path.read_text()
    for text in ("3 queries", "front of the queries (2)", "all 4 architectures", *labels, "nsga2"):
        assert text in drawn


def test_nothing_to_draw(tmp_path):
    with pytest.raises(InputError, match="at least one query to draw"):
        pareto_picture([(np.nan, 1.0)], tmp_path / "front.png", labels=("a", "b"), cheaper=True)
