"""Accuracy at equal number of parameters: its spread, and the best cell of each size.

Jung et al. find networks of equal size whose mean robust accuracy lies between 20% and 41%.
Networks whose output does not depend on the input are left out.

References:
    Jung et al., Neural architecture design and robustness: a dataset, ICLR 2023.
"""

import numpy as np
import pandas as pd

from ntknas.analysis.cells import CellTruth
from ntknas.spaces.nasbench201 import Architecture, num_parameters

__all__ = ["by_size", "parameters_of"]


def parameters_of(networks: np.ndarray) -> np.ndarray:
    """The number of parameters of networks, for ten classes.

    Args:
        networks: Ids of the cells.
    """
    return np.array([num_parameters(int(index)) for index in networks])


def by_size(cells: CellTruth) -> pd.DataFrame:
    """The accuracies of the trained networks of each size.

    Args:
        cells: Accuracies.

    Returns:
        One row per number of parameters, ascending: params, n (trained networks), min, quartile_1,
        median, quartile_3, max, spread (max - min), id and architecture of the best, and pareto
        (whether no smaller network is as good).
    """
    networks = cells.varying
    params, values = parameters_of(networks), cells.values[networks]
    rows, before = [], -np.inf
    for size in np.unique(params):
        same = values[params == size]
        ids = networks[params == size]
        low, q1, median, q3, high = np.quantile(same, (0, 0.25, 0.5, 0.75, 1)).tolist()
        best = Architecture.from_id(int(ids[np.argmax(same)]))
        rows.append(
            {"params": int(size), "n": len(same), "min": low, "quartile_1": q1, "median": median}
            | {"quartile_3": q3, "max": high, "spread": high - low}
            | {"id": best.id, "pareto": bool(high > before), "architecture": best.string}
        )
        before = max(before, high)
    return pd.DataFrame(rows)
