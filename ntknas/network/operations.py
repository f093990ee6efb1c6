"""The five operations of an edge, chosen by a Python integer or by data.

A program whose operations are data serves every architecture. `lax.switch` on an operation code
that is not batched keeps real branches under `vmap`: only the chosen operation runs. Its backward
pass is a switch too and saves the edge's input and what its convolution gave (zeros if it has
none), for otherwise every branch would have to return zero-filled residuals of all the others.
"""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float, Int

from ntknas.network.convolution import avg_pool_3x3, convolve
from ntknas.network.normalisation import normalise
from ntknas.network.spec import Norm

__all__ = ["ConvNormWeights", "EdgeWeights", "apply_operation", "relu_conv_norm"]


class ConvNormWeights(NamedTuple):
    """A convolution and the normalisation behind it.

    Entries that the normalisation mode does not use are None.
    """

    kernel: Float[Array, "s s i o"]
    scale: Float[Array, " o"] | None = None
    bias: Float[Array, " o"] | None = None
    mean: Float[Array, " o"] | None = None
    variance: Float[Array, " o"] | None = None


class EdgeWeights(NamedTuple):
    """The weights of an edge, of which its operation uses one entry or none."""

    conv_1x1: ConvNormWeights | None = None
    conv_3x3: ConvNormWeights | None = None


def relu_conv_norm(
    x: Float[Array, "n h w i"], weights: ConvNormWeights, *, norm: Norm, stride: int = 1
) -> Float[Array, "n p q o"]:
    """ReLU, convolution, normalisation: the order of NAS-Bench-201."""
    return normalise(
        convolve(jax.nn.relu(x), weights.kernel, stride=stride), *weights[1:], norm=norm
    )


def _branches(norm: Norm) -> list[Callable[[EdgeWeights, Array], Array]]:
    """What an edge computes, in the order of the operation codes."""
    return [
        lambda weights, x: jnp.zeros_like(x),
        lambda weights, x: x,
        lambda weights, x: relu_conv_norm(x, weights.conv_1x1, norm=norm),
        lambda weights, x: relu_conv_norm(x, weights.conv_3x3, norm=norm),
        lambda weights, x: avg_pool_3x3(x),
    ]


def apply_operation(
    op: int | Int[Array, ""],
    weights: EdgeWeights,
    x: Float[Array, "n h w c"],
    *,
    norm: Norm,
) -> Float[Array, "n h w c"]:
    """The output of one edge.

    Args:
      op: operation code 0..4; a Python integer is compiled in, an array is data.
      weights: of both convolutions if `op` is data, else of the one that `op` needs.
      x: the value of the node the edge starts from.
      norm: normalisation statistics.

    Returns:
      The edge's contribution to the node it ends in.

    >>> x = jnp.ones((1, 4, 4, 2))
    >>> apply_operation(4, EdgeWeights(), x, norm=Norm.BATCH).sum()
    Array(32., dtype=float32)
    """
    if isinstance(op, int):
        return _branches(norm)[op](weights, x)
    return _switch(norm, op, weights, x)


@partial(jax.custom_vjp, nondiff_argnums=(0,))
def _switch(norm, op, weights, x):
    return lax.switch(op, _branches(norm), weights, x)


def _forward(norm, op, weights, x):
    def with_convolution(branch, size):
        def forward(weights, x):
            if size is None:
                return branch(weights, x), jnp.zeros_like(x)
            chosen = _chosen(weights, size)
            y = convolve(jax.nn.relu(x), chosen.kernel)
            return normalise(y, *chosen[1:], norm=norm), y

        return forward

    branches = [
        with_convolution(*pair) for pair in zip(_branches(norm), _KERNEL_SIZES, strict=True)
    ]
    out, y = lax.switch(op, branches, weights, x)
    return out, (op, weights, x, y)


def _backward(norm, residuals, g):
    op, weights, x, y = residuals

    def pull_back(branch, size):
        def backward(weights, x, y, g):
            if size is None:
                return jax.vjp(branch, weights, x)[1](g)
            chosen = _chosen(weights, size)
            d_y, *d_norm = jax.vjp(lambda *args: normalise(*args, norm=norm), y, *chosen[1:])[1](g)
            d_relu, d_kernel = jax.vjp(convolve, jax.nn.relu(x), chosen.kernel)[1](d_y)
            zeros = jax.tree.map(jnp.zeros_like, weights)
            d_weights = zeros._replace(**{_name(size): ConvNormWeights(d_kernel, *d_norm)})
            return d_weights, jnp.where(x > 0, d_relu, 0)

        return backward

    branches = [pull_back(*pair) for pair in zip(_branches(norm), _KERNEL_SIZES, strict=True)]
    d_weights, d_x = lax.switch(op, branches, weights, x, y, g)
    return None, d_weights, d_x


_switch.defvjp(_forward, _backward)

_KERNEL_SIZES = (None, None, 1, 3, None)


def _name(size: int) -> str:
    return f"conv_{size}x{size}"


def _chosen(weights: EdgeWeights, size: int) -> ConvNormWeights:
    return getattr(weights, _name(size))
