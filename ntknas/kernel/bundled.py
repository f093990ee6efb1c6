"""Layers and Gram matrices of a bundle: several architectures in one launch, without branches.

All architectures of a bundle share the weights of a super-network. So a layer runs one plain
convolution, with the shared weights, on the images of all architectures that have it. The layers
are those of `ntknas.kernel.layerwise` with two more axes in front, and each forms its part of the
kernel of every architecture in the backward pass.

Axes: k architectures, g groups of images that share normalisation statistics, n images. Where
images interact, a group is a batch. Otherwise there is one group that holds all images.
"""

from collections.abc import Callable
from contextvars import ContextVar
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax
from jax.custom_batching import custom_vmap
from jaxtyping import Array, Float, Int, Key

from ntknas.attack import AttackSpec
from ntknas.kernel.gram import (
    ProbedFn,
    assemble,
    joint_blocks,
    logit_directions,
    zero_probes,
)
from ntknas.kernel.layerwise import ConvNormWeights, Probe
from ntknas.kernel.names import Batch, Logits
from ntknas.kernel.parts import Grams, Layers
from ntknas.kernel.robust import joint_batches
from ntknas.layers.convolution import convolve, convolve_gradients, convolve_rows
from ntknas.layers.norm import Norm
from ntknas.layers.normalisation import normalise, normalise_rows

__all__ = [
    "WEIGHT_GRADIENTS",
    "bundled_conv_norm",
    "bundled_gram",
    "bundled_linear",
    "bundled_norm_layer",
]

WEIGHT_GRADIENTS = ("batch", "image")
"""Ways to the weight gradients of coupled images: one product over all images of a batch, or one
product per image and a sum afterwards, which has more but smaller products for a device."""

_by_image: ContextVar[bool] = ContextVar("by_image", default=False)

BundledFn = Callable[[Array], Array]
"""Type of a bundle of networks, `images [k, g, n, h, w, c] -> logits [k, g, n, classes]`."""


def _lifted(function: Callable[..., Any], *arrays: Array) -> Any:
    """A function of one group's arrays, for all architectures and groups."""
    return jax.vmap(jax.vmap(function))(*arrays)


def _coupled(probe: Probe) -> bool:
    """Whether images interact, so that every image needs a pull-back of its own."""
    return probe.weights.ndim == 4


def _products(rows: Float[Array, "k g r ..."], probe: Array) -> Array:
    """Products of the images' gradients per architecture, a cotangent of the probe's entry.

    Args:
        rows: Gradients of one layer; where images interact, r = 1 row of this pull-back.
        probe: The probe's entry: [k, m, m], or [k, g, 1, m] where images interact; m = g n.
    """
    k, g, r = rows.shape[:3]
    if probe.ndim == 4:
        return _products_with_all(rows.reshape(k, g, -1), probe)
    return _grams(rows.reshape(k, g * r, -1))


def _grams(rows: Float[Array, "k m w"]) -> Float[Array, "k m m"]:
    """Products of all rows of an architecture with each other."""
    return jnp.einsum("kmw,klw->kml", rows, rows, precision=lax.Precision.HIGHEST)


@custom_vmap
def _products_with_all(
    rows: Float[Array, "k g w"], probe: Float[Array, "k g 1 m"]
) -> Float[Array, "k g 1 m"]:
    """Products of gradients with those of all pull-backs of a `jax.vmap`; NaN outside a vmap."""
    del rows
    return jnp.full_like(probe, jnp.nan)


@_products_with_all.def_vmap
def _(axis_size, in_batched, rows, probe):
    """The rule of `_products_with_all` under `jax.vmap` over n pull-backs, one per image."""
    del in_batched, probe
    n, k, g, w = rows.shape
    grams = _grams(rows.transpose(1, 2, 0, 3).reshape(k, g * n, w))
    return grams.reshape(k, g, n, 1, g * n).transpose(2, 0, 1, 3, 4), True


def _norm_products(scale_rows, bias_rows, probe: Probe) -> Probe:
    """The kernels' parts of scale and bias; zeros if the normalisation has none."""
    if scale_rows is None:
        return jax.tree.map(jnp.zeros_like, probe)
    return Probe(_products(scale_rows, probe.weights), _products(bias_rows, probe.biases))


@partial(jax.custom_vjp, nondiff_argnums=(0, 1))
def _probed_conv_norm(norm, stride, x, weights, probe):
    """`bundled_conv_norm` whose backward pass gives the kernels as the probe's cotangent."""
    return _conv_norm_forward(norm, stride, x, weights, probe)[0]


def _conv_norm_forward(norm, stride, x, weights, probe):
    """The forward rule of `_probed_conv_norm`."""
    y = _lifted(lambda x: convolve(x, weights.kernel, stride=stride), x)
    normalised = _lifted(lambda y: normalise(y, *weights[1:], norm=norm), y)
    return normalised, (x, y, weights, probe)


