"""`ntknas analyse`."""

import csv
import io
import json

import pandas as pd
import pytest

from ntknas.analysis import TABLES, analyse
from ntknas.spaces.nasbench201 import architectures
from ntknas.truth import load_truth


@pytest.fixture(scope="module")
def part(tmp_path_factory):
    """Made-up accuracies of the 125 cells that end in the operations 1, 2 and 3."""
    cells = [cell for cell in architectures("every") if cell.ops[3:] == (1, 2, 3)]
    rows = [f"{c.id},{0.2 + 0.01 * sum(c.ops)},{0.1 + 0.02 * c.ops[0]}" for c in cells]
    path = tmp_path_factory.mktemp("analyse") / "ours.csv"
    path.write_text("\n".join(["architecture,clean,robust", *rows, ""]))
    return path


def test_json_is_the_librarys(ntknas, part):
    status, out, err = ntknas("analyse", "--truth", part, "--format", "json", "--resamples", "50")
    assert (status, err) == (0, "")
    content = json.loads(out)
    assert (content["metric"], content["clean"]) == ("robust", "clean")
    assert list(content["tables"]) == list(TABLES)
    expected = analyse(load_truth(part), "robust", resamples=50).tables
    for name, rows in content["tables"].items():
        found = pd.DataFrame(rows)
        pd.testing.assert_frame_equal(found, expected[name], check_dtype=False)
    only = ntknas("analyse", "--truth", part, "--format", "json", "--table", "sizes")[1]
    assert json.loads(only) == content["tables"]["sizes"]


def test_csv_holds_one_table(ntknas, refused, part):
    out = ntknas("analyse", "--truth", part, "--table", "swaps", "--format", "csv")[1]
    rows = list(csv.DictReader(io.StringIO(out)))
    expected = analyse(load_truth(part), "robust").tables["swaps"]
    assert [float(row["change"]) for row in rows] == expected["change"].tolist()
    assert "--table shares, effects" in refused("analyse", "--truth", part, "--format", "csv")


def test_tables_to_read(ntknas, part):
    status, out, err = ntknas("analyse", "--truth", part)
    assert status == 0
    assert out.startswith("ours.csv, robust: 125 trained networks, 136 cells\n")
    for name in TABLES:
        assert (f"\n{name}: {TABLES[name]}\n" in out) == (name != "swaps")
    assert "+0.0400 [" in out  # 3x3 on the first edge: 0.06 against a mean of 0.04
    assert "--table swaps" in err
    out = ntknas("analyse", "--truth", part, "--table", "swaps")[1]
    assert "change [95%]" in out


def test_everything_in_a_folder(ntknas, part, tmp_path):
    folder = tmp_path / "deep" / "folder"
    status, _, err = ntknas("analyse", "--truth", part, "--out", folder, "--table", "ranks")
    assert status == 0
    assert f"tables and pictures: {folder}" in err
    pictures = {"operations.png", "sizes.png", "structure.png", "ranks.png"}
    assert {path.name for path in folder.iterdir()} == pictures | {f"{name}.csv" for name in TABLES}
    assert len(pd.read_csv(folder / "effects.csv")) == 30


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (["--metric", "apgd"], "clean, robust; got 'apgd'"),
        (["--clean", "apgd"], "got 'apgd'"),
        (["--top-fraction", "2"], "between 0 and 1, got 2"),
        (["--table", "colours"], "got 'colours'"),
        (["--metric", "clean", "--table", "ranks"], "compares two metrics, got clean alone"),
    ],
)
def test_bad_options(refused, part, options, complaint):
    assert complaint in refused("analyse", "--truth", part, *options)


def test_bad_files(refused, part, tmp_path):
    assert "none.json" in refused("analyse", "--truth", "none.json")
    assert "got the file" in refused("analyse", "--truth", part, "--out", part)
    few = tmp_path / "few.csv"
    few.write_text("architecture,robust\n0,0.1\n5,0.2\n")
    assert "at least 10 architectures" in refused("analyse", "--truth", few)
