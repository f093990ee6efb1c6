"""`analyse`: every table about one metric of a table of accuracies."""

from typing import NamedTuple

import pandas as pd

from ntknas.analysis.cells import CellTruth, cell_truth
from ntknas.analysis.operations import operation_effects, operation_shares, operation_swaps
from ntknas.analysis.ranks import rank_agreement, rank_shifts
from ntknas.analysis.sizes import by_size
from ntknas.analysis.structures import by_structure
from ntknas.errors import InputError
from ntknas.truth import Truth

__all__ = ["TABLES", "Analysis", "analyse"]

TABLES = {
    "shares": "operations by edge among the best cells",
    "effects": "effect of an operation on an edge, everything else equal",
    "swaps": "effect of replacing one operation by another",
    "sizes": "accuracy at equal number of parameters, and the best cell of each size",
    "structure": "accuracy by degree, depth and other counts of the live graph",
    "ranks": "agreement of the ranks by clean and robust accuracy",
    "shifts": "counts that go with better ranks under attack",
}
"""What each table is about, by name."""


class Analysis(NamedTuple):
    """The tables about one metric.

    Attributes:
        cells: Accuracies of the metric.
        clean: Accuracies that they are compared with; None if they are the same.
        tables: Tables by name, some of `TABLES`; ranks and shifts need `clean`.
    """

    cells: CellTruth
    clean: CellTruth | None
    tables: dict[str, pd.DataFrame]


def analyse(
    truth: Truth,
    metric: str | None = None,
    *,
    dataset: str = "cifar10",
    clean: str | None = None,
    top_fraction: float = 0.1,
    resamples: int | None = None,
    seed: int = 0,
) -> Analysis:
    """What makes a cell of NAS-Bench-201 good by one metric.

    Args:
        truth: Published accuracies, or accuracies of your own by id.
        metric: Metric to explain; None means pgd_8, or pgd, or the last one.
        dataset: Data set of the accuracies.
        clean: Metric to compare ranks with; None means the first one.
        top_fraction: Fraction of the trained networks that are the best.
        resamples: Number of resamples of the intervals of the table ranks; None means 1000, or 200
            for more than 1000 networks. 0 means no such intervals.
        seed: Seed of the resamples.

    Raises:
        InputError: If the table lacks the data set or a metric, or holds too few architectures of
            NAS-Bench-201.
    """
    if not 0 < top_fraction < 1:
        raise InputError(f"expected a top fraction between 0 and 1, got {top_fraction:g}")
    known = [str(name) for name in truth.metrics(dataset)]
    usual = [name for name in ("pgd_8", "pgd") if name in known]
    metric = metric or (usual or known[-1:])[0]
    clean = clean or known[0]
    cells = cell_truth(truth, metric, dataset=dataset)
    compared = None if clean == metric else cell_truth(truth, clean, dataset=dataset)
    tables = {
        "shares": operation_shares(cells, top_fraction=top_fraction),
        "effects": operation_effects(cells),
        "swaps": operation_swaps(cells),
        "sizes": by_size(cells),
        "structure": by_structure(cells, top_fraction=top_fraction),
    }
    if compared is not None:
        tables["ranks"] = rank_agreement(
            compared, cells, top_fraction=top_fraction, resamples=resamples, seed=seed
        )
        tables["shifts"] = rank_shifts(compared, cells)
    return Analysis(cells, compared, tables)
