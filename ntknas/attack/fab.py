"""FAB, targeted: the nearest image beyond the boundary between the label and another class.

Every step goes to the network's linear boundary, from the current point and from the image, takes
a mean of both that is nearer to the smaller change, and overshoots a little. Where the new point is
misclassified, it is kept if it is the nearest so far, and the next step starts closer to the image.
The attack takes no radius: it succeeds where the nearest point lies within rho.

References:
    Croce & Hein, Minimally distorted adversarial examples with a fast adaptive boundary attack,
    ICML 2020; the targeted form as in Croce & Hein, Reliable evaluation ..., ICML 2020.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float, Int, Key

from ntknas.attack.apgd import targets
from ntknas.attack.ball import length, per_image, sphere_point
from ntknas.attack.losses import is_wrong, logit_of, rivals
from ntknas.attack.spec import AttackSpec, LogitsFn, Scalar
from ntknas.attack.staged import Stage, StagedAttack

__all__ = ["fab_t", "to_hyperplane"]

_ALPHA_MAX = 0.1  # largest weight of the image against the current point
_ETA = 1.05  # overshooting
_BETA = 0.9  # backward step
_NEWTON_STEPS = 60
_IMAGE = (-3, -2, -1)


def to_hyperplane(
    points: Float[Array, "*b h w c"],
    normal: Float[Array, "*b h w c"],
    value: Float[Array, "*b"],
    ball: str,
) -> Float[Array, "*b h w c"]:
    """The shortest changes that bring points in [0, 1] to hyperplanes, within [0, 1].

    The change of pixel i goes towards the hyperplane and has the size min(t g_i, room_i), where
    g_i = 1 for "linf" and |normal_i| for "l2", and room_i is the way to the end of [0, 1]. The
    length t is the root of a concave, increasing, piecewise linear function, which Newton's method
    from t = 0 reaches from below in finitely many steps.

    Args:
        points: Points in [0, 1].
        normal: Normals w of the hyperplanes.
        value: Values w . (z - x) of the hyperplanes' points z, as seen from the points x.
        ball: Norm of the changes, "linf" or "l2".

    Returns:
        Changes. If no point of [0, 1] lies on a hyperplane, the change goes as far as it can.
    """
    direction = per_image(jnp.sign(value)) * jnp.sign(normal)
    room = jnp.where(direction > 0, 1 - points, points)
    room = jnp.where(direction == 0, 0, room)
    weight = jnp.abs(normal)
    growth = jnp.ones_like(weight) if ball == "linf" else weight
    wanted = jnp.abs(value)

    def sizes(t):
        return jnp.minimum(per_image(t) * growth, room)

    def newton(state):
        t, _, count = state
        change = sizes(t)
        missing = wanted - (weight * change).sum(_IMAGE)
        slope = jnp.where(change < room, weight * growth, 0).sum(_IMAGE)
        moves = (missing > 0) & (slope > 0)
        new = jnp.where(moves, t + missing / jnp.where(slope > 0, slope, 1), t)
        return new, (new > t).any(), count + 1

    start = (jnp.zeros_like(wanted), jnp.asarray(True), jnp.asarray(0))
    t, _, _ = lax.while_loop(lambda state: state[1] & (state[2] < _NEWTON_STEPS), newton, start)
    # Where the box ends before the hyperplane every pixel goes to its end.
    out_of_reach = wanted > (weight * room).sum(_IMAGE)
    return direction * jnp.where(per_image(out_of_reach), room, sizes(t))


class _State(NamedTuple):
    point: Float[Array, "*b n h w c"]
    nearest: Float[Array, "*b n h w c"]
    distance: Float[Array, "*b n"]


def _run(
    key: Key[Array, ""],
    logits_fn: LogitsFn,
    images: Float[Array, "*b n h w c"],
    labels: Int[Array, "*b n"],
    best: Float[Array, "*b n h w c"],
    *,
    stage: Stage,
    rho: Scalar,
    spec: AttackSpec,
) -> Float[Array, "*b n h w c"]:
    """One restart for one target, the label's strongest rival on the image, then the next one."""
    del best
    ball = spec.ball
    clean = logits_fn(images)
    target = jnp.take(rivals(clean, labels), stage // spec.restarts, axis=-1)

    def difference(point):
        logits = logits_fn(point)
        gap = logit_of(logits, target) - logit_of(logits, labels)
        return gap.sum(), gap

    def step(_, state: _State) -> _State:
        point = state.point
        normal, gap = jax.grad(difference, has_aux=True)(point)
        back = images - point
        from_point = to_hyperplane(point, normal, -gap, ball)
        from_image = to_hyperplane(images, normal, -gap - (normal * back).sum(_IMAGE), ball)
        near, far = (jnp.maximum(length(d, ball), 1e-8) for d in (from_point, from_image))
        alpha = per_image(jnp.minimum(near / (near + far), _ALPHA_MAX))
        point = (1 - alpha) * (point + _ETA * from_point) + alpha * (images + _ETA * from_image)
        point = jnp.clip(point, 0, 1)

        wrong = is_wrong(logits_fn(point), labels)
        distance = length(point - images, ball)
        nearer = wrong & (distance < state.distance)
        closer = images + _BETA * (point - images)
        return _State(
            jnp.where(per_image(wrong), closer, point),
            jnp.where(per_image(nearer), point, state.nearest),
            jnp.where(nearer, distance, state.distance),
        )

    # The first run of a target starts at the image, restarts at half the radius from it.
    halfway = images + (sphere_point(key, images, rho, ball) - images) / 2
    start = jnp.where(stage % spec.restarts == 0, images, halfway)
    # What is misclassified already has distance 0.
    distance = jnp.where(is_wrong(clean, labels), 0, jnp.inf).astype(images.dtype)
    last = lax.fori_loop(0, spec.steps, step, _State(start, images, distance))
    return jnp.where(per_image(last.distance <= rho), last.nearest, images)


fab_t = StagedAttack(_run, targets)
"""FAB towards each of the nine strongest rivals of the label.

Called like every `ntknas.attack.Attack`. The result is a misclassified image within rho, or the
image itself if none was found or if it is misclassified already. The first restart is
deterministic.
"""
