"""The protocol by which rankings are chosen and confirmed.

A ranking is chosen on one fifth of the architectures, by one metric or the mean rank by several,
from scores averaged over draws of weights and images. It is then held against what it was not
chosen on:

* the other four fifths ("held out");
* the other four fifths for each fifth in turn, each with a choice of its own ("chosen on fifth k"):
  what the method of choosing is worth;
* every other metric and data set on the held-out part;
* each draw of weights and images alone, on the held-out part ("draw 1");
* accuracies of other networks, such as a benchmark of one's own.

The held-out part has been looked at before (docs/explanation/ranking.md), which is why one figure
is not enough.
"""

from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

import numpy as np
import pandas as pd

from ntknas.errors import InputError
from ntknas.evaluation.search import (
    FIFTHS,
    TOP_FRACTIONS,
    RankingSearch,
    best_fraction,
    in_development,
    search_ranking,
    with_reversed,
)
from ntknas.ranking import best_of_top, mid_ranks, rank_correlation, spearman_interval
from ntknas.truth import Truth

__all__ = ["Aim", "agreement", "confirm", "formula", "protocol", "rank_sum"]

_TRIED = (1, 5, 10)


class Aim(NamedTuple):
    """What a ranking is for: the accuracies that it is chosen by.

    Attributes:
        truth: Name of a table of accuracies.
        dataset: Data set of the table.
        metrics: Metrics of the table. A ranking is chosen by the mean of the ranks by them, and
            reported first against the first.
        floor: Least clean accuracy, in this data set, of the architectures that count, a fraction.
        below: What becomes of those below the floor. "out": they are left out, as if their clean
            accuracy were known. "last": they stay, and their accuracy counts 0 by every metric, so
            that a ranking has to find out itself which they are.
    """

    truth: str
    dataset: str = "cifar10"
    metrics: tuple[str, ...] = ("pgd_8", "fgsm_8", "autoattack")
    floor: float = 0.0
    below: Literal["out", "last"] = "out"


def agreement(
    scores: "pd.Series[float]", truth: "pd.Series[float]", *, resamples: int = 1000, seed: int = 0
) -> dict[str, int | float]:
    """How well a ranking agrees with accuracies.

    Args:
        scores: Scores by architecture, higher is better.
        truth: Accuracies by architecture; architectures that one of the two lacks are left out.
        resamples: Number of resamples of the intervals.
        seed: Seed of the resamples.

    Returns:
        n, the number of architectures. Spearman over all ("all") and within the best tenth by
        accuracy ("top"), each with a 95% bootstrap interval ("all_low", "all_high"). The regret if
        the first 1, 5 or 10 are trained and the best of them is kept ("regret_1"), in the unit of
        the accuracies.

    Raises:
        InputError: If fewer than 20 architectures have both.

    Example:
        >>> values = pd.Series(range(100)) / 100
        >>> result = agreement(-values, values, resamples=10)
        >>> result["n"], round(result["all"], 3), round(result["regret_1"], 2)
        (100, -1.0, 0.99)
    """
    both = pd.DataFrame({"score": scores, "truth": truth.round(6)}).dropna().sort_index()
    if len(both) < 20:
        raise InputError(f"expected 20 architectures or more with accuracies, got {len(both)}")
    score, value = both["score"].to_numpy(), both["truth"].to_numpy()
    row: dict[str, int | float] = {"n": len(both)}
    top = best_fraction(value, TOP_FRACTIONS[0])
    for name, part in (("all", np.arange(len(both))), ("top", top)):
        interval = spearman_interval(score[part], value[part], resamples=resamples, seed=seed)
        row |= {
            name: float(rank_correlation(mid_ranks(score[part])[None], mid_ranks(value[part]))[0]),
            f"{name}_low": interval.low,
            f"{name}_high": interval.high,
        }
    return row | {f"regret_{k}": best_of_top(score, value, k).regret for k in _TRIED}


def confirm(
    names: Sequence[str],
    table: pd.DataFrame,
    truths: Mapping[str, Truth],
    aim: Aim,
    *,
    draws: Sequence[pd.DataFrame] = (),
    fifth: int | None = 0,
    resamples: int = 1000,
    seed: int = 0,
) -> pd.DataFrame:
    """A ranking with a fixed formula, held against what it was not chosen on.

    Args:
        names: Scores whose ranks are summed, columns of the tables.
        table: Scores averaged over draws, higher is better (`candidates`).
        truths: Tables of accuracies by name. Tables that have no architecture or fewer than 20 in
            common with the scores are refused.
        aim: What the ranking is for. Its first metric comes first, and its floor holds for every
            row.
        draws: The scores of each draw alone, with the same columns. Draws that lack a score of the
            ranking are left out.
        fifth: The fifth that the ranking was chosen on, which is left out; None leaves none out.
        resamples: Number of resamples of the intervals.
        seed: Seed of the resamples.

    Returns:
        A table with one row per check. Its columns are check, truth, dataset, metric and those of
        `agreement`.

    Raises:
        InputError: If a name is not a column, or too few architectures have accuracies.
    """
    kept = [fifth is None or not in_development(label, fifth) for label in table.index.tolist()]

    def row(check: str, scores: pd.DataFrame, truth: str, dataset: str, metric: str) -> dict:
        values = _accuracies(truths, aim, truth, dataset, metric)
        where = {"check": check, "truth": truth, "dataset": dataset, "metric": metric}
        summed = rank_sum(scores[kept], names)
        return where | agreement(summed, values, resamples=resamples, seed=seed)

    first = (aim.truth, aim.dataset, aim.metrics[0])
    rows = [row("held out", table, *first)]
    used = {name.removeprefix("-") for name in names}
    having = [(i, draw) for i, draw in enumerate(draws) if used <= set(draw)]
    for i, draw in having if len(having) > 1 else ():
        rows.append(row(f"draw {i}", draw, *first))
    for name, truth in truths.items():
        for dataset in truth.datasets:
            for metric in truth.metrics(dataset):
                if (name, dataset, metric) != first:
                    rows.append(row("other accuracies", table, name, dataset, metric))
    return pd.DataFrame(rows)


