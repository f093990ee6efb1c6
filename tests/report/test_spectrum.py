"""Pictures of eigenvalues: panels and lines."""

import numpy as np
import pandas as pd
import pytest

from ntknas.errors import InputError
from ntknas.report import spectrum_panels

ROWS = pd.DataFrame(
    [
        {"architecture": cell, "kernel": kernel, "rho": rho, "number": n, "eigenvalue": 3.0 - n}
        for cell in (5, "<own>")
        for kernel, rho in (("clean", np.nan), ("robust", 8 / 255))
        for n in (1, 2, 3)
    ]
)


def test_a_panel_per_kernel_and_a_line_per_architecture(tmp_path, figures):
    spectrum_panels(ROWS, tmp_path / "a.png", title="here")
    axes = [one for one in figures[0].axes if one.get_visible()]
    assert [one.get_title() for one in axes] == ["clean", "robust, rho 8/255"]
    for one in axes:
        assert one.get_yscale() == "log"
        assert len(one.lines) == 2
        np.testing.assert_array_equal(one.lines[0].get_ydata(), [2.0, 1.0])  # 0 is left out


def test_refused(tmp_path):
    with pytest.raises(InputError, match="expected positive eigenvalues"):
        spectrum_panels(ROWS[ROWS["eigenvalue"] <= 0], tmp_path / "a.png")
