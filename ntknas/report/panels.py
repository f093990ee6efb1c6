"""Figures with panels of equal size in rows."""

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

__all__ = ["panel_figure"]

_COLUMNS = 3


def panel_figure(
    count: int, panel: tuple[float, float], margin: tuple[float, float], *, y_label: str
) -> tuple[Figure, np.ndarray]:
    """A figure with at most three panels per row; all panels share their vertical axis.

    Args:
        count: Number of panels.
        panel: Width and height of one panel, in inches.
        margin: Width and height that are added beside and below all panels, in inches.
        y_label: Label of the vertical axes.

    Returns:
        The figure and the grid of axes `[rows, columns]`; axes after the first `count` are hidden.

    Example:
        >>> figure, grid = panel_figure(5, (4.0, 3.0), (1.0, 0.5), y_label="accuracy")
        >>> grid.shape, tuple(map(float, figure.get_size_inches()))
        ((2, 3), (13.0, 6.5))
    """
    columns = min(_COLUMNS, count)
    rows = -(-count // columns)
    size = (panel[0] * columns + margin[0], panel[1] * rows + margin[1])
    figure = Figure(figsize=size, layout="constrained")
    FigureCanvasAgg(figure)
    grid = figure.subplots(rows, columns, squeeze=False, sharey=True)
    for axes in grid.flat[count:]:
        axes.set_visible(False)
    for axes in grid[:, 0]:
        axes.set_ylabel(y_label)
    return figure, grid
