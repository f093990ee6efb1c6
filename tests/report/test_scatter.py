"""Scatter of scores against accuracies: what is drawn."""

import numpy as np
import pandas as pd
import pytest

from ntknas.errors import InputError
from ntknas.report import score_scatter


def frame(values, score="cond"):
    n = len(values)
    return pd.DataFrame(
        {
            "score": score,
            "value": values,
            "accuracy": np.linspace(0.1, 0.5, n),
            "convolutions_3x3": np.arange(n) % 4,
            "note": f"note of {score}",
        }
    )


def test_a_panel_a_score_a_point_an_architecture(tmp_path, figures):
    table = pd.concat([frame(np.arange(1.0, 21.0), name) for name in ("a", "b", "c", "d")])
    score_scatter(table, tmp_path / "x.png", accuracy="PGD-8", title="here")
    assert (tmp_path / "x.png").stat().st_size > 10_000
    (figure,) = figures
    shown = [axes for axes in figure.axes if axes.get_visible() and axes.get_title()]
    assert [axes.get_title() for axes in shown] == [f"{n}\nnote of {n}" for n in "abcd"]
    for axes in shown:
        offsets = axes.collections[0].get_offsets()
        np.testing.assert_allclose(offsets[:, 0], np.arange(1.0, 21.0))
        np.testing.assert_allclose(offsets[:, 1], np.linspace(0.1, 0.5, 20))
        np.testing.assert_array_equal(axes.collections[0].get_array(), np.arange(20) % 4)
        assert axes.get_xscale() == "linear"
    assert figure.axes[0].get_ylabel() == "PGD-8"
    figure = score_scatter(table.assign(better="lower"), accuracy="PGD-8")
    assert figure.axes[0].get_xlabel() == "score, lower is better"


def test_decades_are_logarithmic_and_what_is_not_finite_is_left_out(tmp_path, figures):
    values = np.concatenate([np.logspace(0, 5, 30), [np.inf, np.nan, 0.0]])
    score_scatter(frame(values), tmp_path / "x.svg", accuracy="PGD-8")
    (figure,) = figures
    assert figure.axes[0].get_xscale() == "log"
    assert len(figure.axes[0].collections[0].get_offsets()) == 31


def test_refusals(tmp_path):
    with pytest.raises(InputError, match="expected scores to draw"):
        score_scatter(frame([]), tmp_path / "x.png", accuracy="a")
    with pytest.raises(InputError, match="ending in"):
        score_scatter(frame([1.0]), tmp_path / "x.gif", accuracy="a")
