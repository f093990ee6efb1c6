"""Accuracy at equal number of parameters."""

import numpy as np

from ntknas.analysis import by_size
from ntknas.spaces.nasbench201 import Architecture, num_parameters


def test_every_network_has_its_size(by_part):
    table = by_size(by_part)
    assert table["n"].sum() == len(by_part.varying)
    assert table["params"].is_monotonic_increasing
    row = table.iloc[len(table) // 2]
    same = [int(i) for i in by_part.varying if num_parameters(int(i)) == row["params"]]
    values = by_part.values[same]
    assert row["n"] == len(same)
    np.testing.assert_allclose(
        row[["min", "quartile_1", "median", "quartile_3", "max"]].astype(float),
        np.percentile(values, [0, 25, 50, 75, 100]),
    )
    assert row["spread"] == row["max"] - row["min"]
    assert row["id"] == same[int(np.argmax(values))]
    assert row["architecture"] == Architecture.from_id(row["id"]).string


def test_the_front_rises(by_part):
    table = by_size(by_part)
    best = np.maximum.accumulate(table["max"].to_numpy())
    assert table["pareto"].iloc[0]
    np.testing.assert_array_equal(table["pareto"][1:], best[1:] > best[:-1])
