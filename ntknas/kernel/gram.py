"""Gram matrices of Jacobians: the empirical neural tangent kernel of one or several batches.

Three functions compute the same products:

* `ntk` multiplies the Jacobians of any network on one or two batches.
* `chained_gram` takes several batches whose images are coupled. It holds the Jacobians of three
  batches at a time, whatever the number of batches.
* `probed_gram` holds no Jacobian. It takes networks whose layers form their part of the kernel
  during the backward pass (`ntknas.kernel.layerwise`).
"""

from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float, PyTree

from ntknas.kernel.jacobians import ApplyFn, jacobian
from ntknas.kernel.names import Logits

__all__ = [
    "ProbedFn",
    "chained_gram",
    "joint_blocks",
    "logit_directions",
    "ntk",
    "probed_gram",
]

ProbedFn = Callable[[Array, Array], Array]
"""Type of a network that takes a probe, `(probe, images [n, ...]) -> logits [n, k]`."""

Groups = Sequence[tuple[int, ...]]
"""For each joint matrix, the ascending positions of its batches among all batches."""


def logit_directions(logits: Logits, classes: int, dtype) -> Float[Array, "d k"]:
    """The directions in logit space whose kernels are averaged.

    Args:
        logits: Convention over the logits.
        classes: Number of logits k.
        dtype: Type of the directions.

    Returns:
        Ones for `Logits.SUM`, the k unit vectors for `Logits.TRACE`.
    """
    ones = logits is Logits.SUM
    directions = jnp.ones((1, classes), dtype) if ones else jnp.eye(classes, dtype=dtype)
    # Without the barrier they would reach the classifier's products as constants, and XLA for CPUs
    # (jaxlib 0.10.2) takes a product of two constant matrices for 1 inside a large fusion.
    return lax.optimization_barrier(directions)


def _contract(rows: PyTree, columns: PyTree) -> Float[Array, "n m"]:
    """The product of two Jacobians, summed over all parameters."""
    products = jax.tree.map(
        lambda a, b: jnp.dot(
            a.reshape(len(a), -1), b.reshape(len(b), -1).T, precision=lax.Precision.HIGHEST
        ),
        rows,
        columns,
    )
    return jax.tree.reduce(jnp.add, products)


def _mean_over_logits(kernel, apply_fn, params, images, logits):
    """The mean of `kernel(direction)` over the directions of the logits convention."""
    classes = jax.eval_shape(apply_fn, params, images).shape[-1]
    return lax.map(kernel, logit_directions(logits, classes, images.dtype)).mean(0)


def ntk(
    apply_fn: ApplyFn,
    params: PyTree,
    x1: Float[Array, "n ..."],
    x2: Float[Array, "m ..."] | None = None,
    *,
    coupled: bool,
    logits: Logits = Logits.SUM,
) -> Float[Array, "n m"]:
    """The empirical neural tangent kernel J(x1) J(x2)^T; x2 = None means x1.

    Args:
        apply_fn: The network, `(params, images) -> logits [., k]`.
        params: Pytree of the parameters that the kernel is taken over.
        x1: Images of the rows.
        x2: Images of the columns, a batch separate from that of the rows; None means x1.
        coupled: Whether the images of a batch interact (see `jacobian`).
        logits: Convention over the logits.

    Returns:
        Kernel [n, m].

    References:
        Jacot et al., Neural tangent kernel, NeurIPS 2018.

    Example:
        >>> x = jnp.array([[3.0, 4.0], [0.0, 1.0]])
        >>> ntk(lambda w, x: x @ w, jnp.zeros((2, 1)), x, coupled=False)
        Array([[25.,  4.],
               [ 4.,  1.]], dtype=float32)
    """

    def kernel(direction):
        rows = jacobian(apply_fn, params, x1, direction, coupled=coupled)
        if x2 is None:
            return _contract(rows, rows)
        return _contract(rows, jacobian(apply_fn, params, x2, direction, coupled=coupled))

    return _mean_over_logits(kernel, apply_fn, params, x1, logits)


