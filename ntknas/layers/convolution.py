"""Convolution and average pooling with gradients that are fast on every back end.

XLA's CPU back end is slow on the weight gradient of a convolution, and slower still on one weight
gradient per cotangent. Here that gradient is a matrix product of image patches and cotangents.
Under `vmap` over cotangents the patches are shared. A CPU takes the cotangents one after the other,
because one product of all would first copy them into another order. Second derivatives are made of
the same parts.
"""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.custom_batching import custom_vmap
from jaxtyping import Array, Float

__all__ = ["avg_pool_3x3", "convolve", "convolve_gradients", "convolve_rows"]

_LAYOUT = ("NHWC", "HWIO", "NHWC")


@partial(jax.custom_vjp, nondiff_argnums=(0,))
def _convolve(stride, x, kernel):
    """`convolve` with positional arguments, as `jax.custom_vjp` takes them."""
    pad = kernel.shape[0] // 2
    return lax.conv_general_dilated(
        x,
        kernel,
        (stride, stride),
        [(pad, pad)] * 2,
        dimension_numbers=_LAYOUT,
        precision=lax.Precision.HIGHEST,
    )


def _forward(stride, x, kernel):
    """The forward rule of `_convolve`."""
    return _convolve(stride, x, kernel), (x, kernel)


def _backward(stride, residuals, g):
    """The backward rule of `_convolve`."""
    x, kernel = residuals
    return convolve_gradients(x, kernel, g, stride=stride)


def _by_kernel(stride, x, g, shape):
    """Gradient by the kernel of a convolution of x, from the gradient g by its output."""
    patches = _patches(x, shape[0], stride)
    columns = patches.reshape(-1, patches.shape[-1]).T
    return _column_product(columns, g.reshape(-1, g.shape[-1])).reshape(shape)


@partial(jax.custom_vjp, nondiff_argnums=(0,))
def _transposed(stride, g, kernel):
    """Gradient by the input of a convolution; like the convolution, linear in both arguments."""
    pad = kernel.shape[0] // 2
    return lax.conv_general_dilated(
        g,
        jnp.flip(kernel, (0, 1)).swapaxes(2, 3),
        (1, 1),
        [(pad, pad + stride - 1)] * 2,
        lhs_dilation=(stride, stride),
        dimension_numbers=_LAYOUT,
        precision=lax.Precision.HIGHEST,
    )


def _transposed_backward(stride, residuals, x):
    """The backward rule of `_transposed`."""
    # The adjoint of the adjoint follows from <x, transposed(g, k)> = <convolve(x, k), g>.
    g, kernel = residuals
    return _convolve(stride, x, kernel), _by_kernel(stride, x, g, kernel.shape)


_transposed.defvjp(
    lambda stride, g, kernel: (_transposed(stride, g, kernel), (g, kernel)), _transposed_backward
)


_convolve.defvjp(_forward, _backward)


def _dot(a: Float[Array, "k p"], b: Float[Array, "p o"]) -> Float[Array, "k o"]:
    """Matrix product at full precision."""
    return jnp.dot(a, b, precision=lax.Precision.HIGHEST)


_shared_product = custom_vmap(_dot)


@jax.custom_vjp
def _column_product(columns: Float[Array, "k p"], g: Float[Array, "p o"]) -> Float[Array, "k o"]:
    """Product of patches and cotangents, which shares the patches under `vmap` over cotangents."""
    return _shared_product(columns, g)


_column_product.defvjp(
    lambda columns, g: (_shared_product(columns, g), (columns, g)),
    lambda residuals, h: (_dot(h, residuals[1].T), _dot(residuals[0].T, h)),
)


@_shared_product.def_vmap
def _(axis_size, in_batched, columns, g):
    """The rule of `_shared_product` under `jax.vmap`."""
    if in_batched[0]:
        return jax.vmap(_dot, (0, 0 if in_batched[1] else None))(columns, g), True
    together = jax.vmap(_dot, (None, 0))
    in_turn = lambda columns, g: lax.map(partial(_dot, columns), g)  # noqa: E731
    return lax.platform_dependent(columns, g, cpu=in_turn, default=together), True


def _patches(x: Float[Array, "n h w i"], size: int, stride: int) -> Float[Array, "n p q s"]:
    """The size x size inputs of every output, in the order of a kernel's first three axes."""
    if size == 1:
        return x[:, ::stride, ::stride]
    _, height, width, _ = x.shape
    pad = size // 2
    padded = jnp.pad(x, ((0, 0), (pad, pad), (pad, pad), (0, 0)))
    shifts = [(i, j) for i in range(size) for j in range(size)]
    return jnp.concatenate(
        [padded[:, i : i + height : stride, j : j + width : stride] for i, j in shifts], axis=-1
    )


