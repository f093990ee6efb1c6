"""Scores against a published accuracy, in one call: the picture of `ntknas correlate --plot`."""

import os
from collections.abc import Sequence

import pandas as pd
from matplotlib.figure import Figure

from ntknas.errors import InputError
from ntknas.evaluation import Scores, correlate, headline_names, scatter_frame, score_table
from ntknas.report.scatter import score_scatter
from ntknas.report.style import PAGE
from ntknas.scores import RankSum
from ntknas.truth import Truth, metric_label

__all__ = ["MOST_PANELS", "plot"]

MOST_PANELS = 9
"""Number of scores that are drawn where none are named: the best."""


def plot(
    scores: Scores,
    truth: Truth,
    names: Sequence[str | RankSum] | None = None,
    *,
    metric: str,
    dataset: str | None = None,
    space: str | None = None,
    path: str | os.PathLike[str] | None = None,
    correlations: pd.DataFrame | None = None,
    width: float = PAGE,
) -> Figure:
    """Draw scores against a published accuracy, one panel per score and one point per architecture.

    Args:
        scores: Run, precomputed table, file of scores (`load_scores`), or frame of scores.
        truth: Published accuracies.
        names: Names of scores or rank sums, such as "cond@clean" or "cond@clean+params". None means
            the best `MOST_PANELS` of the headline scores.
        metric: Metric of the accuracy, such as "pgd_8".
        dataset: Data set of the accuracy; None means that of the run, or the first of the truth.
        space: Search space of the labels of a frame; None means the one that the frame records.
        path: Path of the picture, ending in .png, .svg or .pdf; None writes no file.
        correlations: Table that `correlate` returned for these scores; what it has of this data set
            and metric is drawn. None means that it is computed.
        width: Width of the picture in inches.

    Returns:
        The figure, which notebooks show.

    Raises:
        InputError: If a score, data set or metric does not exist, the path has another ending, or
            fewer than two architectures have a published accuracy.

    Example:
        >>> from pathlib import Path
        >>> from ntknas.runs import load_precomputed
        >>> from ntknas.truth.table import tidy
        >>> accuracies = tidy({("cifar10", "pgd_8"): {9930: 0.48, 13714: 0.47, 0: 0.31}})
        >>> truth = Truth("made here", Path("here"), accuracies, {i: i for i in (9930, 13714, 0)})
        >>> figure = plot(load_precomputed(), truth, ["cond@clean", "params"], metric="pgd_8")
        >>> figure.axes[0].get_ylabel()
        'accuracy (PGD 8/255)'
    """
    table = score_table(scores, space=space)
    dataset = dataset or table.dataset or truth.datasets[0]
    if correlations is None:
        correlations = correlate(
            table,
            truth,
            dataset=dataset,
            metrics=[metric],
            names=headline_names(table) if names is None else names,
            resamples=0,
        )
    drawn = correlations[(correlations["subset"] == "all") & (correlations["score"] != "flops")]
    drawn = drawn[drawn["metric"] == metric]
    if drawn["dataset"].nunique() > 1:  # accuracies of one's own are of any data set
        drawn = drawn[drawn["dataset"] == dataset]
    if drawn.empty:
        found = ", ".join(correlations["metric"].unique())
        raise InputError(f"expected correlations with {metric}, got {found}")
    known = sum(label in truth.representative_of for label in table.frame.index)
    title = f"{known} architectures, {truth.benchmark} {dataset} {metric_label(metric)}"
    if names is None and len(drawn) > MOST_PANELS:
        title += f"; the best {MOST_PANELS} of {len(drawn)} scores"
        drawn = drawn.sort_values("spearman", ascending=False).head(MOST_PANELS)
    frame = scatter_frame(table, truth, drawn)
    return score_scatter(
        frame, path, accuracy=f"accuracy ({metric_label(metric)})", title=title, width=width
    )
