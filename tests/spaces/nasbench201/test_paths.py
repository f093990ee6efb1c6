"""Live edges and depth."""

import numpy as np
import pytest

from ntknas.spaces.nasbench201 import (
    EDGES,
    Architecture,
    architectures,
    depth,
    live_edges,
    live_operations,
    live_paths,
    num_parameters,
    structure,
)


def test_depth_equals_the_longest_of_the_four_paths():
    for cell in architectures("every")[::11]:
        lengths = [
            sum(cell.ops[edge] in (2, 3) for edge in path)
            for path in [(3,), (0, 4), (1, 5), (0, 2, 5)]
            if all(cell.ops[edge] for edge in path)
        ]
        assert depth(cell) == max(lengths, default=0)


def test_dead_edges_do_not_reach_the_output():
    """Changing the operation of a dead edge (not from or to none) leaves the live edges alone."""
    rng = np.random.default_rng(0)
    for cell in architectures("random:200"):
        alive = live_edges(cell)
        ops = tuple(
            op if keep or op == 0 else int(rng.integers(1, 5))
            for op, keep in zip(cell.ops, alive, strict=True)
        )
        assert live_edges(Architecture(ops)) == alive
        assert depth(Architecture(ops)) == depth(cell)


@pytest.mark.parametrize(
    ("code", "alive"),
    [
        ("000000", ()),
        ("333000", ()),
        ("000300", (3,)),
        ("100010", (0, 4)),
        ("031003", (1, 5)),
        ("303012", (0, 2, 4, 5)),
        ("444444", (0, 1, 2, 3, 4, 5)),
    ],
)
def test_known_cells(code, alive):
    expected = tuple(edge in alive for edge in range(6))
    assert live_edges(Architecture.from_code(code)) == expected


def test_operations_that_cannot_matter_are_none_and_no_others():
    """What is kept gets to the output, and holds a convolution or is reached from the input."""
    for cell in architectures("every")[::11]:
        kept = Architecture(live_operations(cell))
        assert live_operations(kept) == kept.ops
        assert live_edges(kept) == live_edges(cell)
        ops = zip(cell.ops, kept.ops, live_edges(cell), strict=True)
        assert all(after in (before, 0) for before, after, _ in ops)
        behind = {0: (), 1: (4,), 2: (5,), 3: ()}  # edges by the node that they start from
        behind[1] += (2,)
        for edge, (source, target) in enumerate(EDGES):
            if kept.ops[edge]:
                assert target == 3 or any(kept.ops[e] for e in behind[target])
                filled = any(kept.ops[e] for e, (_, to) in enumerate(EDGES) if to == source)
                assert kept.ops[edge] in (2, 3) or source == 0 or filled


def test_paths_are_the_open_ones_of_the_four():
    for cell in architectures("every")[::7]:
        a, b, c, d, e, f = cell.ops
        four = [(d,), (a, e), (b, f), (a, c, f)]
        expected = sorted(path for path in four if all(path))
        assert sorted(live_paths(cell)) == expected
        assert (len(expected) == 0) == cell.is_constant


def test_structure_of_a_cell_with_everything_in_it():
    # 0 -3x3-> 1, 0 -none-> 2, 1 -pool-> 2, 0 -skip-> 3, 1 -1x1-> 3, 2 -3x3-> 3
    counts = structure(Architecture.from_code("304123"))
    assert counts == {
        "live_params": num_parameters(Architecture.from_code("304123")),
        "convolutions": 3,
        "depth": 2,
        "mean_depth": (0 + 2 + 2) / 3,
        "depth_3x3": 2,
        "plain_depth_3x3": 1,
        "direct": 1,
        "pools": 1,
        "pool_paths": 1,
        "skip_paths": 1,
        "linear_pool_paths": 0,
        "surplus_linear_paths": 0,
    }


def test_paths_without_a_convolution():
    # 0 -skip-> 1, 0 -skip-> 2, 1 -pool-> 2, 0 -pool-> 3, 1 -skip-> 3, 2 -3x3-> 3
    counts = structure(Architecture.from_code("114413"))
    assert counts["skip_paths"] == 1  # 0 - 1 - 3
    assert counts["linear_pool_paths"] == 1  # 0 - 3
    assert counts["surplus_linear_paths"] == 1


def test_dead_edges_do_not_count():
    # Only 0 -1x1-> 3 is alive: node 1 leads nowhere, node 2 has no input.
    counts = structure(Architecture.from_code("300203"))
    assert counts == structure(Architecture.from_code("000200"))
    assert counts["live_params"] == num_parameters(Architecture.from_code("000200"))
    assert (counts["depth"], counts["depth_3x3"], counts["direct"]) == (1, 0, 1)


def test_depth_is_the_same_within_a_class():
    for cell in architectures("random:100"):
        assert structure(cell)["depth"] == structure(cell.representative)["depth"] == depth(cell)


@pytest.mark.parametrize("index", [10, 12, 74, 172, 879])
def test_constant_cells_have_nothing(index):
    counts = structure(Architecture.from_id(index))
    empty = num_parameters(Architecture.from_code("000000"))
    assert counts.pop("live_params") == empty
    assert set(counts.values()) == {0}
