"""Normalisation against torch.nn.functional.batch_norm, in float64."""

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch
from absl.testing import parameterized
from torch.nn import functional

from ntknas.layers import Norm
from ntknas.layers.normalisation import EPSILON, normalise, normalise_batch, normalise_rows
from tests.network.reference import to_numpy, to_torch
from tests.tolerances import TOLERANCES

TOLERANCE = TOLERANCES["float64"]
USED = [Norm.BATCH, Norm.IMAGE, Norm.FROZEN]


def drawn():
    """Activations, scale, bias, mean, variance and cotangents; with 64-bit types on."""
    rng = np.random.default_rng(0)
    x = rng.normal(2.0, 3.0, size=(4, 5, 3, 2))
    scale, bias, mean = rng.normal(size=(3, 2))
    values = (x, scale, bias, mean, rng.uniform(0.5, 2, size=2), rng.normal(size=(3, 4, 5, 3, 2)))
    return tuple(map(jnp.asarray, values))


@pytest.fixture
def draws(float64):
    return drawn()


def torch_norm(norm, x, scale, bias, mean, variance):
    """PyTorch's output; for statistics of the image, of batches of one."""
    if norm is Norm.IMAGE:
        parts = [
            torch_norm(Norm.BATCH, x[i : i + 1], scale, bias, None, None) for i in range(len(x))
        ]
        return torch.cat(parts)
    if norm is Norm.BATCH:
        return functional.batch_norm(x, None, None, scale, bias, training=True, eps=EPSILON)
    return functional.batch_norm(x, mean, variance, scale, bias, training=False, eps=EPSILON)


def torch_gradients(norm, draws):
    """Output, and gradients of x, scale, bias for every cotangent."""
    x, scale, bias, mean, variance, cotangents = draws
    leaves = [to_torch(x, torch.float64), *(torch.tensor(np.asarray(v)) for v in (scale, bias))]
    for leaf in leaves:
        leaf.requires_grad_()
    out = torch_norm(norm, *leaves, *(torch.tensor(np.asarray(v)) for v in (mean, variance)))
    grads = [torch.autograd.grad(out, leaves, to_torch(g, out.dtype), True) for g in cotangents]
    stacked = [np.array([to_numpy(g[0]) for g in grads])]
    return to_numpy(out), stacked + [np.array([g[i].numpy() for g in grads]) for i in (1, 2)]


def ours(norm, mean, variance):
    running = (mean, variance) if norm is Norm.FROZEN else (None, None)
    return lambda x, scale, bias: normalise(x, scale, bias, *running, norm=norm)


@pytest.mark.usefixtures("float64")
class EveryCotangent(chex.TestCase):
    """Values, and pull-backs of one cotangent and of many at once, inside a program and outside."""

    @chex.variants(with_jit=True, without_jit=True)
    @parameterized.parameters(*USED)
    def test_equals_batch_norm(self, norm):
        draws = drawn()
        x, scale, bias, mean, variance, cotangents = draws
        out, gradients = torch_gradients(norm, draws)

        @self.variant
        def ours_of_all(x, scale, bias, mean, variance, cotangents):
            out, pull_back = jax.vjp(ours(norm, mean, variance), x, scale, bias)
            return out, pull_back(cotangents[0]), jax.vmap(pull_back)(cotangents)

        expected = (out, tuple(g[0] for g in gradients), tuple(gradients))
        chex.assert_trees_all_close(ours_of_all(*draws), expected, **TOLERANCE)


@pytest.mark.parametrize("norm", USED)
def test_each_image_alone_has_its_own_gradients(norm, draws):
    x, scale, bias, mean, variance, cotangents = draws

    def one(image, cotangent):
        out, pull_back = jax.vjp(ours(norm, mean, variance), image[None], scale, bias)
        return out[0], pull_back(cotangent[None])

    out, grads = jax.vmap(one)(x, cotangents[0])
    for i in range(len(x)):
        alone = (x[i : i + 1], scale, bias, mean, variance, cotangents[:1, i : i + 1])
        expected, gradients = torch_gradients(norm, alone)
        np.testing.assert_allclose(out[i], expected[0], **TOLERANCE)
        for actual, desired in zip(grads, gradients, strict=True):
            np.testing.assert_allclose(actual[i], desired[0], **TOLERANCE)


