"""The picture of bounds and errors."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.image import imread

from ntknas.errors import InputError
from ntknas.report import bound_panels

LABELS = {"x_label": "bound", "y_label": "error"}


def frame(factors=("width", "depth", "N", "rho")):
    rows = []
    for factor in factors:
        for series in ("clean", "robust"):
            for i, x in enumerate((1.0, 5.0, 40.0)):
                point = {"factor": factor, "series": series, "label": str(i), "x": x, "y": 0.1 * i}
                ends = {"x_low": 0.9 * x, "x_high": 1.2 * x, "y_low": 0.0, "y_high": 0.1 * i + 0.1}
                rows.append(point | ends)
    return pd.DataFrame(rows)


def test_a_panel_a_factor_with_log_axes_where_bounds_span_decades(tmp_path):
    bound_panels(frame(), tmp_path / "b.svg", title="four", **LABELS)
    text = (tmp_path / "b.svg").read_text()
    assert all(f"<!-- {name} -->" in text for name in ("width", "depth", "N", "rho", "four"))
    assert text.count("<!-- bound -->") == 4
    assert all(f"<!-- {series} -->" in text for series in ("clean", "robust"))
    assert "mathdefault{10^{" in text.replace(" ", "")


def test_one_panel_is_not_blank(tmp_path):
    bound_panels(frame(["width"]), tmp_path / "b.png", **LABELS)
    image = imread(tmp_path / "b.png")
    colours = {tuple(np.round(p, 1)) for p in image.reshape(-1, image.shape[-1])}
    assert len(colours) > 5


@pytest.mark.parametrize(
    ("rows", "name", "message"),
    [
        (frame()[:0], "b.png", "expected points to draw, got none"),
        (frame(), "b.jpg", "ending in .png, .svg or .pdf"),
    ],
)
def test_refused(rows, name, message, tmp_path):
    with pytest.raises(InputError, match=message):
        bound_panels(rows, tmp_path / name, **LABELS)
