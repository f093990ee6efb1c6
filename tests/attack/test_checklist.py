"""The checklist holds for an honest network, and fails where the same weights hide gradients."""

from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest

from ntknas.attack import checklist
from ntknas.attack.checklist import _radii, _worse
from ntknas.errors import InputError
from tests.attack.trained import labelled_images, trained

RNG = np.random.default_rng(0)
WEIGHTS = jnp.asarray(RNG.normal(size=(192, 5)), jnp.float32)
IMAGES = RNG.uniform(size=(60, 8, 8, 3)).astype(np.float32)
RHO = 0.03
SETTINGS: dict[str, Any] = {"rho": RHO, "steps": 5, "queries": 200, "samples": 20, "batch_size": 60}


def honest(weights, images):
    """A linear network: every gradient leads to the nearest boundary."""
    return (images.reshape(len(images), -1) - 0.5) @ weights


def rounded(weights, images):
    """The same on images of eight grey levels, whose gradient is 0."""
    return honest(weights, jnp.round(images * 8) / 8)


def saturated(weights, images):
    """The same with logits so large that the softmax is 0 and 1 in float32."""
    return 1e5 * honest(weights, images)


LABELS = np.asarray(honest(WEIGHTS, IMAGES)).argmax(1)
SURROGATE = (honest, WEIGHTS + 0.3 * jnp.asarray(RNG.normal(size=(192, 5)), jnp.float32))


def verdicts(found):
    return {criterion.name: criterion.passed for criterion in found.criteria}


def test_an_honest_network_passes_every_criterion():
    found = checklist(honest, WEIGHTS, IMAGES, LABELS, surrogate=SURROGATE, **SETTINGS)
    assert found.passed
    assert found.images == 60
    assert list(verdicts(found).values()) == [True] * 8
    white_box = found.criteria[1].values
    assert 0 < white_box["strong"] < white_box["weak"] < 1
    assert found.criteria[2].values["by_strong_alone"] > 0
    assert found.criteria[5].values["survivors"] > 0


@pytest.mark.parametrize("masked", [rounded, pytest.param(saturated, marks=pytest.mark.slow)])
def test_the_same_weights_fail_once_their_gradients_are_masked(masked):
    labels = np.asarray(masked(WEIGHTS, IMAGES)).argmax(1)
    found = checklist(masked, WEIGHTS, IMAGES, labels, **SETTINGS)
    assert not found.passed
    failed = {name for name, passed in verdicts(found).items() if passed is False}
    assert {
        "queries do no better than gradients",
        "the loss has a gradient",
        "a small step along the gradient raises the loss",
    } <= failed
    if masked is rounded:
        assert "random search finds nothing more" in failed


@pytest.mark.slow
def test_transfer_shows_masking_that_the_attacks_cannot_see():
    found = checklist(saturated, WEIGHTS, IMAGES, LABELS, surrogate=SURROGATE, **SETTINGS)
    assert verdicts(found)["transfer does no better than gradients"] is False


def test_without_another_network_transfer_is_not_checked():
    found = checklist(honest, WEIGHTS, IMAGES, LABELS, **SETTINGS)
    assert verdicts(found)["transfer does no better than gradients"] is None
    assert found.passed


@pytest.mark.slow
def test_unbounded_attacks_that_leave_images_fail():
    """A network that answers 0 however its image looks."""

    def constant(weights, images):
        return jnp.eye(5)[:1] + 0 * honest(weights, images)

    found = checklist(constant, WEIGHTS, IMAGES, np.zeros(60, int), **SETTINGS)
    assert verdicts(found)["unbounded attacks always succeed"] is False
    assert found.criteria[3].values == {"left": 60}


def test_radii_double_up_to_one():
    assert [round(255 * r, 6) for r in _radii(8 / 255)] == [4, 8, 16, 32, 64, 128, 255]
    assert _radii(1.0) == [0.5, 1.0]
    assert _radii(0.3) == [0.15, 0.3, 0.6, 1.0]


@pytest.mark.parametrize(
    ("by_weak", "by_strong", "failed"),
    [(0, 0, False), (3, 3, False), (1, 0, False), (4, 0, False), (5, 0, True), (9, 2, True)],
)
def test_chance_is_an_exact_sign_test(by_weak, by_strong, failed):
    """Five to nothing has probability 1/32, four to nothing 1/16."""
    weak, strong = np.ones(30, bool), np.ones(30, bool)
    weak[:by_weak] = False
    strong[20 : 20 + by_strong] = False
    assert _worse(weak, strong) == (failed, by_weak, by_strong)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"rho": 0.0}, "radius above 0"),
        ({"rho": 2.0}, "rho must lie in"),
        ({"steps": 0}, "steps must be at least 1"),
        ({"queries": 0}, "queries must be at least 1"),
        ({"samples": 0}, "samples must be at least 1"),
        ({"labels": (LABELS + 1) % 5}, "classifies none of 60 images correctly"),
    ],
)
def test_bad_input(changes, message):
    settings = SETTINGS | changes
    labels = settings.pop("labels", LABELS)
    with pytest.raises(InputError, match=message):
        checklist(honest, WEIGHTS, IMAGES, labels, **settings)


@pytest.mark.slow
def test_a_trained_network_passes_and_fails_once_its_gradients_are_masked(data_file):
    network = trained("robust")
    images, labels = labelled_images(data_file("cifar10/cifar10_subset.npz"), 100)

    def masked(variables, images):
        return network.apply_fn(variables, jnp.round(images * 8) / 8)

    other = trained("standard")
    settings: dict = {"rho": 4 / 255, "queries": 300, "samples": 50, "batch_size": 60}
    found = checklist(
        network.apply_fn,
        network.variables,
        images,
        labels,
        surrogate=(other.apply_fn, other.variables),
        **settings,
    )
    assert [c.name for c in found.criteria if c.passed is not True] == []
    assert not checklist(masked, network.variables, images, labels, **settings).passed