@pytest.mark.parametrize("norm", list(Norm))
def test_rows_of_a_normalisation_sum_to_its_gradient(norm, float64):
    rng = np.random.default_rng(5)
    n, c = 3, 4
    x, g = jnp.asarray(rng.normal(size=(2, n, 3, 3, c)))
    scale, bias, mean = jnp.asarray(rng.normal(size=(3, c)))
    variance = jnp.asarray(rng.uniform(0.5, 2, c))
    weights = (None, None) if norm is Norm.NONE else (scale, bias)
    running = (mean, variance) if norm is Norm.FROZEN else (None, None)
    d_x, *rows = normalise_rows(g, x, *weights, *running, norm=norm)

    def apply(x, scale, bias):
        return normalise(x, scale, bias, *running, norm=norm)

    expected_x, *expected = jax.vjp(apply, x, *weights)[1](g)
    np.testing.assert_allclose(d_x, expected_x, **TOLERANCE)
    for own, whole in zip(rows, expected, strict=True):
        assert (own is None) == (whole is None)
        if own is not None:
            assert own.shape == (1 if norm.coupled else n, c)
            np.testing.assert_allclose(own.sum(0), whole, **TOLERANCE)


def test_batch_normalisation_of_training_equals_pytorch(draws):
    x, scale, bias, _, _, cotangents = draws
    out, gradients = torch_gradients(Norm.BATCH, draws)
    (ours, mean, variance), pull_back = jax.vjp(normalise_batch, x, scale, bias)
    np.testing.assert_allclose(ours, out, **TOLERANCE)
    np.testing.assert_allclose(mean, x.mean((0, 1, 2)), **TOLERANCE)
    np.testing.assert_allclose(variance, x.var((0, 1, 2)), **TOLERANCE)
    # Statistics are constants: their cotangents change nothing.
    for one, expected in zip(
        pull_back((cotangents[0], mean, variance)), (g[0] for g in gradients), strict=True
    ):
        np.testing.assert_allclose(one, expected, **TOLERANCE)


def test_none_returns_its_input():
    x = jnp.arange(8.0).reshape(2, 2, 1, 2)
    assert normalise(x, None, None, norm=Norm.NONE) is x


@pytest.mark.parametrize("norm", [Norm.BATCH, Norm.IMAGE])
def test_constant_channel_becomes_the_bias_exactly(norm):
    x = jnp.full((3, 4, 4, 2), 0.1).at[..., 1].set(1e4 / 3)
    bias = jnp.array([0.5, -1.0])
    out = normalise(x, jnp.array([2.0, 3.0]), bias, norm=norm)
    np.testing.assert_array_equal(out, jnp.broadcast_to(bias, x.shape))


def test_one_pixel_images_become_the_bias():
    x = jnp.arange(6.0).reshape(3, 1, 1, 2)
    out = normalise(x, jnp.ones(2), jnp.array([1.0, 2.0]), norm=Norm.IMAGE)
    np.testing.assert_array_equal(out, jnp.broadcast_to(jnp.array([1.0, 2.0]), x.shape))


def test_batch_statistics_couple_the_images_and_image_statistics_do_not(draws):
    x, scale, bias, *_ = draws
    changed = x.at[0].add(np.random.default_rng(1).normal(size=x[0].shape))
    for norm, coupled in ((Norm.BATCH, True), (Norm.IMAGE, False)):
        before, after = (normalise(v, scale, bias, norm=norm) for v in (x, changed))
        assert bool(jnp.any(before[1:] != after[1:])) == coupled
