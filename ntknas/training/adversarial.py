"""SGD on the multi-objective loss (1 - beta) clean + beta robust, and the errors that it reaches.

    loss(W) = (1 - beta) l(f(x), y) + beta l(f(A_rho(x)), y)

where the attack is run on the current weights, and l is the cross-entropy of the logits. For the
two-class networks of `ntknas.theory.FullyConnected`, l is the logistic loss of y f(x) with y = +-1
(Wu et al., ICLR 2024, section 4).
"""

import math
from dataclasses import dataclass, field
from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax import lax
from jaxtyping import Array, Float, Int, Key, PyTree

from ntknas.attack import AttackSpec, attack
from ntknas.errors import InputError
from ntknas.kernel import ApplyFn

__all__ = [
    "Errors",
    "TrainingSpec",
    "measured_errors",
    "multi_objective_loss",
    "train",
    "trajectory",
]

Scalar = float | Float[Array, ""]


@dataclass(frozen=True)
class TrainingSpec:
    """Settings of training.

    Attributes:
        steps: Number of steps of SGD.
        batch_size: Images per step, drawn anew at every step without replacement; None means all.
        learning_rate: Constant learning rate.
        momentum: Momentum of SGD; 0 is plain SGD, as in the theory.
        attack: Attack on training images; its random start is drawn anew at every step.
        test_attack: Attack that the robust error is measured with.

    Raises:
        InputError: For a value outside its range.

    Example:
        >>> TrainingSpec(steps=10).momentum
        0.0
    """

    steps: int = 300
    batch_size: int | None = 32
    learning_rate: float = 0.5
    momentum: float = 0.0
    attack: AttackSpec = field(default_factory=lambda: AttackSpec(steps=5))
    test_attack: AttackSpec = field(default_factory=AttackSpec)

    def __post_init__(self) -> None:
        if self.steps < 0:
            raise InputError(f"training steps must be at least 0, got {self.steps}")
        if self.batch_size is not None and self.batch_size < 1:
            raise InputError(f"training batch size must be at least 1, got {self.batch_size}")
        if not 0 < self.learning_rate < math.inf:
            raise InputError(f"learning rate must be positive, got {self.learning_rate}")
        if not 0 <= self.momentum < 1:
            raise InputError(f"momentum must lie in [0, 1), got {self.momentum}")


def multi_objective_loss(
    key: Key[Array, ""],
    apply_fn: ApplyFn,
    params: PyTree,
    images: Float[Array, "n h w c"],
    labels: Int[Array, " n"],
    *,
    beta: Scalar,
    rho: Scalar,
    spec: AttackSpec,
) -> Float[Array, ""]:
    """(1 - beta) clean + beta robust cross-entropy, each a mean over the images.

    The gradient takes the attacked images for constants (Danskin's theorem). For beta = 0 no image
    is attacked.

    Args:
        key: Key of the attack's random start.
        apply_fn: The network, `(params, images) -> logits [n, k]`.
        params: Parameters of the network.
        images: Pixels in [0, 1].
        labels: Classes of the images.
        beta: Weight of the robust loss; may be traced.
        rho: Attack radius in pixel units; may be traced.
        spec: The attack.

    Returns:
        The loss.
    """
    fixed = lax.stop_gradient(params)
    attacked = lax.cond(
        jnp.asarray(beta) > 0,
        lambda: attack(key, apply_fn, fixed, images, labels, spec=spec, rho=rho),
        lambda: images,
    )

    def loss(images):
        logits = apply_fn(params, images)
        return optax.softmax_cross_entropy_with_integer_labels(logits, labels).mean()

    return (1 - beta) * loss(images) + beta * loss(lax.stop_gradient(attacked))


