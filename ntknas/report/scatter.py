"""Scatter plots of scores against published accuracies: a point is an architecture.

There is one panel per score. The colour shows the number of 3x3 convolutions, on a scale that can
also be read without colours. A trend among points of one colour is not explained by this number.
"""

import os

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.colors import BoundaryNorm, ListedColormap
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter

from ntknas.errors import InputError
from ntknas.report.curves import check_picture, finish_picture
from ntknas.report.panels import panel_figure
from ntknas.report.style import PAGE, picture_style

__all__ = ["score_scatter"]

_HEIGHT = 2.25  # of a panel, in inches
_LOG_RATIO = 30
_LAST = 0.88  # part of the colours that is used
_MANY = 1e5  # from here on, axes count in thousands (k), millions (M) or more
_LONG = 25  # letters of a title that fit one line
_MOST_SHAPES = 1000  # points that files of shapes (.svg, .pdf) hold one by one


@picture_style()
def score_scatter(
    frame: pd.DataFrame,
    path: str | os.PathLike[str] | None = None,
    *,
    accuracy: str,
    title: str = "",
    width: float = PAGE,
) -> Figure:
    """Draw scores against accuracies; write the picture if there is a path.

    Args:
        frame: Table with one row per architecture and score. Columns: score (panel), value,
            accuracy, convolutions_3x3, note (the first note of a score is written into the panel's
            title), and optionally better ("higher" or "lower", written below the panel). Values
            that are not finite are left out, and on a logarithmic axis also zeros.
        path: Path of the picture, ending in .png, .svg or .pdf; None writes no file.
        accuracy: Name of the accuracy, as the label of the vertical axes.
        title: Text above the panels.
        width: Width of the picture in inches.

    Returns:
        The figure, which notebooks show.

    Raises:
        InputError: If the path has another ending, or the frame has no rows.

    Example:
        >>> point = dict(score="cond", value=3.0, accuracy=0.4, convolutions_3x3=2, note="")
        >>> figure = score_scatter(pd.DataFrame([point]), accuracy="PGD-8")
        >>> figure.axes[0].get_ylabel()
        'PGD-8'
    """
    check_picture(path)
    if frame.empty:
        raise InputError("expected scores to draw, got none")
    scores = list(frame["score"].unique())
    figure, grid = panel_figure(
        len(scores), height=_HEIGHT, margin=0.4, y_label=accuracy, width=width
    )
    most = int(frame["convolutions_3x3"].max())
    # Without its last part, the yellow of which can hardly be seen on white.
    colours = ListedColormap(matplotlib.colormaps["viridis"](np.linspace(0, _LAST, 256)))
    norm = BoundaryNorm(np.arange(-0.5, most + 1), colours.N)
    points = None
    for axes, score in zip(grid.flat, scores, strict=False):
        part = frame[(frame["score"] == score) & np.isfinite(frame["value"].astype(float))]
        points = axes.scatter(
            part["value"],
            part["accuracy"],
            c=part["convolutions_3x3"],
            cmap=colours,
            norm=norm,
            s=max(1.5, min(16.0, 2500 / max(len(part), 1))),
            linewidths=0,
            rasterized=len(part) > _MOST_SHAPES,
        )
        axes.set_xscale("log" if _spans_decades(part["value"]) else "linear")
        if axes.get_xscale() == "linear" and part["value"].abs().max() >= _MANY:
            axes.xaxis.set_major_formatter(EngFormatter(sep=""))
        note = frame.loc[frame["score"] == score, "note"].iloc[0]
        lines = [
            score.replace("@", "\n@") if len(score) > _LONG else score,
            *([note] if note else []),
        ]
        axes.set_title("\n".join(lines))
        if "better" in frame:
            better = frame.loc[frame["score"] == score, "better"].iloc[0]
            axes.set_xlabel(f"score, {better} is better")
    if points is not None:
        bar = figure.colorbar(points, ax=grid, ticks=range(most + 1), aspect=30)
        bar.set_label("3x3 convolutions")
    if title:
        figure.suptitle(title)
    return finish_picture(figure, path)


def _spans_decades(values: "pd.Series[float]") -> bool:
    """Whether nearly all values are positive, and 99% of these span more than `_LOG_RATIO`."""
    if (values > 0).mean() < 0.9:
        return False
    low, high = values[values > 0].quantile([0.005, 0.995])
    return bool(high > _LOG_RATIO * low)
