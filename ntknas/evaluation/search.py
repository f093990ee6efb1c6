"""The search of a ranking with a fixed formula: which scores to sum the ranks of.

Nothing is regressed on accuracies. A ranking is chosen on a development fifth of the architectures,
fixed by a hash of their ids, in two steps: a beam search on random halves of that fifth, judged on
the other halves, gives the number of terms (the smallest within a standard error of the best); a
beam search on the whole fifth gives the ranking.
"""

import hashlib
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ntknas.errors import InputError
from ntknas.evaluation.comparison import turned
from ntknas.ranking import mid_ranks, rank_correlation
from ntknas.runs import Run
from ntknas.scores import ScoreKind, score_names

__all__ = [
    "TOP_FRACTIONS",
    "RankingSearch",
    "best_fraction",
    "candidates",
    "in_development",
    "quality",
    "search_ranking",
    "search_sums",
]

Array = NDArray[np.float64]

TOP_FRACTIONS = (0.1, 0.2, 0.3)
"""Best fractions by true value within which a ranking is judged too."""

_WEIGHTS = np.array([0.7, 0.1, 0.1, 0.1])  # of Spearman over all, and within each top fraction


def in_development(index: int) -> bool:
    """Whether an architecture belongs to the fifth that rankings are chosen on.

    Args:
        index: Id of the architecture.

    Example:
        >>> sum(map(in_development, range(15625)))
        3099
    """
    digest = hashlib.sha256(f"ntknas {index}".encode()).digest()
    return int.from_bytes(digest[:8], "big") % 5 == 0


def candidates(runs: Sequence[Run]) -> pd.DataFrame:
    """Candidate scores by architecture, turned so that higher is better; NaN nowhere.

    Kernel scores and proxies are named RUN/NAME if there are several runs. Constant networks are
    last in all but the counts of parameters and operations. Of candidates that rank alike, such as
    params and flops, the first is kept.

    Args:
        runs: Finished runs.

    Returns:
        One row per architecture that all runs hold, one column per candidate.
    """
    counts = (*score_names(ScoreKind.GRAPH), *score_names(ScoreKind.SIZE))
    frames = []
    for run in runs:
        frame = turned(run.scores())
        if len(runs) > 1:
            others = [name for name in frame if name not in counts]
            frame = frame.rename(columns={name: f"{run.folder.name}/{name}" for name in others})
        frames.append(frame)
    table = pd.concat(frames, axis=1, join="inner")
    table = table.loc[:, ~table.columns.duplicated()].sort_index()
    ranks = table.rank()
    return table.loc[:, (ranks.nunique() > 1) & ~ranks.T.duplicated()]


def best_fraction(truth: Array, fraction: float) -> NDArray[np.intp]:
    """Positions of the best fraction by true value, two at least.

    Args:
        truth: True values.
        fraction: The fraction.
    """
    return np.argsort(-truth, kind="stable")[: max(2, round(fraction * len(truth)))]


def quality(scores: Array, truth: Array) -> Array:
    """What is maximised: a weighted mean of Spearman over all and within the best fractions.

    That within the best tenth alone is too noisy on a fifth of the space.

    Args:
        scores: Scores [k, n], higher is better.
        truth: True values [n].

    Returns:
        One value per row of scores.
    """
    parts = [np.arange(len(truth)), *(best_fraction(truth, f) for f in TOP_FRACTIONS)]
    return _WEIGHTS @ np.stack([_spearman(scores[:, part], truth[part]) for part in parts])


def _spearman(scores: np.ndarray, truth: np.ndarray) -> Array:
    return rank_correlation(mid_ranks(scores), mid_ranks(truth))


