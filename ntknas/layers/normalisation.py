"""Batch normalisation (Ioffe & Szegedy 2015) with statistics of the batch, the image or training.

Variances are population variances (divided by n), as PyTorch uses them. The backward pass is
written out: with xhat the normalised input and < > the mean over the normalised axes,
dx = scale / sigma (g - <g> - xhat <g xhat>). The two means are also the gradients of bias and
scale. A pull-back therefore reads the cotangent once to reduce it and once to transform it.
"""

from functools import partial

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float

from ntknas.layers.norm import Norm

__all__ = [
    "EPSILON",
    "axes_of",
    "normalise",
    "normalise_batch",
    "normalise_rows",
    "standardised",
]

EPSILON = 1e-5  # PyTorch's default


def normalise(
    x: Float[Array, "n h w c"],
    scale: Float[Array, " c"] | None,
    bias: Float[Array, " c"] | None,
    mean: Float[Array, " c"] | None = None,
    variance: Float[Array, " c"] | None = None,
    *,
    norm: Norm,
) -> Float[Array, "n h w c"]:
    """Scale and shift the normalised activations.

    Args:
        x: Activations.
        scale: Factor of each channel (PyTorch's weight); None for `Norm.NONE`.
        bias: Shift of each channel; None for `Norm.NONE`.
        mean: Running mean, for `Norm.FROZEN` alone.
        variance: Running variance, for `Norm.FROZEN` alone.
        norm: Normalisation statistics. `Norm.NONE` returns x unchanged.

    Returns:
        Activations of the shape of x.

    Example:
        >>> x = jnp.arange(16.0).reshape(1, 4, 4, 1)
        >>> y = normalise(x, jnp.ones(1), jnp.zeros(1), norm=Norm.BATCH)
        >>> bool(abs(y.mean()) < 1e-6), round(float(y.var()), 3)
        (True, 1.0)
    """
    if norm is Norm.NONE:
        return x
    assert scale is not None
    assert bias is not None
    if norm is Norm.FROZEN:
        assert mean is not None
        assert variance is not None
        return (x - _row(mean)) * _row(scale * lax.rsqrt(variance + EPSILON)) + _row(bias)
    return _standardise(axes_of(norm), x, scale, bias)


@jax.custom_vjp
def normalise_batch(
    x: Float[Array, "n h w c"], scale: Float[Array, " c"], bias: Float[Array, " c"]
) -> tuple[Float[Array, "n h w c"], Float[Array, " c"], Float[Array, " c"]]:
    """`normalise` with statistics of the batch, which are returned too.

    Args:
        x: Activations.
        scale: Factor of each channel.
        bias: Shift of each channel.

    Returns:
        Activations of the shape of x; the mean, and the population variance of each channel. The
        statistics are constants to a derivative.

    Example:
        >>> _, mean, variance = normalise_batch(jnp.ones((2, 4, 4, 1)), jnp.ones(1), jnp.zeros(1))
        >>> float(mean[0]), float(variance[0])
        (1.0, 0.0)
    """
    return _batch_forward(x, scale, bias)[0]


def _batch_forward(x, scale, bias):
    """The forward rule of `normalise_batch`."""
    axes, pixel = (0, 1, 2), x[:1, :1, :1]
    shifted = x - pixel  # see `_standardised`
    mean = shifted.mean(axes)
    variance = jnp.square(shifted - _row(mean)).mean(axes)
    inverse = lax.rsqrt(variance + EPSILON)
    normalised = (shifted - _row(mean)) * _row(inverse)
    outputs = normalised * _row(scale) + _row(bias), mean + pixel[0, 0, 0], variance
    return outputs, (normalised, inverse, scale)


def _batch_backward(residuals, cotangents):
    """The backward rule of `normalise_batch`; unlike `_backward`, it computes nothing twice."""
    (normalised, inverse, scale), g = residuals, cotangents[0]
    count = normalised.size // scale.size
    sum_g, sum_gx = g.sum((0, 1, 2)), (g * normalised).sum((0, 1, 2))
    d_x = _row(inverse * scale) * (g - _row(sum_g / count) - normalised * _row(sum_gx / count))
    return d_x, sum_gx, sum_g


