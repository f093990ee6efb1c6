"""Tables of accuracies of one's own: from a frame, from a CSV file, and what is refused."""

import math

import numpy as np
import pandas as pd
import pytest

import ntknas
from ntknas.errors import InputError
from ntknas.truth import ANY_DATASET, load_truth, truth_from_frame


def frame():
    return pd.DataFrame({"clean": [0.7, 0.9, np.nan], "pgd_8": [3, 1, 2]}, index=["a", "c", "b"])


def test_a_frame():
    truth = truth_from_frame(frame())
    assert list(truth.table.columns) == ["architecture", "dataset", "metric", "value"]
    assert truth.table["value"].dtype == np.float64
    assert truth.datasets == (ANY_DATASET,)
    assert truth.representative_of == {"a": "a", "c": "c", "b": "b"}
    assert truth.value("c", "cifar10", "clean") == 0.9
    assert math.isnan(truth.value("b", "cifar10", "clean"))
    with pytest.raises(InputError, match="architecture d is not in the frame"):
        truth.value("d", "cifar10", "clean")
    assert ntknas.truth_from_frame is truth_from_frame


def test_without_data_sets_it_fits_any():
    truth = truth_from_frame(frame(), name="ours", path="here")
    for dataset in ("cifar10", "imagenet16", "moons", ANY_DATASET):
        assert truth.metrics(dataset) == ("clean", "pgd_8")
        assert truth.wide(dataset).index.tolist() == ["a", "b", "c"]
    assert truth.benchmark == "ours"
    assert str(truth.path) == "here"


def test_labels_in_a_column_are_labels_in_the_index():
    expected = truth_from_frame(frame())
    column = frame().reset_index(names="architecture")
    for other in (column, column.set_axis([7, 7, 7]), column[["pgd_8", "architecture", "clean"]]):
        truth = truth_from_frame(other)
        pd.testing.assert_frame_equal(truth.wide("x")[["clean", "pgd_8"]], expected.wide("x"))


def test_data_sets():
    column = pd.DataFrame(
        {
            "architecture": [5, 9, 5],
            "dataset": ["cifar10", "cifar10", "svhn"],
            "clean": [0.5, 0.6, 0.7],
        }
    )
    truth = truth_from_frame(column)
    assert truth.datasets == ("cifar10", "svhn")
    assert truth.value(5, "svhn", "clean") == 0.7
    assert math.isnan(truth.value(9, "svhn", "clean"))
    with pytest.raises(InputError, match="data set of the frame: cifar10, svhn; got 'mnist'"):
        truth.wide("mnist")


def test_the_frame_is_left_alone_and_its_numbers_are_plain():
    given = frame().set_axis(pd.Index([3, 1, 2], dtype=object))
    before = given.copy()
    truth = truth_from_frame(given)
    pd.testing.assert_frame_equal(given, before)
    assert truth.table["architecture"].dtype == np.int64
    assert {type(label) for label in truth.representative_of} == {int}
    assert truth.value(np.int64(1), "x", "clean") == 0.9


def test_summary_and_anomalies_of_labels_that_are_texts():
    truth = truth_from_frame(frame().assign(square=[0.1, 0.1, 0.1], again=[0.2, 1.5, 0.2]))
    summary = truth.summary()
    assert "a table of your own: the frame" in summary
    assert "3 architectures with values; 3 ids known" in summary
    row = next(line for line in summary.splitlines() if line.startswith("any        pgd_8"))
    assert row.split()[2:] == ["3", "3", "1.0000", "2.0000", "3.0000", "a"]
    assert "any clean: not a number: 1, e.g. architecture b" in summary
    assert "any again: outside [0, 1]: 1, e.g. architecture c" in summary
    assert "NAS-Bench-201" not in summary


def numbers(values, index):
    return pd.DataFrame({"clean": values}, index=index)


@pytest.mark.parametrize(
    ("table", "complaint"),
    [
        (pd.DataFrame(), "column per metric in t.csv, got none"),
        (pd.DataFrame({"architecture": [1, 2]}), "column per metric in t.csv, got none"),
        (
            pd.DataFrame({"architecture": [1], "dataset": ["svhn"]}),
            "column per metric in t.csv, got dataset",
        ),
        (frame().iloc[:0], "row per architecture in t.csv, got none"),
        (numbers(["0.5", "high"], [1, 2]), "numbers in column clean of t.csv, got"),
        (numbers([0.5, 0.6], ["a", "a"]), "each architecture once in t.csv, got a more than once"),
        (numbers([0.5, 0.6], ["a", None]), "a label in every row of t.csv, got a row"),
        (numbers([0.5, 0.6], [1.0, np.nan]), "a label in every row of t.csv, got a row"),
        (numbers([0.5, 0.6], [1.5, 2.0]), "all whole numbers or all texts, got float"),
        (numbers([0.5, 0.6], [1, "a"]), "all whole numbers or all texts, got int, str"),
        (
            pd.DataFrame([[0.5, 0.6]], columns=["clean", "clean"]),
            "each metric once in t.csv, got clean more than once",
        ),
        (
            numbers([0.5, 0.6], [1, 1]).assign(dataset="svhn"),
            "each architecture once in t.csv, got 1 more than once",
        ),
    ],
)
def test_refused(table, complaint):
    with pytest.raises(InputError, match=complaint) as caught:
        truth_from_frame(table, path="t.csv")
    assert "\n" not in str(caught.value)


