"""One network's kernels, bound terms, errors and infinite width, in one call."""

from copy import copy
from dataclasses import replace

import jax
import numpy as np
import pytest

from ntknas.attack import AttackSpec
from ntknas.errors import InputError
from ntknas.images import load_images
from ntknas.kernel import KernelName
from ntknas.theory import (
    FullyConnectedSpec,
    TheorySpec,
    bound_terms,
    image_task,
    infinite_width,
    initial_blocks,
    measure,
    sphere_task,
    theory_experiment,
    weyl_bound,
)
from ntknas.training import TrainingSpec

NETWORK = FullyConnectedSpec(depth=3, width=16, skips=(1.0,))
SPHERE = TheorySpec(
    network=NETWORK,
    task="sphere",
    dimension=5,
    num_train=8,
    num_test=10,
    rho=0.05,
    betas=(0.0, 0.5),
    attack=AttackSpec(steps=2),
    seed=3,
)


@pytest.fixture(scope="module")
def task():
    return sphere_task(5, num_train=8, num_test=10, margin=0.1, seed=3)


@pytest.fixture(scope="module")
def full():
    """All that there is, and the betas that were reported while it trained."""
    seen: list[float] = []
    spec = replace(SPHERE, train=True, training_steps=5, infinite=True)
    return theory_experiment(spec, on_trained=seen.append), seen


@pytest.mark.slow
def test_rows_are_what_the_room_computes(full, task):
    result, _ = full
    blocks = initial_blocks(NETWORK, task, rho=0.05, attack=AttackSpec(steps=2), seed=3)
    np.testing.assert_allclose(result.blocks.gram, blocks.gram, rtol=1e-6)
    np.testing.assert_array_equal(result.task.train_images, task.train_images)
    kernels = {"K_all": KernelName.MIXED_CLEAN, "K~_all": KernelName.MIXED_ROBUST}
    rows = [row for row in result.kernels if row["width"] == "16"]
    assert [(row["kernel"], row["beta"]) for row in rows] == [
        (name, beta) for name in kernels for beta in (0.0, 0.5)
    ]
    for row in rows:
        kernel = kernels[row["kernel"]]
        terms = bound_terms(
            blocks.kernel(kernel, row["beta"]),
            task.train_labels,
            depth=3,
            epsilon=blocks.epsilon,
        )
        weyl = weyl_bound(blocks, kernel, row["beta"])
        expected = terms._asdict() | {"weyl_bound": weyl.bound, "weyl_holds": weyl.holds}
        assert {name: row[name] for name in expected} == pytest.approx(expected, rel=1e-5)


@pytest.mark.slow
def test_errors_are_those_of_a_trained_network(full, task):
    result, seen = full
    assert seen == [0.0, 0.5]
    rows = [row for row in result.errors if row["width"] == "16"]
    assert [row["beta"] for row in rows] == [0.0, 0.5]
    attack = AttackSpec(steps=2)
    training = TrainingSpec(steps=5, learning_rate=0.5, test_attack=attack)
    for row in rows:
        measured = measure(
            NETWORK,
            [task],
            beta=row["beta"],
            rho=0.05,
            training=training,
            attack=attack,
            keys=jax.random.key(3)[None],
        )
        assert row["clean_error"] == measured.clean_errors[0]
        assert row["robust_error"] == measured.robust_errors[0]


@pytest.mark.slow
def test_infinite_width_stands_below_the_finite_one(full, task):
    result, _ = full
    attack = AttackSpec(steps=2)
    limit = infinite_width(NETWORK, task, rho=0.05, betas=(0.0, 0.5), attack=attack, seed=3)
    assert [row["width"] for row in result.kernels] == ["16"] * 4 + ["infinite"] * 4
    assert [row["width"] for row in result.errors] == ["16"] * 2 + ["infinite"] * 2
    for row, clean, robust in zip(
        result.errors[2:], limit.clean_errors, limit.robust_errors, strict=True
    ):
        assert (row["clean_error"], row["robust_error"]) == (clean, robust)
    terms = bound_terms(
        limit.blocks.kernel(KernelName.MIXED_ROBUST, 0.5),
        task.train_labels,
        depth=3,
        epsilon=limit.blocks.epsilon,
    )
    row = result.kernels[-1]
    assert {name: row[name] for name in terms._asdict()} == pytest.approx(terms._asdict())


