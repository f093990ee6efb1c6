"""Rankings of architectures: by one score, or by the sum of the ranks of several scores.

Summing ranks needs no fitting and no common scale. A condition number and a number of parameters
can therefore be combined.
"""

from collections.abc import Collection, Mapping, Sequence

import numpy as np
import pandas as pd

from ntknas.errors import InputError
from ntknas.ranking.orientation import RAW, Labels, check_scores, oriented

__all__ = ["combine", "log_ranks", "rank", "rank_fractions"]


def combine(
    scores: pd.DataFrame,
    directions: Mapping[str, int],
    names: Sequence[str],
    *,
    worst: Labels = (),
    raw: Collection[str] = RAW,
) -> "pd.Series[float]":
    """Sum of ranks of several scores: a combined score with direction -1 (lower is better).

    In each score the best architecture has rank 1, and ties share their mid-rank. Ranks are divided
    by the number n of ranked architectures, so that k scores sum to a value in (0, k].

    Args:
        scores: Scores, one row per architecture (its label is the index) and one column per score.
        directions: Direction of each score, +1 (higher is better) or -1 (lower is better), by name.
        names: Names of the scores to combine.
        worst: Labels of constant networks, which are tied last in every score except those in
            `raw`.
        raw: Names of scores that `worst` does not change.

    Returns:
        The sums, named after the scores joined with `+`. An architecture that lacks one of the
        scores is left out of all rankings and gets NaN.

    Raises:
        InputError: If a score is unknown (the message lists the available ones), has no direction,
            or is not numeric; if there are no names; or if `scores` is empty.

    Example:
        >>> scores = pd.DataFrame(
        ...     {"cond": [5.0, 2.0, 9.0], "params": [10, 30, 20]}, index=[7, 8, 9]
        ... )
        >>> combine(scores, {"cond": -1, "params": 1}, ["cond", "params"]).round(3).to_dict()
        {7: 1.667, 8: 0.667, 9: 1.667}
    """
    table = _columns(scores, directions, names, worst=worst, raw=raw)
    # Divided after summing: sums of half-integers are exact, so equal sums stay ties.
    sums = table.rank(ascending=False, method="average").sum(axis=1) / max(len(table), 1)
    return sums.reindex(scores.index).rename("+".join(names))


def rank_fractions(
    scores: pd.DataFrame,
    directions: Mapping[str, int],
    names: Sequence[str],
    *,
    worst: Labels = (),
    raw: Collection[str] = RAW,
) -> pd.DataFrame:
    """The terms of the sum of `combine`: the rank in each score, divided by n.

    Args:
        scores: Scores, one row per architecture (its label is the index) and one column per score.
        directions: Direction of each score, +1 (higher is better) or -1 (lower is better), by name.
        names: Names of the scores.
        worst: Labels of constant networks, which are tied last in every score except those in
            `raw`.
        raw: Names of scores that `worst` does not change.

    Returns:
        A table with one column per score, in (0, 1]; lower is better.

    Raises:
        InputError: As `combine`.

    Example:
        >>> scores = pd.DataFrame({"cond": [5.0, 2.0], "params": [10, 30]}, index=[7, 8])
        >>> rank_fractions(scores, {"cond": -1, "params": 1}, ["cond", "params"]).loc[8].tolist()
        [0.5, 0.5]
    """
    table = _columns(scores, directions, names, worst=worst, raw=raw)
    ranks = table.rank(ascending=False, method="average") / max(len(table), 1)
    return ranks.reindex(scores.index)