def protocol(
    table: pd.DataFrame,
    truths: Mapping[str, Truth],
    aim: Aim,
    *,
    draws: Sequence[pd.DataFrame] = (),
    terms: int = 8,
    beam: int = 20,
    halves: int = 12,
    resamples: int = 1000,
    seed: int = 0,
) -> tuple[RankingSearch, pd.DataFrame]:
    """Choose a ranking on the first fifth, and confirm it and the method of choosing.

    Args:
        table: Scores averaged over draws, higher is better (`candidates`).
        truths: Tables of accuracies by name.
        aim: What the ranking is for.
        draws: The scores of each draw alone, with the same columns. Draws that lack a score of the
            ranking are left out.
        terms: Largest number of terms in a sum.
        beam: Number of sums that are kept from one length to the next.
        halves: Number of random splits of a fifth that the number of terms is chosen on.
        resamples: Number of resamples of the intervals.
        seed: Seed of the splits and of the resamples.

    Returns:
        What was chosen on the first fifth, and a table with one row per check: those of `confirm`
        for the chosen ranking, and one for each other fifth, "chosen on fifth k". The column
        ranking holds the formula of the row.

    Raises:
        InputError: If a name is not known, or too few architectures have accuracies.
    """
    by_metric = {m: _accuracies(truths, aim, aim.truth, aim.dataset, m) for m in aim.metrics}
    accuracy = by_metric[aim.metrics[0]]
    aimed_at = pd.DataFrame(by_metric).round(6).rank(pct=True).mean(axis=1, skipna=False)
    how = {"terms": terms, "beam": beam, "halves": halves, "seed": seed}
    chosen = search_ranking(table, aimed_at, **how)
    rows = confirm(
        chosen.chosen, table, truths, aim, draws=draws, resamples=resamples, seed=seed
    ).assign(ranking=formula(chosen.chosen))
    turns = []
    for fifth in range(1, FIFTHS):
        names = search_ranking(table, aimed_at, fifth=fifth, **how).chosen
        others = table[[not in_development(label, fifth) for label in table.index.tolist()]]
        measured = agreement(rank_sum(others, names), accuracy, resamples=resamples, seed=seed)
        where = {"truth": aim.truth, "dataset": aim.dataset, "metric": aim.metrics[0]}
        turns.append(
            {"check": f"chosen on fifth {fifth}", **where, **measured, "ranking": formula(names)}
        )
    first = rows["check"].ne("other accuracies")
    return chosen, pd.concat([rows[first], pd.DataFrame(turns), rows[~first]], ignore_index=True)


def rank_sum(table: pd.DataFrame, names: Sequence[str]) -> "pd.Series[float]":
    """The sum of the ranks of some scores, higher is better.

    Args:
        table: Scores by architecture, higher is better.
        names: Columns of the table; one with a minus sign in front counts in reverse.

    Raises:
        InputError: If a name is not a column.

    Example:
        >>> table = pd.DataFrame({"a": [1.0, 2.0, 3.0], "b": [5.0, 4.0, 4.5]})
        >>> rank_sum(table, ["a", "-b"]).tolist()
        [2.0, 5.0, 5.0]
    """
    missing = [name for name in names if name.removeprefix("-") not in table]
    if missing:
        raise InputError(
            f"expected scores among {', '.join(map(str, table))}, got {', '.join(missing)}"
        )
    used = table[[name.removeprefix("-") for name in names]]
    used = with_reversed(used.loc[:, ~used.columns.duplicated()])
    return used[list(names)].rank().sum(axis=1)


def formula(names: Sequence[str]) -> str:
    """A sum of ranks as `ntknas rank --score` takes it.

    Args:
        names: Names of scores, with a minus sign in front of those that count in reverse.

    Example:
        >>> formula(["sphericity@clean", "-pools", "params"])
        'sphericity@clean-pools+params'
    """
    return "+".join(names).replace("+-", "-")


def _accuracies(truths: Mapping[str, Truth], aim: Aim, *place: str) -> "pd.Series[float]":
    """A metric by architecture, with architectures below the floor of the aim left out or 0.

    `place` names the table, the data set and the metric; the floor is of the aim's own data set.
    """
    name, dataset, metric = place
    truth = truths[name]
    if dataset not in truth.datasets:
        raise InputError(f"expected a data set of {', '.join(truth.datasets)}, got {dataset!r}")
    metrics = truth.metrics(dataset)
    if metric not in metrics:
        raise InputError(f"expected a metric of {', '.join(metrics)}, got {metric!r}")
    values = truth.wide(dataset)[metric]
    if not aim.floor:
        return values
    of_aim = truths[aim.truth].wide(aim.dataset)
    if "clean" not in of_aim:
        raise InputError(
            f"expected the metric clean in {aim.truth}, which a floor of clean accuracy needs; "
            f"got {', '.join(map(str, of_aim))}"
        )
    counts = values.index.isin(of_aim.index[of_aim["clean"] >= aim.floor])
    return values[counts] if aim.below == "out" else values.where(counts, 0.0)
