"""How far the ranks of a run depend on its draws of weights and images."""

import pandas as pd

from ntknas.evaluation.ranking import rank
from ntknas.evaluation.table import score_table
from ntknas.ranking import correlations
from ntknas.runs import Run
from ntknas.scores import RankSum

__all__ = ["draw_agreement", "ranks_by_draw"]


def ranks_by_draw(run: Run, name: str | RankSum = "default") -> pd.DataFrame:
    """The rank of each architecture in each draw alone.

    Args:
        run: Run whose seeds are the draws.
        name: Name of a score or a sum of ranks, as for `ntknas.rank`.

    Returns:
        A table with one row per architecture (its label is the index) and one column per seed. A
        rank is NaN where the score is missing.

    Raises:
        InputError: If a score does not exist.
    """
    name = score_table(run).resolve(name)
    columns = {}
    for seed, rows in run.table().groupby("seed"):
        scores = run.scores(rows)
        ranked = rank(scores, name, space=run.space).set_index("id")["rank"]
        columns[seed] = ranked.astype(float)
    return pd.DataFrame(columns).reindex(run.ids)


def draw_agreement(ranks: pd.DataFrame) -> float:
    """The mean of Spearman's correlation over all pairs of draws; NaN for a single draw.

    Args:
        ranks: Ranks, one column per draw, as `ranks_by_draw` returns them.

    Example:
        >>> round(draw_agreement(pd.DataFrame({0: [1.0, 2.0, 3.0], 1: [1.0, 3.0, 2.0]})), 2)
        0.5
    """
    columns = list(ranks.columns)
    pairs = [(a, b) for position, a in enumerate(columns) for b in columns[:position]]
    values = [correlations(ranks[a], ranks[b]).spearman for a, b in pairs]
    return float(pd.Series(values, dtype=float).mean())
