"""Heat maps of correlations over a grid of beta and rho."""

import os
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from ntknas.errors import InputError
from ntknas.report.curves import check_picture, save_picture
from ntknas.scores import format_fraction

__all__ = ["heat_maps"]


def heat_maps(
    grid: pd.DataFrame, path: str | os.PathLike[str], *, score: str, title: str = ""
) -> Path:
    """Draw the correlations of one score: one row per family of kernels, one column per metric.

    Args:
        grid: Table with one row per score, kernel, metric, rho and beta. Columns: these, and
            spearman.
        path: Path of the picture, ending in .png or .svg.
        score: Name of the score to draw.
        title: Text above the panels; empty means the name of the score.

    Returns:
        The path of the picture.

    Raises:
        InputError: If the path has another ending, or the score is not in the grid.
    """
    path = check_picture(path)
    part = grid[grid["score"] == score]
    if part.empty:
        raise InputError(f"expected correlations of {score} to draw, got none")
    metrics, kernels = list(part["metric"].unique()), list(part["kernel"].unique())
    figure = Figure(
        figsize=(3.1 * len(metrics) + 0.8, 2.7 * len(kernels) + 0.5), layout="constrained"
    )
    FigureCanvasAgg(figure)
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
            ticks = range(0, wide.shape[1], 2)
            axes.set_xticks(ticks, [f"{wide.columns[k]:g}" for k in ticks], fontsize=7)
            labels = [format_fraction(float(rho)) for rho in wide.index]
            axes.set_yticks(range(len(wide)), labels, fontsize=7)
            axes.set_title(f"{kernel}, {metric}", fontsize=9)
        axes_of[-1].set_xlabel("beta")
        if image is not None:
            figure.colorbar(image, ax=list(axes_of), location="bottom", shrink=0.9)
    for axes in panels[:, 0]:
        axes.set_ylabel("rho")
    figure.suptitle(title or score, fontsize=10)
    return save_picture(figure, path)
