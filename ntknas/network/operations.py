"""The five operations of an edge, chosen by a Python integer or by data.

A program whose operations are data serves every architecture. `lax.switch` on an operation code
that is not batched keeps real branches under `vmap`: only the chosen operation runs. Its backward
pass is a switch too and saves the edge's input alone, for otherwise every branch would have to
return zero-filled residuals of all the others.
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
    return _switch(norm, op, weights, x), (op, weights, x)


def _backward(norm, residuals, g):
    op, weights, x = residuals

    def pull_back(branch):
        return lambda weights, x, g: jax.vjp(branch, weights, x)[1](g)

    d_weights, d_x = lax.switch(op, [pull_back(b) for b in _branches(norm)], weights, x, g)
    return None, d_weights, d_x


_switch.defvjp(_forward, _backward)
