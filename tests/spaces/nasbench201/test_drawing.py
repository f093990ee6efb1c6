"""The drawing names every edge that is there, and says which are dead."""

from ntknas.spaces.nasbench201 import Architecture, architectures, draw, live_edges


def test_the_drawing_shows_the_edges_that_carry_an_operation():
    for cell in architectures("random:50:1"):
        drawing = draw(cell)
        edges = [line for line in drawing.splitlines() if line.startswith("  ")]
        assert len(edges) == sum(op != 0 for op in cell.ops)
        dead = [alive for op, alive in zip(cell.ops, live_edges(cell), strict=True) if op]
        assert ["dead" not in line for line in edges].count(False) == dead.count(False)
        assert str(cell) in drawing
        assert f"architecture {cell.id}:" in drawing
        assert drawing.isascii()


def test_a_constant_cell_says_so():
    drawing = draw(Architecture.from_code("333000"))
    assert "constant: no path joins input and output" in drawing
    assert drawing.count("dead") == 3


def test_a_member_names_its_representative():
    cell = Architecture.from_code("000000")
    assert "class of 225, represented by 10;" in draw(cell)
    assert "class of 225, its representative;" in draw(cell.representative)
    assert "longest live path: 1 convolution\n" in draw(Architecture.from_code("000300"))
