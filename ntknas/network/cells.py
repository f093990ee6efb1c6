"""The operations of a cell's edges, chosen by Python integers or by data.

A program whose operations are data serves every architecture. `lax.switch` on an operation code
that is not batched keeps real branches under `vmap`: only the chosen operation runs. The backward
pass is written out, for two reasons. It is a switch too, and saves each edge's input and what its
convolution gave (zeros if it has none), for otherwise every branch would have to return zero-filled
residuals of all the others. And branches take the sum that they add to, so that an absent edge
is no addition of zeros.
"""

from collections.abc import Callable
from functools import cache, partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float, Int

from ntknas.kernel.layerwise import ConvNormWeights, Probe, conv_norm, conv_norm_rows
from ntknas.layers.convolution import avg_pool_3x3, convolve
from ntknas.layers.norm import Norm
from ntknas.layers.normalisation import normalise
from ntknas.spaces.nasbench201 import EDGES

__all__ = ["EdgeWeights", "apply_operation", "traced_cell", "watched_cell"]


class EdgeWeights(NamedTuple):
    """The weights of an edge, of which its operation uses one entry or none."""

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
        op: operation code 0..4.
        weights: of the convolution that `op` needs.
        x: the value of the node the edge starts from.
        norm: normalisation statistics.
        probe: collects the edge's part of the kernel, if given.

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
    factors: Float[Array, "6 n 1 1 c"],
    x: Float[Array, "n h w c"],
) -> tuple[Float[Array, "n h w c"], tuple[Float[Array, "6 n h w c"], Float[Array, "6 n h w c"]]]:
    """`traced_cell` with a view into it, and as one loop over edges.

    Derivatives of any order are a sixth of the program that they would be edge by edge; they hold
    more memory than those of `traced_cell`.

    Args:
        norm: normalisation statistics.
        ops: six operation codes.
        weights: of both convolutions of every edge.
        factors: of what each edge's convolution gives, before its normalisation.
        x: the value of the first node.

    Returns:
        The value of the last node; of every edge its input, and what its convolution gives (zeros for
        an operation without one).
    """

    def convolution(size):
        def branch(weights, factor, x):
            kernel, *norm_weights = _conv_norm(weights, size)
            y = convolve(jax.nn.relu(x), kernel)
            return normalise(y * factor, *norm_weights, norm=norm), y

        return branch

    branches = [
        lambda weights, factor, x: (jnp.zeros_like(x), jnp.zeros_like(x)),
        lambda weights, factor, x: (x, jnp.zeros_like(x)),
        convolution(1),
        convolution(3),
        lambda weights, factor, x: (avg_pool_3x3(x), jnp.zeros_like(x)),
    ]

    def edge(nodes, per_edge):
        op, own, factor, source, target = per_edge
        value, given = lax.switch(op, branches, own, factor, nodes[source])
        return nodes.at[target].add(value), (nodes[source], given)

    sources, targets = jnp.array(EDGES).T
    stacked = jax.tree.map(lambda *leaves: jnp.stack(leaves), *weights)
    nodes = jnp.zeros((4, *x.shape), x.dtype).at[0].set(x)
    nodes, seen = lax.scan(edge, nodes, (ops, stacked, factors, sources, targets))
    return nodes[3], seen


def _name(size: int) -> str:
    return f"conv_{size}x{size}"


def _conv_norm(weights: EdgeWeights, size: int) -> ConvNormWeights:
    return getattr(weights, _name(size))


def _plus(total, value):
    return value if total is None else total + value


def _total(like, total):
    return jnp.zeros_like(like) if total is None else total


@partial(jax.custom_vjp, nondiff_argnums=(0,))
def traced_cell(
    norm: Norm,
    ops: Int[Array, "6"],
    weights: tuple[EdgeWeights, ...],
    x: Float[Array, "n h w c"],
    probe: Probe | None = None,
) -> Float[Array, "n h w c"]:
    """The last node of a cell whose operations are data.

    Args:
        norm: normalisation statistics.
        ops: six operation codes.
        weights: of both convolutions of every edge.
        x: the value of the first node.
        probe: if given, its cotangent is the cell's part of the kernel (`ntknas.kernel.layerwise`)
            and the weights have none.

    Returns:
        The value of the last node.
    """
    return _cell_forward(norm, ops, weights, x, probe)[0]


def _cell_forward(norm, ops, weights, x, probe):
    nodes, saved = [x, None, None, None], []
    for op, own, (source, target) in zip(ops, weights, EDGES, strict=True):
        nodes[target], y = lax.switch(
            op, _forward_branches(norm), own, nodes[source], nodes[target]
        )
        saved.append(y)
    return nodes[3], (ops, weights, nodes[:3], saved, probe)


@cache
def _forward_branches(norm: Norm) -> list[Callable]:
    """Of every operation: `total` plus the edge's value, and what its convolution gave, or zeros.

    The same functions for every edge, so that JAX traces each once a shape.
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
    ops, weights, nodes, saved, probe = residuals
    d_nodes, d_weights = [None, None, None, g], [None] * len(EDGES)
    d_probe = jax.tree.map(jnp.zeros_like, probe)
    for edge in reversed(range(len(EDGES))):
        source, target = EDGES[edge]
        d_weights[edge], d_probe, d_nodes[source] = lax.switch(
            ops[edge],
            _backward_branches(norm),
            weights[edge],
            nodes[source],
            saved[edge],
            d_nodes[target],
            d_nodes[source],
            d_probe,
        )
    return None, None if probe else tuple(d_weights), d_nodes[0], d_probe


@cache
def _backward_branches(norm: Norm) -> list[Callable]:
    """Of every operation: cotangent of weights or probe, and `total` plus that of the edge's input.

    With a probe, `d_probe` plus the edge's part of the kernel and no cotangent of the weights.
    """

    def linear(transpose):
        def branch(weights, x, y, g, total, d_probe):
            d_weights = None if d_probe else jax.tree.map(jnp.zeros_like, weights)
            return d_weights, d_probe, transpose(g, total)

        return branch

    def convolution(size):
        def branch(weights, x, y, g, total, d_probe):
            own, d_weights = _conv_norm(weights, size), None
            if d_probe:
                d_relu, part = conv_norm_rows(norm, 1, g, jax.nn.relu(x), y, own, d_probe)
                d_probe = jax.tree.map(jnp.add, d_probe, part)
            else:
                kernel, *norm_weights = own
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