def _conv_norm_backward(norm, stride, residuals, g):
    """The backward rule of `_probed_conv_norm`; parameters have no cotangent."""
    x, y, weights, probe = residuals
    kernel, *norm_weights = weights
    coupled = _coupled(probe)
    d_y, scale_rows, bias_rows = _lifted(
        lambda g, y: normalise_rows(g, y, *norm_weights, norm=norm), g, y
    )
    together = coupled and not _by_image.get()
    transpose = convolve_gradients if together else convolve_rows
    d_x, rows = _lifted(lambda x, d_y: transpose(x, kernel, d_y, stride=stride), x, d_y)
    if coupled:
        rows = rows[:, :, None] if together else rows.sum(2, keepdims=True)
    part = _norm_products(scale_rows, bias_rows, probe)
    weights_part = part.weights + _products(rows, probe.weights)
    return d_x, None, part._replace(weights=weights_part)


_probed_conv_norm.defvjp(_conv_norm_forward, _conv_norm_backward)


def bundled_conv_norm(
    x: Float[Array, "k g n h w i"],
    weights: ConvNormWeights,
    *,
    norm: Norm,
    stride: int = 1,
    probe: Probe | None = None,
) -> Float[Array, "k g n p q o"]:
    """Convolution and normalisation of a bundle, with shared weights.

    Args:
        x: Activations.
        weights: Weights of the convolution and of the normalisation.
        norm: Normalisation statistics.
        stride: Step between outputs.
        probe: Probe of the kernels, with entries [k, m, m], or [k, g, 1, m] where images interact;
            m = g n. With one, only `x` and `probe` can be differentiated.

    Returns:
        Normalised activations.
    """
    if probe is not None:
        return _probed_conv_norm(norm, stride, x, weights, probe)

    def layer(x):
        return normalise(convolve(x, weights.kernel, stride=stride), *weights[1:], norm=norm)

    return _lifted(layer, x)


@partial(jax.custom_vjp, nondiff_argnums=(0,))
def _probed_norm(norm, x, weights, probe):
    """`bundled_norm_layer` whose backward pass gives the kernels as the probe's cotangent."""
    return _lifted(lambda x: normalise(x, *weights, norm=norm), x)


def _norm_forward(norm, x, weights, probe):
    """The forward rule of `_probed_norm`."""
    return _probed_norm(norm, x, weights, probe), (x, weights, probe)


def _norm_backward(norm, residuals, g):
    """The backward rule of `_probed_norm`; parameters have no cotangent."""
    x, weights, probe = residuals
    d_x, scale_rows, bias_rows = _lifted(
        lambda g, x: normalise_rows(g, x, *weights, norm=norm), g, x
    )
    return d_x, None, _norm_products(scale_rows, bias_rows, probe)


_probed_norm.defvjp(_norm_forward, _norm_backward)


def bundled_norm_layer(
    x: Float[Array, "k g n h w c"], weights: tuple, *, norm: Norm, probe: Probe | None = None
) -> Float[Array, "k g n h w c"]:
    """Normalisation of a bundle without a convolution in front of it.

    Args:
        x: Activations.
        weights: Scale, bias, mean and variance; None where the normalisation does not use them.
        norm: Normalisation statistics.
        probe: Probe of the kernels. With one, only `x` and `probe` can be differentiated.

    Returns:
        Normalised activations.
    """
    if probe is not None:
        return _probed_norm(norm, x, weights, probe)
    return _lifted(lambda x: normalise(x, *weights, norm=norm), x)


@jax.custom_vjp
def _probed_linear(x, kernel, bias, probe):
    """`bundled_linear` whose backward pass gives the kernels as the probe's cotangent."""
    return _linear(x, kernel, bias)


def _linear(x, kernel, bias):
    """A linear layer on the last axis."""
    y = jnp.dot(x, kernel, precision=lax.Precision.HIGHEST)
    return y + bias.reshape(*(1,) * (x.ndim - 1), -1)


def _linear_forward(x, kernel, bias, probe):
    """The forward rule of `_probed_linear`."""
    return _linear(x, kernel, bias), (x, kernel, probe)


def _linear_backward(residuals, g):
    """The backward rule of `_probed_linear`; parameters have no cotangent."""
    x, kernel, probe = residuals
    d_x = jnp.dot(g, kernel.T, precision=lax.Precision.HIGHEST)
    if _coupled(probe):
        d_kernel = jnp.einsum("kgni,kgno->kgio", x, g, precision=lax.Precision.HIGHEST)
        parts = Probe(
            _products(d_kernel[:, :, None], probe.weights),
            _products(g.sum(2, keepdims=True), probe.biases),
        )
    else:
        # Image i's gradient of the kernel is the outer product of x_i and g_i.
        of_x, of_g = (_grams(a.reshape(len(a), -1, a.shape[-1])) for a in (x, g))
        parts = Probe(of_x * of_g, of_g)
    return d_x, None, None, parts


_probed_linear.defvjp(_linear_forward, _linear_backward)


