"""The search for a ranking with a fixed formula: it chooses the scores whose ranks are summed.

No coefficients are fitted to accuracies. A ranking is chosen on the development part, one fifth of
the architectures, which a hash of their labels selects. The search has two steps. First, beam
searches on random halves of the development part, evaluated on the other halves, give the number of
terms: the one with the best mean. Then a beam search on the whole development part gives the
ranking.
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
from ntknas.runs import Precomputed, Run
from ntknas.scores import ScoreKind, score_names
from ntknas.spaces import Label

__all__ = [
    "FIFTHS",
    "TOP_FRACTIONS",
    "RankingSearch",
    "best_fraction",
    "candidates",
    "candidates_by_draw",
    "in_development",
    "quality",
    "search_ranking",
    "search_sums",
    "with_reversed",
]

Array = NDArray[np.floating]

FIFTHS = 5
"""Number of parts that a hash of their labels divides architectures into."""

TOP_FRACTIONS = (0.1, 0.2, 0.3)
"""Fractions of the architectures with the best true values on which a ranking is evaluated too."""

_WEIGHTS = np.array([0.6, 0.2, 0.1, 0.1])  # weights of Spearman: over all, within each top fraction


def in_development(index: Label, fifth: int = 0) -> bool:
    """Whether an architecture belongs to the development part, on which rankings are chosen.

    Args:
        index: Label of the architecture.
        fifth: Which fifth of the architectures is the development part, 0 to 4; the rankings of
            this package were chosen on fifth 0.

    Example:
        >>> sum(map(in_development, range(15625)))
        3099
    """
    digest = hashlib.sha256(f"ntknas {index}".encode()).digest()
    return int.from_bytes(digest[:8], "big") % FIFTHS == fifth


def candidates(runs: Sequence[Run | Precomputed]) -> pd.DataFrame:
    """Candidate scores by architecture, oriented so that higher is better; none is NaN.

    Kernel scores and proxies are averaged over the draws of a run. They are named RUN/NAME if there
    are several runs. Constant networks are last in all scores except the numbers of parameters and
    operations. If several candidates give the same ranking, as params and flops do, only the first
    is kept.

    Args:
        runs: Finished runs; the precomputed table may be one of them.

    Returns:
        A table with one row per architecture that all runs hold, and one column per candidate.
    """
    table = _side_by_side(runs, [run.scores() for run in runs])
    ranks = table.rank()
    return table.loc[:, (ranks.nunique() > 1) & ~ranks.T.duplicated()]


def candidates_by_draw(
    runs: Sequence[Run | Precomputed], columns: Sequence[str]
) -> list[pd.DataFrame]:
    """The candidate scores of each draw of weights and images alone.

    Args:
        runs: Finished runs; the precomputed table may be one of them.
        columns: Columns of `candidates` to keep.

    Returns:
        As many tables as the run with the fewest draws has draws. A table lacks the columns that
        its draw lacks, as the later draws of the precomputed table lack proxies.
    """
    tables = []
    for draw in zip(*(run.scores_by_draw() for run in runs), strict=False):
        table = _side_by_side(runs, [scores.dropna(axis=1, how="all") for scores in draw])
        tables.append(table[[name for name in columns if name in table]])
    return tables


def _side_by_side(
    runs: Sequence[Run | Precomputed], scores: Sequence[pd.DataFrame]
) -> pd.DataFrame:
    """Oriented scores of the architectures that all runs hold; counts stand there once."""
    counts = (*score_names(ScoreKind.GRAPH), *score_names(ScoreKind.SIZE))
    frames = []
    for run, of_run in zip(runs, scores, strict=True):
        frame = turned(of_run)
        if len(runs) > 1:
            others = [name for name in frame if name not in counts]
            short = run.folder.name if isinstance(run, Run) else "precomputed"
            frame = frame.rename(columns={name: f"{short}/{name}" for name in others})
        frames.append(frame)
    table = pd.concat(frames, axis=1, join="inner")
    return table.loc[:, ~table.columns.duplicated()].sort_index()


def with_reversed(table: pd.DataFrame) -> pd.DataFrame:
    """Candidates and the same in reverse, named with a minus sign in front.

    Networks that are last in a score (minus infinity) are last in reverse as well.

    Args:
        table: Candidate scores by architecture.

    Example:
        >>> with_reversed(pd.DataFrame({"a": [1.0, 2.0, -np.inf]}))["-a"].tolist()
        [-1.0, -2.0, -inf]
    """
    return table.join((-table).replace(np.inf, -np.inf).add_prefix("-"))


def best_fraction(truth: Array, fraction: float) -> NDArray[np.intp]:
    """Positions of the best architectures by true value, at least two.

    Args:
        truth: True values.
        fraction: Fraction of the architectures to take.
    """
    return np.argsort(-truth, kind="stable")[: max(2, round(fraction * len(truth)))]


def quality(scores: Array, truth: Array) -> Array:
    """The quality that the search maximises, a weighted mean of Spearman correlations.

    They are computed over all architectures and within the best fractions. Spearman within the best
    tenth alone is too noisy on one fifth of the space.

    Args:
        scores: Scores `[k, n]`, higher is better.
        truth: True values `[n]`.

    Returns:
        One value per row of `scores`.
    """
    parts = [np.arange(len(truth)), *(best_fraction(truth, f) for f in TOP_FRACTIONS)]
    return _WEIGHTS @ np.stack([_spearman(scores[:, part], truth[part]) for part in parts])


def _spearman(scores: np.ndarray, truth: np.ndarray) -> Array:
    """Spearman's rho of each row of scores with the true values."""
    return rank_correlation(mid_ranks(scores), mid_ranks(truth))


