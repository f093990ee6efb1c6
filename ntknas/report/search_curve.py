"""The picture of a search: every query, and the best value so far."""

import os
from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from ntknas.errors import InputError
from ntknas.report.curves import check_picture, finish_picture
from ntknas.report.style import BLUE, PAGE, RED, SKY, new_figure, picture_style

__all__ = ["search_curve"]


@picture_style()
def search_curve(
    values: Sequence[float],
    path: str | os.PathLike[str] | None = None,
    *,
    label: str,
    optimum: float | None = None,
    width: float = PAGE,
) -> Figure:
    """Draw the value of each query, the best value so far, and the best there is.

    Args:
        values: Values in the order of the queries; infinite ones are not drawn.
        path: Path of the picture, ending in .png, .svg or .pdf; None writes no file.
        label: Label of the vertical axis.
        optimum: Best value there is; None if it is not known.
        width: Width of the picture in inches.

    Returns:
        The figure, which notebooks show.

    Raises:
        InputError: If the path has another ending, or there is no value.

    Example:
        >>> figure = search_curve([0.3, 0.5, 0.4], label="pgd_8", optimum=0.6)
        >>> figure.axes[0].get_xlabel()
        'queries'
    """
    check_picture(path)
    if not len(values):
        raise InputError("expected at least one query to draw, got none")
    each = np.asarray(values, float)
    each[~np.isfinite(each)] = np.nan
    number = np.arange(1, len(each) + 1)
    figure = new_figure(min(3.6, 0.75 * width), width=width)
    axes = figure.subplots()
    axes.plot(number, each, ".", color=SKY, label=f"{len(each)} queries")
    axes.step(number, np.fmax.accumulate(each), where="post", color=BLUE, label="best so far")
    if optimum is not None:
        axes.axhline(optimum, color=RED, linestyle="--", label="best there is")
    axes.set(xlabel="queries", ylabel=label)
    axes.legend()
    return finish_picture(figure, path)