def write(folder, text):
    path = folder / "ours.csv"
    path.write_text(text)
    return path


def test_a_csv_file(tmp_path):
    path = write(tmp_path, "architecture,clean,pgd_8\n17,0.5,0.25\n4,,0.125\n")
    truth = load_truth(path)
    assert (truth.benchmark, truth.path) == ("ours.csv", path)
    assert truth.representative_of == {17: 17, 4: 4}
    assert truth.value(4, "cifar10", "pgd_8") == 0.125
    assert math.isnan(truth.value(4, "cifar10", "clean"))
    pd.testing.assert_frame_equal(load_truth(str(path)).table, truth.table)
    upper = path.rename(tmp_path / "ours.CSV")
    pd.testing.assert_frame_equal(load_truth(upper).table, truth.table)


def test_a_csv_file_of_texts_and_data_sets(tmp_path):
    text = "dataset,architecture,robust\nsvhn,wide net,0.5\nmnist,wide net,0.75\nsvhn,deep,1\n"
    truth = load_truth(write(tmp_path, text))
    assert truth.datasets == ("svhn", "mnist")
    assert truth.value("wide net", "mnist", "robust") == 0.75
    assert truth.value("deep", "svhn", "robust") == 1


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "expected a CSV table in .*ours.csv, got: No columns"),
        ("name,clean\n1,0.5\n", "expected a column architecture in .*ours.csv, got name, clean"),
        ("architecture\n1\n", "column per metric in .*ours.csv"),
        ("architecture,clean\n", "row per architecture in .*ours.csv, got none"),
        ("architecture,clean\n1,0.5\n1,0.6\n", "once in .*ours.csv, got 1 more than once"),
        ("architecture,clean\n1,high\n2,0.6\n", "numbers in column clean of .*ours.csv"),
        ("architecture,clean\n1,0.5\n,0.6\n", "a label in every row of .*ours.csv"),
        ("architecture,clean\n1.5,0.5\n2,0.6\n", "whole numbers or all texts, got float"),
        ("architecture,clean\n1,2\n1,2,3,4\n", "expected a CSV table in .*ours.csv, got: "),
        ('architecture,clean\n"1,2\n', "expected a CSV table in .*ours.csv, got: "),
    ],
)
def test_csv_files_that_are_refused(tmp_path, text, complaint):
    with pytest.raises(InputError, match=complaint) as caught:
        load_truth(write(tmp_path, text))
    assert "\n" not in str(caught.value)


def test_csv_files_that_cannot_be_read(tmp_path):
    with pytest.raises(InputError, match="cannot read .*missing.csv: No such file"):
        load_truth(tmp_path / "missing.csv")
    path = tmp_path / "ours.csv"
    path.write_bytes(b"architecture,clean\n\xff\xfe,0.5\n")
    with pytest.raises(InputError, match="expected a CSV table in .*ours.csv, got: "):
        load_truth(path)
    path.write_text("architecture,clean\n1,0.5\n")
    with pytest.raises(InputError, match="a column seed in .*ours.csv, which has none, got seed 1"):
        load_truth(path, seed=1)


SEEDS = """\
seed,architecture,dataset,clean,robust
0,a,cifar10,0.5,0.1
1,a,cifar10,0.7,0.2
2,a,cifar10,0.9,0.6
2,b,cifar10,0.4,0.3
0,b,cifar10,0.2,0.5
0,c,cifar10,0.1,0.1
1,c,cifar10,0.1,
2,c,cifar10,0.1,inf
1,a,svhn,,0.25
0,a,svhn,,0.75
2,a,svhn,,0.5
"""


