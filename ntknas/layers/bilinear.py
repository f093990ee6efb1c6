"""Convolution and its two gradients, each of which is differentiated by means of the other two.

The three are bilinear, and each is an adjoint of the others: <conv_output(x, k), g> =
<x, conv_input(g, k)> = <k, conv_kernel(x, g)>. Derivatives of any order are therefore made
of these three programs, and nothing but their arguments is kept for them.

XLA's CPU back end has fast convolutions in float32, and in float64 for more than 16 channels. It
has none for the gradient of a kernel, and for strided gradients in float64. Those are matrix
products here.
"""

from functools import partial

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float

from ntknas.layers.convolution import convolve, convolve_gradients

__all__ = ["conv_output", "conv_input", "conv_kernel"]

_NARROW = 17
"""Number of channels that inputs in float64 are filled up to with zeros.

On CPUs XLA's convolution of 16 to 16 channels takes sixteen times as long as that of 17 to 16.
"""


@partial(jax.custom_vjp, nondiff_argnums=(2,))
def conv_output(
    x: Float[Array, "n h w i"], kernel: Float[Array, "s s i o"], stride: int = 1
) -> Float[Array, "n p q o"]:
    """Convolution of kernel size 1 or 3 as `ntknas.layers.convolve` computes it.

    Args:
        x: Activations.
        kernel: Weights, height x width x inputs x outputs.
        stride: Step between outputs; it divides h and w.

    Example:
        >>> conv_output(jnp.ones((1, 4, 4, 2)), jnp.ones((3, 3, 2, 5)), 2).shape
        (1, 2, 2, 5)
    """
    short = _NARROW - x.shape[-1]
    if x.dtype == jnp.float64 and len(kernel) > 1 and short > 0:
        x = jnp.pad(x, [(0, 0)] * 3 + [(0, short)])
        kernel = jnp.pad(kernel, [(0, 0)] * 2 + [(0, short), (0, 0)])
    return convolve(x, kernel, stride=stride)


@partial(jax.custom_vjp, nondiff_argnums=(2,))
def conv_input(
    g: Float[Array, "n p q o"], kernel: Float[Array, "s s i o"], stride: int = 1
) -> Float[Array, "n h w i"]:
    """The gradient of `conv_output` by its input.

    Args:
        g: Cotangent of the convolution.
        kernel: Weights.
        stride: Step between outputs, 1 or 2; h = p stride, w = q stride.
    """
    if stride == 1:
        return conv_output(g, jnp.flip(kernel, (0, 1)).swapaxes(2, 3))
    if g.dtype != jnp.float64 or len(kernel) == 1:
        n, p, q, _ = g.shape
        x = jnp.zeros((n, p * stride, q * stride, kernel.shape[2]), g.dtype)
        return convolve_gradients(x, kernel, g, stride=stride)[0]
    # Output p takes inputs 2 p - 1, 2 p and 2 p + 1: the even inputs belong to one output, and the
    # odd ones to two.
    parts = jnp.einsum("npqo,abio->abnpqi", g, kernel, precision=lax.Precision.HIGHEST)
    rows = _interleave(parts[1], parts[2] + _shift(parts[0], 2, 1), 2)
    return _interleave(rows[1], rows[2] + _shift(rows[0], 2, 1), 2)


@partial(jax.custom_vjp, nondiff_argnums=(2, 3))
def conv_kernel(
    x: Float[Array, "n h w i"], g: Float[Array, "n p q o"], size: int, stride: int = 1
) -> Float[Array, "s s i o"]:
    """The gradient of `conv_output` by its kernel.

    Args:
        x: Activations.
        g: Cotangent of the convolution.
        size: Height and width of the kernel, 1 or 3.
        stride: Step between outputs.
    """
    inputs, outputs = x.shape[-1], g.shape[-1]
    if stride != 1:
        kernel = jnp.zeros((size, size, inputs, outputs), x.dtype)
        return convolve_gradients(x, kernel, g, stride=stride)[1]
    if size == 1:
        return _dot(x.reshape(-1, inputs).T, g.reshape(-1, outputs))[None, None]
    # As in `convolve_rows`: three columns of inputs and three rows of outputs give nine products.
    columns = jnp.concatenate([_shift(x, 2, step) for step in (-1, 0, 1)], axis=-1)
    rows = jnp.concatenate([_shift(g, 1, step) for step in (1, 0, -1)], axis=-1)
    return _product(columns, rows).reshape(3, inputs, 3, outputs).transpose(2, 0, 1, 3)


conv_output.defvjp(
    lambda x, kernel, stride: (conv_output(x, kernel, stride), (x, kernel)),
    lambda stride, saved, g: (
        conv_input(g, saved[1], stride),
        conv_kernel(saved[0], g, len(saved[1]), stride),
    ),
)
conv_input.defvjp(
    lambda g, kernel, stride: (conv_input(g, kernel, stride), (g, kernel)),
    lambda stride, saved, x: (
        conv_output(x, saved[1], stride),
        conv_kernel(x, saved[0], len(saved[1]), stride),
    ),
)
conv_kernel.defvjp(
    lambda x, g, size, stride: (conv_kernel(x, g, size, stride), (x, g)),
    lambda size, stride, saved, kernel: (
        conv_input(saved[1], kernel, stride),
        conv_output(saved[0], kernel, stride),
    ),
)


def _product(a: Float[Array, "n h w i"], b: Float[Array, "n h w o"]) -> Float[Array, "i o"]:
    """The sum over images and pixels of products of channels, at full precision."""
    rows = a.reshape(-1, a.shape[-1])
    if a.dtype == jnp.float64:
        # On CPUs a product of a transposed view takes twice as long as one of a transposed copy,
        # which is slow in its turn where it is fused with what comes before it.
        columns = lax.optimization_barrier(lax.optimization_barrier(rows).T)
    else:
        columns = rows.T
    return _dot(columns, b.reshape(-1, b.shape[-1]))


def _dot(a: Float[Array, "i k"], b: Float[Array, "k o"]) -> Float[Array, "i o"]:
    """Matrix product at full precision."""
    return jnp.dot(a, b, precision=lax.Precision.HIGHEST)


def _shift(x: Array, axis: int, step: int) -> Array:
    """Values whose position p along the axis holds that of x at p + step, 0 outside."""
    config = [(0, 0, 0)] * x.ndim
    config[axis] = (-step, step, 0)
    return lax.pad(x, jnp.zeros((), x.dtype), config)


def _interleave(even: Array, odd: Array, axis: int) -> Array:
    """Values in turns along an axis."""
    shape = list(even.shape)
    shape[axis] *= 2
    return jnp.stack([even, odd], axis + 1).reshape(shape)
