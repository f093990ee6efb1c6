"""The picture of a search: every query, and the best value so far."""

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from ntknas.errors import InputError
from ntknas.report.curves import check_picture, save_picture

__all__ = ["search_curve"]


def search_curve(
    values: Sequence[float],
    path: str | os.PathLike[str],
    *,
    label: str,
    optimum: float | None = None,
) -> Path:
    """Draw the value of each query, the best value so far, and the best there is.

    Args:
        values: Values in the order of the queries; infinite ones are not drawn.
        path: Path of the picture, ending in .png or .svg.
        label: Label of the vertical axis.
        optimum: Best value there is; None if it is not known.

    Returns:
        The path of the picture.

    Raises:
        InputError: If the path has another ending, or there is no value.

    Example:
        >>> import tempfile
        >>> file = Path(tempfile.mkdtemp()) / "picture.svg"
        >>> search_curve([0.3, 0.5, 0.4], file, label="pgd_8", optimum=0.6) == file
        True
    """
    path = check_picture(path)
    if not len(values):
        raise InputError("expected at least one query to draw, got none")
    each = np.asarray(values, float)
    each[~np.isfinite(each)] = np.nan
    number = np.arange(1, len(each) + 1)
    figure = Figure(figsize=(6.4, 4), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    axes.plot(number, each, ".", color="#56B4E9", label="query")
    axes.step(number, np.fmax.accumulate(each), where="post", color="#0072B2", label="best so far")
    if optimum is not None:
        axes.axhline(optimum, color="#D55E00", linestyle="--", label="best there is")
    axes.set(xlabel="queries", ylabel=label)
    axes.grid(alpha=0.3)
    axes.legend()
    return save_picture(figure, path)
