"""Images and closed-form networks to attack."""

import jax.numpy as jnp
import numpy as np

SHAPE = (5, 3, 2, 2)
LABELS = np.array([0, 1, 1, 0, 1])
RADII = (0.0, 3 / 255, 8 / 255, 0.5, 1.0)


def linear(weights, images):
    """Two logits, +- the inner product with the weights."""
    product = images.reshape(len(images), -1) @ weights
    return jnp.stack([product, -product], 1)


def curved(weights, images):
    """Five logits that are not monotone in the pixels."""
    return jnp.sin(5 * images.reshape(len(images), -1) @ weights)


def constant(params, images):
    """Two logits that depend on the parameters alone."""
    return jnp.zeros((len(images), 2)) + params


def draws(seed=0):
    """Images, weights of `linear` and weights of `curved`, in float32."""
    rng = np.random.default_rng(seed)
    images = rng.uniform(size=SHAPE).astype(np.float32)
    images.flat[:4] = (0, 1, 0, 1)
    weights = rng.normal(size=12).astype(np.float32)
    curves = rng.normal(size=(12, 5)).astype(np.float32)
    return jnp.asarray(images), jnp.asarray(weights), jnp.asarray(curves)


def closed_form(images, weights, rho):
    """The sign attack on `linear`: up the loss is down the logit of the label."""
    towards = np.where(LABELS == 0, -1, 1)[:, None] * np.sign(weights)[None]
    return np.clip(images + np.float32(rho) * towards.reshape(SHAPE), 0, 1)
