"""Pictures of measured errors against bounds, one panel per factor of the design.

A point is a setting, and its bars are intervals. Colour and marker show the kind of error, so that
the picture can also be read without colours.
"""

import os

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter

from ntknas.errors import InputError
from ntknas.report.curves import check_picture, finish_picture
from ntknas.report.labels import write_labels
from ntknas.report.panels import panel_figure
from ntknas.report.style import COLOURS, MARKERS, picture_style

__all__ = ["bound_panels"]

_HEIGHT = 2.3  # of a panel, in inches
_LOG_RATIO = 30


@picture_style()
def bound_panels(
    frame: pd.DataFrame,
    path: str | os.PathLike[str] | None = None,
    *,
    x_label: str,
    y_label: str,
    title: str = "",
) -> Figure:
    """Draw errors against bounds; write the picture if there is a path.

    Args:
        frame: Table with one row per point. Columns: factor (panel), series (colour), label
            (written at the point), x and y, and each of these two followed by _low and _high.
        path: Path of the picture, ending in .png, .svg or .pdf; None writes no file.
        x_label: Label of the horizontal axes.
        y_label: Label of the vertical axes.
        title: Text above the panels.

    Returns:
        The figure, which notebooks show.

    Raises:
        InputError: If the path has another ending, or the frame has no rows.

    Example:
        >>> point = dict(factor="width", series="clean", label="64", x=1.0, y=0.3)
        >>> point |= dict(x_low=0.9, x_high=1.1, y_low=0.2, y_high=0.4)
        >>> figure = bound_panels(pd.DataFrame([point]), x_label="bound", y_label="error")
        >>> figure.axes[0].get_title()
        'width'
    """
    check_picture(path)
    if frame.empty:
        raise InputError("expected points to draw, got none")
    factors = list(frame["factor"].unique())
    figure, grid = panel_figure(len(factors), height=_HEIGHT, margin=0.6, y_label=y_label)
    handles = {}
    for factor, axes in zip(factors, grid.flat, strict=False):
        panel = frame[frame["factor"] == factor]
        for style, (series, points) in zip(
            zip(COLOURS, MARKERS, strict=True), panel.groupby("series", sort=True), strict=False
        ):
            handles[series] = _draw(axes, points, *style)
        if panel["x"].min() > 0 and panel["x"].max() > _LOG_RATIO * panel["x"].min():
            axes.set_xscale("log")
            axes.xaxis.set_minor_formatter(NullFormatter())
        axes.set_title(factor)
        axes.set_xlabel(x_label)
        axes.margins(0.12)
    if title:
        figure.suptitle(title)
    figure.legend(handles.values(), handles.keys(), loc="outside lower center", ncols=4)
    for factor, axes in zip(factors, grid.flat, strict=False):
        panel = frame[frame["factor"] == factor]
        order = sorted(panel["series"].unique())
        colours = [COLOURS[order.index(series)] for series in panel["series"]]
        write_labels(axes, panel["x"], panel["y"], panel["label"], colours)
    return finish_picture(figure, path)


def _draw(axes, points: pd.DataFrame, colour: str, marker: str):
    """Draw one series with its intervals, and return its handle for the legend."""
    bars = [
        np.abs(np.stack([points[a] - points[f"{a}_low"], points[f"{a}_high"] - points[a]]))
        for a in ("x", "y")
    ]
    return axes.errorbar(
        points["x"],
        points["y"],
        xerr=bars[0],
        yerr=bars[1],
        color=colour,
        marker=marker,
        markerfacecolor="white",
        lw=0.8,
        ls="-",
        alpha=0.9,
    )
