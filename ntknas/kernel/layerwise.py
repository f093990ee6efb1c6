"""Layers that form their part of the tangent kernel while they are differentiated.

A pull-back brings the cotangents of a layer's output to the layer. There the layer's part of the
Jacobian, one row of weight gradients per image, is formed, multiplied with itself, and dropped.
Only a product [n, n] leaves the layer, whatever the number of its weights. The layer returns it as
the cotangent of its argument `probe`, whose value is never read. A probe that goes through all
layers collects the sum over layers, which is the kernel. No other gradient of a parameter is taken.

* Where images do not interact, one pull-back through all of them gives every row. The probe is an
  array [n, n].
* Where they interact, every row needs a separate pull-back. The probe is an array [n], whose
  cotangent in the `jax.vmap` of all n pull-backs is the kernel.
"""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import lax
from jax.custom_batching import custom_vmap
from jaxtyping import Array, Float

from ntknas.layers.convolution import convolve, convolve_gradients, convolve_rows
from ntknas.layers.norm import Norm
from ntknas.layers.normalisation import normalise, normalise_rows

__all__ = [
    "ConvNormWeights",
    "Probe",
    "conv_norm",
    "conv_norm_rows",
    "linear",
    "norm_layer",
    "norm_products",
    "products",
]


class Probe(NamedTuple):
    """An argument whose cotangent is the tangent kernel of n images, in two parts.

    Attributes:
        weights: Products of the gradients of kernels and scales.
        biases: Products of the gradients of biases.
    """

    weights: Float[Array, "n n"] | Float[Array, " n"]
    biases: Float[Array, "n n"] | Float[Array, " n"]

    @property
    def coupled(self) -> bool:
        """Whether every row of the kernel needs a separate pull-back."""
        return self.weights.ndim == 1


class ConvNormWeights(NamedTuple):
    """Weights of a convolution and of the normalisation behind it.

    Entries that the normalisation mode does not use are None.
    """

    kernel: Float[Array, "s s i o"]
    scale: Float[Array, " o"] | None = None
    bias: Float[Array, " o"] | None = None
    mean: Float[Array, " o"] | None = None
    variance: Float[Array, " o"] | None = None


def products(rows: Float[Array, "r ..."], probe: Probe) -> Array:
    """Products of the images' gradients.

    Without coupling, the gradients of r = n images are multiplied with each other. With coupling,
    the gradient of this pull-back is multiplied with those of all pull-backs.

    Args:
        rows: Gradients, one row per image; with coupling the one row of this pull-back.
        probe: Probe of the kernel that the products are a part of.

    Returns:
        A cotangent of one of the probe's entries.
    """
    rows = rows.reshape(len(rows), -1)
    if probe.coupled:
        return _product_with_all(rows[0], probe.weights)
    return _gram(rows)


def _gram(rows: Float[Array, "n w"]) -> Float[Array, "n n"]:
    """Products of all rows with each other."""
    return jnp.dot(rows, rows.T, precision=lax.Precision.HIGHEST)


@custom_vmap
def _product_with_all(row: Float[Array, " w"], probe: Float[Array, " n"]) -> Float[Array, " n"]:
    """Products of a gradient with those of all pull-backs of a `jax.vmap`; NaN outside a vmap."""
    del row
    return jnp.full_like(probe, jnp.nan)


@_product_with_all.def_vmap
def _(axis_size, in_batched, rows, probe):
    """The rule of `_product_with_all` under `jax.vmap`, which sees the rows of all pull-backs."""
    del in_batched, axis_size, probe
    return _gram(rows), True


def norm_products(
    scale_rows: Float[Array, "r c"] | None, bias_rows: Float[Array, "r c"] | None, probe: Probe
) -> Probe:
    """The kernel's part of a normalisation's scale and bias (see `products`).

    Args:
        scale_rows: Gradients of the scale; None if the normalisation has none.
        bias_rows: Gradients of the bias; None if the normalisation has none.
        probe: Probe of the kernel.

    Returns:
        A cotangent of the probe; zeros if the normalisation has no scale and bias.
    """
    if scale_rows is None or bias_rows is None:
        return jax.tree.map(jnp.zeros_like, probe)
    return Probe(products(scale_rows, probe), products(bias_rows, probe))


def conv_norm_rows(norm: Norm, stride, g, x, y, weights: ConvNormWeights, probe: Probe):
    """Cotangents of the input and of the probe, for a convolution y of x and its normalisation.

    Args:
        norm: Normalisation statistics.
        stride: Stride of the convolution.
        g: Cotangent of the normalised output.
        x: Input of the convolution.
        y: Output of the convolution before its normalisation.
        weights: Weights of the convolution and of the normalisation.
        probe: Probe of the kernel.

    Returns:
        The cotangents of x and of the probe.
    """
    kernel, *norm_weights = weights
    d_y, scale_rows, bias_rows = normalise_rows(g, y, *norm_weights, norm=norm)
    if probe.coupled:
        d_x, d_kernel = convolve_gradients(x, kernel, d_y, stride=stride)
        rows = d_kernel[None]
    else:
        d_x, rows = convolve_rows(x, kernel, d_y, stride=stride)
    part = norm_products(scale_rows, bias_rows, probe)
    return d_x, part._replace(weights=part.weights + products(rows, probe))


