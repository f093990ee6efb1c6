"""Adversarial attacks A_rho(x) within a ball around every image, in pixel space [0, 1].

The network is any function from images to logits. The function fixes the normalisation mode, so an
attack in another mode is an attack on another function.
"""

from collections.abc import Callable
from typing import Any, Protocol, runtime_checkable

from jaxtyping import Array, Float, Int, Key

from ntknas.attack.spec import ATTACKS, AttackSpec, LogitsFn, Scalar, check_radius

__all__ = ["ATTACKS", "Attack", "attack"]


@runtime_checkable
class Attack(Protocol):
    """A member of `ATTACKS`: traceable, in pixel space, within rho of the images.

    The radius bounds the change of every pixel, or its Euclidean length for the ball "l2".
    """

    def __call__(
        self,
        key: Key[Array, ""],
        logits_fn: LogitsFn,
        images: Float[Array, "*b n h w c"],
        labels: Int[Array, "*b n"],
        *,
        rho: Scalar,
        spec: AttackSpec,
    ) -> Float[Array, "*b n h w c"]:
        """The attacked images; rho = 0 is the identity.

        Further axes in front are networks that are attacked side by side, from the same draws.
        """
        ...


def attack(
    key: Key[Array, ""],
    apply_fn: Callable[[Any, Array], Array],
    params: Any,
    images: Float[Array, "*b n h w c"],
    labels: Int[Array, "*b n"],
    *,
    spec: AttackSpec,
    rho: Scalar,
) -> Float[Array, "*b n h w c"]:
    """The attack that `spec` describes, at radius rho. rho = 0 is the identity.

    Args:
        key: Key of the random start; attacks without a random start do not use it.
        apply_fn: The network, `(params, images) -> logits [n, k]`.
        params: Parameters of the network.
        images: Pixels in [0, 1].
        labels: Classes 0..k-1 of the images.
        spec: Algorithm, ball, number of steps and step size.
        rho: Radius in pixel units; may be traced.

    Returns:
        Attacked images, within the ball of radius rho around `images` and within [0, 1].

    Raises:
        InputError: If the radius has a value outside [0, 1], or a negative one for the ball "l2".

    Example:
        >>> import jax
        >>> import jax.numpy as jnp
        >>> w = jnp.array([[1.0, -1.0]])
        >>> apply_fn = lambda w, x: x.reshape(-1, 1) @ w
        >>> x, y = jnp.full((1, 1, 1, 1), 0.5), jnp.array([0])
        >>> attack(jax.random.key(0), apply_fn, w, x, y, spec=AttackSpec(), rho=0.1).item()
        0.4...
    """
    check_radius(rho, ball=spec.ball)
    run = ATTACKS[spec.name]
    return run(key, lambda images: apply_fn(params, images), images, labels, rho=rho, spec=spec)
