"""APGD: gradient steps with momentum, whose length is halved where the loss no longer rises.

The first step has length 2 rho. At checkpoints that come closer and closer, the step of an image is
halved, and the image is put back to its best point, if the loss rose in at most 3/4 of the steps
since the last checkpoint, or if neither step nor best loss has changed since then.

The released code departs from the paper in small things, and this file follows the code: lengths
between checkpoints are rounded down, "at most" 3/4 counts, and the first step counts as a rise if
its loss is above 0.

References:
    Croce & Hein, Reliable evaluation of adversarial robustness with an ensemble of diverse
    parameter-free attacks, ICML 2020, algorithm 1; code at github.com/fra31/auto-attack.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Bool, Float, Int, Key

from ntknas.attack.ball import per_image, project, sphere_point, steepest
from ntknas.attack.losses import cross_entropy, dlr, is_wrong, rivals, targeted_dlr
from ntknas.attack.spec import AttackSpec, LogitsFn, Scalar
from ntknas.attack.staged import Stage, StagedAttack

__all__ = ["apgd", "apgd_ce", "apgd_dlr", "apgd_t", "targets"]

Loss = Callable[[Array, Array], Array]
"""Type of a loss, `(logits [*b, n, k], labels [*b, n]) -> [*b, n]`."""

_MOMENTUM = 0.75
_RISES = 0.75
_MOST_TARGETS = 9


class _State(NamedTuple):
    """One value per image, or one image per image."""

    point: Float[Array, "*b n h w c"]
    previous: Float[Array, "*b n h w c"]
    gradient: Float[Array, "*b n h w c"]
    best: Float[Array, "*b n h w c"]  # the point of the highest loss
    best_gradient: Float[Array, "*b n h w c"]
    best_loss: Float[Array, "*b n"]
    last_loss: Float[Array, "*b n"]
    rises: Int[Array, "*b n"]  # since the last checkpoint
    checked_loss: Float[Array, "*b n"]  # best loss at the last checkpoint
    halved: Bool[Array, "*b n"]  # whether the last checkpoint halved the step
    step_size: Float[Array, "*b n"]
    result: Float[Array, "*b n h w c"]
    result_wrong: Bool[Array, "*b n"]
    result_loss: Float[Array, "*b n"]


def _checkpoints(steps: int) -> np.ndarray:
    """For each step the number of steps since the last checkpoint if it is one, and otherwise 0."""
    window, shortest, decrease = (max(int(part * steps), 1) for part in (0.22, 0.06, 0.03))
    lengths = np.zeros(steps, np.int32)
    position = window
    while position <= steps:
        lengths[position - 1] = window
        window = max(window - decrease, shortest)
        position += window
    return lengths


def apgd(
    start: Float[Array, "*b n h w c"],
    logits_fn: LogitsFn,
    images: Float[Array, "*b n h w c"],
    labels: Int[Array, "*b n"],
    *,
    loss: Loss,
    rho: Scalar,
    spec: AttackSpec,
) -> Float[Array, "*b n h w c"]:
    """One run of APGD from given points.

    If the network couples the images of a batch, each image still has its own step size and best
    point. The best points of a batch are then from several steps, and together they need not have
    the losses that they were chosen for.

    Args:
        start: Points to start from, in the ball and in [0, 1].
        logits_fn: The network, `images -> logits [*b, n, k]`.
        images: Pixels in [0, 1].
        labels: Classes of the images.
        loss: Loss of each image, of logits and labels.
        rho: Radius in pixel units; may be traced.
        spec: Number of steps (static) and ball.

    Returns:
        For each image its misclassified point of the highest loss. If no point is misclassified, it
        is the point of the highest loss.
    """

    def evaluated(point):
        def total(point):
            logits = logits_fn(point)
            losses = loss(logits, labels)
            return losses.sum(), (losses, is_wrong(logits, labels))

        gradient, (losses, wrong) = jax.grad(total, has_aux=True)(point)
        return gradient, losses, wrong

    def step(state: _State, inputs) -> tuple[_State, None]:
        number, window = inputs
        weight = jnp.where(number > 0, _MOMENTUM, 1.0).astype(images.dtype)
        stride = per_image(state.step_size) * steepest(state.gradient, spec.ball)
        moved = project(images, state.point + stride, rho, spec.ball)
        moved = (
            state.point
            + weight * (moved - state.point)
            + (1 - weight) * (state.point - state.previous)
        )
        point = project(images, moved, rho, spec.ball)
        gradient, losses, wrong = evaluated(point)
        return _checked(state, point, gradient, losses, wrong, window), None

    gradient, losses, wrong = evaluated(start)
    state = _State(
        point=start,
        previous=start,
        gradient=gradient,
        best=start,
        best_gradient=gradient,
        best_loss=losses,
        last_loss=jnp.zeros_like(losses),
        rises=jnp.zeros(losses.shape, jnp.int32),
        checked_loss=losses,
        halved=jnp.ones(losses.shape, bool),
        step_size=jnp.broadcast_to(jnp.asarray(2 * rho, images.dtype), losses.shape),
        result=start,
        result_wrong=wrong,
        result_loss=losses,
    )
    windows = jnp.asarray(_checkpoints(spec.steps))
    return lax.scan(step, state, (jnp.arange(spec.steps), windows))[0].result


def _checked(state: _State, point, gradient, losses, wrong, window) -> _State:
    """The state after a step to `point`, and after the checkpoint if `window` is above 0."""
    higher = losses > state.best_loss
    best = jnp.where(per_image(higher), point, state.best)
    best_gradient = jnp.where(per_image(higher), gradient, state.best_gradient)
    best_loss = jnp.where(higher, losses, state.best_loss)

    same = wrong == state.result_wrong
    kept = (wrong & ~state.result_wrong) | (same & (losses > state.result_loss))

    rises = state.rises + (losses > state.last_loss)
    is_checkpoint = window > 0
    stuck = ~state.halved & (state.checked_loss >= best_loss)
    halved = (rises <= _RISES * window) | stuck
    back = halved & is_checkpoint
    return _State(
        point=jnp.where(per_image(back), best, point),
        previous=state.point,
        gradient=jnp.where(per_image(back), best_gradient, gradient),
        best=best,
        best_gradient=best_gradient,
        best_loss=best_loss,
        last_loss=losses,
        rises=jnp.where(is_checkpoint, 0, rises),
        checked_loss=jnp.where(is_checkpoint, best_loss, state.checked_loss),
        halved=jnp.where(is_checkpoint, halved, state.halved),
        step_size=jnp.where(back, state.step_size / 2, state.step_size),
        result=jnp.where(per_image(kept), point, state.result),
        result_wrong=state.result_wrong | wrong,
        result_loss=jnp.where(kept, losses, state.result_loss),
    )


def _start(key, images, rho, spec: AttackSpec):
    """The points that a run starts from."""
    return sphere_point(key, images, rho, spec.ball) if spec.random_start else images


def _untargeted(loss: Loss) -> StagedAttack:
    """APGD on a loss of logits and labels."""

    def run(key, logits_fn, images, labels, best, *, stage: Stage, rho, spec: AttackSpec):
        del best, stage
        start = _start(key, images, rho, spec)
        return apgd(start, logits_fn, images, labels, loss=loss, rho=rho, spec=spec)

    return StagedAttack(run)


def targets(spec: AttackSpec, classes: int) -> int:
    """The number of runs of a targeted attack: every restart for each of up to 9 targets."""
    return spec.restarts * min(_MOST_TARGETS, classes - 1)


def _targeted(
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
    """APGD towards one class: the label's strongest rival on the image, then the next one."""
    del best
    order = rivals(logits_fn(images), labels)
    target = jnp.take(order, stage // spec.restarts, axis=-1)

    def loss(logits, labels):
        return targeted_dlr(logits, labels, target)

    start = _start(key, images, rho, spec)
    return apgd(start, logits_fn, images, labels, loss=loss, rho=rho, spec=spec)


apgd_ce = _untargeted(cross_entropy)
"""APGD on the cross-entropy; called like every `ntknas.attack.Attack`."""

apgd_dlr = _untargeted(dlr)
"""APGD on the DLR loss, which does not change with the scale of the logits."""

apgd_t = StagedAttack(_targeted, targets)
"""APGD on the targeted DLR loss, for each of the nine strongest rivals of the label."""