normalise_batch.defvjp(_batch_forward, _batch_backward)


def axes_of(norm):
    """The axes that statistics are taken over."""
    return (0, 1, 2) if norm is Norm.BATCH else (1, 2)


def _row(vector):
    """A vector of channels with axes of length 1 for images and pixels."""
    return vector[None, None, None, :]


def standardised(axes, x):
    """Normalised activations and 1 / sigma."""
    # One pixel per channel is subtracted first, so that a constant channel gives exact zeros.
    # Rounding in its mean would otherwise be divided by sqrt(EPSILON).
    x = x - (x[:, :1, :1] if axes == (1, 2) else x[:1, :1, :1])
    x = x - x.mean(axes, keepdims=True)
    inverse = lax.rsqrt(jnp.square(x).mean(axes, keepdims=True) + EPSILON)
    return x * inverse, inverse


@partial(jax.custom_vjp, nondiff_argnums=(0,))
def _standardise(axes, x, scale, bias):
    """Activations normalised over the axes, then scaled and shifted."""
    return standardised(axes, x)[0] * _row(scale) + _row(bias)


def _forward(axes, x, scale, bias):
    """The forward rule of `_standardise`."""
    return _standardise(axes, x, scale, bias), (x, scale)


def _transposed(axes, x, scale, g):
    """The cotangent of x, and the sums over the axes that give those of scale and bias."""
    normalised, inverse = standardised(axes, x)
    count = x.size // inverse.size
    sum_g = g.sum(axes, keepdims=True)
    sum_gx = (g * normalised).sum(axes, keepdims=True)
    d_x = (inverse * _row(scale)) * (g - sum_g / count - normalised * (sum_gx / count))
    return d_x, sum_gx, sum_g


def _backward(axes, residuals, g):
    """The backward rule of `_standardise`."""
    x, scale = residuals
    d_x, sum_gx, sum_g = _transposed(axes, x, scale, g)
    return d_x, sum_gx.sum((0, 1, 2)), sum_g.sum((0, 1, 2))


_standardise.defvjp(_forward, _backward)


def normalise_rows(
    g: Float[Array, "n h w c"],
    x: Float[Array, "n h w c"],
    scale: Float[Array, " c"] | None,
    bias: Float[Array, " c"] | None,
    mean: Float[Array, " c"] | None = None,
    variance: Float[Array, " c"] | None = None,
    *,
    norm: Norm,
) -> tuple[Float[Array, "n h w c"], Float[Array, "r c"] | None, Float[Array, "r c"] | None]:
    """The transpose of `normalise`, with a row of gradients for every image.

    Args:
        g: Cotangent of the normalised activations.
        x: Activations.
        scale: Factor of each channel; None for `Norm.NONE`.
        bias: Shift of each channel; None for `Norm.NONE`.
        mean: Running mean, for `Norm.FROZEN` alone.
        variance: Running variance, for `Norm.FROZEN` alone.
        norm: Normalisation statistics. `Norm.BATCH` couples the images, so it gives a single row.

    Returns:
        The cotangent of x, and the cotangents of scale and bias, one row per image. The latter are
        None for `Norm.NONE`.
    """
    if norm is Norm.NONE:
        return g, None, None
    assert scale is not None
    if norm is Norm.FROZEN:
        assert mean is not None
        assert variance is not None
        inverse = _row(lax.rsqrt(variance + EPSILON))
        scale_rows = (g * (x - _row(mean)) * inverse).sum((1, 2))
        return g * (_row(scale) * inverse), scale_rows, g.sum((1, 2))
    d_x, sum_gx, sum_g = _transposed(axes_of(norm), x, scale, g)
    return d_x, sum_gx[:, 0, 0], sum_g[:, 0, 0]
