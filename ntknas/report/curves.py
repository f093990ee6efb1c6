"""Scores, or their correlation with accuracies, against beta, the weight of the robust loss.

One column of panels a score, one row a family of mixed kernels; colour and marker say the radius,
so that the picture also reads in grey. Colours: Okabe & Ito (2008), safe for colour-blind readers.
"""

import os
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from ntknas.errors import InputError
from ntknas.scores import format_fraction

__all__ = ["beta_curves", "check_picture"]

_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
_MARKERS = ("o", "s", "^", "D", "v", "P", "X")
_ENDS = {"mixed_clean": "clean to robust", "mixed_robust": "robust to twice attacked"}
_PANEL = (4.2, 3.0)  # inches
# Above this ratio of largest to smallest value a linear axis would hide the small ones.
_LOG_RATIO = 30


def check_picture(path: str | os.PathLike[str]) -> Path:
    """The path of a picture to be written.

    Raises:
        InputError: unless it ends in .png or .svg and its folder exists.
    """
    path = Path(path)
    if path.suffix.lower() not in (".png", ".svg"):
        raise InputError(f"expected a picture's name ending in .png or .svg, got {str(path)!r}")
    if path.is_dir() or not path.parent.is_dir():
        raise InputError(f"expected a picture's name in a folder that exists, got {str(path)!r}")
    return path


def beta_curves(
    frame: pd.DataFrame,
    path: str | os.PathLike[str],
    *,
    value: str,
    label: str,
    title: str = "",
) -> Path:
    """Draw one curve a score, kernel and rho, and write the picture.

    Args:
        frame: columns score, kernel, rho, beta, `value`, and perhaps `value` followed by _low and by
            _high, drawn as a band where they are finite.
        path: ends in .png or .svg.
        value: column to draw.
        label: of the vertical axes.
        title: above the panels.

    Returns:
        The path.

    Raises:
        InputError: for another ending, or a frame without rows.

    Example:
        >>> import tempfile
        >>> frame = pd.DataFrame({"beta": [0.0, 1.0], "value": [0.5, 0.6]})
        >>> frame = frame.assign(score="cond", kernel="mixed_clean", rho=8 / 255)
        >>> file = Path(tempfile.mkdtemp()) / "picture.svg"
        >>> beta_curves(frame, file, value="value", label="Spearman") == file
        True
    """
    path = check_picture(path)
    if frame.empty:
        raise InputError("expected scores at some beta to draw, got none")
    scores, kernels = list(frame["score"].unique()), list(frame["kernel"].unique())
    rhos = sorted(frame["rho"].unique())
    styles: dict[float, dict[str, Any]] = {
        rho: {
            "color": _COLOURS[i % len(_COLOURS)],
            "marker": _MARKERS[i % len(_MARKERS)],
            "markersize": 4,
            "markerfacecolor": "white",
        }
        for i, rho in enumerate(rhos)
    }
    size = (_PANEL[0] * len(scores) + 0.6, _PANEL[1] * len(kernels) + 0.6)
    figure = Figure(figsize=size, layout="constrained")
    FigureCanvasAgg(figure)
    # A column shares its axis, so that families can be compared.
    grid = figure.subplots(len(kernels), len(scores), squeeze=False, sharex=True, sharey="col")
    for column, score in zip(grid.T, scores, strict=True):
        rows = frame[frame["score"] == score]
        for axes, kernel in zip(column, kernels, strict=True):
            for rho, curve in rows[rows["kernel"] == kernel].groupby("rho"):
                _draw(axes, curve.sort_values("beta"), value, styles[rho])
            ends = f" ({_ENDS[kernel]})" if kernel in _ENDS else ""
            axes.set_title(f"{score}, {kernel}{ends}", fontsize=9)
            axes.grid(alpha=0.3)
            axes.spines[["top", "right"]].set_visible(False)
        column[-1].set_xlabel("beta, weight of the robust loss")
        if _spans_decades(rows[value]):
            column[0].set_yscale("log")
    for axes in grid[:, 0]:
        axes.set_ylabel(label)
    if title:
        figure.suptitle(title, fontsize=10)
    handles = [Line2D([], [], label=f"rho {format_fraction(r)}", **styles[r]) for r in rhos]
    figure.legend(handles=handles, loc="outside lower center", ncols=3 * len(scores), frameon=False)
    figure.savefig(path, dpi=150)
    return path


def _draw(axes, curve, value, style):
    axes.plot(curve["beta"], curve[value], **style)
    low, high = f"{value}_low", f"{value}_high"
    if low in curve and np.isfinite(curve[[low, high]].to_numpy(float)).any():
        axes.fill_between(
            curve["beta"], curve[low], curve[high], color=style["color"], alpha=0.12, lw=0
        )


def _spans_decades(values: "pd.Series[float]") -> bool:
    known = values[np.isfinite(values)]
    return bool(len(known) and known.min() > 0 and known.max() > _LOG_RATIO * known.min())
