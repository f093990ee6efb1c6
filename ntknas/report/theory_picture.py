"""The picture of a theory experiment: orders of the bounds, and errors, against beta."""

import os

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from ntknas.errors import InputError
from ntknas.report.curves import check_picture, finish_picture
from ntknas.report.style import COLOURS, GREY, MARKERS, new_figure, picture_style

__all__ = ["theory_picture"]

_BESIDE = 0.012
_BOUNDS = {"K_all": "clean error, K_all", "K~_all": "robust error, K~_all"}


@picture_style()
def theory_picture(
    kernels: pd.DataFrame,
    errors: pd.DataFrame,
    path: str | os.PathLike[str] | None = None,
    *,
    title: str = "",
) -> Figure:
    """Draw orders of bounds against beta, and errors, if there are any, in a second panel.

    Below the dotted line a bound of that order would say something about an error.

    Args:
        kernels: Table of `ntknas.theory.summarise_theory`, with columns width, kernel, beta and
            order, and optionally order_low and order_high.
        errors: Table with the columns width, beta, clean_error and robust_error, and optionally the
            ends of their intervals; it may be empty.
        path: Path of the picture, ending in .png, .svg or .pdf; None writes no file.
        title: Text above the panels.

    Returns:
        The figure, which notebooks show.

    Raises:
        InputError: If the path has another ending, or there is no kernel.

    Example:
        >>> kernels = pd.DataFrame({"width": "64", "kernel": "K_all", "beta": [0.0], "order": 3.0})
        >>> figure = theory_picture(kernels, pd.DataFrame())
        >>> figure.axes[0].get_xlabel()
        'beta, weight of the robust loss'
    """
    check_picture(path)
    if kernels.empty:
        raise InputError("expected kernels to draw, got none")
    figure = new_figure(3.2)
    panels = figure.subplots(1, 1 if errors.empty else 2, squeeze=False)[0]
    bounds = kernels.groupby(["width", "kernel"], sort=False)
    for number, ((width, kernel), part) in enumerate(bounds):
        _draw(panels[0], part, "order", f"{_BOUNDS[str(kernel)]}, width {width}", number)
    panels[0].axhline(1.0, color=GREY, ls=":", label="1: orders above say nothing")
    panels[0].set(title="orders of the bounds", ylabel="order", ylim=(0, None))
    if not errors.empty:
        for number, (width, part) in enumerate(errors.groupby("width", sort=False)):
            for kind, name in enumerate(("clean", "robust")):
                label = f"{name}, width {width!s}"
                _draw(panels[1], part, f"{name}_error", label, 2 * number + kind)
        panels[1].set(title="errors of trained networks", ylabel="0-1 test error", ylim=(0, None))
    for axes in panels:
        axes.set_xlabel("beta, weight of the robust loss")
        axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.2))
    if title:
        figure.suptitle(title)
    return finish_picture(figure, path)


def _draw(axes, part: pd.DataFrame, name: str, label: str, number: int) -> None:
    """Draw one curve, with bars where there are intervals."""
    bars = None
    if f"{name}_low" in part and np.isfinite(part[f"{name}_low"].to_numpy(float)).all():
        bars = [part[name] - part[f"{name}_low"], part[f"{name}_high"] - part[name]]
    number %= len(COLOURS)
    axes.errorbar(
        part["beta"] + _BESIDE * number,  # so that bars stand side by side
        part[name],
        bars,
        color=COLOURS[number],
        marker=MARKERS[number],
        markerfacecolor="white",
        elinewidth=0.8,
        label=label,
    )
