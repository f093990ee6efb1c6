"""`ntknas train`: from the command line to a truth table, and every input that is refused."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ntknas.attack import AttackSpec
from ntknas.cli.main import main, parse
from ntknas.cli.train import _images, _network, _recipe
from ntknas.network import initial_variables, load_torch_weights, save_torch_weights
from ntknas.spaces.nasbench201 import Architecture
from ntknas.training import Recipe, TrainingFolder, load_checkpoint
from ntknas.truth import recipe_file
from tests.training.tiny import CHEAP, NETWORK, images

TINY = ("--epochs", "1", "--batch-size", "40", "--channels", "4", "--cells", "1", "--steps", "1")


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    """Images of ImageNet16-120's shape, 24 to train and 10 to test with."""
    file = tmp_path_factory.mktemp("data") / "images.npz"
    train, test = images(24, 0), images(10, 1)
    np.savez(
        file,
        x_train=train.pixels,
        y_train=train.labels,
        x_test=test.pixels,
        y_test=test.labels,
    )
    return file


@pytest.fixture(scope="module")
def finished(archive, tmp_path_factory):
    """One training from the command line, with everything that it can write."""
    folder = tmp_path_factory.mktemp("finished")
    command = words(archive, folder / "out", "--validation-images", "4")
    out = ("--truth-out", folder / "own.csv", "--export-torch", folder / "weights.pt")
    assert main([*command, *map(str, out)]) == 0
    return folder, command


def words(archive, out, *options, archs=CHEAP.id):
    data = ("--dataset", "imagenet16", "--data", archive)
    return [str(w) for w in ("train", "--archs", archs, "--out", out, *data, *TINY, *options)]


def recipe_of(*options):
    return _recipe(parse(["ntknas", "train", "--archs", "0", "--out", "x", *options]))


def test_the_default_recipe_is_the_benchmarks():
    assert recipe_of() == Recipe()


def test_options_are_the_recipes():
    recipe = recipe_of(
        *("--epochs=3", "--batch-size=9", "--learning-rate=.2", "--momentum=.8", "--beta=1/2"),
        *("--weight-decay=0.001", "--rho=4/255", "--steps=2", "--step-size=3/255"),
        *("--no-augment", "--no-random-start"),
    )
    attack = AttackSpec(steps=2, step_size=3 / 255, random_start=False)
    assert recipe == Recipe(3, 9, 0.2, 0.8, 0.001, 0.5, 4 / 255, attack, False)


def test_what_is_written(finished):
    folder, _ = finished
    place = TrainingFolder(folder / "out").place(CHEAP, 0)
    assert {"last", "best", "metrics.csv", "metrics.png", "result.json"} <= {
        entry.name for entry in place.iterdir()
    }
    assert "validation_robust" in pd.read_csv(place / "metrics.csv")
    table = pd.read_csv(folder / "own.csv")
    assert list(table) == ["architecture", "dataset", "seed", "clean", "fgsm_8", "pgd_8"]
    assert json.loads(recipe_file(folder / "own.csv").read_text())["train_images"] == 20


def test_exported_weights_are_those_of_the_checkpoint(finished):
    folder, _ = finished
    trained = load_checkpoint(TrainingFolder(folder / "out").place(CHEAP, 0))
    loaded = load_torch_weights(folder / "weights.pt", CHEAP)
    stem = [v["params"]["stem"]["kernel"] for v in (trained.variables, loaded.variables)]
    np.testing.assert_array_equal(*stem)
    np.testing.assert_allclose(loaded.spec.mean, trained.spec.mean, rtol=1e-6)


def test_the_same_command_shows_what_is_finished(finished, capsys):
    folder, command = finished
    assert main([*command, "--json"]) == 0
    (row,) = json.loads(capsys.readouterr().out)
    assert row["architecture"] == CHEAP.id
    assert row["clean"] == pd.read_csv(folder / "own.csv")["clean"].item()


def test_truth_of_a_finished_folder_is_described(finished, capsys):
    folder, _ = finished
    assert main(["truth", str(folder / "own.csv")]) == 0
    assert "trained on 20 images for 1 epochs" in capsys.readouterr().out


def test_smaller_images(archive, tmp_path):
    """The network has their size, and every part of the images is shrunk."""
    options = ("--image-size", "8", "--validation-images", "4")
    args = parse(["ntknas", *words(archive, tmp_path / "out", *options)])
    train, validation, test = parts = _images(args)
    assert validation is not None
    assert [len(part) for part in parts if part] == [20, 4, 10]
    assert {part.pixels.shape[1:] for part in parts if part} == {(8, 8, 3)}
    assert not set(train.indices) & set(validation.indices)
    assert _network(args, [CHEAP], test)[0].image_size == 8


