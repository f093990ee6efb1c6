"""FGSM: one signed gradient step.

References:
    Goodfellow et al., Explaining and harnessing adversarial examples, ICLR 2015.
"""

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float, Int, Key

from ntknas.attack.spec import AttackSpec, LogitsFn, Scalar

__all__ = ["ascent_direction", "fgsm"]


def ascent_direction(
    logits_fn: LogitsFn, images: Float[Array, "*b n h w c"], labels: Int[Array, "*b n"]
) -> Float[Array, "*b n h w c"]:
    """The sign of the gradient of the loss with respect to the pixels.

    The loss is the cross-entropy summed over the batch. Where images are coupled by batch
    statistics, an image's gradient holds its effect on the loss of the others.

    Args:
        logits_fn: The network, `images -> logits [n, k]`.
        images: Pixels in [0, 1].
        labels: Classes 0..k-1 of the images.

    Returns:
        The sign -1, 0 or 1 of every pixel.
    """

    def loss(images):
        logits = logits_fn(images)
        return optax.softmax_cross_entropy_with_integer_labels(logits, labels).sum()

    return jnp.sign(jax.grad(loss)(images))


def fgsm(
    key: Key[Array, ""] | None,
    logits_fn: LogitsFn,
    images: Float[Array, "*b n h w c"],
    labels: Int[Array, "*b n"],
    *,
    rho: Scalar,
    spec: AttackSpec | None = None,
) -> Float[Array, "*b n h w c"]:
    """One signed gradient step of length rho, clipped to [0, 1]. A zero gradient moves nothing.

    Args:
        key: Key that is not used: FGSM has no random start.
        logits_fn: The network, `images -> logits [n, k]`.
        images: Pixels in [0, 1].
        labels: Classes 0..k-1 of the images.
        rho: Radius in pixel units; may be traced.
        spec: Settings that are not used: FGSM has none.

    Returns:
        Attacked images.
    """
    del key, spec
    return jnp.clip(images + rho * ascent_direction(logits_fn, images, labels), 0, 1)
