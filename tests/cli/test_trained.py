"""Networks that commands read: checkpoints of trainings, PyTorch's files, and what is refused."""

import json
from dataclasses import asdict, replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ntknas.images import corrupt
from ntknas.network import Network, initial_variables
from ntknas.training import Checkpoint, Checkpoints, TrainingState
from tests.training.tiny import CHEAP, NETWORK, QUICK, SKIP, images, train

TEST = images(30, 5)
VARIABLES = {
    seed: jax.tree.map(jnp.asarray, initial_variables(NETWORK, seed, CHEAP.ops)) for seed in (0, 1)
}


@pytest.fixture(scope="module")
def trainings(tmp_path_factory):
    """A folder with the checkpoints of one training: best with the weights of seed 0, last of 1."""
    folder = tmp_path_factory.mktemp("trainings") / "out"
    (folder / str(CHEAP.id)).mkdir(parents=True)
    (folder / "settings.json").write_text("{}")
    about = {"architecture": CHEAP.id, "network": asdict(NETWORK), "recipe": asdict(QUICK)}
    checkpoints = Checkpoints(place(folder))
    for step, variables in VARIABLES.items():
        state = TrainingState(**variables, momentum=variables["params"])
        checkpoints.save(step, Checkpoint(state, about), best=step == 0)
    checkpoints.close()
    return folder


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    file = tmp_path_factory.mktemp("data") / "images.npz"
    held = {"x_test": TEST.pixels, "y_test": TEST.labels}
    np.savez(file, x_train=TEST.pixels, y_train=TEST.labels, **held)
    return file


def place(trainings):
    return trainings / str(CHEAP.id) / "seed_0"


@pytest.mark.parametrize(("options", "seed"), [((), 1), (("--best",), 0)])
def test_the_network_of_a_checkpoint(ntknas, trainings, archive, options, seed):
    """Corrupted images alone, so that no attack is compiled."""
    argv = ("attack", "--checkpoint", place(trainings), "--data", archive, "--arch", CHEAP.id)
    status, out, err = ntknas(
        *argv, "--corruptions", "contrast", "--severity", 1, "--json", *options
    )
    assert status == 0, err
    found = json.loads(out)
    pixels = jnp.asarray(TEST.pixels / 255, jnp.float32)
    logits = np.asarray(Network(NETWORK).apply(VARIABLES[seed], pixels, CHEAP.ops))
    assert found["results"][0]["correct"] == (logits.argmax(1) == TEST.labels).sum()
    assert found["architecture"] == CHEAP.string
    assert found["normaliser"] == "of the training"
    assert found["images"]["dataset"] == "imagenet16"
    assert {row["class"] for row in found["classes"]} == {"class 0", "class 1"}


def test_images_have_the_size_of_the_checkpoints(ntknas, tmp_path, archive):
    """Corruptions are those of whole images; what is corrupted is shrunk as in training."""
    network = replace(NETWORK, image_size=8)
    about = {"architecture": CHEAP.id, "network": asdict(network), "recipe": asdict(QUICK)}
    checkpoints = Checkpoints(tmp_path)
    state = TrainingState(**VARIABLES[0], momentum=VARIABLES[0]["params"])
    checkpoints.save(0, Checkpoint(state, about), best=True)
    checkpoints.close()
    argv = ("attack", "--checkpoint", tmp_path, "--data", archive, "--seed", 3, "--json")
    status, out, err = ntknas(*argv, "--corruptions", "contrast", "--severity", 1)
    assert status == 0, err
    assert "made here" not in err
    assert ", 8 x 8)" in err
    whole = replace(TEST, pixels=corrupt(TEST.pixels, "contrast", 1, seed=3))
    pixels = jnp.asarray(whole.shrunk(8).pixels)
    logits = Network(network).apply(VARIABLES[0], pixels, CHEAP.ops)
    found = {row["test"]: row["correct"] for row in json.loads(out)["results"]}
    assert found["contrast"] == (np.asarray(logits).argmax(1) == TEST.labels).sum()


@pytest.mark.slow
def test_a_checkpoint_has_the_accuracy_of_its_training(ntknas, tmp_path, archive):
    train(tmp_path / "out", test=TEST)
    expected = json.loads((place(tmp_path / "out") / "result.json").read_text())
    argv = ("attack", "--checkpoint", place(tmp_path / "out"), "--data", archive)
    for kind in ((), ("--best",)):
        status, out, err = ntknas(*argv, "--attack", "fgsm", "--json", *kind)
        assert status == 0, err
        clean, fgsm = json.loads(out)["results"]
        # There is one epoch, so it is the best and the last.
        assert clean["accuracy"] == pytest.approx(expected["clean"])
        # An image has to be classified correctly without the attack as well.
        assert fgsm["accuracy"] <= expected["fgsm_8"] + 1e-9


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
