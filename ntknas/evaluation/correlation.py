"""Rank correlations of scores with published accuracies, and the data of their scatter plot.

The sizes of the networks, which are the baselines for all scores, are always in the table.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress

import pandas as pd

from ntknas import ranking
from ntknas.errors import InputError, check_names
from ntknas.evaluation.table import Scores, ScoreTable, score_table
from ntknas.scores import RankSum, ScoreKind, ScoreName, score_names
from ntknas.truth import ANY_DATASET, Truth

__all__ = ["correlate", "headline_names", "scatter_frame", "true_values"]

# Values closer than this are ties: published means carry float32 rounding of about 1e-8.
_TRUTH_DECIMALS = 6

_HEADLINE = ("lambda_min", "cond", "cosine_lambda_min", "layer_cosine_lambda_min", "sphericity")


def correlate(
    scores: Scores,
    truth: Truth,
    *,
    dataset: str | None = None,
    metrics: Sequence[str] | None = None,
    names: Sequence[str | RankSum] | None = None,
    combine: Sequence[str | RankSum] = (),
    top_fraction: float | None = None,
    resamples: int | None = None,
    seed: int = 0,
    space: str | None = None,
    on_pair: Callable[[int, int], None] | None = None,
) -> pd.DataFrame:
    """Rank correlations of scores with published accuracies, with 95% bootstrap intervals.

    Scores are multiplied by their direction, so that a positive correlation always means that the
    score ranks good networks first. Every kernel score ties constant networks in last place. All
    architectures of a class have the accuracy of its representative.

    Args:
        scores: Run, precomputed table, file of scores (`load_scores`), or frame of scores with
            labels of architectures as its index and one column per score.
        truth: Published accuracies.
        dataset: Data set of the published accuracies. None means that of the run or file, or all
            data sets if `scores` is a frame.
        metrics: Metrics of the published accuracies; None means all.
        names: Names of scores or rank sums; None means every score in `scores`. `params` and
            `flops` are always added, if they are known.
        combine: Names of further scores or rank sums, such as "cond@robust:8/255+params".
        top_fraction: Fraction of the architectures with the best true values within which
            correlations are computed too; None means no such correlations.
        resamples: Number of resamples of each interval. None means 1000 for up to 1000
            architectures and 200 for more. 0 means no intervals.
        seed: Seed of the resamples.
        space: Search space of the labels of a frame; None means the one that the frame records.
        on_pair: Function that is called with (number of pairs done, number of all pairs).

    Returns:
        The table of `ntknas.ranking.correlation_table`, with one row per score, metric and subset.

    Raises:
        InputError: If a score, data set or metric does not exist, or fewer than two architectures
            have a published accuracy.

    Example:
        >>> from pathlib import Path
        >>> from ntknas.truth.table import tidy
        >>> values = tidy({("cifar10", "clean"): {0: 0.6, 1: 0.5, 2: 0.7}})
        >>> truth = Truth("made here", Path("here"), values, {0: 0, 1: 1, 2: 2})
        >>> scores = pd.DataFrame({"cond@clean": [9.0, 12.0, 7.0]}, index=[0, 1, 2])
        >>> table = correlate(scores, truth, resamples=0, space="nasbench201")
        >>> dict(zip(table["score"], table["spearman"].round(2)))
        {'cond@clean': 1.0, 'params': -0.5, 'flops': -0.5}
    """
    check_names(metrics, "metrics")
    check_names(names, "scores")
    check_names(combine, "scores")
    columns = list(scores.columns) if isinstance(scores, pd.DataFrame) else None
    table = score_table(scores, space=space)
    dataset = dataset or table.dataset
    if dataset is not None:
        truth.wide(dataset)  # raises an error that lists the data sets, if this one is missing
    if names is None:
        names = list(table.frame.columns) if columns is None else columns
    sizes = [name for name in score_names(ScoreKind.SIZE) if ScoreName(name) in table.names]
    chosen = list(dict.fromkeys(table.resolve(name) for name in (*names, *combine, *sizes)))
    return ranking.correlation_table(
        table.values(chosen),
        {str(name): name.direction for name in chosen},
        true_values(truth, dataset, table),
        metrics=metrics,
        top_fraction=top_fraction,
        resamples=resamples,
        seed=seed,
        worst=table.constant,
        raw=table.raw(chosen),
        on_pair=on_pair,
    )


def headline_names(table: ScoreTable) -> list[str]:
    """The scores that short tables show: those of a file, or of whole kernels, and proxies.

    Scores of mixed kernels are left out where they equal those of other kernels (beta 0 and 1).

    Args:
        table: Table of scores.
    """
    if table.of_file:
        return list(table.of_file)
    shown = (*_HEADLINE, *score_names(ScoreKind.PROXY))
    return [
        column
        for name, column in table.names.items()
        if name.score in shown and not name.part and (name.beta is None or 0 < name.beta < 1)
    ]


def true_values(truth: Truth, dataset: str | None, table: ScoreTable) -> pd.DataFrame:
    """The published accuracies of the architectures of a table of scores.

    Each architecture has the accuracy of its representative.

    Args:
        truth: Published accuracies.
        dataset: Data set of the published accuracies; None means all. A table of your own without
            data sets accepts any name.
        table: Table of scores, which holds the architectures.

    Returns:
        A table with the columns architecture, dataset, metric and value. Values are rounded to the
        published digits.

    Raises:
        InputError: If none of the architectures has published accuracies.
    """
    rows = truth.table
    if dataset is not None and truth.datasets != (ANY_DATASET,):
        rows = rows[rows["dataset"] == dataset]
    labels = table.frame.index.tolist()
    known = [label for label in labels if label in truth.representative_of]
    if not known:
        raise InputError(f"none of the {len(labels)} architectures is in {truth.path}")
    members = pd.DataFrame(
        {"member": known, "architecture": [truth.representative_of[label] for label in known]}
    )
    # Merged into the rows of the truth, so that their order of metrics is kept.
    rows = rows.merge(members, on="architecture").drop(columns="architecture")
    return rows.rename(columns={"member": "architecture"}).assign(
        value=rows["value"].round(_TRUTH_DECIMALS)
    )


def scatter_frame(
    scores: Scores, truth: Truth, correlations: pd.DataFrame, *, space: str | None = None
) -> pd.DataFrame:
    """The pairs of score and accuracy behind a table of correlations.

    `ntknas.report.score_scatter` draws them.

    Args:
        scores: Run, precomputed table, or frame of scores.
        truth: Published accuracies.
        correlations: Table that `correlate` returned, for one data set and metric.
        space: Search space of the labels of a frame; None means the one that the frame records.

    Returns:
        A table with one row per architecture and score. Its columns are score, value, accuracy,
        convolutions_3x3 (number of 3x3 convolutions of a NAS-Bench-201 cell; 0 in other spaces),
        note (the correlation) and better ("higher" or "lower", which values are better).
    """
    rows = correlations[correlations["subset"] == "all"]
    if "params" in set(rows["score"]):  # flops ranks architectures as params does
        rows = rows[rows["score"] != "flops"]
    dataset, metric = rows[["dataset", "metric"]].iloc[0]
    table = score_table(scores, space=space)
    accuracy = truth.wide(dataset)[metric]
    known = [label for label in table.frame.index if label in truth.representative_of]
    frame = pd.DataFrame(
        {
            "accuracy": accuracy.reindex(
                [truth.representative_of[label] for label in known]
            ).to_numpy(),
            "convolutions_3x3": [_convolutions_3x3(table.strings[label]) for label in known],
        },
        index=known,
    )
    names = [table.resolve(name) for name in rows["score"]]
    drawn = table.values(names)
    default = None
    with suppress(InputError):  # a frame need not have a default ranking
        default = table.default
    parts = [
        frame.assign(
            score="default" if name == default else str(name),
            value=drawn[str(name)],
            note=f"Spearman {spearman:.3f}",
            better="higher" if name.direction > 0 else "lower",
        )
        for name, spearman in zip(names, rows["spearman"], strict=True)
    ]
    return pd.concat(parts).dropna()


def _convolutions_3x3(string: str) -> int:
    """The number of 3x3 convolutions in the string of a NAS-Bench-201 cell."""
    return string.count("nor_conv_3x3")