def search_sums(
    table: pd.DataFrame, truth: Array, *, terms: int, beam: int
) -> list[tuple[str, ...]]:
    """The best sum of ranks of each length, by beam search.

    Args:
        table: Candidate scores by architecture, higher is better.
        truth: Accuracies in the order of the table.
        terms: Largest number of terms in a sum.
        beam: Number of sums that are kept from one length to the next.

    Returns:
        The names of the scores in the best sum of 1, 2, ... terms.
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
    """The result of a search for a ranking.

    Attributes:
        chosen: Names of the scores whose ranks are summed.
        of_length: Names of the scores in the best sum of 1, 2, ... terms on the development part.
        lengths: Quality by number of terms, on the halves that were not used to choose; columns
            mean and error (standard error).
        n: Number of architectures of the development part.
        spearman: Spearman correlation of the chosen ranking on the development part.
        spearman_top: Spearman correlation within the best tenth of the development part.
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
    fifth: int = 0,
    terms: int = 8,
    beam: int = 20,
    halves: int = 12,
    seed: int = 0,
) -> RankingSearch:
    """Choose a sum of ranks on the development part.

    Args:
        table: Candidate scores by architecture, higher is better (`candidates`).
        accuracy: True values by architecture; only their order counts.
        fifth: Which fifth is the development part (`in_development`).
        terms: Largest number of terms in a sum.
        beam: Number of sums that are kept from one length to the next.
        halves: Number of random splits of the development part into two halves; sums are chosen on
            one half and evaluated on the other.
        seed: Seed of the splits.

    Returns:
        The chosen ranking, and the numbers that it was chosen by.

    Raises:
        InputError: If the development part has fewer than 20 architectures, or a number is below 1.
    """
    for what, number in (("terms", terms), ("beam", beam), ("halves", halves)):
        if number < 1:
            raise InputError(f"expected {what} of 1 or more, got {number}")
    development = np.array([in_development(label, fifth) for label in table.index.tolist()])
    known = accuracy.dropna()
    part = table[development & table.index.isin(known.index)]
    if len(part) < 20:
        raise InputError(f"expected 20 architectures or more to choose on, got {len(part)}")
    values: Array = np.asarray(known[part.index].round(6), np.float64)
    lengths = _number_of_terms(part, values, terms=terms, beam=beam, halves=halves, seed=seed)
    of_length = search_sums(part, values, terms=terms, beam=beam)
    chosen = of_length[int(lengths["mean"].argmax())]
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
    """Mean and standard error of the quality on the unused halves, by number of terms."""
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
