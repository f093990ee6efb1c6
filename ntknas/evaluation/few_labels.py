"""Predictors that learn from few accuracies: the honest rival of every training-free ranking.

A random forest or gradient boosting (scikit-learn, extra `search`) learns accuracies from features
of the cell: which operation is on which live edge, counts of the live graph, parameters and FLOPs;
and from scores, if there are any. All cells of a class have the features of its representative.
"""

from collections.abc import Mapping
from functools import cache
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from jaxtyping import Float
from scipy.stats import rankdata

from ntknas.errors import InputError
from ntknas.evaluation.table import Scores, score_table
from ntknas.ranking import bootstrap
from ntknas.registry import Registry
from ntknas.spaces.nasbench201 import (
    EDGES,
    NASBENCH201,
    OPERATIONS,
    Architecture,
    architectures,
    live_edges,
    num_parameters,
)

__all__ = ["MODELS", "Prediction", "cell_features", "fitted", "predict_rest", "spearman"]


def forest(seed: int) -> Any:
    """A random forest of 200 trees; a third of the features is tried at each split."""
    from sklearn.ensemble import RandomForestRegressor

    return RandomForestRegressor(200, max_features=1 / 3, random_state=seed)


def boosting(seed: int) -> Any:
    """Gradient boosting: 300 trees of depth 3, rate 0.05, each on 70% of the labels."""
    from sklearn.ensemble import GradientBoostingRegressor

    return GradientBoostingRegressor(
        n_estimators=300, learning_rate=0.05, max_depth=3, subsample=0.7, random_state=seed
    )


MODELS: Registry[Any] = Registry("model", {"forest": forest, "boosting": boosting})
"""Models by name: functions from a seed to a regressor of scikit-learn."""

_LEAST = 10
_FOLDS = 5


class Prediction(NamedTuple):
    """What a model says about the architectures without a label.

    Attributes:
        ranking: Architectures without a label, best first; columns rank, id, predicted and
            architecture. There is one per class.
        errors: Agreement with the labels in cross-validation, one row for the model and one for
            each baseline; columns predictor, n, spearman with spearman_low and spearman_high, and
            mae (mean absolute error in the unit of the labels; NaN for a baseline).
    """

    ranking: pd.DataFrame
    errors: pd.DataFrame


def cell_features(cells: list[Architecture]) -> Float[np.ndarray, "n f"]:
    """Features of cells: 30 for operations on live edges, counts of the live graph and sizes.

    Args:
        cells: The cells.

    Example:
        >>> cell_features([Architecture.from_id(0), Architecture.from_id(5)]).shape
        (2, 44)
    """
    return np.array([_features(cell.representative) for cell in cells])


@cache
def _features(cell: Architecture) -> tuple[float, ...]:
    """The features of one representative."""
    alive = live_edges(cell)
    operations = [
        float(alive[edge] and cell.ops[edge] == op)
        for edge in range(len(EDGES))
        for op in range(len(OPERATIONS))
    ]
    return (*operations, *map(float, NASBENCH201.counts(cell, {}).values()))


def fitted(model: str, features: np.ndarray, labels: np.ndarray, *, seed: int = 0) -> Any:
    """A model that has learned.

    Args:
        model: Name of a member of `MODELS`.
        features: Features `[n, f]`.
        labels: Accuracies `[n]`.
        seed: Seed of the model.

    Raises:
        InputError: If the model is unknown, or scikit-learn is missing.
    """
    make = MODELS[model]
    try:
        return make(seed).fit(features, labels)
    except ImportError:
        raise InputError(
            f"the model {model} needs scikit-learn: pip install 'ntknas[search]'"
        ) from None


def spearman(x: np.ndarray, y: np.ndarray) -> float:
    """Spearman's correlation; NaN if a variable is constant.

    Args:
        x: First variable, n values.
        y: Second variable, n values.
    """
    if np.ptp(x) == 0 or np.ptp(y) == 0:
        return np.nan
    return float(np.corrcoef(rankdata(x), rankdata(y))[0, 1])


