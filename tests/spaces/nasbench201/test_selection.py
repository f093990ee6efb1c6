"""Selections: every form a user may type, and every mistake."""

import numpy as np
import pytest

from ntknas.errors import InputError
from ntknas.spaces.nasbench201 import (
    NASBENCH201,
    Architecture,
    architecture_of,
    architectures,
    depth,
    draw,
    flops,
    live_edges,
    live_operations,
    live_paths,
    neighbours,
    num_parameters,
    structure,
)

STRING = "|nor_conv_3x3~0|+|none~0|nor_conv_1x1~1|+|skip_connect~0|none~1|avg_pool_3x3~2|"


def chosen(spec):
    return [cell.id for cell in architectures(spec)]


def test_all_and_every():
    everything = chosen("every")
    representatives = architectures("all")
    assert everything == list(range(15625))
    assert len(representatives) == 6466
    assert all(cell.is_representative for cell in representatives)
    assert [cell.id for cell in representatives] == sorted({cell.id for cell in representatives})


def test_random_draws_distinct_representatives_and_is_reproducible():
    draw = architectures("random:300")
    assert len(set(draw)) == 300
    assert all(cell.is_representative for cell in draw)
    assert draw == architectures("random:300:0") != architectures("random:300:1")
    assert draw[:20] == architectures("random:20")
    assert sorted(chosen("random:6466:5")) == chosen("all")


def test_random_is_numpys_permutation():
    pool = chosen("all")
    order = np.random.default_rng(11).permutation(6466)[:4]
    assert chosen("random:4:11") == [pool[i] for i in order]


def test_ids_strings_and_codes():
    cell = Architecture.from_string(STRING)
    assert chosen("0,5,9930") == chosen(" 9930 , 5,0")[::-1] == [0, 5, 9930]
    assert chosen("17") == chosen(17) == chosen(np.int32(17)) == chosen("0017") == [17]
    assert architectures(STRING) == architectures(cell) == [cell]
    assert architectures(f"code:{cell.code}") == [cell]
    assert architectures(f"3, {STRING}, code:421211") == [
        Architecture.from_id(3),
        cell,
        Architecture.from_id(0),
    ]


def test_op_indices_of_naslib_stand_in_brackets():
    first = Architecture.from_id(0)
    assert first.naslib == (4, 3, 3, 0, 0, 0)
    for text in ("(4, 3, 3, 0, 0, 0)", "[4,3,3,0,0,0]", " ( 4,3 ,3, 0,0,0 ) "):
        assert architectures(text) == [first]
    assert chosen("5, (4, 3, 3, 0, 0, 0) [4, 3, 3, 0, 0, 0],9930") == [5, 0, 9930]
    assert chosen((4, 3, 3, 0, 0, 0)) == [4, 3, 0]  # integers are ids


def test_iterables_mix_forms_and_drop_duplicates():
    assert chosen([5, "5", np.int64(7), "0,7", Architecture.from_id(2), [1, (5, 9)]]) == [
        5,
        7,
        0,
        2,
        1,
        9,
    ]
    assert chosen(np.array([4, 4, 3])) == [4, 3]
    assert chosen(range(3)) == [0, 1, 2]


def test_ids_are_not_replaced_by_their_representative():
    assert chosen("1651,10") == [1651, 10]


