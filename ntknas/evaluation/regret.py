"""What is lost by training only the first of a ranking, and what is saved."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from ntknas import ranking
from ntknas.errors import InputError
from ntknas.evaluation.correlation import true_values
from ntknas.evaluation.ranking import ranks_by_draw
from ntknas.evaluation.table import Scores, score_table
from ntknas.scores import RankSum
from ntknas.truth import Truth

__all__ = ["regret_of_top"]


def regret_of_top(
    scores: Scores,
    truth: Truth,
    name: str | RankSum = "default",
    *,
    metric: str = "pgd_8",
    dataset: str | None = None,
    counts: Sequence[int] = (1, 5, 10, 50),
) -> pd.DataFrame:
    """The best accuracy among the first of a ranking, and how far it is below the best of all.

    Args:
        scores: Run, its folder, precomputed table, or frame of scores.
        truth: Published accuracies.
        name: Name of a score, a sum of ranks, or a ranking, as for `rank`.
        metric: Metric of the published accuracies.
        dataset: Data set of the published accuracies; None means that of the scores.
        counts: Numbers of first architectures; those above the number of architectures with an
            accuracy are left out.

    Returns:
        A table with one row per count and the columns first (the count), best (the best accuracy
        among them), regret (best accuracy of all, minus `best`), regret_low and regret_high (lowest
        and highest regret of rankings by one draw of weights and images alone; NaN if only one draw
        has the scores), and flops_share (their share of the multiply-accumulates of all; NaN
        without the score flops).

    Raises:
        InputError: If a score, data set or metric does not exist, no architecture has an accuracy,
            or a count is below 1.

    Example:
        >>> scores = pd.DataFrame({"cond@clean": [9.0, 12.0, 7.0]}, index=["a", "b", "c"])
        >>> accuracy = pd.DataFrame({"accuracy": [0.6, 0.3, 0.5]}, index=["a", "b", "c"])
        >>> from ntknas.truth import truth_from_frame
        >>> truth = truth_from_frame(accuracy)
        >>> table = regret_of_top(scores, truth, "cond@clean", metric="accuracy", counts=(1, 2))
        >>> table["regret"].round(2).tolist()
        [0.1, 0.0]
    """
    if any(count < 1 for count in counts):
        raise InputError(f"expected counts of at least 1, got {min(counts)}")
    table = score_table(scores)
    formula = table.resolve(name)
    dataset = dataset or table.dataset or truth.datasets[0]
    truth.wide(dataset)  # raises an error that lists the data sets
    rows = true_values(truth, dataset, table)
    rows = rows[rows["metric"] == metric]
    if rows.empty:
        known = truth.metrics(dataset)
        raise InputError(f"expected a metric of {', '.join(known)}, got {metric!r}")
    accuracy = rows.set_index("architecture")["value"].dropna()
    whole = ranking.rank(table.frame, **table.ranked(formula)).set_index("architecture")["rank"]
    accuracy = accuracy.reindex([label for label in whole.index if label in accuracy.index])
    every = ranks_by_draw(table, formula).assign(whole=whole).reindex(accuracy.index)
    every = every.astype(float).fillna(np.inf)  # last where a score is missing
    ranks = [every.pop("whole").to_numpy(), *every.to_numpy().T]
    flops = table.frame["flops"].reindex(accuracy.index) if "flops" in table.frame else None
    found = []
    for count in counts:
        if count > len(accuracy):
            continue
        best, *of_draws = (ranking.best_of_top(-each, accuracy, count) for each in ranks)
        regrets = [one.regret for one in of_draws] or [np.nan]
        row = {"first": count, "best": best.best, "regret": best.regret}
        row |= {"regret_low": min(regrets), "regret_high": max(regrets), "flops_share": np.nan}
        if flops is not None:
            first = np.argsort(ranks[0], kind="stable")[:count]
            row["flops_share"] = float(flops.iloc[first].sum() / flops.sum())
        found.append(row)
    return pd.DataFrame(found)
