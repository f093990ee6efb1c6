"""A made-up run of 31 architectures, one of them constant, and accuracies of the whole space."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ntknas.runs import Run
from ntknas.spaces import Architecture, architectures
from ntknas.truth import Truth
from ntknas.truth.table import tidy
from tests.evaluation.made_up import make_run, make_texts

MEMBER = 1651  # all none: constant, represented by 10


@pytest.fixture(scope="session")
def run(tmp_path_factory) -> Run:
    """Random kernels of 30 representatives and `MEMBER`."""
    chosen = [*architectures("random:30"), Architecture.from_id(MEMBER)]
    return make_run(tmp_path_factory.mktemp("evaluation") / "run", chosen)


@pytest.fixture(scope="session")
def texts(tmp_path_factory) -> Run:
    """Random kernels of 12 networks of one's own."""
    return make_texts(tmp_path_factory.mktemp("evaluation") / "texts")


@pytest.fixture(scope="session")
def truth(run) -> Truth:
    """Accuracies of the representatives of all architectures, with float32 noise in a tie."""
    members = {i: Architecture.from_id(i).representative.id for i in range(15625)}
    ids = sorted(set(members.values()))
    rng = np.random.default_rng(1)
    pgd = dict(zip(ids, rng.uniform(0.2, 0.5, len(ids)), strict=True))
    pgd[10] = 0.1
    first, second = run.ids[:2]
    pgd[first], pgd[second] = 0.3, 0.3 + 1e-8
    clean = {i: value + 0.2 for i, value in pgd.items()}
    table = tidy({("cifar10", "clean"): clean, ("cifar10", "pgd_8"): pgd})
    table = pd.concat([table, tidy({("cifar100", "clean"): pgd})], ignore_index=True)
    return Truth("made here", Path("made-here.json"), table, members)
