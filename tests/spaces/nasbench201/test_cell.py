"""Architecture: the names of a cell agree, and bad names are refused in one line."""

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from ntknas.errors import InputError
from ntknas.spaces.nasbench201 import NUM_ARCHITECTURES, OPERATIONS, Architecture

op_codes = st.tuples(*[st.integers(0, 4)] * 6)


@settings(deadline=None)  # the first example lists the space
@given(op_codes)
def test_every_name_leads_back_to_the_cell(ops):
    cell = Architecture(ops)
    assert cell.ops == ops
    assert Architecture.from_string(cell.string) == cell
    assert Architecture.from_string(str(cell)) == cell
    assert Architecture.from_code(cell.code) == cell
    assert Architecture.from_id(cell.id) == cell
    assert hash(Architecture(cell.ops)) == hash(cell)


@settings(deadline=None)  # the first example lists the space
@given(op_codes)
def test_a_representative_is_the_smallest_of_its_class(ops):
    cell = Architecture(ops)
    representative = cell.representative
    assert representative.id <= cell.id
    assert representative.is_representative
    assert representative.representative == representative
    assert cell.is_representative == (cell == representative)
    assert cell.class_size == representative.class_size >= 1
    assert cell.is_constant == representative.is_constant


@pytest.mark.parametrize(
    ("index", "code"), [(0, "421211"), (1000, "132013"), (13714, "333123"), (1651, "000000")]
)
def test_known_ids(index, code):
    assert Architecture.from_id(index).code == code
    assert Architecture.from_code(code).id == index


def test_the_string_is_the_benchmarks():
    assert Architecture.from_code("421211").string == (
        "|avg_pool_3x3~0|+|nor_conv_1x1~0|skip_connect~1|"
        "+|nor_conv_1x1~0|skip_connect~1|skip_connect~2|"
    )


def test_numpy_ids_and_surrounding_space_are_accepted():
    cell = Architecture.from_id(np.int64(7))
    assert cell == Architecture.from_string(f"  {cell.string}\n")
    assert type(cell.ops[0]) is int


# As NASLib defines them: operations by index, and its edges between nodes 1 to 4.
NASLIB_NAMES = ["skip_connect", "none", "nor_conv_3x3", "nor_conv_1x1", "avg_pool_3x3"]
NASLIB_EDGES = [(1, 2), (1, 3), (1, 4), (2, 3), (2, 4), (3, 4)]


@settings(deadline=None)
@given(op_codes)
def test_naslib_names_the_same_operation_on_every_edge(indices):
    on_edge = {edge: NASLIB_NAMES[i] for edge, i in zip(NASLIB_EDGES, indices, strict=True)}
    into = [
        "|".join(f"{on_edge[source, node]}~{source - 1}" for source in range(1, node))
        for node in (2, 3, 4)
    ]
    cell = Architecture.from_naslib(indices)
    assert cell.string == "|" + "|+|".join(into) + "|"
    assert cell.naslib == indices


class Graph:
    """A stand-in for a graph of NASLib."""

    def get_op_indices(self):
        return [4, 3, 3, 0, 0, 0]


def test_naslibs_graphs_and_arrays_are_taken():
    for form in (Graph(), [4, 3, 3, 0, 0, 0], np.array([4, 3, 3, 0, 0, 0])):
        assert Architecture.from_naslib(form).code == "421211"


@pytest.mark.parametrize("bad", [(4, 3), (4, 3, 3, 0, 0, 5), "433000", 5, (1.0,) * 6, (-1,) * 6])
def test_bad_op_indices_are_refused(bad):
    with pytest.raises(InputError, match="6 op indices of NASLib, each 0..4"):
        Architecture.from_naslib(bad)


GOOD = Architecture.from_id(0).string


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Architecture((0, 1, 2)), ["6 op codes", "(0, 1, 2)"]),
        (lambda: Architecture((0, 1, 2, 3, 4, 5)), ["0..4", "5"]),
        (lambda: Architecture((0, 1, 2, 3, 4, -1)), ["0..4", "-1"]),
        (lambda: Architecture.from_id(NUM_ARCHITECTURES), ["0..15624", "15625"]),
        (lambda: Architecture.from_id(-1), ["0..15624", "-1"]),
        (lambda: Architecture.from_code("42121"), ["six op codes", "'42121'"]),
        (lambda: Architecture.from_code("421215"), ["0..4", "'421215'"]),
        (lambda: Architecture.from_string(""), ["form", "''"]),
        (lambda: Architecture.from_string("resnet"), ["form", "'resnet'"]),
        (lambda: Architecture.from_string(GOOD[:-1]), ["form"]),
        (lambda: Architecture.from_string(GOOD.replace("~2", "~1")), ["form"]),
        (lambda: Architecture.from_string(GOOD + "+|none~0|"), ["form"]),
        (
            lambda: Architecture.from_string(GOOD.replace("nor_conv_1x1", "sep_conv_3x3")),
            ["'sep_conv_3x3'", *OPERATIONS],
        ),
    ],
)
def test_bad_names_are_refused(make, words):
    with pytest.raises(InputError) as caught:
        make()
    message = str(caught.value)
    assert "\n" not in message
    assert all(word in message for word in words)
