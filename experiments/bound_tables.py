"""Tables of the rows that `experiments.bound_validation` measures: means, correlations, counts.

Each row is one draw of one setting: factor and value of the design, the settings of the network,
bound terms as TERM@KERNEL, errors, and Weyl's bounds.
"""

from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from ntknas.kernel import KernelName
from ntknas.ranking import bootstrap, correlations, replicates, resample_counts

__all__ = [
    "ERRORS",
    "KERNELS",
    "NETWORK",
    "TERMS",
    "Resampling",
    "correlation_table",
    "distinct",
    "pairing",
    "points",
    "summary",
    "weyl_counts",
]

KERNELS = {"K_all": KernelName.MIXED_CLEAN, "K~_all": KernelName.MIXED_ROBUST}
ERRORS = ("clean_error", "robust_error")
TERMS = ("order", "label_energy", "eigenvalue_order", "cosine_energy")
NETWORK = ("width", "depth", "skips", "num_train", "beta", "rho")
"""Columns that make two rows the same network, apart from the draw."""


class Resampling(NamedTuple):
    """How bootstrap intervals are drawn.

    Attributes:
        resamples: Number of resamples.
        seed: Seed of the resamples.
    """

    resamples: int
    seed: int


def _interval(values: np.ndarray, resampling: Resampling) -> tuple[float, float]:
    """95% percentile bootstrap interval of the mean."""
    counts = resample_counts(len(values), resamples=resampling.resamples, seed=resampling.seed)
    low, high = np.percentile(values @ counts / len(values), [2.5, 97.5])
    return float(low), float(high)


def summary(rows: pd.DataFrame, resampling: Resampling) -> pd.DataFrame:
    """Means over draws with intervals.

    Args:
        rows: One row per draw of a setting.
        resampling: How intervals are drawn.

    Returns:
        One row per setting.
    """
    columns = [f"order@{name}" for name in KERNELS] + [*ERRORS, "train_error"]
    best = [name for name in ("best_clean_error", "best_robust_error") if name in rows]
    table = []
    for (factor, value), group in rows.groupby(["factor", "value"], sort=False):
        row: dict[str, Any] = {"factor": factor, "value": value, "draws": len(group)}
        for column in columns:
            values = group[column].to_numpy(float)
            row[column] = float(values.mean())
            row[f"{column}_low"], row[f"{column}_high"] = _interval(values, resampling)
        row |= {name: float(group[name].iloc[0]) for name in best}
        table.append(row)
    return pd.DataFrame(table)


def _groups(rows: pd.DataFrame) -> list[tuple[str, pd.DataFrame]]:
    """The networks of each factor, and all of them; the base, part of each factor, counts once."""
    return [*rows.groupby("factor", sort=False), ("all", distinct(rows))]


def distinct(rows: pd.DataFrame) -> pd.DataFrame:
    """Every draw of a network once, though it may stand in the design of several factors.

    Args:
        rows: One row per draw of a setting.
    """
    return rows.drop_duplicates([*NETWORK, "draw"])


def correlation_table(rows: pd.DataFrame, resampling: Resampling) -> pd.DataFrame:
    """Spearman of every term of both kernels with both errors, over the draws of each factor.

    Args:
        rows: One row per draw of a setting.
        resampling: How intervals are drawn.

    Returns:
        One row per factor ("all" for all of them), term, kernel and error.
    """
    table = []
    for factor, group in _groups(rows):
        for term in TERMS:
            for name in KERNELS:
                for error in ERRORS:
                    x, y = group[f"{term}@{name}"], group[error]
                    ends = bootstrap(
                        x, y, resamples=resampling.resamples, seed=resampling.seed
                    ).spearman
                    table.append(
                        {
                            "factor": factor,
                            "term": term,
                            "kernel": name,
                            "error": error,
                            "n": len(group),
                            "spearman": correlations(x, y).spearman,
                            "spearman_low": ends.low,
                            "spearman_high": ends.high,
                        }
                    )
    return pd.DataFrame(table)


def pairing(rows: pd.DataFrame, resampling: Resampling) -> pd.DataFrame:
    """Whether an error follows its own kernel better than the other one, on common resamples.

    Args:
        rows: One row per draw of a setting.
        resampling: How intervals are drawn.

    Returns:
        One row per factor and error.
    """
    kernels = {"clean_error": ("K_all", "K~_all"), "robust_error": ("K~_all", "K_all")}
    table = []
    for factor, group in _groups(rows):
        counts = resample_counts(len(group), resamples=resampling.resamples, seed=resampling.seed)
        for error, names in kernels.items():
            xs = [group[f"order@{name}"].to_numpy() for name in names]
            y = group[error].to_numpy()
            first, second = (replicates(x, y, counts)[0] for x in xs)
            gain = (first - second)[np.isfinite(first - second)]
            low, high = np.percentile(gain, [2.5, 97.5]) if len(gain) else (np.nan, np.nan)
            rhos = [correlations(x, y).spearman for x in xs]
            verdict = "yes" if low > 0 else "no" if high < 0 else "undecided"
            table.append(
                {
                    "factor": factor,
                    "error": error,
                    "own kernel": rhos[0],
                    "other kernel": rhos[1],
                    "difference": rhos[0] - rhos[1],
                    "difference_low": float(low),
                    "difference_high": float(high),
                    "own is better": verdict,
                }
            )
    return pd.DataFrame(table)


def weyl_counts(rows: pd.DataFrame) -> pd.DataFrame:
    """How often Weyl's bound holds, how often it says nothing (<= 0), and how tight it is.

    Args:
        rows: One row per draw of a setting.

    Returns:
        One row per kernel.
    """
    cases = pd.DataFrame([case for cases in rows["weyl"] for case in cases])
    # At beta 0 and 1 the bound is the eigenvalue itself: no case worth counting.
    inner = cases[(cases["beta"] > 0) & (cases["beta"] < 1)]
    table = []
    for name, group in inner.groupby("kernel", sort=False):
        useful = group[group["bound"] > 0]
        table.append(
            {
                "kernel": name,
                "cases": len(group),
                "holds": int(group["holds"].sum()),
                "bound <= 0": len(group) - len(useful),
                "tightness, median": useful["tightness"].median(),
                "quartiles": " to ".join(
                    f"{q:.3f}" for q in useful["tightness"].quantile([0.25, 0.75])
                ),
                "least": useful["tightness"].min(),
            }
        )
    return pd.DataFrame(table)


def points(settings: pd.DataFrame) -> pd.DataFrame:
    """Each error against the order of its own kernel's bound, for the picture.

    Args:
        settings: Means over draws, as `summary` returns them.
    """
    parts = []
    for error, name in zip(ERRORS, KERNELS, strict=True):
        part: dict[str, Any] = {"factor": settings["factor"], "label": settings["value"]}
        part["series"] = f"{error.replace('_', ' ')} against {name}"
        for axis, column in (("x", f"order@{name}"), ("y", error)):
            part |= {axis + end: settings[column + end] for end in ("", "_low", "_high")}
        parts.append(pd.DataFrame(part))
    return pd.concat(parts, ignore_index=True)
