"""`CellTruth`: one accuracy of every cell of NAS-Bench-201, in arrays.

All 15,625 cells are a full factorial design of five operations on six edges. A benchmark trains one
network per class of cells that compute the same, so that the cells of a class share its accuracy.
"""

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from jaxtyping import Float, Int
from numpy.typing import NDArray

from ntknas.errors import InputError
from ntknas.spaces.nasbench201.listing import (
    NUM_ARCHITECTURES,
    listing,
    live,
    representatives,
)
from ntknas.truth import ANY_DATASET, Truth

__all__ = ["CellTruth", "cell_truth"]


@dataclass(frozen=True, eq=False)
class CellTruth:
    """One accuracy of every cell.

    Attributes:
        benchmark: Name of the table of accuracies.
        dataset: Data set of the accuracies.
        metric: Metric of the accuracies; higher is better.
        values: Accuracy of each cell by its id; NaN where it is not known.
        network: Id of the trained network whose accuracy it is; -1 where it is not known.
    """

    benchmark: str
    dataset: str
    metric: str
    values: Float[np.ndarray, "15625"] = field(repr=False)
    network: Int[np.ndarray, "15625"] = field(repr=False)

    @property
    def name(self) -> str:
        """Benchmark, data set and metric, for titles."""
        dataset = "" if self.dataset == ANY_DATASET else f"{self.dataset} "
        return f"{self.benchmark}, {dataset}{self.metric}"

    @cached_property
    def trained(self) -> Int[np.ndarray, " n"]:
        """The ids of the trained networks, ascending."""
        return np.unique(self.network[self.network >= 0])

    @cached_property
    def varying(self) -> Int[np.ndarray, " n"]:
        """The ids of the trained networks whose output depends on the input, ascending."""
        return np.array([i for i in self.trained.tolist() if any(live(listing()[i]))], int)

    def top(self, fraction: float) -> Int[np.ndarray, " k"]:
        """The ids of the best trained networks, best first; ties go to the smaller id.

        Args:
            fraction: Fraction of the trained networks; at least one is given.

        Raises:
            InputError: If the fraction is not in (0, 1].
        """
        if not 0 < fraction <= 1:
            raise InputError(f"expected a fraction in (0, 1], got {fraction:g}")
        count = max(1, round(fraction * len(self.trained)))
        order = np.argsort(-self.values[self.trained], kind="stable")
        return self.trained[order[:count]]


def cell_truth(truth: Truth, metric: str, *, dataset: str = "cifar10") -> CellTruth:
    """One accuracy of a table, for every cell.

    Args:
        truth: Published accuracies, or accuracies of your own by id. A cell that the table does not
            know has the accuracy of its class's representative.
        metric: Name of the metric.
        dataset: Name of the data set.

    Raises:
        InputError: If the table lacks the data set or metric, holds no architecture of
            NAS-Bench-201, fewer than ten, or none whose output depends on the input.

    Example:
        >>> import pandas as pd
        >>> from ntknas.truth import truth_from_frame
        >>> ours = truth_from_frame(pd.DataFrame({"robust": 0.4}, index=range(20)))
        >>> len(cell_truth(ours, "robust").trained)
        20
    """
    wide = truth.wide(dataset)
    if metric not in wide:
        raise InputError(
            f"expected a metric of {dataset}: {', '.join(map(str, wide.columns))}; got {metric!r}"
        )
    column = wide[metric].dropna()
    if not all(isinstance(label, int) for label in column.index.tolist()):
        raise InputError(f"expected ids of NAS-Bench-201 in {truth.path}, got {column.index[0]!r}")
    known = dict(zip(column.index.tolist(), column.tolist(), strict=True))
    values = np.full(NUM_ARCHITECTURES, np.nan)
    network = np.full(NUM_ARCHITECTURES, -1)
    for index, of_class in enumerate(representatives()):
        trained = truth.representative_of.get(index, truth.representative_of.get(of_class))
        if trained in known:
            values[index], network[index] = known[trained], trained
    cells = CellTruth(truth.benchmark, dataset, metric, values, network)
    if len(cells.trained) < 10:
        raise InputError(
            f"expected at least 10 architectures of NAS-Bench-201 with {metric} in {truth.path}, "
            f"got {len(cells.trained)}"
        )
    if not len(cells.varying):
        raise InputError(
            f"expected architectures whose output depends on the input in {truth.path}, got none"
        )
    return cells


def codes() -> NDArray[np.intp]:
    """The six op codes of every cell by id, `[15625, 6]`."""
    return np.array(listing())
