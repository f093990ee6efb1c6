"""Made-up accuracies of the whole space, and of a part of it."""

import numpy as np
import pandas as pd
import pytest

from ntknas.analysis import cell_truth
from ntknas.spaces.nasbench201 import architectures
from ntknas.truth import truth_from_frame

GAIN = np.array([0.0, 0.01, 0.02, 0.04, -0.01])  # of each operation, on every edge alike


@pytest.fixture(scope="session")
def truth():
    """Accuracies by id: one that is additive in the operations, and one with noise."""
    cells = architectures("every")
    additive = {cell.id: 0.3 + GAIN[list(cell.ops)].sum() for cell in cells}
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"clean": additive})
    frame["robust"] = frame["clean"] + rng.normal(0, 0.01, len(frame))
    return truth_from_frame(frame)


@pytest.fixture(scope="session")
def published():
    """Accuracies of the 6,466 representatives alone, with noise."""
    rng = np.random.default_rng(1)
    cells = architectures("all")
    values = {cell.id: 0.3 + GAIN[list(cell.ops)].sum() + rng.normal(0, 0.01) for cell in cells}
    return truth_from_frame(pd.DataFrame({"clean": values, "robust": values}))


@pytest.fixture(scope="session")
def part(truth):
    """Accuracies of the 625 cells that end in the operations 2 and 3."""
    ids = [cell.id for cell in architectures("every") if cell.ops[4:] == (2, 3)]
    return truth_from_frame(truth.wide("any").loc[sorted(ids)])


@pytest.fixture(scope="session")
def additive(truth):
    return cell_truth(truth, "clean")


@pytest.fixture(scope="session")
def noisy(truth):
    return cell_truth(truth, "robust")


@pytest.fixture(scope="session")
def by_class(published):
    return cell_truth(published, "robust")


@pytest.fixture(scope="session")
def by_part(part):
    return cell_truth(part, "robust")
