"""Means over several draws of a theory experiment, with intervals."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy import stats

from ntknas.errors import InputError
from ntknas.theory.experiment import TheoryResult

__all__ = ["summarise_theory"]

_KEYS = ("width", "kernel", "beta")
_NO_MEANS = ("jitter", "weyl_holds")


def summarise_theory(results: Sequence[TheoryResult]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The rows of several draws of images and weights as means with 95% intervals.

    The interval of a mean is Student's, over the draws. With one draw there is none (NaN).

    Args:
        results: Results of the same settings with different seeds.

    Returns:
        Kernels, with one row per width, kernel and beta, and errors, with one row per width and
        beta. Each value has two more columns, of its name followed by _low and _high. The column
        weyl_holds says whether Weyl's bound holds in every draw, and jitter is the largest one.

    Raises:
        InputError: If there are no results.
    """
    if not results:
        raise InputError("expected at least one result, got none")
    kernels, errors = (
        pd.DataFrame([row for result in results for row in getattr(result, name)])
        for name in ("kernels", "errors")
    )
    summary = _means(kernels)
    together = kernels.groupby(list(_KEYS), sort=False)
    summary["jitter"] = together["jitter"].max().to_numpy()
    summary["weyl_holds"] = together["weyl_holds"].all().to_numpy()
    return summary, _means(errors)


def _means(rows: pd.DataFrame) -> pd.DataFrame:
    """Means of all values over the rows with the same keys, with the ends of their intervals."""
    keys = [key for key in _KEYS if key in rows]
    if not keys:
        return rows
    found = []
    for of_keys, part in rows.groupby(keys, sort=False):
        row = dict(zip(keys, of_keys, strict=True))
        for name in rows.columns.drop([*keys, *_NO_MEANS], errors="ignore"):
            values = part[name].to_numpy(float)
            row |= {name: values.mean(), f"{name}_low": np.nan, f"{name}_high": np.nan}
            if len(values) > 1:
                reach = stats.t.ppf(0.975, len(values) - 1) * stats.sem(values)
                row |= {f"{name}_low": row[name] - reach, f"{name}_high": row[name] + reach}
        found.append(row)
    return pd.DataFrame(found)
