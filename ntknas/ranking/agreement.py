"""How well scores agree with published accuracies: rank correlations with intervals.

Scores are multiplied by their direction first, so that a positive correlation always means that the
score ranks good networks first. Absolute values are never taken.
"""

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from ntknas.errors import InputError, check_names
from ntknas.ranking.correlation import Correlations, correlations
from ntknas.ranking.intervals import bootstrap
from ntknas.ranking.orientation import RAW, Labels, check_scores, oriented

__all__ = ["correlation_table"]

_COLUMNS = [
    *("score", "dataset", "metric", "subset", "n", "coverage"),
    *(field + end for field in Correlations._fields for end in ("", "_low", "_high")),
    *("direction", "resamples"),
]


def correlation_table(
    scores: pd.DataFrame,
    directions: Mapping[str, int],
    truth: pd.DataFrame,
    *,
    datasets: Sequence[str] | None = None,
    metrics: Sequence[str] | None = None,
    top_fraction: float | None = None,
    resamples: int | None = None,
    seed: int = 0,
    worst: Labels = (),
    raw: Collection[str] = RAW,
    on_pair: Callable[[int, int], None] | None = None,
) -> pd.DataFrame:
    """Rank correlations of every score with every published metric, with 95% bootstrap intervals.

    Architectures are matched by label and sorted by it, so the order of the input does not matter.
    Scores of the same architectures use the same resamples, so that they can be compared.

    Args:
        scores: Scores, one row per architecture (its label is the index) and one column per score;
            missing scores are NaN.
        directions: Direction of each score, +1 (higher is better) or -1 (lower is better), by name.
        truth: Accuracies with columns architecture, dataset, metric and value; higher values mean
            better networks.
        datasets: Datasets of `truth` to compare with; None means all.
        metrics: Metrics of `truth` to compare with; None means all.
        top_fraction: Fraction of the best networks within which correlations are computed too. The
            best networks are those of `scores` whose true value is among the best
            ceil(fraction * count), with all networks tied with the last of them. They depend on the
            metric, and are the same for every score. None means no such correlations.
        resamples: Number of resamples of each interval; None means `default_resamples` of the row's
            n, 0 means no intervals.
        seed: Seed of the resamples.
        worst: Labels of constant networks, which are tied last in every score except those in
            `raw`.
        raw: Names of scores that `worst` does not change.
        on_pair: Function that is called with (number of pairs done, number of all pairs) after each
            pair of score and metric.

    Returns:
        A table with one row per score, dataset, metric and subset, in the order of `scores` and
        `truth`. Columns: score; dataset; metric; subset ("all", or for example "top 10%"); n, the
        number of architectures; coverage, n as a share of the architectures of the subset (for
        "all", of those in `scores`); spearman, kendall, weighted_kendall, each followed by its _low
        and _high; direction; resamples; seed. Values are undefined, which means NaN, in a row with
        n < 2, with equal true values, or with equal scores of all networks that are not constant.

    Raises:
        InputError: If the scores or the truth cannot be used, a name is unknown, or fewer than two
            architectures have an accuracy.

    Example:
        >>> scores = pd.DataFrame({"cond": [9.0, 4.0, 6.0]}, index=[0, 1, 2])
        >>> truth = pd.DataFrame({"architecture": [0, 1, 2], "value": [0.1, 0.9, 0.5]})
        >>> truth = truth.assign(dataset="cifar10", metric="clean")
        >>> table = correlation_table(scores, {"cond": -1}, truth, resamples=0)
        >>> table[["score", "metric", "n", "spearman"]].values.tolist()
        [['cond', 'clean', 3, 1.0]]
    """
    check_scores(scores)
    check_names(datasets, "datasets")
    check_names(metrics, "metrics")
    if top_fraction is not None and not 0 < top_fraction < 1:
        raise InputError(f"expected a top fraction between 0 and 1, got {top_fraction}")
    targets = _targets(scores, truth, datasets, metrics)
    turned = {n: oriented(scores, directions, n, worst=worst, raw=raw) for n in scores.columns}
    rows = []
    for done, (name, (target, known)) in enumerate(
        ((name, item) for name in turned for item in targets.items()), start=1
    ):
        subsets = {"all": (known, len(scores))}
        if top_fraction is not None:
            best = _best(known, top_fraction)
            subsets[f"top {100 * top_fraction:g}%"] = (best, len(best))
        for subset, (values, count) in subsets.items():
            place: dict[str, Any] = {"score": name, "dataset": target[0], "metric": target[1]}
            numbers = _numbers(turned[name], values, count, resamples, seed)
            rows.append(place | numbers | {"subset": subset, "direction": directions[name]})
        if on_pair is not None:
            on_pair(done, len(turned) * len(targets))
    return pd.DataFrame(rows, columns=_COLUMNS).assign(seed=seed)


