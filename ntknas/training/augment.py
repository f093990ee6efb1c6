"""Random crops and flips in pixel space, as torchvision's with zero padding.

The padding is an eighth of an image's side: 4 pixels for CIFAR and 2 for ImageNet-16, as
NAS-Bench-201 has them (Dong and Yang, ICLR 2020).
"""

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float, Key

__all__ = ["crop_and_flip"]


def crop_and_flip(
    key: Key[Array, ""], images: Float[Array, "n h w c"], *, padding: int | None = None
) -> Float[Array, "n h w c"]:
    """Each image shifted by up to `padding` pixels both ways, and mirrored half of the time.

    Pixels that come from outside the image are 0. Every shift has the same probability.

    Args:
        key: Key of the shifts and flips.
        images: Pixels.
        padding: Largest shift in pixels; None means an eighth of the height.

    Returns:
        Images of the same shape.

    Example:
        >>> crop_and_flip(jax.random.key(0), jnp.ones((2, 8, 8, 3))).shape
        (2, 8, 8, 3)
    """
    shift_key, flip_key = jax.random.split(key)
    n, height = images.shape[:2]
    padding = height // 8 if padding is None else padding
    corners = jax.random.randint(shift_key, (n, 2), 0, 2 * padding + 1)
    flips = jax.random.bernoulli(flip_key, 0.5, (n, 1, 1, 1))
    pad = (padding, padding)
    padded = jnp.pad(images, ((0, 0), pad, pad, (0, 0)))

    def crop(image, corner):
        return lax.dynamic_slice(image, (corner[0], corner[1], 0), images.shape[1:])

    cropped = jax.vmap(crop)(padded, corners)
    return jnp.where(flips, cropped[:, :, ::-1], cropped)
