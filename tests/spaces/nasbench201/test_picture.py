"""The drawing of a cell as SVG: which edges it has, and that it fits its frame."""

import re
from xml.etree import ElementTree

import pytest

from ntknas.spaces.nasbench201 import Architecture, cell_svg, live_edges

SVG = "{http://www.w3.org/2000/svg}"


@pytest.mark.parametrize("code", ["421211", "303401", "000000", "333333", "003003"])
def test_an_edge_per_operation_and_dead_ones_dashed(code):
    cell = Architecture.from_code(code)
    root = ElementTree.fromstring(cell_svg(cell))
    paths = root.findall(f"{SVG}path")
    assert len(paths) == sum(op != "0" for op in code)
    dashed = [path for path in paths if "stroke-dasharray" in path.attrib]
    assert len(paths) - len(dashed) == sum(live_edges(cell))


def test_it_has_a_name_for_those_who_do_not_see_it():
    root = ElementTree.fromstring(cell_svg(9930))
    title = root.find(f"{SVG}title")
    assert title is not None
    assert title.text == root.attrib["aria-label"]
    assert title.text == f"architecture 9930: {Architecture.from_id(9930)}"
    assert root.attrib["role"] == "img"


def test_everything_lies_in_the_frame():
    root = ElementTree.fromstring(cell_svg("code:333333", width=100))
    width, height = map(float, root.attrib["viewBox"].split()[2:])
    for text in root.findall(f"{SVG}text"):
        assert 0 < float(text.attrib["x"]) < width
        assert 5 < float(text.attrib["y"]) < height
    for path in root.findall(f"{SVG}path"):
        x0, y0, _, control, x1, y1 = map(float, re.findall(r"-?[\d.]+", path.attrib["d"]))
        assert 0 < x0 < x1 < width
        assert 0 < (y0 + control) / 2 < height  # the top of the curve
        assert y0 == y1
