"""Operations by edge: how often the best cells have them, and what they do to the accuracy.

The space is a full factorial design. The effect of an operation on an edge is therefore read off
pairs of cells that differ on that edge alone, with everything else equal, and averaged over all
settings of the other five edges. Settings that compare the same trained networks count as one
cluster for the intervals (`clustered_mean`). An edge that is dead in a setting has no effect there,
and such settings are part of the mean.
"""

import itertools
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ntknas.analysis.cells import CellTruth, codes
from ntknas.analysis.means import clustered_mean
from ntknas.spaces.nasbench201 import EDGES, OPERATIONS

__all__ = ["operation_effects", "operation_shares", "operation_swaps"]


def _edge_name(edge: int) -> str:
    """The name of an edge, such as 0->1."""
    source, target = EDGES[edge]
    return f"{source}->{target}"


def operation_shares(cells: CellTruth, *, top_fraction: float = 0.1) -> pd.DataFrame:
    """How often each operation is on each edge, among the best trained networks and among all.

    Every trained network counts once. Cells of its class that differ on an edge share its count
    there.

    Args:
        cells: Accuracies.
        top_fraction: Fraction of the trained networks that are the best.

    Returns:
        One row per edge and operation: edge, operation, n (best networks), share with its interval
        share_low, share_high, share_all (among all trained networks), and ratio (share /
        share_all).
    """
    trained = cells.trained
    best = np.isin(trained, cells.top(top_fraction))
    known = cells.network >= 0
    place = np.searchsorted(trained, cells.network[known])
    members = np.bincount(place)
    ops, rows = codes()[known], []
    for edge, op in itertools.product(range(len(EDGES)), range(len(OPERATIONS))):
        has = np.bincount(place, ops[:, edge] == op) / members
        share, of_all = clustered_mean(has[best]), float(has.mean())
        rows.append(
            {"edge": _edge_name(edge), "operation": OPERATIONS[op], "n": share.n}
            | {"share": share.mean, "share_low": max(share.low, 0.0)}
            | {"share_high": min(share.high, 1.0), "share_all": of_all}
            | {"ratio": share.mean / of_all if of_all else np.nan}
        )
    return pd.DataFrame(rows)


def operation_effects(cells: CellTruth) -> pd.DataFrame:
    """The effect of each operation on each edge, against the mean of the five operations there.

    Args:
        cells: Accuracies.

    Returns:
        One row per edge and operation: edge, operation, n (settings of the other edges in which all
        five cells have an accuracy), comparisons (of different trained networks among them), effect
        with its interval effect_low, effect_high, and best (share of the settings in which no other
        operation is better). Where n is 0, effect and best are NaN.
    """
    rows: list[dict[str, Any]] = []
    for edge, values, network in _settings(cells):
        complete = (network >= 0).all(0)
        if not complete.any():
            rows += [
                {"edge": _edge_name(edge), "operation": name, "n": 0, "comparisons": 0}
                | {"effect": np.nan, "effect_low": np.nan, "effect_high": np.nan, "best": np.nan}
                for name in OPERATIONS
            ]
            continue
        deviation = values[:, complete] - values[:, complete].mean(0)
        best = values[:, complete] >= values[:, complete].max(0) - 1e-9
        same = _clusters(network[:, complete])
        for op, name in enumerate(OPERATIONS):
            effect = clustered_mean(deviation[op], same)
            rows.append(
                {"edge": _edge_name(edge), "operation": name}
                | {"n": effect.n, "comparisons": effect.clusters, "effect": effect.mean}
                | {"effect_low": effect.low, "effect_high": effect.high}
                | {"best": float(best[op].mean())}
            )
    return pd.DataFrame(rows)


def operation_swaps(cells: CellTruth) -> pd.DataFrame:
    """What it does to replace one operation by another on one edge, with everything else equal.

    Args:
        cells: Accuracies.

    Returns:
        One row per edge and pair of operations: edge, old, new, n (settings in which both cells
        have an accuracy), comparisons, change with its interval change_low, change_high, and the
        shares of settings in which it is better and worse. Pairs without a setting are left out.
    """
    rows = []
    for edge, values, network in _settings(cells):
        for old, new in itertools.combinations(range(len(OPERATIONS)), 2):
            both = (network[[old, new]] >= 0).all(0)
            if not both.any():
                continue
            gain = values[new, both] - values[old, both]
            change = clustered_mean(gain, _clusters(network[[old, new]][:, both]))
            rows.append(
                {"edge": _edge_name(edge), "old": OPERATIONS[old], "new": OPERATIONS[new]}
                | {"n": change.n, "comparisons": change.clusters, "change": change.mean}
                | {"change_low": change.low, "change_high": change.high}
                | {"better": float((gain > 0).mean()), "worse": float((gain < 0).mean())}
            )
    return pd.DataFrame(rows)


def _settings(cells: CellTruth) -> list[tuple[int, NDArray[np.floating], NDArray[np.intp]]]:
    """For each edge, values and networks `[operation, setting of the other edges]`."""
    by_code = np.lexsort(codes().T[::-1])  # ids in the order of their op codes
    shape = (len(OPERATIONS),) * len(EDGES)
    values, network = cells.values[by_code].reshape(shape), cells.network[by_code].reshape(shape)

    def first(array: NDArray[Any], edge: int) -> NDArray[Any]:
        return np.moveaxis(array, edge, 0).reshape(len(OPERATIONS), -1)

    return [(edge, first(values, edge), first(network, edge)) for edge in range(len(EDGES))]


def _clusters(network: NDArray[np.intp]) -> NDArray[np.intp]:
    """A number for each column, equal where the same networks are compared."""
    return np.unique(network, axis=1, return_inverse=True)[1].reshape(-1)
