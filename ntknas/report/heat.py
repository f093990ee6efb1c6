"""Heat maps of correlations over a grid of beta and rho."""

import os
import textwrap

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from ntknas.errors import InputError
from ntknas.report.curves import check_picture, finish_picture
from ntknas.report.style import PAGE, new_figure, picture_style
from ntknas.scores import format_fraction
from ntknas.truth import metric_label

__all__ = ["heat_maps"]

_MANY = 4  # metrics from which on panels are narrow
_LETTERS = 15  # of a title, per inch


@picture_style()
def heat_maps(
    grid: pd.DataFrame, path: str | os.PathLike[str] | None = None, *, score: str, title: str = ""
) -> Figure:
    """Draw the correlations of one score: one row per family of kernels, one column per metric.

    Args:
        grid: Table with one row per score, kernel, metric, rho and beta. Columns: these, and
            spearman.
        path: Path of the picture, ending in .png, .svg or .pdf; None writes no file.
        score: Name of the score to draw.
        title: Text above the panels; empty means the name of the score.

    Returns:
        The figure, which notebooks show.

    Raises:
        InputError: If the path has another ending, or the score is not in the grid.
    """
    check_picture(path)
    part = grid[grid["score"] == score]
    if part.empty:
        raise InputError(f"expected correlations of {score} to draw, got none")
    metrics, kernels = list(part["metric"].unique()), list(part["kernel"].unique())
    width = PAGE if len(metrics) > 1 else 0.6 * PAGE
    figure = new_figure(1.6 * len(kernels) + 0.7, width=width)
    panels = figure.subplots(len(kernels), len(metrics), squeeze=False)
    for axes_of, metric in zip(panels.T, metrics, strict=True):
        column = part[part["metric"] == metric]
        ends = column["spearman"].min(), column["spearman"].max()
        image = None
        for axes, kernel in zip(axes_of, kernels, strict=True):
            wide = column[column["kernel"] == kernel].pivot(
                index="rho", columns="beta", values="spearman"
            )
            image = axes.imshow(
                wide, origin="lower", aspect="auto", cmap="cividis", vmin=ends[0], vmax=ends[1]
            )
            best = np.unravel_index(int(wide.to_numpy().argmax()), wide.shape)
            axes.plot(best[1], best[0], "k*", markersize=9, markeredgecolor="white")
            most = 6 if len(metrics) < _MANY else 3  # labels that fit
            ticks = range(0, wide.shape[1], max(1, -(-(wide.shape[1] - 1) // (most - 1))))
            axes.set_xticks(ticks, [f"{wide.columns[k]:g}" for k in ticks])
            labels = [format_fraction(float(rho)) for rho in wide.index]
            first = axes in panels[:, 0]
            axes.set_yticks(range(len(wide)), labels if first else [])
            axes.set_title(
                f"{kernel}{', ' if len(metrics) < _MANY else chr(10)}{metric_label(metric)}"
            )
            axes.grid(visible=False)
        axes_of[-1].set_xlabel("beta")
        if image is not None:
            bar = figure.colorbar(image, ax=list(axes_of), location="bottom", shrink=0.9)
            bar.set_label("Spearman")
            bar.ax.tick_params(labelrotation=0)
            bar.ax.locator_params(nbins=4)
    for axes in panels[:, 0]:
        axes.set_ylabel("rho")
    figure.suptitle(textwrap.fill(title or score, int(_LETTERS * width)))
    return finish_picture(figure, path)
