"""Networks that commands read: checkpoints of trainings, PyTorch's files, and what is refused."""

import json

import numpy as np
import pytest

from tests.training.tiny import CHEAP, SKIP, images, train

TEST = images(30, 5)


@pytest.fixture(scope="module")
def trainings(tmp_path_factory):
    """The folder of one training."""
    folder = tmp_path_factory.mktemp("trainings") / "out"
    train(folder, test=TEST)
    return folder


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    file = tmp_path_factory.mktemp("data") / "images.npz"
    held = {"x_test": TEST.pixels, "y_test": TEST.labels}
    np.savez(file, x_train=TEST.pixels, y_train=TEST.labels, **held)
    return file


def place(trainings):
    return trainings / str(CHEAP.id) / "seed_0"


def test_a_checkpoint_has_the_accuracy_of_its_training(ntknas, trainings, archive):
    expected = json.loads((place(trainings) / "result.json").read_text())
    argv = ("attack", "--checkpoint", place(trainings), "--dataset", "imagenet16")
    options = ("--data", archive, "--attack", "fgsm", "--arch", CHEAP.id, "--json")
    for kind in ((), ("--best",)):
        status, out, err = ntknas(*argv, *options, *kind)
        assert status == 0, err
        found = json.loads(out)
        clean, fgsm = found["results"]
        assert clean["n"] == 30
        # There is one epoch, so it is the best and the last.
        assert clean["accuracy"] == pytest.approx(expected["clean"])
        # An image has to be classified correctly without the attack as well.
        assert fgsm["accuracy"] <= expected["fgsm_8"] + 1e-9
        assert found["architecture"] == CHEAP.string
        assert found["normaliser"] == "of the training"
    assert "class 1" in {row["class"] for row in found["classes"]}


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ((), "--checkpoint --torch-weights is required"),
        (("--checkpoint", "x", "--torch-weights", "y"), "not allowed with argument --checkpoint"),
        (("--checkpoint", "no-such"), "expected a checkpoint in no-such/last"),
        (("--checkpoint", "x", "--checkpoint-seed", "1"), "belongs to --torch-weights"),
        (("--torch-weights", "x"), "--torch-weights needs --arch"),
        (("--torch-weights", "x", "--arch", "0", "--best"), "--best belongs to --checkpoint"),
    ],
)
def test_options_that_do_not_go_together(refused, options, complaint):
    assert complaint in refused("attack", *options)


def test_other_folders_and_architectures(refused, trainings):
    complaint = refused("attack", "--checkpoint", trainings)
    assert f"the folder of one training, such as {place(trainings)}" in complaint
    complaint = refused("attack", "--checkpoint", place(trainings), "--arch", SKIP.id)
    assert f"weights of architecture {SKIP.id}" in complaint
    # The embedded sample has other classes.
    complaint = refused("attack", "--checkpoint", place(trainings))
    assert "no imagenet16 train images are embedded" in complaint
