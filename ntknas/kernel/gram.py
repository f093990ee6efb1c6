"""Gram matrices of Jacobians: the empirical neural tangent kernel of one or several batches.

Convention over the K logits, recorded with every score:

* `Logits.SUM`: row i is the gradient of the sum of image i's logits (the published scores).
* `Logits.TRACE`: the mean over logits k of the kernel of logit k, i.e. trace / K (the convention
  of neural-tangents' `trace_axes`). K times the cost.
"""

import enum
from collections.abc import Callable

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float, PyTree

from ntknas.kernel.jacobian import ApplyFn, jacobian

__all__ = ["Logits", "ProbedFn", "chained_gram", "probed_gram", "ntk"]

ProbedFn = Callable[[Array, Array], Array]


class Logits(enum.StrEnum):
    """How a kernel treats the K logits of an image."""

    SUM = "sum"
    TRACE = "trace"

    def directions(self, classes: int, dtype) -> Float[Array, "d k"]:
        """The directions in logit space whose kernels are averaged."""
        ones = self is Logits.SUM
        directions = jnp.ones((1, classes), dtype) if ones else jnp.eye(classes, dtype=dtype)
        # As constants they would reach the classifier's products, and XLA for CPUs (jaxlib 0.10.2)
        # takes a product of two constant matrices for 1 inside a large fusion.
        return lax.optimization_barrier(directions)


def _contract(rows: PyTree, columns: PyTree) -> Float[Array, "n m"]:
    products = jax.tree.map(
        lambda a, b: jnp.dot(
            a.reshape(len(a), -1), b.reshape(len(b), -1).T, precision=lax.Precision.HIGHEST
        ),
        rows,
        columns,
    )
    return jax.tree.reduce(jnp.add, products)


def _mean_over_logits(kernel, apply_fn, params, images, logits):
    classes = jax.eval_shape(apply_fn, params, images).shape[-1]
    return lax.map(kernel, logits.directions(classes, images.dtype)).mean(0)


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
      apply_fn: `(params, images) -> logits [., k]`.
      params: pytree of the parameters that the kernel is taken over.
      x1: images of the rows.
      x2: images of the columns, a batch of its own.
      coupled: whether the images of a batch interact (see `jacobian`).
      logits: convention over the logits.

    Returns:
      Kernel [n, m].

    References:
      Jacot et al., Neural tangent kernel, NeurIPS 2018.

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
    *,
    coupled: bool,
    logits: Logits = Logits.SUM,
) -> Float[Array, "b 3 n n"]:
    """The blocks of the Gram matrix of several batches that the robust kernels are made of.

    Each batch has normalisation statistics of its own. Three Jacobians are held at a time, however
    many batches there are, and the Jacobian is compiled once.

    Args:
      apply_fn: `(params, images [n, ...]) -> logits [n, k]`.
      params: pytree of the parameters that the kernel is taken over.
      batches: b batches of n images.
      coupled: whether the images of a batch interact (see `jacobian`).
      logits: convention over the logits.

    Returns:
      For each batch t the products of three Jacobians with its own: J_0 J_t^T, J_{t-1} J_t^T and
      J_t J_t^T (for t = 0 all three are J_0 J_0^T).
    """

    def kernel(direction):
        def rows(images):
            return jacobian(apply_fn, params, images, direction, coupled=coupled)

        if len(batches) == 1:
            own = rows(batches[0])
            return jnp.broadcast_to(_contract(own, own), (1, 3, *batches.shape[1:2] * 2))

        def step(carry, batch):
            t, images = batch
            own = rows(images)
            first, previous = jax.tree.map(lambda a, b: jnp.where(t == 0, a, b), (own, own), carry)
            blocks = jnp.stack([_contract(left, own) for left in (first, previous, own)])
            return (first, own), blocks

        nothing = jax.tree.map(
            lambda p: jnp.zeros((batches.shape[1], *p.shape), p.dtype), (params, params)
        )
        return lax.scan(step, nothing, (jnp.arange(len(batches)), batches))[1]

    return _mean_over_logits(kernel, apply_fn, params, batches[0], logits)


def probed_gram(
    probed_fn: ProbedFn,
    batches: Float[Array, "b n ..."],
    *,
    coupled: bool,
    logits: Logits = Logits.SUM,
) -> Float[Array, "b 3 n n"]:
    """`chained_gram` of a network that takes a probe, without holding a Jacobian.

    Every layer adds its part of the kernel during the backward pass (`ntknas.network.layerwise`).

    Args:
      probed_fn: `(probe, images [n, ...]) -> logits [n, k]`; the kernel is the probe's cotangent.
      batches: b batches of n images; coupled, one batch, for rows of different batches never meet.
      coupled: whether the images of a batch interact (see `jacobian`).
      logits: convention over the logits.

    Returns:
      As `chained_gram`.
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
    joint = lax.map(kernel, logits.directions(classes, images.dtype)).mean(0)
    joint = joint.reshape(b, n, b, n)
    return jnp.stack([jnp.stack([joint[s, :, t] for s in (0, max(t - 1, 0), t)]) for t in range(b)])
