"""Pictures of intervals, one line per row: correlations of scores, and ranks of architectures."""

import os

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from ntknas.errors import InputError
from ntknas.report.curves import check_picture, finish_picture
from ntknas.report.style import COLOURS, MARKERS, PAGE, new_figure, picture_style

__all__ = ["interval_picture"]

_MOST_LINES = 40
_LINE = 0.17  # inches


@picture_style()
def interval_picture(
    frame: pd.DataFrame,
    path: str | os.PathLike[str] | None = None,
    *,
    value: str,
    label: str,
    title: str = "",
    width: float = PAGE,
) -> Figure:
    """Draw values with intervals: one line per name, and one colour and marker per series.

    Args:
        frame: Table with the columns name, series, `value`, and `value` followed by _low and _high.
            Names are drawn from top to bottom; the first 40 are kept.
        path: Path of the picture, ending in .png, .svg or .pdf; None writes no file.
        value: Name of the column to draw.
        label: Label of the horizontal axis.
        title: Text above the picture.
        width: Width of the picture in inches.

    Returns:
        The figure, which notebooks show.

    Raises:
        InputError: If the path has another ending, or the frame has no rows.

    Example:
        >>> row = dict(name="cond@clean", series="pgd_8", r=0.5, r_low=0.4, r_high=0.6)
        >>> figure = interval_picture(pd.DataFrame([row]), value="r", label="Spearman")
        >>> figure.axes[0].get_xlabel()
        'Spearman'
    """
    check_picture(path)
    if frame.empty:
        raise InputError("expected values to draw, got none")
    names = list(dict.fromkeys(frame["name"]))[:_MOST_LINES]
    series = list(dict.fromkeys(frame["series"]))
    figure = new_figure(_LINE * len(names) * (1 + 0.3 * (len(series) > 3)) + 1.0, width=width)
    axes = figure.subplots()
    step = 0.7 / len(series)
    for number, one in enumerate(series):
        part = frame[(frame["series"] == one) & frame["name"].isin(names)]
        lines = [
            names.index(name) + (number - (len(series) - 1) / 2) * step for name in part["name"]
        ]
        ends = [part[value] - part[f"{value}_low"], part[f"{value}_high"] - part[value]]
        axes.errorbar(
            part[value],
            lines,
            xerr=[end.clip(lower=0).fillna(0) for end in ends],
            fmt=MARKERS[number % len(MARKERS)],
            color=COLOURS[number % len(COLOURS)],
            markersize=3,
            elinewidth=0.8,
            label=str(one),
        )
    axes.set_yticks(range(len(names)), [str(name) for name in names], fontsize=7)
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.xaxis.set_major_locator(MaxNLocator(6 if width > PAGE / 2 else 4))
    # Beside long names, the axes of a column are narrow.
    axes.set_xlabel(label if width > PAGE / 2 else label.replace(", ", "\n"))
    if len(series) > 1:
        columns = 6 if width > PAGE / 2 else 3
        figure.legend(loc="outside lower center", ncols=columns)
    if title:
        figure.suptitle(title)
    return finish_picture(figure, path)
