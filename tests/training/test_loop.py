"""Training of one network: it learns, it can be killed at any step, and it stops at NaN."""

import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest

from ntknas.errors import InputError
from ntknas.layers import Norm
from ntknas.network import Network
from ntknas.training import Diverged, Evaluator, Trial, fit, load_checkpoint, one_cycle
from tests.training.tiny import CHEAP, NETWORK, RECIPE, images

TOP = Path(__file__).resolve().parents[2]


def train(folder=None, **options):
    settings: dict[str, Any] = {"recipe": RECIPE, "network": NETWORK, **options}
    return fit(CHEAP, images(), folder=folder, **settings)


@pytest.fixture(scope="module")
def undisturbed():
    return train()


def assert_same(trained, other):
    jax.tree.map(np.testing.assert_array_equal, trained.variables, other.variables)


@pytest.mark.slow
def test_it_learns_what_is_easy():
    trained = train(recipe=replace(RECIPE, epochs=30, beta=0.0, augment=False))
    assert trained.about["history"][-1]["loss"] < 0.5 * trained.about["history"][0]["loss"]
    evaluate, trials = Evaluator(Network(NETWORK), CHEAP.ops, batch_size=16), (Trial("clean"),)
    assert evaluate(trained.variables, images(30, 5), trials)["clean"] > 0.9


def test_the_history_has_one_entry_per_epoch(undisturbed):
    history = undisturbed.about["history"]
    assert [row["epoch"] for row in history] == [1, 2, 3]
    # Three steps per epoch: 8, 8 and the 4 that are left.
    rates = one_cycle(9, peak=RECIPE.learning_rate)
    assert [row["learning_rate"] for row in history] == rates[2::3].tolist()
    assert undisturbed.about["step"] == 9


def test_the_seed_decides(undisturbed):
    assert_same(train(), undisturbed)
    other = train(seed=1)
    kernels = (t.variables["params"]["classifier"]["kernel"] for t in (undisturbed, other))
    assert not np.array_equal(*kernels)


@pytest.mark.parametrize("steps", [1, 4, 7])
def test_a_training_that_was_stopped_comes_to_the_same_weights(undisturbed, tmp_path, steps):
    class Stop(Exception):
        pass

    calls: list[int] = []

    def stop(done, total):
        assert total == 60
        if len(calls) == steps:
            raise Stop
        calls.append(done)

    with pytest.raises(Stop):
        train(tmp_path, on_progress=stop, save_seconds=0.0)
    assert load_checkpoint(tmp_path).about["step"] == steps
    seen = []
    resumed = train(tmp_path, on_progress=lambda done, total: seen.append(done))
    assert len(seen) == 9 - steps
    assert_same(resumed, undisturbed)
    histories = [
        [{k: v for k, v in row.items() if k != "images_per_second"} for row in t.about["history"]]
        for t in (resumed, undisturbed)
    ]
    assert histories[0] == histories[1]
    assert_same(load_checkpoint(tmp_path), undisturbed)


def test_kill_9_and_again_comes_to_the_same_weights(undisturbed, tmp_path):
    code = """
import sys
from pathlib import Path
from typing import Any
from tests.training.test_loop import train
train(Path(sys.argv[1]), save_seconds=0.0, on_progress=lambda d, t: print(d, flush=True))
"""
    with subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)], cwd=TOP, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout
        for line in process.stdout:
            if int(line) >= 28:
                os.kill(process.pid, signal.SIGKILL)
                break
    assert process.returncode == -signal.SIGKILL
    step = load_checkpoint(tmp_path).about["step"]
    assert 3 <= step < 9
    assert_same(train(tmp_path), undisturbed)


def test_validation_decides_which_epoch_was_the_best(tmp_path):
    trained = train(tmp_path, validation=images(16, 3))
    robust = [row["validation_robust"] for row in trained.about["history"]]
    assert all(0 <= row["validation_clean"] <= 1 for row in trained.about["history"])
    best = load_checkpoint(tmp_path, kind="best")
    assert best.about["step"] == 3 * (1 + int(np.argmax(robust)))
    assert load_checkpoint(tmp_path).about["step"] == 9


def test_without_validation_the_loss_decides(tmp_path):
    losses = [row["loss"] for row in train(tmp_path).about["history"]]
    step = 3 * (1 + int(np.argmin(losses)))
    assert load_checkpoint(tmp_path, kind="best").about["step"] == step


def test_a_loss_that_is_not_finite_names_the_step_and_keeps_the_checkpoint(tmp_path):
    wild = replace(RECIPE, learning_rate=1e30, momentum=0.0)
    with pytest.raises(Diverged, match=r"(nan|inf|not finite) at step \d of 3 in epoch \d"):
        train(tmp_path, recipe=wild, save_seconds=0.0)
    if (tmp_path / "last").is_dir() and any((tmp_path / "last").iterdir()):
        held = load_checkpoint(tmp_path).variables
        assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(held))


def test_a_checkpoint_of_another_training(tmp_path):
    train(tmp_path)
    with pytest.raises(InputError, match=r"another training: seed 0, expected 1"):
        train(tmp_path, seed=1)
    with pytest.raises(InputError, match=r"another training: recipe"):
        train(tmp_path, recipe=replace(RECIPE, epochs=4))


@pytest.mark.parametrize(
    ("network", "message"),
    [
        (replace(NETWORK, norm=Norm.BATCH), "norm frozen to train, got norm batch"),
        (replace(NETWORK, image_size=32), "expected images of 32 pixels, got 16"),
        (replace(NETWORK, classes=1), r"labels 0..0, the classes of the network, got 1"),
    ],
)
def test_networks_that_do_not_fit(network, message):
    with pytest.raises(InputError, match=message):
        train(network=network)


def test_a_negative_seed():
    with pytest.raises(InputError, match="seed must not be negative, got -1"):
        train(seed=-1)
