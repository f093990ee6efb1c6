"""Pictures of what makes a cell good, from the tables of `ntknas.analysis`.

Every number that a colour shows is written into its field too, groups have markers and counts, and
scales of colours are such that colour-blind readers can distinguish them.
"""

import os
import textwrap

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.colors import TwoSlopeNorm
from matplotlib.figure import Figure

from ntknas.analysis import STRUCTURES, Analysis
from ntknas.errors import InputError
from ntknas.ranking import correlations
from ntknas.report.curves import check_picture, finish_picture
from ntknas.report.style import BLUE, GREY, RED, SKY, new_figure, picture_style
from ntknas.spaces.nasbench201 import num_parameters
from ntknas.truth import metric_label

__all__ = ["operations_picture", "ranks_picture", "sizes_picture", "structure_picture"]


@picture_style()
def operations_picture(found: Analysis, path: str | os.PathLike[str] | None = None) -> Figure:
    """Draw operations by edge: shares among the best cells, and effects, as two heat maps.

    Args:
        found: Tables, as `ntknas.analysis.analyse` returns them.
        path: Path of the picture, ending in .png, .svg or .pdf; None writes no file.

    Returns:
        The figure, which notebooks show.

    Raises:
        InputError: If the path has another ending.
    """
    check_picture(path)
    shares, effects = found.tables["shares"], found.tables["effects"]
    figure = new_figure(6.6)
    upper, lower = figure.subplots(2, 1)
    grid, of_all = 100 * _grid(shares, "share"), 100 * _grid(shares, "share_all")
    texts = [
        f"{one:.0f}%\n(all {other:.0f}%)" for one, other in zip(grid.flat, of_all.flat, strict=True)
    ]
    _heat(upper, grid - of_all, shares, texts, label="difference (percentage points)")
    upper.set_title(
        f"share among the best {shares['n'].iloc[0]:,} networks,\nand among all "
        f"{len(found.cells.trained):,}",
    )
    scale, unit = _points(effects["effect"])
    grid = scale * _grid(effects, "effect")
    form = "{:+.1f}" if scale > 1 else "{:+.3g}"
    texts = [form.format(value) if np.isfinite(value) else "-" for value in grid.flat]
    _heat(lower, grid, effects, texts, label=f"effect on {metric_label(found.cells.metric)}{unit}")
    lower.set_title(
        "effect of an operation, everything else equal\n(mean over "
        f"{effects['n'].max():,} settings of the other edges)",
    )
    figure.suptitle(found.cells.name, fontsize=11)
    return finish_picture(figure, path)


def _points(values: "pd.Series[float]") -> tuple[float, str]:
    """Factor and unit of differences: percentage points if the values are fractions."""
    return (100.0, " (percentage points)") if values.abs().max() <= 1 else (1.0, "")


def _grid(frame: pd.DataFrame, value: str) -> np.ndarray:
    """The values of a table `[operation, edge]`, in the order of the table."""
    edges, operations = frame["edge"].unique(), frame["operation"].unique()
    wide = frame.pivot(index="operation", columns="edge", values=value)
    return wide.loc[operations, edges].to_numpy(float)


def _heat(axes, grid: np.ndarray, frame: pd.DataFrame, texts: list[str], *, label: str) -> None:
    """Draw a heat map whose middle colour is 0, with texts in the fields."""
    reach = max(float(np.nan_to_num(np.abs(grid)).max()), 1e-12)
    norm = TwoSlopeNorm(0.0, -reach, reach)
    drawn = axes.imshow(grid, cmap="PuOr_r", norm=norm, aspect="auto")
    edges, operations = frame["edge"].unique(), frame["operation"].unique()
    axes.set_xticks(range(len(edges)), edges)
    axes.set_yticks(range(len(operations)), operations)
    axes.set_xlabel("edge (0 is the input, 3 the output)")
    axes.spines[:].set_visible(False)
    axes.grid(visible=False)
    for ((row, column), value), text in zip(np.ndenumerate(grid), texts, strict=True):
        red, green, blue, _ = matplotlib.colormaps["PuOr_r"](norm(value))
        dark = 0.299 * red + 0.587 * green + 0.114 * blue < 0.5
        colour = "white" if dark and np.isfinite(value) else "black"
        axes.text(column, row, text, ha="center", va="center", color=colour, fontsize=8.5)
    axes.figure.colorbar(drawn, ax=axes).set_label(label, labelpad=10)


