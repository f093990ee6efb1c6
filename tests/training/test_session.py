"""Several trainings in a folder: what is finished is left, and what is in other hands."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from ntknas.errors import InputError
from ntknas.images import load_images
from ntknas.spaces.nasbench201 import Architecture
from ntknas.training import (
    TrainingFolder,
    TrainingSettings,
    check_truth_table,
    split_images,
    train_architectures,
    write_truth_table,
)
from ntknas.truth import load_truth, recipe_file
from tests.training.tiny import CHEAP, NETWORK, RECIPE, images

QUICK = replace(RECIPE, epochs=1)
SKIP = Architecture.from_code("000100")
METRICS = ["clean", "fgsm_8", "pgd_8"]


def train(out, architectures=(CHEAP,), **options):
    settings = {"recipe": QUICK, "network": NETWORK, "images": images(), "test": images(30, 5)}
    return train_architectures(architectures, out=out, **(settings | options))


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("trainings") / "here"
    train(folder, (CHEAP, SKIP), seeds=(0, 1))
    return folder


def test_results_have_a_row_per_architecture_and_seed(finished):
    results = TrainingFolder(finished).results()
    assert list(results.columns) == ["architecture", "dataset", "seed", *METRICS]
    ids = sorted([CHEAP.id, SKIP.id])
    assert results["architecture"].tolist() == np.repeat(ids, 2).tolist()
    assert results["seed"].tolist() == [0, 1, 0, 1]
    values = results[METRICS].to_numpy()
    assert ((values >= 0) & (values <= 1)).all()
    assert (results["pgd_8"] <= results["clean"]).all()


def test_what_is_finished_is_left(finished):
    calls = []
    again = train(finished, seeds=(0, 1), on_progress=lambda *call: calls.append(call))
    assert not calls
    pd.testing.assert_frame_equal(again, TrainingFolder(finished).results())


def test_what_another_process_trains_is_left(tmp_path):
    settings = TrainingSettings.of(QUICK, NETWORK, images(), images(30, 5))
    folder = TrainingFolder.open(tmp_path, settings)
    with folder.claim(CHEAP, 0) as place:
        assert place == folder.place(CHEAP, 0)
        assert train(tmp_path).empty
    assert len(train(tmp_path)) == 1


def test_progress_names_network_and_phase(tmp_path):
    calls = []
    train(tmp_path, on_progress=lambda *call: calls.append(call))
    assert calls[0] == (f"training {CHEAP.id} seed 0 (1 of 1)", 8, 20)
    assert calls[-1] == (f"testing {CHEAP.id} seed 0 (1 of 1)", 90, 90)


def test_metrics_are_written_as_csv(finished):
    metrics = pd.read_csv(TrainingFolder(finished).place(CHEAP, 1) / "metrics.csv")
    assert metrics["epoch"].tolist() == [1]
    assert {"loss", "train_accuracy", "learning_rate", "images_per_second"} <= set(metrics)


def test_a_folder_of_another_recipe_names_the_differences(finished):
    with pytest.raises(InputError, match=r"recipe.epochs: 1 / 2; recipe.rho: 8/255 / 4/255"):
        train(finished, recipe=replace(QUICK, epochs=2, rho=4 / 255))
    with pytest.raises(InputError, match="test_sha256"):
        train(finished, test=images(30, 6))


def test_folders_that_are_none(tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(InputError, match="expected a folder for trainings"):
        train(tmp_path / "file")
    with pytest.raises(InputError, match="but .* holds file"):
        train(tmp_path)
    with pytest.raises(InputError, match="no trainings in"):
        TrainingFolder(tmp_path)
    (tmp_path / "settings.json").write_text("{}")
    with pytest.raises(InputError, match="expected the settings of a training"):
        TrainingFolder(tmp_path)


def test_labels_that_the_network_has_no_classes_for(tmp_path):
    narrow = replace(NETWORK, classes=1)
    with pytest.raises(InputError, match=r"labels 0..0, the classes of the network, got 1"):
        train(tmp_path / "new", network=narrow)
    assert not (tmp_path / "new").exists()


def test_initial_weights_of_several_architectures(tmp_path):
    with pytest.raises(InputError, match="belong to one architecture, got 2"):
        train(tmp_path / "new", (CHEAP, SKIP), initial={"params": {}})


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


def test_a_truth_table_is_extended(finished, tmp_path):
    file, other = tmp_path / "own.csv", tmp_path / "other"
    write_truth_table(file, TrainingFolder(finished))
    pool = Architecture.from_code("000400")
    train(other, (pool, CHEAP))
    table = write_truth_table(file, TrainingFolder(other))
    assert len(table) == 5
    assert set(table["architecture"]) == {CHEAP.id, SKIP.id, pool.id}


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


def test_parts_of_an_image_set():
    sample = load_images()
    parts = split_images(sample, 100, 50, 30)
    assert [len(part) for part in parts] == [100, 50, 30]
    assert len(np.unique(np.concatenate([part.indices for part in parts]))) == 180
    for part in parts:
        counts = np.bincount(part.labels, minlength=10)
        assert counts.max() - counts.min() <= 1
    np.testing.assert_array_equal(split_images(sample, 100)[0].indices, parts[0].indices)
    (whole,) = split_images(sample, 320)
    np.testing.assert_array_equal(whole.pixels, sample.pixels)
    with pytest.raises(InputError, match=r"1 to 320 images .* got 300 \+ 21"):
        split_images(sample, 300, 21)
