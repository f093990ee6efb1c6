"""FGSM: one gradient step.

References:
    Goodfellow et al., Explaining and harnessing adversarial examples, ICLR 2015.
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, Key

from ntknas.attack.ball import steepest
from ntknas.attack.losses import cross_entropy
from ntknas.attack.spec import AttackSpec, LogitsFn, Scalar

__all__ = ["ascent_direction", "fgsm"]


def ascent_direction(
    logits_fn: LogitsFn,
    images: Float[Array, "*b n h w c"],
    labels: Int[Array, "*b n"],
    ball: str = "linf",
) -> Float[Array, "*b n h w c"]:
    """The direction in which the loss rises most, of length 1.

    The loss is the cross-entropy summed over the batch. Where images are coupled by batch
    statistics, an image's gradient holds its effect on the loss of the others.

    Args:
        logits_fn: The network, `images -> logits [n, k]`.
        images: Pixels in [0, 1].
        labels: Classes 0..k-1 of the images.
        ball: Norm of the length: "linf" or "l2".

    Returns:
        For "linf" the sign -1, 0 or 1 of the gradient in every pixel; for "l2" the gradient divided
        by its length, or 0 where it is 0.
    """

    def loss(images):
        return cross_entropy(logits_fn(images), labels).sum()

    return steepest(jax.grad(loss)(images), ball)


def fgsm(
    key: Key[Array, ""] | None,
    logits_fn: LogitsFn,
    images: Float[Array, "*b n h w c"],
    labels: Int[Array, "*b n"],
    *,
    rho: Scalar,
    spec: AttackSpec | None = None,
) -> Float[Array, "*b n h w c"]:
    """One gradient step of length rho, clipped to [0, 1]. A zero gradient moves nothing.

    Args:
        key: Key that is not used: FGSM has no random start.
        logits_fn: The network, `images -> logits [n, k]`.
        images: Pixels in [0, 1].
        labels: Classes 0..k-1 of the images.
        rho: Radius in pixel units; may be traced.
        spec: Settings, of which the ball alone is used; None means "linf".

    Returns:
        Attacked images.
    """
    del key
    ball = "linf" if spec is None else spec.ball
    return jnp.clip(images + rho * ascent_direction(logits_fn, images, labels, ball), 0, 1)
