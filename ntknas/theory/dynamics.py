"""How much a kernel changes while its network is trained (lazy training).

In the limit of infinite width the kernel stays constant (Jacot et al., NeurIPS 2018; Chizat et al.,
Lazy training, NeurIPS 2019), and bounds from kernels at initialisation hold for the trained
network. This module measures how far the kernels of finite networks move.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax import lax
from jaxtyping import Array, Float, PyTree

from ntknas.attack import check_radius
from ntknas.kernel import Batch, JointGram, KernelName
from ntknas.theory.fully_connected import FullyConnected, FullyConnectedSpec
from ntknas.theory.kernels import joint_gram
from ntknas.theory.task import Task
from ntknas.training.adversarial import TrainingSpec, trajectory

__all__ = ["Moment", "kernel_distance", "kernel_dynamics"]


def kernel_distance(first: Float[np.ndarray, "n m"], second: Float[np.ndarray, "n m"]) -> float:
    """The distance `1 - <A, B> / (|A| |B|)`, 0 for proportional kernels, 1 for orthogonal ones.

    Args:
        first: A kernel.
        second: Another kernel on the same images.

    Returns:
        The kernel distance; NaN if one of the kernels vanishes.

    References:
        Fort et al., Deep learning versus kernel learning, NeurIPS 2020.

    Example:
        >>> kernel_distance(np.eye(2), 3 * np.eye(2))
        0.0
    """
    norms = float(np.linalg.norm(first) * np.linalg.norm(second))
    return 1 - float((first * second).sum()) / norms if norms > 0 else float("nan")


class Moment(NamedTuple):
    """One kernel of the network after some steps of training.

    Attributes:
        step: Number of steps of SGD so far.
        kernel: Name of the kernel.
        distance: Distance of the kernel from the one at initialisation (`kernel_distance`).
        change: Relative change `|K_t - K_0| / |K_0|` in Frobenius norms, which includes growth.
        lambda_min: Smallest eigenvalue of the kernel.
        lambda_max: Largest eigenvalue of the kernel.
        weights_moved: Relative change `|W_t - W_0| / |W_0|` of all weights as one vector.
        loss: Multi-objective loss of the last step's batch; NaN at step 0.
    """

    step: int
    kernel: str
    distance: float
    change: float
    lambda_min: float
    lambda_max: float
    weights_moved: float
    loss: float


def kernel_dynamics(
    spec: FullyConnectedSpec,
    task: Task,
    *,
    beta: float,
    rho: float,
    training: TrainingSpec,
    every: int,
    num_images: int | None = None,
    seed: int = 0,
) -> list[Moment]:
    """Kernels in the course of training, on images attacked with the weights of the same step.

    Args:
        spec: The network.
        task: Task whose training images the network is trained on.
        beta: Weight of the robust loss.
        rho: Attack radius in pixel units.
        training: Settings of training, with the number of steps.
        every: Number of steps between two measurements; the number of steps is a multiple of it.
        num_images: Number of training images of the kernels; None means all.
        seed: Seed of weights, batches and attacks.

    Returns:
        One row per measurement (step 0 included) and kernel (clean, robust, K_all and K~_all).
    """
    check_radius(rho)
    init, start, order = jax.random.split(jax.random.key(seed), 3)
    images, labels = jnp.asarray(task.train_images), jnp.asarray(task.train_labels)
    kernel_batch = (images[:num_images], labels[:num_images])
    network = FullyConnected(spec)
    first = network.init(init, images[:1])

    @jax.jit
    def run(params, images, labels):
        path, losses = trajectory(
            order,
            network.apply,
            params,
            images,
            labels,
            beta=beta,
            rho=rho,
            spec=training,
            every=every,
        )
        states = jax.tree.map(lambda a, b: jnp.concatenate([a[None], b]), params, path)

        def measured(state):
            # All steps share one random start, so that differences come from the network alone.
            gram = joint_gram(
                start, spec, state, *kernel_batch, rho=rho, attack=training.test_attack
            )
            return gram, _distance(state, params) / optax.tree.norm(params)

        return *lax.map(measured, states), losses

    grams, *others = run(first, images, labels)
    moved, losses = (np.asarray(v, np.float64) for v in others)
    losses = np.concatenate([[np.nan], losses[every - 1 :: every]])
    blocks = JointGram.from_array(grams, tuple(Batch))
    rows = []
    for name in (
        KernelName.CLEAN,
        KernelName.ROBUST,
        KernelName.MIXED_CLEAN,
        KernelName.MIXED_ROBUST,
    ):
        kernels = blocks.kernel(name, beta)
        norm = np.linalg.norm(kernels[0])
        for position, kernel in enumerate(kernels):
            values = np.linalg.eigvalsh(kernel)
            rows.append(
                Moment(
                    step=position * every,
                    kernel=str(name),
                    distance=kernel_distance(kernels[0], kernel),
                    change=float(np.linalg.norm(kernel - kernels[0]) / norm),
                    lambda_min=float(values[0]),
                    lambda_max=float(values[-1]),
                    weights_moved=float(moved[position]),
                    loss=float(losses[position]),
                )
            )
    return rows


def _distance(first: PyTree, second: PyTree) -> Float[Array, ""]:
    """The Euclidean distance of two trees of weights."""
    return optax.tree.norm(jax.tree.map(jnp.subtract, first, second))