def search_sums(
    table: pd.DataFrame, truth: Array, *, terms: int, beam: int
) -> list[tuple[str, ...]]:
    """The best sum of ranks of each length, by beam search.

    Args:
        table: Candidates, higher is better.
        truth: Accuracies in the table's order.
        terms: Longest length.
        beam: Number of sums kept from one length to the next.

    Returns:
        Names of the scores in the best sum of 1, 2, ... terms.
    """
    ranks = table.rank().to_numpy().T
    kept: list[tuple[int, ...]] = [()]
    best = []
    for _ in range(terms):
        longer = sorted(
            {
                tuple(sorted((*chosen, new)))
                for chosen in kept
                for new in range(len(ranks))
                if new not in chosen
            }
        )
        values = quality(np.stack([ranks[list(chosen)].sum(axis=0) for chosen in longer]), truth)
        kept = [longer[i] for i in np.argsort(-values, kind="stable")[:beam]]
        best.append(tuple(table.columns[i] for i in kept[0]))
    return best


class RankingSearch(NamedTuple):
    """What a search of a ranking found.

    Attributes:
        chosen: Names of the scores whose ranks are summed.
        of_length: The best sum of 1, 2, ... terms on the development part.
        lengths: Quality by number of terms on the halves that were not chosen on: columns mean and
            error (standard error).
        n: Number of development architectures.
        spearman: Spearman of the chosen ranking on the development part.
        spearman_top: The same within its best tenth.
    """

    chosen: tuple[str, ...]
    of_length: list[tuple[str, ...]]
    lengths: pd.DataFrame
    n: int
    spearman: float
    spearman_top: float


def search_ranking(
    table: pd.DataFrame,
    accuracy: "pd.Series[float]",
    *,
    terms: int = 8,
    beam: int = 20,
    halves: int = 12,
    seed: int = 0,
) -> RankingSearch:
    """Choose a sum of ranks on the development fifth.

    Args:
        table: Candidates by architecture, higher is better (`candidates`).
        accuracy: True values by architecture.
        terms: Most scores in a sum.
        beam: Number of sums kept from one length to the next.
        halves: Number of random halves of the development part, each chosen on and judged on once.
        seed: Seed of the halves.

    Returns:
        The ranking and what it was chosen by.

    Raises:
        InputError: For fewer than 20 development architectures.
    """
    development = np.array([in_development(int(i)) for i in table.index])
    known = accuracy.dropna()
    part = table[development & table.index.isin(known.index)]
    if len(part) < 20:
        raise InputError(f"expected 20 architectures or more to choose on, got {len(part)}")
    values = known[part.index].round(6).to_numpy()
    lengths = _number_of_terms(part, values, terms=terms, beam=beam, halves=halves, seed=seed)
    best = lengths.iloc[int(lengths["mean"].argmax())]
    enough = lengths["mean"] >= best["mean"] - best["error"]
    of_length = search_sums(part, values, terms=terms, beam=beam)
    chosen = of_length[int(enough.argmax())]  # the first that is enough
    sums = part[list(chosen)].rank().sum(axis=1).to_numpy()
    top = best_fraction(values, TOP_FRACTIONS[0])
    return RankingSearch(
        chosen=chosen,
        of_length=of_length,
        lengths=lengths,
        n=len(values),
        spearman=float(_spearman(sums[None], values)[0]),
        spearman_top=float(_spearman(sums[None, top], values[top])[0]),
    )


def _number_of_terms(
    table: pd.DataFrame, truth: Array, *, terms: int, beam: int, halves: int, seed: int
) -> pd.DataFrame:
    """Quality on the halves that were not chosen on, by length; mean and standard error."""
    rng = np.random.default_rng(seed)
    rows = []
    for _ in range(halves):
        order = rng.permutation(len(truth))
        chosen_on, judged_on = order[: len(order) // 2], order[len(order) // 2 :]
        best = search_sums(table.iloc[chosen_on], truth[chosen_on], terms=terms, beam=beam)
        sums = np.stack([table[list(names)].iloc[judged_on].rank().sum(axis=1) for names in best])
        rows.append(quality(sums, truth[judged_on]))
    values = pd.DataFrame(rows, columns=range(1, terms + 1))
    return pd.DataFrame({"mean": values.mean(), "error": values.sem()})
