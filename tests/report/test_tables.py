"""Frames as text: nothing is cut, nothing is read as markup, and numbers survive."""

import io
import json

import numpy as np
import pandas as pd
import pytest

from ntknas.errors import InputError
from ntknas.report import format_table, markdown, three_decimals, with_interval

FRAME = pd.DataFrame(
    {
        "score": ["cond@robust:8/255", "[bold]x[/] :smile:", "params"],
        "n": [6466, 12, 3],
        "rank": pd.array([1, None, 3], dtype="Int64"),
        "spearman": [0.123456789012345, np.nan, -1e-20],
        "value": [np.inf, 1073466.0, -np.inf],
    }
)


def test_json_round_trip():
    rows = json.loads(format_table(FRAME, format="json"))
    assert rows[0] == {
        "score": "cond@robust:8/255",
        "n": 6466,
        "rank": 1,
        "spearman": 0.123456789012345,
        "value": "Infinity",
    }
    assert type(rows[0]["n"]) is type(rows[0]["rank"]) is int
    assert rows[1]["spearman"] is None
    assert rows[1]["rank"] is None
    assert rows[2]["spearman"] == -1e-20
    assert rows[2]["value"] == "-Infinity"


def test_json_of_mixed_columns_and_no_rows():
    mixed = pd.DataFrame({"a": pd.Series([np.int64(3), np.float32(0.5), "x"], dtype=object)})
    assert json.loads(format_table(mixed, format="json")) == [{"a": 3}, {"a": 0.5}, {"a": "x"}]
    assert format_table(FRAME.iloc[:0], format="json") == "[]"


def test_csv_round_trip():
    text = format_table(FRAME, format="csv")
    found = pd.read_csv(io.StringIO(text), dtype={"rank": "Int64"})
    pd.testing.assert_frame_equal(found, FRAME, rtol=1e-15)
    assert text.splitlines()[2] == "[bold]x[/] :smile:,12,,,1073466.0"


def test_precision():
    assert json.loads(format_table(FRAME, format="json", precision=3))[0]["spearman"] == 0.123
    assert ",0.123," in format_table(FRAME, format="csv", precision=3)
    assert " 0.12346 " in format_table(FRAME, format="table", precision=5)


def test_table():
    lines = format_table(FRAME, format="table").splitlines()
    assert [line.rstrip() for line in lines] == [
        " score              |    n | rank |   spearman |     value",
        "--------------------+------+------+------------+-----------",
        " cond@robust:8/255  | 6466 |    1 |     0.1235 |       inf",
        " [bold]x[/] :smile: |   12 |    - |          - | 1.073e+06",
        " params             |    3 |    3 | -1.000e-20 |      -inf",
    ]


def test_whole_numbers_keep_their_digits():
    frame = pd.DataFrame({"params": [1073466.0, np.nan], "mixed": [1234.0, 0.5]})
    row = format_table(frame, format="table").splitlines()[2].split("|")
    assert [cell.strip() for cell in row] == ["1073466", "1234"]


def test_wide_tables_are_not_cut(monkeypatch):
    monkeypatch.setenv("COLUMNS", "20")
    wide = pd.DataFrame([{f"column {i:03d}": "x" * 50 for i in range(60)}])
    text = format_table(wide, format="table")
    assert all(name in text for name in wide.columns)
    assert text.count("x" * 50) == 60
    assert len(text.splitlines()) == 3


def test_colour_only_on_request(monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert "\x1b" not in format_table(FRAME, format="table")
    assert "\x1b" in format_table(FRAME, format="table", color=True)


def test_table_without_rows():
    assert format_table(FRAME.iloc[:0], format="table").startswith(" score | n | rank")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"format": "xml"}, "table, markdown, latex, csv, json, got 'xml'"),
        ({"format": "csv", "precision": 0}, "got 0"),
    ],
)
def test_refuses(options, message):
    with pytest.raises(InputError, match=message):
        format_table(FRAME, **options)


def test_markdown_holds_every_cell_as_it_is():
    lines = markdown(FRAME[["score", "n", "spearman"]]).splitlines()
    assert lines == [
        "| score | n | spearman |",
        "|---|---|---|",
        "| cond@robust:8/255 | 6466 | 0.123456789012345 |",
        "| [bold]x[/] :smile: | 12 | nan |",
        "| params | 3 | -1e-20 |",
    ]
    assert markdown(FRAME[["score"]].iloc[:0]).splitlines() == ["| score |", "|---|"]


def test_three_decimals():
    assert [three_decimals(v) for v in (0.12345, -0.5, 1.0, -1.0, np.nan)] == [
        *("0.123", "-0.500", "1.000", "-1.000", "-")
    ]


def test_intervals_stand_where_there_are_some():
    frame = pd.DataFrame(
        {"r": [0.5, np.nan, 0.25], "r_low": [0.25, np.nan, np.nan], "r_high": [1.0, np.nan, 1.0]}
    )
    assert with_interval(frame, "r").tolist() == ["0.500 [0.250, 1.000]", "-", "0.250"]
    percent = with_interval(frame, "r", "{:.0%}".format)
    assert percent.tolist()[0] == "50% [25%, 100%]"


def test_latex_escapes_what_it_would_read():
    frame = pd.DataFrame({"a_b": ["50% & {x}", "p|q~1^2"], "n": [1.5, float("nan")]})
    assert format_table(frame, format="latex").splitlines() == [
        r"\begin{tabular}{lr}",
        r"\toprule",
        r"a\_b & n \\",
        r"\midrule",
        r"50\% \& \{x\} & 1.500 \\",
        r"p\textbar{}q\textasciitilde{}1\textasciicircum{}2 & - \\",
        r"\bottomrule",
        r"\end{tabular}",
    ]


def test_markdown_holds_the_cells_of_a_table():
    frame = pd.DataFrame({"cell": ["|a|"], "n": [3]})
    assert format_table(frame, format="markdown") == "| cell | n |\n|---|---|\n| \\|a\\| | 3 |"