def chained_gram(
    apply_fn: ApplyFn,
    params: PyTree,
    batches: Float[Array, "b n ..."],
    groups: Groups,
    *,
    coupled: bool,
    logits: Logits = Logits.SUM,
) -> Float[Array, "g m m"]:
    """Joint Gram matrices of groups of batches that are chained.

    Each batch has separate normalisation statistics. A batch's Jacobian is multiplied with itself,
    with that of the batch before it and with that of batch 0; robust kernels need no other
    products. Three Jacobians are held at a time, and the Jacobian is compiled once.

    Args:
        apply_fn: The network, `(params, images [n, ...]) -> logits [n, k]`.
        params: Pytree of the parameters that the kernel is taken over.
        batches: All b batches of n images.
        groups: Positions of the batches of each matrix. Two batches of a group must be neighbours,
            or the first of them must be batch 0.
        coupled: Whether the images of a batch interact (see `jacobian`).
        logits: Convention over the logits.

    Returns:
        One matrix per group, where m is n times the number of its batches. Each block off the
        diagonal is exactly the transpose of the block opposite to it.
    """

    def kernel(direction):
        def rows(images):
            return jacobian(apply_fn, params, images, direction, coupled=coupled)

        if len(batches) == 1:
            current = rows(batches[0])
            return jnp.broadcast_to(_contract(current, current), (1, 3, *batches.shape[1:2] * 2))

        def step(carry, batch):
            t, images = batch
            current = rows(images)
            first, previous = jax.tree.map(
                lambda a, b: jnp.where(t == 0, a, b), (current, current), carry
            )
            products = jnp.stack([_contract(left, current) for left in (first, previous, current)])
            return (first, current), products

        zeros = jax.tree.map(
            lambda p: jnp.zeros((batches.shape[1], *p.shape), p.dtype), (params, params)
        )
        return lax.scan(step, zeros, (jnp.arange(len(batches)), batches))[1]

    # For every batch t: J_0 J_t^T, J_{t-1} J_t^T, J_t J_t^T.
    with_first, with_previous, with_itself = _mean_over_logits(
        kernel, apply_fn, params, batches[0], logits
    ).swapaxes(0, 1)

    def product(s: int, t: int) -> Array:
        if s == t:
            return with_itself[t]
        if s > t:
            return product(t, s).T
        assert s in (0, t - 1)
        return with_first[t] if s == 0 else with_previous[t]

    return joint_blocks(product, groups)


def joint_blocks(product: Callable[[int, int], Array], groups: Groups) -> Float[Array, "g *k m m"]:
    """One matrix per group, put together from the products of its batches.

    Args:
        product: Function from the positions of two batches to the product of their Jacobians,
            [n, n], or one per network, [k, n, n].
        groups: Positions of the batches of each matrix.

    Returns:
        The matrices, m = n times the batches of a group.
    """
    return jnp.stack(
        [jnp.block([[product(s, t) for t in group] for s in group]) for group in groups]
    )


def probed_gram(
    probed_fn: ProbedFn,
    batches: Float[Array, "b n ..."],
    groups: Groups,
    *,
    coupled: bool,
    logits: Logits = Logits.SUM,
) -> Float[Array, "g m m"]:
    """`chained_gram` of a network that takes a probe, without holding a Jacobian.

    Every layer adds its part of the kernel during the backward pass (`ntknas.kernel.layerwise`).

    Args:
        probed_fn: The network, `(probe, images [n, ...]) -> logits [n, k]`. The kernel is the
            probe's cotangent.
        batches: All b batches of n images. With coupled images b must be 1, because rows of
            different batches are never multiplied.
        groups: Positions of the batches of each matrix, without restriction.
        coupled: Whether the images of a batch interact (see `jacobian`).
        logits: Convention over the logits.

    Returns:
        The matrices, as `chained_gram` returns them.
    """
    b, n = batches.shape[:2]
    assert b == 1 or not coupled
    images = batches.reshape(b * n, *batches.shape[2:])
    probe = jnp.zeros((n,) if coupled else (b * n, b * n), images.dtype)

    def kernel(direction):
        values, pull_back = jax.vjp(lambda probe: probed_fn(probe, images), probe)
        if coupled:
            return jax.vmap(lambda one: pull_back(one[:, None] * direction[None])[0])(
                jnp.eye(n, dtype=values.dtype)
            )
        return pull_back(jnp.broadcast_to(direction, values.shape))[0]

    classes = jax.eval_shape(probed_fn, probe, images).shape[-1]
    products = lax.map(kernel, logit_directions(logits, classes, images.dtype)).mean(0)
    products = products.reshape(b, n, b, n)

    def product(s: int, t: int) -> Array:
        return products[s, :, t] if s <= t else products[t, :, s].T

    return joint_blocks(product, groups)
