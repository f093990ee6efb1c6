"""Live edges and depth."""

import numpy as np
import pytest

from ntknas.architecture import Architecture, architectures, depth, live_edges


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