def test_the_mean_over_a_column_of_seeds(tmp_path):
    path = write(tmp_path, SEEDS)
    truth = load_truth(path)
    assert truth.datasets == ("cifar10", "svhn")
    assert truth.metrics("cifar10") == ("clean", "robust")
    assert truth.value("a", "cifar10", "clean") == pytest.approx(0.7)
    assert truth.value("b", "cifar10", "clean") == pytest.approx(0.3)
    assert truth.value("c", "cifar10", "robust") == 0.1
    assert truth.value("a", "svhn", "robust") == 0.5
    assert math.isnan(truth.value("a", "svhn", "clean"))
    assert truth.notes == (
        "values are the mean of the seeds",
        "cifar10: 1 of 3 architectures lack seeds (b has 2 of 3)",
        "cifar10 robust: 1 of 3 architectures have seeds without a number beside good ones (c)",
    )
    assert truth.seed_notes == truth.notes[1:]
    assert "note: cifar10: 1 of 3 architectures lack seeds" in truth.summary()
    oracle = pd.read_csv(path).replace(np.inf, np.nan)
    means = oracle[oracle["dataset"] == "cifar10"].groupby("architecture")[["clean", "robust"]]
    pd.testing.assert_frame_equal(
        truth.wide("cifar10"), means.mean(), check_names=False, check_index_type=False
    )


@pytest.mark.parametrize("seed", [1, "1"])
def test_one_seed_of_a_column_of_seeds(tmp_path, seed):
    truth = load_truth(write(tmp_path, SEEDS), seed=seed)
    assert truth.value("a", "cifar10", "clean") == 0.7
    assert math.isnan(truth.value("b", "cifar10", "clean"))
    assert set(truth.representative_of) == {"a", "b", "c"}
    assert truth.notes == (
        "values are seed 1",
        "cifar10 clean: 1 of 3 architectures have no value for seed 1 (b)",
        "cifar10 robust: 2 of 3 architectures have no value for seed 1 (b, c)",
        "svhn clean: 1 of 1 architectures have no value for seed 1 (a)",
    )


def test_seeds_do_not_depend_on_the_order_of_the_rows_or_the_type_of_the_column():
    rows = pd.DataFrame({"architecture": [4, 9, 4, 9], "seed": [0, 0, 1, 1], "m": [1, 2, 3, 6]})
    expected = truth_from_frame(rows).wide("x")
    assert expected["m"].tolist() == [2, 4]
    for other in (rows[::-1], rows.astype({"seed": float}), rows.astype({"seed": str})):
        truth = truth_from_frame(other)
        pd.testing.assert_frame_equal(truth.wide("x"), expected)
        assert truth.seed_notes == ()
        assert truth_from_frame(other, seed=1).wide("x")["m"].tolist() == [3, 6]
    single = truth_from_frame(rows[rows["seed"] == 0])
    assert single.wide("x")["m"].tolist() == [1, 2]
    indexed = truth_from_frame(rows.set_index("architecture"))
    pd.testing.assert_frame_equal(indexed.wide("x"), expected)


def test_notes_list_a_few_architectures_and_leave_out_the_data_set_of_any():
    rows = pd.DataFrame(
        {"architecture": [0, 1, 2, 3, 4, 0], "seed": [0, 0, 0, 0, 0, 1], "m": [0.5] * 6}
    )
    some = "1 has 1 of 2, 2 has 1 of 2, 3 has 1 of 2, ..."
    assert truth_from_frame(rows).seed_notes == (f"m: 4 of 5 architectures lack seeds ({some})",)
    both = truth_from_frame(rows.assign(n=0.25))
    assert both.seed_notes == (f"4 of 5 architectures lack seeds ({some})",)


@pytest.mark.parametrize(
    ("change", "seed", "complaint"),
    [
        ({"seed": [0, 0]}, None, "each architecture and seed once in t.csv, got 1 more than once$"),
        ({"seed": [0, np.nan]}, None, "a seed in every row of t.csv, got a row without one"),
        ({"seed": [0, 1], "dataset": ["svhn", None]}, None, "a data set in every row of t.csv"),
        ({"seed": [0, 1]}, 2, "expected a seed of t.csv: 0, 1; got '2'"),
        ({}, 2, "expected a column seed in t.csv, which has none, got seed 2"),
        ({}, None, "got 1 more than once .a column seed would tell the rows apart"),
    ],
)
def test_seeds_that_are_refused(change, seed, complaint):
    table = pd.DataFrame({"architecture": [1, 1], "clean": [0.5, 0.6]}).assign(**change)
    with pytest.raises(InputError, match=complaint) as caught:
        truth_from_frame(table, path="t.csv", seed=seed)
    assert "\n" not in str(caught.value)


def test_a_metric_may_have_any_name():
    for name in ("value", "metric", "variable"):
        assert truth_from_frame(pd.DataFrame({name: [0.5]}, index=["a"])).metrics("x") == (name,)
