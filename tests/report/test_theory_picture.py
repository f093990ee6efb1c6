"""The picture of a theory experiment: curves, bars and panels."""

from typing import Any

import pandas as pd
import pytest

from ntknas.errors import InputError
from ntknas.report import theory_picture

KERNELS = pd.DataFrame(
    [
        {"width": "8", "kernel": kernel, "beta": beta, "order": 2 + beta}
        for kernel in ("K_all", "K~_all")
        for beta in (0.0, 1.0)
    ]
)
ERRORS = pd.DataFrame({"width": "8", "beta": [0.0, 1.0], "clean_error": 0.2, "robust_error": 0.4})


def _has_bars(axes: Any) -> bool:
    return axes.containers[0].has_yerr


def test_panels_curves_and_bars(tmp_path):
    (orders,) = theory_picture(KERNELS, pd.DataFrame()).axes
    assert len(orders.containers) == 2
    assert not _has_bars(orders)
    bars = KERNELS.assign(order_low=KERNELS["order"] - 1, order_high=KERNELS["order"] + 1)
    figure = theory_picture(bars, ERRORS, tmp_path / "a.svg", title="here")
    orders, errors = figure.axes
    assert _has_bars(orders)
    assert [text.get_text() for text in errors.get_legend().texts] == [
        "clean, width 8",
        "robust, width 8",
    ]
    assert "here" in (tmp_path / "a.svg").read_text()


def test_refused(tmp_path):
    with pytest.raises(InputError, match="expected kernels to draw"):
        theory_picture(KERNELS[:0], ERRORS)
    with pytest.raises(InputError, match="ending in"):
        theory_picture(KERNELS, ERRORS, tmp_path / "a.gif")
