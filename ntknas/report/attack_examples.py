"""The picture of attacked images: each image, what attacks change, and what the network says."""

import os
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.figure import Figure

from ntknas.errors import InputError
from ntknas.report.curves import check_picture, finish_picture
from ntknas.report.style import RED, new_figure, picture_style

__all__ = ["Examples", "attack_examples"]

_CELL = (0.66, 0.86)  # inches
_MARGIN = 1.0  # inches on the left, for the labels of the rows
_RIGHT, _WRONG = "#333333", RED


class Examples(NamedTuple):
    """Images and the classes that a network gives them.

    Attributes:
        title: Name of the attack, or of the images.
        images: Pixels in [0, 1], [m, h, w, 3].
        predicted: Class that the network gives each image, [m].
    """

    title: str
    images: np.ndarray
    predicted: np.ndarray


@picture_style()
def attack_examples(
    clean: Examples,
    attacked: Sequence[Examples],
    labels: np.ndarray,
    path: str | os.PathLike[str] | None = None,
    *,
    class_name: Callable[[int], str] = str,
) -> Figure:
    """Draw images in columns: each image, and for each attack the change and the attacked image.

    Below each image stands the class that the network gives it, in another colour if it is wrong.
    Changes are enlarged by a factor, which is written beside them, around a medium grey.

    Args:
        clean: The images without an attack.
        attacked: The same images for each attack.
        labels: Classes of the images, [m].
        path: Path of the picture, ending in .png, .svg or .pdf; None writes no file.
        class_name: Function from the number of a class to its name.

    Returns:
        The figure, which notebooks show.

    Raises:
        InputError: If the path has another ending, or there are no images.
    """
    check_picture(path)
    if not len(labels):
        raise InputError("expected at least one image to draw, got none")
    rows = 1 + 2 * len(attacked)
    width = _MARGIN + _CELL[0] * len(labels)
    figure = new_figure(_CELL[1] * rows, width=width)
    grid = figure.subplots(rows, len(labels), squeeze=False)
    _row(grid[0], clean.images, clean.title)
    _write_classes(grid[0], clean.predicted, labels, class_name)
    for number, examples in enumerate(attacked):
        change, images = grid[1 + 2 * number], grid[2 + 2 * number]
        difference = examples.images - clean.images
        largest = float(np.abs(difference).max())
        factor = 0.5 / largest if largest > 0 else 1.0
        _row(change, 0.5 + factor * difference, f"{examples.title}:\nchange x {factor:.3g}")
        _row(images, examples.images, f"{examples.title}:\nattacked")
        _write_classes(images, examples.predicted, labels, class_name)
    return finish_picture(figure, path)


def _row(row: np.ndarray, images: np.ndarray, title: str) -> None:
    """Draw one image into each axes of a row, and a title on the left."""
    for axes, image in zip(row, images, strict=True):
        axes.imshow(np.clip(image, 0, 1), interpolation="nearest")
        axes.set(xticks=[], yticks=[])
        axes.spines[:].set_visible(False)
    row[0].set_ylabel(title, rotation=0, ha="right", va="center")


def _write_classes(
    row: np.ndarray,
    predicted: np.ndarray,
    labels: np.ndarray,
    class_name: Callable[[int], str],
) -> None:
    """Write the class that the network gives each image below it."""
    for axes, found, label in zip(row, predicted, labels, strict=True):
        colour = _RIGHT if found == label else _WRONG
        axes.set_xlabel(class_name(int(found)), color=colour, labelpad=2)
