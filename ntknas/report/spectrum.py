"""Pictures of the eigenvalues of kernels, one panel per kernel."""

import os
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from ntknas.errors import InputError
from ntknas.report.curves import check_picture, finish_picture
from ntknas.report.panels import panel_figure
from ntknas.report.style import COLOURS, MARKERS, picture_style
from ntknas.scores import format_fraction

__all__ = ["spectrum_panels"]

_HEIGHT = 2.0  # of a panel, in inches


@picture_style()
def spectrum_panels(
    frame: pd.DataFrame, path: str | os.PathLike[str] | None = None, *, title: str = ""
) -> Figure:
    """Draw eigenvalues against their numbers on a logarithmic axis.

    Args:
        frame: Table of `ntknas.evaluation.kernel_spectra`. Eigenvalues of 0 are left out.
        path: Path of the picture, ending in .png, .svg or .pdf; None writes no file.
        title: Text above the panels.

    Returns:
        The figure, which notebooks show.

    Raises:
        InputError: If the path has another ending, or there is no positive eigenvalue.
    """
    check_picture(path)
    frame = frame[frame["eigenvalue"] > 0]
    if frame.empty:
        raise InputError("expected positive eigenvalues to draw, got none")
    labels = list(dict.fromkeys(frame["architecture"]))
    styles: dict[Any, dict[str, Any]] = {
        label: {"color": COLOURS[n % len(COLOURS)], "marker": MARKERS[n % len(MARKERS)]}
        for n, label in enumerate(labels)
    }
    kernels = list(frame.groupby(["kernel", "rho"], dropna=False, sort=False))
    figure, grid = panel_figure(len(kernels), height=_HEIGHT, margin=0.6, y_label="eigenvalue")
    for axes, ((kernel, rho), part) in zip(grid.flat, kernels, strict=False):
        for label, curve in part.groupby("architecture", sort=False):
            axes.plot(curve["number"], curve["eigenvalue"], markersize=2.5, **styles[label])
        radius = float(str(rho))
        at = "" if np.isnan(radius) else f", rho {format_fraction(radius)}"
        axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
        axes.set(yscale="log", xlabel="number of the eigenvalue", title=f"{kernel}{at}")
    handles = [Line2D([], [], label=f"architecture {n}", **style) for n, style in styles.items()]
    figure.legend(handles=handles, loc="outside lower center", ncols=5)
    if title:
        figure.suptitle(title)
    return finish_picture(figure, path)
