"""Gradient attacks A_rho(x) within an l-infinity ball, in pixel space [0, 1].

The network is any `apply_fn(params, images) -> logits`; its normalisation mode is whatever that
function computes, so an attack in another mode is an attack with another function. The loss is the
cross-entropy summed over the batch, of which only the sign of the gradient is used: where images
are coupled by batch statistics, an image's gradient holds its effect on the loss of the others.

References:
  Goodfellow et al., Explaining and harnessing adversarial examples, ICLR 2015 (FGSM).
  Madry et al., Towards deep learning models resistant to adversarial attacks, ICLR 2018 (PGD).
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import optax
from jax import lax
from jaxtyping import Array, Float, Int, Key

from ntknas.attack.spec import AttackName, AttackSpec, Scalar

__all__ = ["attack", "fgsm", "pgd"]

ApplyFn = Callable[[Any, Array], Array]


def _ascent_direction(apply_fn, params, images, labels):
    def loss(images):
        logits = apply_fn(params, images)
        return optax.softmax_cross_entropy_with_integer_labels(logits, labels).sum()

    return jnp.sign(jax.grad(loss)(images))


def fgsm(
    apply_fn: ApplyFn,
    params: Any,
    images: Float[Array, "n h w c"],
    labels: Int[Array, " n"],
    *,
    rho: Scalar,
) -> Float[Array, "n h w c"]:
    """One signed gradient step of length rho, clipped to [0, 1]. A zero gradient moves nothing.

    Args:
      apply_fn: `(params, images) -> logits [n, k]`.
      params: its parameters.
      images: pixels in [0, 1].
      labels: classes 0..k-1.
      rho: radius in pixel units; may be traced.

    Returns:
      Attacked images.
    """
    return jnp.clip(images + rho * _ascent_direction(apply_fn, params, images, labels), 0, 1)


def pgd(
    key: Key[Array, ""] | None,
    apply_fn: ApplyFn,
    params: Any,
    images: Float[Array, "n h w c"],
    labels: Int[Array, " n"],
    *,
    rho: Scalar,
    step_size: Scalar,
    num_steps: int,
) -> Float[Array, "n h w c"]:
    """Signed gradient steps, each projected to the ball of radius rho and to [0, 1].

    Args:
      key: of the random start; None starts from the images themselves.
      apply_fn: `(params, images) -> logits [n, k]`.
      params: its parameters.
      images: pixels in [0, 1].
      labels: classes 0..k-1.
      rho: radius in pixel units; may be traced.
      step_size: length of a step in pixel units; may be traced.
      num_steps: number of steps, static.

    Returns:
      Attacked images.
    """
    start = images
    if key is not None:
        noise = jax.random.uniform(key, images.shape, images.dtype, minval=-1, maxval=1)
        start = jnp.clip(images + rho * noise, 0, 1)

    def step(_, attacked):
        attacked += step_size * _ascent_direction(apply_fn, params, attacked, labels)
        return jnp.clip(images + jnp.clip(attacked - images, -rho, rho), 0, 1)

    return lax.fori_loop(0, num_steps, step, start)


def attack(
    key: Key[Array, ""],
    apply_fn: ApplyFn,
    params: Any,
    images: Float[Array, "n h w c"],
    labels: Int[Array, " n"],
    *,
    spec: AttackSpec,
    rho: Scalar,
) -> Float[Array, "n h w c"]:
    """The attack that `spec` describes, at radius rho. rho = 0 is the identity.

    Args:
      key: of PGD's random start, unused by FGSM.
      apply_fn: `(params, images) -> logits [n, k]`.
      params: its parameters.
      images: pixels in [0, 1].
      labels: classes 0..k-1.
      spec: algorithm, steps, step size.
      rho: radius in pixel units; may be traced.

    Returns:
      Attacked images, within rho of `images` in every pixel and within [0, 1].

    >>> w = jnp.array([[1.0, -1.0]])
    >>> apply_fn = lambda w, x: x.reshape(-1, 1) @ w
    >>> x = jnp.full((1, 1, 1, 1), 0.5)
    >>> attack(jax.random.key(0), apply_fn, w, x, jnp.array([0]), spec=AttackSpec(), rho=0.1).item()
    0.4...
    """
    if spec.name is AttackName.FGSM:
        return fgsm(apply_fn, params, images, labels, rho=rho)
    return pgd(
        key if spec.random_start else None,
        apply_fn,
        params,
        images,
        labels,
        rho=rho,
        step_size=spec.step_size_at(rho),
        num_steps=spec.steps,
    )
