"""The folder of trainings: what it accepts, who may write to it, what it tells."""

from dataclasses import replace

import pytest

from ntknas.errors import InputError
from ntknas.training import TrainingFolder, TrainingSettings
from tests.training.tiny import CHEAP, NETWORK, QUICK, images, train


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


def test_a_claim_is_for_one_process_at_a_time(tmp_path):
    settings = TrainingSettings.of(QUICK, NETWORK, images(), images(30, 5))
    folder = TrainingFolder.open(tmp_path, settings)
    with folder.claim(CHEAP, 0) as place, folder.claim(CHEAP, 0) as again:
        assert place == folder.place(CHEAP, 0)
        assert again is None
    with folder.claim(CHEAP, 0) as place:
        assert place is not None
        folder.finish(place, {"architecture": CHEAP.id, "dataset": "x", "seed": 0, "clean": 0.5})
    with folder.claim(CHEAP, 0) as place:
        assert place is None


def test_results_of_an_empty_folder(tmp_path):
    settings = TrainingSettings.of(QUICK, NETWORK, images(), images(30, 5))
    assert TrainingFolder.open(tmp_path, settings).results().empty


def test_metrics_of_all_trainings_by_architecture_and_seed(tmp_path):
    settings = TrainingSettings.of(QUICK, NETWORK, images(), images(30, 5))
    folder = TrainingFolder.open(tmp_path, settings)
    assert folder.metrics().empty
    for seed in (10, 2):
        place = folder.place(CHEAP, seed)
        place.mkdir(parents=True)
        folder.write_history(place, [{"epoch": n, "loss": n + seed} for n in (1, 2)])
    table = folder.metrics()
    name = f"{CHEAP.id}, seed"
    assert table["training"].tolist() == [f"{name} 2"] * 2 + [f"{name} 10"] * 2
    assert table["loss"].tolist() == [3, 4, 11, 12]
    assert list(table) == ["training", "epoch", "loss"]
