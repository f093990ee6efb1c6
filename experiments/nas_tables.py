"""Tables and pictures of `experiments.nas_on_robbench`, and the files that keep its searches."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple
from zipfile import BadZipFile

import numpy as np
import pandas as pd
from scipy.stats import wilcoxon

from ntknas import InputError
from ntknas.report import COLOURS, new_figure, output_file, picture_style, save_picture
from ntknas.truth import metric_label

__all__ = [
    "Found",
    "found_table",
    "load_found",
    "paired_table",
    "picture",
    "reached_table",
    "save_found",
]


class Found(NamedTuple):
    """What a method found in one table for one metric.

    Attributes:
        truth: Name of the file.
        objective: Metric that was maximised.
        method: Name of the method.
        best: Label of the best cell after each query, `[seeds, queries]`.
        regret: How far its value is below the best there is, `[seeds, queries]`.
        seconds: Seconds of all searches.
    """

    truth: str
    objective: str
    method: str
    best: np.ndarray
    regret: np.ndarray
    seconds: float


def save_found(found: Found, path: Path, *, queries: int) -> None:
    """Write searches to a file, whole or not at all.

    Args:
        found: The searches.
        path: File to write, `.npz`.
        queries: Number of queries that a search was allowed.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with output_file(path) as temporary, temporary.open("wb") as file:
        np.savez_compressed(file, **found._asdict(), queries=queries)


def load_found(path: Path) -> tuple[Found, int]:
    """Read searches, and the number of queries that they were allowed.

    Args:
        path: A file of `save_found`.

    Raises:
        InputError: If it is none.
    """
    try:
        with np.load(path) as file:
            entries = {name: file[name] for name in (*Found._fields, "queries")}
    except (OSError, ValueError, KeyError, EOFError, BadZipFile):
        raise InputError(f"expected searches in {path}, which cannot be read: remove it") from None
    truth, objective, method = (str(entries[name]) for name in ("truth", "objective", "method"))
    best, regret, seconds = entries["best"], entries["regret"], float(entries["seconds"])
    return Found(truth, objective, method, best, regret, seconds), int(entries["queries"])


def found_table(
    found: Sequence[Found], accuracies: Mapping[str, pd.DataFrame], budgets: Sequence[int]
) -> pd.DataFrame:
    """Every metric of the cells found, beside the best there is.

    Args:
        found: Searches.
        accuracies: Published accuracies by name of the file: one row per label, one column per
            metric.
        budgets: Numbers of queries.

    Returns:
        One row per table, objective, method, budget and metric; columns n (seeds), mean and sd of
        the metric over seeds, optimum of the metric, and regret (mean of the objective's regret).
    """
    rows = []
    for one in found:
        wide = accuracies[one.truth]
        for budget in budgets:
            if budget > one.best.shape[1]:
                continue
            cells = wide.loc[one.best[:, budget - 1]]
            rows += [
                {"truth": one.truth, "objective": one.objective, "method": one.method}
                | {"budget": budget, "metric": metric, "n": len(cells)}
                | {"mean": cells[metric].mean(), "sd": cells[metric].std(ddof=0)}
                | {"optimum": wide[metric].max(), "regret": one.regret[:, budget - 1].mean()}
                for metric in wide.columns
            ]
    return pd.DataFrame(rows)


def reached_table(found: Sequence[Found], within: float) -> pd.DataFrame:
    """The number of queries until the regret is small enough.

    Args:
        found: Searches.
        within: Regret that counts as reached, as a fraction.

    Returns:
        One row per table, objective and method; columns n, reached (share of the seeds that came so
        far), median and ninth decile of the number of queries (infinite where fewer seeds did), and
        the seconds of a search.
    """
    rows = []
    for one in found:
        enough = one.regret <= within
        queries = np.where(enough.any(1), enough.argmax(1) + 1, np.inf)
        rows.append(
            {"truth": one.truth, "objective": one.objective, "method": one.method}
            | {"n": len(queries), "reached": float(enough.any(1).mean())}
            | {
                name: float(np.quantile(queries, share, method="higher"))
                for name, share in (("median", 0.5), ("decile_9", 0.9))
            }
            | {"seconds_per_search": one.seconds / len(queries)}
        )
    return pd.DataFrame(rows)


