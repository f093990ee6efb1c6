"""`ntknas predict`."""

import csv
import io

import pytest

from ntknas.evaluation import predict_rest
from ntknas.spaces.nasbench201 import architectures, num_parameters

pytest.importorskip("sklearn")

CELLS = architectures("random:30")


@pytest.fixture
def ours(tmp_path):
    """Accuracies of 30 architectures, under their strings."""
    rows = [f"{cell.string},0.5,{num_parameters(cell) / 2e6}" for cell in CELLS]
    path = tmp_path / "ours.csv"
    path.write_text("\n".join(["architecture,clean,robust", *rows, ""]))
    return path


def test_csv_is_the_librarys_ranking(ntknas, ours):
    status, out, err = ntknas("predict", ours, "--format", "csv", "--top", "all", "--seed", "3")
    assert (status, err) == (0, "")
    rows = list(csv.DictReader(io.StringIO(out)))
    labels = {cell.string: num_parameters(cell) / 2e6 for cell in CELLS}
    expected = predict_rest(dict(sorted(labels.items())), seed=3).ranking
    assert len(rows) == len(expected) == 6436
    assert [int(row["id"]) for row in rows] == expected["id"].tolist()
    assert [float(row["predicted"]) for row in rows] == expected["predicted"].tolist()


def test_a_table_says_how_good_it_is(ntknas, ours):
    status, out, err = ntknas("predict", ours, "--model", "boosting", "--top", "3")
    assert status == 0
    assert out.startswith("robust: boosting of 30 accuracies")
    assert "5-fold cross-validation" in out
    assert len(out.splitlines()) == 11
    assert "6436 architectures without an accuracy" in err


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (["--metric", "apgd"], "clean, robust; got 'apgd'"),
        (["--model", "oracle"], "oracle"),
        (["--top", "0"], "--top of at least 1, or all, got 0"),
        (["--seed", "-1"], "--seed of 0 to 4294967295, got -1"),
        (["--seed", "4294967296"], "got 4294967296"),
        (["--precomputed", "--scores", "x.csv"], "got both"),
        (["--scores", "none.csv"], "cannot read none.csv"),
    ],
)
def test_bad_options(refused, ours, options, complaint):
    assert complaint in refused("predict", ours, *options)


def test_too_few_accuracies(refused, tmp_path):
    path = tmp_path / "few.csv"
    path.write_text("architecture,robust\n0,0.1\n5,0.2\n")
    assert "at least 10 different classes, got 2" in refused("predict", path)