def predict_rest(
    labels: Mapping[Any, float],
    *,
    model: str = "forest",
    scores: Scores | None = None,
    seed: int = 0,
) -> Prediction:
    """Learn from the accuracies of some architectures, and rank all others.

    The error is estimated by cross-validation: the labels are divided into five parts by class, so
    that cells that compute the same are in one part; each part is predicted by a model that learned
    from the other four. The estimate holds for architectures drawn like the labelled ones. Labels
    of the top of a ranking say little about the rest.

    Args:
        labels: Accuracies by architecture (id, string or `Architecture`); higher is better.
        model: Name of a member of `MODELS`.
        scores: Scores of all architectures as further features, such as the precomputed table; None
            means cell features alone.
        seed: Seed of the model, of the parts and of the intervals.

    Raises:
        InputError: If there are fewer than ten labelled classes, a label is not finite, an
            architecture is unknown or lacks scores, or no class is left to rank.
    """
    cells = architectures(list(labels))
    values = np.array(list(labels.values()), float)
    if len(cells) != len(values):
        raise InputError("expected each architecture once among the labels")
    if not np.isfinite(values).all():
        raise InputError(f"expected finite accuracies, got {values[~np.isfinite(values)][0]}")
    classes = np.array([cell.representative.id for cell in cells])
    if len(np.unique(classes)) < _LEAST:
        raise InputError(
            f"expected accuracies of at least {_LEAST} different classes, "
            f"got {len(np.unique(classes))}"
        )
    known = set(classes.tolist())
    rest = [cell for cell in architectures("all") if cell.id not in known]
    if not rest:
        raise InputError("expected architectures without an accuracy to rank, got none")
    features = _with_scores(cells, scores)
    errors = _errors(features, values, classes, model, seed)
    predicted = fitted(model, features, values, seed=seed).predict(_with_scores(rest, scores))
    order = np.argsort(-predicted, kind="stable")
    ranking = pd.DataFrame(
        {
            "rank": np.arange(1, len(rest) + 1),
            "id": [rest[i].id for i in order],
            "predicted": predicted[order],
            "architecture": [rest[i].string for i in order],
        }
    )
    return Prediction(ranking, errors)


def _with_scores(cells: list[Architecture], scores: Scores | None) -> np.ndarray:
    """Cell features and, if there are scores, those of each cell or its representative."""
    features = cell_features(cells)
    if scores is None:
        return features
    frame = score_table(scores, space=NASBENCH201.name).frame
    held = set(frame.index.tolist())
    labels = [cell.id if cell.id in held else cell.representative.id for cell in cells]
    missing = [label for label in labels if label not in held]
    if missing:
        raise InputError(f"expected scores of architecture {missing[0]}, which has none")
    values = np.clip(np.nan_to_num(frame.loc[labels].to_numpy(float), nan=0.0), -1e30, 1e30)
    return np.hstack([features, values])  # trees take any monotone scale


def _errors(
    features: np.ndarray, values: np.ndarray, classes: np.ndarray, model: str, seed: int
) -> pd.DataFrame:
    """The model in cross-validation, beside the number of parameters."""
    unique, place = np.unique(classes, return_inverse=True)
    part = np.random.default_rng(seed).permutation(len(unique))[place] % _FOLDS
    held_out = np.empty(len(values))
    for fold in range(_FOLDS):
        here = part == fold
        learned = fitted(model, features[~here], values[~here], seed=seed)
        held_out[here] = learned.predict(features[here])
    params = np.array([num_parameters(int(index)) for index in classes])
    rows = []
    for name, guess in ((f"{model}, {_FOLDS}-fold cross-validation", held_out), ("params", params)):
        low, high = bootstrap(guess, values, seed=seed).spearman
        rows.append(
            {"predictor": name, "n": len(values), "spearman": spearman(guess, values)}
            | {"spearman_low": low, "spearman_high": high}
            | {"mae": float(np.abs(guess - values).mean()) if guess is held_out else np.nan}
        )
    return pd.DataFrame(rows)
