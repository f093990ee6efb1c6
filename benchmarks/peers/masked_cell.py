"""A cell whose every edge is one 3x3 convolution, with the kernel that its operation is.

The kernel of `none` is zero. That of `skip_connect` is the identity at the centre, and that of a
1x1 convolution has its weights there. Pooling is a ninth of the identity everywhere, times nine
over the number of pixels inside the image. So there is no branch, and one convolution per edge. It
is a grouped convolution under `jax.vmap` over architectures, each of which brings kernels of its
own. The rival of `ntknas.network.cells.traced_cell`.
"""

from functools import partial

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from ntknas.kernel.layerwise import ConvNormWeights, Probe, norm_products, products
from ntknas.layers import Norm
from ntknas.layers.convolution import convolve, convolve_gradients, convolve_rows
from ntknas.layers.normalisation import normalise, normalise_rows
from ntknas.network.cells import EdgeWeights
from ntknas.spaces.nasbench201 import EDGES, OPERATIONS

__all__ = ["masked_cell"]

_CONV_1X1, _CONV_3X3, _POOL = map(
    OPERATIONS.index, ("nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3")
)


def masked_cell(
    norm: Norm,
    ops: Int[Array, "6"],
    weights: tuple[EdgeWeights, ...],
    x: Float[Array, "n h w c"],
    probes: tuple[Probe, ...],
) -> Float[Array, "n h w c"]:
    """The last node of a cell; arguments as `ntknas.network.cells.traced_cell` has them."""
    nodes = [x, *[jnp.zeros_like(x)] * 3]
    for op, edge, probe, (source, target) in zip(ops, weights, probes, EDGES, strict=True):
        nodes[target] += _edge(norm, op, edge, nodes[source], probe)
    return nodes[3]


@partial(jax.custom_vjp, nondiff_argnums=(0,))
def _edge(norm, op, weights, x, probe):
    return _forward(norm, op, weights, x, probe)[0]


def _forward(norm, op, weights, x, probe):
    y = convolve(_taken(op, x), _kernel(op, weights))
    convolved = jnp.where(_is_conv(op), normalise(y, *_scale_bias(op, weights), norm=norm), 0)
    return convolved + jnp.where(_is_conv(op), 0, y * _factor(op, x)), (op, weights, x, y, probe)


def _backward(norm, residuals, g):
    op, weights, x, y, probe = residuals
    d_y, scale_rows, bias_rows = normalise_rows(g, y, *_scale_bias(op, weights), norm=norm)
    d_y = jnp.where(_is_conv(op), d_y, g * _factor(op, x))
    if probe.coupled:
        d_taken, d_kernel = convolve_gradients(_taken(op, x), _kernel(op, weights), d_y)
        rows = (d_kernel * _mask(op)[:, :, None, None])[None]
    else:
        d_taken, rows = convolve_rows(_taken(op, x), _kernel(op, weights), d_y)
        # Entries in the order of (row shift, output), (column shift, input): the mask is symmetric.
        n, channels = len(rows), x.shape[-1]
        rows = rows.reshape(n, 3, channels, 3, channels) * _mask(op)[None, :, None, :, None]
    part = norm_products(scale_rows, bias_rows, probe)
    part = jax.tree.map(lambda a: jnp.where(_is_conv(op), a, 0), part)
    d_x = jnp.where(_is_conv(op) & (x <= 0), 0, d_taken)
    return None, None, d_x, part._replace(weights=part.weights + products(rows, probe))


_edge.defvjp(_forward, _backward)


def _is_conv(op: Int[Array, ""]) -> Bool[Array, ""]:
    return (op == _CONV_1X1) | (op == _CONV_3X3)


def _taken(op, x):
    return jnp.where(_is_conv(op), jax.nn.relu(x), x)


def _both(weights: EdgeWeights) -> tuple[ConvNormWeights, ConvNormWeights]:
    assert weights.conv_1x1 is not None
    assert weights.conv_3x3 is not None
    return weights.conv_1x1, weights.conv_3x3


def _centre(entry: Float[Array, "i o"]) -> Float[Array, "3 3 i o"]:
    return jnp.zeros((3, 3, *entry.shape), entry.dtype).at[1, 1].set(entry)


def _kernel(op, weights: EdgeWeights) -> Float[Array, "3 3 c c"]:
    small, large = _both(weights)
    kernel_1x1, kernel_3x3 = small.kernel[0, 0], large.kernel
    identity = jnp.eye(len(kernel_1x1), dtype=kernel_1x1.dtype)
    pool = jnp.broadcast_to(identity / 9, kernel_3x3.shape)
    of = [jnp.zeros_like(kernel_3x3), _centre(identity), _centre(kernel_1x1), kernel_3x3, pool]
    return jnp.stack(of)[op]


def _scale_bias(op, weights: EdgeWeights) -> tuple:
    small, large = _both(weights)
    return jax.tree.map(lambda a, b: jnp.where(op == _CONV_1X1, a, b), small[1:], large[1:])


def _mask(op) -> Float[Array, "3 3"]:
    """The entries of the kernel that are weights of the operation."""
    centre = jnp.zeros((3, 3)).at[1, 1].set(1)
    nothing = jnp.zeros((3, 3))
    return jnp.stack([nothing, nothing, centre, jnp.ones((3, 3)), nothing])[op]


def _factor(op, x):
    """Of pooling: nine over the number of a window's pixels inside the image."""
    ones, ninth = jnp.ones((1, *x.shape[1:3], 1), x.dtype), jnp.full((3, 3, 1, 1), 1 / 9, x.dtype)
    return jnp.where(op == _POOL, 1 / convolve(ones, ninth), 1)
