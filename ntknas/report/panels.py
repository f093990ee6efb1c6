"""Figures with panels of equal size in rows."""

import numpy as np
from matplotlib.figure import Figure

from ntknas.report.style import PAGE, new_figure

__all__ = ["panel_figure"]

_COLUMNS = 3


def panel_figure(
    count: int, *, height: float, margin: float, y_label: str, width: float = PAGE
) -> tuple[Figure, np.ndarray]:
    """A figure with at most three panels per row; all panels share their vertical axis.

    Args:
        count: Number of panels.
        height: Height of one panel, in inches.
        margin: Height that is added above and below all panels, in inches.
        y_label: Label of the vertical axes.
        width: Width of the figure, in inches.

    Returns:
        The figure and the grid of axes `[rows, columns]`; axes after the first `count` are hidden.

    Example:
        >>> figure, grid = panel_figure(5, height=2.0, margin=0.5, y_label="accuracy")
        >>> grid.shape, tuple(map(float, figure.get_size_inches()))
        ((2, 3), (7.0, 4.5))
    """
    columns = min(_COLUMNS, count)
    rows = -(-count // columns)
    figure = new_figure(height * rows + margin, width=width)
    grid = figure.subplots(rows, columns, squeeze=False, sharey=True)
    for axes in grid.flat[count:]:
        axes.set_visible(False)
    for axes in grid[:, 0]:
        axes.set_ylabel(y_label)
    return figure, grid
