"""The picture of a training: loss, accuracies and learning rate against the epoch."""

import os
from pathlib import Path

import pandas as pd
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from ntknas.errors import InputError
from ntknas.report.curves import check_picture, save_picture

__all__ = ["training_curves"]

# Okabe & Ito (2008), which colour-blind readers can distinguish.
_ACCURACIES = {
    "train_accuracy": ("training batches", "#0072B2", "o"),
    "validation_clean": ("validation, clean", "#009E73", "s"),
    "validation_robust": ("validation, attacked", "#D55E00", "^"),
}


def training_curves(
    metrics: pd.DataFrame, path: str | os.PathLike[str], *, title: str = ""
) -> Path:
    """Draw the metrics of a training and write the picture.

    Args:
        metrics: Table with one row per epoch and the columns epoch, loss, learning_rate and
            train_accuracy, as in metrics.csv; those of validation may be missing.
        path: Path of the picture, ending in .png or .svg.
        title: Text above the panels.

    Returns:
        The path of the picture.

    Raises:
        InputError: If the path has another ending, or the table has no rows.
    """
    path = check_picture(path)
    if metrics.empty:
        raise InputError("expected at least one epoch to draw, got none")
    figure = Figure(figsize=(11, 3.2), layout="constrained")
    FigureCanvasAgg(figure)
    loss, accuracy, rate = figure.subplots(1, 3)
    style = {"markersize": 4, "markerfacecolor": "white"}
    loss.plot(metrics["epoch"], metrics["loss"], marker="o", color="#0072B2", **style)
    loss.set_ylabel("loss on training batches")
    for name, (label, colour, marker) in _ACCURACIES.items():
        if name in metrics:
            accuracy.plot(
                metrics["epoch"], metrics[name], label=label, color=colour, marker=marker, **style
            )
    accuracy.set_ylabel("accuracy")
    accuracy.legend(frameon=False, fontsize=8)
    rate.plot(metrics["epoch"], metrics["learning_rate"], marker="o", color="#0072B2", **style)
    rate.set_ylabel("learning rate at the epoch's end")
    for axes in (loss, accuracy, rate):
        axes.set_xlabel("epoch")
        axes.grid(alpha=0.3)
        axes.spines[["top", "right"]].set_visible(False)
    if title:
        figure.suptitle(title, fontsize=10)
    return save_picture(figure, path)
