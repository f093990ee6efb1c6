"""Rankings: architectures from best to worst, by a score or by a sum of ranks."""

import pandas as pd

from ntknas import ranking
from ntknas.errors import InputError
from ntknas.evaluation.table import Scores, score_table
from ntknas.scores import RankSum

__all__ = ["default_ranking", "draw_agreement", "rank", "rank_fractions", "ranks_by_draw"]


def rank(
    scores: Scores,
    name: str | RankSum = "default",
    *,
    top: int | None = None,
    space: str | None = None,
) -> pd.DataFrame:
    """Architectures from best to worst.

    Args:
        scores: Run, precomputed table, or frame of scores with labels of architectures as its index
            and one column per score.
        name: Name of a score, or several names joined with `+` or `-`, whose ranks are summed. A
            minus sign reverses the direction of a score. Or the name of a ranking (`RANKINGS`):
            "default" is the one that was chosen on one fifth of NAS-Bench-201.
        top: Number of best architectures to return; None means all.
        space: Search space of the labels of a frame, such as "nasbench201". None means the one that
            the frame records, which it does if it came from a run.

    Returns:
        A table with the columns id (the label), architecture (as text), score and rank. The score
        of a sum is the sum of ranks, each divided by the number of ranked architectures. Ties share
        the best rank. The rank is missing where a score is missing. If there are several draws of
        weights and images, rank_low and rank_high are the best and the worst rank that one of them
        alone gives the architecture.

    Raises:
        InputError: If a score does not exist, or `top` is below 1.

    Example:
        >>> scores = pd.DataFrame({"cond@clean": [9.0, 12.0, 7.0]}, index=[0, 1, 2])
        >>> rank(scores, "cond@clean", top=2)[["rank", "id", "score"]].values.tolist()
        [[1, 2, 7.0], [2, 0, 9.0]]
    """
    if top is not None and top < 1:
        raise InputError(f"expected to list at least 1 architecture, got {top}")
    table = score_table(scores, space=space)
    formula = table.resolve(name)
    ranked = ranking.rank(table.frame, **table.ranked(formula))
    ranked = ranked.rename(columns={"architecture": "id"})
    ranked.insert(1, "architecture", [table.strings[label] for label in ranked["id"]])
    ranked = ranked[["id", "architecture", "score", "rank"]]
    by_draw = ranks_by_draw(table, formula)
    if len(by_draw.columns) > 1:
        ranked["rank_low"] = ranked["id"].map(by_draw.min(axis=1))
        ranked["rank_high"] = ranked["id"].map(by_draw.max(axis=1))
    return ranked.head(len(ranked) if top is None else top)


def default_ranking(scores: Scores) -> str:
    """The name of the default ranking (`ScoreTable.default`).

    Args:
        scores: Run, precomputed table, or frame of scores.

    Raises:
        InputError: If there is no score of a kernel to rank by.
    """
    return str(score_table(scores).default)


def rank_fractions(scores: Scores, name: str | RankSum = "default") -> pd.DataFrame:
    """Why an architecture stands where it does: its rank by each part of a sum.

    Args:
        scores: Run, precomputed table, or frame of scores.
        name: Name of a score, a sum of ranks, or a ranking, as for `rank`.

    Returns:
        A table with one row per architecture (its label is the index) and one column per part. The
        ranks are divided by the number of architectures, and lower is better; their sum is the
        score of the ranking.

    Raises:
        InputError: If a score does not exist.
    """
    table = score_table(scores)
    return ranking.rank_fractions(table.frame, **table.ranked(table.resolve(name)))


def ranks_by_draw(scores: Scores, name: str | RankSum = "default") -> pd.DataFrame:
    """The rank of each architecture in each draw of weights and images alone.

    Args:
        scores: Run, precomputed table, or frame of scores.
        name: Name of a score, a sum of ranks, or a ranking, as for `rank`.

    Returns:
        A table with one row per architecture (its label is the index) and one column per draw that
        has the scores; no column if there is only one. A rank is NaN where the score is missing.

    Raises:
        InputError: If a score does not exist.
    """
    table = score_table(scores)
    arguments = table.ranked(table.resolve(name))
    ranks = {}
    for draw, frame in enumerate(table.draws):
        if frame[arguments["names"]].isna().all().any():
            continue
        ranked = ranking.rank(frame, **arguments).set_index("architecture")
        ranks[draw] = ranked["rank"].astype(float)
    if len(ranks) < 2:
        ranks = {}
    return pd.DataFrame(ranks, index=table.frame.index)


def draw_agreement(ranks: pd.DataFrame) -> float:
    """The mean of Spearman's correlation over all pairs of draws; NaN for a single draw.

    Args:
        ranks: Ranks, one column per draw, as `ranks_by_draw` returns them. An architecture without
            a rank in one of two draws is left out of this pair.

    Example:
        >>> round(draw_agreement(pd.DataFrame({0: [1.0, 2.0, 3.0], 1: [1.0, 3.0, 2.0]})), 2)
        0.5
    """
    columns = list(ranks.columns)
    pairs = [(a, b) for position, a in enumerate(columns) for b in columns[:position]]
    both = [ranks[[a, b]].dropna().to_numpy().T for a, b in pairs]
    values = [ranking.correlations(x, y).spearman for x, y in both if len(x) > 1]
    return float(pd.Series(values, dtype=float).mean())