def _numbers(
    score: "pd.Series[float]",
    known: "pd.Series[float]",
    count: int,
    resamples: int | None,
    seed: int,
) -> dict[str, Any]:
    """The numbers of one row: n, coverage, correlations, intervals and number of resamples."""
    pair = pd.concat([score, known], axis=1, join="inner").dropna().sort_index().to_numpy()
    x, y = pair.T
    finite = x[np.isfinite(x)]
    if len(finite) > 1 and np.ptp(finite) == 0:
        x = np.zeros_like(x)  # the score tells no networks apart, except for constant ones
    row: dict[str, Any] = {
        "n": len(pair),
        "coverage": len(pair) / count if count else np.nan,
    }
    intervals = bootstrap(x, y, resamples=resamples, seed=seed)
    for field, value in zip(Correlations._fields, correlations(x, y), strict=True):
        low, high = getattr(intervals, field)
        row |= {field: value, f"{field}_low": low, f"{field}_high": high}
    return row | {"resamples": intervals.resamples}


def _best(known: "pd.Series[float]", fraction: float) -> "pd.Series[float]":
    """The best fraction by true value, with all networks tied with the last of them."""
    # Rounded first: 0.1 * 30 is a little more than 3.
    size = math.ceil(round(fraction * len(known), 9))
    return known[known >= known.nlargest(size).min()]


def _targets(
    scores: pd.DataFrame,
    truth: pd.DataFrame,
    datasets: Sequence[str] | None,
    metrics: Sequence[str] | None,
) -> dict[tuple[str, str], "pd.Series[float]"]:
    """True values of the architectures of `scores`, for each (dataset, metric)."""
    columns = ["architecture", "dataset", "metric", "value"]
    if missing := [column for column in columns if column not in truth.columns]:
        raise InputError(
            f"expected truth with columns {', '.join(columns)}, got none named {', '.join(missing)}"
        )
    for column, wanted in (("dataset", datasets), ("metric", metrics)):
        if wanted is not None:
            available = truth[column].unique()
            if unknown := [name for name in wanted if name not in available]:
                raise InputError(
                    f"unknown {column} {', '.join(unknown)}; available: {', '.join(available)}"
                )
            truth = truth[truth[column].isin(list(wanted))]
    if truth.duplicated(columns[:3]).any():
        twice = truth.loc[truth.duplicated(columns[:3]), columns[:3]].iloc[0].tolist()
        raise InputError(f"expected one true value of each kind, got two of {twice}")
    truth = truth.dropna(subset="value")
    if truth.empty:
        raise InputError("expected true values of the datasets and metrics asked for, got none")
    shared = truth[truth["architecture"].isin(scores.index)]
    count = shared["architecture"].nunique()
    if count == 0:
        raise InputError(
            f"expected scores of architectures in the truth, got {len(scores)} of which none is: "
            f"scored {_examples(scores.index)}; true values of {_examples(truth['architecture'])}"
        )
    if count == 1:
        raise InputError("correlation needs at least 2 architectures, got 1")
    kinds = truth[["dataset", "metric"]].drop_duplicates().itertuples(index=False, name=None)
    values = shared.set_index("architecture")["value"].astype(np.float64)
    return {
        (dataset, metric): values[
            ((shared["dataset"] == dataset) & (shared["metric"] == metric)).to_numpy()
        ]
        for dataset, metric in kinds
    }


def _examples(ids: "pd.Index | pd.Series[int]") -> str:
    """The three smallest labels of some architectures, for error messages."""
    some = sorted(set(ids))
    return ", ".join(map(str, some[:3])) + (", ..." if len(some) > 3 else "")
