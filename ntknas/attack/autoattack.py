"""AutoAttack, standard version: APGD-CE, targeted APGD, targeted FAB and Square.

References:
    Croce & Hein, Reliable evaluation of adversarial robustness with an ensemble of diverse
    parameter-free attacks, ICML 2020.
"""

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float, Int, Key

from ntknas.attack.ball import per_image
from ntknas.attack.losses import is_wrong
from ntknas.attack.spec import ATTACKS, AttackSpec, LogitsFn, Scalar

__all__ = ["autoattack"]


def autoattack(
    key: Key[Array, ""],
    logits_fn: LogitsFn,
    images: Float[Array, "*b n h w c"],
    labels: Int[Array, "*b n"],
    *,
    rho: Scalar,
    spec: AttackSpec,
) -> Float[Array, "*b n h w c"]:
    """The first misclassified image of four attacks, one after the other.

    Every attack takes all images, and one after which no image stands is the last that is run.
    `ntknas.attack.evaluate`, which is not traced, takes only the images that still stand.

    Args:
        key: Key of the attacks' random draws.
        logits_fn: The network, `images -> logits [n, k]`.
        images: Pixels in [0, 1].
        labels: Classes 0..k-1 of the images.
        rho: Radius in pixel units; may be traced.
        spec: Number of steps of the gradient attacks.

    Returns:
        Misclassified images within rho where one was found, and the images themselves elsewhere.
    """
    attacked = images
    wrong = is_wrong(logits_fn(images), labels)
    for number, component in enumerate(spec.components):
        run = ATTACKS[component.name]
        own_key = jax.random.fold_in(key, number)

        def attack(attacked, wrong, run=run, component=component, own_key=own_key):
            new = run(own_key, logits_fn, images, labels, rho=rho, spec=component)
            broken = ~wrong & is_wrong(logits_fn(new), labels)
            return jnp.where(per_image(broken), new, attacked), wrong | broken

        attacked, wrong = lax.cond(
            wrong.all(), lambda attacked, wrong: (attacked, wrong), attack, attacked, wrong
        )
    return attacked
