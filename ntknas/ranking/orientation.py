"""Scores oriented so that higher is better, with constant networks in last place.

A network whose output does not depend on its input has a singular kernel. Its kernel scores are
undefined, but its place in the ranking is defined: last. Its numbers of parameters and operations
are defined as for any other network, and are not changed.
"""

from collections.abc import Collection, Mapping
from typing import Any, TypeAlias

import numpy as np
import pandas as pd

from ntknas.errors import InputError

__all__ = ["RAW", "Labels", "check_scores", "oriented"]

RAW = ("params", "flops")
"""Scores that are counts and not properties of a kernel; those of constant networks are kept."""

_ROUNDING = 1e-6

Labels: TypeAlias = Collection[Any]
"""Labels of architectures: whole numbers or texts."""


def check_scores(scores: pd.DataFrame) -> None:
    """Raise InputError unless a frame of scores names each architecture and each score once.

    Args:
        scores: Scores, one row per architecture (its label is the index) and one column per score.

    Raises:
        InputError: If the frame is empty, or labels or names are repeated or missing.
    """
    if scores.empty:
        raise InputError(
            "expected scores of at least one architecture, "
            f"got {len(scores)} architectures and {len(scores.columns)} scores"
        )
    kinds = {type(label) for label in scores.index.tolist()}
    if kinds not in ({int}, {str}):
        types = ", ".join(sorted(kind.__name__ for kind in kinds))
        raise InputError(
            "expected labels of architectures as the index of scores, all whole numbers or all "
            f"texts, got {types}"
        )
    for what, labels in (("architecture", scores.index), ("score", scores.columns)):
        if labels.has_duplicates:
            twice = labels[labels.duplicated()][0]
            raise InputError(f"expected each {what} once in scores, got {twice} more than once")


def oriented(
    scores: pd.DataFrame,
    directions: Mapping[str, int],
    name: str,
    *,
    worst: Labels = (),
    raw: Collection[str] = RAW,
) -> "pd.Series[float]":
    """One score as float64, multiplied by its direction so that higher is better.

    If all values are equal up to rounding, which is 1e-6 of the largest, they are made equal: ranks
    of rounding mean nothing.

    Args:
        scores: Scores, one row per architecture (its label is the index) and one column per score.
        directions: Direction of each score, +1 (higher is better) or -1 (lower is better), by name.
        name: Name of a column of `scores`.
        worst: Labels of constant networks. Their score becomes -inf, so that they share the last
            place. Labels that are not in `scores` have no effect.
        raw: Names of scores that `worst` does not change.

    Returns:
        The column times its direction; NaN where an architecture has no score.

    Raises:
        InputError: If the score is unknown, has no direction, or is not numeric.

    Example:
        >>> scores = pd.DataFrame({"cond": [5.0, 2.0, np.nan]}, index=[10, 20, 30])
        >>> oriented(scores, {"cond": -1}, "cond", worst=[30]).tolist()
        [-5.0, -2.0, -inf]
    """
    if name not in scores.columns:
        raise InputError(
            f"unknown score {name!r}; available: {', '.join(map(str, scores.columns))}"
        )
    direction = directions.get(name)
    if direction not in (1, -1):
        raise InputError(
            f"expected a direction of +1 or -1 for score {name!r}, "
            f"got {'none' if direction is None else direction}"
        )
    if not pd.api.types.is_numeric_dtype(scores[name].dtype):
        raise InputError(f"expected numbers in score {name!r}, got {scores[name].dtype}")
    values = _without_rounding(scores[name].astype(np.float64)) * direction
    if name not in raw:
        values[values.index.isin(list(worst))] = -np.inf
    return values


def _without_rounding(values: "pd.Series[float]") -> "pd.Series[float]":
    """The values; if all finite ones are equal up to rounding, they become equal."""
    finite = np.isfinite(values)
    known = values[finite]
    if len(known) and np.ptp(known) <= _ROUNDING * np.abs(known).max():
        return values.mask(finite, known.iloc[0])
    return values
