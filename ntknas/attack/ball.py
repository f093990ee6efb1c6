"""The ball that attacked images stay in: lengths, projections, steps and random starts.

A ball is "linf", in which every pixel changes by up to rho, or "l2", in which the change of the
image has a Euclidean length of up to rho. All functions take images `[..., h, w, c]`.
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from ntknas.attack.spec import Scalar

__all__ = ["length", "per_image", "project", "random_point", "steepest", "sphere_point"]

_TINY = 1e-12  # no length is divided by 0
_IMAGE = (-3, -2, -1)


def per_image(values: Array) -> Array:
    """Values `[...]`, one per image, with three more axes, to be combined with pixels."""
    return values[..., None, None, None]


def length(change: Float[Array, "*b h w c"], ball: str) -> Float[Array, "*b"]:
    """The length of each image's change.

    Args:
        change: Differences of pixels.
        ball: Norm, "linf" or "l2".

    Returns:
        One length per image.
    """
    if ball == "linf":
        return jnp.abs(change).max(_IMAGE)
    return jnp.sqrt(jnp.square(change).sum(_IMAGE))


def project(
    images: Float[Array, "*b h w c"],
    attacked: Float[Array, "*b h w c"],
    rho: Scalar,
    ball: str,
) -> Float[Array, "*b h w c"]:
    """The attacked images, moved into the ball around the images, and then into [0, 1].

    Args:
        images: Centres of the balls, in [0, 1].
        attacked: Images to project.
        rho: Radius in pixel units; may be traced.
        ball: Norm, "linf" or "l2".
    """
    change = attacked - images
    if ball == "linf":
        return jnp.clip(images + jnp.clip(change, -rho, rho), 0, 1)
    size = length(change, ball)
    factor = jnp.minimum(1, rho / jnp.maximum(size, _TINY))
    # Clipping brings every pixel nearer to the centre, which lies in [0, 1].
    return jnp.clip(images + per_image(factor) * change, 0, 1)


def steepest(gradient: Float[Array, "*b h w c"], ball: str) -> Float[Array, "*b h w c"]:
    """The direction of length 1 in which the loss rises most; 0 for a zero gradient.

    Args:
        gradient: Gradient of the loss with respect to the pixels.
        ball: Norm, "linf" or "l2".
    """
    if ball == "linf":
        return jnp.sign(gradient)
    return gradient / per_image(jnp.maximum(length(gradient, ball), _TINY))


def random_point(
    key: Key[Array, ""], images: Float[Array, "*b n h w c"], rho: Scalar, ball: str
) -> Float[Array, "*b n h w c"]:
    """A random point of the ball around each image, clipped to [0, 1].

    Uniform in every pixel for "linf"; a uniform direction and a uniform length for "l2".

    Args:
        key: Key of the draw.
        images: Centres of the balls. Axes in front of [n, h, w, c] share one draw.
        rho: Radius in pixel units; may be traced.
        ball: Norm, "linf" or "l2".
    """
    shape = images.shape[-4:]
    if ball == "linf":
        noise = jax.random.uniform(key, shape, images.dtype, minval=-1, maxval=1)
    else:
        direction, radius = jax.random.split(key)
        noise = steepest(jax.random.normal(direction, shape, images.dtype), ball)
        noise *= jax.random.uniform(radius, (shape[0], 1, 1, 1), images.dtype)
    return jnp.clip(images + rho * jnp.broadcast_to(noise, images.shape), 0, 1)


def sphere_point(
    key: Key[Array, ""], images: Float[Array, "*b n h w c"], rho: Scalar, ball: str
) -> Float[Array, "*b n h w c"]:
    """A random point at distance rho of each image, clipped to [0, 1]: the start of APGD.

    A uniform draw for "linf", and a normal one for "l2", divided by its length.

    Args:
        key: Key of the draw.
        images: Centres of the balls. Axes in front of [n, h, w, c] share one draw.
        rho: Radius in pixel units; may be traced.
        ball: Norm, "linf" or "l2".
    """
    shape = images.shape[-4:]
    if ball == "linf":
        noise = jax.random.uniform(key, shape, images.dtype, minval=-1, maxval=1)
    else:
        noise = jax.random.normal(key, shape, images.dtype)
    noise /= per_image(length(noise, ball))
    return jnp.clip(images + rho * jnp.broadcast_to(noise, images.shape), 0, 1)