def train(
    key: Key[Array, ""],
    apply_fn: ApplyFn,
    params: PyTree,
    images: Float[Array, "n h w c"],
    labels: Int[Array, " n"],
    *,
    beta: Scalar,
    rho: Scalar,
    spec: TrainingSpec,
) -> tuple[PyTree, Float[Array, " t"]]:
    """SGD from initial parameters; traceable, with beta and rho as data.

    Args:
        key: Key of batches and random starts.
        apply_fn: The network, `(params, images) -> logits [n, k]`.
        params: Initial parameters.
        images: Training images, pixels in [0, 1].
        labels: Classes of the images.
        beta: Weight of the robust loss.
        rho: Attack radius in pixel units.
        spec: Settings of training; a batch size above n means all n images.

    Returns:
        The parameters after the last step, and for each step the loss of its batch before it.

    Example:
        >>> apply_fn = lambda w, x: x.reshape(len(x), -1) @ w
        >>> x, y = jnp.array([[[[0.0]]], [[[1.0]]]]), jnp.array([0, 1])
        >>> w, losses = train(
        ...     jax.random.key(0), apply_fn, jnp.zeros((1, 2)), x, y, beta=0.0, rho=0.0,
        ...     spec=TrainingSpec(steps=50),
        ... )
        >>> bool(losses[-1] < losses[0]), bool(w[0, 1] > 0 > w[0, 0])
        (True, True)
    """
    path, losses = trajectory(
        key, apply_fn, params, images, labels, beta=beta, rho=rho, spec=spec, every=spec.steps
    )
    return jax.tree.map(lambda leaf: leaf[-1], path), losses


def trajectory(
    key: Key[Array, ""],
    apply_fn: ApplyFn,
    params: PyTree,
    images: Float[Array, "n h w c"],
    labels: Int[Array, " n"],
    *,
    beta: Scalar,
    rho: Scalar,
    spec: TrainingSpec,
    every: int,
) -> tuple[PyTree, Float[Array, " t"]]:
    """As `train`, but with the parameters in the course of training.

    Args:
        key: Key of batches and random starts.
        apply_fn: The network, `(params, images) -> logits [n, k]`.
        params: Initial parameters.
        images: Training images, pixels in [0, 1].
        labels: Classes of the images.
        beta: Weight of the robust loss.
        rho: Attack radius in pixel units.
        spec: Settings of training.
        every: Number of steps between two returned states of the parameters; the number of steps is
            a multiple of it.

    Returns:
        The parameters after `every` steps, after twice as many, ..., stacked, and the losses.

    Raises:
        InputError: If the number of steps is no multiple of `every`.
    """
    if every != spec.steps and (every < 1 or spec.steps % every):
        raise InputError(f"{spec.steps} steps are no multiple of {every}")
    n = len(images)
    optimiser = optax.sgd(spec.learning_rate, momentum=spec.momentum or None)
    gradient = jax.value_and_grad(
        lambda params, key, images, labels: multi_objective_loss(
            key, apply_fn, params, images, labels, beta=beta, rho=rho, spec=spec.attack
        )
    )

    def step(carry, key):
        params, state = carry
        draw, start = jax.random.split(key)
        batch = (images, labels)
        if spec.batch_size is not None and spec.batch_size < n:
            positions = jax.random.choice(draw, n, (spec.batch_size,), replace=False)
            batch = (images[positions], labels[positions])
        loss, gradients = gradient(params, start, *batch)
        updates, state = optimiser.update(gradients, state, params)
        return (optax.apply_updates(params, updates), state), loss

    def segment(carry, keys):
        carry, losses = lax.scan(step, carry, keys)
        return carry, (carry[0], losses)

    keys = jax.random.split(key, spec.steps).reshape(-1 if every else 1, every)
    _, (path, losses) = lax.scan(segment, (params, optimiser.init(params)), keys)
    return path, losses.reshape(-1)


class Errors(NamedTuple):
    """0-1 errors, the shares of images whose largest logit is not that of their class.

    Attributes:
        clean: Error on the images.
        robust: Error on the attacked images.
    """

    clean: Float[Array, ""]
    robust: Float[Array, ""]


def measured_errors(
    key: Key[Array, ""],
    apply_fn: ApplyFn,
    params: PyTree,
    images: Float[Array, "n h w c"],
    labels: Int[Array, " n"],
    *,
    rho: Scalar,
    spec: AttackSpec,
) -> Errors:
    """Clean and robust 0-1 error of a network; of equal logits the first class counts.

    Args:
        key: Key of the attack's random start.
        apply_fn: The network, `(params, images) -> logits [n, k]`.
        params: Parameters of the network.
        images: Pixels in [0, 1].
        labels: Classes of the images.
        rho: Attack radius in pixel units.
        spec: The attack.

    Returns:
        The errors.
    """
    attacked = attack(key, apply_fn, params, images, labels, spec=spec, rho=rho)

    def error(images):
        return (apply_fn(params, images).argmax(-1) != labels).mean()

    return Errors(error(images), error(attacked))
