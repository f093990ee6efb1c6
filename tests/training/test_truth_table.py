"""Truth tables from trainings: read like any other, extended, and refused."""

import json
from dataclasses import replace

import pytest

from ntknas.errors import InputError
from ntknas.spaces.nasbench201 import Architecture
from ntknas.training import (
    TrainingFolder,
    TrainingSettings,
    check_truth_table,
    write_truth_table,
)
from ntknas.truth import load_truth, recipe_file
from tests.training.tiny import CHEAP, NETWORK, QUICK, SKIP, images, train


def test_a_truth_table_is_read_like_any_other(finished, tmp_path):
    file = tmp_path / "own.csv"
    table = write_truth_table(file, TrainingFolder(finished))
    truth = load_truth(file)
    values = table[table["architecture"] == CHEAP.id]["clean"]
    assert truth.value(CHEAP.id, "imagenet16", "clean") == pytest.approx(values.mean())
    assert load_truth(file, seed=1).value(CHEAP.id, "imagenet16", "clean") == values.iloc[1]
    assert "trained on 20 images for 1 epochs, beta 1, rho 8/255" in " ".join(truth.notes)
    recipe = json.loads(recipe_file(file).read_text())
    assert recipe["recipe"] == json.loads(QUICK.to_json())


@pytest.mark.slow
def test_a_truth_table_is_extended(finished, tmp_path):
    file, other = tmp_path / "own.csv", tmp_path / "other"
    write_truth_table(file, TrainingFolder(finished))
    pool = Architecture.from_code("000400")
    train(other, (pool, CHEAP))
    table = write_truth_table(file, TrainingFolder(other))
    assert len(table) == 5
    assert set(table["architecture"]) == {CHEAP.id, SKIP.id, pool.id}


def test_a_folder_that_may_not_be_written(finished, tmp_path, monkeypatch):
    monkeypatch.setattr("os.access", lambda path, mode: False)  # root may write everything
    with pytest.raises(InputError, match="no permission to make files in"):
        check_truth_table(tmp_path / "own.csv", TrainingFolder(finished).settings)


def test_truth_tables_that_cannot_be_extended(finished, tmp_path):
    settings = TrainingFolder(finished).settings
    file = tmp_path / "own.csv"
    assert check_truth_table(file, settings) is None
    with pytest.raises(InputError, match=r"end in .csv"):
        check_truth_table(tmp_path / "own.json", settings)
    with pytest.raises(InputError, match="a folder or lies in none"):
        check_truth_table(tmp_path / "no" / "own.csv", settings)
    file.write_text("architecture,clean\n1,0.5\n")
    with pytest.raises(InputError, match="has no recipe"):
        check_truth_table(file, settings)
    changed = replace(settings, recipe=replace(QUICK, beta=0.0))
    recipe_file(file).write_text(changed.to_json())
    with pytest.raises(InputError, match=r"recipe.beta: 0 / 1"):
        check_truth_table(file, settings)
    recipe_file(file).write_text(settings.to_json())
    with pytest.raises(InputError, match="expected the columns architecture, dataset, seed"):
        check_truth_table(file, settings)


def test_no_training_has_ended(tmp_path):
    settings = TrainingSettings.of(QUICK, NETWORK, images(), images(30, 5))
    folder = TrainingFolder.open(tmp_path / "new", settings)
    with pytest.raises(InputError, match="trainings that have ended"):
        write_truth_table(tmp_path / "own.csv", folder)
    assert not (tmp_path / "own.csv").exists()
