"""`ntknas theory`."""

import json

import numpy as np
import pytest

from ntknas.attack import AttackSpec
from ntknas.theory import FullyConnectedSpec, bound_terms, initial_blocks, sphere_task

SMALL = ("theory", "--task", "sphere", "--dimension", 5, "--images", 8, "--test-images", 10)
NETWORK = ("--depth", 3, "--width", 16, "--steps", 2, "--rho", "0.05")


def test_json_holds_what_the_library_computes(ntknas):
    status, out, err = ntknas(*SMALL, *NETWORK, "--beta", "0,0.5", "--format", "json")
    assert (status, err) == (0, "")
    found = json.loads(out)
    assert found["network"]["skips"] == [1.0]
    assert (found["images"]["N"], found["rho"], found["errors"]) == (8, 0.05, [])
    assert [(row["kernel"], row["beta"]) for row in found["kernels"]] == [
        ("K_all", 0.0),
        ("K_all", 0.5),
        ("K~_all", 0.0),
        ("K~_all", 0.5),
    ]
    task = sphere_task(5, num_train=8, num_test=10, margin=0.1, seed=0)
    spec = FullyConnectedSpec(depth=3, width=16, skips=(1,))
    blocks = initial_blocks(spec, task, rho=0.05, attack=AttackSpec(steps=2))
    terms = bound_terms(
        blocks.mixed_robust(0.5), task.train_labels, depth=3, epsilon=blocks.epsilon
    )
    row = found["kernels"][3]
    for name, value in terms._asdict().items():
        np.testing.assert_allclose(row[name], value, rtol=1e-5)
    assert row["weyl_holds"]
    assert row["weyl_bound"] <= row["lambda_min"] * (1 + 1e-6)


@pytest.mark.slow
def test_training_and_infinite_width(ntknas):
    status, out, err = ntknas(
        *(*SMALL, *NETWORK, "--beta", "0.5", "--train", "--training-steps", 5, "--infinite")
    )
    assert status == 0
    assert err == "trained at beta 0.5\n"
    assert "depth 3, width 16, skips 1, branches times 0.333, ntk parametrisation" in out
    assert "0-1 errors on 10 test images:" in out
    lines = [line.split() for line in out.splitlines()]
    assert sum(line[:1] == ["infinite"] for line in lines) == 3
    assert sum(line[:1] == ["16"] for line in lines) == 3


def test_means_of_several_draws_and_a_picture(ntknas, refused, tmp_path):
    picture = tmp_path / "theory.svg"
    argv = (*SMALL, *NETWORK, "--beta", "0", "--seeds", 2, "--seed", 3)
    status, out, err = ntknas(*argv, "--plot", picture)
    assert status == 0
    assert "Means of 2 draws of images and weights, with 95% intervals." in out
    assert "y^T K^-1 y / N" in out
    assert f"picture: {picture}" in err
    assert "2 draws" in picture.read_text()
    rows = json.loads(ntknas(*argv, "--format", "json")[1])["kernels"]
    assert [row["seed"] for row in rows] == [3, 3, 4, 4]
    mean = (rows[0]["order"] + rows[2]["order"]) / 2
    assert f" {mean:.3g} [" in out
    assert "at least 1, got 0" in refused(*SMALL, "--seeds", 0)
    assert "ending in" in refused(*SMALL, "--plot", tmp_path / "a.gif")


def test_images_of_cifar_in_csv(ntknas):
    status, out, _ = ntknas(
        *("theory", "--pooling", 8, "--images", 6, "--test-images", 2, "--task", "ten"),
        *("--depth", 2, "--width", 8, "--steps", 1, "--beta", "1", "--format", "csv"),
    )
    assert status == 0
    assert out.splitlines()[0].startswith("width,kernel,beta,label_energy,")
    assert len(out.splitlines()) == 3


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--depth", 1), "depth must be at least 2, got 1"),
        (("--skips", "1"), "depth 4 has 2 skips"),
        (("--activations", "cube"), "activation must be one of relu"),
        (("--beta", "2"), "beta must lie in [0, 1]"),
        (("--rho=-1/255",), "rho must lie in"),
        (("--images", 1000), "at most 64 training and test images"),
        (("--task", "sphere", "--pooling", 2), "are for images"),
        (("--infinite", "--parametrisation", "standard"), "needs the NTK parametrisation"),
        (("--seed", -1), "seed must be between 0 and 4294967295, got -1"),
        (("--seed", 2**70), "seed must be between 0 and 4294967295"),
        (("--data", "nowhere"), "no such file"),
    ],
)
def test_refused_in_one_line(refused, options, message):
    assert message in refused("theory", *options)