def log_ranks(
    scores: pd.DataFrame,
    directions: Mapping[str, int],
    names: Sequence[str],
    *,
    worst: Labels = (),
    raw: Collection[str] = RAW,
) -> "pd.Series[float]":
    """Sum of logarithms of ranks of several scores, with direction +1 (higher is better).

    This is the aggregation of AZ-NAS (Lee & Ham, CVPR 2024). In each score the worst of n
    architectures has rank 1 and the best has rank n, and ties share their mid-rank. The sum is that
    of log(rank / n). One bad rank costs more than in the sum of `combine`: the best sums are those
    of architectures that no score ranks low.

    Args:
        scores: Scores, one row per architecture (its label is the index) and one column per score.
        directions: Direction of each score, +1 (higher is better) or -1 (lower is better), by name.
        names: Names of the scores to combine.
        worst: Labels of constant networks, which are tied last in every score except those in
            `raw`.
        raw: Names of scores that `worst` does not change.

    Returns:
        The sums, at most 0. An architecture that lacks one of the scores is left out of all
        rankings and gets NaN.

    Raises:
        InputError: As `combine`.

    Example:
        >>> scores = pd.DataFrame({"synflow": [5.0, 2.0], "flops": [10, 30]}, index=[7, 8])
        >>> log_ranks(scores, {"synflow": 1, "flops": 1}, ["synflow", "flops"]).round(3).to_dict()
        {7: -0.693, 8: -0.693}
    """
    table = _columns(scores, directions, names, worst=worst, raw=raw)
    ranks = table.rank(method="average") / max(len(table), 1)
    return np.log(ranks).sum(axis=1).reindex(scores.index)


def _columns(
    scores: pd.DataFrame,
    directions: Mapping[str, int],
    names: Sequence[str],
    *,
    worst: Labels,
    raw: Collection[str],
) -> pd.DataFrame:
    """The scores to combine, higher is better, of the architectures that have all of them."""
    check_scores(scores)
    if not names:
        raise InputError(f"expected scores to combine, got none; available: {_listing(scores)}")
    unknown = [name for name in names if name not in scores.columns]
    if unknown:
        raise InputError(f"unknown scores {', '.join(unknown)}; available: {_listing(scores)}")
    columns = [oriented(scores, directions, name, worst=worst, raw=raw) for name in names]
    return pd.concat(columns, axis=1).dropna()


def rank(
    scores: pd.DataFrame,
    directions: Mapping[str, int],
    names: Sequence[str],
    *,
    worst: Labels = (),
    raw: Collection[str] = RAW,
) -> pd.DataFrame:
    """Architectures from best to worst, by one score or by the sum of the ranks of several scores.

    Ties share the best rank among them (1, 2, 2, 4) and are listed by ascending label. Constant
    networks come last, and after them the architectures without a score, whose rank is missing.

    Args:
        scores: Scores, one row per architecture (its label is the index) and one column per score.
        directions: Direction of each score, +1 (higher is better) or -1 (lower is better), by name.
        names: Name of one column of `scores`, or of several that are combined (see `combine`).
        worst: Labels of constant networks.
        raw: Names of scores that `worst` does not change.

    Returns:
        A table with the columns rank (Int64), architecture, and score. The score is the value in
        `scores` or the sum of `combine`, not multiplied by its direction.

    Raises:
        InputError: If a score is unknown (the message lists the available ones), has no direction,
            or is not numeric; or if `scores` is empty.

    Example:
        >>> scores = pd.DataFrame({"lambda_min": [0.5, 2.0, 2.0]}, index=[7, 8, 9])
        >>> rank(scores, {"lambda_min": 1}, ["lambda_min"])["architecture"].tolist()
        [8, 9, 7]
    """
    check_scores(scores)
    if len(names) == 1:
        values = oriented(scores, directions, names[0], worst=worst, raw=raw)
        shown = scores[names[0]]
    else:
        shown = combine(scores, directions, names, worst=worst, raw=raw)
        values = -shown
        if not set(names) <= set(raw):
            values[values.index.isin(list(worst))] = -np.inf
    frame = pd.DataFrame(
        {
            "rank": values.rank(ascending=False, method="min").astype("Int64").array,
            "architecture": scores.index.array,
            "score": shown.array,
        }
    )
    return frame.sort_values(["rank", "architecture"], na_position="last", ignore_index=True)


def _listing(scores: pd.DataFrame) -> str:
    """The names of all scores, for error messages."""
    return ", ".join(map(str, scores.columns))