def test_kernels_are_those_of_the_trained_networks_at_the_start(monkeypatch):
    from ntknas.theory import experiment

    measured = []

    def watched(*args, **options):
        measured.append(measure(*args, **options))
        return measured[-1]

    monkeypatch.setattr(experiment, "measure", watched)
    result = theory_experiment(replace(SPHERE, train=True, training_steps=1))
    untrained = theory_experiment(SPHERE)
    assert len(measured) == 2
    for gram in (*(found.blocks[0].gram for found in measured), untrained.blocks.gram):
        np.testing.assert_allclose(gram, result.blocks.gram, rtol=1e-5)


def test_nothing_is_trained_that_was_not_asked_for():
    calls: list[float] = []
    result = theory_experiment(SPHERE, on_trained=calls.append)
    assert result.errors == calls == []
    assert {row["width"] for row in result.kernels} == {"16"}


@pytest.mark.parametrize(("name", "classes"), [("two", (0, 1)), ("ten", None)])
def test_images_fit_the_network(name, classes):
    spec = TheorySpec(
        network=FullyConnectedSpec(depth=2, width=8),
        task=name,
        num_train=10,
        num_test=4,
        pooling=8,
        betas=(1.0,),
        attack=AttackSpec(steps=1),
    )
    result = theory_experiment(spec)
    expected = image_task(
        load_images(), None, classes=classes, num_train=10, num_test=4, pooling=8, seed=0
    )
    np.testing.assert_array_equal(result.task.train_images, expected.train_images)
    assert result.network.classes == expected.classes
    assert (result.network.mean, result.network.std) == (expected.mean, expected.std)
    assert (result.network.depth, result.network.width) == (2, 8)
    assert len(result.kernels) == 2


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"task": "three"}, "task must be one of two, ten, sphere, got 'three'"),
        ({"betas": (0.5, 2.0)}, r"beta must lie in \[0, 1\], got 2"),
        ({"betas": ()}, r"expected at least one beta in \[0, 1\], got none"),
        ({"betas": 0.5}, "betas must be a tuple of numbers, got 0.5"),
        ({"betas": "0.5"}, "betas must be a tuple of numbers, got 0.5"),
        ({"betas": ("a",)}, r"beta must be a number in \[0, 1\], got a"),
        ({"betas": (None,)}, r"beta must be a number in \[0, 1\], got None"),
        ({"rho": -0.1}, r"rho must lie in \[0, 1\], in pixel units such as 8/255, got -0.1"),
        ({"seed": -1}, "seed must be between 0 and 4294967295, got -1"),
        ({"pooling": 2}, "are for images, not for the task sphere"),
        ({"data": "cifar.npz"}, "are for images, not for the task sphere"),
    ],
)
def test_settings_that_are_refused(changes, complaint):
    spec = copy(SPHERE)  # made where annotations are not enforced, which tests do and users do not
    for name, value in changes.items():
        object.__setattr__(spec, name, value)
    with pytest.raises(InputError, match=complaint):
        spec.__post_init__()


def test_a_network_without_a_limit_is_refused_before_anything_is_computed(monkeypatch):
    from ntknas.theory import experiment

    monkeypatch.setattr(experiment, "initial_blocks", None)
    network = replace(NETWORK, parametrisation="standard")
    with pytest.raises(InputError, match="needs the NTK parametrisation"):
        theory_experiment(replace(SPHERE, network=network, infinite=True))


def test_images_that_are_not_there():
    with pytest.raises(InputError, match="nowhere"):
        theory_experiment(replace(SPHERE, task="two", data="nowhere"))
