"""The picture of a training: loss, accuracies and learning rate against the epoch."""

import os

import pandas as pd
from matplotlib.figure import Figure

from ntknas.errors import InputError
from ntknas.report.curves import check_picture, finish_picture
from ntknas.report.style import BLUE, GREEN, RED, new_figure, picture_style

__all__ = ["training_curves"]

_ACCURACIES = {
    "train_accuracy": ("training batches", BLUE, "o"),
    "validation_clean": ("validation, clean", GREEN, "s"),
    "validation_robust": ("validation, attacked", RED, "^"),
}


@picture_style()
def training_curves(
    metrics: pd.DataFrame, path: str | os.PathLike[str] | None = None, *, title: str = ""
) -> Figure:
    """Draw the metrics of a training; write the picture if there is a path.

    Args:
        metrics: Table with one row per epoch and the columns epoch, loss, learning_rate and
            train_accuracy, as in metrics.csv; those of validation may be missing.
        path: Path of the picture, ending in .png, .svg or .pdf; None writes no file.
        title: Text above the panels.

    Returns:
        The figure, which notebooks show.

    Raises:
        InputError: If the path has another ending, or the table has no rows.
    """
    check_picture(path)
    if metrics.empty:
        raise InputError("expected at least one epoch to draw, got none")
    figure = new_figure(2.4)
    loss, accuracy, rate = figure.subplots(1, 3)
    style = {"markerfacecolor": "white"}
    loss.plot(metrics["epoch"], metrics["loss"], marker="o", color=BLUE, **style)
    loss.set_ylabel("loss on training batches")
    for name, (label, colour, marker) in _ACCURACIES.items():
        if name in metrics:
            accuracy.plot(
                metrics["epoch"], metrics[name], label=label, color=colour, marker=marker, **style
            )
    accuracy.set_ylabel("accuracy")
    accuracy.legend()
    rate.plot(metrics["epoch"], metrics["learning_rate"], marker="o", color=BLUE, **style)
    rate.set_ylabel("learning rate, end of epoch")
    for axes in (loss, accuracy, rate):
        axes.set_xlabel("epoch")
    if title:
        figure.suptitle(title)
    return finish_picture(figure, path)
