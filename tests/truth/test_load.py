"""Recognising the format, and saying what a file is that holds no accuracies."""

import json
import time

import pytest

from ntknas.errors import InputError
from ntknas.truth import load_truth


def test_text_and_path_are_both_accepted(tmp_path):
    path = tmp_path / "acc.json"
    path.write_text('acc={"0": [0.5], "": ["cifar10#clean"]};')
    assert load_truth(path).benchmark == load_truth(str(path)).benchmark == "Jung et al. 2023"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (["421211", "132013"], "the list of architectures"),
        ([1, 2], "a list of 2"),
        (3, "a single int"),
        ({}, "an empty object"),
        ({"ids": {}}, "meta.json"),
        ({"cifar10": {"clean": {"accuracy": {}}}}, "one file of the folder of Jung et al."),
        ({"a": 1, "b": 2}, "an object with 2 keys ('a', 'b') and no column labels"),
        ({"0": [0.5]}, "no column labels under ''"),
        ({"cifar10": {"0": 0.5}}, "no column labels under ''"),
    ],
)
def test_other_json_is_named(tmp_path, content, words):
    path = tmp_path / "x.json"
    path.write_text(json.dumps(content))
    with pytest.raises(InputError) as caught:
        load_truth(path)
    message = str(caught.value)
    assert words in message
    assert str(path) in message
    assert "\n" not in message


def test_missing_paths_and_other_folders_are_refused(tmp_path):
    with pytest.raises(InputError, match="No such file"):
        load_truth(tmp_path / "missing.json")
    with pytest.raises(
        InputError, match="expected NAS-RobBench-201_all.json or one of the folders"
    ):
        load_truth(tmp_path)


def test_a_page_has_no_seeds(tmp_path):
    path = tmp_path / "acc.json"
    path.write_text('acc={"0": [0.5], "": ["cifar10#clean"]}')
    with pytest.raises(InputError, match="only NAS-RobBench-201_all.json has seeds"):
        load_truth(path, seed=1)
    (tmp_path / "cifar10").mkdir()
    with pytest.raises(InputError, match="has none, got seed 1"):
        load_truth(tmp_path, seed=1)


def test_the_published_list_is_recognised_as_holding_no_accuracies(data_file):
    with pytest.raises(InputError, match="ops.json"):
        load_truth(data_file("robbench/ops.json"))


def test_a_truncated_copy_of_the_published_table_is_refused(data_file, tmp_path):
    content = data_file("robbench/acc.json").read_bytes()
    path = tmp_path / "acc.json"
    path.write_bytes(content[:400_000])
    with pytest.raises(InputError, match="breaks off in the middle of its JSON after 400000 bytes"):
        load_truth(path)


def test_the_published_table_loads_fast(data_file):
    path = data_file("robbench/NAS-RobBench-201_html.json")
    start = time.process_time()
    load_truth(path)
    assert time.process_time() - start < 3  # 0.3 s; the rest is the tests' type checking
