"""A cell whose operations are data equals the one compiled in, in values and gradients."""

from functools import partial

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch
from torch.nn import functional

from ntknas.kernel.layerwise import ConvNormWeights
from ntknas.layers import Norm
from ntknas.layers.convolution import convolve
from ntknas.network.cells import EdgeWeights, apply_operation, traced_cell, watched_cell
from ntknas.spaces.nasbench201 import EDGES
from tests.kernel.models import quick_jit
from tests.network.reference import to_numpy, to_torch
from tests.tolerances import TOLERANCES

TOLERANCE = TOLERANCES["float64"]
CHANNELS = 3


CELLS = [(op,) * 6 for op in range(5)] + [
    (3, 2, 4, 1, 0, 3),
    (0, 3, 1, 4, 2, 2),
    (1, 4, 3, 2, 3, 1),
    (2, 0, 0, 0, 4, 3),
]


def cell_weights(norm: Norm) -> tuple[EdgeWeights, ...]:
    rng = np.random.default_rng(2)

    def conv(size):
        kernel = jnp.asarray(rng.normal(size=(size, size, CHANNELS, CHANNELS)))
        scale, bias, mean = jnp.asarray(rng.normal(size=(3, CHANNELS)))
        variance = jnp.asarray(rng.uniform(0.5, 2, CHANNELS))
        if norm is Norm.NONE:
            return ConvNormWeights(kernel)
        running = (mean, variance) if norm is Norm.FROZEN else ()
        return ConvNormWeights(kernel, scale, bias, *running)

    return tuple(EdgeWeights(conv(1), conv(3)) for _ in EDGES)


def static_cell(ops, weights, x, *, norm):
    """The cell as written: every node is the sum of its edges."""
    nodes = [x, 0.0, 0.0, 0.0]
    for op, own, (source, target) in zip(ops, weights, EDGES, strict=True):
        value = nodes[source] + jnp.zeros_like(x)
        nodes[target] += apply_operation(op, own, value, norm=norm)
    return nodes[3] + jnp.zeros_like(x)


@pytest.fixture
def draws(float64):
    rng = np.random.default_rng(3)
    x, cotangents = rng.normal(size=(4, 5, 5, CHANNELS)), rng.normal(size=(3, 4, 5, 5, CHANNELS))
    return jnp.asarray(x), jnp.asarray(cotangents)


check_equal = partial(chex.assert_trees_all_close, **TOLERANCE)


SOME_SLOW = [
    norm if norm is Norm.BATCH else pytest.param(norm, marks=pytest.mark.slow) for norm in Norm
]


@pytest.mark.parametrize("norm", SOME_SLOW)
def test_a_cell_of_data_equals_the_static_one(norm, draws):
    """Values and gradients; those of weights that no operation uses are zero."""
    x, cotangents = draws
    weights = cell_weights(norm)

    def all_of(cell, *args):
        out, pull_back = jax.vjp(cell, *args)
        return out, jax.vmap(pull_back)(cotangents)

    data = quick_jit(lambda ops: all_of(partial(traced_cell, norm, ops), weights, x))
    for ops in CELLS:
        static = all_of(lambda w, x, ops=ops: static_cell(ops, w, x, norm=norm), weights, x)
        check_equal(data(jnp.asarray(ops)), static)


@pytest.mark.parametrize("norm", [Norm.IMAGE, Norm.FROZEN, Norm.NONE])
def test_a_cell_of_data_under_vmap_over_images(norm, draws):
    x, cotangents = draws
    weights = cell_weights(norm)

    def each_image(cell):
        def one(image, cotangent):
            out, pull_back = jax.vjp(cell, weights, image[None])
            return out, pull_back(cotangent[None])

        return jax.vmap(one)(x, cotangents[0])

    data = quick_jit(lambda ops: each_image(partial(traced_cell, norm, ops)))
    for ops in CELLS[3:6]:
        static = each_image(lambda w, x, ops=ops: static_cell(ops, w, x, norm=norm))
        check_equal(data(jnp.asarray(ops)), static)


def test_several_cells_of_data_at_once(draws):
    """Under vmap over operations there is no branch, and each cell is still its own."""
    x, cotangents = draws
    weights = cell_weights(Norm.BATCH)

    def one(ops):
        out, pull_back = jax.vjp(partial(traced_cell, Norm.BATCH, ops), weights, x)
        return out, pull_back(cotangents[0])

    many = quick_jit(jax.vmap(one))(jnp.asarray(CELLS))
    for i, ops in enumerate(CELLS):
        out, pull_back = jax.vjp(
            lambda w, x, ops=ops: static_cell(ops, w, x, norm=Norm.BATCH), weights, x
        )
        check_equal(jax.tree.map(lambda a, i=i: a[i], many), (out, pull_back(cotangents[0])))


def test_vmapped_program_keeps_a_branch_for_each_operation(draws):
    x, _ = draws
    weights = cell_weights(Norm.IMAGE)

    def each(ops, x):
        one = lambda image: traced_cell(Norm.IMAGE, ops, weights, image[None])  # noqa: E731
        return jax.vmap(one)(x)

    def has_branches(jaxpr):
        inner = [
            j for e in jaxpr.eqns for j in jax.tree.leaves(list(e.params.values()), is_leaf=_is)
        ]
        return any(e.primitive.name == "cond" for e in jaxpr.eqns) or any(
            has_branches(getattr(j, "jaxpr", j)) for j in inner if _is(j)
        )

    assert has_branches(jax.make_jaxpr(each)(jnp.ones(6, jnp.int32), x).jaxpr)


def _is(value):
    return hasattr(value, "eqns") or hasattr(value, "jaxpr")


@pytest.mark.parametrize("norm", [Norm.BATCH, Norm.NONE])
def test_watched_cell_is_the_cell_and_shows_its_edges(draws, norm):
    x, cotangents = draws
    weights = cell_weights(norm)
    ones = jnp.ones((len(EDGES), len(x), 1, 1, CHANNELS))

    @quick_jit
    def watched(ops, factors):
        def cell(weights, x):
            return watched_cell(norm, ops, weights, factors, x)

        out, pull_back, seen = jax.vjp(cell, weights, x, has_aux=True)
        return (out, pull_back(cotangents[0])), seen

    @quick_jit
    def traced(ops):
        out, pull_back = jax.vjp(partial(traced_cell, norm, ops), weights, x)
        return out, pull_back(cotangents[0])

    for cell in CELLS:
        ops = jnp.asarray(cell)
        found, (taken, given) = watched(ops, ones)
        check_equal(found, traced(ops))
        np.testing.assert_array_equal(taken[0], x)
        for op, own, own_taken, own_given in zip(cell, weights, taken, given, strict=True):
            weight = {2: own.conv_1x1, 3: own.conv_3x3}.get(op)
            expected = 0 if weight is None else convolve(jax.nn.relu(own_taken), weight.kernel)
            np.testing.assert_allclose(own_given, expected + jnp.zeros_like(x), **TOLERANCE)
        if norm is Norm.NONE and cell == (3,) * 6:  # without normalisation factors pass through
            factors = ones.at[3:].set(2.0)  # of the last node's edges
            np.testing.assert_allclose(watched(ops, factors)[0][0], 2 * found[0], **TOLERANCE)


def test_each_code_is_the_operation_of_the_benchmark(draws):
    x, _ = draws
    weights = cell_weights(Norm.BATCH)[0]
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
