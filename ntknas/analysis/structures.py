"""Accuracy by degree, depth and other counts of the live graph, with and without equal size.

The live graph holds the edges on paths from the input to the output. Counts are those of the
trained network's cell. Networks whose output does not depend on the input are left out.
"""

from functools import cache

import numpy as np
import pandas as pd

from ntknas.analysis.cells import CellTruth
from ntknas.analysis.means import clustered_mean
from ntknas.analysis.sizes import parameters_of
from ntknas.spaces.nasbench201 import EDGES, OPERATIONS, Architecture, live_paths
from ntknas.spaces.nasbench201.listing import live

__all__ = ["STRUCTURES", "by_structure", "structure_counts"]

STRUCTURES = {
    "depth": "convolutions on the deepest path",
    "longest_path": "edges on the longest path",
    "live_edges": "live edges",
    "into_output": "live edges into the output",
    "out_of_input": "live edges out of the input",
    "into_node_2": "live edges into node 2",
    "paths": "paths from input to output",
    "direct": "operation from input to output",
    "pools": "live poolings",
}
"""What each count counts, by name."""

_POOL = OPERATIONS.index("avg_pool_3x3")
_CONVOLUTIONS = (OPERATIONS.index("nor_conv_1x1"), OPERATIONS.index("nor_conv_3x3"))


@cache
def structure_counts(index: int) -> dict[str, int]:
    """The counts of a cell, by the names of `STRUCTURES`.

    Args:
        index: Id of the cell.

    Example:
        >>> counts = structure_counts(2581)
        >>> counts["depth"], counts["into_output"], counts["out_of_input"], counts["paths"]
        (3, 3, 3, 4)
    """
    cell = Architecture.from_id(index)
    paths = live_paths(cell)
    edges = [
        (op, source, target)
        for op, (source, target), alive in zip(cell.ops, EDGES, live(cell.ops), strict=True)
        if alive
    ]
    convolutions = [sum(op in _CONVOLUTIONS for op in path) for path in paths]
    return {
        "depth": max(convolutions, default=0),
        "longest_path": max(map(len, paths), default=0),
        "live_edges": len(edges),
        "into_output": sum(target == 3 for _, _, target in edges),
        "out_of_input": sum(source == 0 for _, source, _ in edges),
        "into_node_2": sum(target == 2 for _, _, target in edges),
        "paths": len(paths),
        "direct": sum((source, target) == (0, 3) for _, source, target in edges),
        "pools": sum(op == _POOL for op, _, _ in edges),
    }


def by_structure(cells: CellTruth, *, top_fraction: float = 0.1) -> pd.DataFrame:
    """Accuracies of the trained networks by the value of each count.

    Size and depth go together. The columns `excess` take the size out: they are about the accuracy
    of a network less the mean accuracy of the networks with its number of parameters.

    Args:
        cells: Accuracies.
        top_fraction: Fraction of the trained networks that are the best.

    Returns:
        One row per count and value: count, value, n (trained networks), mean with its interval
        mean_low, mean_high, excess with excess_low, excess_high, max, and top (share of these
        networks that are among the best).
    """
    ids = cells.varying
    values, params = cells.values[ids], parameters_of(ids)
    _, same_size = np.unique(params, return_inverse=True)
    of_size = np.bincount(same_size, values) / np.bincount(same_size)
    excess = values - of_size[same_size]
    best = np.isin(ids, cells.top(top_fraction))
    counts = [structure_counts(int(index)) for index in ids]
    rows = []
    for name in STRUCTURES:
        column = np.array([count[name] for count in counts])
        for value in np.unique(column):
            chosen = column == value
            mean, more = clustered_mean(values[chosen]), clustered_mean(excess[chosen])
            rows.append(
                {"count": name, "value": int(value), "n": mean.n}
                | {"mean": mean.mean, "mean_low": mean.low, "mean_high": mean.high}
                | {"excess": more.mean, "excess_low": more.low, "excess_high": more.high}
                | {"max": float(values[chosen].max()), "top": float(best[chosen].mean())}
            )
    return pd.DataFrame(rows)
