"""Clean against robust accuracy: do they rank networks alike, and what sets them apart?"""

import numpy as np
import pandas as pd
from scipy.stats import rankdata

from ntknas.analysis.cells import CellTruth
from ntknas.analysis.sizes import parameters_of
from ntknas.analysis.structures import STRUCTURES, structure_counts
from ntknas.errors import InputError
from ntknas.ranking import bootstrap, correlations, default_resamples

__all__ = ["rank_agreement", "rank_shifts"]


def _pair(clean: CellTruth, robust: CellTruth) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Ids of networks that have both accuracies, and the accuracies."""
    ids = np.intersect1d(clean.trained, robust.trained)
    if len(ids) < 10:
        raise InputError(
            f"expected at least 10 networks with both {clean.metric} and {robust.metric}, "
            f"got {len(ids)}"
        )
    return ids, clean.values[ids], robust.values[ids]


def rank_agreement(
    clean: CellTruth,
    robust: CellTruth,
    *,
    top_fraction: float = 0.1,
    resamples: int | None = None,
    seed: int = 0,
) -> pd.DataFrame:
    """How well the ranks by two accuracies agree, over all networks and among the best.

    Args:
        clean: Accuracies without attack.
        robust: Accuracies under attack.
        top_fraction: Fraction of the networks that are the best.
        resamples: Number of resamples of each interval; None means 1000, or 200 for more than 1000
            networks. 0 means no intervals.
        seed: Seed of the resamples.

    Returns:
        One row per subset (all; the best by the first accuracy; the best by the second): subset, n,
        spearman with its interval spearman_low, spearman_high, kendall, and shared (of the best by
        one accuracy, the share that is among the best by the other; the same in every row).

    Raises:
        InputError: If fewer than ten networks have both accuracies.
    """
    ids, x, y = _pair(clean, robust)
    count = max(2, round(top_fraction * len(ids)))
    best = [np.argsort(-values, kind="stable")[:count] for values in (x, y)]
    shared = len(np.intersect1d(best[0], best[1])) / count
    subsets = {
        "all": np.arange(len(ids)),
        f"best {top_fraction:.0%} by {clean.metric}": best[0],
        f"best {top_fraction:.0%} by {robust.metric}": best[1],
    }
    rows = []
    for name, chosen in subsets.items():
        found = correlations(x[chosen], y[chosen])
        low = high = np.nan
        times = default_resamples(len(chosen)) if resamples is None else resamples
        if times:
            interval = bootstrap(x[chosen], y[chosen], resamples=times, seed=seed).spearman
            low, high = interval
        rows.append(
            {"subset": name, "n": len(chosen), "spearman": found.spearman}
            | {"spearman_low": low, "spearman_high": high, "kendall": found.kendall}
            | {"shared": shared}
        )
    return pd.DataFrame(rows)


def rank_shifts(clean: CellTruth, robust: CellTruth) -> pd.DataFrame:
    """Which counts go with ranks that are better under attack than without.

    Intervals are those of Bonett & Wright (2000): Fisher's transform of Spearman's correlation r
    has the standard error sqrt((1 + r^2 / 2) / (n - 3)).

    Args:
        clean: Accuracies without attack.
        robust: Accuracies under attack.

    Returns:
        One row per count (params, and those of `STRUCTURES`): count, n, Spearman's correlation of
        the count with the first accuracy (clean) and the second (robust), and with the number of
        ranks that a network is better by the second than by the first (gain, gain_low, gain_high).
        Correlations with a constant are NaN.

    Raises:
        InputError: If fewer than ten networks have both accuracies.
    """
    ids, x, y = _pair(clean, robust)
    gain = rankdata(y) - rankdata(x)
    columns = {"params": parameters_of(ids)}
    counts = [structure_counts(int(index)) for index in ids]
    columns |= {name: np.array([count[name] for count in counts]) for name in STRUCTURES}
    rows = []
    for name, column in columns.items():
        with_gain = _spearman(column, gain)
        half = 1.96 * np.sqrt((1 + with_gain**2 / 2) / (len(ids) - 3))
        with np.errstate(divide="ignore"):
            low, high = np.tanh(np.arctanh(with_gain) + np.array([-half, half]))
        rows.append(
            {"count": name, "n": len(ids)}
            | {"clean": _spearman(column, x), "robust": _spearman(column, y)}
            | {"gain": with_gain, "gain_low": float(low), "gain_high": float(high)}
        )
    return pd.DataFrame(rows)


def _spearman(x: np.ndarray, y: np.ndarray) -> float:
    """Spearman's correlation; NaN if a variable is constant."""
    if np.ptp(x) == 0 or np.ptp(y) == 0:
        return np.nan
    return float(np.corrcoef(rankdata(x), rankdata(y))[0, 1])