@picture_style()
def sizes_picture(found: Analysis, path: str | os.PathLike[str] | None = None) -> Figure:
    """Draw accuracy against number of parameters: all networks, quartiles and the best by size.

    Args:
        found: Tables, as `ntknas.analysis.analyse` returns them.
        path: Path of the picture, ending in .png, .svg or .pdf; None writes no file.

    Returns:
        The figure, which notebooks show.

    Raises:
        InputError: If the path has another ending.
    """
    check_picture(path)
    cells, sizes = found.cells, found.tables["sizes"]
    params = [num_parameters(int(index)) / 1e6 for index in cells.varying]
    x = sizes["params"] / 1e6
    figure = new_figure(4.2)
    axes = figure.subplots()
    axes.scatter(
        params,
        cells.values[cells.varying],
        s=5,
        color=GREY,
        linewidths=0,
        rasterized=True,
        label=f"{len(params):,} networks",
    )
    middle = np.stack(
        [sizes["median"] - sizes["quartile_1"], sizes["quartile_3"] - sizes["median"]]
    )
    axes.errorbar(
        x,
        sizes["median"],
        middle,
        fmt="s",
        color=BLUE,
        markersize=4,
        linewidth=1.5,
        label=f"median and quartiles of each of {len(sizes)} sizes",
    )
    axes.plot(x, sizes["max"], "^", color=RED, markersize=5, label="best of its size")
    front = sizes[sizes["pareto"]]
    axes.step(
        front["params"] / 1e6,
        front["max"],
        where="post",
        color=RED,
        linewidth=1,
        label=f"no smaller network is as good ({len(front)})",
    )
    widest = sizes.iloc[int(np.argmax(sizes["spread"]))]
    note = f"widest: {widest['min']:.3g} to {widest['max']:.3g} at {widest['params'] / 1e6:.2f} M"
    axes.set(
        xlabel="number of parameters (millions)", ylabel=f"accuracy ({metric_label(cells.metric)})"
    )
    axes.set_title(f"{cells.name}\n{note} (n = {widest['n']})")
    axes.legend(loc="lower right")
    return finish_picture(figure, path)


@picture_style()
def ranks_picture(found: Analysis, path: str | os.PathLike[str] | None = None) -> Figure:
    """Draw the accuracy with attack against the accuracy without, and mark the best by each.

    Args:
        found: Tables, as `ntknas.analysis.analyse` returns them, with a clean metric.
        path: Path of the picture, ending in .png, .svg or .pdf; None writes no file.

    Returns:
        The figure, which notebooks show.

    Raises:
        InputError: If the path has another ending, or there is no clean metric.
    """
    check_picture(path)
    if found.clean is None:
        raise InputError("expected two metrics to compare, got one")
    ids = np.intersect1d(found.clean.trained, found.cells.trained)
    x, y = found.clean.values[ids], found.cells.values[ids]
    ranks = found.tables["ranks"]
    count = int(ranks["n"].iloc[1])
    best = [np.isin(np.arange(len(ids)), np.argsort(-v, kind="stable")[:count]) for v in (x, y)]
    figure = new_figure(4.6)
    axes = figure.subplots()
    clean, robust = metric_label(found.clean.metric), metric_label(found.cells.metric)
    groups = (
        ("neither", ~best[0] & ~best[1], ".", GREY, 3),
        (f"best by {clean} alone", best[0] & ~best[1], "^", SKY, 5),
        (f"best by {robust} alone", best[1] & ~best[0], "v", RED, 5),
        ("best by both", best[0] & best[1], "o", BLUE, 4),
    )
    for name, chosen, marker, colour, size in groups:
        axes.plot(
            x[chosen],
            y[chosen],
            marker,
            color=colour,
            markersize=size,
            markeredgewidth=0,
            label=f"{name} ({chosen.sum():,})",
        )
    spearman = correlations(x, y).spearman
    axes.set(xlabel=f"accuracy ({clean})", ylabel=f"accuracy ({robust})")
    axes.set_title(
        f"{found.cells.name} against {clean}\n{len(ids):,} networks; "
        f"Spearman {spearman:.3f}; best: the top {count:,}",
    )
    axes.legend(loc="upper left")
    return finish_picture(figure, path)


@picture_style()
def structure_picture(found: Analysis, path: str | os.PathLike[str] | None = None) -> Figure:
    """Draw mean accuracy by counts of the live graph, with and without equal size.

    Args:
        found: Tables, as `ntknas.analysis.analyse` returns them.
        path: Path of the picture, ending in .png, .svg or .pdf; None writes no file.

    Returns:
        The figure, which notebooks show.

    Raises:
        InputError: If the path has another ending.
    """
    check_picture(path)
    table = found.tables["structure"]
    counts = list(table["count"].unique())
    columns = 3
    lines = -(-len(counts) // columns)
    overall = float(found.cells.values[found.cells.varying].mean())
    figure = new_figure(2.1 * lines + 0.8)
    grid = figure.subplots(lines, columns, squeeze=False, sharey=True)
    for axes in grid.flat[len(counts) :]:
        axes.set_visible(False)
    for axes, count in zip(grid.flat, counts, strict=False):
        rows = table[table["count"] == count]
        for value, shift, form, colour, label in (
            ("mean", -0.12, "o-", BLUE, "mean"),
            (
                "excess",
                0.12,
                "s--",
                RED,
                "at equal size: overall mean + mean difference from networks of the same size",
            ),
        ):
            base = overall if value == "excess" else 0.0
            middle = rows[value] + base
            ends = np.stack(
                [rows[value] - rows[f"{value}_low"], rows[f"{value}_high"] - rows[value]]
            )
            axes.errorbar(
                rows["value"] + shift,
                middle,
                np.nan_to_num(ends),
                fmt=form,
                color=colour,
                label=label,
                markersize=4,
                linewidth=1,
                capsize=2,
            )
        labels = [f"{v}\n{n:,}" for v, n in zip(rows["value"], rows["n"], strict=True)]
        axes.set_xticks(rows["value"], labels, fontsize=7)
        axes.set_title("\n".join(textwrap.wrap(STRUCTURES[count], 24)))
    for axes in grid[:, 0]:
        axes.set_ylabel(f"accuracy ({metric_label(found.cells.metric)})")
    handles, labels = grid[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=2, frameon=False)
    figure.suptitle(
        f"{found.cells.name}: mean and 95% interval by count of the live graph\n"
        "(below the axes: count, number of networks)",
    )
    return finish_picture(figure, path)
