"""Jacobians of a network's outputs with respect to its parameters, one row per image.

Row i is the gradient of <direction, logits of image i>. Two algorithms compute it:

* coupled: The batch is one input, as batch-statistics normalisation needs. Row i then holds terms
  through every image. N pull-backs through N images cost about 2 N^2 times as much as one image.
* decoupled: Every image is an input by itself. This takes N forward and backward passes.

Both agree where the images do not interact.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PyTree

__all__ = ["ApplyFn", "jacobian"]

ApplyFn = Callable[[Any, Array], Array]
"""Type of a network, `(params, images [n, ...]) -> logits [n, k]`."""


def jacobian(
    apply_fn: ApplyFn,
    params: PyTree,
    images: Float[Array, "n ..."],
    direction: Float[Array, " k"],
    *,
    coupled: bool,
) -> PyTree:
    """Per-image gradients of the logits along a direction.

    Args:
        apply_fn: The network, `(params, images [n, ...]) -> logits [n, k]`.
        params: Pytree of the parameters; all of its leaves are differentiated.
        images: Inputs of the network.
        direction: Weights of the logits; ones give the sum of the logits.
        coupled: Whether the images of a batch interact.

    Returns:
        A pytree like `params`, whose leaves have a leading axis n.

    Example:
        >>> apply_fn = lambda w, x: x @ w
        >>> x = jnp.array([[1.0, 2.0], [3.0, 4.0]])
        >>> jacobian(apply_fn, jnp.zeros((2, 3)), x, jnp.ones(3), coupled=True)[1, :, 0]
        Array([3., 4.], dtype=float32)
    """
    if coupled:

        def outputs(params):
            return jnp.dot(apply_fn(params, images), direction, precision="highest")

        values, pull_back = jax.vjp(outputs, params)
        (rows,) = jax.vmap(pull_back)(jnp.eye(len(images), dtype=values.dtype))
        return rows

    def output(params, image):
        return jnp.dot(apply_fn(params, image[None])[0], direction, precision="highest")

    return jax.vmap(jax.grad(output), in_axes=(None, 0))(params, images)
