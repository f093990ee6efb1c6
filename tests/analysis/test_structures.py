"""Accuracy by counts of the live graph."""

import numpy as np
import pytest

from ntknas.analysis import STRUCTURES, by_structure
from ntknas.analysis.structures import structure_counts
from ntknas.spaces.nasbench201 import Architecture, live_paths, num_parameters


@pytest.mark.parametrize("index", [0, 5, 10, 1000, 1651, 2581, 13714])
def test_counts_are_those_of_the_paths(index):
    """An edge is live if it is on a path."""
    paths = []
    ops = Architecture.from_id(index).ops
    edges = {(0, 1): 0, (0, 2): 1, (1, 2): 2, (0, 3): 3, (1, 3): 4, (2, 3): 5}
    for route in ((0, 3), (0, 1, 3), (0, 2, 3), (0, 1, 2, 3)):
        steps = list(zip(route, route[1:], strict=False))
        if all(ops[edges[step]] for step in steps):
            paths.append(steps)
    live = {step for path in paths for step in path}
    counts = structure_counts(index)
    assert set(counts) == set(STRUCTURES)
    assert counts["paths"] == len(paths) == len(live_paths(index))
    assert counts["live_edges"] == len(live)
    assert counts["into_output"] == sum(target == 3 for _, target in live)
    assert counts["out_of_input"] == sum(source == 0 for source, _ in live)
    assert counts["into_node_2"] == sum(target == 2 for _, target in live)
    assert counts["longest_path"] == max(map(len, paths), default=0)
    assert counts["direct"] == ((0, 3) in live)
    assert counts["pools"] == sum(ops[edges[step]] == 4 for step in live)
    convolutions = [sum(ops[edges[step]] in (2, 3) for step in path) for path in paths]
    assert counts["depth"] == max(convolutions, default=0)


def test_means_by_count_and_at_equal_size(by_part):
    table = by_structure(by_part, top_fraction=0.1)
    assert (table.groupby("count")["n"].sum() == len(by_part.varying)).all()
    ids = by_part.varying
    values = by_part.values[ids]
    params = np.array([num_parameters(int(i)) for i in ids])
    excess = values.copy()
    for size in np.unique(params):
        excess[params == size] -= values[params == size].mean()
    chosen = np.array([structure_counts(int(i))["pools"] == 2 for i in ids])
    row = table[(table["count"] == "pools") & (table["value"] == 2)].iloc[0]
    assert row["n"] == chosen.sum()
    assert row["mean"] == pytest.approx(values[chosen].mean())
    assert row["excess"] == pytest.approx(excess[chosen].mean())
    assert row["max"] == values[chosen].max()
    best = np.isin(ids, by_part.top(0.1))
    assert row["top"] == pytest.approx(best[chosen].mean())
    assert row["mean_low"] < row["mean"] < row["mean_high"]
