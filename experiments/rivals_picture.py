"""Pictures of `experiments.rivals`: every ranking in every table, and accuracy against cost."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from ntknas.report import new_figure, picture_style, save_picture, write_labels
from ntknas.truth import metric_label

__all__ = ["against_cost", "side_by_side"]

_COLOURS: Mapping[str, str] = {
    "ours": "#D55E00",
    "rivals": "#0072B2",
    "older": "#777777",
    "size": "#000000",
}
_LEAST = 0.5  # least correlation that is drawn against cost


@picture_style()
def side_by_side(table: pd.DataFrame, path: Path, *, title: str) -> None:
    """Draw the correlations of every ranking, one line per ranking and one panel per table.

    Points are correlations over all architectures, with their intervals, and rings those within the
    best tenth. Where costs were measured, the last panel holds the seconds. The best ranking of the
    first panel is at the top.

    Args:
        table: Table as `experiments.rivals.run` returns it.
        path: Path of the picture.
        title: Text above the panels.
    """
    panels = list(table.groupby(["benchmark", "metric"], sort=False))
    labels = panels[0][1]["label"].tolist()
    height = {label: -place for place, label in enumerate(labels)}
    measured = bool((table["seconds"] > 0).any())
    figure = new_figure(0.155 * len(labels) + 1.3)
    grid = figure.subplots(1, len(panels) + measured, sharey=True, squeeze=False)[0]
    for axes, ((truth, metric), part) in zip(grid, panels, strict=False):
        for group, colour in _COLOURS.items():
            rows = part[part["group"] == group]
            y = rows["label"].map(height)
            ends = rows["spearman_low"], rows["spearman_high"]
            off = [abs(rows["spearman"] - end) for end in ends]
            axes.errorbar(
                rows["spearman"],
                y,
                xerr=np.nan_to_num(off),
                fmt="o",
                color=colour,
                markersize=3.5,
                elinewidth=1,
                label=group,
            )
            axes.plot(rows["top"], y, "o", color=colour, markersize=4.5, fillstyle="none")
        axes.axvline(0, color="black", linewidth=0.6)
        axes.set(title=f"{metric_label(str(metric))}\n{truth}", xlim=(-1, 1), xlabel="Spearman")
    if measured:
        first = panels[0][1]
        for group, colour in _COLOURS.items():
            rows = first[(first["group"] == group) & (first["seconds"] > 0)]
            y = rows["label"].map(height)
            grid[-1].plot(rows["seconds"], y, "o", color=colour, markersize=4)
        grid[-1].set(xscale="log", title="cost per\narchitecture", xlabel="CPU seconds")
    grid[0].set_yticks(list(height.values()), labels)
    grid[0].tick_params(axis="y", length=0)
    grid[0].set_ylim(0.7 - len(labels), 0.7)
    handles, names = grid[0].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside lower center", ncols=4)
    figure.suptitle(title)
    save_picture(figure, path)


@picture_style()
def against_cost(table: pd.DataFrame, path: Path, *, title: str) -> None:
    """Draw the correlations of the first table against their cost.

    Sizes, which cost nothing, are a line. Rankings below a correlation of .5 are left out and
    counted.

    Args:
        table: Table as `experiments.rivals.run` returns it, with costs.
        path: Path of the picture.
        title: Text above the picture.
    """
    first = table.groupby(["benchmark", "metric"], sort=False).ngroup() == 0
    rows = table[first & (table["seconds"] > 0)]
    shown = rows[rows["spearman"] >= _LEAST]
    figure = new_figure(5.2)
    axes = figure.subplots()
    for group, colour in _COLOURS.items():
        part = shown[shown["group"] == group]
        if len(part):
            axes.plot(part["seconds"], part["spearman"], "o", color=colour, label=group)
    sizes = table[first & (table["label"] == "params")]["spearman"]
    for value in sizes:
        axes.axhline(value, color="black", linestyle=":", label="number of parameters")
    axes.set(xscale="log", xlabel="CPU seconds per architecture")
    axes.set_ylabel(f"Spearman with {metric_label(str(rows['metric'].iloc[0]))}")
    if len(shown):
        low, high = shown["seconds"].min(), shown["seconds"].max()
        ends = shown["spearman"].min() - 0.03, shown["spearman"].max() + 0.03
        axes.set(xlim=(low / 1.6, 2.2 * high), ylim=ends)
        colours = shown["group"].map(_COLOURS)
        write_labels(axes, shown["seconds"], shown["spearman"], shown["label"], colours, size=6.5)
    left = len(rows) - len(shown)
    figure.legend(loc="outside lower center", ncols=4)
    figure.suptitle(title + (f"; {left} rankings below {_LEAST} are not shown" if left else ""))
    save_picture(figure, path)