def convolve(
    x: Float[Array, "n h w i"], kernel: Float[Array, "s s i o"], *, stride: int = 1
) -> Float[Array, "n p q o"]:
    """Convolution of odd kernel size with padding (size - 1) / 2 and no bias, as in PyTorch.

    Args:
        x: Activations.
        kernel: Weights, height x width x inputs x outputs.
        stride: Step between outputs; it divides h and w.

    Returns:
        Activations [n, h / stride, w / stride, o].

    Example:
        >>> convolve(jnp.ones((1, 4, 4, 2)), jnp.ones((3, 3, 2, 5)), stride=2).shape
        (1, 2, 2, 5)
    """
    return _convolve(stride, x, kernel)


def convolve_gradients(
    x: Float[Array, "n h w i"],
    kernel: Float[Array, "s s i o"],
    g: Float[Array, "n p q o"],
    *,
    stride: int = 1,
) -> tuple[Float[Array, "n h w i"], Float[Array, "s s i o"]]:
    """The transpose of `convolve`.

    Args:
        x: Activations.
        kernel: Weights.
        g: Cotangent of the convolution.
        stride: Step between outputs.

    Returns:
        Cotangents of x and of the kernel.
    """
    return _transposed(stride, g, kernel), _by_kernel(stride, x, g, kernel.shape)


def convolve_rows(
    x: Float[Array, "n h w i"],
    kernel: Float[Array, "s s i o"],
    g: Float[Array, "n p q o"],
    *,
    stride: int = 1,
) -> tuple[Float[Array, "n h w i"], Float[Array, "n a b"]]:
    """The transpose of `convolve`, with a row of kernel gradients for every image.

    Args:
        x: Activations.
        kernel: Weights.
        g: Cotangent of the convolution.
        stride: Step between outputs.

    Returns:
        The cotangent of x, and one cotangent of the kernel per image. The latter is a matrix of the
        s s i o entries, in an order that is the same for all images.
    """
    if len(kernel) == 3 and stride == 1:
        # Output (p, q) takes input (p + a, q + b). So three columns of inputs and three rows of
        # outputs give all nine products, from a third of the copies that patches need.
        x = _shifted(x, 2, (-1, 0, 1))
        g_rows = _shifted(g, 1, (1, 0, -1))
    else:
        x, g_rows = _patches(x, len(kernel), stride), g
    rows = jnp.einsum("nhwo,nhwk->nok", g_rows, x, precision=lax.Precision.HIGHEST)
    return _transposed(stride, g, kernel), rows


def _shifted(x: Float[Array, "n h w c"], axis: int, shifts: tuple[int, ...]) -> Array:
    """Copies of x, one per shift s: position p holds the value of x at p + s, or zero outside."""
    padded = jnp.pad(x, [(1, 1) if a == axis else (0, 0) for a in range(4)])
    copies = [lax.slice_in_dim(padded, 1 + s, 1 + s + x.shape[axis], axis=axis) for s in shifts]
    return jnp.concatenate(copies, axis=-1)


@jax.custom_vjp
def avg_pool_3x3(x: Float[Array, "n h w c"]) -> Float[Array, "n h w c"]:
    """Mean over the 3 x 3 neighbourhood with stride 1; pixels outside the image do not count."""
    return _box_sum(x) / _box_count(x)


def _pool_forward(x):
    """The forward rule of `avg_pool_3x3`."""
    return avg_pool_3x3(x), None


def _pool_backward(_, g):
    """The backward rule of `avg_pool_3x3`."""
    # The box sum is symmetric and the division is diagonal, so the transpose swaps their order.
    return (_box_sum(g / _box_count(g)),)


avg_pool_3x3.defvjp(_pool_forward, _pool_backward)


def _box_sum(x: Float[Array, "n h w c"]) -> Float[Array, "n h w c"]:
    """Sum over the 3 x 3 neighbourhood; pixels outside the image count as zero."""
    # A NumPy zero stays a constant in a trace; JAX differentiates only sums with such a start.
    zero = np.zeros((), x.dtype)
    for window in ((1, 3, 1, 1), (1, 1, 3, 1)):
        x = lax.reduce_window(x, zero, lax.add, window, (1,) * 4, "SAME")
    return x


def _box_count(x: Float[Array, "n h w c"]) -> Float[Array, "1 h w 1"]:
    """Number of pixels of each 3 x 3 neighbourhood that lie inside the image."""
    return _box_sum(jnp.ones((1, *x.shape[1:3], 1), x.dtype))
