"""Files of scores of other tools: the forms, what they mean, and every mistake."""

import json

import numpy as np
import pandas as pd
import pytest

from ntknas import load_scores, truth_from_frame
from ntknas.errors import InputError
from ntknas.evaluation import correlate, rank
from ntknas.scores import SCORES, ScoreKind, score_names
from ntknas.spaces import NASBENCH201, Architecture, architectures

CELLS = architectures("random:8")


@pytest.fixture(autouse=True)
def forget():
    """Remove the names that files bring."""
    before = set(SCORES)
    yield
    for name in set(SCORES) - before:
        SCORES.remove(name)


def suite_zero(cells=CELLS, dataset="cifar10"):
    """Content in the form of NAS-Bench-Suite-Zero."""
    return {
        dataset: {
            str(cell.naslib): {
                "id": 100 + i,
                "val_accuracy": 90.0 + i,
                "jacov": {"score": -float(i), "time": 0.1},
                "params": {"score": 0.5 * i, "time": 0.0},
            }
            for i, cell in enumerate(cells)
        }
    }


def write_json(path, content):
    path.write_text(json.dumps(content))
    return path


def test_every_name_of_an_architecture_is_read(tmp_path):
    path = tmp_path / "scores.csv"
    names = [CELLS[0].id, CELLS[1].string, f"code:{CELLS[2].code}", f'"{CELLS[3].naslib}"']
    path.write_text("architecture,jacov\n" + "".join(f"{n},{i}\n" for i, n in enumerate(names)))
    table = load_scores(path)
    assert table.frame["jacov"].to_dict() == {CELLS[i].id: float(i) for i in range(4)}
    assert table.strings[CELLS[3].id] == CELLS[3].string
    assert SCORES["jacov"].kind is ScoreKind.OTHER
    assert score_names(ScoreKind.OTHER) == ("jacov",)


def test_suite_zero(tmp_path):
    table = load_scores(write_json(tmp_path / "zc.json", suite_zero()))
    assert table.dataset == "cifar10"
    assert list(table.frame.columns[:3]) == ["val_accuracy", "jacov", "params"]
    assert rank(table, "jacov")["id"].tolist() == [cell.id for cell in CELLS]
    assert rank(table, "-jacov+params")["id"].tolist() == [cell.id for cell in CELLS][::-1]
    # Its own parameters are kept; counts that it lacks are added.
    assert table.frame.loc[CELLS[2].id, "params"] == 1.0
    assert table.frame.loc[CELLS[2].id, "flops"] == NASBENCH201.counts(CELLS[2], {})["flops"]


def test_data_sets(tmp_path):
    cifar, other = suite_zero(), suite_zero(CELLS[:3], "ImageNet16-120")
    path = write_json(tmp_path / "zc.json", {**other, **cifar})
    assert len(load_scores(path).frame) == 8
    for name in ("imagenet16", "ImageNet16-120"):
        table = load_scores(path, dataset=name)
        assert (len(table.frame), table.dataset) == (3, "imagenet16")
    only = write_json(tmp_path / "only.json", other)
    assert load_scores(only).dataset == "imagenet16"
    with pytest.raises(InputError, match=r"data set of .*only.json: ImageNet16-120; got 'cifar10'"):
        load_scores(only, dataset="cifar10")
    neither = write_json(tmp_path / "two.json", {**other, **suite_zero(dataset="svhn")})
    with pytest.raises(InputError, match="ImageNet16-120, svhn; none chosen"):
        load_scores(neither)
    flat = write_json(tmp_path / "flat.json", cifar["cifar10"])
    assert load_scores(flat, dataset="cifar100").dataset == "cifar100"
    path = tmp_path / "scores.csv"
    path.write_text("architecture,dataset,jacov\n5,cifar10,1\n5,cifar100,2\n")
    assert load_scores(path, dataset="cifar100").frame["jacov"].tolist() == [2.0]


def test_columns_with_our_names_have_our_directions(tmp_path):
    path = tmp_path / "scores.csv"
    path.write_text("architecture,cond@clean,hessian,jacov\n0,3,3,3\n5,1,1,1\n9930,2,,2\n")
    table = load_scores(path)
    assert rank(table, "cond@clean")["id"].tolist() == [5, 9930, 0]
    ranked = rank(table, "hessian")
    assert ranked["id"].tolist()[:2] == [5, 0]
    assert np.isnan(ranked["rank"].astype(float).iloc[2])
    assert rank(table, "jacov")["id"].tolist() == [0, 9930, 5]


