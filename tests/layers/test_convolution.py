"""Convolution and pooling against torch.nn.functional, in float64."""

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch
from absl.testing import parameterized
from torch.nn import functional

from ntknas.layers.convolution import avg_pool_3x3, convolve, convolve_gradients, convolve_rows
from tests.network.reference import to_numpy, to_torch
from tests.tolerances import TOLERANCES

TOLERANCE = TOLERANCES["float64"]
CASES = [(1, 1, 5, 7), (1, 2, 6, 8), (3, 1, 5, 7), (3, 2, 6, 8), (3, 1, 1, 1)]


def draws(size, stride, height, width):
    """Images [3, H, W, 2], kernel [s, s, 2, 4] and five cotangents of the output."""
    rng = np.random.default_rng(0)
    x = jnp.asarray(rng.normal(size=(3, height, width, 2)))
    kernel = jnp.asarray(rng.normal(size=(size, size, 2, 4)))
    return x, kernel, jnp.asarray(rng.normal(size=(5, 3, height // stride, width // stride, 4)))


def torch_convolution(x, kernel, cotangents, stride):
    """Output, and gradients of x and kernel for every cotangent."""
    images = to_torch(x, torch.float64).requires_grad_()
    weight = torch.tensor(np.asarray(kernel).transpose(3, 2, 0, 1), requires_grad=True)
    out = functional.conv2d(images, weight, stride=stride, padding=kernel.shape[0] // 2)
    d_x, d_kernel = [], []
    for g in cotangents:
        grads = torch.autograd.grad(out, (images, weight), to_torch(g, out.dtype), True)
        d_x.append(to_numpy(grads[0]))
        d_kernel.append(grads[1].numpy().transpose(2, 3, 1, 0))
    return to_numpy(out), np.array(d_x), np.array(d_kernel)


@pytest.mark.usefixtures("float64")
class EveryCotangent(chex.TestCase):
    """Values, and pull-backs of one cotangent and of many at once, inside a program and outside."""

    @chex.variants(with_jit=True, without_jit=True)
    @parameterized.parameters(*CASES)
    def test_convolve_equals_conv2d(self, size, stride, height, width):
        x, kernel, cotangents = draws(size, stride, height, width)
        out, d_x, d_kernel = torch_convolution(x, kernel, cotangents, stride)

        @self.variant
        def ours(x, kernel, cotangents):
            out, pull_back = jax.vjp(lambda x, k: convolve(x, k, stride=stride), x, kernel)
            direct = convolve_gradients(x, kernel, cotangents[0], stride=stride)
            return out, pull_back(cotangents[0]), direct, jax.vmap(pull_back)(cotangents)

        one = (d_x[0], d_kernel[0])
        expected = (out, one, one, (d_x, d_kernel))
        chex.assert_trees_all_close(ours(x, kernel, cotangents), expected, **TOLERANCE)

    @chex.variants(with_jit=True, without_jit=True)
    @parameterized.parameters((5, 7), (1, 4), (2, 2), (1, 1))
    def test_pool_equals_avg_pool2d_without_padding(self, height, width):
        rng = np.random.default_rng(1)
        x = jnp.asarray(rng.normal(size=(3, height, width, 2)))
        cotangents = jnp.asarray(rng.normal(size=(4, 3, height, width, 2)))
        images = to_torch(x, torch.float64).requires_grad_()
        pooled = functional.avg_pool2d(images, 3, stride=1, padding=1, count_include_pad=False)
        d_x = np.array(
            [
                to_numpy(torch.autograd.grad(pooled, images, to_torch(g, pooled.dtype), True)[0])
                for g in cotangents
            ]
        )

        @self.variant
        def ours(x, cotangents):
            out, pull_back = jax.vjp(avg_pool_3x3, x)

            def one(image, cotangent):
                out, pull_back = jax.vjp(avg_pool_3x3, image[None])
                return out[0], pull_back(cotangent[None])[0][0]

            return out, jax.vmap(pull_back)(cotangents)[0], jax.vmap(one)(x, cotangents[0])

        expected = (to_numpy(pooled), d_x, (to_numpy(pooled), d_x[0]))
        chex.assert_trees_all_close(ours(x, cotangents), expected, **TOLERANCE)


@pytest.mark.parametrize(("size", "stride", "height", "width"), CASES)
def test_convolve_gives_each_image_its_own_kernel_gradient(size, stride, height, width, float64):
    x, kernel, cotangents = draws(size, stride, height, width)

    def one(image, cotangent):
        out, pull_back = jax.vjp(lambda x, k: convolve(x, k, stride=stride), image[None], kernel)
        return out[0], *pull_back(cotangent[None])

    out, d_x, d_kernel = jax.jit(jax.vmap(one))(x, cotangents[0])
    for i in range(len(x)):
        alone = torch_convolution(x[i : i + 1], kernel, cotangents[:1, i : i + 1], stride)
        np.testing.assert_allclose(out[i], alone[0][0], **TOLERANCE)
        np.testing.assert_allclose(d_x[i], alone[1][0], **TOLERANCE)
        np.testing.assert_allclose(d_kernel[i], alone[2][0], **TOLERANCE)


@pytest.mark.parametrize(("size", "stride"), [(1, 1), (1, 2), (3, 1), (3, 2)])
def test_rows_of_a_convolution_sum_to_its_gradient(size, stride, float64):
    rng = np.random.default_rng(4)
    x = jnp.asarray(rng.normal(size=(3, 4, 6, 2)))
    kernel = jnp.asarray(rng.normal(size=(size, size, 2, 3)))
    out, pull_back = jax.vjp(lambda x, k: convolve(x, k, stride=stride), x, kernel)
    g = jnp.asarray(rng.normal(size=out.shape))
    d_x, rows = convolve_rows(x, kernel, g, stride=stride)
    expected_x, expected_kernel = pull_back(g)
    np.testing.assert_allclose(d_x, expected_x, **TOLERANCE)
    assert len(rows) == len(x)
    np.testing.assert_allclose(
        np.sort(rows.sum(0), axis=None), np.sort(expected_kernel, axis=None), **TOLERANCE
    )


@pytest.mark.parametrize(("size", "stride", "height", "width"), CASES)
def test_second_derivatives_of_a_convolution(float64, size, stride, height, width):
    """Of |y|^4 / 4 in x and kernel, along two directions, against PyTorch's."""
    x, kernel, _ = draws(size, stride, height, width)
    v, u = x[::-1], kernel[::-1]

    def loss(x, kernel):
        return (convolve(x, kernel, stride=stride) ** 4).sum() / 4

    def along(x, kernel):
        d_x, d_kernel = jax.grad(loss, (0, 1))(x, kernel)
        return (d_x * v).sum() + (d_kernel * u).sum()

    found = jax.jit(jax.grad(along, (0, 1)))(x, kernel)
    images, weight = (
        torch.tensor(np.asarray(a).transpose(order), requires_grad=True)
        for a, order in ((x, (0, 3, 1, 2)), (kernel, (3, 2, 0, 1)))
    )
    out = functional.conv2d(images, weight, stride=stride, padding=size // 2)
    gradients = torch.autograd.grad((out**4).sum() / 4, (images, weight), create_graph=True)
    directions = (
        torch.tensor(np.array(v.transpose(0, 3, 1, 2))),
        torch.tensor(np.array(u.transpose(3, 2, 0, 1))),
    )
    d_x, d_weight = torch.autograd.grad(gradients, (images, weight), directions)
    np.testing.assert_allclose(found[0], d_x.numpy().transpose(0, 2, 3, 1), **TOLERANCE)
    np.testing.assert_allclose(found[1], d_weight.numpy().transpose(2, 3, 1, 0), **TOLERANCE)


def test_pool_has_second_derivatives_in_a_program(float64):
    """Of |pool x|^2 / 2 in x: the product with v is pool' pool v."""
    x, v = (jnp.asarray(np.random.default_rng(s).normal(size=(1, 4, 5, 2))) for s in (0, 1))

    @jax.jit
    def product(x):
        gradient = jax.grad(lambda x: jnp.square(avg_pool_3x3(x)).sum() / 2)
        return jax.grad(lambda x: jnp.vdot(gradient(x), v))(x)

    pooled, pull_back = jax.vjp(avg_pool_3x3, v)
    np.testing.assert_allclose(product(x), pull_back(pooled)[0], **TOLERANCE)


def test_pool_keeps_a_constant_image():
    np.testing.assert_allclose(avg_pool_3x3(jnp.full((1, 4, 5, 2), 0.7)), 0.7, rtol=1e-6)


def test_float32_is_not_widened_or_narrowed(float64):
    x, kernel = jnp.ones((1, 4, 4, 2), jnp.float32), jnp.ones((3, 3, 2, 3), jnp.float32)
    assert convolve(x, kernel).dtype == jnp.float32
    assert avg_pool_3x3(x).dtype == jnp.float32
