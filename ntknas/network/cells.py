"""The operations of a cell's edges, chosen by Python integers or by data.

A program whose operations are data serves every architecture. `lax.switch` on an operation code
that is not batched keeps real branches under `vmap`: only the chosen operation runs. The backward
pass is written out, for two reasons:

* The backward pass is a switch too. It reads each edge's input and the output of its convolution
  (zeros if it has none). An automatic one would make every branch return zero-filled residuals of
  all the others.
* Branches take the sum that they add to, so that an absent edge adds no zeros.
"""

from collections.abc import Callable
from functools import cache, partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float, Int

from ntknas.kernel.layerwise import ConvNormWeights, Probe, conv_norm, conv_norm_rows
from ntknas.layers.bilinear import conv_output
from ntknas.layers.convolution import avg_pool_3x3, convolve
from ntknas.layers.norm import Norm
from ntknas.layers.normalisation import normalise
from ntknas.layers.standardise import normalise_with, standardise
from ntknas.network.choice import Branch, choose
from ntknas.spaces.nasbench201 import EDGES

__all__ = ["EdgeWeights", "apply_operation", "traced_cell", "watched_cell"]


class EdgeWeights(NamedTuple):
    """The weights of an edge; its operation uses one of the entries or none."""

    conv_1x1: ConvNormWeights | None = None
    conv_3x3: ConvNormWeights | None = None


def apply_operation(
    op: int,
    weights: EdgeWeights,
    x: Float[Array, "n h w c"],
    *,
    norm: Norm,
    probe: Probe | None = None,
) -> Float[Array, "n h w c"]:
    """The output of one edge.

    Args:
        op: Operation code 0..4.
        weights: Weights of the convolution that `op` needs.
        x: Value of the node that the edge starts from.
        norm: Normalisation statistics.
        probe: Probe that collects the edge's part of the kernel; None means no kernel.

    Returns:
        The edge's contribution to the node it ends in.

    Example:
        >>> x = jnp.ones((1, 4, 4, 2))
        >>> apply_operation(4, EdgeWeights(), x, norm=Norm.BATCH).sum()
        Array(32., dtype=float32)
    """

    def relu_conv_norm(size: int) -> Array:
        return conv_norm(jax.nn.relu(x), _conv_norm(weights, size), norm=norm, probe=probe)

    branches: list[Callable[[], Array]] = [
        lambda: jnp.zeros_like(x),
        lambda: x,
        lambda: relu_conv_norm(1),
        lambda: relu_conv_norm(3),
        lambda: avg_pool_3x3(x),
    ]
    return branches[op]()


def watched_cell(
    norm: Norm,
    ops: Int[Array, "6"],
    weights: tuple[EdgeWeights, ...],
    factors: Float[Array, "6 n 1 1 c"] | None,
    x: Float[Array, "n h w c"],
) -> tuple[Float[Array, "n h w c"], tuple[Float[Array, "6 n h w c"], Float[Array, "6 n h w c"]]]:
    """`traced_cell`, which also returns the inputs of its edges and their convolutions.

    It has two derivatives. Each keeps, for every edge, its input, its convolution and what that is
    normalised to (`ntknas.network.choice`).

    Args:
        norm: Normalisation statistics.
        ops: Six operation codes of the cell.
        weights: Weights of both convolutions of every edge.
        factors: Factors of the output of each edge's convolution, before its normalisation. None
            means factors of 1.
        x: Value of the first node.

    Returns:
        The value of the last node, and for every edge its input and the output of its convolution
        (zeros for an operation without one).
    """
    branches, values = _watched_branches(norm, factors is None), []
    nodes: list[Any] = [x, None, None, None]
    per_edge = [None] * len(EDGES) if factors is None else factors
    for op, edge_weights, factor, (source, target) in zip(
        ops, weights, per_edge, EDGES, strict=True
    ):
        value, convolved = choose(op, branches, edge_weights, factor, nodes[source])
        values.append((nodes[source], convolved))
        nodes[target] = _plus(nodes[target], value)
    inputs, convolutions = map(jnp.stack, zip(*values, strict=True))
    return nodes[3], (inputs, convolutions)


@cache
def _watched_branches(norm: Norm, unscaled: bool) -> tuple[Branch, ...]:
    """A branch for every operation.

    Each keeps its convolution, and what that is normalised to as a constant, or zeros in their
    place.
    """
    # Derivatives by a factor or by the running variance do depend on it.
    linear = unscaled and norm is not Norm.FROZEN

    def convolution(size):
        def first(weights, factor, x):
            y = conv_output(jax.nn.relu(x), _conv_norm(weights, size).kernel)
            return y, standardise(_times(y, factor), norm)

        def last(y, known, weights, factor, x):
            _, *norm_weights = _conv_norm(weights, size)
            return normalise_with(known, _times(y, factor), *norm_weights, norm=norm)

        return Branch(first, last, linear)

    def without(operation):
        def zeros(weights, factor, x):
            shapes = jax.eval_shape(partial(standardise, norm=norm), x)
            return jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), (x, shapes))

        return Branch(zeros, lambda y, known, weights, factor, x: operation(x), linear)

    return (
        without(jnp.zeros_like),
        without(lambda x: x),
        convolution(1),
        convolution(3),
        without(avg_pool_3x3),
    )


