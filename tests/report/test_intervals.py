"""Pictures of intervals: what is drawn where."""

import numpy as np
import pandas as pd
import pytest

from ntknas.errors import InputError
from ntknas.report import interval_picture


def rows(names, series=("a", "b")):
    return pd.DataFrame(
        [
            {"name": name, "series": one, "r": 0.1 * n, "r_low": 0.1 * n - 0.05, "r_high": 0.1 * n}
            for n, name in enumerate(names)
            for one in series
        ]
    )


def test_names_from_top_to_bottom(tmp_path, figures):
    interval_picture(rows(["x", "y", "z"]), tmp_path / "a.png", value="r", label="Spearman")
    (figure,) = figures
    (axes,) = figure.axes
    lines = axes.containers[0].lines
    assert [label.get_text() for label in axes.get_yticklabels()] == ["x", "y", "z"]
    assert axes.yaxis_inverted()
    np.testing.assert_allclose(lines[0].get_xdata().astype(float), [0.0, 0.1, 0.2])
    bars = lines[2][0].get_segments()
    np.testing.assert_allclose([bar[:, 0] for bar in bars], [[-0.05, 0], [0.05, 0.1], [0.15, 0.2]])
    assert figure.legends


def test_missing_ends_have_no_bar_and_one_series_no_legend(tmp_path, figures):
    frame = rows(["x"], ["a"]).assign(r_low=np.nan, r_high=np.nan)
    interval_picture(frame, tmp_path / "a.svg", value="r", label="r", title="t", width=3.5)
    assert not figures[0].legends
    assert figures[0].get_size_inches()[0] == 3.5


def test_refused(tmp_path):
    with pytest.raises(InputError, match="expected values to draw"):
        interval_picture(rows([]), tmp_path / "a.png", value="r", label="r")
    with pytest.raises(InputError, match="ending in"):
        interval_picture(rows(["x"]), tmp_path / "a.gif", value="r", label="r")
