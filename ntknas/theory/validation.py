"""Kernels at initialisation and measured errors of one network under several random draws."""

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Float, Key

from ntknas.attack import AttackSpec, check_radius
from ntknas.errors import InputError
from ntknas.kernel import Batch, JointGram
from ntknas.theory.fully_connected import FullyConnected, FullyConnectedSpec
from ntknas.theory.kernels import joint_gram
from ntknas.theory.task import Task
from ntknas.training.adversarial import TrainingSpec, measured_errors, train

__all__ = ["Measurement", "measure"]


class Measurement(NamedTuple):
    """Kernels at initialisation and errors after training, one per draw.

    Attributes:
        blocks: Joint Gram matrices [s, 3 n, 3 n] on the training images.
        clean_errors: 0-1 errors on test images, [s].
        robust_errors: 0-1 errors on attacked test images, [s].
        train_errors: 0-1 errors on the training images, [s].
    """

    blocks: JointGram
    clean_errors: Float[np.ndarray, " s"]
    robust_errors: Float[np.ndarray, " s"]
    train_errors: Float[np.ndarray, " s"]


def measure(
    spec: FullyConnectedSpec,
    tasks: Sequence[Task],
    *,
    beta: float,
    rho: float,
    training: TrainingSpec,
    attack: AttackSpec | None = None,
    seed: int = 0,
    keys: Key[Array, " s"] | None = None,
) -> Measurement:
    """The kernels of networks at initialisation, and their errors after training.

    Skips, beta and rho are data: settings that differ in nothing else share one compiled program.

    Args:
        spec: The network.
        tasks: One task per draw, of equal sizes; each has separate weights.
        beta: Weight of the robust loss in training.
        rho: Attack radius in pixel units, for kernels, training and test.
        training: Settings of training and of the attack that measures the robust error.
        attack: Attack on the kernels' images; None means PGD of 20 steps.
        seed: Seed of weights, batches and attacks.
        keys: One key per draw in place of those that the seed gives. The key of the weights and the
            attack of `initial_blocks` is `jax.random.key(seed)`.

    Returns:
        Kernels and errors.

    Raises:
        InputError: For no tasks, tasks that differ in size, or another number of keys than tasks.
    """
    check_radius(rho)
    shapes = {(task.train_images.shape, task.test_images.shape) for task in tasks}
    if len(shapes) != 1:
        raise InputError(f"expected tasks of one size, got {len(shapes)} sizes")
    fields = ("train_images", "train_labels", "test_images", "test_labels")
    data = {name: np.stack([getattr(task, name) for task in tasks]) for name in fields}
    if keys is None:
        keys = jax.random.split(jax.random.key(seed), len(tasks))
    if len(keys) != len(tasks):
        raise InputError(f"expected one key per task, got {len(keys)} for {len(tasks)}")
    grams, clean, robust, train_errors = _draws(
        keys,
        data,
        jnp.asarray(spec.alphas, jnp.float32),
        jnp.float32(beta),
        jnp.float32(rho),
        spec=replace(spec, skips=None),
        training=training,
        kernel_attack=attack or AttackSpec(),
    )
    blocks = JointGram.from_array(grams, tuple(Batch))
    return Measurement(blocks, np.asarray(clean), np.asarray(robust), np.asarray(train_errors))


def _one_draw(draw, skips, beta, rho, *, spec, training, kernel_attack):
    """The joint Gram matrix, and the clean, robust and training errors, of one draw."""
    key, data = draw
    init, kernel, order, test = jax.random.split(key, 4)
    network = FullyConnected(spec)
    images, labels = data["train_images"], data["train_labels"]
    params = network.init(init, images[:1])

    def apply_fn(params, images):
        return network.apply(params, images, skips)

    gram = joint_gram(
        kernel, spec, params, images, labels, rho=rho, attack=kernel_attack, skips=skips
    )
    params, _ = train(order, apply_fn, params, images, labels, beta=beta, rho=rho, spec=training)
    errors = measured_errors(
        test,
        apply_fn,
        params,
        data["test_images"],
        data["test_labels"],
        rho=rho,
        spec=training.test_attack,
    )
    train_error = (apply_fn(params, images).argmax(-1) != labels).mean()
    return gram, errors.clean, errors.robust, train_error


def _all_draws(keys, data, skips, beta, rho, **static):
    """The results of `_one_draw` for all draws, stacked."""
    return lax.map(lambda draw: _one_draw(draw, skips, beta, rho, **static), (keys, data))


_draws = jax.jit(_all_draws, static_argnames=("spec", "training", "kernel_attack"))
