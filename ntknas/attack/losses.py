"""Losses that attacks raise, one value per image.

References:
    Croce & Hein, Reliable evaluation of adversarial robustness with an ensemble of diverse
    parameter-free attacks, ICML 2020: the difference of logits ratio (DLR).
"""

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Bool, Float, Int

from ntknas.errors import InputError

__all__ = [
    "cross_entropy",
    "dlr",
    "is_wrong",
    "log_odds",
    "logit_of",
    "margin",
    "rivals",
    "targeted_dlr",
]

_TINY = 1e-12  # equal logits have a ratio of 0


def cross_entropy(logits: Float[Array, "*b k"], labels: Int[Array, "*b"]) -> Float[Array, "*b"]:
    """The cross-entropy of each image."""
    return optax.softmax_cross_entropy_with_integer_labels(logits, labels)


def is_wrong(logits: Float[Array, "*b k"], labels: Int[Array, "*b"]) -> Bool[Array, "*b"]:
    """Whether each image is misclassified. Of equal logits the first one counts."""
    return logits.argmax(-1) != labels


def logit_of(logits: Float[Array, "*b k"], classes: Int[Array, "*b"]) -> Float[Array, "*b"]:
    """The logit of one class per image."""
    return jnp.take_along_axis(logits, classes[..., None], -1)[..., 0]


def _others(logits: Array, labels: Array) -> Array:
    """The logits, with minus infinity in place of the label's."""
    is_label = jax.nn.one_hot(labels, logits.shape[-1], dtype=bool)
    return jnp.where(is_label, -jnp.inf, logits)


def margin(logits: Float[Array, "*b k"], labels: Int[Array, "*b"]) -> Float[Array, "*b"]:
    """The largest other logit minus that of the label: above 0 where an image is misclassified."""
    return _others(logits, labels).max(-1) - logit_of(logits, labels)


def log_odds(logits: Float[Array, "*b k"], labels: Int[Array, "*b"]) -> Float[Array, "*b"]:
    """The logarithm of the odds against the label, d.

    The cross-entropy is log(1 + e^d). It rises where d does, but rounds to 0 below d = -16 in
    float32.
    """
    return jax.nn.logsumexp(_others(logits, labels), axis=-1) - logit_of(logits, labels)


def rivals(logits: Float[Array, "*b k"], labels: Int[Array, "*b"]) -> Int[Array, "*b k"]:
    """The classes other than the label by descending logit; the label comes last."""
    return jnp.argsort(-_others(logits, labels), axis=-1)


def dlr(logits: Float[Array, "*b k"], labels: Int[Array, "*b"]) -> Float[Array, "*b"]:
    """The DLR loss (z_max - z_y) / (z_1 - z_3), z_max over other classes, z_1 >= z_2 >= z_3.

    Raises:
        InputError: If there are fewer than three classes.
    """
    ordered = _ordered(logits, 3)
    return margin(logits, labels) / (ordered[..., -1] - ordered[..., -3] + _TINY)


def targeted_dlr(
    logits: Float[Array, "*b k"], labels: Int[Array, "*b"], targets: Int[Array, "*b"]
) -> Float[Array, "*b"]:
    """The targeted DLR loss (z_t - z_y) / (z_1 - (z_3 + z_4) / 2).

    Raises:
        InputError: If there are fewer than four classes.
    """
    ordered = _ordered(logits, 4)
    scale = ordered[..., -1] - (ordered[..., -3] + ordered[..., -4]) / 2
    return (logit_of(logits, targets) - logit_of(logits, labels)) / (scale + _TINY)


def _ordered(logits: Array, least: int) -> Array:
    """The logits in ascending order, after a check that there are enough."""
    classes = logits.shape[-1]
    if classes < least:
        raise InputError(f"the loss needs logits of at least {least} classes, got {classes}")
    return jnp.sort(logits, axis=-1)
