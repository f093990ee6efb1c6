"""Analytic kernels: closed forms, wide networks, and what is refused."""

from dataclasses import replace

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ntknas.errors import InputError
from ntknas.kernel import Batch
from ntknas.theory import (
    FullyConnected,
    FullyConnectedSpec,
    analytic_blocks,
    analytic_kernel,
    layerwise_gram,
    sphere_task,
    unit_inputs,
)
from tests.tolerances import TOLERANCES

RTOL, SINGLE = (TOLERANCES[dtype]["rtol"] for dtype in ("float64", "float32"))


def points(n=4):
    return sphere_task(5, num_train=n, num_test=1, seed=3).train_images


def relu_by_hand(x, skips, scale, c):
    """Sigma, Theta and the mean of ReLU networks with skips, from arc-cosine kernels."""

    def moments(sigma):
        norms = np.sqrt(np.diag(sigma))
        cosine = np.clip(sigma / np.outer(norms, norms), -1, 1)
        angle = np.arccos(cosine)
        second = np.outer(norms, norms) / (2 * np.pi)
        second = second * (np.sin(angle) + (np.pi - angle) * cosine)
        return second, (np.pi - angle) / (2 * np.pi), norms / np.sqrt(2 * np.pi)

    pre = c * x @ x.T
    sigma, derivative, mean = moments(pre)
    theta = pre * derivative
    for alpha in skips:
        pre = c * sigma
        second, derivative, branch_mean = moments(pre)
        theta = scale**2 * (c * theta + pre) * derivative + alpha**2 * theta
        crossed = np.outer(branch_mean, mean) + np.outer(mean, branch_mean)
        sigma = scale**2 * second + alpha**2 * sigma + scale * alpha * crossed
        mean = scale * branch_mean + alpha * mean
    return sigma + theta


@pytest.mark.parametrize("skips", [(), (0.0,), (1.0, 0.5)])
def test_relu_by_hand(skips):
    spec = FullyConnectedSpec(depth=2 + len(skips), skips=skips, weight_variance=1.7)
    images = points()
    x = np.asarray(unit_inputs(jnp.asarray(images), spec.mean, spec.std), np.float64)
    expected = relu_by_hand(x, skips, spec.hidden_scale, 1.7)
    kernel = analytic_blocks(spec, images[None]).clean
    np.testing.assert_allclose(kernel, expected, rtol=SINGLE)
    wider_output = replace(spec, output_variance=3.0)
    np.testing.assert_allclose(
        analytic_blocks(wider_output, images[None]).clean, 3 * kernel, rtol=RTOL
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    "activations",
    [
        pytest.param(("leaky_relu", "swish", "relu"), marks=pytest.mark.slow),
        ("sigmoid", "swish", "tanh"),
    ],
)
def test_a_wide_network_is_near(activations):
    spec = FullyConnectedSpec(depth=4, width=3000, skips=(1, 0.5), activations=activations)
    images = jnp.asarray(points())
    limit = np.asarray(analytic_kernel(spec, images))

    @jax.jit
    def kernels(keys):
        return jax.lax.map(
            lambda key: layerwise_gram(spec, FullyConnected(spec).init(key, images), images), keys
        )

    # The mean of 4 networks: about 1 / sqrt(4 * 3000) = 1% away. Without the products of means
    # the first of the two is 26% away.
    mean = np.asarray(kernels(jax.random.split(jax.random.key(0), 4))).mean(0)
    assert np.linalg.norm(mean - limit) < 0.03 * np.linalg.norm(limit)


def test_rows_and_columns_are_any_images():
    spec = FullyConnectedSpec(depth=4, skips=(1, 1), activations=("relu", "tanh", "relu"))
    images = jnp.asarray(points())
    whole = analytic_kernel(spec, images)
    np.testing.assert_allclose(analytic_kernel(spec, images[:3], images), whole[:3], rtol=SINGLE)
    np.testing.assert_allclose(whole, whole.T, rtol=SINGLE)
    assert np.linalg.eigvalsh(np.asarray(whole, np.float64))[0] > 0


def test_blocks_are_kernels_at_pairs_of_points():
    spec = FullyConnectedSpec(depth=3, skips=(1,))
    images = points()
    batches = np.stack([images, images[::-1], np.clip(images + 0.1, 0, 1)])
    blocks = analytic_blocks(spec, batches)
    assert blocks.batches == tuple(Batch)
    np.testing.assert_allclose(blocks.robust, blocks.clean[::-1, ::-1], rtol=RTOL)
    np.testing.assert_allclose(
        blocks.cross(Batch.CLEAN, Batch.ATTACKED), blocks.clean[:, ::-1], rtol=1e-6
    )
    pair = analytic_kernel(spec, jnp.asarray(images[:1]), jnp.asarray(batches[2][1:2]))
    np.testing.assert_allclose(
        blocks.cross(Batch.CLEAN, Batch.TWICE_ATTACKED)[0, 1], pair[0, 0], rtol=SINGLE
    )


def test_gradients_are_finite_at_the_images_themselves():
    spec = FullyConnectedSpec(depth=4, skips=(1, 1))
    images = jnp.asarray(points())
    gradient = jax.grad(lambda x: analytic_kernel(spec, x, images).sum())(images)
    chex.assert_tree_all_finite(gradient)
    assert np.abs(gradient).max() > 0


@pytest.mark.parametrize("activation", ["relu", "leaky_relu"])
def test_an_image_equal_to_the_mean_has_the_kernel_zero(activation):
    spec = FullyConnectedSpec(depth=4, skips=(1, 0.5), activations=activation)
    images = points()
    images[1] = spec.mean[0]
    kernel = analytic_blocks(spec, images[None]).clean
    np.testing.assert_array_equal(kernel[1], 0)
    assert np.linalg.eigvalsh(kernel)[0] > -1e-12
    others = np.delete(images, 1, axis=0)
    np.testing.assert_allclose(
        np.delete(np.delete(kernel, 1, 0), 1, 1), analytic_blocks(spec, others[None]).clean
    )


def test_what_has_no_limit_is_refused():
    images = jnp.asarray(points())
    with pytest.raises(InputError, match="needs the NTK parametrisation, got standard"):
        analytic_kernel(FullyConnectedSpec(parametrisation="standard"), images)
    small = FullyConnectedSpec(variances="small", activations="tanh")
    with pytest.raises(InputError, match="need homogeneous activations"):
        analytic_kernel(small, images)
    np.testing.assert_allclose(
        analytic_kernel(FullyConnectedSpec(variances="small"), images),
        analytic_kernel(FullyConnectedSpec(), images),
    )
