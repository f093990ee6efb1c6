"""Architectures from best to worst, by a score or by a sum of ranks."""

import pandas as pd

from ntknas import ranking
from ntknas.errors import InputError
from ntknas.evaluation.table import Scores, score_table
from ntknas.scores import RankSum

__all__ = ["default_ranking", "rank"]


def rank(
    scores: Scores,
    name: str | RankSum = "default",
    *,
    top: int | None = None,
    space: str | None = None,
) -> pd.DataFrame:
    """Architectures from best to worst.

    Args:
        scores: A run, the precomputed table, or a frame: index of labels, one column per score.
        name: A score, or several joined with `+` or `-`, whose ranks are summed; "default" is the
            ranking that was chosen on a fifth of NAS-Bench-201 (`default_ranking`).
        top: How many of the best; None means all.
        space: For a frame, the search space of its labels, such as "nasbench201"; None asks the
            frame, which knows if it came from a run.

    Returns:
        Columns id (the label), architecture (written out), score (of a sum: the sum of ranks, each
        divided by their number) and rank (ties share the best; missing where a score is missing).

    Raises:
        InputError: For a score that is not there, or `top` below 1.

    Example:
        >>> scores = pd.DataFrame({"cond@clean": [9.0, 12.0, 7.0]}, index=[0, 1, 2])
        >>> rank(scores, "cond@clean", top=2)[["rank", "id", "score"]].values.tolist()
        [[1, 2, 7.0], [2, 0, 9.0]]
    """
    if top is not None and top < 1:
        raise InputError(f"expected to list at least 1 architecture, got {top}")
    table = score_table(scores, space=space)
    ranked = ranking.rank(table.frame, **table.ranked(table.resolve(name)))
    ranked = ranked.rename(columns={"architecture": "id"})
    ranked.insert(1, "architecture", [table.strings[label] for label in ranked["id"]])
    ranked = ranked[["id", "architecture", "score", "rank"]]
    return ranked.head(len(ranked) if top is None else top)


def default_ranking(scores: Scores) -> str:
    """The name of the ranking by default (`ScoreTable.default`).

    Args:
        scores: A run, the precomputed table, or a frame of scores.

    Raises:
        InputError: If there is no kernel.
    """
    return str(score_table(scores).default)
