"""Neighbours: 24, one edge away, and the relation is symmetric."""

from hypothesis import given, settings, strategies as st

from ntknas.spaces.nasbench201 import Architecture, neighbours


@settings(deadline=None)  # the first example lists the space
@given(st.integers(0, 15624))
def test_neighbours_differ_in_exactly_one_edge(index):
    cell = Architecture.from_id(index)
    around = neighbours(cell)
    assert len(set(around)) == len(around) == 24
    for other in around:
        assert sum(a != b for a, b in zip(cell.ops, other.ops, strict=True)) == 1
        assert cell in neighbours(other)
