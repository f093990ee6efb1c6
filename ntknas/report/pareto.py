"""The picture of a search for two objectives: its queries and its Pareto front.

The front is drawn with markers and a line of steps, so that the picture can be read without
colours.
"""

import os
from collections.abc import Sequence
from typing import Literal

import numpy as np
from matplotlib.figure import Figure

from ntknas.errors import InputError
from ntknas.report.curves import check_picture, finish_picture
from ntknas.report.style import GREY, RED, SKY, new_figure, picture_style

__all__ = ["front_of", "pareto_picture"]

Points = Sequence[tuple[float, ...]]


@picture_style()
def pareto_picture(
    queries: Points,
    path: str | os.PathLike[str] | None = None,
    *,
    labels: tuple[str, str],
    cheaper: bool,
    space: Points = (),
    title: str = "",
) -> Figure:
    """Draw two objectives against each other: every query, their front, and the space's front.

    Args:
        queries: Pairs of a value, higher is better, and the second objective, one per query.
            Pairs with a number that is not finite are left out.
        path: Path of the picture, ending in .png, .svg or .pdf; None writes no file.
        labels: Labels of the first objective (vertical axis) and the second (horizontal axis).
        cheaper: Whether lower values of the second objective are better.
        space: The same pairs of every architecture, if they are known.
        title: Text above the picture.

    Returns:
        The figure, which notebooks show.

    Raises:
        InputError: If the path has another ending, or there is no finite pair.

    Example:
        >>> pairs = [(0.4, 1e5), (0.5, 2e5), (0.3, 3e5)]
        >>> figure = pareto_picture(pairs, labels=("pgd_8", "parameters"), cheaper=True)
        >>> figure.axes[0].get_xlabel()
        'parameters'
    """
    check_picture(path)
    asked, known = _finite(queries), _finite(space)
    if not len(asked):
        raise InputError("expected at least one query to draw, got none")
    figure = new_figure(4.2)
    axes = figure.subplots()
    where: Literal["post", "pre"] = "post" if cheaper else "pre"
    if len(known):
        axes.scatter(
            known[:, 1],
            known[:, 0],
            s=4,
            color=GREY,
            linewidths=0,
            rasterized=True,
            label=f"all {len(known):,} architectures",
        )
        best = front_of(known, cheaper=cheaper)
        axes.step(
            best[:, 1], best[:, 0], "k--", where=where, linewidth=1.2, label="their Pareto front"
        )
    axes.scatter(
        asked[:, 1], asked[:, 0], s=14, color=SKY, linewidths=0, label=f"{len(asked)} queries"
    )
    front = front_of(asked, cheaper=cheaper)
    axes.step(front[:, 1], front[:, 0], color=RED, where=where, linewidth=1.6)
    axes.plot(
        front[:, 1],
        front[:, 0],
        "D",
        color=RED,
        markersize=5,
        label=f"front of the queries ({len(front)})",
    )
    axes.set(ylabel=labels[0], xlabel=labels[1])
    axes.legend(loc="lower right" if cheaper else "lower left")
    if title:
        axes.set_title(title)
    return finish_picture(figure, path)


def front_of(points: np.ndarray, *, cheaper: bool) -> np.ndarray:
    """The pairs that no other pair dominates, by rising second objective.

    Args:
        points: Pairs `[n, 2]` of a value, higher is better, and the second objective.
        cheaper: Whether lower values of the second objective are better.

    Example:
        >>> front_of(np.array([(3.0, 2.0), (1.0, 1.0), (2.0, 3.0)]), cheaper=True).tolist()
        [[1.0, 1.0], [3.0, 2.0]]
    """
    cost = points[:, 1] if cheaper else -points[:, 1]
    order = np.lexsort((-points[:, 0], cost))
    value = points[order, 0]
    above = np.r_[True, value[1:] > np.maximum.accumulate(value)[:-1]]
    front = points[order[above]]
    return front if cheaper else front[::-1]


def _finite(points: Points) -> np.ndarray:
    """The finite pairs `[n, 2]`."""
    pairs = np.asarray(points, float).reshape(-1, 2)
    return pairs[np.isfinite(pairs).all(1)]