@partial(jax.custom_vjp, nondiff_argnums=(0, 1))
def _probed_conv_norm(norm, stride, x, weights, probe):
    """`conv_norm` whose backward pass gives the kernel as the probe's cotangent."""
    return normalise(convolve(x, weights.kernel, stride=stride), *weights[1:], norm=norm)


def _conv_norm_forward(norm, stride, x, weights, probe):
    """The forward rule of `_probed_conv_norm`."""
    y = convolve(x, weights.kernel, stride=stride)
    return normalise(y, *weights[1:], norm=norm), (x, y, weights, probe)


def _conv_norm_backward(norm, stride, residuals, g):
    """The backward rule of `_probed_conv_norm`; parameters have no cotangent."""
    d_x, d_probe = conv_norm_rows(norm, stride, g, *residuals)
    return d_x, None, d_probe


_probed_conv_norm.defvjp(_conv_norm_forward, _conv_norm_backward)


def conv_norm(
    x: Float[Array, "n h w i"],
    weights: ConvNormWeights,
    *,
    norm: Norm,
    stride: int = 1,
    probe: Probe | None = None,
) -> Float[Array, "n p q o"]:
    """Convolution and normalisation.

    Args:
        x: Activations.
        weights: Weights of the convolution and of the normalisation.
        norm: Normalisation statistics.
        stride: Step between outputs.
        probe: Probe of the kernel. With one, only `x` and `probe` can be differentiated.

    Returns:
        Normalised activations.
    """
    if probe is not None:
        return _probed_conv_norm(norm, stride, x, weights, probe)
    return normalise(convolve(x, weights.kernel, stride=stride), *weights[1:], norm=norm)


@partial(jax.custom_vjp, nondiff_argnums=(0,))
def _probed_norm(norm, x, weights, probe):
    """`norm_layer` whose backward pass gives the kernel as the probe's cotangent."""
    return normalise(x, *weights, norm=norm)


def _norm_forward(norm, x, weights, probe):
    """The forward rule of `_probed_norm`."""
    return normalise(x, *weights, norm=norm), (x, weights, probe)


def _norm_backward(norm, residuals, g):
    """The backward rule of `_probed_norm`; parameters have no cotangent."""
    x, weights, probe = residuals
    d_x, scale_rows, bias_rows = normalise_rows(g, x, *weights, norm=norm)
    return d_x, None, norm_products(scale_rows, bias_rows, probe)


_probed_norm.defvjp(_norm_forward, _norm_backward)


def norm_layer(
    x: Float[Array, "n h w c"], weights: tuple, *, norm: Norm, probe: Probe | None = None
) -> Float[Array, "n h w c"]:
    """Normalisation without a convolution in front of it.

    Args:
        x: Activations.
        weights: Scale, bias, mean and variance; None where the normalisation does not use them.
        norm: Normalisation statistics.
        probe: Probe of the kernel. With one, only `x` and `probe` can be differentiated.

    Returns:
        Normalised activations.
    """
    if probe is not None:
        return _probed_norm(norm, x, weights, probe)
    return normalise(x, *weights, norm=norm)


@jax.custom_vjp
def _probed_linear(x, kernel, bias, probe):
    """`linear` whose backward pass gives the kernel as the probe's cotangent."""
    return linear(x, kernel, bias)


def _linear_forward(x, kernel, bias, probe):
    """The forward rule of `_probed_linear`."""
    return linear(x, kernel, bias), (x, kernel, probe)


def _linear_backward(residuals, g):
    """The backward rule of `_probed_linear`; parameters have no cotangent."""
    x, kernel, probe = residuals
    d_x = jnp.dot(g, kernel.T, precision=lax.Precision.HIGHEST)
    # Image i's gradient of the kernel is the outer product of x_i and g_i.
    if probe.coupled:
        d_kernel = jnp.dot(x.T, g, precision=lax.Precision.HIGHEST)
        parts = Probe(products(d_kernel[None], probe), products(g.sum(0)[None], probe))
    else:
        parts = Probe(_gram(x) * _gram(g), _gram(g))
    return d_x, None, None, parts


_probed_linear.defvjp(_linear_forward, _linear_backward)


def linear(
    x: Float[Array, "n i"],
    kernel: Float[Array, "i o"],
    bias: Float[Array, " o"],
    *,
    probe: Probe | None = None,
) -> Float[Array, "n o"]:
    """Linear layer.

    Args:
        x: Inputs.
        kernel: Weights, inputs x outputs.
        bias: Shift of each output.
        probe: Probe of the kernel. With one, only `x` and `probe` can be differentiated.

    Returns:
        Outputs.

    Example:
        >>> x, kernel = jnp.array([[1.0, 2.0], [0.0, 3.0]]), jnp.ones((2, 1))
        >>> probe = Probe(jnp.zeros((2, 2)), jnp.zeros((2, 2)))
        >>> _, pull_back = jax.vjp(lambda p: linear(x, kernel, jnp.zeros(1), probe=p), probe)
        >>> pull_back(jnp.ones((2, 1)))[0].weights
        Array([[5., 6.],
               [6., 9.]], dtype=float32)
    """
    if probe is not None:
        return _probed_linear(x, kernel, bias, probe)
    return jnp.dot(x, kernel, precision=lax.Precision.HIGHEST) + bias[None]