def paired_table(
    found: Sequence[Found], accuracies: Mapping[str, pd.DataFrame], budgets: Sequence[int]
) -> pd.DataFrame:
    """Cells found for a robust accuracy against those that the same seed found for clean accuracy.

    Args:
        found: Searches.
        accuracies: Published accuracies by name of the file: one row per label, one column per
            metric.
        budgets: Numbers of queries.

    Returns:
        One row per table, method, budget and robust metric; columns n, difference (mean over seeds
        of the robust accuracy found, robust objective less clean objective), its standard error,
        the shares of seeds where it is above and below 0, and p of Wilcoxon's signed-rank test (1
        if no seed differs).
    """
    of_clean = {(one.truth, one.method): one for one in found if one.objective == "clean"}
    rows = []
    for one in found:
        clean = of_clean.get((one.truth, one.method))
        if clean is None or clean is one or len(one.best) < 2 or len(one.best) != len(clean.best):
            continue
        column = accuracies[one.truth][one.objective]
        for budget in budgets:
            if budget > min(one.best.shape[1], clean.best.shape[1]):
                continue
            ours, theirs = (column[each.best[:, budget - 1]].to_numpy() for each in (one, clean))
            gain = ours - theirs
            p = float(wilcoxon(gain).pvalue) if np.any(gain) else 1.0
            rows.append(
                {"truth": one.truth, "objective": one.objective, "method": one.method}
                | {"budget": budget, "n": len(gain), "difference": gain.mean()}
                | {"error": gain.std(ddof=1) / np.sqrt(len(gain))}
                | {"better": (gain > 0).mean(), "worse": (gain < 0).mean(), "p": p}
            )
    return pd.DataFrame(rows)


_DASHES = ("-", "--")


@picture_style()
def picture(found: Sequence[Found], path: Path, *, title: str) -> None:
    """Draw the regret against queries: one panel per objective, mean and quartiles over seeds.

    The number of seeds stands behind the name of a method.

    Args:
        found: Searches in one table.
        path: Path of the picture.
        title: Text above the panels.
    """
    objectives = list(dict.fromkeys(one.objective for one in found))
    methods = list(dict.fromkeys(one.method for one in found))
    columns = min(3, len(objectives))
    lines = -(-len(objectives) // columns)
    figure = new_figure(2.1 * lines + 0.8)
    grid = figure.subplots(lines, columns, squeeze=False, sharex=True, sharey=True)
    for axes in grid.flat[len(objectives) :]:
        axes.set_visible(False)
    handles = {}
    for axes, objective in zip(grid.flat, objectives, strict=False):
        for one in found:
            if one.objective != objective:
                continue
            number = methods.index(one.method)
            style = {"color": COLOURS[number % 7], "linestyle": _DASHES[number // 7 % 2]}
            points = np.arange(1, one.regret.shape[1] + 1)
            percent = 100 * one.regret
            (handles[one.method],) = axes.plot(points, percent.mean(0), **style)
            if len(percent) > 1:
                low, high = np.quantile(percent, (0.25, 0.75), axis=0)
                axes.fill_between(points, low, high, color=style["color"], alpha=0.1, linewidth=0)
        axes.axhline(0.5, color="grey", linewidth=0.7, linestyle=":")
        axes.set(title=metric_label(objective), xscale="log")
        axes.set_yscale("symlog", linthresh=0.1)
    worst = 100 * max(float(one.regret.max()) for one in found)
    grid[0, 0].set_ylim(0, 1.2 * max(worst, 0.5))  # the panels share it
    for axes in grid[-1]:
        axes.set_xlabel("queries")
    for axes in grid[:, 0]:
        axes.set_ylabel("regret (percentage points)")
    searches = {one.method: len(one.regret) for one in found}
    labels = [f"{name} ({n})" if n > 1 else name for name, n in searches.items()]
    figure.legend([handles[name] for name in searches], labels, loc="outside lower center", ncols=5)
    figure.suptitle(title)
    save_picture(figure, path)
