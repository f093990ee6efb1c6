"""Convolution with a weight gradient that is fast in training: one cotangent, many pixels.

XLA's CPU back end is slow on the weight gradient of a convolution. The matrix product of patches
that `convolve` has instead is made for many cotangents at once. For a single one, most of its time
goes to nine copies of the inputs. Here, output (p, q) takes input (p + a, q + b): three columns of
inputs and three rows of cotangents give all nine products, from a third of the copies. Accelerators
take the gradient of their own library.
"""

from collections.abc import Iterable
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Float

from ntknas.layers.convolution import convolve

__all__ = ["convolve_trained"]


@partial(jax.custom_vjp, nondiff_argnums=(0,))
def _convolve(stride, x, kernel):
    """`convolve_trained` with positional arguments, as `jax.custom_vjp` takes them."""
    return convolve(x, kernel, stride=stride)


def _forward(stride, x, kernel):
    """The forward rule of `_convolve`."""
    return convolve(x, kernel, stride=stride), (x, kernel)


def _backward(stride, residuals, g):
    """The backward rule of `_convolve`."""
    x, kernel = residuals
    _, transpose = jax.vjp(lambda x: convolve(x, kernel, stride=stride), x)
    d_kernel = lax.platform_dependent(
        x,
        g,
        cpu=partial(_by_products, len(kernel), stride),
        default=partial(_by_library, kernel.shape, stride),
    )
    return *transpose(g), d_kernel


_convolve.defvjp(_forward, _backward)


def _product(x: Float[Array, "n h w i"], g: Float[Array, "n h w o"]) -> Float[Array, "i o"]:
    """Sum over images and pixels of the outer products of two arrays' channels."""
    rows, columns = x.reshape(-1, x.shape[-1]), g.reshape(-1, g.shape[-1])
    return jnp.dot(rows.T, columns, precision=lax.Precision.HIGHEST)


def _by_products(size: int, stride: int, x: Array, g: Array) -> Float[Array, "s s i o"]:
    """The weight gradient as matrix products."""
    if size == 1:
        return _product(x[:, ::stride, ::stride], g)[None, None]
    inputs, outputs, pad = x.shape[-1], g.shape[-1], size // 2
    height, width = x.shape[1:3]
    if stride == 1:
        shifts = range(-pad, pad + 1)
        columns = _shifted(x, 2, shifts)
        rows = _shifted(g, 1, reversed(shifts))
        by_column = _product(columns, rows).reshape(size, inputs, size, outputs)
        return by_column.transpose(2, 0, 1, 3)
    padded = jnp.pad(x, ((0, 0), (pad, pad), (pad, pad), (0, 0)))
    products = [
        _product(padded[:, a : a + height : stride, b : b + width : stride], g)
        for a, b in np.ndindex(size, size)
    ]
    return jnp.stack(products).reshape(size, size, inputs, outputs)


def _shifted(x: Float[Array, "n h w c"], axis: int, shifts: Iterable[int]) -> Array:
    """Copies of x, one per shift s: position p holds the value of x at p + s, or zero outside."""
    shifts = tuple(shifts)
    pad, length = max(shifts), x.shape[axis]
    padded = jnp.pad(x, [(pad, pad) if a == axis else (0, 0) for a in range(4)])
    copies = [lax.slice_in_dim(padded, pad + s, pad + s + length, axis=axis) for s in shifts]
    return jnp.concatenate(copies, axis=-1)


def _by_library(shape: tuple[int, ...], stride: int, x: Array, g: Array) -> Array:
    """The weight gradient as the back end computes it."""
    pad = shape[0] // 2

    def linear(kernel):
        return lax.conv_general_dilated(
            x,
            kernel,
            (stride, stride),
            [(pad, pad)] * 2,
            dimension_numbers=("NHWC", "HWIO", "NHWC"),
            precision=lax.Precision.HIGHEST,
        )

    (d_kernel,) = jax.linear_transpose(linear, jax.ShapeDtypeStruct(shape, x.dtype))(g)
    return d_kernel


def convolve_trained(
    x: Float[Array, "n h w i"], kernel: Float[Array, "s s i o"], *, stride: int = 1
) -> Float[Array, "n p q o"]:
    """`ntknas.layers.convolve` with a weight gradient made for training.

    Args:
        x: Activations.
        kernel: Weights, height x width x inputs x outputs.
        stride: Step between outputs; it divides h and w.

    Returns:
        Activations [n, h / stride, w / stride, o].

    Example:
        >>> loss = lambda kernel: convolve_trained(jnp.ones((1, 4, 4, 2)), kernel).sum()
        >>> jax.grad(loss)(jnp.ones((3, 3, 2, 5)))[:, :, 0, 0]
        Array([[ 9., 12.,  9.],
               [12., 16., 12.],
               [ 9., 12.,  9.]], dtype=float32)
    """
    return _convolve(stride, x, kernel)
