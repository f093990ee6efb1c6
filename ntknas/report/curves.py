"""Pictures of scores, or of their correlations, against beta, the weight of the robust loss.

There is one column of panels per score and one row per family of mixed kernels. Colour and marker
show the radius, so that the picture can also be read without colours.
"""

import os
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from ntknas.errors import InputError
from ntknas.report.output import check_output, output_file
from ntknas.report.style import COLOURS, MARKERS, new_figure, picture_style
from ntknas.scores import format_fraction

__all__ = ["beta_curves", "check_picture", "finish_picture", "save_picture"]

_ENDS = {"mixed_clean": "clean to robust", "mixed_robust": "robust to twice attacked"}
_HEIGHT = 2.1  # of a panel, in inches
# Above this ratio of largest to smallest value, a linear axis would hide the small values.
_LOG_RATIO = 30


def check_picture(path: str | os.PathLike[str] | None) -> Path | None:
    """The path of a picture to be written, after a check.

    Args:
        path: Path of the picture; None means that none is written.

    Raises:
        InputError: If the path has another ending than .png, .svg and .pdf, or cannot be written.
    """
    if path is None:
        return None
    path = check_output(path)
    if path.suffix.lower() not in (".png", ".svg", ".pdf"):
        raise InputError(
            f"expected a picture's name ending in .png, .svg or .pdf, got {str(path)!r}"
        )
    return path


def save_picture(figure: Figure, path: str | os.PathLike[str]) -> Path:
    """Write a figure to a file, in one step.

    Args:
        figure: The figure.
        path: Path of the picture, ending in .png, .svg or .pdf.

    Returns:
        The path of the picture.

    Raises:
        InputError: If the path has another ending, or cannot be written.
    """
    check_picture(path)
    path = Path(path)
    with picture_style(), output_file(path) as temporary:
        kind = path.suffix[1:].lower()
        without_date = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}
        figure.savefig(temporary, format=kind, metadata=without_date.get(kind))
    return path


def finish_picture(figure: Figure, path: str | os.PathLike[str] | None) -> Figure:
    """The figure, written to a file if there is a path.

    Args:
        figure: The figure.
        path: Path of the picture, ending in .png, .svg or .pdf; None writes no file.

    Returns:
        The same figure.

    Raises:
        InputError: If the path has another ending, or cannot be written.
    """
    if path is not None:
        save_picture(figure, path)
    return figure


@picture_style()
def beta_curves(
    frame: pd.DataFrame,
    path: str | os.PathLike[str] | None = None,
    *,
    value: str,
    label: str,
    title: str = "",
    bounded: bool = False,
) -> Figure:
    """Draw one curve per score, kernel and rho; write the picture if there is a path.

    Args:
        frame: Table with the columns score, kernel, rho, beta and `value`. The names in `value`
            followed by _low and _high are optional columns; where they are finite, they are drawn
            as a band, or as two dotted lines if there are several radii.
        path: Path of the picture, ending in .png, .svg or .pdf; None writes no file.
        value: Name of the column to draw.
        label: Label of the vertical axes.
        title: Text above the panels.
        bounded: Whether the values are bounded, as correlations are. Bounded values are drawn on a
            linear axis, others on a logarithmic one if they span decades.

    Returns:
        The figure, which notebooks show.

    Raises:
        InputError: If the path has another ending, or the frame has no rows.

    Example:
        >>> frame = pd.DataFrame({"beta": [0.0, 1.0], "value": [0.5, 0.6]})
        >>> frame = frame.assign(score="cond", kernel="mixed_clean", rho=8 / 255)
        >>> figure = beta_curves(frame, value="value", label="Spearman")
        >>> figure.axes[0].get_ylabel()
        'Spearman'
    """
    check_picture(path)
    if frame.empty:
        raise InputError("expected scores at some beta to draw, got none")
    scores, kernels = list(frame["score"].unique()), list(frame["kernel"].unique())
    rhos = sorted(frame["rho"].unique())
    styles: dict[float, dict[str, Any]] = {
        rho: {
            "color": COLOURS[i % len(COLOURS)],
            "marker": MARKERS[i % len(MARKERS)],
            "markerfacecolor": "white",
        }
        for i, rho in enumerate(rhos)
    }
    figure = new_figure(_HEIGHT * len(kernels) + 0.6)
    # The panels of a column share their vertical axis, so that families can be compared.
    grid = figure.subplots(len(kernels), len(scores), squeeze=False, sharex=True, sharey="col")
    for column, score in zip(grid.T, scores, strict=True):
        rows = frame[frame["score"] == score]
        for axes, kernel in zip(column, kernels, strict=True):
            for rho, curve in rows[rows["kernel"] == kernel].groupby("rho"):
                _draw(axes, curve.sort_values("beta"), value, styles[rho], alone=len(rhos) == 1)
            ends = f"\n{_ENDS[kernel]}" if kernel in _ENDS else ""
            axes.set_title(f"{score}, {kernel}{ends}")
        column[-1].set_xlabel("beta, weight of the robust loss")
        if not bounded and _spans_decades(rows[value]):
            column[0].set_yscale("log")
    for axes in grid[:, 0]:
        axes.set_ylabel(label)
    if title:
        figure.suptitle(title)
    handles = [Line2D([], [], label=f"rho {format_fraction(r)}", **styles[r]) for r in rhos]
    figure.legend(handles=handles, loc="outside lower center", ncols=7)
    return finish_picture(figure, path)


def _draw(axes, curve, value, style, *, alone):
    """Draw one curve, and its band if there is one; bands of several curves are two lines each."""
    axes.plot(curve["beta"], curve[value], **style)
    low, high = f"{value}_low", f"{value}_high"
    if low not in curve or not np.isfinite(curve[[low, high]].to_numpy(float)).any():
        return
    if alone:
        ends = curve["beta"], curve[low], curve[high]
        axes.fill_between(*ends, color=style["color"], alpha=0.15, lw=0)
    else:
        lines = [curve[["beta", end]].to_numpy(float) for end in (low, high)]
        axes.add_collection(LineCollection(lines, colors=style["color"], lw=0.8, ls=":"))
        axes.autoscale_view()


def _spans_decades(values: "pd.Series[float]") -> bool:
    """Whether all finite values are positive and span more than `_LOG_RATIO`."""
    known = values[np.isfinite(values)]
    return bool(len(known) and known.min() > 0 and known.max() > _LOG_RATIO * known.min())
