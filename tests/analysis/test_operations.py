"""Operations by edge: the additive truth gives the effects back, loops give the rest."""

import itertools

import numpy as np
import pandas as pd
import pytest

from ntknas.analysis import cell_truth, operation_effects, operation_shares, operation_swaps
from ntknas.spaces.nasbench201 import EDGES, OPERATIONS, Architecture
from ntknas.spaces.nasbench201.listing import ids, listing
from ntknas.truth import truth_from_frame
from tests.analysis.conftest import GAIN

NAMES = [f"{source}->{target}" for source, target in EDGES]


def at(table, edge, **columns):
    """The one row of an edge."""
    chosen = table["edge"] == NAMES[edge]
    for name, value in columns.items():
        chosen &= table[name] == value
    (row,) = table[chosen].to_dict("records")
    return row


def test_effects_of_an_additive_truth_are_its_gains(additive):
    table = operation_effects(additive)
    assert len(table) == 30
    for edge in range(6):
        for op, name in enumerate(OPERATIONS):
            row = at(table, edge, operation=name)
            assert row["effect"] == pytest.approx(GAIN[op] - GAIN.mean())
            assert row["effect_low"] == pytest.approx(row["effect"], abs=1e-9)
            assert (row["n"], row["comparisons"]) == (3125, 3125)
            assert row["best"] == (name == "nor_conv_3x3")


def test_swaps_of_an_additive_truth(additive):
    table = operation_swaps(additive)
    assert len(table) == 60
    row = at(table, 3, old="nor_conv_3x3", new="avg_pool_3x3")
    assert row["change"] == pytest.approx(GAIN[4] - GAIN[3])
    assert (row["better"], row["worse"], row["n"]) == (0.0, 1.0, 3125)


def test_effects_and_swaps_of_classes_are_those_of_a_loop(by_class):
    edge, old, new = 1, 0, 3
    changes, pairs, deviations = [], set(), []
    number = ids()
    for ops in itertools.product(range(5), repeat=6):
        if ops[edge] != old:
            continue
        five = [number[(*ops[:edge], op, *ops[edge + 1 :])] for op in range(5)]
        values, networks = by_class.values[five], by_class.network[five]
        changes.append(values[new] - values[old])
        pairs.add((networks[old], networks[new]))
        deviations.append(values[new] - values.mean())
    row = at(operation_swaps(by_class), edge, old="none", new="nor_conv_3x3")
    assert row["n"] == len(changes) == 3125
    assert row["comparisons"] == len(pairs) < 3125
    assert row["change"] == pytest.approx(np.mean(changes))
    assert row["better"] == np.mean(np.array(changes) > 0)
    row = at(operation_effects(by_class), edge, operation="nor_conv_3x3")
    assert row["effect"] == pytest.approx(np.mean(deviations))


def test_effects_on_an_edge_add_up_to_nothing(by_class):
    sums = operation_effects(by_class).groupby("edge")["effect"].sum()
    np.testing.assert_allclose(sums, 0, atol=1e-12)


def test_shares_among_the_best(by_class):
    table = operation_shares(by_class, top_fraction=0.02)
    members: dict[int, list[tuple[int, ...]]] = {}
    for index in range(15625):
        members.setdefault(int(by_class.network[index]), []).append(listing()[index])
    best = by_class.top(0.02).tolist()
    assert max(len(members[index]) for index in best) > 1
    for edge, op in ((0, 3), (3, 1), (5, 4)):
        row = at(table, edge, operation=OPERATIONS[op])
        shares = {
            index: np.mean([ops[edge] == op for ops in cells]) for index, cells in members.items()
        }
        assert row["n"] == len(best) == 129
        assert row["share"] == pytest.approx(np.mean([shares[index] for index in best]))
        assert row["share_all"] == pytest.approx(np.mean(list(shares.values())))
        assert row["ratio"] == pytest.approx(row["share"] / row["share_all"])
        assert 0 <= row["share_low"] <= row["share"] <= row["share_high"] <= 1
    np.testing.assert_allclose(table.groupby("edge")["share"].sum(), 1)


def test_a_part_of_the_space():
    """Only cells that differ on the first edge: the others have no comparison."""
    known = [Architecture((op, 3, 3, 1, 2, 3)).id for op in range(5)]
    known += [Architecture((op, 3, 3, 1, 2, 2)).id for op in range(5)]
    values = [0.1, 0.2, 0.3, 0.4, 0.5, 0.2, 0.3, 0.4, 0.5, 0.7]
    truth = truth_from_frame(pd.DataFrame({"robust": values}, index=known))
    cells = cell_truth(truth, "robust")
    table = operation_swaps(cells)
    row = at(table, 0, old="none", new="avg_pool_3x3")
    assert row["n"] >= 2
    assert row["change"] == pytest.approx(0.45)
    table = operation_effects(cells)
    assert at(table, 0, operation="none")["effect"] == pytest.approx(-0.21)
    row = at(table, 1, operation="none")
    assert row["n"] == row["comparisons"] == 0
    assert np.isnan([row["effect"], row["effect_low"], row["best"]]).all()