def _times(y, factor):
    """The product; None stands for a factor of 1."""
    return y if factor is None else y * factor


def _name(size: int) -> str:
    """The entry of `EdgeWeights` for a kernel size."""
    return f"conv_{size}x{size}"


def _conv_norm(weights: EdgeWeights, size: int) -> ConvNormWeights:
    """The edge's weights of the convolution of a kernel size."""
    return getattr(weights, _name(size))


def _plus(total, value):
    """The total plus a value; None stands for an empty total."""
    return value if total is None else total + value


def _total(like, total):
    """The total, or zeros of the shape of `like` for an empty total."""
    return jnp.zeros_like(like) if total is None else total


@partial(jax.custom_vjp, nondiff_argnums=(0,))
def traced_cell(
    norm: Norm,
    ops: Int[Array, "6"],
    weights: tuple[EdgeWeights, ...],
    x: Float[Array, "n h w c"],
    probes: tuple[Probe, ...] | None = None,
) -> Float[Array, "n h w c"]:
    """The last node of a cell whose operations are data.

    Args:
        norm: Normalisation statistics.
        ops: Six operation codes of the cell.
        weights: Weights of both convolutions of every edge.
        x: Value of the first node.
        probes: A probe for every edge, whose cotangent is the edge's part of the kernel
            (`ntknas.kernel.layerwise`). With probes, the weights have no cotangent.

    Returns:
        The value of the last node.
    """
    return _cell_forward(norm, ops, weights, x, probes)[0]


def _cell_forward(norm, ops, weights, x, probes):
    """The last node, and the values that the backward pass reads."""
    nodes, saved = [x, None, None, None], []
    for op, edge_weights, (source, target) in zip(ops, weights, EDGES, strict=True):
        nodes[target], y = lax.switch(
            op, _forward_branches(norm), edge_weights, nodes[source], nodes[target]
        )
        saved.append(y)
    return nodes[3], (ops, weights, nodes[:3], saved, probes)


@cache
def _forward_branches(norm: Norm) -> list[Callable]:
    """A branch for every operation: `total` plus the edge's value, and its convolution or zeros.

    All edges use the same functions, so that JAX traces each of them once per shape.
    """

    def convolution(size):
        def branch(weights, x, total):
            kernel, *norm_weights = _conv_norm(weights, size)
            y = convolve(jax.nn.relu(x), kernel)
            return _plus(total, normalise(y, *norm_weights, norm=norm)), y

        return branch

    return [
        lambda weights, x, total: (_total(x, total), jnp.zeros_like(x)),
        lambda weights, x, total: (_plus(total, x), jnp.zeros_like(x)),
        convolution(1),
        convolution(3),
        lambda weights, x, total: (_plus(total, avg_pool_3x3(x)), jnp.zeros_like(x)),
    ]


def _cell_backward(norm, residuals, g):
    """Cotangents of the weights or of the probes, and of the first node."""
    ops, weights, nodes, saved, probes = residuals
    d_nodes, d_weights = [None, None, None, g], [None] * len(EDGES)
    d_probes = [None] * len(EDGES)
    for edge in reversed(range(len(EDGES))):
        source, target = EDGES[edge]
        d_weights[edge], d_probes[edge], d_nodes[source] = lax.switch(
            ops[edge],
            _backward_branches(norm),
            weights[edge],
            nodes[source],
            saved[edge],
            d_nodes[target],
            d_nodes[source],
            probes and probes[edge],
        )
    if probes:
        return None, None, d_nodes[0], tuple(d_probes)
    return None, tuple(d_weights), d_nodes[0], None


@cache
def _backward_branches(norm: Norm) -> list[Callable]:
    """A branch for every operation: cotangents of the weights, the probe and the edge's input.

    The cotangent of the input is added to `total`. With a probe, its cotangent is the edge's part
    of the kernel, and the weights have no cotangent.
    """

    def linear(transpose):
        def branch(weights, x, y, g, total, probe):
            d_weights = None if probe else jax.tree.map(jnp.zeros_like, weights)
            return d_weights, jax.tree.map(jnp.zeros_like, probe), transpose(g, total)

        return branch

    def convolution(size):
        def branch(weights, x, y, g, total, probe):
            layer, d_weights, d_probe = _conv_norm(weights, size), None, None
            if probe:
                d_relu, d_probe = conv_norm_rows(norm, 1, g, jax.nn.relu(x), y, layer, probe)
            else:
                kernel, *norm_weights = layer
                _, transpose = jax.vjp(lambda *args: normalise(*args, norm=norm), y, *norm_weights)
                d_y, *d_norm = transpose(g)
                d_relu, d_kernel = jax.vjp(convolve, jax.nn.relu(x), kernel)[1](d_y)
                d_weights = jax.tree.map(jnp.zeros_like, weights)
                d_weights = d_weights._replace(**{_name(size): ConvNormWeights(d_kernel, *d_norm)})
            return d_weights, d_probe, _plus(total, jnp.where(x > 0, d_relu, 0))

        return branch

    return [
        linear(_total),
        linear(lambda g, total: _plus(total, g)),
        convolution(1),
        convolution(3),
        linear(lambda g, total: _plus(total, jax.vjp(avg_pool_3x3, g)[1](g)[0])),
    ]


traced_cell.defvjp(_cell_forward, _cell_backward)
