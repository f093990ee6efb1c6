"""Normalisation that keeps what it computes, and its first and second derivatives written out.

The values are those of `ntknas.layers.normalise`. With xhat the normalised activations, sigma what
they were divided by, < > the mean over the normalised axes, g the cotangent of the result and u
that of the gradient:

* The gradient by x is T(g) = scale / sigma (g - <g> - xhat <g xhat>). It is symmetric in g.
* The gradient by x of the sum of u T(g) is -scale / sigma^2 (xhat (<u g> - <u> <g>
  - 3 <u xhat> <g xhat>) + <u xhat> (g - <g>) + <g xhat> (u - <u>)).

Both need xhat and sigma alone, not x. Derivatives made by JAX read their arguments several times as
often.
"""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float

from ntknas.layers.norm import Norm
from ntknas.layers.normalisation import axes_of, normalise, standardised

__all__ = ["Standardised", "normalise_with", "standardise"]


class Standardised(NamedTuple):
    """Normalised activations, before scale and shift.

    Attributes:
        values: The activations, with mean 0 and variance 1.
        inverse: 1 / sigma, with axes of length 1 for what the statistics are taken over.
    """

    values: Float[Array, "n h w c"]
    inverse: Float[Array, "r 1 1 c"]


def standardise(x: Float[Array, "n h w c"], norm: Norm) -> Standardised | None:
    """Activations normalised by their own statistics; None for `Norm.FROZEN` and `Norm.NONE`.

    The result is a constant to derivatives. Those of `normalise_with` include it.

    Args:
        x: Activations.
        norm: Normalisation statistics.
    """
    if norm not in (Norm.BATCH, Norm.IMAGE):
        return None
    values, inverse = standardised(axes_of(norm), lax.stop_gradient(x))
    return Standardised(values, inverse)


def normalise_with(
    known: Standardised | None,
    x: Float[Array, "n h w c"],
    scale: Float[Array, " c"] | None,
    bias: Float[Array, " c"] | None,
    mean: Float[Array, " c"] | None = None,
    variance: Float[Array, " c"] | None = None,
    *,
    norm: Norm,
) -> Float[Array, "n h w c"]:
    """`ntknas.layers.normalise` of activations that are standardised already.

    Args:
        known: x, standardised.
        x: Activations.
        scale: Factor of each channel; None for `Norm.NONE`.
        bias: Shift of each channel; None for `Norm.NONE`.
        mean: Running mean, for `Norm.FROZEN` alone.
        variance: Running variance, for `Norm.FROZEN` alone.
        norm: Normalisation statistics.

    Example:
        >>> x = jnp.arange(16.0).reshape(1, 4, 4, 1)
        >>> known = standardise(x, Norm.BATCH)
        >>> y = normalise_with(known, x, jnp.ones(1), jnp.zeros(1), norm=Norm.BATCH)
        >>> bool(abs(y.mean()) < 1e-6), round(float(y.var()), 3)
        (True, 1.0)
    """
    if known is None:
        return normalise(x, scale, bias, mean, variance, norm=norm)
    assert scale is not None
    assert bias is not None
    return _scaled(norm, x, known, scale) + bias[None, None, None, :]


def _row(vector: Array) -> Array:
    """A vector of channels with axes of length 1 for images and pixels."""
    return vector[None, None, None, :]


@partial(jax.custom_vjp, nondiff_argnums=(0,))
def _scaled(norm, x, known, scale):
    """Normalised activations times the scale."""
    return known.values * _row(scale)


def _scaled_backward(norm, saved, g):
    """Cotangents of x and of the scale."""
    x, known, scale = saved
    d_scale = (g * _scaled(norm, x, known, jnp.ones_like(scale))).sum((0, 1, 2))
    return _gradient(norm, x, known, scale, g), None, d_scale


@partial(jax.custom_vjp, nondiff_argnums=(0,))
def _gradient(norm, x, known, scale, g):
    """T(g)."""
    return _gradient_forward(norm, x, known, scale, g)[0]


def _gradient_forward(norm, x, known, scale, g):
    """T(g), and what its derivative reads: the two means among them."""
    means = _means(norm, known, g)
    inner = g - means[0] - known.values * means[1]
    return (known.inverse * _row(scale)) * inner, (x, known, scale, g, means)


def _means(norm, known, g):
    """The means <g> and <g xhat>."""
    mean = partial(jnp.mean, axis=axes_of(norm), keepdims=True)
    return mean(g), mean(g * known.values)


def _gradient_backward(norm, saved, u):
    """Cotangents of x, of the scale and of g."""
    x, known, scale, g, means = saved
    d_x, d_scale = _second(norm, x, known, scale, g, means, u)
    return d_x, None, d_scale, _gradient(norm, x, known, scale, u)


@partial(jax.custom_vjp, nondiff_argnums=(0,))
def _second(norm, x, known, scale, g, means, u):
    """The gradients of the sum of u T(g) by x and by the scale."""
    normalised, (mean_g, mean_gx) = known.values, means
    mean_u, mean_ux = _means(norm, known, u)
    of_product = jnp.mean(u * g, axis=axes_of(norm), keepdims=True)
    rest = of_product - mean_u * mean_g
    inner = normalised * (rest - 3 * mean_ux * mean_gx)
    inner += mean_ux * (g - mean_g) + mean_gx * (u - mean_u)
    count = g.size // known.inverse.size
    d_scale = (known.inverse * (rest - mean_ux * mean_gx)).sum((0, 1, 2)) * count
    return -(jnp.square(known.inverse) * _row(scale)) * inner, d_scale


def _no_third(norm, *saved):
    """The third derivative: xhat, which is a constant in `_second`, does vary."""
    raise NotImplementedError("expected at most two derivatives of normalise_with, got a third")


_scaled.defvjp(
    lambda norm, x, known, scale: (_scaled(norm, x, known, scale), (x, known, scale)),
    _scaled_backward,
)
_gradient.defvjp(_gradient_forward, _gradient_backward)
_second.defvjp(_no_third, _no_third)
