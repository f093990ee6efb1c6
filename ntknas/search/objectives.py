"""What a search maximises: published accuracies, or the places of a ranking. No JAX is needed."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ntknas.errors import InputError
from ntknas.evaluation import Scores, rank
from ntknas.scores import RankSum
from ntknas.spaces import Space
from ntknas.truth import Truth

__all__ = ["ranked_architectures", "stored_score", "true_values"]


def true_values(
    truth: Truth, metrics: str | Sequence[str], *, dataset: str = "cifar10"
) -> Callable[[Sequence[Any]], list[Any]]:
    """An objective that looks accuracies up.

    Args:
        truth: Published accuracies.
        metrics: Metric to maximise, or several metrics for a search of several objectives.
        dataset: Data set of the accuracies.

    Returns:
        A function from architectures to fractions, or to tuples of them. It raises InputError for
        an architecture without an accuracy.

    Raises:
        InputError: If the truth lacks the data set or a metric.
    """
    wide = truth.wide(dataset)
    names = [metrics] if isinstance(metrics, str) else list(metrics)
    if not names:
        raise InputError("expected at least one metric, got none")
    for name in names:
        if name not in wide:
            raise InputError(
                f"expected a metric of {dataset}: {', '.join(wide.columns)}; got {name!r}"
            )
    rows = wide[names].to_numpy(float)
    values = dict(zip(wide.index.tolist(), map(tuple, rows.tolist()), strict=True))

    def objective(architectures: Sequence[Any]) -> list[Any]:
        found = []
        for architecture in architectures:
            value = values.get(truth.representative_of.get(architecture.id))
            if value is None or any(part != part for part in value):
                raise InputError(
                    f"expected an accuracy of architecture {architecture.id}, but {truth.path} has "
                    f"none for {dataset} {', '.join(names)}"
                )
            found.append(value if len(names) > 1 else value[0])
        return found

    return objective


def stored_score(
    scores: Scores, name: str | RankSum = "default", *, space: Space[Any]
) -> Callable[[Sequence[Any]], list[float]]:
    """An objective that looks up where a ranking puts an architecture.

    Args:
        scores: Run, precomputed table, or frame of scores.
        name: Name of a score or a sum of ranks; see `ntknas.rank`.
        space: Space of the architectures.

    Returns:
        A function from architectures to minus their rank; minus infinity for an architecture that
        is not ranked. Constant networks are last.
    """
    ranked = rank(scores, name, space=space.name)
    places: dict[Any, float] = dict(
        zip(ranked["id"].tolist(), (-ranked["rank"]).tolist(), strict=True)
    )

    def objective(architectures: Sequence[Any]) -> list[float]:
        values = [
            places.get(a.id, places.get(space.representative(a).id, np.nan)) for a in architectures
        ]
        return [-np.inf if np.isnan(value) else float(value) for value in values]

    return objective


def ranked_architectures(
    scores: Scores,
    name: str | RankSum = "default",
    *,
    space: Space[Any],
    top: int | None = None,
) -> list[Any]:
    """The architectures of a ranking, best first: a warm start, or the search "ranked".

    Args:
        scores: Run, precomputed table, or frame of scores.
        name: Name of a score or a sum of ranks; see `ntknas.rank`.
        space: Space of the architectures.
        top: Number of best architectures to return; None means all.

    Example:
        >>> from ntknas.runs import load_precomputed
        >>> from ntknas.spaces import NASBENCH201
        >>> cells = ranked_architectures(load_precomputed(), space=NASBENCH201, top=3)
        >>> [cell.is_representative for cell in cells]
        [True, True, True]
    """
    ranked = rank(scores, name, top=top, space=space.name)
    return space.parse(ranked["id"].tolist())