def bundled_linear(
    x: Float[Array, "k g n i"],
    kernel: Float[Array, "i o"],
    bias: Float[Array, " o"],
    *,
    probe: Probe | None = None,
) -> Float[Array, "k g n o"]:
    """Linear layer of a bundle.

    Args:
        x: Inputs.
        kernel: Weights, inputs x outputs.
        bias: Shift of each output.
        probe: Probe of the kernels. With one, only `x` and `probe` can be differentiated.

    Returns:
        Outputs.

    Example:
        >>> bundled_linear(jnp.ones((3, 1, 2, 5)), jnp.ones((5, 4)), jnp.zeros(4)).sum()
        Array(120., dtype=float32)
    """
    if probe is not None:
        return _probed_linear(x, kernel, bias, probe)
    return _linear(x, kernel, bias)


def bundled_gram(
    key: Key[Array, ""],
    logits_fn: BundledFn,
    probed_fn: ProbedFn,
    images: Float[Array, "n h w c"],
    labels: Int[Array, " n"],
    *,
    size: int,
    rhos: Float[Array, " r"],
    batches: tuple[Batch, ...] = tuple(Batch),
    spec: AttackSpec,
    layers: Layers,
    coupled: bool,
    logits: Logits = Logits.SUM,
    weight_gradients: str = "batch",
) -> Grams:
    """`robust_gram` of the k architectures of a bundle.

    Args:
        key: Key of the attack's random starts, the same for every architecture.
        logits_fn: The networks that are attacked, `images [k, g, n, h, w, c] -> logits`.
        probed_fn: The networks, `(probes, images) -> logits`. The kernels of a layer are the
            cotangent of its probe.
        images: Pixels in [0, 1].
        labels: Classes of the images.
        size: Number of architectures k.
        rhos: Attack radii in pixel units; they may be traced.
        batches: The batches whose Jacobians are taken. The clean batch alone runs no attack.
        spec: The attack.
        layers: The layers of the networks.
        coupled: Whether the images of a batch interact.
        logits: Convention over the logits.
        weight_gradients: A member of `WEIGHT_GRADIENTS`.

    Returns:
        For every architecture one matrix per radius [k, r, m, m], as `robust_gram` returns them.
        Products of all batches are formed, whatever is coupled: the rows of a layer are dropped
        with the layer.
    """
    shape = (size, 1, *images.shape)
    joined, groups = joint_batches(
        key,
        lambda _, images: logits_fn(images),
        None,
        jnp.broadcast_to(images[None, None], shape),
        jnp.broadcast_to(labels[None, None], shape[:3]),
        rhos=rhos,
        batches=batches,
        spec=spec,
    )
    joined = joined[:, :, 0].swapaxes(0, 1)  # [k, b, n, h, w, c]
    b, n = joined.shape[1:3]
    token = _by_image.set(weight_gradients == "image")
    try:
        products = _all_products(probed_fn, joined, layers, coupled=coupled, logits=logits)
    finally:
        _by_image.reset(token)

    def joint(of_kind: Float[Array, "l k m m"]) -> Float[Array, "l k r j j"]:
        blocks = of_kind.reshape(-1, size, b, n, b, n)
        return jnp.moveaxis(joint_blocks(lambda s, t: blocks[:, :, s, :, t], groups), 0, 2)

    return assemble(jax.tree.map(joint, products), layers)


def _all_products(
    probed_fn: ProbedFn,
    images: Float[Array, "k b n h w c"],
    layers: Layers,
    *,
    coupled: bool,
    logits: Logits,
) -> Probe:
    """Products of the gradients of all images of all batches, layer by layer, entries [l, k, m, m].

    There are m = b n images.
    """
    k, b, n = images.shape[:3]
    m = b * n
    if not coupled:
        images = images.reshape(k, 1, m, *images.shape[3:])
    probes = zero_probes(layers, jnp.zeros((k, b, 1, m) if coupled else (k, m, m), images.dtype))

    def kernel(direction):
        values, pull_back = jax.vjp(lambda probes: probed_fn(probes, images), probes)
        along = jnp.broadcast_to(direction[None, None, None], values.shape)
        if not coupled:
            return pull_back(along)[0]
        image = jnp.eye(n, dtype=values.dtype)[:, None, None, :, None]  # of every batch at once
        return jax.vmap(lambda one: pull_back(one * along)[0])(image)

    def ordered(rows: Float[Array, "d n k b 1 m"]) -> Float[Array, "k m m"]:
        return rows.mean(0)[:, :, :, 0].transpose(1, 2, 0, 3).reshape(k, m, m)

    classes = jax.eval_shape(probed_fn, probes, images).shape[-1]
    of_directions = lax.map(kernel, logit_directions(logits, classes, images.dtype))
    mean = ordered if coupled else lambda a: a.mean(0)
    return jax.tree.map(
        lambda *of_layers: jnp.stack(of_layers),
        *(jax.tree.map(mean, of_directions[name]) for name in layers.names),
    )
