"""PGD: many small signed gradient steps, each projected to the ball.

References:
    Madry et al., Towards deep learning models resistant to adversarial attacks, ICLR 2018.
"""

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float, Int, Key

from ntknas.attack.fgsm import ascent_direction
from ntknas.attack.spec import AttackSpec, LogitsFn, Scalar

__all__ = ["pgd"]


def pgd(
    key: Key[Array, ""],
    logits_fn: LogitsFn,
    images: Float[Array, "*b n h w c"],
    labels: Int[Array, "*b n"],
    *,
    rho: Scalar,
    spec: AttackSpec,
) -> Float[Array, "*b n h w c"]:
    """Signed gradient steps, each projected to the ball of radius rho and to [0, 1].

    Args:
        key: Key of the random start; without a random start it is not used.
        logits_fn: The network, `images -> logits [n, k]`.
        images: Pixels in [0, 1].
        labels: Classes 0..k-1 of the images.
        rho: Radius in pixel units; may be traced.
        spec: Number of steps (static), step size in pixel units (may be traced) and random start.

    Returns:
        Attacked images.
    """
    start = images
    if spec.random_start:
        # Axes in front of [n, h, w, c] are networks, which all start from the same draw.
        shape = images.shape[-4:]
        noise = jax.random.uniform(key, shape, images.dtype, minval=-1, maxval=1)
        start = jnp.clip(images + rho * jnp.broadcast_to(noise, images.shape), 0, 1)

    def step(_, attacked):
        attacked += spec.step_size_at(rho) * ascent_direction(logits_fn, attacked, labels)
        return jnp.clip(images + jnp.clip(attacked - images, -rho, rho), 0, 1)

    return lax.fori_loop(0, spec.steps, step, start)
