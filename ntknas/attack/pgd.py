"""PGD: many small gradient steps, each projected to the ball.

References:
    Madry et al., Towards deep learning models resistant to adversarial attacks, ICLR 2018.
"""

from jax import lax
from jaxtyping import Array, Float, Int, Key

from ntknas.attack.ball import project, random_point
from ntknas.attack.fgsm import ascent_direction
from ntknas.attack.spec import AttackSpec, LogitsFn, Scalar
from ntknas.attack.staged import Stage, StagedAttack

__all__ = ["pgd"]


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
    """Steps up the cross-entropy, each projected to the ball of radius rho and to [0, 1]."""
    del best, stage
    # Axes in front of [n, h, w, c] are networks, which all start from the same draw.
    start = random_point(key, images, rho, spec.ball) if spec.random_start else images

    def step(_, attacked):
        direction = ascent_direction(logits_fn, attacked, labels, spec.ball)
        return project(images, attacked + spec.step_size_at(rho) * direction, rho, spec.ball)

    return lax.fori_loop(0, spec.steps, step, start)


pgd = StagedAttack(_run)
"""PGD of `spec.steps` steps of `spec.step_size`, which may be traced, once per restart.

Called like every `ntknas.attack.Attack`. The result is the last image of a run. Of several restarts
it is that with the largest margin of a wrong class.
"""