def test_a_file_has_one_a_line(tmp_path):
    path = tmp_path / "list.txt"
    lines = ("# best", "", "9930", f"{STRING}   # a string", " 9930 ", "(4, 3, 3, 0, 0, 0),")
    path.write_text("\n".join(lines) + "\r\n")
    assert chosen(f"@{path}") == [9930, Architecture.from_string(STRING).id, 0]


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ("", ["expected all", "''"]),
        ("best", ["expected all", "'best'"]),
        ("0,,5", ["expected all", "''"]),
        ("15625", ["0..15624", "15625"]),
        ("-1", ["0..15624", "-1"]),
        (-1, ["0..15624", "-1"]),
        ("1.5", ["'1.5'"]),
        ("421211", ["0..15624", "code:421211"]),
        ("(4, 3, 3, 0, 0)", ["6 op indices of NASLib", "[4, 3, 3, 0, 0]"]),
        ("(4, 3, 3, 0, 0, 9)", ["each 0..4"]),
        ("(4, 3, 3, 0, 0, 0", ["6 op indices of NASLib"]),
        ("(a, b)", ["6 op indices of NASLib", "'(a, b)'"]),
        ("code:421219", ["0..4", "'421219'"]),
        ("|none~0|", ["form", "'|none~0|'"]),
        (STRING.replace("none", "zero"), ["unknown operation 'zero'", "avg_pool_3x3"]),
        ("random:0", ["1..6466", "'random:0'"]),
        ("random:9999", ["1..6466", "'random:9999'"]),
        ("random:", ["random:COUNT:SEED", "'random:'"]),
        ("random:3:-1", ["random:COUNT:SEED"]),
        ("random:3:x", ["random:COUNT:SEED"]),
        ("random:3:1:2", ["random:COUNT:SEED"]),
        ([], ["empty"]),
        ([1, 2.0], ["2.0", "float"]),
        ([None], ["None"]),
        ([True], ["True"]),
    ],
)
def test_bad_specs_are_refused_in_one_line(spec, words):
    with pytest.raises(InputError) as caught:
        architectures(spec)
    message = str(caught.value)
    assert "\n" not in message
    assert all(word in message for word in words)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", ["expected one architecture per line", "none"]),
        (b"# nothing\n\n", ["expected one architecture per line", "none"]),
        (b"5\n\nall\n", ["line 3", "'all'"]),
        (b"5\n99999\n", ["line 2", "0..15624"]),
        (b"\xff\xfe\x00", ["not a text file"]),
    ],
)
def test_bad_files_are_refused_by_name(tmp_path, content, words):
    path = tmp_path / "list.txt"
    path.write_bytes(content)
    with pytest.raises(InputError) as caught:
        architectures(f"@{path}")
    message = str(caught.value)
    assert "\n" not in message
    assert str(path) in message
    assert all(word in message for word in words)


def test_missing_files_and_folders_are_refused(tmp_path):
    with pytest.raises(InputError, match="No such file"):
        architectures(f"@{tmp_path / 'missing.txt'}")
    with pytest.raises(InputError, match="directory"):
        architectures(f"@{tmp_path}")


def test_lists_as_neighbours_write_them(tmp_path):
    """One line separated by spaces, as the benchmark's list of ids, and ids of six digits."""
    expected = [Architecture.from_id(index) for index in (0, 13, 9930)]
    for text in ("0 13 9930", "0, 13,9930", "000000 000013\t009930", "0 13\n9930 # the last\n\n"):
        (tmp_path / "ids").write_text(text)
        assert architectures(f"@{tmp_path / 'ids'}") == expected
    assert architectures("0 000013 9930") == expected
    (tmp_path / "ids").write_text("0, 13,\n9930,\n")
    assert architectures(f"@{tmp_path / 'ids'}") == expected


def test_one_architecture():
    cell = Architecture.from_id(13)
    for spec in (cell, 13, "13", "000013", cell.string, f"code:{cell.code}"):
        assert architecture_of(spec) == cell
    for several in ("0,5", "all", [1, 2]):
        with pytest.raises(InputError, match="expected one architecture, got"):
            architecture_of(several)


@pytest.mark.parametrize(
    "function",
    [
        *(num_parameters, flops, depth, structure, live_edges, live_operations, live_paths, draw),
        neighbours,
    ],
)
def test_functions_of_an_architecture_take_its_id_and_string(function):
    cell = Architecture.from_id(2581)
    assert function(2581) == function(cell.string) == function(cell)
    with pytest.raises(InputError, match="expected all"):
        function("banana")


def test_counts_of_the_graph_are_those_of_the_class():
    """They differ within a class, as those of 0 and 3599, which compute the same function."""
    assert structure(0) != structure(Architecture.from_id(3599))
    for cell in architectures("every")[::37]:
        ours, theirs = (NASBENCH201.counts(one, {}) for one in (cell, cell.representative))
        sizes = ("params", "flops")
        assert {k: v for k, v in ours.items() if k not in sizes} == {
            k: v for k, v in theirs.items() if k not in sizes
        }
