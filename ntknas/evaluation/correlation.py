"""Scores against published accuracies: rank correlations, and the pairs themselves to draw.

The sizes of the networks, which every score has to beat, are always in the table.
"""

from collections.abc import Callable, Sequence

import pandas as pd

from ntknas import ranking
from ntknas.errors import InputError
from ntknas.evaluation.table import Scores, ScoreTable, score_table
from ntknas.ranking.orientation import RAW
from ntknas.scores import RankSum, ScoreKind, ScoreName, score_names
from ntknas.truth import Truth

__all__ = ["correlate", "scatter_frame", "true_values"]

# Values closer than this are ties: published means carry float32 rounding of about 1e-8.
_TRUTH_DECIMALS = 6


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

    Scores are turned by their direction, so that a positive correlation always means that the score
    puts good networks first. Constant networks are tied in last place by every kernel score. Any
    member of a class is held against the accuracy of its representative.

    Args:
        scores: A run, the precomputed table, or a frame: index of labels, one column per score.
        truth: Published accuracies.
        dataset: One of the truth's; None means the run's, or for a frame all of the truth's.
        metrics: Metrics of the truth; None means all.
        names: Scores, rank sums among them; None means every score there is. `params` and `flops`
            are always in, where they are known.
        combine: Further scores or rank sums, such as "cond@robust:8/255+params".
        top_fraction: Also correlate within this best fraction by true value.
        resamples: Number of resamples of each interval; None means 1000 up to 1000 architectures
            and 200 beyond; 0 means no intervals.
        seed: Seed of the resamples.
        space: For a frame, the search space of its labels; None asks the frame.
        on_pair: Called with (pairs done, pairs in all).

    Returns:
        The table of `ntknas.ranking.correlation_table`: one row per score, metric and subset.

    Raises:
        InputError: For a score, dataset or metric that is not there, or if fewer than two
            architectures have a published accuracy.

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
    if dataset is None and not isinstance(scores, pd.DataFrame):
        dataset = scores.spec.dataset
    if dataset is not None:
        truth.wide(dataset)  # says what the truth has, if not this
    given = list(scores.columns) if isinstance(scores, pd.DataFrame) else None
    table = score_table(scores, space=space)
    if names is None:
        names = list(table.frame.columns) if given is None else given
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
        raw=[str(name) for name in chosen if {term.score for term in name.terms} <= set(RAW)],
        on_pair=on_pair,
    )


def true_values(truth: Truth, dataset: str | None, table: ScoreTable) -> pd.DataFrame:
    """The truth's rows for the table's architectures, through their representatives.

    Args:
        truth: Published accuracies.
        dataset: One of the truth's; None means all.
        table: The architectures.

    Returns:
        Columns architecture, dataset, metric and value, rounded to the digits that are published.

    Raises:
        InputError: If none of the architectures is in the truth.
    """
    rows = truth.table if dataset is None else truth.table[truth.table["dataset"] == dataset]
    labels = table.frame.index.tolist()
    known = [label for label in labels if label in truth.representative_of]
    if not known:
        raise InputError(f"none of the {len(labels)} architectures is in {truth.path}")
    members = pd.DataFrame(
        {"member": known, "architecture": [truth.representative_of[label] for label in known]}
    )
    # Merged from the left so that the truth keeps its order of metrics.
    rows = rows.merge(members, on="architecture").drop(columns="architecture")
    return rows.rename(columns={"member": "architecture"}).assign(
        value=rows["value"].round(_TRUTH_DECIMALS)
    )


def scatter_frame(
    scores: Scores, truth: Truth, correlations: pd.DataFrame, *, space: str | None = None
) -> pd.DataFrame:
    """The pairs behind a table of correlations, to draw with `ntknas.report.score_scatter`.

    Args:
        scores: A run, the precomputed table, or a frame of scores.
        truth: Published accuracies.
        correlations: A table of `correlate`, of one dataset and metric.
        space: For a frame, the search space of its labels; None asks the frame.

    Returns:
        One row per architecture and score; columns score, value, accuracy, convolutions_3x3 (of
        NAS-Bench-201 cells; 0 elsewhere), and note (the correlation).
    """
    # flops rank as params do.
    kept = (correlations["subset"] == "all") & (correlations["score"] != "flops")
    rows = correlations[kept]
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
    parts = [
        frame.assign(
            score="default" if name == table.default else str(name),
            value=drawn[str(name)],
            note=f"Spearman {spearman:.3f}",
        )
        for name, spearman in zip(names, rows["spearman"], strict=True)
    ]
    return pd.concat(parts).dropna()


def _convolutions_3x3(string: str) -> int:
    return string.count("nor_conv_3x3")
