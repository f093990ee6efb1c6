"""An operation given as data equals the same one compiled in, in values and gradients."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch
from torch.nn import functional

from ntknas.network.operations import ConvNormWeights, EdgeWeights, apply_operation
from ntknas.network.spec import Norm
from tests.network.reference import to_numpy, to_torch

TOLERANCE = {"rtol": 1e-10, "atol": 1e-10}
CHANNELS = 3


def edge_weights(norm: Norm) -> EdgeWeights:
    rng = np.random.default_rng(2)

    def conv(size):
        kernel = jnp.asarray(rng.normal(size=(size, size, CHANNELS, CHANNELS)))
        scale, bias, mean = jnp.asarray(rng.normal(size=(3, CHANNELS)))
        variance = jnp.asarray(rng.uniform(0.5, 2, CHANNELS))
        if norm is Norm.NONE:
            return ConvNormWeights(kernel)
        running = (mean, variance) if norm is Norm.FROZEN else ()
        return ConvNormWeights(kernel, scale, bias, *running)

    return EdgeWeights(conv(1), conv(3))


def needed(op: int, weights: EdgeWeights) -> EdgeWeights:
    return EdgeWeights(
        conv_1x1=weights.conv_1x1 if op == 2 else None,
        conv_3x3=weights.conv_3x3 if op == 3 else None,
    )


@pytest.fixture
def draws(float64):
    rng = np.random.default_rng(3)
    x, cotangents = rng.normal(size=(4, 5, 5, CHANNELS)), rng.normal(size=(3, 4, 5, 5, CHANNELS))
    return jnp.asarray(x), jnp.asarray(cotangents)


def check_gradients(by_data, static, weights, op):
    """Gradients of the weights that the operation uses are equal, of the others zero."""
    expected = {id(a): g for a, g in zip(jax.tree.leaves(needed(op, weights)), static, strict=True)}
    for leaf, actual in zip(jax.tree.leaves(weights), by_data, strict=True):
        np.testing.assert_allclose(actual, expected.get(id(leaf), 0.0), **TOLERANCE)


@pytest.mark.parametrize("norm", list(Norm))
def test_static_equals_data(norm, draws):
    x, cotangents = draws
    weights = edge_weights(norm)

    @jax.jit
    def data(op, x):
        out, pull_back = jax.vjp(lambda w, x: apply_operation(op, w, x, norm=norm), weights, x)
        return out, jax.vmap(pull_back)(cotangents)

    for op in range(5):
        out, (d_weights, d_x) = data(jnp.asarray(op), x)
        expected, pull_back = jax.vjp(
            lambda w, x, op=op: apply_operation(op, w, x, norm=norm), needed(op, weights), x
        )
        s_weights, s_x = jax.vmap(pull_back)(cotangents)
        np.testing.assert_allclose(out, expected, **TOLERANCE)
        np.testing.assert_allclose(d_x, s_x, **TOLERANCE)
        check_gradients(jax.tree.leaves(d_weights), jax.tree.leaves(s_weights), weights, op)


@pytest.mark.parametrize("norm", [Norm.IMAGE, Norm.FROZEN, Norm.NONE])
def test_data_operation_under_vmap_over_images(norm, draws):
    x, cotangents = draws
    weights = edge_weights(norm)

    def gradients(operation, weights, image, cotangent):
        out, pull_back = jax.vjp(operation, weights, image[None])
        return out, pull_back(cotangent[None])

    @jax.jit
    def data(op):
        def operation(w, x):
            return apply_operation(op, w, x, norm=norm)

        return jax.vmap(lambda x, g: gradients(operation, weights, x, g))(x, cotangents[0])

    for op in range(5):
        out, (d_weights, d_x) = data(jnp.asarray(op))
        for i in range(len(x)):
            expected, (s_weights, s_x) = gradients(
                lambda w, x, op=op: apply_operation(op, w, x, norm=norm),
                needed(op, weights),
                x[i],
                cotangents[0, i],
            )
            np.testing.assert_allclose(out[i], expected, **TOLERANCE)
            np.testing.assert_allclose(d_x[i], s_x, **TOLERANCE)
            rows = [leaf[i] for leaf in jax.tree.leaves(d_weights)]
            check_gradients(rows, jax.tree.leaves(s_weights), weights, op)


def test_vmapped_program_keeps_a_branch_for_each_operation(draws):
    x, _ = draws
    weights = edge_weights(Norm.IMAGE)

    def each(op, x):
        one = lambda image: apply_operation(op, weights, image[None], norm=Norm.IMAGE)  # noqa: E731
        return jax.vmap(one)(x)

    def has_branches(jaxpr):
        inner = [
            j for e in jaxpr.eqns for j in jax.tree.leaves(list(e.params.values()), is_leaf=_is)
        ]
        return any(e.primitive.name == "cond" for e in jaxpr.eqns) or any(
            has_branches(getattr(j, "jaxpr", j)) for j in inner if _is(j)
        )

    assert has_branches(jax.make_jaxpr(each)(jnp.asarray(1), x).jaxpr)


def _is(value):
    return hasattr(value, "eqns") or hasattr(value, "jaxpr")


def test_each_code_is_the_operation_of_the_benchmark(draws):
    x, _ = draws
    weights = edge_weights(Norm.BATCH)
    images = to_torch(x, torch.float64)

    def conv(weights):
        kernel = torch.tensor(np.asarray(weights.kernel).transpose(3, 2, 0, 1))
        y = functional.conv2d(images.relu(), kernel, padding=kernel.shape[-1] // 2)
        scale, bias = (torch.tensor(np.asarray(v)) for v in (weights.scale, weights.bias))
        return functional.batch_norm(y, None, None, scale, bias, training=True)

    expected = [
        torch.zeros_like(images),
        images,
        conv(weights.conv_1x1),
        conv(weights.conv_3x3),
        functional.avg_pool2d(images, 3, stride=1, padding=1, count_include_pad=False),
    ]
    for op, value in enumerate(expected):
        out = apply_operation(op, weights, x, norm=Norm.BATCH)
        np.testing.assert_allclose(out, to_numpy(value), **TOLERANCE)
