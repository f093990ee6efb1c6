"""How a kernel moves while its network is trained: how lazy the regime is.

In the limit of infinite width the kernel stays where it started (Jacot et al., NeurIPS 2018; Chizat
et al., Lazy training, NeurIPS 2019), and bounds from kernels at initialisation speak about the
trained network. How far kernels of finite networks go is measured here.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax import lax
from jaxtyping import Array, Float, PyTree

from ntknas.kernel import Batch, JointGram, KernelName
from ntknas.theory.fully_connected import FullyConnected, FullyConnectedSpec
from ntknas.theory.kernels import joint_gram
from ntknas.theory.task import Task
from ntknas.training.adversarial import TrainingSpec, trajectory

__all__ = ["Moment", "kernel_distance", "kernel_dynamics"]


def kernel_distance(first: Float[np.ndarray, "n m"], second: Float[np.ndarray, "n m"]) -> float:
    """1 - <A, B> / (|A| |B|): 0 for proportional kernels, 1 for orthogonal ones.

    Args:
        first: a kernel.
        second: another one on the same images.

    Returns:
        The kernel distance; NaN if one of them vanishes.

    References:
        Fort et al., Deep learning versus kernel learning, NeurIPS 2020.

    Example:
        >>> kernel_distance(np.eye(2), 3 * np.eye(2))
        0.0
    """
    norms = float(np.linalg.norm(first) * np.linalg.norm(second))
    return 1 - float((first * second).sum()) / norms if norms > 0 else float("nan")


class Moment(NamedTuple):
    """The network's state after some steps.

    Attributes:
        step: steps of SGD done.
        kernel: which kernel the row is about.
        distance: `kernel_distance` from the kernel at initialisation.
        change: |K_t - K_0| / |K_0|, Frobenius norms; it sees growth too.
        lambda_min: smallest eigenvalue.
        lambda_max: largest eigenvalue.
        weights_moved: |W_t - W_0| / |W_0|, all weights as one vector.
        loss: multi-objective loss of the last step's batch; NaN at step 0.
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
    """Kernels in the course of training, each attacked by the weights of its time.

    Args:
        spec: the network.
        task: trained on its training images.
        beta: weight of the robust loss.
        rho: radius in pixel units.
        training: how, and how many steps.
        every: steps between two looks; the number of steps is a multiple of it.
        num_images: how many training images the kernels are on; None: all.
        seed: of weights, batches and attacks.

    Returns:
        At step 0 and at every look a row for each of the kernels clean, robust, K_all and K~_all.
    """
    init, start, order = jax.random.split(jax.random.key(seed), 3)
    images, labels = jnp.asarray(task.train_images), jnp.asarray(task.train_labels)
    few = (images[:num_images], labels[:num_images])
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

        def look(state):
            # The same random start at every step: differences are the network's.
            gram = joint_gram(start, spec, state, *few, rho=rho, attack=training.test_attack)
            return gram, _distance(state, params) / optax.tree.norm(params)

        return *lax.map(look, states), losses

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
        for look, kernel in enumerate(kernels):
            values = np.linalg.eigvalsh(kernel)
            rows.append(
                Moment(
                    step=look * every,
                    kernel=str(name),
                    distance=kernel_distance(kernels[0], kernel),
                    change=float(np.linalg.norm(kernel - kernels[0]) / norm),
                    lambda_min=float(values[0]),
                    lambda_max=float(values[-1]),
                    weights_moved=float(moved[look]),
                    loss=float(losses[look]),
                )
            )
    return rows


def _distance(first: PyTree, second: PyTree) -> Float[Array, ""]:
    return optax.tree.norm(jax.tree.map(jnp.subtract, first, second))
