"""Kernels by layers against Jacobians."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ntknas.attack import AttackSpec
from ntknas.kernel import Logits, kernel_blocks, ntk
from ntknas.theory import (
    FullyConnected,
    FullyConnectedSpec,
    initial_blocks,
    joint_gram,
    layerwise_gram,
    logits_convention,
)
from tests.tolerances import TOLERANCES

ATTACK = AttackSpec(steps=3)
RTOL = TOLERANCES["float64"]["rtol"]


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"parametrisation": "standard"},
        {"variances": "small", "classes": 3},
        {"parametrisation": "standard", "classes": 4, "branch_scale": 1.0},
        {"activations": ("tanh", "swish", "sigmoid")},
    ],
)
def test_layers_equal_jacobians(change, float64):
    spec = FullyConnectedSpec(**{"depth": 4, "width": 9, "skips": (1, 0.5)} | change)
    images = jnp.asarray(np.random.default_rng(0).uniform(size=(5, 2, 2, 3)))
    network = FullyConnected(spec)
    params = network.init(jax.random.key(0), images)
    expected = ntk(network.apply, params, images, coupled=False, logits=logits_convention(spec))
    kernel = np.asarray(layerwise_gram(spec, params, images))
    np.testing.assert_allclose(kernel, expected, rtol=RTOL)
    assert np.linalg.eigvalsh(kernel)[0] > -1e-12 * np.trace(kernel)
    shuffled = layerwise_gram(spec, params, images[jnp.array([3, 1, 0, 4, 2])])
    order = [3, 1, 0, 4, 2]
    np.testing.assert_allclose(shuffled, kernel[np.ix_(order, order)], rtol=RTOL)


def test_conventions():
    assert logits_convention(FullyConnectedSpec()) is Logits.SUM
    assert logits_convention(FullyConnectedSpec(classes=10)) is Logits.TRACE


def test_skips_as_data(spec, sphere):
    params = FullyConnected(spec).init(jax.random.key(0), jnp.asarray(sphere.train_images[:1]))
    plain = replace(spec, skips=None)
    images = jnp.asarray(sphere.train_images)
    np.testing.assert_allclose(
        layerwise_gram(plain, params, images, jnp.array([1.0])),
        layerwise_gram(spec, params, images),
        rtol=1e-6,
    )


def test_the_joint_matrix_equals_that_of_any_network(spec, sphere):
    images, labels = jnp.asarray(sphere.train_images), jnp.asarray(sphere.train_labels)
    network = FullyConnected(spec)
    params = network.init(jax.random.key(4), images)
    gram = joint_gram(jax.random.key(7), spec, params, images, labels, rho=0.05, attack=ATTACK)
    expected = kernel_blocks(
        network.apply, params, images, labels, rho=0.05, attack=ATTACK, coupled=False, seed=7
    )
    np.testing.assert_allclose(gram, expected.gram, **TOLERANCES["float32"])


def test_without_a_radius_all_kernels_are_one(spec, sphere):
    blocks = initial_blocks(spec, sphere, rho=0.0, attack=ATTACK)
    for kernel in (blocks.robust, blocks.twice, blocks.mixed_clean(0.3), blocks.mixed_robust(0.7)):
        np.testing.assert_allclose(kernel, blocks.clean, rtol=1e-6)
    other = initial_blocks(spec, sphere, rho=0.1, attack=ATTACK)
    np.testing.assert_allclose(other.clean, blocks.clean, rtol=TOLERANCES["float32"]["rtol"])
    assert not np.allclose(other.robust, other.clean, rtol=1e-2)
    assert not np.allclose(initial_blocks(spec, sphere, rho=0.0, seed=1).clean, blocks.clean)
