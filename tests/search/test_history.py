"""Histories in CSV files."""

import pytest

from ntknas.errors import InputError
from ntknas.search import append_history, read_history, search
from ntknas.spaces import NASBENCH201, Family
from ntknas.spaces.nasbench201 import num_parameters

SPACE = Family("grid", dict, {"x": range(4), "y": range(4)})


def two(members):
    return [(m.choices["x"] / 3, -m.choices["y"] / 7) for m in members]


def test_a_file_gives_the_history_again(tmp_path):
    path = tmp_path / "history.csv"
    history = search("nsga2", SPACE, two, queries=9)
    append_history(path, history[:4])
    append_history(path, history, stored=4)
    assert read_history(path, SPACE) == history
    assert path.read_text().splitlines()[0] == "query,architecture,value,string,value_2"


def test_a_line_that_was_cut_off_is_left_out(tmp_path):
    path = tmp_path / "history.csv"
    history = search("random", NASBENCH201, lambda c: [num_parameters(x) for x in c], queries=3)
    append_history(path, history)
    path.write_text(path.read_text()[:-4])
    assert read_history(path, NASBENCH201) == history[:2]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "expected the columns"),
        ("a,b\n", "expected the columns"),
        ("query,architecture,value,string\n2,x0_y0,1.0,x\n", "expected query 1 in line 2"),
        ("query,architecture,value,string\n1,x0_y0,high,x\n", "expected query 1 in line 2"),
        ("query,architecture,value,string\n1,x9_y0,1.0,x\n", "expected a label of grid"),
    ],
)
def test_other_files_are_refused(tmp_path, text, message):
    path = tmp_path / "history.csv"
    path.write_text(text)
    with pytest.raises(InputError, match=message):
        read_history(path, SPACE)


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(InputError, match="No such file"):
        read_history(tmp_path / "none.csv", SPACE)