def test_radii_of_the_test(archive, tmp_path, capsys):
    command = words(archive, tmp_path / "out", "--test-rho", "3/255,8/255", "--json")
    assert main(command) == 0
    (row,) = json.loads(capsys.readouterr().out)
    assert list(row)[3:] == ["clean", "fgsm_3", "pgd_3", "fgsm_8", "pgd_8"]


def test_another_recipe_names_the_differences(finished, refused):
    _, command = finished
    assert "recipe.rho: 8/255 / 0.01" in refused(*command, "--rho", "0.01")
    assert "validation_images: 4 / 0" in refused(*command, "--validation-images", "0")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--epochs", "0"), "epochs must be at least 1"),
        (("--rho", "8"), "pixel units such as 8/255"),
        (("--beta", "2"), "beta"),
        (("--seeds", "0"), "--seeds must be at least 1"),
        (("--beta", "0"), "--steps belongs to training with attacks"),
        (("--train-images", "25"), "1 to 24 images"),
        (("--validation-images", "24"), "--validation-images must be 0 to 23"),
        (("--test-images", "11"), "1 to 10 images"),
        (("--seeds", "2", "--export-torch", "w.pt"), "--export-torch belongs to one architecture"),
        (("--export-torch", "no/w.pt"), "lies in no folder"),
        (("--truth-out", "own.txt"), "end in .csv"),
        (("--truth-out", "no/own.csv"), "lies in none"),
        (("--init-torch", "no.pt"), "no checkpoint at no.pt"),
        (("--data", "no.npz"), "no such file"),
        (("--image-size", "5"), "a side that divides 16 pixels, got 5"),
        (("--test-rho", "8/255,8/255"), "expected different radii"),
        (("--test-rho", "8"), "pixel units such as 8/255"),
        (("--channels", "0"), "channels must be at least 1"),
    ],
)
def test_refused(archive, tmp_path, refused, monkeypatch, options, message):
    monkeypatch.chdir(tmp_path)
    assert message in refused(*words(archive, tmp_path / "out", *options))
    assert not list(tmp_path.iterdir())


def test_a_file_in_place_of_the_folder(archive, tmp_path, refused):
    (tmp_path / "out").write_text("mine")
    assert "expected a folder" in refused(*words(archive, tmp_path / "out"))
    assert (tmp_path / "out").read_text() == "mine"


@pytest.fixture
def weights(tmp_path):
    file = tmp_path / "begin.pt"
    variables = initial_variables(NETWORK, 5, CHEAP.ops)
    save_torch_weights(file, variables, NETWORK, CHEAP)
    return file


@pytest.mark.slow
def test_weights_to_begin_with(archive, weights, tmp_path):
    options = ("--init-torch", weights, "--learning-rate", "1e-30", "--weight-decay", "0")
    assert main(words(archive, tmp_path / "out", *options)) == 0
    trained = load_checkpoint(TrainingFolder(tmp_path / "out").place(CHEAP, 0))
    expected = initial_variables(NETWORK, 5, CHEAP.ops)["params"]["stem"]["kernel"]
    np.testing.assert_array_equal(trained.variables["params"]["stem"]["kernel"], expected)


def test_weights_that_do_not_fit(archive, weights, tmp_path, refused):
    out, begin = tmp_path / "out", ("--init-torch", weights)
    other = Architecture.from_code("000300").id
    assert "expected shape (4, 4, 3, 3)" in refused(*words(archive, out, *begin, archs=other))
    assert "belongs to one architecture" in refused(*words(archive, out, *begin, archs="0,1"))
    assert "--channels 8 does not fit" in refused(*words(archive, out, *begin, "--channels", "8"))
    embedded = ("train", "--archs", str(CHEAP.id), "--out", str(out), *map(str, begin))
    assert "cifar10 has 10 classes" in refused(*embedded)
    assert not out.exists()


@pytest.mark.slow
def test_a_loss_that_is_not_finite_is_one_line(archive, tmp_path, capsys):
    options = ("--learning-rate", "1e30", "--epochs", "3", "--batch-size", "8")
    assert main(words(archive, tmp_path / "out", *options)) == 1
    last = capsys.readouterr().err.strip().splitlines()[-1]
    assert last.startswith("ntknas: error: Diverged:")
    assert "step" in last
    assert "in epoch" in last


@pytest.mark.slow
def test_ctrl_c_and_again(archive, tmp_path):
    """Stopped by Ctrl-C, the program ends at once; the same command then finishes."""
    command = words(archive, tmp_path / "out", "--epochs", "80", "--batch-size", "8")
    program = [sys.executable, "-m", "ntknas.cli.main", *command]
    with subprocess.Popen(
        program, stderr=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2]
    ) as process:
        assert process.stderr
        for line in process.stderr:
            if "images, " in line:  # the first line with a rate
                process.send_signal(signal.SIGINT)
                break
        rest = process.stderr.read()
    assert process.returncode == 130
    assert "the same command goes on from them" in rest
    assert main(command) == 0
    assert len(TrainingFolder(tmp_path / "out").results()) == 1