def test_they_are_held_against_the_truth(tmp_path):
    path = write_json(tmp_path / "zc.json", suite_zero())
    values = {cell.id: 0.1 * i for i, cell in enumerate(CELLS)}
    truth = truth_from_frame(pd.DataFrame({"robust": values}))
    table = correlate(load_scores(path), truth, names=["jacov", "val_accuracy"], resamples=20)
    found = table.set_index("score")["spearman"].round(6)
    assert found["jacov"] == -1
    assert found["val_accuracy"] == found["params"] == 1
    assert (table["spearman_high"] >= table["spearman_low"]).all()


def test_one_score_is_the_default(tmp_path):
    path = tmp_path / "scores.csv"
    path.write_text("architecture,jacov\n0,1\n5,2\n")
    assert rank(load_scores(path))["id"].tolist() == [5, 0]
    path.write_text("architecture,jacov,nwot\n0,1,1\n5,2,2\n")
    with pytest.raises(InputError, match="expected a score to rank by; there are: jacov, nwot"):
        rank(load_scores(path))
    with pytest.raises(InputError, match="no score synflow here; there are: jacov"):
        rank(load_scores(path), "synflow")


def test_rows_that_agree_are_one_and_constant_networks_are_last(tmp_path):
    path = tmp_path / "scores.csv"
    path.write_text("architecture,jacov\n5,1\n000005,1.0\n10,9\n")
    table = load_scores(path)
    assert rank(table)["id"].tolist() == [5, 10]
    assert Architecture.from_id(10).is_constant


CSV = [
    ("", "expected a CSV table"),
    ("architecture\n5\n", "a column architecture and one column per score"),
    ("cell,jacov\n5,1\n", "got cell, jacov"),
    ("architecture,jacov\n", "one row per architecture"),
    ("architecture,jacov\nbanana,1\n", "as the architectures of .*, got 'banana'"),
    ("architecture,jacov\nall,1\n", "got 'all'"),
    ("architecture,jacov\n15625,1\n", "got '15625'"),
    ("architecture,jacov\n,1\n", "got ''"),
    ('architecture,jacov\n"(4, 3)",1\n', r"got '\(4, 3\)'"),
    ("architecture,jacov\n5,high\n", "numbers in column jacov of .*, got 'high' in line 2"),
    ("architecture,jacov\n5,1\n0,0\n5,2\n", "one jacov per architecture in .*, got 1 and 2 for 5"),
    ("architecture,my score\n5,1\n", "column my score of .*letters, digits and underscores"),
    ("architecture,a-b\n5,1\n", "column a-b of"),
    ("architecture,cond\n5,1\n", "column cond of .*: score cond takes a kernel"),
    ("architecture,jacov@clean\n5,1\n", "column jacov@clean of .*: unknown score"),
]
JSON = [
    ([1], r"expected \{dataset: \{architecture"),
    ({}, r"expected \{dataset: \{architecture"),
    ({"cifar10": {}}, "at 'cifar10'"),
    ({"jacov": {"0": {"jacov": [1]}}}, r"got \[1\]"),
    ({"cifar10": {"0": 1}}, "got 1 for '0'"),
    ({"cifar10": {"0": {"jacov": {"time": 1}, "nwot": "high"}}}, "a number as nwot of 0"),
    ({"cifar10": {"0": {"jacov": [1, 2]}}}, r"a number as jacov of 0 in .*got \[1, 2\]"),
    ({"cifar10": {"0": {"id": 1}}}, "at least one score"),
    (
        {"cifar10": {"0": {"a": 1}, "(4, 3, 3, 0, 0, 0)": {"a": 2}}},
        r"got 1 and 2 for \(4, 3, 3, 0, 0, 0\)",
    ),
]


@pytest.mark.parametrize(("text", "message"), CSV)
def test_bad_tables_are_refused(tmp_path, text, message):
    path = tmp_path / "scores.csv"
    path.write_text(text)
    with pytest.raises(InputError, match=message) as caught:
        load_scores(path)
    assert "\n" not in str(caught.value)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize(("content", "message"), JSON)
def test_bad_json_is_refused(tmp_path, content, message):
    with pytest.raises(InputError, match=message):
        load_scores(write_json(tmp_path / "zc.json", content))


def test_files_that_cannot_be_read(tmp_path):
    for name in ("missing.csv", "missing.json"):
        with pytest.raises(InputError, match="cannot read"):
            load_scores(tmp_path / name)
    path = tmp_path / "web.json"
    path.write_text("<html>quota</html>")
    with pytest.raises(InputError, match="a web page"):
        load_scores(path)
