"""Curves against beta: what is drawn, and file endings."""

import io

import matplotlib.image
import numpy as np
import pandas as pd
import pytest

from ntknas.errors import InputError
from ntknas.report import PAGE, beta_curves, check_picture
from ntknas.report.style import ShownFigure

BETAS = [0.0, 0.5, 1.0]


def frame(scores=("cond", "lambda_min"), intervals=True, scale=1.0):
    """Made-up curves of two families and two radii."""
    rows = [
        {"score": score, "kernel": kernel, "rho": rho, "beta": beta, "value": scale * (1 + beta)}
        for score in scores
        for kernel in ("mixed_clean", "mixed_robust")
        for rho in (3 / 255, 8 / 255)
        for beta in BETAS
    ]
    table = pd.DataFrame(rows)
    if intervals:
        table = table.assign(value_low=table["value"] - 0.1, value_high=table["value"] + 0.1)
    return table


def test_one_panel_a_score_and_family_one_line_a_radius(tmp_path, figures):
    beta_curves(frame(), tmp_path / "a.png", value="value", label="median", title="here")
    (figure,) = figures
    assert len(figure.axes) == 4
    for axes in figure.axes:
        assert len(axes.lines) == 2
        assert len(axes.collections) == 2
        for line in axes.lines:
            np.testing.assert_array_equal(line.get_xdata(), BETAS)
            np.testing.assert_array_equal(line.get_ydata(), [1.0, 1.5, 2.0])
    assert figure.axes[0].get_ylabel() == "median"
    assert "cond, mixed_clean" in figure.axes[0].get_title()
    assert [text.get_text() for text in figure.legends[0].texts] == ["rho 3/255", "rho 8/255"]


def test_no_bands_without_intervals(tmp_path, figures):
    beta_curves(frame(intervals=False), tmp_path / "a.png", value="value", label="x")
    undefined = frame().assign(value_low=np.nan, value_high=np.nan)
    beta_curves(undefined, tmp_path / "a.png", value="value", label="x")
    for figure in figures:
        assert not any(axes.collections for axes in figure.axes)


def test_logarithmic_where_values_span_decades(tmp_path, figures):
    wide = frame(scores=("cond",), intervals=False)
    wide["value"] = 10.0 ** (4 * wide["beta"])
    beta_curves(wide, tmp_path / "a.svg", value="value", label="x")
    beta_curves(frame(), tmp_path / "b.svg", value="value", label="x")
    beta_curves(wide.assign(value=-wide["value"]), tmp_path / "c.svg", value="value", label="x")
    assert [figure.axes[0].get_yscale() for figure in figures] == ["log", "linear", "linear"]


def test_files(tmp_path):
    png, svg = tmp_path / "a.PNG", tmp_path / "a.svg"
    beta_curves(frame(), png, value="value", label="x")
    beta_curves(frame(), svg, value="value", label="x")
    assert matplotlib.image.imread(png).std() > 0
    assert "<svg" in svg.read_text()[:1000]


@pytest.mark.parametrize("name", ["a.jpg", "a", "png", "no/such/a.png"])
def test_other_names_are_refused(tmp_path, name):
    with pytest.raises(InputError, match="a picture's name|no folder that exists"):
        check_picture(tmp_path / name)


def test_without_a_path_the_figure_is_all(tmp_path, monkeypatch):
    """Notebooks show it, in the one look, although the style has ended."""
    monkeypatch.chdir(tmp_path)
    figure = beta_curves(frame(), value="value", label="x")
    assert isinstance(figure, ShownFigure)
    shown = matplotlib.image.imread(io.BytesIO(figure._repr_png_()))
    assert shown.shape[1] == 120 * PAGE
    assert shown.std() > 0
    assert list(tmp_path.iterdir()) == []


def test_nothing_to_draw(tmp_path):
    with pytest.raises(InputError, match="none"):
        beta_curves(frame().head(0), tmp_path / "a.png", value="value", label="x")
    assert list(tmp_path.iterdir()) == []
